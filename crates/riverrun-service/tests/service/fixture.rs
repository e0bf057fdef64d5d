//! A model whose answers are known: it labels a text by its length, and does as some texts say.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_runner::wire::{Map, Payload, Portable};
use riverrun_runner::{Batching, Compute, ItemError, Prepared, Runnable, Runner};
use riverrun_service::{Running, Server, Service};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

#[derive(Debug, Clone, Default)]
pub(crate) struct Labels {
    /// How long each batch takes.
    pub(crate) wait: Duration,
    /// What it puts before every label, to tell versions apart.
    pub(crate) prefix: &'static str,
    pub(crate) computed: Arc<AtomicUsize>,
    /// How often each text was computed.
    pub(crate) texts: Arc<Mutex<HashMap<String, usize>>>,
    pub(crate) broken: bool,
    /// How many texts it says that it has cut.
    pub(crate) truncated: u64,
    /// Keeps a long text from being prepared while it is set.
    pub(crate) gate: Arc<AtomicBool>,
}

#[derive(Debug, Clone, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Text {
    pub(crate) text: String,
    #[serde(default)]
    pub(crate) text_pair: Option<String>,
    #[serde(default)]
    pub(crate) top_k: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Label {
    pub(crate) label: String,
    pub(crate) score: f32,
}

impl Runnable for Labels {
    type Input = Text;
    type Prepared = Text;
    type Output = Vec<Label>;

    fn prepare(&self, input: Text) -> Result<Prepared<Text>, ItemError> {
        if input.text == "too long" {
            return Err(ItemError::new("the text has 9,000 tokens and the model reads 512; send less"));
        }
        if input.text.len() > 100_000 {
            // A long text takes as long as the test likes, but not for ever.
            let open = |_: &i32| {
                std::thread::sleep(Duration::from_millis(5));
                !self.gate.load(Ordering::SeqCst)
            };
            (0..1000).find(open);
        }
        Ok(Prepared { value: input, cost: 1 })
    }

    fn truncated(&self) -> u64 {
        self.truncated
    }

    fn run(&self, batch: Vec<Text>, _: &Compute) -> Result<Vec<Result<Vec<Label>, ItemError>>, ItemError> {
        std::thread::sleep(self.wait);
        self.computed.fetch_add(batch.len(), Ordering::SeqCst);
        Ok(batch
            .into_iter()
            .map(|input| {
                *self.texts.lock().unwrap().entry(input.text.clone()).or_default() += 1;
                match &*input.text {
                    "fail" => return Err(ItemError::new("the secret of /etc/model")),
                    "panic" => panic!("the secret of /etc/model"),
                    _ => {}
                }
                let labels = ["positive", "neutral", "negative"].into_iter().zip([0.5, 0.3, 0.2]);
                let labels = labels.map(|(label, score)| Label { label: format!("{}{label}", self.prefix), score });
                Ok(labels.take(input.top_k.unwrap_or(1)).collect())
            })
            .collect())
    }

    fn warm_up(&self, _: &Compute) -> Result<(), ItemError> {
        if self.broken { Err(ItemError::new("its weights are not finite")) } else { Ok(()) }
    }
}

impl Portable for Labels {
    fn to_payload(input: &Text) -> Payload {
        Payload::Value(json!({ "text": input.text }))
    }

    fn from_payload(payload: Payload) -> Result<Text, ItemError> {
        match payload {
            Payload::Text(text) => Ok(Text { text, text_pair: None, top_k: None }),
            Payload::Value(value @ Value::Object(_)) => {
                serde_json::from_value(value).map_err(|error| ItemError::new(format!("{error}; a text is wanted")))
            }
            other => Err(ItemError::new(format!("{} came, but a text is wanted", other.kind()))),
        }
    }

    fn in_list<'a>(output: &'a Vec<Label>, parameters: &Map) -> &'a dyn erased_serde::Serialize {
        match output.as_slice() {
            [best] if !parameters.contains_key("top_k") => best,
            _ => output,
        }
    }

    fn input_schema() -> Value {
        let object = json!({"type": "object", "required": ["text"], "additionalProperties": false, "properties": {
            "text": {"type": "string"}, "text_pair": {"type": ["string", "null"]},
            "top_k": {"type": ["integer", "null"], "minimum": 0}}});
        json!({"oneOf": [{"type": "string"}, object]})
    }

    fn output_schema() -> Value {
        json!({"type": "array", "items": {"type": "object", "required": ["label", "score"], "properties": {
            "label": {"type": "string"}, "score": {"type": "number"}}}})
    }
}

impl Labels {
    pub(crate) fn waiting(wait: Duration) -> Self {
        Self { wait, ..Self::default() }
    }

    pub(crate) fn prefixed(prefix: &'static str) -> Self {
        Self { prefix, ..Self::default() }
    }

    pub(crate) fn runner(&self, tag: &str) -> Runner<Self> {
        self.runner_with(tag, Batching::default())
    }

    pub(crate) fn runner_with(&self, tag: &str, batching: Batching) -> Runner<Self> {
        let runner = Runner::new(tag, self.clone()).batching(batching);
        runner.init_local().unwrap();
        runner
    }
}

/// The model at `/classify`.
pub(crate) fn labels() -> Service {
    Service::new("test").runner("/classify", &Labels::default().runner("labels:1"))
}

pub(crate) async fn start(service: Service) -> Running {
    start_with(service, Server::new()).await
}

pub(crate) async fn start_with(service: Service, server: Server) -> Running {
    server.listen(([127, 0, 0, 1], 0).into()).drain_grace(Duration::ZERO).bind(service).await.unwrap().start()
}

/// Waits for something that is sure to happen soon.
pub(crate) async fn until(what: &str, mut happened: impl FnMut() -> bool) {
    for _ in 0..2000 {
        if happened() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("{what} has not happened within 10 s");
}
