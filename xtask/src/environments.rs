//! Python environments with what the tests talk to.

use std::fs;
use std::path::Path;

use crate::command::{root, run};

/// What a test wants to find at `target/test-envs/NAME`, and the versions.
const ENVIRONMENTS: [(&str, &str); 5] = [
    ("onnxruntime", "crates/riverrun-onnx/tests/library/requirements.txt"),
    ("pyflink", "crates/riverrun-python/python/tests/flink/requirements.txt"),
    ("python", "crates/riverrun-python/python/tests/requirements.txt"),
    ("schemathesis", "crates/riverrun-cli/tests/openapi/requirements.txt"),
    ("tritonclient", "crates/riverrun-cli/tests/kserve/requirements.txt"),
];

/// ONNX Runtime's library in its environment, for `ORT_DYLIB_PATH`.
pub(crate) fn onnxruntime() -> Result<String, String> {
    let library = root().join("target/test-envs/onnxruntime/lib");
    let directories = |path: &Path| -> Vec<std::path::PathBuf> {
        fs::read_dir(path).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path())).collect()
    };
    let found = directories(&library)
        .into_iter()
        .flat_map(|python| directories(&python.join("site-packages/onnxruntime/capi")))
        .find(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libonnxruntime.")));
    found.map(|path| path.display().to_string()).ok_or_else(|| {
        format!("no libonnxruntime in {}; delete the environment to have it installed again", library.display())
    })
}

/// Installs what is not there yet in these versions.
pub(crate) fn install() -> Result<(), String> {
    for (name, requirements) in ENVIRONMENTS {
        let environment = format!("target/test-envs/{name}");
        let wanted = read(&root().join(requirements))?;
        // Written last, so that an installation that was broken off is begun again.
        let installed = root().join(&environment).join("installed.txt");
        if fs::read_to_string(&installed).is_ok_and(|versions| versions == wanted) {
            continue;
        }
        run("python3", &["-m", "venv", "--clear", &environment], &[])?;
        let python = format!("{environment}/bin/python");
        run(&python, &["-m", "pip", "install", "--quiet", "-r", requirements], &[])?;
        fs::write(&installed, wanted).map_err(|error| format!("cannot write {}: {error}", installed.display()))?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}
