//! One ONNX model through a runner and through its backend alone; prints one JSON object.
//!
//! `measure stream MODEL BACKEND RECORDS BATCH`: records of numbers through a stream program, and the same rows through the backend in
//! batches of BATCH. `measure batches MODEL BACKEND BATCH TOKENS THREADS SECONDS`: calls with one batch, the runner and the backend in
//! turns. What the figures mean is in the README of `bench/onnx`.

mod bare;
mod batches;
mod inputs;
mod report;
mod stream;

use std::process::ExitCode;

use riverrun::onnx::{BackendKind, OnnxModel, OnnxOptions};

/// A measurement that cannot go on has only to say why.
type Measured<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let measured = match arguments[..] {
        ["stream", model, backend, records, batch] => stream::measure(model, backend, records, batch),
        ["batches", model, backend, batch, tokens, threads, seconds] => {
            batches::measure(model, backend, [batch, tokens, threads, seconds])
        }
        _ => Err(
            "usage: measure stream MODEL BACKEND RECORDS BATCH | batches MODEL BACKEND BATCH TOKENS THREADS SECONDS"
                .into(),
        ),
    };
    match measured {
        Ok(json) => {
            println!("{json}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn load(model: &str, backend: BackendKind) -> Measured<OnnxModel> {
    Ok(OnnxModel::load_with(model, &OnnxOptions::new().backend(backend))?)
}
