//! Writing an archive.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};
use zstd::stream::write::Encoder;

use crate::digest::hexadecimal;
use crate::error::{At, Error, Result};
use crate::metadata::METADATA_FILE;
use crate::model::Model;
use crate::progress::Progress;

/// Weights hardly compress; more effort than this takes time and saves nothing.
const LEVEL: i32 = 3;

/// Writes the archive of a model, the same bytes for the same model each time. `target` is what errors call the output.
///
/// Every file is compared with its hash on the way. After an error the output is no whole archive.
pub(crate) fn pack(model: &Model, output: impl Write, target: &Path, progress: &dyn Progress) -> Result<()> {
    let metadata = model.metadata();
    progress.begin("packing", Some(metadata.size()));
    let mut encoder = Encoder::new(output, LEVEL).at_outside("write", target)?;
    encoder.include_checksum(true).at_outside("write", target)?;
    let mut archive = Builder::new(encoder);

    let description = metadata.to_toml(model.tag())?;
    append(&mut archive, METADATA_FILE, description.len() as u64, description.as_bytes())
        .at_outside("write", target)?;
    for entry in &metadata.files {
        let path = model.path().join(&entry.path);
        let mut content = Watched::open(path, progress)?;
        let written = append(&mut archive, &entry.path, entry.size, (&mut content).take(entry.size));
        content.finish(model, entry.size, &entry.sha256)?;
        written.at_outside("write", target)?;
    }
    let encoder = archive.into_inner().at_outside("write", target)?;
    encoder.finish().and_then(|mut output| output.flush()).at_outside("write", target)
}

/// Adds a file as if it had no time, no owner and the usual permissions.
fn append(archive: &mut Builder<impl Write>, path: &str, size: u64, content: impl Read) -> io::Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(0);
    archive.append_data(&mut header, path, content)
}

/// A file of a model that is hashed while it is read.
struct Watched<'a> {
    path: PathBuf,
    file: File,
    hasher: Sha256,
    size: u64,
    failure: Option<io::Error>,
    progress: &'a dyn Progress,
}

impl<'a> Watched<'a> {
    fn open(path: PathBuf, progress: &'a dyn Progress) -> Result<Self> {
        let file = File::open(&path).at("read", &path)?;
        Ok(Self { path, file, hasher: Sha256::new(), size: 0, failure: None, progress })
    }

    /// Says whether what was read is what the model's metadata lists.
    fn finish(mut self, model: &Model, size: u64, sha256: &str) -> Result<()> {
        if let Some(failure) = self.failure {
            return Err(failure).at("read", &self.path);
        }
        let mut rest = [0];
        let more = self.file.read(&mut rest).at("read", &self.path)? > 0;
        let found = hexadecimal(&self.hasher.finalize());
        if more || self.size != size || found != sha256 {
            let length = if more { "more".to_owned() } else { self.size.to_string() };
            return Err(Error::Mismatch {
                tag: model.tag().clone(),
                path: self.path,
                expected: format!("{size} bytes with SHA-256 {sha256}"),
                actual: format!("{length} bytes with SHA-256 {found}"),
            });
        }
        Ok(())
    }
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match self.file.read(buffer) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
            Err(error) => {
                let kind = error.kind();
                self.failure = Some(error);
                return Err(kind.into());
            }
        };
        self.hasher.update(&buffer[..read]);
        self.size += read as u64;
        self.progress.advance(read as u64);
        Ok(read)
    }
}
