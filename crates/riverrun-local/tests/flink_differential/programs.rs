//! Runs programs and compares what they answer with what Flink answered.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::{DataStream, Host, StreamExecutionEnvironment};
use serde::Deserialize;

use crate::inputs::{Inputs, directory};

type Build = Box<dyn Fn(&Inputs<'_>) -> DataStream<String>>;

#[derive(Default)]
pub(crate) struct Programs(BTreeMap<String, Build>);

/// A file of `tests/flink/golden`.
#[derive(Deserialize)]
struct Recorded {
    order: Order,
    output: Vec<String>,
}

/// Among which lines there is an order.
#[derive(Deserialize, Clone, Copy)]
enum Order {
    #[serde(rename = "total")]
    Total,
    #[serde(rename = "by key")]
    ByKey,
    #[serde(rename = "by window")]
    ByWindow,
    #[serde(rename = "none")]
    None,
}

impl Order {
    /// Lines of one group have one order.
    fn group(self, line: &str) -> String {
        let first = |count| line.split(' ').take(count).collect::<Vec<_>>().join(" ");
        match self {
            Self::Total => String::new(),
            Self::ByKey => first(1),
            Self::ByWindow => first(2),
            Self::None => line.to_string(),
        }
    }

    fn sorted(self, mut lines: Vec<String>) -> Vec<String> {
        lines.sort_by_key(|line| self.group(line));
        lines
    }
}

pub(crate) fn recorded_names() -> Vec<String> {
    let files = std::fs::read_dir(directory().join("golden")).unwrap();
    files.map(|file| file.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

fn recorded(name: &str) -> Recorded {
    let file = directory().join(format!("golden/{name}.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn hosts() -> [(&'static str, Arc<dyn Host>); 4] {
    [
        ("threads", Arc::new(LocalHost::new())),
        ("seed 1", Arc::new(SimulatedHost::new(1))),
        ("seed 2", Arc::new(SimulatedHost::new(2))),
        ("seed 3", Arc::new(SimulatedHost::new(3))),
    ]
}

impl Programs {
    pub(crate) fn add<S: AsRef<DataStream<String>>>(&mut self, name: &str, build: impl Fn(&Inputs<'_>) -> S + 'static) {
        let build: Build = Box::new(move |inputs| build(inputs).as_ref().clone());
        assert!(self.0.insert(name.to_string(), build).is_none(), "two programs are called {name}");
    }

    pub(crate) fn names(&self) -> BTreeSet<String> {
        self.0.keys().cloned().collect()
    }

    /// What every program answers on every host at this parallelism and Flink does not, and the other way round. Several
    /// subtasks share the records of an operator that has no key, so that only at parallelism 1 there is an order.
    pub(crate) fn differences(&self, parallelism: usize) -> Vec<String> {
        let mut differences = Vec::new();
        for (name, build) in &self.0 {
            let Recorded { order, output } = recorded(name);
            let order = if parallelism == 1 { order } else { Order::None };
            let expected = order.sorted(output);
            for (host, engine) in hosts() {
                let env = StreamExecutionEnvironment::new(engine);
                env.set_parallelism(parallelism);
                let difference = match build(&Inputs(&env)).execute_and_collect() {
                    Ok(lines) => difference(&expected, &order.sorted(lines)),
                    Err(error) => Some(error.to_string()),
                };
                differences.extend(difference.map(|what| format!("{name} ({host}): {what}")));
            }
        }
        differences
    }
}

fn difference(flink: &[String], here: &[String]) -> Option<String> {
    let at = (0..flink.len().max(here.len())).find(|&at| flink.get(at) != here.get(at))?;
    let show = |lines: &[String]| lines.get(at).map_or("nothing".into(), |line| format!("`{line}`"));
    Some(format!(
        "line {at} is {} on Flink and {} here ({} lines there, {} here)",
        show(flink),
        show(here),
        flink.len(),
        here.len()
    ))
}
