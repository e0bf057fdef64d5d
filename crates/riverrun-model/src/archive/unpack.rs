//! Reading an archive that may be hostile.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

use tar::{Archive, Entry, EntryType, PaxExtensions};
use zstd::stream::read::Decoder;

use super::limits::ArchiveLimits;
use crate::digest::{FileDigest, stream_from};
use crate::error::{At, Error, Result};
use crate::format::ModelFormat;
use crate::label;
use crate::metadata::{FileEntry, MAX_METADATA, METADATA_FILE, Metadata, now};
use crate::onnx;
use crate::progress::Progress;
use crate::relative_path::{self, DistinctPaths};
use crate::safetensors;
use crate::source::onnx::relative_to_root;
use crate::source::pickle::{has_extension, is_pickle, is_surely_pickle};
use crate::tag::Tag;

/// The longest record with a path that does not fit into a header, in bytes.
const MAX_EXTENSION: u64 = 16 << 10;

/// How many zeros may stand after the last entry; tar fills its last record with them.
const MAX_PADDING: usize = 1 << 20;

/// The most memory that a frame may ask for, as a power of two: 32 MiB. Every level up to 19 stays below.
const WINDOW_LOG: u32 = 25;

/// What tar adds to each entry at most: its header, one for a long path, and padding.
const OVERHEAD: u64 = 4 * 512 + MAX_EXTENSION;

type Input<'a> = Limited<Decoder<'static, BufReader<Box<dyn Read + 'a>>>>;

/// Unpacks an archive into the empty directory `staged`, all but its metadata, which it gives.
///
/// Nothing is written outside `staged`, and nothing that the archive's own `model.toml`, its first file, does not list.
pub(crate) fn unpack<'a>(
    reader: Box<dyn Read + 'a>, shown: &Path, staged: &Path, limits: &ArchiveLimits, progress: &dyn Progress,
) -> Result<Metadata> {
    let refuser = Refuser { archive: shown };
    let mut decoder = Decoder::with_buffer(BufReader::with_capacity(1 << 17, reader))
        .map_err(|error| refuser.unreadable(error))?
        .single_frame();
    decoder.window_log_max(WINDOW_LOG).map_err(|error| refuser.unreadable(error))?;
    let overhead = OVERHEAD.saturating_mul(limits.entries as u64 + 2);
    let most = limits.bytes.saturating_add(MAX_METADATA).saturating_add(overhead);
    let mut archive = Archive::new(Limited { inner: decoder, left: most });

    let mut unpacking = Unpacking { refuser, staged, limits, progress, listed: None, long_path: None, entries: 0 };
    // Raw: the crate would read a long path of any length into memory, and make sense of sparse files.
    for entry in archive.entries().map_err(|error| refuser.unreadable(error))?.raw(true) {
        let entry = entry.map_err(|error| refuser.unreadable(error))?;
        unpacking.entry(entry)?;
    }
    let metadata = unpacking.finish()?;
    nothing_follows(archive.into_inner(), refuser)?;
    check_content(&metadata, staged, refuser)?;
    Ok(metadata)
}

/// Makes errors about one archive.
#[derive(Clone, Copy)]
struct Refuser<'a> {
    archive: &'a Path,
}

impl Refuser<'_> {
    fn refuse(self, problem: impl Into<String>) -> Error {
        Error::RefusedArchive { archive: self.archive.to_owned(), problem: problem.into() }
    }

    /// The error for what reading the archive ran into.
    fn unreadable(self, error: io::Error) -> Error {
        if error.get_ref().is_some_and(|inner| inner.is::<TooMuch>()) {
            return self.refuse(error.to_string());
        }
        // What the operating system refused has its number; all else is about the content.
        if error.raw_os_error().is_some() {
            return Error::io("read", self.archive, error);
        }
        self.refuse(match error.kind() {
            io::ErrorKind::UnexpectedEof => "it is cut off".into(),
            _ => format!("it is damaged, or no archive of a model ({error})"),
        })
    }
}

/// What the archive's `model.toml` says, and what of it has come.
struct Listed {
    metadata: Metadata,
    missing: BTreeMap<String, FileEntry>,
}

struct Unpacking<'a> {
    refuser: Refuser<'a>,
    staged: &'a Path,
    limits: &'a ArchiveLimits,
    progress: &'a dyn Progress,
    listed: Option<Listed>,
    /// The path of the next entry, where it is too long for a header.
    long_path: Option<String>,
    entries: usize,
}

impl Unpacking<'_> {
    fn refuse<T>(&self, problem: impl Into<String>) -> Result<T> {
        Err(self.refuser.refuse(problem))
    }

    fn entry(&mut self, mut entry: Entry<Input<'_>>) -> Result<()> {
        self.entries += 1;
        // Each may have a record for its path before it, and `model.toml` is not counted.
        if self.entries > self.limits.entries.saturating_mul(2).saturating_add(2) {
            return self.refuse(format!("it has more than {} entries", self.limits.entries));
        }
        let kind = entry.header().entry_type();
        let size = entry.header().entry_size().map_err(|error| self.refuser.unreadable(error))?;
        if matches!(kind, EntryType::GNULongName | EntryType::XHeader) {
            if size > MAX_EXTENSION {
                return self.refuse(format!("a path in it takes {size} bytes"));
            }
            let mut record = Vec::new();
            entry.read_to_end(&mut record).map_err(|error| self.refuser.unreadable(error))?;
            let path = if kind == EntryType::GNULongName { gnu_path(record) } else { pax_path(&record) };
            self.long_path = path.map_err(|problem| self.refuser.refuse(problem))?.or(self.long_path.take());
            return Ok(());
        }

        let path = match self.long_path.take() {
            Some(path) => path,
            None => String::from_utf8(entry.header().path_bytes().into_owned())
                .map_err(|_| self.refuser.refuse("a path in it is not UTF-8"))?,
        };
        let path = path.strip_prefix("./").unwrap_or(&path);
        match kind {
            EntryType::Regular => self.file(path, size, entry),
            EntryType::Directory => {
                let path = path.trim_end_matches('/');
                if size > 0 {
                    return self.refuse(format!("the directory `{}` in it has content", path.escape_debug()));
                }
                // The directory that was packed, as `tar -C DIR .` writes it.
                if path.is_empty() || path == "." {
                    return Ok(());
                }
                relative_path::check(path).map_err(|problem| self.refuser.refuse(problem))
            }
            _ => self.refuse(format!("`{}` in it is {}, not a file", path.escape_debug(), name_of(kind))),
        }
    }

    fn file(&mut self, path: &str, size: u64, mut entry: Entry<Input<'_>>) -> Result<()> {
        let refuser = self.refuser;
        relative_path::check(path).map_err(|problem| refuser.refuse(problem))?;
        let shown = path.escape_debug();
        let Some(listed) = &mut self.listed else {
            if path != METADATA_FILE {
                return self.refuse(format!("its first file is `{shown}`, not {METADATA_FILE}"));
            }
            return self.metadata(size, entry);
        };
        let Some(expected) = listed.missing.remove(path) else {
            let twice = path == METADATA_FILE || listed.metadata.files.iter().any(|file| file.path == path);
            let problem = if twice { "is in it twice" } else { "is in it and not in its model.toml" };
            return self.refuse(format!("`{shown}` {problem}"));
        };
        if size != expected.size {
            return self.refuse(format!("`{shown}` has {size} bytes, and its model.toml says {}", expected.size));
        }
        let digest = self.write(path, &mut entry)?;
        if digest.size != expected.size {
            return self.refuse(format!("it is cut off in `{shown}`"));
        }
        if digest.sha256 != expected.sha256 {
            return self.refuse(format!("the SHA-256 of `{shown}` is not the one in its model.toml"));
        }
        Ok(())
    }

    fn metadata(&mut self, size: u64, entry: Entry<Input<'_>>) -> Result<()> {
        if size > MAX_METADATA {
            return self.refuse(format!("its {METADATA_FILE} has {size} bytes"));
        }
        let mut text = String::new();
        entry.take(MAX_METADATA).read_to_string(&mut text).map_err(|error| self.refuser.unreadable(error))?;
        let mut metadata = Metadata::parse(&text)
            .map_err(|problem| self.refuser.refuse(format!("its {METADATA_FILE} is unusable: {problem}")))?;
        let missing = check_list(&mut metadata, self.limits)
            .map_err(|problem| self.refuser.refuse(format!("its {METADATA_FILE} is unusable: {problem}")))?;
        self.progress.begin("unpacking", Some(metadata.size()));
        self.listed = Some(Listed { metadata, missing });
        Ok(())
    }

    /// Writes the content of an entry to a new file in the staging directory.
    fn write(&self, path: &str, content: &mut dyn Read) -> Result<FileDigest> {
        let target = self.staged.join(path);
        if let Some(directory) = target.parent() {
            fs::create_dir_all(directory).at("create", directory)?;
        }
        // A new file: one that is there would be one of ours that another entry has written.
        let mut file = OpenOptions::new().write(true).create_new(true).open(&target).at("create", &target)?;
        let refuser = self.refuser;
        let digest = stream_from(
            content,
            |read| read.map_err(|error| refuser.unreadable(error)),
            |chunk| {
                self.progress.advance(chunk.len() as u64);
                file.write_all(chunk).at("write", &target)
            },
        )?;
        file.sync_all().at("write", &target)?;
        Ok(digest)
    }

    fn finish(self) -> Result<Metadata> {
        let Some(listed) = self.listed else {
            return Err(self.refuser.refuse(format!("it has no {METADATA_FILE}")));
        };
        match listed.missing.keys().next() {
            Some(path) => Err(self.refuser.refuse(format!("it ends without `{}`", path.escape_debug()))),
            None => Ok(listed.metadata),
        }
    }
}

/// Checks what an archive's `model.toml` says before anything else of the archive is read, and gives the files to come.
fn check_list(metadata: &mut Metadata, limits: &ArchiveLimits) -> Result<BTreeMap<String, FileEntry>, String> {
    Tag::new(&metadata.name, &metadata.version).map_err(|error| error.to_string())?;
    label::check(&metadata.labels).map_err(|error| error.to_string())?;
    if metadata.files.len() > limits.entries {
        return Err(format!("it lists {} files, and the most is {}", metadata.files.len(), limits.entries));
    }
    let size = metadata.files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size)).unwrap_or(u64::MAX);
    if size > limits.bytes {
        return Err(format!("its files have {size} bytes together, and the most is {}", limits.bytes));
    }
    let mut paths = DistinctPaths::default();
    paths.add(METADATA_FILE)?;
    for file in &metadata.files {
        relative_path::check(&file.path)?;
        paths.add(&file.path)?;
        let onnx = metadata.format == ModelFormat::Onnx;
        if is_surely_pickle(&file.path) || (!onnx && is_pickle(&file.path)) {
            return Err(format!("it lists the Python pickle `{}`, and pickles are never kept", file.path));
        }
    }
    if let Some(main) = metadata.main.as_ref().filter(|main| !metadata.files.iter().any(|file| file.path == **main)) {
        return Err(format!("it does not list its own main file `{}`", main.escape_debug()));
    }
    metadata.files.sort_by(|a, b| a.path.cmp(&b.path));
    metadata.created = metadata.created.min(now());
    Ok(metadata.files.iter().map(|file| (file.path.clone(), file.clone())).collect())
}

/// Looks into the files whose form is known, as an import of a directory does.
fn check_content(metadata: &Metadata, staged: &Path, refuser: Refuser<'_>) -> Result<()> {
    let named = |path: &str| PathBuf::from(format!("{}/{path}", refuser.archive.display()));
    let refused = |error: Error| match error {
        Error::UnusableFile { path, problem } => {
            let inside = path.strip_prefix(refuser.archive).unwrap_or(&path).display().to_string();
            refuser.refuse(format!("`{inside}` in it is not usable: {problem}"))
        }
        other => other,
    };
    for file in metadata.files.iter().filter(|file| has_extension(&file.path, &["safetensors"])) {
        safetensors::check(&staged.join(&file.path), &named(&file.path)).map_err(refused)?;
    }
    if let (ModelFormat::Onnx, Some(main)) = (metadata.format, &metadata.main) {
        let header = onnx::read(&staged.join(main), &named(main)).map_err(refused)?;
        for location in &header.external {
            let path = relative_to_root(main, location)
                .map_err(|problem| refuser.refuse(format!("of the external data of `{main}`, {problem}")))?;
            if !metadata.files.iter().any(|file| file.path == path) {
                return Err(refuser.refuse(format!("the external data `{path}` of `{main}` is missing")));
            }
        }
    }
    Ok(())
}

/// Sees that nothing but a little padding stands after the last entry, and nothing after the compressed data.
fn nothing_follows(mut input: Input<'_>, refuser: Refuser<'_>) -> Result<()> {
    let mut piece = [0; 4096];
    let mut padding = 0;
    loop {
        match input.read(&mut piece) {
            Ok(0) => break,
            Ok(read) if piece[..read].iter().all(|&byte| byte == 0) && padding < MAX_PADDING => padding += read,
            Ok(_) => return Err(refuser.refuse("something stands after its end")),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(refuser.unreadable(error)),
        }
    }
    let mut compressed = input.inner.finish();
    match compressed.read(&mut piece) {
        Ok(0) => Ok(()),
        Ok(_) => Err(refuser.refuse("something stands after its compressed data")),
        Err(error) => Err(refuser.unreadable(error)),
    }
}

fn gnu_path(mut record: Vec<u8>) -> Result<Option<String>, String> {
    while record.last() == Some(&0) {
        record.pop();
    }
    String::from_utf8(record).map(Some).map_err(|_| "a path in it is not UTF-8".into())
}

/// The path of a PAX record. Whatever else would change what the entry is, is refused; times and owners are passed over.
fn pax_path(record: &[u8]) -> Result<Option<String>, String> {
    let mut path = None;
    for extension in PaxExtensions::new(record) {
        let extension = extension.map_err(|_| "a record in it is malformed".to_owned())?;
        match extension.key_bytes() {
            b"path" => {
                let value = String::from_utf8(extension.value_bytes().to_vec());
                path = Some(value.map_err(|_| "a path in it is not UTF-8".to_owned())?);
            }
            b"mtime" | b"atime" | b"ctime" | b"uid" | b"gid" | b"uname" | b"gname" => {}
            key if key.starts_with(b"LIBARCHIVE.") || key.starts_with(b"SCHILY.") => {}
            key => return Err(format!("it has a record `{}`", String::from_utf8_lossy(key).escape_debug())),
        }
    }
    Ok(path)
}

fn name_of(kind: EntryType) -> &'static str {
    match kind {
        EntryType::Symlink => "a symbolic link",
        EntryType::Link => "a hard link",
        EntryType::Char | EntryType::Block => "a device",
        EntryType::Fifo => "a pipe",
        EntryType::GNUSparse => "a sparse file",
        _ => "an entry of an unknown kind",
    }
}

/// More came out of the archive than may.
#[derive(Debug, thiserror::Error)]
#[error("it unpacks to more than is allowed")]
struct TooMuch;

/// Ends with an error when too much was read.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| io::Error::other(TooMuch))?;
        Ok(read)
    }
}
