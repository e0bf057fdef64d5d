//! Has a request computed: admission, deadline, shadow.

use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt, stream};
use riverrun_runner::wire::Payload;
use riverrun_runner::{Answers, Call, Inputs, Priority, RequestOptions, RequestTiming, RunnerError};
use serde_json::Value;

use crate::context::{Deadline, RequestContext};
use crate::fault::Fault;
use crate::observe::Computation;
use crate::served_model::{ServedModel, ServedVersion};

/// An input of more bytes takes long enough to prepare that others on the same thread would notice: tokenization, say, reads
/// about one megabyte a second.
const LONG: usize = 8 << 10;

/// How many inputs that go by themselves are under way at a time: enough to fill batches.
const AT_A_TIME: usize = 64;

/// How long an input waits before it asks for room again, at first and at most.
const FIRST_WAIT: Duration = Duration::from_millis(2);
const LONGEST_WAIT: Duration = Duration::from_millis(100);

/// Refuses at once what would not get a place in the version's queue.
pub(crate) fn admit(version: &ServedVersion) -> Result<(), Fault> {
    if version.runner().room() > 0 {
        return Ok(());
    }
    if !version.runner().is_ready() {
        return Err(Fault::NotReady { model: version.tag().to_owned() });
    }
    version.metrics().rejected();
    Err(overloaded(version))
}

fn overloaded(version: &ServedVersion) -> Fault {
    let waiting = version.runner().stats().queue_length;
    Fault::Overloaded {
        reason: format!("model `{}` has no room: {waiting} inputs wait", version.tag()),
        retry_after: version.pace().retry_after(waiting),
    }
}

/// What a request asks for, whatever protocol it came by.
#[derive(Clone)]
pub(crate) struct Asked<'a> {
    pub(crate) context: &'a RequestContext,
    pub(crate) deadline: Deadline,
    pub(crate) priority: Priority,
    /// The runnable's method; its default one if there is none.
    pub(crate) method: Option<String>,
    pub(crate) model: &'a ServedModel,
    pub(crate) version: &'a Arc<ServedVersion>,
}

impl Asked<'_> {
    /// Computes the inputs within the deadline. Dropping the future abandons them.
    ///
    /// # Errors
    /// Those of the request as a whole. What went wrong with single inputs is in the answers.
    pub(crate) async fn compute(&self, inputs: Inputs) -> Result<Answers, Fault> {
        self.admitted(self.call(inputs).await)
    }

    fn admitted(&self, answers: Result<Result<Answers, RunnerError>, Fault>) -> Result<Answers, Fault> {
        match answers? {
            Ok(answers) => Ok(answers),
            Err(RunnerError::QueueFull { .. }) => {
                self.version.metrics().rejected();
                Err(overloaded(self.version))
            }
            Err(RunnerError::TimedOut { .. }) => Err(self.deadline.missed()),
            Err(error) => Err(Fault::from(error)),
        }
    }

    async fn call(&self, inputs: Inputs) -> Result<Result<Answers, RunnerError>, Fault> {
        let shadow = self.model.shadow();
        let copy = shadow.and_then(|shadow| shadow.copy(self.context.id(), self.method.as_deref(), &inputs));
        self.context.note(self.version, 0);
        let computation = Computation::begin(self.context, self.version, &inputs);
        let answers = self.run(inputs, computation.timing()).await;
        computation.end(&answers);
        let answers = answers?;
        if let Ok(answers) = &answers {
            self.context.note(self.version, answers.len());
            if let Some(copy) = copy {
                copy.compare_with(answers);
            }
        }
        Ok(answers)
    }

    async fn run(&self, inputs: Inputs, timing: Arc<RequestTiming>) -> Result<Result<Answers, RunnerError>, Fault> {
        let left = self.deadline.left()?;
        let options = RequestOptions::new().priority(self.priority).timeout(left).timing(timing);
        let long =
            matches!(&inputs, Inputs::Payloads(payloads) if payloads.iter().any(|payload| bytes(payload) > LONG));
        let answering = self.version.runner().call(Call { method: self.method.clone(), inputs, options });
        // The runner drops what waits too long; the limit here is for a computation that has begun.
        self.deadline.limit(async { if long { begun_aside(answering).await } else { answering.await } }).await
    }

    /// As [`compute`](Self::compute), but an input of the wrong shape fails alone.
    pub(crate) async fn each(&self, payloads: Vec<Payload>) -> Result<Each, Fault> {
        if payloads.len() < 2 {
            return match self.call(Inputs::Payloads(payloads)).await? {
                Err(error @ RunnerError::InvalidInput { .. }) => Ok(Each(vec![Err(Fault::from(error))])),
                answers => Ok(Each(vec![Ok(self.admitted(Ok(answers))?)])),
            };
        }
        match self.call(Inputs::Payloads(payloads.clone())).await? {
            Err(RunnerError::InvalidInput { .. }) => {
                // Which one it was is not known, nor whether it was one: each goes by itself.
                let alone = payloads.into_iter().map(|payload| self.patiently(payload));
                let results: Vec<_> = stream::iter(alone).buffered(AT_A_TIME).collect().await;
                if let Some(Err(fault)) = results.iter().find(|result| matches!(result, Err(fault) if !of_input(fault)))
                {
                    return Err(fault.clone());
                }
                Ok(Each(results))
            }
            answers => Ok(Each(vec![Ok(self.admitted(Ok(answers))?)])),
        }
    }

    /// As [`compute`](Self::compute) of one input that belongs to more, which were admitted together: where the queue is full, it
    /// waits for room up to the deadline.
    pub(crate) async fn patiently(&self, payload: Payload) -> Result<Answers, Fault> {
        let mut wait = FIRST_WAIT;
        loop {
            match self.call(Inputs::Payloads(vec![payload.clone()])).await? {
                Err(RunnerError::QueueFull { .. }) => {
                    self.deadline.limit(tokio::time::sleep(wait)).await?;
                    wait = (wait * 2).min(LONGEST_WAIT);
                }
                answers => return self.admitted(Ok(answers)),
            }
        }
    }
}

/// The bytes of an input's texts.
fn bytes(payload: &Payload) -> usize {
    fn of_value(value: &Value) -> usize {
        match value {
            Value::String(text) => text.len(),
            Value::Array(list) => list.iter().map(of_value).sum(),
            Value::Object(fields) => fields.values().map(of_value).sum(),
            _ => 0,
        }
    }
    match payload {
        Payload::Text(text) => text.len(),
        Payload::Bytes(bytes) => bytes.len(),
        Payload::Value(value) => of_value(value),
    }
}

/// The future's value; its beginning, in which the input is prepared, is on a thread that may block.
async fn begun_aside<T: Send + 'static>(mut future: BoxFuture<'static, T>) -> T {
    let begun = tokio::task::spawn_blocking(move || {
        let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        (polled, future)
    });
    match begun.await {
        Ok((Poll::Ready(value), _)) => value,
        Ok((Poll::Pending, future)) => future.await,
        Err(error) => match error.try_into_panic() {
            // As it would have been without the other thread.
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime is ending, and this task with it.
            Err(_) => std::future::pending().await,
        },
    }
}

fn of_input(fault: &Fault) -> bool {
    matches!(fault, Fault::InvalidInput { .. } | Fault::Internal { .. })
}

/// Answers in the order of the inputs, in as many parts as it took, some of which may be a single input's fault.
pub(crate) struct Each(Vec<Result<Answers, Fault>>);

impl Each {
    /// One result per input.
    pub(crate) fn results(&self) -> impl Iterator<Item = Result<&dyn erased_serde::Serialize, Fault>> {
        self.0.iter().flat_map(|part| -> Box<dyn Iterator<Item = _>> {
            match part {
                Err(fault) => Box::new(std::iter::once(Err(fault.clone()))),
                Ok(answers) => Box::new(
                    (0..answers.len())
                        .filter_map(|index| answers.get(index))
                        .map(|result| result.map_err(|error| Fault::from(error.clone()))),
                ),
            }
        })
    }
}
