//! Packed weights beside a model of the store: the first process that loads it writes them, and every later one maps them, so that they
//! are in memory once whatever the number of processes.
//!
//! Such a file holds the lines of all linear layers in the order in which they are loaded, then a [`Description`] in JSON, then its length.
//! It stands for nothing but speed and memory: one that is damaged, or was made of other weights, for another CPU or by another version, is
//! not used and made again.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::linear::Weight;
use super::precision::{Arithmetic, Precision};
use crate::kernels::{Lines, MappedFile};

/// To be raised with every change to how weights are rounded or laid out.
const LAYOUT: u32 = 1;

/// The folder of such files in a model's directory.
const FOLDER: &str = ".packed";

/// What a file begins with that is not whole yet; one that nobody writes to any more is removed.
const PARTIAL: &str = ".partial-";
const ABANDONED: Duration = Duration::from_secs(3600);

/// How a weight is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Shape {
    pub(super) numbers: Numbers,
    pub(super) inputs: usize,
    pub(super) outputs: usize,
}

/// The numbers of a weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Numbers {
    F32,
    Bf16,
    Int8,
    TurnedInt8,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Description {
    made: Made,
    weights: Vec<Shape>,
    /// CRC-32 of all lines.
    checksum: u32,
}

/// What a file was made of, and for what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Made {
    layout: u32,
    cpu: String,
    precision: Precision,
    /// Name, size and time of the last change of each file of weights.
    from: Vec<(String, u64, u128)>,
}

impl Made {
    /// Of these files, for this arithmetic.
    pub(super) fn of<'a>(paths: impl Iterator<Item = &'a Path>, arithmetic: Arithmetic) -> io::Result<Self> {
        let from = paths.map(|path| {
            let metadata = fs::metadata(path)?;
            let changed = metadata.modified()?.duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            Ok((name, metadata.len(), changed.as_nanos()))
        });
        Ok(Self {
            layout: LAYOUT,
            cpu: arithmetic.cpu.level().name().to_owned(),
            precision: arithmetic.precision,
            from: from.collect::<io::Result<_>>()?,
        })
    }

    fn path(&self, directory: &Path) -> PathBuf {
        directory.join(FOLDER).join(format!("{}-{}", self.precision, self.cpu))
    }
}

/// A file that weights are taken from.
pub(super) struct PackedReader {
    file: Arc<MappedFile>,
    weights: std::vec::IntoIter<Shape>,
    /// Where the next line begins.
    at: usize,
    /// Where the lines end.
    end: usize,
}

impl PackedReader {
    /// The file of the model in `directory`, if there is one and it is whole.
    pub(super) fn open(directory: &Path, made: &Made) -> io::Result<Self> {
        let file = MappedFile::open(&made.path(directory))?;
        let (rest, length) = file.split_last_chunk::<8>().ok_or_else(|| damaged("it is too short"))?;
        let end = usize::try_from(u64::from_le_bytes(*length)).ok().and_then(|length| rest.len().checked_sub(length));
        let (lines, description) =
            rest.split_at_checked(end.unwrap_or(usize::MAX)).ok_or_else(|| damaged("it is cut"))?;
        let description: Description = serde_json::from_slice(description)?;
        if description.made != *made {
            return Err(damaged("it was made of other weights, for another CPU or by another version"));
        }
        if description.checksum != crc32fast::hash(lines) {
            return Err(damaged("its bytes were changed"));
        }
        let (weights, end) = (description.weights.into_iter(), lines.len());
        Ok(Self { file, weights, at: 0, end })
    }

    /// The next weight, which has to be of these sizes.
    pub(super) fn next(&mut self, inputs: usize, outputs: usize) -> io::Result<Weight> {
        let shape = self.weights.next().filter(|shape| (shape.inputs, shape.outputs) == (inputs, outputs));
        let shape = shape.ok_or_else(|| damaged("it has other weights than the model"))?;
        let mut whole = true;
        let weight = Weight::of(shape, &mut |count| {
            let end = self.at + count * Lines::LINE;
            let lines = Lines::of_file(&self.file, self.at, count).filter(|_| end <= self.end);
            self.at = end;
            lines.unwrap_or_else(|| {
                whole = false;
                Lines::zeros(count)
            })
        });
        if whole { Ok(weight) } else { Err(damaged("it has fewer lines than its weights have")) }
    }
}

fn damaged(problem: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, problem)
}

/// A file that weights are written to.
pub(super) struct PackedWriter {
    file: BufWriter<tempfile::NamedTempFile>,
    path: PathBuf,
    description: Description,
    checksum: crc32fast::Hasher,
}

impl PackedWriter {
    /// The file of the model in `directory`, which nobody sees before it is [finished](Self::finish).
    pub(super) fn create(directory: &Path, made: Made) -> io::Result<Self> {
        let (folder, path) = (directory.join(FOLDER), made.path(directory));
        fs::create_dir_all(&folder)?;
        remove_abandoned(&folder)?;
        let file = tempfile::Builder::new().prefix(PARTIAL).tempfile_in(&folder)?;
        let description = Description { made, weights: Vec::new(), checksum: 0 };
        Ok(Self { file: BufWriter::new(file), path, description, checksum: crc32fast::Hasher::new() })
    }

    pub(super) fn write(&mut self, weight: &Weight) -> io::Result<()> {
        self.description.weights.push(weight.shape());
        for lines in weight.lines() {
            self.checksum.update(lines.bytes());
            self.file.write_all(lines.bytes())?;
        }
        Ok(())
    }

    /// Gives it its name. Nothing waits for the disk: what a crash leaves of it is not whole, and made again.
    pub(super) fn finish(self) -> io::Result<()> {
        let Self { mut file, path, mut description, checksum } = self;
        description.checksum = checksum.finalize();
        let description = serde_json::to_vec(&description)?;
        file.write_all(&description)?;
        file.write_all(&(description.len() as u64).to_le_bytes())?;
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        make_readable(file.as_file())?;
        file.persist(path)?;
        Ok(())
    }
}

/// As other files of the store: temporary ones are for their owner alone.
fn make_readable(file: &File) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.set_permissions(fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

fn remove_abandoned(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let partial = entry.file_name().to_string_lossy().starts_with(PARTIAL);
        let age =
            entry.metadata().and_then(|metadata| metadata.modified()).map(|at| SystemTime::now().duration_since(at));
        if partial && age.is_ok_and(|age| age.is_ok_and(|age| age > ABANDONED)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
