//! Where labels and bad lines go.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use riverrun::connectors::Line;
use riverrun::prelude::*;
use riverrun::stream::StreamRecord;
use riverrun::stream::operator::Readiness;
use riverrun::stream::sink::{NoCommit, Sink, SinkWriter};
use riverrun::stream::source::RecordError;
use serde::Serialize;

use super::progress::Progress;
use crate::failure::Failure;

/// The outputs of a run, and what went wrong with them.
pub(super) struct Outputs {
    labels: Mutex<Box<dyn Write + Send>>,
    labels_name: String,
    /// Where bad lines go, made with the first of them; standard error where there is none.
    errors_path: Option<PathBuf>,
    errors: Mutex<Option<File>>,
    failure: Mutex<Option<Failure>>,
}

impl Outputs {
    /// Opens the output, which must not be one of the inputs.
    pub(super) fn create(path: Option<&Path>, inputs: &[PathBuf]) -> crate::failure::Result<Self> {
        let labels_name = path.map_or_else(|| "standard output".into(), |path| path.display().to_string());
        let errors_path = path.map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(".errors");
            PathBuf::from(name)
        });
        let labels: Box<dyn Write + Send> = match path {
            None => Box::new(BufWriter::with_capacity(64 * 1024, io::stdout())),
            Some(path) => {
                for written in std::iter::once(path).chain(errors_path.as_deref()) {
                    let place = fs::canonicalize(written).ok();
                    if place.is_some() && inputs.iter().any(|input| fs::canonicalize(input).ok() == place) {
                        return Err(Failure::Usage(format!(
                            "{} is an input and would be overwritten; give `--output` another file",
                            written.display()
                        )));
                    }
                }
                Box::new(BufWriter::new(File::create(path).map_err(|error| Failure::write(&labels_name, &error))?))
            }
        };
        // Those of an earlier run would be taken for those of this one.
        if let Some(path) = &errors_path
            && let Err(error) = fs::remove_file(path)
            && error.kind() != io::ErrorKind::NotFound
        {
            return Err(Failure::write(&path.display().to_string(), &error));
        }
        let (errors, failure) = (Mutex::default(), Mutex::default());
        Ok(Self { labels: Mutex::new(labels), labels_name, errors_path, errors, failure })
    }

    /// Where bad lines went, if they went to a file.
    pub(super) fn errors_path(&self) -> Option<&Path> {
        self.errors_path.as_deref()
    }

    /// What could not be written.
    pub(super) fn failure(&self) -> Option<Failure> {
        lock(&self.failure).take()
    }

    fn write_error(&self, error: &RecordError, progress: &Progress) -> io::Result<()> {
        let Some(path) = &self.errors_path else {
            progress.say(error);
            return Ok(());
        };
        let mut file = lock(&self.errors);
        let file = match &mut *file {
            Some(file) => file,
            none => none.insert(File::create(path)?),
        };
        writeln!(file, "{error}")
    }

    /// Ends the job because of a target that can't be written.
    fn refuse(&self, target: &str, error: &io::Error) -> FunctionError {
        lock(&self.failure).get_or_insert_with(|| Failure::write(target, error));
        FunctionError::external(format!("cannot write {target}: {error}"))
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes labels as lines of JSON. What arrives together is written together, and at once.
#[derive(Clone)]
pub(super) struct LabelsSink {
    pub(super) outputs: Arc<Outputs>,
    pub(super) progress: Arc<Progress>,
    pub(super) all_labels: bool,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Labelled<'a> {
    Best { text: &'a str, label: &'a str, score: f32 },
    All { text: &'a str, labels: &'a [Classification] },
}

impl LabelsSink {
    fn write(&self, records: &[StreamRecord<(Line, Vec<Classification>)>]) -> io::Result<()> {
        let mut output = lock(&self.outputs.labels);
        for StreamRecord { value: (Line { text, .. }, labels), .. } in records {
            let line = match labels.first() {
                Some(best) if !self.all_labels => Labelled::Best { text, label: &best.label, score: best.score },
                _ => Labelled::All { text, labels },
            };
            serde_json::to_writer(&mut *output, &line)?;
            output.write_all(b"\n")?;
        }
        output.flush()
    }
}

impl Sink for LabelsSink {
    type In = (Line, Vec<Classification>);
    type Committable = ();
    type Writer = Self;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Labels".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<Self> {
        Ok(self.clone())
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl SinkWriter for LabelsSink {
    type In = (Line, Vec<Classification>);
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<Self::In>>) -> Result<Readiness> {
        Self::write(self, &records).map_err(|error| self.outputs.refuse(&self.outputs.labels_name, &error))?;
        self.progress.labelled(records.iter().filter_map(|record| record.value.1.first()).map(|best| &best.label));
        Ok(Readiness::Ready)
    }
}

/// Reports bad lines.
#[derive(Clone)]
pub(super) struct ErrorsSink {
    pub(super) outputs: Arc<Outputs>,
    pub(super) progress: Arc<Progress>,
}

impl Sink for ErrorsSink {
    type In = RecordError;
    type Committable = ();
    type Writer = Self;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Bad lines".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<Self> {
        Ok(self.clone())
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl SinkWriter for ErrorsSink {
    type In = RecordError;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<RecordError>>) -> Result<Readiness> {
        for StreamRecord { value: error, .. } in records {
            self.outputs.write_error(&error, &self.progress).map_err(|refused| {
                let path = self.outputs.errors_path.as_deref().unwrap_or(Path::new("standard error"));
                self.outputs.refuse(&path.display().to_string(), &refused)
            })?;
            self.progress.bad(error.record);
        }
        Ok(Readiness::Ready)
    }
}
