//! What `main!` expands to.

use std::process::ExitCode;

use riverrun_stream::{Result, StreamExecutionEnvironment};

use crate::GetExecutionEnvironment;

/// Runs a job function on the default host; its error is one line on standard error and exit code 1.
#[doc(hidden)]
pub fn run(job: impl FnOnce(&StreamExecutionEnvironment) -> Result) -> ExitCode {
    match job(&StreamExecutionEnvironment::get_execution_environment()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Makes a job function, `fn(&StreamExecutionEnvironment) -> Result`, the program.
///
/// A job function is what every host can run: it builds the same graph each time it is called.
#[macro_export]
macro_rules! main {
    ($job:path) => {
        fn main() -> ::std::process::ExitCode {
            $crate::run($job)
        }
    };
}
