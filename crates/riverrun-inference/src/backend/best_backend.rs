//! Which backend was the fastest for a model on this machine: what `riverrun models bench` found out, beside the model's file.
//!
//! It belongs to a CPU, so a store that several machines share keeps what each of them found. It goes with the model when that
//! is deleted, and does not travel with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use riverrun_onnx::BackendKind;

use crate::InferenceError;

/// The name of the file, beside the graph.
const FILE: &str = ".best-backend.json";

/// By the names of CPUs.
type Best = BTreeMap<String, BackendKind>;

fn file(graph: &Path) -> PathBuf {
    graph.with_file_name(FILE)
}

fn read(graph: &Path) -> Best {
    // A file that is missing or damaged says nothing, and is written anew by the next measurement.
    std::fs::read(file(graph)).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default()
}

/// The backend that was the fastest on this machine, if that was measured.
#[must_use]
pub fn recall(graph: &Path) -> Option<BackendKind> {
    read(graph).remove(&cpu())
}

/// Has `best` compute this graph on this machine from now on, where nothing else is asked for. The file that says so.
///
/// # Errors
/// The directory cannot be written.
pub fn remember(graph: &Path, best: BackendKind) -> Result<PathBuf, InferenceError> {
    let mut all = read(graph);
    all.insert(cpu(), best);
    write(graph, &all)
}

/// Forgets what was measured on this machine. Whether there was something.
///
/// # Errors
/// The directory cannot be written.
pub fn forget(graph: &Path) -> Result<bool, InferenceError> {
    let mut all = read(graph);
    let known = all.remove(&cpu()).is_some();
    if known {
        write(graph, &all)?;
    }
    Ok(known)
}

fn write(graph: &Path, all: &Best) -> Result<PathBuf, InferenceError> {
    let path = file(graph);
    let failed = |source| InferenceError::Write { path: path.clone(), source };
    // Renamed into place: whoever loads the model meanwhile reads the old file or the new one.
    let staged = path.with_extension(format!("json.{}", std::process::id()));
    let bytes = serde_json::to_vec_pretty(all).map_err(|error| failed(error.into()))?;
    std::fs::write(&staged, bytes).and_then(|()| std::fs::rename(&staged, &path)).map_err(|source| {
        let _ = std::fs::remove_file(&staged);
        failed(source)
    })?;
    Ok(path)
}

/// What this machine's CPU is called.
#[must_use]
pub fn cpu() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let known = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let name = known.lines().find_map(|line| line.strip_prefix("model name")?.split_once(':'));
    let name = name.map_or(std::env::consts::ARCH, |(_, name)| name.trim());
    format!("{name}, {cores} cores")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_the_fastest_is_known_until_it_is_forgotten_and_a_damaged_file_says_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let graph = directory.path().join("model.onnx");
        assert_eq!(recall(&graph), None);

        let path = remember(&graph, BackendKind::OnnxRuntime).unwrap();
        assert_eq!(recall(&graph), Some(BackendKind::OnnxRuntime));
        assert!(forget(&graph).unwrap() && !forget(&graph).unwrap());
        assert_eq!(recall(&graph), None);

        std::fs::write(&path, "{").unwrap();
        assert_eq!(recall(&graph), None);
        remember(&graph, BackendKind::Rten).unwrap();
        assert_eq!(recall(&graph), Some(BackendKind::Rten));
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1, "nothing staged is left");
    }
}
