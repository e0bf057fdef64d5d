//! What can go wrong: [`Error`] for programs and jobs, [`FunctionError`] for what a user's function says.

use std::fmt;
use std::sync::Arc;

/// An error of building or running a stream program.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A parallelism outside `1..=max_parallelism`.
    #[error(
        "parallelism {given} of {of} is outside 1..={max}; set one in that range, or a higher maximum with `set_max_parallelism`"
    )]
    Parallelism {
        /// What was given.
        given: usize,
        /// The environment or operator it was given for.
        of: String,
        /// The highest that is possible.
        max: usize,
    },
    /// A maximum parallelism that key groups cannot number.
    #[error("max parallelism {given} of {of} is outside 1..=32768; 128 is the default")]
    MaxParallelism {
        /// What was given.
        given: usize,
        /// The program or operator it was given for.
        of: String,
    },
    /// A parallelism above 1 for a source that one subtask has to read.
    #[error(
        "parallelism {given} of `{source_name}` is more than one, and its records have an order that one subtask has to read; leave it at 1, what follows can have more"
    )]
    NotParallel {
        /// The source's name.
        source_name: String,
        /// What was given.
        given: usize,
    },
    /// A source without end in batch mode.
    #[error(
        "the source `{source_name}` has no end, and batch mode gives results when all input is there; use `RuntimeExecutionMode::Streaming`, or a bounded source"
    )]
    UnboundedInBatch {
        /// The source's name.
        source_name: String,
    },
    /// The program has nothing to run.
    #[error(
        "the program `{job}` has no sink, so running it would do nothing; end a stream with `print`, `sink_to` or `execute_and_collect`"
    )]
    NoSink {
        /// The job's name.
        job: String,
    },
    /// Two operators carry the same `uid`.
    #[error(
        "the operators `{first}` and `{second}` both have the uid `{uid}`; give each its own, since state is restored by it"
    )]
    DuplicateUid {
        /// The uid.
        uid: String,
        /// An operator that has it.
        first: String,
        /// Another one.
        second: String,
    },
    /// Streams of two environments were put together.
    #[error("{operation} takes streams of one environment; build both from the same `StreamExecutionEnvironment`")]
    ForeignStream {
        /// The call that was made.
        operation: &'static str,
    },
    /// A call was given something that makes no sense.
    #[error("`{operation}`: {problem}")]
    Argument {
        /// The call that was made.
        operation: &'static str,
        /// What is wrong with what it was given, and what to give.
        problem: String,
    },
    /// A side output that the operator does not have.
    #[error("`{operator}` has no side output `{tag}` of {wanted}; it declares: {declared}")]
    NoSideOutput {
        /// The operator.
        operator: String,
        /// The tag that was asked for.
        tag: String,
        /// Its type.
        wanted: &'static str,
        /// What the operator declares.
        declared: String,
    },
    /// An operator that feeds one before it, or itself.
    #[error(
        "`{from}` feeds `{to}`, which is not behind it; a program has no cycles: keep what comes around in state, or end the stream and read it again"
    )]
    Cycle {
        /// The operator that feeds.
        from: String,
        /// The operator that is fed.
        to: String,
    },
    /// An option of an operator that can't be.
    #[error("the {option} of `{operator}` is {given}; {rule}")]
    InvalidOption {
        /// The operator.
        operator: String,
        /// What was set.
        option: &'static str,
        /// What it was set to.
        given: String,
        /// What would be right.
        rule: &'static str,
    },
    /// Windows or a trigger with parameters that make none.
    #[error("{what} has {problem}")]
    Windows {
        /// The assigner, or the trigger on it.
        what: String,
        /// What is wrong, and what to do.
        problem: String,
    },
    /// A trigger on windows that merge, which cannot merge its state.
    #[error(
        "`{windows}` become one where they meet, and the trigger {trigger} cannot follow; implement its `on_merge` and `can_merge`, or use windows that do not merge"
    )]
    MergingTrigger {
        /// The assigner.
        windows: &'static str,
        /// The trigger's type.
        trigger: &'static str,
    },
    /// A forward connection between operators of different parallelism.
    #[error(
        "`{from}` (parallelism {from_parallelism}) cannot forward to `{to}` (parallelism {to_parallelism}); use `rebalance` or `rescale`, or the same parallelism"
    )]
    ForwardParallelism {
        /// The operator before.
        from: String,
        /// Its parallelism.
        from_parallelism: usize,
        /// The operator behind.
        to: String,
        /// Its parallelism.
        to_parallelism: usize,
    },
    /// An operator was connected to a stream of another type.
    #[error(
        "records of type `{found}` came where `{expected}` was expected; connect the operator to a stream of its own type"
    )]
    TypeMismatch {
        /// The type that the operator takes.
        expected: &'static str,
        /// The type that came.
        found: &'static str,
    },
    /// A value could not be brought into its persisted form.
    #[error("a value of type `{type_name}` cannot be stored: {reason}; its `Serialize` has to succeed for every value")]
    Encode {
        /// The value's type.
        type_name: &'static str,
        /// What serde said.
        reason: String,
    },
    /// Stored bytes are not a value of the type.
    #[error("stored data is not a `{type_name}`: {reason}; if the type changed, give new fields `#[serde(default)]`")]
    Decode {
        /// The type that was wanted.
        type_name: &'static str,
        /// What serde said.
        reason: String,
    },
    /// A value does not come back from its persisted form as it was.
    #[error(
        "the state `{state}` of type `{type_name}` does not survive being stored and read; check the type's serde attributes (`skip`, `untagged`)"
    )]
    RoundTrip {
        /// The state's name.
        state: String,
        /// Its type.
        type_name: &'static str,
    },
    /// State of another format version.
    #[error(
        "the state `{state}` was written in format {found}, this build reads up to {supported}; restore it with a newer Riverrun"
    )]
    StateVersion {
        /// The state's name.
        state: String,
        /// The version in the snapshot.
        found: u16,
        /// The newest that this build knows.
        supported: u16,
    },
    /// A task failed, and with it the job.
    #[error("job `{job}` failed in operator `{operator}`, subtask {subtask} of {parallelism}: {cause}")]
    Job {
        /// The job's name.
        job: String,
        /// The operator whose code failed.
        operator: String,
        /// The failed subtask, from 1.
        subtask: usize,
        /// How many subtasks the operator has.
        parallelism: usize,
        /// What the operator or the user's function said.
        cause: FunctionError,
    },
    /// The job was cancelled.
    #[error("job `{job}` was cancelled{}", meanwhile(.failure))]
    Cancelled {
        /// The job's name.
        job: String,
        /// What failed while it was being stopped.
        failure: Option<Box<Error>>,
    },
    /// The host could not provide what it needs to run a job.
    #[error("the {host} host cannot run job `{job}`: {reason}")]
    Host {
        /// The host's name.
        host: &'static str,
        /// The job's name.
        job: String,
        /// What is missing, and what to do.
        reason: String,
    },
}

fn meanwhile(failure: &Option<Box<Error>>) -> String {
    failure.as_ref().map(|failure| format!("; while it stopped, {failure}")).unwrap_or_default()
}

/// Where the cause of an error lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorDomain {
    /// In the user's function or its input.
    User,
    /// In a system outside: a file, a service, a broker.
    External,
    /// In Riverrun.
    Internal,
}

/// What a user's function, a source or a sink says when it cannot go on.
///
/// Any error converts into it with `?`, so that a function may use whatever errors it meets. Like the error types of
/// that kind it does not implement [`std::error::Error`] itself; [`Error::Job`] carries it.
#[derive(Clone)]
pub struct FunctionError {
    message: String,
    domain: ErrorDomain,
    retryable: bool,
    source: Option<Arc<dyn std::error::Error + Send + Sync>>,
}

impl FunctionError {
    /// An error of the user's domain with this message.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), domain: ErrorDomain::User, retryable: false, source: None }
    }

    /// An error of a system outside, which a retry can help.
    pub fn external(message: impl Into<String>) -> Self {
        Self { domain: ErrorDomain::External, retryable: true, ..Self::new(message) }
    }

    /// An error that should not be possible.
    pub fn internal(message: impl Into<String>) -> Self {
        Self { domain: ErrorDomain::Internal, ..Self::new(message) }
    }

    /// The failure of a call that panicked with this payload.
    #[must_use]
    pub fn from_panic(payload: &(dyn std::any::Any + Send)) -> Self {
        let message = payload
            .downcast_ref::<&str>()
            .map(ToString::to_string)
            .or_else(|| payload.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".into());
        Self::new(format!("panicked: {message}"))
    }

    /// The same error with words in front of its message.
    #[must_use]
    pub fn context(mut self, what: impl fmt::Display) -> Self {
        self.message = format!("{what}: {}", self.message);
        self
    }

    /// The same words again: the error of several records where one call failed for all of them.
    pub(crate) fn duplicate(&self) -> Self {
        Self { message: self.message.clone(), domain: self.domain, retryable: self.retryable, source: None }
    }

    /// Where the cause lies.
    #[must_use]
    pub fn domain(&self) -> ErrorDomain {
        self.domain
    }

    /// Whether trying again can help.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.retryable
    }

    /// The error that this one was made from, if it was.
    #[must_use]
    pub fn source(&self) -> Option<&(dyn std::error::Error + Send + Sync + 'static)> {
        self.source.as_deref()
    }
}

impl fmt::Display for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// As [`Display`](fmt::Display): it is what `main` prints of an error it returns, for a person.
impl fmt::Debug for FunctionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for FunctionError {
    fn from(error: E) -> Self {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) {
                message = format!("{message}: {text}");
            }
            source = cause.source();
        }
        let io = (&error as &dyn std::any::Any).is::<std::io::Error>();
        let domain = if io { ErrorDomain::External } else { ErrorDomain::User };
        Self { message, domain, retryable: io, source: Some(Arc::new(error)) }
    }
}

/// The result of a user's function or job.
pub type Result<T = (), E = FunctionError> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_error_becomes_a_function_error_with_its_words() {
        fn parse(text: &str) -> Result<i64> {
            Ok(text.parse::<i64>()?)
        }

        assert_eq!(parse("seven").unwrap_err().to_string(), "invalid digit found in string");
    }

    #[test]
    fn a_panic_keeps_its_message() {
        let payload = std::panic::catch_unwind(|| panic!("no such {}", "thing")).unwrap_err();

        assert_eq!(FunctionError::from_panic(&*payload).to_string(), "panicked: no such thing");
    }
}
