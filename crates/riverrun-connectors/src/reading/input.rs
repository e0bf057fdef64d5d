//! What records are read from, and how it is opened.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use riverrun_stream::operator::CompletionSender;
use serde::{Deserialize, Serialize};

use super::{Cut, Cutter, Framing, InputSplit, Pipe};
use crate::error::{Error, Result};
use crate::tcp::{self, Peer};

/// What records are read from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Input {
    /// A file, as it was given.
    File(OsString),
    Stdin,
    Tcp(Peer),
}

impl Input {
    /// As messages name it.
    pub(crate) fn name(&self) -> Arc<str> {
        match self {
            Self::File(file) => Path::new(file).display().to_string().into(),
            Self::Stdin => "standard input".into(),
            Self::Tcp(peer) => peer.to_string().into(),
        }
    }
}

/// An input that is being read.
pub(super) enum Records {
    File(Cutter<File>),
    Pipe(Pipe),
    /// Nothing in it can be read.
    None,
}

impl Records {
    /// Opens a split's input at the split's offset, or in front of it, where a record may end.
    pub(super) fn open(split: &InputSplit, framing: Framing, completions: &CompletionSender) -> Result<Self> {
        let name = split.input.name();
        let completions = completions.clone();
        let pipe = match &split.input {
            Input::File(file) => {
                let file = Path::new(file);
                if is_regular(file)? {
                    let offset = split.offset - u64::from(!split.is_record_start);
                    return Ok(Self::File(Cutter::new(open_at(file, offset)?, framing, offset)));
                }
                let file = file.to_owned();
                Pipe::of(name.clone(), framing, completions, || File::open(file))
            }
            Input::Stdin => Pipe::of(name.clone(), framing, completions, || Ok(io::stdin())),
            Input::Tcp(peer) => {
                let peer = peer.clone();
                Pipe::spawn(completions, move |pushing| tcp::read(&peer, framing, pushing))
            }
        };
        Ok(Self::Pipe(pipe.map_err(|error| Error::open(name.to_string(), error))?))
    }

    /// The first record of a file that has more than its line's end, and the byte at which it begins.
    pub(super) fn first_of(file: &Path, framing: Framing) -> Result<Option<(u64, Cut)>> {
        let mut cutter = Cutter::new(open_at(file, 0)?, framing, 0);
        loop {
            let begin = cutter.offset();
            match cutter.next().map_err(|source| Error::Read { source })? {
                Cut::End => return Ok(None),
                Cut::Piece => {}
                Cut::Record { bytes, .. } if bytes.is_empty() => {}
                cut => return Ok(Some((begin, cut))),
            }
        }
    }
}

/// Whether it is a file with a length and positions, and not a pipe or a device.
fn is_regular(path: &Path) -> Result<bool> {
    let metadata = fs::metadata(path).map_err(|error| Error::open(path.display().to_string(), error))?;
    Ok(metadata.is_file())
}

/// Opens a file, at a position where that is not its beginning.
fn open_at(path: &Path, offset: u64) -> Result<File> {
    let input = || path.display().to_string();
    let mut file = File::open(path).map_err(|error| Error::open(input(), error))?;
    if offset > 0 {
        let length = file.metadata().map_err(|error| Error::open(input(), error))?.len();
        if length < offset {
            return Err(Error::Shrunk { input: input(), length, offset });
        }
        file.seek(SeekFrom::Start(offset)).map_err(|error| Error::open(input(), error))?;
    }
    Ok(file)
}
