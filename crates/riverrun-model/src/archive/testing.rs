//! Archives of every kind, for tests.

use std::io::Read;

use tar::{Builder, EntryType, Header};

use crate::ModelStore;
use crate::store::testing::{a_model, import};
use crate::{ExportOptions, ImportOptions};

/// The uncompressed archive of a small model, `bert:1`.
pub(super) fn a_tar() -> Vec<u8> {
    decompress(&an_archive())
}

/// The archive of a small model, `bert:1`.
pub(super) fn an_archive() -> Vec<u8> {
    let home = tempfile::tempdir().unwrap();
    let store = ModelStore::at(home.path()).unwrap();
    import(&store, a_model().path(), "bert:1");
    let mut archive = Vec::new();
    store.export_to(&"bert:1".parse().unwrap(), &mut archive, ExportOptions::new()).unwrap();
    archive
}

pub(super) fn compress(tar: &[u8]) -> Vec<u8> {
    zstd::encode_all(tar, 1).unwrap()
}

pub(super) fn decompress(archive: &[u8]) -> Vec<u8> {
    zstd::decode_all(archive).unwrap()
}

/// One entry of a tar.
#[derive(Clone)]
pub(super) struct Member {
    pub(super) kind: EntryType,
    pub(super) path: String,
    pub(super) content: Vec<u8>,
    pub(super) link: Option<String>,
}

impl Member {
    pub(super) fn file(path: &str, content: impl Into<Vec<u8>>) -> Self {
        Self { kind: EntryType::Regular, path: path.into(), content: content.into(), link: None }
    }

    pub(super) fn other(kind: EntryType, path: &str, link: Option<&str>) -> Self {
        Self { kind, path: path.into(), content: Vec::new(), link: link.map(Into::into) }
    }
}

/// The entries of the archive of `bert:1`.
pub(super) fn members() -> Vec<Member> {
    let tar = a_tar();
    let mut archive = tar::Archive::new(tar.as_slice());
    archive
        .entries()
        .unwrap()
        .map(|entry| {
            let mut entry = entry.unwrap();
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            Member::file(&entry.path().unwrap().to_string_lossy(), content)
        })
        .collect()
}

/// A tar of entries, written as they are: the crate's own checks of paths are gone around.
pub(super) fn tar_of(members: &[Member]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    for member in members {
        let mut header = Header::new_gnu();
        header.set_entry_type(member.kind);
        header.set_size(member.content.len() as u64);
        header.set_mode(0o644);
        let path = member.path.as_bytes();
        header.as_old_mut().name[..path.len()].copy_from_slice(path);
        if let Some(link) = &member.link {
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
        }
        header.set_cksum();
        builder.append(&header, member.content.as_slice()).unwrap();
    }
    builder.into_inner().unwrap()
}

/// A model.toml with something replaced.
pub(super) fn edited(from: &str, to: &str) -> Vec<Member> {
    let mut members = members();
    let text = String::from_utf8(members[0].content.clone()).unwrap();
    assert!(text.contains(from), "{text}");
    members[0].content = text.replace(from, to).into_bytes();
    members
}

/// Imports an archive, sees that nothing was written where it should not be, and gives the refusal if it was refused.
pub(super) fn try_import(archive: &[u8]) -> Result<crate::Model, String> {
    try_import_with(archive, ImportOptions::default())
}

pub(super) fn try_import_with(archive: &[u8], options: ImportOptions) -> Result<crate::Model, String> {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("home");
    let store = ModelStore::at(&home).unwrap();

    let imported = store.import_archive(archive, "bert.tar.zst", options);

    let names = |path: &std::path::Path| {
        let entries = std::fs::read_dir(path).into_iter().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(directory.path()), ["home"], "written outside the store");
    assert_eq!(names(&home), [".lock", ".staging", "models"], "written outside the model");
    assert!(names(&home.join(".staging")).is_empty(), "left in the staging directory");
    let found = store.list().unwrap();
    match imported {
        Ok(imported) => {
            assert_eq!(found.len(), 1);
            imported.model.verify().unwrap();
            Ok(imported.model)
        }
        Err(error) => {
            assert!(names(&home.join("models")).is_empty(), "a refused archive is in the store");
            Err(error.to_string())
        }
    }
}
