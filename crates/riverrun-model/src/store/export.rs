//! Writing a model of the store to one file.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::options::{ExportOptions, Exported};
use super::{ModelStore, unique};
use crate::archive::{self, pack};
use crate::digest::hexadecimal;
use crate::durable;
use crate::error::{At, Error, Result};
use crate::model::Model;
use crate::tag::TagRef;

/// How many random characters end the name of a partial file.
const SUFFIX: usize = 8;

impl ModelStore {
    /// Writes a model to one file, `name-version.tar.zst` in `target` if that is a directory.
    ///
    /// The same model gives the same bytes each time. Every file is compared with its hash on the way. The file appears
    /// under its name when it is whole.
    ///
    /// # Errors
    /// As [`get`](Self::get), [`Error::FileExists`] when the file is there already and the options do not allow to
    /// overwrite it, [`Error::Mismatch`] when a file of the model was changed after its import, [`Error::Io`] when the
    /// file cannot be written.
    pub fn export(&self, tag: &TagRef, target: impl AsRef<Path>, options: ExportOptions) -> Result<Exported> {
        let model = self.get(tag)?;
        let mut target = target.as_ref().to_owned();
        if target.is_dir() {
            target.push(file_name(&model));
        }
        if !options.overwrite && target.exists() {
            return Err(Error::FileExists { path: target });
        }
        let directory = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        // Beside the target, so that the rename stays on one file system.
        let partial = Partial::create(&directory, &file_name(&model)).at_outside("create", &target)?;
        let mut output = Counted::new(BufWriter::with_capacity(1 << 17, &partial.file));
        pack(&model, &mut output, &target, &*options.progress)?;
        let (size, sha256, output) = output.finish();
        output
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
            .and_then(|file| file.sync_all())
            .at_outside("write", &target)?;
        if options.overwrite {
            fs::rename(&partial.path, &target).at_outside("write", &target)?;
        } else {
            // Unlike a rename this never replaces a file that has come meanwhile.
            publish_new(&partial.path, &target)?;
        }
        durable::sync_directory(&directory)?;
        Ok(Exported { model, path: target, size, sha256 })
    }

    /// Writes a model to a stream, as [`export`](Self::export) writes it to a file.
    ///
    /// # Errors
    /// As [`export`](Self::export). What was written until then is no whole archive, and an import refuses it.
    pub fn export_to(&self, tag: &TagRef, output: impl Write, options: ExportOptions) -> Result<Exported> {
        let model = self.get(tag)?;
        let mut output = Counted::new(output);
        pack(&model, &mut output, Path::new("the output"), &*options.progress)?;
        let (size, sha256, _) = output.finish();
        Ok(Exported { model, path: PathBuf::new(), size, sha256 })
    }
}

fn file_name(model: &Model) -> String {
    format!("{}-{}.{}", model.tag().name(), model.tag().version(), archive::EXTENSION)
}

fn publish_new(partial: &Path, target: &Path) -> Result<()> {
    match fs::hard_link(partial, target) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(Error::FileExists { path: target.to_owned() })
        }
        // A file system without hard links.
        Err(_) => fs::rename(partial, target).at_outside("write", target),
    }
}

/// A file that disappears unless it was renamed, or at the next export if we are killed.
struct Partial {
    path: PathBuf,
    /// Locked for as long as its owner lives.
    file: File,
}

impl Partial {
    fn create(directory: &Path, name: &str) -> io::Result<Self> {
        sweep(directory, name);
        loop {
            let path = directory.join(format!(".{name}.{}", unique::suffix(SUFFIX)));
            let file = OpenOptions::new().write(true).create_new(true).open(&path)?;
            // Where a file system has no locks, nothing is swept either.
            let _ = file.lock();
            // Until it was locked, another export could take it for one that nobody owns.
            if path.exists() {
                return Ok(Self { path, file });
            }
        }
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

/// Removes what exports of this archive left that died. What belongs to another user stays, and hurts nobody.
fn sweep(directory: &Path, name: &str) {
    let is_partial = |file: &str| {
        let suffix = file.strip_prefix('.').and_then(|rest| rest.strip_prefix(name)?.strip_prefix('.'));
        suffix.is_some_and(|suffix| suffix.len() == SUFFIX && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    };
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_partial)
            && let Ok(file) = OpenOptions::new().write(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            // While it is locked: who makes it just now waits for the lock, and then sees that it is gone.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Counts and hashes what is written.
struct Counted<W> {
    inner: W,
    hasher: Sha256,
    size: u64,
}

impl<W: Write> Counted<W> {
    fn new(inner: W) -> Self {
        Self { inner, hasher: Sha256::new(), size: 0 }
    }

    fn finish(self) -> (u64, String, W) {
        (self.size, hexadecimal(&self.hasher.finalize()), self.inner)
    }
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(buffer)?;
        self.hasher.update(&buffer[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
