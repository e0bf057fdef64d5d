//! `riverrun serve module:service`: functions of Python, which its package serves.

use std::env;
use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use crate::failure::{Failure, Result};

const PYTHON: &str = "python3";

/// The package's command line, or what to do where the package is not.
const PROGRAM: &str = "\
import sys
try:
    from riverrun.service.command import main
except ModuleNotFoundError as error:
    if (error.name or '').partition('.')[0] != 'riverrun':
        raise
    sys.exit(f'riverrun: {sys.executable} does not have the package riverrun, which serves functions of Python; '
             'install it there with `python3 -m pip install riverrun`, or activate the environment that has it')
main()
";

/// Becomes Python, if what is to be served is a service of a Python module; its options are Python's.
pub(crate) fn run_if_asked() -> Result {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    if !is_asked(&arguments, Path::new(".")) {
        return Ok(());
    }
    let error = Command::new(PYTHON).arg("-c").arg(PROGRAM).args(arguments).exec();
    Err(Failure::Failed(format!(
        "cannot start {PYTHON}, which serves functions of Python: {error}; put it on the PATH"
    )))
}

fn is_asked(arguments: &[OsString], directory: &Path) -> bool {
    let [command, rest @ ..] = arguments else { return false };
    command == "serve"
        && rest.iter().filter_map(|argument| argument.to_str()).any(|text| names_a_service(text, directory))
}

/// Whether it is `module:variable` of a module that is there, or names a file of Python.
fn names_a_service(text: &str, directory: &Path) -> bool {
    let is_python = |file: &str| Path::new(file).extension() == Some(OsStr::new("py"));
    let Some((module, variable)) = text.split_once(':') else { return is_python(text) };
    if !is_identifier(variable) {
        return false;
    }
    let path = directory.join(module.replace('.', "/"));
    is_python(module)
        || module.split('.').all(is_identifier)
            && (path.with_extension("py").is_file() || path.join("__init__.py").is_file())
}

fn is_identifier(text: &str) -> bool {
    !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_service_of_python_is_told_from_a_model() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("app")).unwrap();
        for file in ["service.py", "app/__init__.py", "app/api.py"] {
            fs::write(directory.path().join(file), "").unwrap();
        }
        let asked = |line: &str| {
            let arguments: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            is_asked(&arguments, directory.path())
        };
        for python in [
            "service:svc",
            "--port 0 service:svc",
            "app.api:svc",
            "app:svc",
            "app/api.py:svc",
            "gone.py",
            "gone.py:svc",
        ] {
            assert!(asked(&format!("serve {python}")), "{python}");
        }
        for model in
            ["sentiment", "sentiment:1.0", "service:1.0", "other:svc", "service", "--route a=/service:svc", "a.b:c"]
        {
            assert!(!asked(&format!("serve {model}")), "{model}");
        }
        assert!(!asked("classify service.py"));
    }
}
