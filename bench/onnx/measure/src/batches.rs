//! What a runner adds to a batch.

use std::time::{Duration, Instant};

use riverrun::prelude::*;
use riverrun::runner::Batching;
use serde_json::{Value, json};

use crate::bare::Bare;
use crate::inputs::{item, stacked};
use crate::report::{first_of, peak_resident, quantile};
use crate::{Measured, load};

/// Calls with one batch; the runner and the backend alone take turns call by call, so that what disturbs the machine disturbs both.
pub fn measure(path: &str, backend: &str, numbers: [&str; 4]) -> Measured<Value> {
    let [batch, tokens, threads, seconds] = numbers.map(str::parse::<usize>);
    let (batch, tokens, threads, seconds) = (batch?, tokens?, threads?, seconds?);
    let backend = backend.parse()?;
    Compute::set_permits(threads);
    let model = load(path, backend)?;
    let mut bare = Bare::load(path, backend, threads)?;
    let ready = bare.ready(stacked(&model, 0, batch, tokens))?;
    let items = (0..batch).map(|number| item(&model, number, tokens)).collect::<Measured<Vec<_>>>()?;
    // One batch, whatever its size.
    let batching = Batching::default().max_batch_size(batch).max_batch_cost(batch);
    let runner = Runner::new("measured", model).batching(batching);
    runner.init_local()?;

    let (length, begin) = (Duration::from_secs(seconds as u64), Instant::now());
    let (mut with, mut without) = (Vec::new(), Vec::new());
    let mut outputs = Vec::new();
    while begin.elapsed() < length {
        let inputs = items.clone();
        let started = Instant::now();
        let results = runner.run_batch(inputs)?;
        let took = started.elapsed();
        let started = Instant::now();
        let alone = bare.run(&ready)?;
        let took_alone = started.elapsed();
        if outputs.is_empty() {
            for result in results {
                outputs.extend(first_of(&result?)?);
            }
            let largest = outputs.iter().zip(&alone).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            if outputs.len() != alone.len() || largest > 1e-4 {
                return Err(format!("the runner's outputs differ from the backend's by {largest}").into());
            }
        }
        if begin.elapsed() > length / 5 {
            with.push(took.as_secs_f64() * 1e6);
            without.push(took_alone.as_secs_f64() * 1e6);
        }
    }
    with.sort_by(f64::total_cmp);
    without.sort_by(f64::total_cmp);
    Ok(json!({
        "runner_p50_us": quantile(&with, 0.5),
        "runner_p10_us": quantile(&with, 0.1),
        "bare_p50_us": quantile(&without, 0.5),
        "bare_p10_us": quantile(&without, 0.1),
        "calls": with.len(),
        "outputs": outputs,
        "peak_resident_kib": peak_resident(),
    }))
}
