//! Two models: one of texts with two outputs, and one that gives back whatever tensor it gets.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use riverrun_runner::wire::{Datatype, Payload, Portable, Tensor, TensorData, TensorSpec};
use riverrun_runner::{Batching, Compute, ItemError, Prepared, Runnable, Runner};
use riverrun_service::Service;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tower::ServiceExt;

/// Gives each text in capitals, and how many bytes it has.
#[derive(Debug, Clone, Default)]
pub(crate) struct Words {
    pub(crate) wait: Duration,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Word {
    shout: String,
    length: i64,
}

impl Runnable for Words {
    type Input = String;
    type Prepared = String;
    type Output = Word;

    fn prepare(&self, input: String) -> Result<Prepared<String>, ItemError> {
        Ok(Prepared { cost: 1, value: input })
    }

    fn run(&self, batch: Vec<String>, _: &Compute) -> Result<Vec<Result<Word, ItemError>>, ItemError> {
        std::thread::sleep(self.wait);
        let word = |text: String| match &*text {
            "fail" => Err(ItemError::new("the secret of /etc/model")),
            _ => Ok(Word { shout: text.to_uppercase(), length: i64::try_from(text.len()).unwrap() }),
        };
        Ok(batch.into_iter().map(word).collect())
    }
}

impl Portable for Words {
    fn to_payload(input: &String) -> Payload {
        Payload::from(&**input)
    }

    fn from_payload(payload: Payload) -> Result<String, ItemError> {
        match payload {
            Payload::Text(text) => Ok(text),
            other => Err(ItemError::new(format!("a text is wanted, not {}", other.kind()))),
        }
    }

    fn tensor_inputs() -> Vec<TensorSpec> {
        vec![TensorSpec::per_item("text", Datatype::Bytes)]
    }

    fn tensor_outputs() -> Vec<TensorSpec> {
        vec![TensorSpec::per_item("shout", Datatype::Bytes), TensorSpec::per_item("length", Datatype::Int64)]
    }

    fn inputs_from_tensors(tensors: Vec<Tensor>) -> Result<Vec<String>, ItemError> {
        let [text]: [Tensor; 1] =
            tensors.try_into().map_err(|_| ItemError::new("one tensor `text` is wanted".to_owned()))?;
        if text.name() != "text" {
            return Err(ItemError::new(format!("a tensor `text` is wanted, not `{}`", text.name())));
        }
        let text_of = |bytes| String::from_utf8(bytes).map_err(|error| ItemError::new(error.to_string()));
        text.into_strings()?.into_iter().map(text_of).collect()
    }

    fn outputs_to_tensors(outputs: &[&Word]) -> Result<Vec<Tensor>, ItemError> {
        let shouts = outputs.iter().map(|word| word.shout.clone().into_bytes()).collect();
        let lengths = outputs.iter().flat_map(|word| word.length.to_le_bytes()).collect();
        let shape = vec![outputs.len() as u64];
        Ok(vec![
            Tensor::strings("shout", shouts),
            Tensor::new("length", Datatype::Int64, shape, TensorData::Fixed(lengths))?,
        ])
    }
}

/// Gives back a tensor of any type and shape, under another name.
#[derive(Debug, Clone)]
pub(crate) struct Echo;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Echoed {
    datatype: Datatype,
    shape: Vec<u64>,
    fixed: Option<Vec<u8>>,
    strings: Vec<Vec<u8>>,
}

impl Runnable for Echo {
    type Input = Echoed;
    type Prepared = Echoed;
    type Output = Echoed;

    fn prepare(&self, input: Echoed) -> Result<Prepared<Echoed>, ItemError> {
        Ok(Prepared { cost: 1, value: input })
    }

    fn run(&self, batch: Vec<Echoed>, _: &Compute) -> Result<Vec<Result<Echoed, ItemError>>, ItemError> {
        Ok(batch.into_iter().map(Ok).collect())
    }
}

impl Portable for Echo {
    fn to_payload(input: &Echoed) -> Payload {
        Payload::Value(serde_json::to_value(input).unwrap())
    }

    fn from_payload(_: Payload) -> Result<Echoed, ItemError> {
        Err(ItemError::new("tensors are wanted"))
    }

    fn tensor_inputs() -> Vec<TensorSpec> {
        vec![TensorSpec { name: "x".to_owned(), datatype: Datatype::Fp32, shape: vec![-1, -1] }]
    }

    fn tensor_outputs() -> Vec<TensorSpec> {
        vec![TensorSpec { name: "y".to_owned(), datatype: Datatype::Fp32, shape: vec![-1, -1] }]
    }

    fn inputs_from_tensors(tensors: Vec<Tensor>) -> Result<Vec<Echoed>, ItemError> {
        let echoed = |tensor: Tensor| {
            let (fixed, strings) = match tensor.data() {
                TensorData::Fixed(bytes) => (Some(bytes.clone()), Vec::new()),
                TensorData::Strings(strings) => (None, strings.clone()),
            };
            Echoed { datatype: tensor.datatype(), shape: tensor.shape().to_vec(), fixed, strings }
        };
        Ok(tensors.into_iter().map(echoed).collect())
    }

    fn outputs_to_tensors(outputs: &[&Echoed]) -> Result<Vec<Tensor>, ItemError> {
        let tensor = |echoed: &&Echoed| {
            let data = match &echoed.fixed {
                Some(bytes) => TensorData::Fixed(bytes.clone()),
                None => TensorData::Strings(echoed.strings.clone()),
            };
            Tensor::new("y", echoed.datatype, echoed.shape.clone(), data)
        };
        outputs.iter().map(tensor).collect()
    }
}

pub(crate) fn service_of(words: Words, batching: Batching) -> Service {
    let words = Runner::new("words:7", words).batching(batching);
    words.init_local().unwrap();
    let echo = Runner::new("echo:1", Echo);
    echo.init_local().unwrap();
    Service::new("test").runner("/words", &words).runner("/echo", &echo)
}

pub(crate) fn service() -> Service {
    service_of(Words::default(), Batching::default())
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Those before the body, and those after it.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    /// The message of an error in the protocol's form.
    pub(crate) fn error(&self) -> String {
        let json = self.json();
        assert_eq!(json.as_object().map(serde_json::Map::len), Some(1), "{json}");
        json["error"].as_str().unwrap_or_else(|| panic!("no error: {json}")).to_owned()
    }
}

pub(crate) async fn send(
    router: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: impl Into<Body>,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (mut parts, body) = response.into_parts();
    let body = tokio::time::timeout(Duration::from_secs(20), body.collect()).await.expect("it ends").unwrap();
    parts.headers.extend(body.trailers().cloned().unwrap_or_default());
    Answer { status: parts.status, headers: parts.headers, body: body.to_bytes() }
}

pub(crate) async fn infer(router: &Router, model: &str, body: &Value) -> Answer {
    let path = format!("/v2/models/{model}/infer");
    send(router, "POST", &path, &[("content-type", "application/json")], body.to_string()).await
}
