//! How fast each candidate is.

use std::time::{Duration, Instant};

use riverrun::runner::wire::Payload;
use riverrun::runner::{AnyRunner, Call, Inputs, RequestOptions};
use tokio::runtime::Runtime;

use super::candidates::Loaded;
use crate::failure::{Failure, Result};

/// How many rounds there are unless said otherwise, each of all candidates.
pub(super) const ROUNDS: usize = 5;

/// How long a candidate computes batches in a round, and how many records it computes one by one.
const BATCHES: Duration = Duration::from_millis(300);
const ONES: usize = 15;

/// The medians of a candidate's rounds.
pub(super) struct Figures {
    pub(super) per_second: f64,
    pub(super) p50: Duration,
}

/// Measures all candidates in turn, round by round, so that what else the machine does meets all of them.
pub(super) fn measure(candidates: &[Loaded], samples: &[Payload], rounds: usize) -> Result<Vec<Figures>> {
    let runtime = runtime()?;
    let mut rates = vec![Vec::new(); candidates.len()];
    let mut ones = vec![Vec::new(); candidates.len()];
    for round in 0..=rounds {
        for turn in 0..candidates.len() {
            let index = (round + turn) % candidates.len();
            let runner = &*candidates[index].runner;
            let rate = batches(&runtime, runner, samples)?;
            let times = one_by_one(&runtime, runner, samples)?;
            // The first round warms up.
            if round > 0 {
                rates[index].push(rate);
                ones[index].extend(times);
            }
        }
    }
    let figures = rates.into_iter().zip(ones).map(|(mut rates, mut ones)| {
        rates.sort_by(f64::total_cmp);
        ones.sort_unstable();
        Figures {
            per_second: rates.get(rates.len() / 2).copied().unwrap_or_default(),
            p50: ones.get(ones.len() / 2).copied().unwrap_or_default(),
        }
    });
    Ok(figures.collect())
}

/// Computes the first sample; what is wrong otherwise.
pub(super) fn one(runner: &dyn AnyRunner, samples: &[Payload]) -> Result<std::result::Result<(), String>> {
    Ok(call(&runtime()?, runner, samples.iter().take(1).cloned().collect()).map(drop))
}

fn batches(runtime: &Runtime, runner: &dyn AnyRunner, samples: &[Payload]) -> Result<f64> {
    let (start, mut records) = (Instant::now(), 0_u32);
    while start.elapsed() < BATCHES {
        records += u32::try_from(samples.len()).unwrap_or(u32::MAX);
        call(runtime, runner, samples.to_vec()).map_err(Failure::Failed)?;
    }
    Ok(f64::from(records) / start.elapsed().as_secs_f64())
}

fn one_by_one(runtime: &Runtime, runner: &dyn AnyRunner, samples: &[Payload]) -> Result<Vec<Duration>> {
    let each = samples.iter().cycle().take(ONES);
    each.map(|sample| {
        let start = Instant::now();
        call(runtime, runner, vec![sample.clone()]).map_err(Failure::Failed)?;
        Ok(start.elapsed())
    })
    .collect()
}

/// Computes the payloads, of which none may fail: a failure is quick.
fn call(runtime: &Runtime, runner: &dyn AnyRunner, payloads: Vec<Payload>) -> std::result::Result<(), String> {
    let call = Call { method: None, inputs: Inputs::Payloads(payloads), options: RequestOptions::new() };
    let answers = runtime.block_on(runner.call(call)).map_err(|error| error.to_string())?;
    match answers.first_error() {
        Some((_, error)) => Err(error.to_string()),
        None => Ok(()),
    }
}

fn runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::Failed(format!("cannot start a thread: {error}; raise the limit of threads")))
}
