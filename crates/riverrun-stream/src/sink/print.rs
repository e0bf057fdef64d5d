//! One line per record on standard output or standard error.

use std::io::Write;
use std::marker::PhantomData;

use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::StreamRecord;
use crate::error::{FunctionError, Result};
use crate::operator::Readiness;
use crate::sink::{NoCommit, Sink, SinkWriter};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PrintTarget {
    Out,
    Err,
}

pub(crate) struct PrintSink<T> {
    target: PrintTarget,
    identifier: Option<String>,
    data: PhantomData<fn(T)>,
}

impl<T> PrintSink<T> {
    pub(crate) fn to_out(identifier: Option<String>) -> Self {
        Self { target: PrintTarget::Out, identifier, data: PhantomData }
    }

    pub(crate) fn to_err(identifier: Option<String>) -> Self {
        Self { target: PrintTarget::Err, identifier, data: PhantomData }
    }
}

pub(crate) struct PrintWriter<T> {
    target: PrintTarget,
    prefix: String,
    data: PhantomData<fn(T)>,
}

impl<T: Data> Sink for PrintSink<T> {
    type In = T;
    type Committable = ();
    type Writer = PrintWriter<T>;
    type Committer = NoCommit;

    fn name(&self) -> String {
        match self.target {
            PrintTarget::Out => "Print to Std. Out".into(),
            PrintTarget::Err => "Print to Std. Err".into(),
        }
    }

    fn create_writer(&self, context: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<PrintWriter<T>> {
        let prefix = prefix(self.identifier.as_deref(), context.subtask_index, context.parallelism);
        Ok(PrintWriter { target: self.target, prefix, data: PhantomData })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

/// `identifier:N> `, without the number where there is one subtask, as Flink's print sink has it.
fn prefix(identifier: Option<&str>, subtask: usize, parallelism: usize) -> String {
    let number = (parallelism > 1).then(|| (subtask + 1).to_string());
    match [identifier.map(String::from), number].into_iter().flatten().collect::<Vec<_>>().join(":") {
        empty if empty.is_empty() => empty,
        prefix => format!("{prefix}> "),
    }
}

/// A string as it is; anything else as JSON, so that a line can be read by people and by programs.
fn write_value<T: Data>(out: &mut Vec<u8>, value: &T) -> Result {
    let any: &dyn std::any::Any = value;
    match any.downcast_ref::<String>() {
        Some(text) => out.extend_from_slice(text.as_bytes()),
        None => serde_json::to_writer(out, value)?,
    }
    Ok(())
}

impl<T: Data> SinkWriter for PrintWriter<T> {
    type In = T;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<T>>) -> Result<Readiness> {
        let mut lines = Vec::new();
        for record in &records {
            lines.extend_from_slice(self.prefix.as_bytes());
            write_value(&mut lines, &record.value)?;
            lines.push(b'\n');
        }
        let (written, name) = match self.target {
            PrintTarget::Out => {
                let mut out = std::io::stdout().lock();
                (out.write_all(&lines).and_then(|()| out.flush()), "output")
            }
            PrintTarget::Err => (std::io::stderr().lock().write_all(&lines), "error"),
        };
        match written {
            Ok(()) => Ok(Readiness::Ready),
            Err(error) => Err(FunctionError::from(error)
                .context(format_args!("standard {name} takes no more lines; was its reader closed?"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_is_flinks() {
        assert_eq!(prefix(None, 0, 1), "");
        assert_eq!(prefix(None, 1, 2), "2> ");
        assert_eq!(prefix(Some("tweets"), 0, 1), "tweets> ");
        assert_eq!(prefix(Some("tweets"), 1, 2), "tweets:2> ");
    }

    #[test]
    fn a_string_prints_as_it_is_and_the_rest_as_json() {
        let line = |print: &dyn Fn(&mut Vec<u8>)| {
            let mut out = Vec::new();
            print(&mut out);
            String::from_utf8(out).unwrap()
        };

        assert_eq!(line(&|out| write_value(out, &"a \"b\"".to_string()).unwrap()), "a \"b\"");
        assert_eq!(line(&|out| write_value(out, &(1, "a".to_string(), 0.5_f32)).unwrap()), "[1,\"a\",0.5]");
    }
}
