//! The `riverrun` command: keeps models, applies them to lines of text, and serves them.
//!
//! Results go to standard output, everything for people to standard error.

mod classify;
mod cli;
mod failure;
mod models;
mod printable;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use cli::{Arguments, Command};

fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Models(arguments) => models::run(arguments),
        Command::Classify(arguments) => classify::run(arguments),
        Command::Serve(arguments) => serve::run(*arguments),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}
