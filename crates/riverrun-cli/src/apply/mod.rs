//! The commands that apply a model to records: a stream program from the files to the results.
//!
//! [`Applied`] is what they differ in.

mod arguments;
mod command;
mod image;
mod intake;
mod interrupt;
mod line;
mod output;
mod progress;
mod record;
mod runner;
mod source;
mod tally;

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use riverrun::model::{Error as ModelError, Model, ModelStore, TagRef};
use riverrun::prelude::*;
use riverrun::runner::{AnyRunner, Call, Inputs, RequestOptions, RunnerError};
use riverrun::stream::source::{CollectionSource, RecordError, Source};
use tokio::runtime::{Builder, Handle, Runtime};

pub(crate) use arguments::{ApplyArguments, ServiceArgument, option, parameters, precision};
pub(crate) use command::{Applied, Shape, right_command};
pub(crate) use runner::{of_inference, stored_precision};

use crate::failure::{Failure, Result, say};
use crate::models::any;
use arguments::Format;
use intake::Intake;
use interrupt::{Interrupt, Interruptible};
use output::{ErrorsSink, Outcome, Outputs, ResultsSink};
use progress::Progress;
use record::{Fields, ImagePath, LineIs, Raw, Record};
use tally::Counted;

/// How many records may be queued or inside the model: as many as a runner's queue takes.
const IN_FLIGHT: usize = 1024;

/// How many images may be: each takes as much memory as a model's input.
const IMAGES_IN_FLIGHT: usize = 64;

/// Applies a command's model to the records.
pub(crate) fn run(command: &Applied, arguments: &ApplyArguments, service: Option<&str>) -> Result {
    if let Some(cores) = arguments.parallelism {
        Compute::set_permits(cores);
    }
    let (given, files) = source::tag_and_files(arguments, service.is_some())?;
    let may_be_a_file = arguments.model.is_none() && files.len() < arguments.arguments.len();
    let files = source::checked(files)?;
    let parameters = parameters(command.parameters.iter().cloned(), arguments.precision);
    let asked = Asked { command, arguments, files: &files };

    if let (Some(url), Some(connect)) = (service, command.connect) {
        return asked.run(None, || connect(url, given.as_ref(), &parameters));
    }
    let tag = match (given, &command.default_tag) {
        (Some(tag), _) => tag,
        (None, Some(tag)) => any(tag)?,
        (None, None) => {
            let problem = format!(
                "`riverrun {}` needs a model; give its TAG first, `riverrun models list` shows those there are",
                command.name
            );
            return Err(Failure::Usage(problem));
        }
    };
    let model = find(&tag, may_be_a_file)?;
    asked.run(Some(&model), || runner::of_model(command, &tag, &model, &parameters))
}

fn find(tag: &TagRef, may_be_a_file: bool) -> Result<Model> {
    ModelStore::open_default()?.get(tag).map_err(|error| match error {
        // Somebody who mistyped the name of a file should not look for it in the store. One with a version is meant as a tag.
        ModelError::NotFound { .. } if may_be_a_file && tag.version().is_none() => {
            Failure::Failed(format!("{error}. There is no file `{}` either", tag.name()))
        }
        error => error.into(),
    })
}

/// What a person has asked for.
struct Asked<'a> {
    command: &'a Applied,
    arguments: &'a ApplyArguments,
    files: &'a [PathBuf],
}

impl Asked<'_> {
    fn run(&self, model: Option<&Model>, load: impl FnOnce() -> Result<Arc<dyn AnyRunner>>) -> Result {
        // An input that can't be is told before an earlier output is overwritten, which needs the model.
        let runner = load()?;
        let intake = self.command.intake(model, &*runner);
        let format = source::format_of(self.arguments.format, self.files, &intake)?;
        source::check_columns(format, self.files, &intake)?;
        let line = match format {
            Format::Jsonl => LineIs::Json,
            _ if intake.takes_images() => LineIs::Path,
            _ => LineIs::Text,
        };
        let is_of_images = format == Format::Image || line == LineIs::Path && format == Format::Text;
        let threads = if is_of_images { Some(threads(self.arguments.parallelism)?) } else { None };
        let aside = threads.as_ref().map(|threads| threads.handle().clone());
        let program = Program { runner, intake: Arc::new(intake), line, aside };
        let only_stdin = self.files.is_empty() || self.files == [PathBuf::from("-")];
        let inputs: Vec<&Path> = match self.files {
            [] => vec![Path::new(source::STDIN)],
            files => {
                let named = |file: &'_ PathBuf| *file == Path::new("-");
                files.iter().map(|file| if named(file) { Path::new(source::STDIN) } else { file.as_path() }).collect()
            }
        };
        match format {
            Format::Image if !only_stdin => {
                let images = inputs.iter().map(|path| path_of_image(path)).collect::<Result<Vec<_>>>()?;
                self.run_on(CollectionSource::new(images), program)
            }
            Format::Text | Format::Jsonl | Format::Image if only_stdin => {
                self.run_on(StdinLineSource::new().with_positions(), program)
            }
            Format::Text | Format::Jsonl | Format::Image => {
                self.run_on(FileSource::lines(inputs).with_positions(), program)
            }
            Format::Csv | Format::Tsv => {
                let delimiter = if format == Format::Csv { b',' } else { b'\t' };
                let table = FileSource::csv::<Fields<String>>(inputs).delimiter(delimiter);
                self.run_on(table.with_positions(), program)
            }
        }
    }

    fn run_on(&self, source: impl Source<Out: Raw>, program: Program) -> Result {
        // What can't be read is found before an output is overwritten.
        source.create_enumerator().map_err(Failure::failed)?;
        let outputs = Arc::new(Outputs::create(self.arguments.output.as_deref(), self.files, self.command.shape)?);
        if self.files.is_empty() && io::stdin().is_terminal() {
            let lines = if program.aside.is_some() { "paths of images" } else { "lines" };
            say(format_args!("reading {lines} from the keyboard; Ctrl-D ends them"));
        }

        let interrupt = Interrupt::install()?;
        let progress = Arc::new(Progress::start(program.counted(), self.files, self.arguments.output.is_some()));
        let done = program.execute(self.command.name, source, &interrupt, &outputs, &progress);
        let tally = progress.finish();
        outputs.finish();
        if let Some(failure) = outputs.failure() {
            return Err(failure);
        }
        done?;
        say(tally.summary(interrupt.is_requested(), outputs.errors_path()));
        if interrupt.is_requested() { Err(Failure::Interrupted) } else { Ok(()) }
    }
}

/// The program. One subtask reads and writes, which keeps the order; the model is computed on all cores.
#[derive(Clone)]
struct Program {
    runner: Arc<dyn AnyRunner>,
    intake: Arc<Intake>,
    line: LineIs,
    /// Where images are read and decoded, several at a time.
    aside: Option<Handle>,
}

impl Program {
    /// What the records are called.
    fn counted(&self) -> Counted {
        if self.aside.is_some() { Counted::Images } else { Counted::Lines }
    }

    fn execute(
        self, name: &str, source: impl Source<Out: Raw>, interrupt: &Arc<Interrupt>, outputs: &Arc<Outputs>,
        progress: &Arc<Progress>,
    ) -> Result {
        let env = StreamExecutionEnvironment::get_execution_environment();
        env.set_parallelism(1).set_job_name(name);
        let records = env.from_source(Interruptible { source, interrupt: interrupt.clone() });
        let capacity = if self.aside.is_some() { IMAGES_IN_FLIGHT } else { IN_FLIGHT };
        let call = move |raw| self.clone().outcome(raw);
        let outcomes = AsyncDataStream::ordered_wait(&records, call, Duration::MAX).capacity(capacity);
        let (outputs, progress) = (outputs.clone(), progress.clone());
        records.errors().sink_to(ErrorsSink { outputs: outputs.clone(), progress: progress.clone() });
        outcomes.sink_to(ResultsSink { outputs, progress });
        env.execute().map_err(Failure::failed)?;
        Ok(())
    }

    /// What comes of one record; nothing of a blank line.
    async fn outcome(self, raw: impl Raw) -> std::result::Result<Vec<Outcome>, std::convert::Infallible> {
        let record = match raw.record(self.line) {
            Ok(Some(record)) => record,
            Ok(None) => return Ok(Vec::new()),
            Err(error) => return Ok(vec![Outcome::Bad(error)]),
        };
        let Some(aside) = self.aside.clone() else { return Ok(vec![self.of_record(record).await]) };
        let place = record.place();
        let outcome = aside.spawn(async move { self.of_record(record).await }).await;
        Ok(vec![outcome.unwrap_or_else(|error| {
            Outcome::Bad(RecordError { record: place, message: format!("it could not be computed: {error}") })
        })])
    }

    async fn of_record(self, record: Record) -> Outcome {
        match self.answer(&record.given).await {
            Ok(result) => Outcome::Done { given: record.given, result },
            Err(message) => Outcome::Bad(RecordError { record: record.place(), message }),
        }
    }

    /// The model's answer, as JSON.
    async fn answer(&self, given: &record::Given) -> std::result::Result<String, String> {
        let payload = self.intake.payload(given)?;
        let call = Call { method: None, inputs: Inputs::Payloads(vec![payload]), options: RequestOptions::new() };
        let answers = self.runner.call(call).await.map_err(|error| in_words(&error))?;
        match answers.get(0) {
            Some(Ok(output)) => serde_json::to_string(output).map_err(|error| error.to_string()),
            Some(Err(error)) => Err(in_words(error)),
            None => Err("the model gave no answer".into()),
        }
    }
}

/// Threads that read and decode images while the model is computed.
fn threads(parallelism: Option<usize>) -> Result<Runtime> {
    let most = parallelism.or_else(|| std::thread::available_parallelism().ok().map(usize::from)).unwrap_or(1);
    Builder::new_multi_thread().worker_threads(most).thread_name("images").build().map_err(|error| {
        Failure::Failed(format!("no threads to decode images on: {error}; end other programs, or raise `ulimit -u`"))
    })
}

fn path_of_image(path: &Path) -> Result<ImagePath> {
    let name = path.to_str().map(|name| ImagePath(name.to_owned()));
    name.ok_or_else(|| {
        let problem = "its name is not UTF-8, and so has no place in a result; rename it";
        Failure::Failed(format!("{}: {problem}", path.display()))
    })
}

/// What is wrong with one record; there is only one runner, so its name says nothing.
fn in_words(error: &RunnerError) -> String {
    match error {
        RunnerError::InvalidInput { error, .. } | RunnerError::Item { error, .. } => error.to_string(),
        other => other.to_string(),
    }
}
