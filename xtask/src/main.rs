//! Developer commands: `cargo xtask`.

mod command;
mod environments;
mod peers;
mod python;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
Developer commands.

  cargo xtask test            everything that must pass: format, lints, docs, tests, doc examples
  cargo xtask test --quick    the tests alone
  cargo xtask test --peers    re-records what is compared with peers (installs them first; minutes)
  cargo xtask python          the Python package's extension, built in place
  cargo xtask wheel           the Python package's wheel and source distribution, in target/wheels
  cargo xtask bench [TEXTS]   the benchmarks, on a file of texts or on generated ones

Example: cargo xtask test --quick";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["test"] => test::everything(),
        ["test", "--quick"] => test::tests(),
        ["test", "--peers"] => peers::record(),
        ["python"] => python::build(),
        ["wheel"] => python::wheel(),
        ["bench"] => test::benchmarks(None),
        ["bench", texts] => test::benchmarks(Some(texts)),
        [] | ["help" | "--help" | "-h"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => {
            eprintln!("`cargo xtask {}` is not a command\n\n{HELP}", words.join(" "));
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
