//! The `riverrun` command: keeps models, applies them to records, and serves them.
//!
//! Results go to standard output, everything for people to standard error.

mod apply;
mod classify;
mod cli;
mod embed;
mod failure;
mod models;
mod ner;
mod predict;
mod printable;
mod rerank;
mod serve;

use std::process::ExitCode;

use clap::Parser;

use cli::{Arguments, Command};

fn main() -> ExitCode {
    if let Err(failure) = serve::become_python() {
        return failure.report();
    }
    let done = match Arguments::parse().command {
        Command::Models(arguments) => models::run(*arguments),
        Command::Classify(arguments) => classify::run(&arguments),
        Command::Embed(arguments) => embed::run(&arguments),
        Command::Ner(arguments) => ner::run(&arguments),
        Command::Rerank(arguments) => rerank::run(&arguments),
        Command::Predict(arguments) => predict::run(*arguments),
        Command::Serve(arguments) => serve::run(*arguments),
    };
    done.map_or_else(|failure| failure.report(), |()| ExitCode::SUCCESS)
}
