//! Where ONNX Runtime's library is: `ORT_DYLIB_PATH`, the Python package `onnxruntime`, or wherever the system looks.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::error::OnnxError;

/// Says where the package is without loading it. The working directory is left out: whoever can write there must not choose what is loaded.
const PYTHON: &str = "import sys, importlib.util as u; sys.path = [p for p in sys.path if p]; \
                      s = u.find_spec('onnxruntime'); print(s.submodule_search_locations[0] if s else '')";

/// Loads the library once for the process; where it was found.
pub(crate) fn load() -> Result<&'static Path, OnnxError> {
    static LOADED: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let loaded = LOADED.get_or_init(|| {
        let path = find()?;
        let environment = ort::init_from(&path).map_err(|error| error.to_string())?;
        environment.with_name("riverrun").with_telemetry(false).commit();
        Ok(path)
    });
    match loaded {
        Ok(path) => Ok(path),
        Err(problem) => Err(OnnxError::Library { problem: problem.clone() }),
    }
}

fn find() -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("ORT_DYLIB_PATH").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        return if path.exists() {
            Ok(path)
        } else {
            Err(format!("ORT_DYLIB_PATH is {}, where nothing is", path.display()))
        };
    }
    if let Some(path) = package().and_then(|package| in_package(&package)) {
        return Ok(path);
    }
    // The loader looks through the system's own places for a name without a path.
    let name = library_name();
    if ort::init_from(name).is_ok() {
        return Ok(PathBuf::from(name));
    }
    Err(format!(
        "ORT_DYLIB_PATH is not set, `python3` has no package `onnxruntime`, and the system has no {name}; `pip install \
         onnxruntime`, or set ORT_DYLIB_PATH to the library"
    ))
}

fn library_name() -> &'static str {
    if cfg!(target_os = "windows") {
        "onnxruntime.dll"
    } else if cfg!(target_os = "macos") {
        "libonnxruntime.dylib"
    } else {
        "libonnxruntime.so"
    }
}

/// The directory of the Python package.
fn package() -> Option<PathBuf> {
    let python = if cfg!(target_os = "windows") { "python" } else { "python3" };
    let said = Command::new(python).args(["-c", PYTHON]).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let path = String::from_utf8(said.stdout).ok()?;
    Some(PathBuf::from(path.trim())).filter(|path| path.is_dir())
}

/// `capi/libonnxruntime.so.1.22.0`, whatever the version.
fn in_package(package: &Path) -> Option<PathBuf> {
    let is_library = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        name.starts_with("libonnxruntime.") || name == "onnxruntime.dll"
    };
    std::fs::read_dir(package.join("capi")).ok()?.filter_map(|entry| Some(entry.ok()?.path())).find(is_library)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_library_of_a_package_is_found_whatever_its_version() {
        let package = tempfile::tempdir().unwrap();
        assert_eq!(in_package(package.path()), None);

        std::fs::create_dir(package.path().join("capi")).unwrap();
        for name in ["libonnxruntime_providers_shared.so", "onnxruntime_pybind11_state.so", "libonnxruntime.so.1.32.0"]
        {
            std::fs::write(package.path().join("capi").join(name), "").unwrap();
        }
        assert!(in_package(package.path()).unwrap().ends_with("capi/libonnxruntime.so.1.32.0"));
    }
}
