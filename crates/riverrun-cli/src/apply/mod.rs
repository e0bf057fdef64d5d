//! `riverrun classify`: a stream program from lines to labels.

mod interrupt;
mod output;
mod progress;
mod source_of_labels;
mod tally;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use riverrun::connectors::Line;
use riverrun::model::{Error as ModelError, Model, ModelStore, TagRef};
use riverrun::prelude::*;
use riverrun::stream::source::{RecordError, Source};

use crate::cli::ClassifyArguments;
use crate::failure::{Failure, Result, say};
use crate::models::any;
use interrupt::{Interrupt, Interruptible};
use output::{ErrorsSink, LabelsSink, Outputs};
use progress::Progress;
use source_of_labels::SourceOfLabels;

const DEFAULT_TAG: &str = "text-classification:latest";

pub(crate) fn run(arguments: ClassifyArguments) -> Result {
    if let Some(cores) = arguments.parallelism {
        Compute::set_permits(cores);
    }
    let (tag, mut files) = tag_and_files(&arguments)?;
    let labels = match &arguments.service {
        Some(url) => SourceOfLabels::Service { url: url.clone(), model: arguments.model.as_ref().map(|_| tag) },
        None => {
            let may_be_a_file = arguments.model.is_none() && files.len() < arguments.arguments.len();
            let model = Box::new(find(&tag, may_be_a_file)?);
            SourceOfLabels::Model { tag, model }
        }
    };
    // The source reads a file once, however often it is given.
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    match files.as_slice() {
        [] => run_on(StdinLineSource::new().with_positions(), &arguments, &labels, &files),
        [only] if only == Path::new("-") => {
            run_on(StdinLineSource::new().with_positions(), &arguments, &labels, &files)
        }
        _ => {
            // A directory or a pattern could match the output.
            files.iter().filter(|file| *file != Path::new("-")).try_for_each(|file| is_one_file(file))?;
            let inputs = files.iter().map(|file| if file == Path::new("-") { Path::new(STDIN) } else { file });
            run_on(FileSource::lines(inputs).with_positions(), &arguments, &labels, &files)
        }
    }
}

fn run_on(
    source: impl Source<Out = Line>, arguments: &ClassifyArguments, labels: &SourceOfLabels, files: &[PathBuf],
) -> Result {
    // What can't be read is found before a model is loaded and an output overwritten.
    source.create_enumerator().map_err(Failure::failed)?;
    let outputs = Arc::new(Outputs::create(arguments.output.as_deref(), files)?);

    let runner = labels.runner(arguments.top_k.unwrap_or_default())?;
    if files.is_empty() && io::stdin().is_terminal() {
        say("reading lines from the keyboard; Ctrl-D ends them");
    }

    let interrupt = Interrupt::install()?;
    let progress = Arc::new(Progress::start(files, arguments.output.is_some()));
    let done = classify(source, &runner, arguments.top_k.is_some(), &interrupt, &outputs, &progress);
    let tally = progress.finish();
    if let Some(failure) = outputs.failure() {
        return Err(failure);
    }
    done?;
    say(tally.summary(interrupt.is_requested(), outputs.errors_path()));
    if interrupt.is_requested() { Err(Failure::Interrupted) } else { Ok(()) }
}

/// Standard input as a file, among others.
const STDIN: &str = "/dev/stdin";

/// The program. One subtask reads and writes, which keeps the order; the model is computed on all cores.
fn classify(
    source: impl Source<Out = Line>, runner: &Runner<TextClassification>, all_labels: bool, interrupt: &Arc<Interrupt>,
    outputs: &Arc<Outputs>, progress: &Arc<Progress>,
) -> Result {
    let env = StreamExecutionEnvironment::get_execution_environment();
    env.set_parallelism(1).set_job_name("classify");
    let lines = env.from_source(Interruptible { source, interrupt: interrupt.clone() });
    let labelled = lines.infer(runner, |line| line.text.as_str().into());
    let failed = labelled.failures().map(|failed| RecordError { record: failed.record.place(), message: failed.error });
    let errors = lines.errors().union([&failed]);
    errors.sink_to(ErrorsSink { outputs: outputs.clone(), progress: progress.clone() });
    labelled.sink_to(LabelsSink { outputs: outputs.clone(), progress: progress.clone(), all_labels });
    env.execute().map_err(Failure::failed)?;
    Ok(())
}

fn is_one_file(path: &Path) -> Result {
    let problem = match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => return Ok(()),
        Ok(_) => format!("{} is a directory; give the files in it", path.display()),
        Err(error) => format!("cannot open {}: {error}; check the path", path.display()),
    };
    Err(Failure::Failed(problem))
}

/// Tells the tag from the files.
fn tag_and_files(arguments: &ClassifyArguments) -> Result<(TagRef, Vec<PathBuf>)> {
    let files = || arguments.arguments.clone();
    if let Some(tag) = &arguments.model {
        return Ok((any(tag)?, files()));
    }
    if arguments.service.is_some() {
        return Ok((any(DEFAULT_TAG)?, files()));
    }
    match arguments.arguments.split_first() {
        Some((first, rest)) if !is_a_file(first) => Ok((any(&first.to_string_lossy())?, rest.to_vec())),
        _ => Ok((any(DEFAULT_TAG)?, files())),
    }
}

/// Whether an argument means a file: it is there, or it has a `/`, as no tag has.
fn is_a_file(argument: &Path) -> bool {
    argument == Path::new("-")
        || argument.to_string_lossy().contains(std::path::is_separator)
        || fs::metadata(argument).is_ok()
}

fn find(tag: &TagRef, may_be_a_file: bool) -> Result<Model> {
    ModelStore::open_default()?.get(tag).map_err(|error| match error {
        // Somebody who mistyped the name of a file should not look for it in the store.
        ModelError::NotFound { .. } if may_be_a_file => {
            Failure::Failed(format!("{error}. There is no file `{}` either", tag.name()))
        }
        error => error.into(),
    })
}
