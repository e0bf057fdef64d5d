//! A fixture's copy that a test may spoil.

use std::path::{Path, PathBuf};

pub(crate) struct CopiedModel(tempfile::TempDir);

#[allow(dead_code, reason = "each test binary uses its own part")]
impl CopiedModel {
    pub(crate) fn new(fixture: &str) -> Self {
        Self::of(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(fixture))
    }

    pub(crate) fn of(source: &Path) -> Self {
        let copy = tempfile::tempdir().unwrap();
        for entry in std::fs::read_dir(source).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        Self(copy)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.path().join(name), content).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path().join(name)).unwrap()
    }

    pub(crate) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path().join(name)).unwrap();
    }

    pub(crate) fn edit_config(&self, edit: impl FnOnce(&mut serde_json::Value)) {
        let mut config = serde_json::from_slice(&self.read("config.json")).unwrap();
        edit(&mut config);
        self.write("config.json", config.to_string());
    }
}
