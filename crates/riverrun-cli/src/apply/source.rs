//! Where records come from: files, or standard input.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use riverrun::model::TagRef;

use super::arguments::{ApplyArguments, Format};
use super::image;
use super::intake::Intake;
use crate::failure::{Failure, Result};
use crate::models::any;

/// Standard input as a file, among others.
pub(super) const STDIN: &str = "/dev/stdin";

/// How much of a table's first row is looked at.
const LONGEST_HEADER: u64 = 1 << 20;

/// Tells the tag from the files. Nothing where no tag was given.
pub(super) fn tag_and_files(arguments: &ApplyArguments, by_service: bool) -> Result<(Option<TagRef>, Vec<PathBuf>)> {
    let files = || arguments.arguments.clone();
    if let Some(tag) = &arguments.model {
        return Ok((Some(any(tag)?), files()));
    }
    if by_service {
        return Ok((None, files()));
    }
    match arguments.arguments.split_first() {
        Some((first, rest)) if !is_a_file(first) => Ok((Some(any(&first.to_string_lossy())?), rest.to_vec())),
        _ => Ok((None, files())),
    }
}

/// Whether an argument means a file: it is there, or it has a `/`, as no tag has.
fn is_a_file(argument: &Path) -> bool {
    argument == Path::new("-")
        || argument.to_string_lossy().contains(std::path::is_separator)
        || fs::metadata(argument).is_ok()
}

/// The files themselves, each of which is there: a directory stands for the images right in it. Of what else is in one, some could be
/// the output.
pub(super) fn checked(given: Vec<PathBuf>) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in given {
        if path == Path::new("-") {
            files.push(path);
            continue;
        }
        let unreadable =
            |error: io::Error| Failure::Failed(format!("cannot open {}: {error}; check the path", path.display()));
        if !fs::metadata(&path).map_err(unreadable)?.is_dir() {
            files.push(path);
            continue;
        }
        let mut images = image::of_directory(&path).map_err(unreadable)?;
        if images.is_empty() {
            return Err(Failure::Failed(format!("{} is a directory; give the files in it", path.display())));
        }
        files.append(&mut images);
    }
    // A file is read once, however often it is given.
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

/// How records stand in the files: as was asked for, as their names say, or as the model takes them.
pub(super) fn format_of(asked: Option<Format>, files: &[PathBuf], intake: &Intake) -> Result<Format> {
    let format = match asked {
        Some(format) => format,
        None => {
            let own = if intake.takes_text() || intake.takes_images() { Format::Text } else { Format::Jsonl };
            let mut formats = files.iter().map(|file| (file, Format::of_name(file).unwrap_or(own)));
            match formats.next() {
                None => own,
                Some((first, format)) => match formats.find(|(_, other)| *other != format) {
                    None => format,
                    Some((other, _)) => {
                        return Err(Failure::Usage(format!(
                            "{} and {} are of different formats; give one `--format`, or one of them at a time",
                            first.display(),
                            other.display()
                        )));
                    }
                },
            }
        }
    };
    match format {
        // A line is an image's path.
        Format::Text if intake.takes_images() => Ok(format),
        Format::Text if !intake.takes_text() => Err(Failure::Usage(format!(
            "the model takes {}, not lines of text; give `--format jsonl` or `--format csv`",
            intake.wanted()
        ))),
        Format::Image if !intake.takes_images() => {
            Err(Failure::Usage(format!("the model takes {}, not images; give it files of these", intake.wanted())))
        }
        format => Ok(format),
    }
}

/// Sees that the tables have the columns that the model needs. What can't be looked at twice is not looked at.
pub(super) fn check_columns(format: Format, files: &[PathBuf], intake: &Intake) -> Result {
    let delimiter = match format {
        Format::Csv => b',',
        Format::Tsv => b'\t',
        Format::Text | Format::Jsonl | Format::Image => return Ok(()),
    };
    for path in files.iter().filter(|path| fs::metadata(path).is_ok_and(|metadata| metadata.is_file())) {
        let Some(columns) = columns(path, delimiter) else { continue };
        intake
            .check_columns(&columns)
            .map_err(|problem| Failure::Failed(format!("{} has {problem}", path.display())))?;
    }
    Ok(())
}

/// The columns' names. What is wrong with the file itself, its source says.
fn columns(path: &Path, delimiter: u8) -> Option<Vec<String>> {
    let mut file = BufReader::new(File::open(path).ok()?.take(LONGEST_HEADER));
    if file.fill_buf().ok()?.starts_with("\u{feff}".as_bytes()) {
        file.consume(3);
    }
    let mut table = csv::ReaderBuilder::new().delimiter(delimiter).from_reader(file);
    let columns = table.headers().ok()?.iter().map(str::to_owned).collect::<Vec<_>>();
    (!columns.is_empty()).then_some(columns)
}
