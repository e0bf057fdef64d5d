//! A runner without its types, for services, the wire and other languages.

use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use crate::error::RunnerError;
use crate::method::Method;
use crate::observer::{BatchObserver, BatchReport};
use crate::request::RequestOptions;
use crate::runnable::{ItemError, Runnable};
use crate::runner::Runner;
use crate::stats::RunnerStats;
use crate::wire::{Map, Payload, Portable, Tensor, TensorSpec};

/// A runner of any [`Portable`] runnable. Made by [`Runner::erased`].
pub trait AnyRunner: Send + Sync + 'static {
    /// The runner's name.
    fn name(&self) -> &str;

    /// What can be called by name.
    ///
    /// # Errors
    /// [`NotInitialised`](RunnerError::NotInitialised).
    fn methods(&self) -> Result<Vec<String>, RunnerError>;

    /// Whether it can be called.
    fn is_ready(&self) -> bool;

    /// How many items the queue would accept now; none before it can be called.
    fn room(&self) -> usize;

    /// The tensors that it takes.
    fn tensor_inputs(&self) -> Vec<TensorSpec>;

    /// The tensors that it gives.
    fn tensor_outputs(&self) -> Vec<TensorSpec>;

    /// What the numbers of a row are called: see [`Portable::feature_names`].
    fn feature_names(&self) -> Option<Vec<String>>;

    /// The media types of the files that are an item by themselves, as [`Payload::Bytes`].
    fn media_types(&self) -> &'static [&'static str];

    /// The item with a request's parameters beside it: see [`Portable::beside`].
    fn beside(&self, payload: Payload, parameters: &Map) -> Payload;

    /// The JSON Schema of an item.
    fn input_schema(&self) -> Value;

    /// The JSON Schema of an output.
    fn output_schema(&self) -> Value;

    /// Computes the inputs. Refused at once when the queue is full; not computed any more once the future is dropped.
    ///
    /// # Errors
    /// Of the call as a whole: an input is not of the runnable's shape ([`InvalidInput`](RunnerError::InvalidInput)), the
    /// queue is full, the method is unknown. What goes wrong with single items is in the [`Answers`].
    fn call(&self, call: Call) -> BoxFuture<'static, Result<Answers, RunnerError>>;

    /// As [`call`](Self::call), on the calling thread, which waits for room in the queue and computes where a permit is idle.
    ///
    /// # Errors
    /// As [`call`](Self::call), but for a full queue; [`BlockingInAsync`](RunnerError::BlockingInAsync) in an async task.
    fn call_and_wait(&self, call: Call) -> Result<Answers, RunnerError>;

    /// As [`Runner::warm_up`].
    ///
    /// # Errors
    /// The same.
    fn warm_up(&self) -> Result<(), RunnerError>;

    /// What it has done so far.
    fn stats(&self) -> RunnerStats;

    /// As [`Runner::observe`].
    ///
    /// # Errors
    /// The same.
    fn observe(&self, observe: Box<dyn Fn(&BatchReport) + Send + Sync>) -> Result<BatchObserver, RunnerError>;
}

/// A request for an [`AnyRunner`].
#[derive(Debug)]
pub struct Call {
    /// The method; the default one if there is none.
    pub method: Option<String>,
    /// The items.
    pub inputs: Inputs,
    /// Priority, timeout and timing.
    pub options: RequestOptions,
}

/// The items of a request.
#[derive(Debug, Clone, PartialEq)]
pub enum Inputs {
    /// One by one.
    Payloads(Vec<Payload>),
    /// As tensors of the Open Inference Protocol.
    Tensors(Vec<Tensor>),
}

/// One result per item, in the order of the inputs.
pub struct Answers(Box<dyn Erased>);

impl Answers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The output of item `index` as it stands alone; nothing beyond the last.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Result<&dyn erased_serde::Serialize, &RunnerError>> {
        self.0.get(index)
    }

    /// The output of item `index` as it stands in the answer to a list: see [`Portable::in_list`].
    #[must_use]
    pub fn in_list(
        &self, index: usize, parameters: &Map,
    ) -> Option<Result<&dyn erased_serde::Serialize, &RunnerError>> {
        self.0.in_list(index, parameters)
    }

    /// The first item that failed, and its index.
    #[must_use]
    pub fn first_error(&self) -> Option<(usize, &RunnerError)> {
        (0..self.len()).find_map(|index| Some((index, self.get(index)?.err()?)))
    }

    /// All outputs as tensors of the Open Inference Protocol.
    ///
    /// # Errors
    /// That of the first item that failed, since tensors have no place for it; an output that can't be written.
    pub fn to_tensors(&self) -> Result<Vec<Tensor>, RunnerError> {
        self.0.to_tensors()
    }
}

impl std::fmt::Debug for Answers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answers").field("len", &self.len()).finish_non_exhaustive()
    }
}

trait Erased: Send + Sync {
    fn len(&self) -> usize;
    fn get(&self, index: usize) -> Option<Result<&dyn erased_serde::Serialize, &RunnerError>>;
    fn in_list(&self, index: usize, parameters: &Map) -> Option<Result<&dyn erased_serde::Serialize, &RunnerError>>;
    fn to_tensors(&self) -> Result<Vec<Tensor>, RunnerError>;
}

struct Typed<R: Runnable> {
    runner: Arc<str>,
    results: Vec<Result<R::Output, RunnerError>>,
}

impl<R: Portable> Erased for Typed<R> {
    fn len(&self) -> usize {
        self.results.len()
    }

    fn get(&self, index: usize) -> Option<Result<&dyn erased_serde::Serialize, &RunnerError>> {
        let result = self.results.get(index)?.as_ref();
        Some(result.map(|output| output as &dyn erased_serde::Serialize))
    }

    fn in_list(&self, index: usize, parameters: &Map) -> Option<Result<&dyn erased_serde::Serialize, &RunnerError>> {
        let result = self.results.get(index)?.as_ref();
        Some(result.map(|output| R::in_list(output, parameters)))
    }

    fn to_tensors(&self) -> Result<Vec<Tensor>, RunnerError> {
        let outputs: Vec<&R::Output> =
            self.results.iter().map(|result| result.as_ref().map_err(Clone::clone)).collect::<Result<_, _>>()?;
        R::outputs_to_tensors(&outputs).map_err(|error| RunnerError::Item { runner: self.runner.clone(), error })
    }
}

impl<R: Portable> Runner<R> {
    /// The runner without its types.
    #[must_use]
    pub fn erased(&self) -> Arc<dyn AnyRunner> {
        Arc::new(self.clone())
    }

    /// What is loaded in this process.
    fn loaded(&self) -> Option<Arc<R>> {
        self.core().ok()?.runnable().cloned()
    }

    fn method_of(&self, method: Option<&str>) -> Result<Method<R>, RunnerError> {
        match method {
            Some(name) => self.method(name),
            None => self.default_method(),
        }
    }
}

fn decode<R: Portable>(inputs: Inputs) -> Result<Vec<R::Input>, ItemError> {
    let payloads = match inputs {
        Inputs::Tensors(tensors) => return R::inputs_from_tensors(tensors),
        Inputs::Payloads(payloads) => payloads,
    };
    let several = payloads.len() > 1;
    let item =
        |(index, payload)| {
            R::from_payload(payload).map_err(|error: ItemError| {
                if several { ItemError::new(format!("item {index}: {error}")) } else { error }
            })
        };
    payloads.into_iter().enumerate().map(item).collect()
}

impl<R: Portable> AnyRunner for Runner<R> {
    fn name(&self) -> &str {
        Self::name(self)
    }

    fn methods(&self) -> Result<Vec<String>, RunnerError> {
        Ok(self.signatures()?.iter().map(|signature| signature.name().to_owned()).collect())
    }

    fn is_ready(&self) -> bool {
        self.is_initialised()
    }

    fn room(&self) -> usize {
        Self::room(self).unwrap_or(0)
    }

    fn tensor_inputs(&self) -> Vec<TensorSpec> {
        self.loaded().map_or_else(R::tensor_inputs, |loaded| loaded.loaded_inputs())
    }

    fn tensor_outputs(&self) -> Vec<TensorSpec> {
        self.loaded().map_or_else(R::tensor_outputs, |loaded| loaded.loaded_outputs())
    }

    fn feature_names(&self) -> Option<Vec<String>> {
        self.loaded()?.feature_names()
    }

    fn media_types(&self) -> &'static [&'static str] {
        R::media_types()
    }

    fn beside(&self, payload: Payload, parameters: &Map) -> Payload {
        R::beside(payload, parameters)
    }

    fn input_schema(&self) -> Value {
        self.loaded().map_or_else(R::input_schema, |loaded| loaded.loaded_schema())
    }

    fn output_schema(&self) -> Value {
        R::output_schema()
    }

    fn call(&self, call: Call) -> BoxFuture<'static, Result<Answers, RunnerError>> {
        let Call { method, inputs, options } = call;
        let method = self.method_of(method.as_deref()).map(|method| method.with(options));
        let runner = self.shared_name();
        Box::pin(async move {
            let method = method?;
            let invalid = |error| RunnerError::InvalidInput { runner: runner.clone(), error };
            let mut inputs = decode::<R>(inputs).map_err(invalid)?;
            let results = match (inputs.pop(), inputs.is_empty()) {
                (None, _) => Vec::new(),
                (Some(only), true) => match method.answer(only, true).await {
                    Err(error @ RunnerError::QueueFull { .. }) => return Err(error),
                    result => vec![result],
                },
                (Some(last), false) => {
                    inputs.push(last);
                    method.try_async_run_batch(inputs).await?
                }
            };
            Ok(Answers(Box::new(Typed::<R> { runner, results })))
        })
    }

    fn call_and_wait(&self, call: Call) -> Result<Answers, RunnerError> {
        let Call { method, inputs, options } = call;
        let method = self.method_of(method.as_deref())?.with(options);
        let invalid = |error| RunnerError::InvalidInput { runner: self.shared_name(), error };
        let results = match <[R::Input; 1]>::try_from(decode::<R>(inputs).map_err(invalid)?) {
            Ok([only]) => vec![method.run(only)],
            Err(inputs) => method.run_batch(inputs)?,
        };
        Ok(Answers(Box::new(Typed::<R> { runner: self.shared_name(), results })))
    }

    fn warm_up(&self) -> Result<(), RunnerError> {
        Self::warm_up(self)
    }

    fn stats(&self) -> RunnerStats {
        Self::stats(self)
    }

    fn observe(&self, observe: Box<dyn Fn(&BatchReport) + Send + Sync>) -> Result<BatchObserver, RunnerError> {
        Self::observe(self, move |report| observe(&report))
    }
}
