//! Where results and bad lines go.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use riverrun::prelude::*;
use riverrun::stream::StreamRecord;
use riverrun::stream::operator::Readiness;
use riverrun::stream::sink::{NoCommit, Sink, SinkWriter};
use riverrun::stream::source::RecordError;
use serde::{Deserialize, Serialize};

use super::command::Shape;
use super::line::{self, Written};
use super::progress::Progress;
use super::record::Given;
use crate::failure::Failure;

/// The outputs of a run, and what went wrong with them.
pub(super) struct Outputs {
    results: Mutex<Box<dyn Write + Send>>,
    results_name: String,
    /// Where bad lines go, made with the first of them; standard error where there is none.
    errors_path: Option<PathBuf>,
    errors: Mutex<Option<File>>,
    failure: Mutex<Option<Failure>>,
    shape: Shape,
    /// What is sorted when all is there: lines by their scores.
    ranked: Mutex<Vec<(f32, Vec<u8>)>>,
}

impl Outputs {
    /// Opens the output, which must not be one of the inputs.
    pub(super) fn create(path: Option<&Path>, inputs: &[PathBuf], shape: Shape) -> crate::failure::Result<Self> {
        let results_name = path.map_or_else(|| "standard output".into(), |path| path.display().to_string());
        let errors_path = path.map(|path| {
            let mut name = path.as_os_str().to_owned();
            name.push(".errors");
            PathBuf::from(name)
        });
        let results: Box<dyn Write + Send> = match path {
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
                Box::new(BufWriter::new(File::create(path).map_err(|error| Failure::write(&results_name, &error))?))
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
        let results = Mutex::new(results);
        Ok(Self { results, results_name, shape, ranked: Mutex::default(), errors_path, errors, failure })
    }

    /// Where bad lines went, if they went to a file.
    pub(super) fn errors_path(&self) -> Option<&Path> {
        self.errors_path.as_deref()
    }

    /// What could not be written.
    pub(super) fn failure(&self) -> Option<Failure> {
        lock(&self.failure).take()
    }

    /// Writes what has to wait for the last record.
    pub(super) fn finish(&self) {
        let Shape::Ranked { most } = self.shape else { return };
        let mut ranked = std::mem::take(&mut *lock(&self.ranked));
        // Stable: of equal scores the first document stays first.
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0));
        let mut results = lock(&self.results);
        let written = ranked.iter().take(most).try_for_each(|(_, line)| results.write_all(line));
        if let Err(error) = written.and_then(|()| results.flush()) {
            self.refuse(&self.results_name, &error);
        }
    }

    /// Says what is wrong with a record.
    fn report(&self, error: RecordError, progress: &Progress) -> Result<()> {
        self.write_error(&error, progress).map_err(|refused| {
            let path = self.errors_path.as_deref().unwrap_or(Path::new("standard error"));
            self.refuse(&path.display().to_string(), &refused)
        })?;
        progress.bad(error.record);
        Ok(())
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

/// What came of a record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Outcome {
    /// The model's answer, as JSON.
    Done {
        given: Given,
        result: String,
    },
    Bad(RecordError),
}

/// Writes results as lines of JSON. What arrives together is written together, and at once.
#[derive(Clone)]
pub(super) struct ResultsSink {
    pub(super) outputs: Arc<Outputs>,
    pub(super) progress: Arc<Progress>,
}

impl Sink for ResultsSink {
    type In = Outcome;
    type Committable = ();
    type Writer = Self;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "Results".into()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<Self> {
        Ok(self.clone())
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

impl SinkWriter for ResultsSink {
    type In = Outcome;
    type Committable = ();

    fn write(&mut self, outcomes: Vec<StreamRecord<Outcome>>) -> Result<Readiness> {
        let outputs = &self.outputs;
        let refuse = |error| outputs.refuse(&outputs.results_name, &error);
        let mut results = lock(&outputs.results);
        let (mut done, mut labels) = (0, Vec::new());
        for StreamRecord { value: outcome, .. } in outcomes {
            match outcome {
                Outcome::Done { given, result } => {
                    done += 1;
                    let mut line = Vec::new();
                    let written = line::write(outputs.shape, &given, &result, &mut line).map_err(io::Error::from);
                    labels.extend(match written.map_err(refuse)? {
                        Written::Plain => None,
                        Written::Labelled(label) => Some(label),
                        Written::Scored(score) => {
                            lock(&outputs.ranked).push((score, line));
                            continue;
                        }
                    });
                    results.write_all(&line).map_err(refuse)?;
                }
                Outcome::Bad(error) => outputs.report(error, &self.progress)?,
            }
        }
        results.flush().map_err(refuse)?;
        self.progress.done(done, &labels);
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
        records.into_iter().try_for_each(|record| self.outputs.report(record.value, &self.progress))?;
        Ok(Readiness::Ready)
    }
}
