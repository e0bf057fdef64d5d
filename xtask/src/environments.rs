//! Python environments with what the tests talk to.

use std::fs;
use std::path::Path;

use crate::command::{root, run};

/// What a test wants to find at `target/test-envs/NAME`, and the versions.
const ENVIRONMENTS: [(&str, &str); 3] = [
    ("python", "crates/riverrun-python/python/tests/requirements.txt"),
    ("schemathesis", "crates/riverrun-cli/tests/openapi/requirements.txt"),
    ("tritonclient", "crates/riverrun-cli/tests/kserve/requirements.txt"),
];

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
