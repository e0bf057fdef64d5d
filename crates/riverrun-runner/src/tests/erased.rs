//! A runner without its types.

use futures_util::FutureExt;
use serde_json::{Value, json};

use super::*;
use crate::wire::{Map, Payload, Portable, Tensor, TensorData};
use crate::{Answers, AnyRunner, Call, Inputs};

/// The length of a text, which has to have one; `twice` that by another name.
struct Length {
    gate: Option<Arc<Gate>>,
}

impl Runnable for Length {
    type Input = String;
    type Prepared = String;
    type Output = usize;

    fn prepare(&self, value: String) -> Result<Prepared<String>, ItemError> {
        if value.is_empty() {
            return Err(ItemError::new("the text is empty"));
        }
        Ok(Prepared { value, cost: 1 })
    }

    fn run(&self, _: Vec<String>, _: &Compute) -> Result<Vec<Result<usize, ItemError>>, ItemError> {
        Err(ItemError::new("called by name only"))
    }

    fn signatures(&self) -> Vec<Signature> {
        vec![Signature::new(Signature::CALL), Signature::new("twice")]
    }

    fn run_method(
        &self, method: &str, batch: Vec<String>, _: &Compute,
    ) -> Result<Vec<Result<usize, ItemError>>, ItemError> {
        if let Some(gate) = &self.gate {
            gate.pass();
        }
        let times = if method == "twice" { 2 } else { 1 };
        Ok(batch.iter().map(|text| Ok(text.len() * times)).collect())
    }
}

impl Portable for Length {
    fn to_payload(input: &String) -> Payload {
        Payload::Text(input.clone())
    }

    fn from_payload(payload: Payload) -> Result<String, ItemError> {
        match payload {
            Payload::Text(text) => Ok(text),
            other => Err(ItemError::new(format!("a text is wanted, {} came", other.kind()))),
        }
    }
}

fn length(batching: Batching, gate: Option<Arc<Gate>>) -> Arc<dyn AnyRunner> {
    let runner = Runner::new("length", Length { gate }).batching(batching).on_permits(permits(1));
    runner.init_local().unwrap();
    runner.erased()
}

fn texts(texts: &[&str]) -> Inputs {
    Inputs::Payloads(texts.iter().map(|&text| Payload::Text(text.to_owned())).collect())
}

fn call(method: Option<&str>, inputs: Inputs) -> Call {
    Call { method: method.map(str::to_owned), inputs, options: RequestOptions::new() }
}

fn values(answers: &Answers) -> Vec<Value> {
    let value = |index| serde_json::to_value(answers.get(index).unwrap().unwrap()).unwrap();
    (0..answers.len()).map(value).collect()
}

#[tokio::test]
async fn payloads_are_answered_in_their_order_by_the_method_that_was_called() {
    let runner = length(Batching::default(), None);

    let several = runner.call(call(None, texts(&["a", "bcd"]))).await.unwrap();
    let one = runner.call(call(Some("twice"), texts(&["abc"]))).await.unwrap();
    let none = runner.call(call(None, texts(&[]))).await.unwrap();

    assert_eq!(values(&several), [json!(1), json!(3)]);
    assert_eq!(values(&one), [json!(6)]);
    assert!(none.is_empty() && none.get(0).is_none() && none.in_list(0, &Map::new()).is_none());
    assert_eq!(runner.methods().unwrap(), ["__call__", "twice"]);
    assert_eq!(runner.stats().items, 3);
}

#[tokio::test]
async fn tensors_are_answered_with_tensors() {
    let runner = length(Batching::default(), None);
    let inputs = vec![Tensor::strings("input", vec![b"a".to_vec(), b"bcd".to_vec()])];

    let answers = runner.call(call(None, Inputs::Tensors(inputs))).await.unwrap();

    let tensors = answers.to_tensors().unwrap();
    assert_eq!((tensors.len(), tensors[0].name()), (1, "output"));
    assert_eq!(*tensors[0].data(), TensorData::Strings(vec![b"1".to_vec(), b"3".to_vec()]));
}

#[tokio::test]
async fn more_tensors_than_it_takes_are_invalid_input() {
    let runner = length(Batching::default(), None);
    let inputs = ["input", "mask"].map(|name| Tensor::strings(name, vec![b"a".to_vec()])).to_vec();

    let error = runner.call(call(None, Inputs::Tensors(inputs))).await.unwrap_err();

    assert!(matches!(error, RunnerError::InvalidInput { .. }));
    assert!(error.to_string().contains("one tensor `input` is wanted, 2 came: `input`, `mask`"), "{error}");
}

#[tokio::test]
async fn an_item_of_the_wrong_shape_is_named_and_nothing_is_computed() {
    let runner = length(Batching::default(), None);
    let inputs = vec![Payload::Text("a".into()), Payload::Value(json!(3))];

    let several = runner.call(call(None, Inputs::Payloads(inputs))).await.unwrap_err();
    let alone = runner.call(call(None, Inputs::Payloads(vec![Payload::Value(json!(3))]))).await.unwrap_err();

    assert!(matches!(several, RunnerError::InvalidInput { .. }));
    assert_eq!(several.to_string(), "runner `length`: item 1: a text is wanted, a number came");
    assert_eq!(alone.to_string(), "runner `length`: a text is wanted, a number came");
    assert_eq!(runner.stats().items, 0);
}

#[tokio::test]
async fn an_item_that_cannot_be_prepared_fails_in_its_place() {
    let runner = length(Batching::default(), None);

    let answers = runner.call(call(None, texts(&["a", "", "bcd"]))).await.unwrap();

    let (index, error) = answers.first_error().unwrap();
    assert_eq!((index, error.to_string().as_str()), (1, "runner `length`: the text is empty"));
    assert!(matches!(error, RunnerError::InvalidInput { .. }));
    assert!(answers.get(0).unwrap().is_ok() && answers.get(2).unwrap().is_ok());
    assert_eq!(answers.to_tensors().unwrap_err(), *error);
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let gate = Arc::new(Gate::default());
    let runner = length(Batching::default().max_queue(2), Some(gate.clone()));
    let under_way = tokio::spawn(runner.call(call(None, texts(&["a"]))));
    tokio::task::yield_now().await;
    gate.until_reached();
    let waiting = tokio::spawn(runner.call(call(None, texts(&["b", "c"]))));
    tokio::task::yield_now().await;
    assert_eq!(runner.room(), 0);

    let one = runner.call(call(None, texts(&["d"]))).now_or_never().unwrap();
    let several = runner.call(call(None, texts(&["d", "e"]))).now_or_never().unwrap();
    let large = runner.call(call(None, texts(&["d"; 9]))).now_or_never().unwrap();

    for refused in [one, several, large] {
        assert!(matches!(refused, Err(RunnerError::QueueFull { waiting: 2, max_queue: 2, .. })));
    }
    gate.open();
    assert_eq!(values(&under_way.await.unwrap().unwrap()), [json!(1)]);
    assert_eq!(values(&waiting.await.unwrap().unwrap()), [json!(1), json!(1)]);
}

#[tokio::test]
async fn a_call_that_waits_for_room_is_let_in_once_there_is_some() {
    let gate = Arc::new(Gate::default());
    let runner = length(Batching::default().max_queue(2), Some(gate.clone()));
    let under_way = tokio::spawn(runner.call(call(None, texts(&["a"]))));
    tokio::task::yield_now().await;
    gate.until_reached();
    let waiting = tokio::spawn(runner.call(call(None, texts(&["b", "c"]))));
    tokio::task::yield_now().await;
    assert_eq!(runner.room(), 0);

    let mut patient = runner.call_when_room(call(Some("twice"), texts(&["de", "f", "g", "", "h"])));
    assert!(patient.as_mut().now_or_never().is_none());
    gate.open();
    let answers = patient.await.unwrap();

    let of = |index: usize| answers.get(index).unwrap().map(|length| serde_json::to_value(length).unwrap());
    assert_eq!([0, 1, 2, 4].map(|index| of(index).unwrap()), [json!(4), json!(2), json!(2), json!(2)]);
    assert!(matches!(of(3), Err(RunnerError::InvalidInput { .. })));
    assert_eq!(values(&under_way.await.unwrap().unwrap()), [json!(1)]);
    assert_eq!(values(&waiting.await.unwrap().unwrap()), [json!(1), json!(1)]);
}

#[tokio::test]
async fn a_call_larger_than_the_queue_is_let_in_bit_by_bit() {
    let runner = length(Batching::default().max_queue(3), None);

    let answers = runner.call(call(None, texts(&["ab"; 40]))).await.unwrap();

    assert_eq!(values(&answers), vec![json!(2); 40]);
}

#[tokio::test]
async fn a_call_before_its_time_or_to_no_method_is_an_error() {
    let idle = Runner::new("length", Length { gate: None }).erased();
    let runner = length(Batching::default(), None);

    let early = idle.call(call(None, texts(&["a"]))).await.unwrap_err();
    let unknown = runner.call(call(Some("thrice"), texts(&["a"]))).await.unwrap_err();

    assert!(matches!(early, RunnerError::NotInitialised { .. }));
    assert!(!idle.is_ready() && idle.room() == 0 && idle.methods().is_err());
    assert!(unknown.to_string().contains("`thrice`") && unknown.to_string().contains("`twice`"), "{unknown}");
}
