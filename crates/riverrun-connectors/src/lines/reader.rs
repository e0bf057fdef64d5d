//! Reads the lines of one split after the other.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

use riverrun_stream::operator::CompletionSender;
use riverrun_stream::source::{ReaderStatus, RecordError, SourceOutput, SourceReader};
use riverrun_stream::{FunctionError, Result};
use serde::{Deserialize, Serialize};

use super::cutter::{Cut, Cutter, PIECE};
use super::files;
use super::line::{LineRecord, place};
use super::stdin::{Pipe, Piped};
use crate::error::Error;

/// How many bytes a poll reads, about.
const POLL_BYTES: usize = 1024 * 1024;

/// An input and where to read on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LinesSplit {
    /// A file, as it was given; standard input where there is none.
    pub(super) file: Option<OsString>,
    /// The byte at which the next line begins.
    pub(super) offset: u64,
    /// Its number, from 1.
    pub(super) line: u64,
}

impl LinesSplit {
    /// The whole of a file, or of standard input.
    pub(super) fn whole(file: Option<OsString>) -> Self {
        Self { file, offset: 0, line: 1 }
    }

    fn input(&self) -> Arc<str> {
        match &self.file {
            Some(file) => Path::new(file).display().to_string().into(),
            None => "standard input".into(),
        }
    }
}

/// Reads lines, of one input after the other.
pub struct LinesReader<L> {
    max_line: usize,
    completions: CompletionSender,
    waiting: VecDeque<LinesSplit>,
    current: Option<Current>,
    record: PhantomData<fn() -> L>,
}

/// The split that is being read.
struct Current {
    split: LinesSplit,
    input: Arc<str>,
    lines: Lines,
}

enum Lines {
    File(Cutter<File>),
    Pipe(Pipe),
}

impl Current {
    fn open(split: LinesSplit, max_line: usize, completions: &CompletionSender) -> Result<Self> {
        let input = split.input();
        let no_thread = |error: io::Error| Error::open(input.to_string(), error);
        let lines = match &split.file {
            Some(file) if files::is_regular(Path::new(file))? => {
                let file = files::open_at(Path::new(file), split.offset)?;
                Lines::File(Cutter::new(file, max_line, split.offset, split.line))
            }
            Some(pipe) => {
                let pipe = pipe.clone();
                let open = move || File::open(pipe);
                Lines::Pipe(Pipe::spawn(open, max_line, completions.clone()).map_err(no_thread)?)
            }
            None => {
                let open = || Ok(io::stdin());
                Lines::Pipe(Pipe::spawn(open, max_line, completions.clone()).map_err(no_thread)?)
            }
        };
        Ok(Self { split, input, lines })
    }

    /// Reads on; `None` is nothing at present.
    fn next(&mut self) -> Result<Option<Cut>> {
        let cut = match &mut self.lines {
            Lines::File(cutter) => {
                let cut = cutter.next();
                (self.split.offset, self.split.line) = cutter.position();
                cut
            }
            Lines::Pipe(pipe) => match pipe.next() {
                Piped::Nothing => return Ok(None),
                Piped::Failed(error) => Err(error),
                Piped::Cut(cut) => {
                    self.split.line += u64::from(!matches!(cut, Cut::End));
                    Ok(cut)
                }
            },
        };
        let broken = |source| Error::Read { input: self.input.to_string(), line: self.split.line, source };
        cut.map(Some).map_err(|error| broken(error).into_external())
    }

    /// The number of the line that [`next`](Self::next) gave last.
    fn number(&self) -> u64 {
        self.split.line - 1
    }
}

impl<L: LineRecord> LinesReader<L> {
    pub(super) fn new(max_line: usize, completions: CompletionSender) -> Self {
        Self { max_line, completions, waiting: VecDeque::new(), current: None, record: PhantomData }
    }
}

impl<L: LineRecord> SourceReader for LinesReader<L> {
    type Out = L;
    type Split = LinesSplit;

    fn add_split(&mut self, split: LinesSplit) -> Result {
        self.waiting.push_back(split);
        Ok(())
    }

    fn poll(&mut self, budget: usize, out: &mut SourceOutput<'_, '_, L>) -> Result<ReaderStatus> {
        let (mut records, mut bytes) = (0, 0);
        while records < budget && bytes < POLL_BYTES {
            let current = match &mut self.current {
                Some(current) => current,
                None => {
                    let Some(split) = self.waiting.pop_front() else { return Ok(ReaderStatus::NeedsSplit) };
                    self.current.insert(Current::open(split, self.max_line, &self.completions)?)
                }
            };
            let Some(cut) = current.next()? else { return Ok(ReaderStatus::WaitForCompletion) };
            let refused = match cut {
                Cut::Line(line) => {
                    bytes += line.len();
                    match String::from_utf8(line) {
                        Ok(text) => {
                            out.collect(L::of(text, current.number(), &current.input));
                            None
                        }
                        Err(error) => {
                            let first = error.utf8_error().valid_up_to() + 1;
                            Some(format!("not UTF-8 from byte {first} on; convert the file to UTF-8"))
                        }
                    }
                }
                Cut::TooLong(length) => Some(format!(
                    "{length} bytes long, more than the {} that a line may have; set `max_line_bytes` higher",
                    self.max_line
                )),
                Cut::Piece => {
                    bytes += PIECE;
                    continue;
                }
                Cut::End => {
                    self.current = None;
                    continue;
                }
            };
            records += 1;
            if let Some(message) = refused {
                out.error(RecordError { record: place(current.number(), &current.input), message })?;
            }
        }
        Ok(ReaderStatus::More)
    }

    fn snapshot(&mut self) -> Result<Vec<LinesSplit>, FunctionError> {
        let current = self.current.iter().map(|current| &current.split);
        Ok(current.chain(&self.waiting).cloned().collect())
    }
}
