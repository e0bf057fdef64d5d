//! The side of Riverrun in `bench/tabular/run.py`: times predictions and says them, so that they can be compared.
//!
//!     measure_trees MODEL ROWS.f32 BATCH THREADS SECONDS

// A measurement that cannot begin has nothing to say.
#![allow(clippy::expect_used)]

use std::time::{Duration, Instant};

use riverrun_runner::{Compute, Runner};
use riverrun_tabular::{Table, TreeModel};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, model, rows, batch, threads, seconds] = arguments.as_slice() else {
        panic_with("measure_trees MODEL ROWS.f32 BATCH THREADS SECONDS")
    };
    let number = |text: &String| text.parse::<usize>().expect("a number");
    let seconds = Duration::from_secs_f64(seconds.parse().expect("a number of seconds"));
    let (batch, threads) = (number(batch), number(threads));
    Compute::set_permits(threads);
    let model = TreeModel::load(model).expect("a model");
    let bytes = std::fs::read(rows).expect("rows");
    let values: Vec<f32> = bytes.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect();
    let width = model.features();
    let predictions = model.predict(&values).expect("predictions");
    let batches: Vec<&[f32]> = values.chunks(batch * width).filter(|rows| rows.len() == batch * width).collect();
    let alone = measure(&batches, seconds, |rows| drop(model.predict(rows).expect("predictions")));
    let runner = Runner::new("trees", model);
    runner.init_local().expect("a runner");
    let with_runner = measure(&batches, seconds, |rows| {
        let table = Table::rows(rows.to_vec(), batch).expect("rows");
        drop(runner.run(table).expect("predictions"));
    });
    println!(
        r#"{{"predict_us": {}, "runner_us": {}, "peak_resident_kib": {}, "predictions": {predictions:?}}}"#,
        alone.as_secs_f64() * 1e6,
        with_runner.as_secs_f64() * 1e6,
        peak_resident(),
    );
}

/// The time that one call in ten keeps within, after a fifth of the time to warm up.
fn measure(batches: &[&[f32]], length: Duration, call: impl Fn(&[f32])) -> Duration {
    let begin = Instant::now();
    let mut times = Vec::new();
    for rows in batches.iter().cycle() {
        let now = Instant::now();
        call(rows);
        if begin.elapsed() > length / 5 {
            times.push(now.elapsed());
        }
        if begin.elapsed() > length {
            break;
        }
    }
    times.sort();
    times.get(times.len() / 10).copied().unwrap_or_default()
}

/// The most memory that this process has had at a time, in KiB, as Linux counts it; 0 elsewhere.
fn peak_resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse().ok()).unwrap_or(0)
}

fn panic_with(usage: &str) -> ! {
    eprintln!("{usage}");
    std::process::exit(2)
}
