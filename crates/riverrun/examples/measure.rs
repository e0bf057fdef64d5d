//! Measures a text classifier in this process: in a stream, in batches, and one text at a time.
//!
//! `measure MODEL_DIRECTORY TEXTS_FILE` prints one JSON object; the file has one text per line. With `first` after them, it
//! runs the stream program alone, from loading the model to the last result; with `callers ROUNDS`, batches and eight threads
//! that call single texts in turns; with `alone ROUNDS`, one text after the other; with `weights ROUNDS`, weights of its own and
//! weights that processes share; with `agreement`, how far its answers are from those in f32, all labels of all texts. The
//! environment's `MEASURE_PRECISION` is the precision, `f32` without it. Tokenization is always inside; how the figures compare with those of other runtimes is in
//! `bench/peers/README.md`.

use std::fmt::Write as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use riverrun::inference::backend::Sharing;
use riverrun::inference::kernels::Cpu;
use riverrun::inference::{InferenceError, Precision, Task, TextTokenizer, TopK, Truncation};
use riverrun::prelude::*;
use riverrun::runner::RunnerError;
use riverrun::stream::StreamRecord;
use riverrun::stream::operator::Readiness;
use riverrun::stream::sink::{NoCommit, Sink, SinkWriter};

type Classified = (String, Vec<Classification>);

/// How many texts make up a batch of the token-sorted measurement.
const SORTED_BATCH: usize = 8;

/// How many threads call single texts at a time.
const CALLERS: usize = 8;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let measured = match arguments[..] {
        [model, texts] => measure(model, texts),
        [model, texts, "first"] => measure_first(model, texts),
        [model, texts, "callers", rounds] => measure_callers(model, texts, rounds),
        [model, texts, "alone", rounds] => measure_alone(model, texts, rounds),
        [model, texts, "weights", rounds] => measure_weights(model, texts, rounds),
        [model, texts, "agreement"] => measure_agreement(model, texts),
        _ => Err(FunctionError::new(
            "usage: measure MODEL_DIRECTORY TEXTS_FILE [first | callers ROUNDS | alone ROUNDS | weights ROUNDS | agreement]",
        )),
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

fn measure_first(model: &str, texts: &str) -> Result<String> {
    let texts = read_texts(texts)?;
    let started = Instant::now();
    let checksum = run_stream(&load(model)?, &texts)?;
    Ok(format!(r#"{{"records":{},"seconds":{}}}"#, checksum.records(), started.elapsed().as_secs_f64()))
}

/// The machine's other load differs from one second to the next, so the two take turns and each round has its own ratio.
fn measure_callers(model: &str, texts: &str, rounds: &str) -> Result<String> {
    let texts = read_texts(texts)?;
    let rounds = number_of(rounds)?;
    let runner = load(model)?;
    run_all(&runner, &texts)?;
    let mut lines = Vec::with_capacity(rounds);
    let mut ratios = Vec::with_capacity(rounds);
    for _ in 0..rounds {
        let count = texts.len() as f64;
        let (started, cpu) = (Instant::now(), cpu_seconds());
        run_all(&runner, &texts)?;
        let batch = count / started.elapsed().as_secs_f64();
        let batch_cpu = cpu_seconds() - cpu;
        let (before, cpu) = (runner.stats(), cpu_seconds());
        let callers = count / run_callers(&runner, &texts)?.as_secs_f64();
        let callers_cpu = cpu_seconds() - cpu;
        let batches = runner.stats().batches - before.batches;
        lines.push(format!(
            r#"{{"batch_per_second":{batch:.1},"callers8_per_second":{callers:.1},"ratio":{:.3},"batch_cores":{:.2},"callers8_cores":{:.2},"batch_cpu_ms":{:.2},"callers8_cpu_ms":{:.2},"items_per_batch":{:.2}}}"#,
            callers / batch,
            batch_cpu * batch / count,
            callers_cpu * callers / count,
            1e3 * batch_cpu / count,
            1e3 * callers_cpu / count,
            count / batches as f64,
        ));
        ratios.push(callers / batch);
    }
    ratios.sort_by(f64::total_cmp);
    let (least, median) = (quantile(&ratios, 0.0), quantile(&ratios, 0.5));
    Ok(format!("{{\"rounds\":[\n{}\n],\"median_ratio\":{median:.3},\"least_ratio\":{least:.3}}}", lines.join(",\n")))
}

fn measure(model: &str, texts: &str) -> Result<String> {
    let texts = read_texts(texts)?;
    let loading = Instant::now();
    let runner = load(model)?;
    let load = loading.elapsed();
    let resident_loaded = resident("VmRSS:");
    run_all(&runner, &texts[..texts.len().min(64)])?;

    let started = Instant::now();
    let streamed = run_stream(&runner, &texts)?;
    let stream = started.elapsed();

    let started = Instant::now();
    let outputs = run_all(&runner, &texts)?;
    let batch = started.elapsed();

    let called = run_callers(&runner, &texts)?;

    let batched = Checksum::default();
    outputs.iter().for_each(|labels| batched.add(labels));
    if streamed.records() != texts.len() as u64 {
        let message = format!("the stream put out {} records for {} texts", streamed.records(), texts.len());
        return Err(FunctionError::new(message));
    }

    let alone = run_alone(&texts, |text| runner.run(text))?;
    let on_runtime = tokio::runtime::Builder::new_multi_thread().build();
    let on_runtime = on_runtime.map_err(|error| FunctionError::new(error.to_string()))?;
    let alone_async = run_alone(&texts, |text| on_runtime.block_on(runner.async_run(text)))?;
    let peak_resident = resident("VmHWM:");
    let sorted = run_sorted(&runner, model, &texts)?;

    let [tokenized, tokenized_again] = tokenize(model, &texts)?;

    let rate = |elapsed: Duration| texts.len() as f64 / elapsed.as_secs_f64();
    let mut json = format!(
        r#"{{"texts":{},"permits":{},"cpu":{},"load_seconds":{},"stream_per_second":{},"batch_per_second":{},"callers8_per_second":{},"alone_p50_ms":{},"alone_p99_ms":{},"alone_async_p50_ms":{},"sorted8_per_second":{},"tokenize_micros":{tokenized},"tokenize_again_micros":{tokenized_again},"resident_loaded_kib":{resident_loaded},"peak_resident_kib":{peak_resident},"stream_equals_batch":{}"#,
        texts.len(),
        Compute::permits(),
        text(&format!("{:?}", Cpu::chosen().map_err(|error| FunctionError::new(error.to_string()))?)),
        load.as_secs_f64(),
        rate(stream),
        rate(batch),
        rate(called),
        quantile(&alone, 0.5),
        quantile(&alone, 0.99),
        quantile(&alone_async, 0.5),
        rate(sorted),
        streamed.value() == batched.value(),
    );
    push_list(&mut json, "labels", outputs.iter().map(|labels| labels.first().map(|best| text(best.label.as_str()))));
    push_list(&mut json, "scores", outputs.iter().map(|labels| labels.first().map(|best| best.score.to_string())));
    json.push('}');
    Ok(json)
}

/// Microseconds a text on one thread: of words that are seen for the first time, and of those that are remembered.
fn tokenize(model: &str, texts: &[String]) -> Result<[f64; 2]> {
    let tokenizer = TextTokenizer::load(model.as_ref(), usize::MAX, 512, None, Truncation::On)?;
    let mut micros = [0.0; 2];
    for micros in &mut micros {
        let started = Instant::now();
        for text in texts {
            std::hint::black_box(tokenizer.tokenize(text, None)?);
        }
        *micros = started.elapsed().as_secs_f64() * 1e6 / texts.len() as f64;
    }
    Ok(micros)
}

/// The median of each round, the least of which the machine's other load has disturbed least.
fn measure_alone(model: &str, texts: &str, rounds: &str) -> Result<String> {
    let (texts, runner) = (read_texts(texts)?, load(model)?);
    runner.warm_up()?;
    let mut medians = Vec::new();
    for _ in 0..number_of(rounds)? {
        let times = run_alone(&texts, |text| runner.run(text))?;
        medians.push(quantile(&times, 0.5).to_string());
    }
    Ok(format!(r#"{{"permits":{},"alone_p50_ms":[{}]}}"#, Compute::permits(), medians.join(",")))
}

/// Weights of this process beside those of a file that processes share, which take turns. The model's directory gets the file.
fn measure_weights(model: &str, texts: &str, rounds: &str) -> Result<String> {
    let texts = read_texts(texts)?;
    let options = TextClassificationOptions::new().precision(precision()?);
    let loaded = |sharing| -> Result<_> {
        let (started, before) = (Instant::now(), kibibytes(["RssAnon:", "RssFile:"]));
        let task = TextClassification::load_from(model.as_ref(), options.clone(), sharing)?;
        let seconds = started.elapsed().as_secs_f64();
        let runner = Runner::new("measured", task);
        runner.init_local()?;
        run_all(&runner, &texts)?;
        let after = kibibytes(["RssAnon:", "RssFile:"]);
        let memory = format!(
            r#"{{"load_seconds":{seconds},"anonymous_kib":{},"file_kib":{}}}"#,
            after[0] - before[0],
            after[1] - before[1]
        );
        Ok((runner, memory))
    };
    // The first of all writes the file.
    drop(TextClassification::load_from(model.as_ref(), options.clone(), Sharing::Shared)?);
    let (own, own_memory) = loaded(Sharing::Own)?;
    let (shared, shared_memory) = loaded(Sharing::Shared)?;
    let mut lines = Vec::new();
    for _ in 0..number_of(rounds)? {
        let mut line = Vec::new();
        for (name, runner) in [("own", &own), ("shared", &shared)] {
            let alone = quantile(&run_alone(&texts, |text| runner.run(text))?, 0.5);
            let started = Instant::now();
            run_all(runner, &texts)?;
            let rate = texts.len() as f64 / started.elapsed().as_secs_f64();
            line.push(format!(r#""{name}_alone_p50_ms":{alone},"{name}_per_second":{rate}"#));
        }
        lines.push(format!("{{{}}}", line.join(",")));
    }
    let rounds = lines.join(",\n");
    Ok(format!("{{\"own\":{own_memory},\"shared\":{shared_memory},\"rounds\":[\n{rounds}\n]}}"))
}

fn number_of(rounds: &str) -> Result<usize> {
    rounds.parse().map_err(|_| FunctionError::new(format!("`{rounds}` is no number of rounds")))
}

/// How often the best label is that of f32, and how far all labels' scores are from it.
fn measure_agreement(model: &str, texts: &str) -> Result<String> {
    let (texts, precision) = (read_texts(texts)?, precision()?);
    let options = TextClassificationOptions::new().top_k(TopK::All);
    let full = run_all(&load_with(model, options.clone())?, &texts)?;
    let rounded = run_all(&load_with(model, options.precision(precision))?, &texts)?;
    let (mut same, mut sum, mut count, mut largest) = (0_usize, 0.0_f64, 0_usize, 0.0_f64);
    for (full, rounded) in full.iter().zip(&rounded) {
        same += usize::from(full.first().map(|best| &best.label) == rounded.first().map(|best| &best.label));
        for label in full {
            let other = rounded.iter().find(|other| other.label == label.label).map_or(0.0, |other| other.score);
            let difference = f64::from((label.score - other).abs());
            (sum, count, largest) = (sum + difference, count + 1, largest.max(difference));
        }
    }
    let (share, mean) = (same as f64 / texts.len() as f64, sum / count as f64);
    Ok(format!(
        r#"{{"precision":"{precision}","texts":{},"best_label":{share},"mean_difference":{mean},"largest_difference":{largest}}}"#,
        texts.len(),
    ))
}

fn read_texts(path: &str) -> Result<Vec<String>> {
    let texts = std::fs::read_to_string(path).map_err(|error| FunctionError::new(format!("{path}: {error}")))?;
    Ok(texts.lines().map(str::to_owned).collect())
}

fn load(model: &str) -> Result<Runner<TextClassification>> {
    load_with(model, TextClassificationOptions::new().precision(precision()?))
}

fn load_with(model: &str, options: TextClassificationOptions) -> Result<Runner<TextClassification>> {
    let runner = Runner::new("measured", TextClassification::load(model, options)?);
    runner.init_local()?;
    Ok(runner)
}

fn precision() -> Result<Precision> {
    Ok(std::env::var("MEASURE_PRECISION").map_or(Ok(Precision::F32), |name| name.parse())?)
}

/// A whole stream program, with the parallelism that a program has when it sets none.
fn run_stream(runner: &Runner<TextClassification>, texts: &[String]) -> Result<Arc<Checksum>> {
    let checksum = Arc::new(Checksum::default());
    let env = StreamExecutionEnvironment::get_execution_environment();
    env.from_collection(texts.iter().cloned())
        .infer(runner, |text| text.as_str().into())
        .sink_to(ChecksumSink(checksum.clone()));
    env.execute()?;
    Ok(checksum)
}

fn run_all(runner: &Runner<TextClassification>, texts: &[String]) -> Result<Vec<Vec<Classification>>, RunnerError> {
    runner.run_batch(texts.to_vec())?.into_iter().collect()
}

/// Single texts in arrival order, from several threads that each wait for their answer.
fn run_callers(runner: &Runner<TextClassification>, texts: &[String]) -> Result<Duration> {
    let next = AtomicUsize::new(0);
    run_at_a_time(CALLERS, || {
        while let Some(text) = texts.get(next.fetch_add(1, Ordering::Relaxed)) {
            runner.run(text.as_str())?;
        }
        Ok(())
    })
}

/// The time that so many threads take for `work`.
fn run_at_a_time(threads: usize, work: impl Fn() -> Result<(), RunnerError> + Sync) -> Result<Duration> {
    let started = Instant::now();
    let results: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        threads.into_iter().map(|thread| thread.join()).collect()
    });
    let elapsed = started.elapsed();
    for result in results {
        result.map_err(|_| FunctionError::new("a caller panicked"))??;
    }
    Ok(elapsed)
}

/// The milliseconds that each text takes from an otherwise idle runner, sorted.
fn run_alone<T>(texts: &[String], run: impl Fn(&str) -> Result<T, RunnerError>) -> Result<Vec<f64>> {
    let mut milliseconds = Vec::with_capacity(texts.len());
    for text in texts {
        let started = Instant::now();
        run(text)?;
        milliseconds.push(started.elapsed().as_secs_f64() * 1e3);
    }
    milliseconds.sort_by(f64::total_cmp);
    Ok(milliseconds)
}

/// Batches of texts of like length, from as many callers as batches are computed at a time. Sorting is not in the time.
fn run_sorted(runner: &Runner<TextClassification>, model: &str, texts: &[String]) -> Result<Duration> {
    let tokenizer = TextTokenizer::load(model.as_ref(), usize::MAX, 512, None, Truncation::On)?;
    let mut sorted = texts
        .iter()
        .map(|text| tokenizer.tokenize(text, None).map(|tokens| (tokens.ids.len(), text.clone())))
        .collect::<Result<Vec<_>, InferenceError>>()?;
    sorted.sort();
    let sorted: Vec<String> = sorted.into_iter().map(|(_, text)| text).collect();
    let batches: Vec<&[String]> = sorted.chunks(SORTED_BATCH).collect();

    let next = AtomicUsize::new(0);
    run_at_a_time(Compute::permits(), || {
        while let Some(batch) = batches.get(next.fetch_add(1, Ordering::Relaxed)) {
            run_all(runner, batch)?;
        }
        Ok(())
    })
}

/// A sum over results that does not depend on their order.
#[derive(Default)]
struct Checksum {
    records: AtomicU64,
    value: AtomicU64,
}

impl Checksum {
    fn add(&self, labels: &[Classification]) {
        let value = labels.first().map_or(0, |best| {
            let label = best.label.as_str().bytes().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(byte));
            label.wrapping_mul(u64::from(best.score.to_bits()))
        });
        self.value.fetch_add(value, Ordering::Relaxed);
        self.records.fetch_add(1, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.value.load(Ordering::Relaxed)
    }

    fn records(&self) -> u64 {
        self.records.load(Ordering::Relaxed)
    }
}

/// Adds up what it is given.
struct ChecksumSink(Arc<Checksum>);

impl Sink for ChecksumSink {
    type In = Classified;
    type Committable = ();
    type Writer = ChecksumWriter;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "checksum".to_owned()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<ChecksumWriter> {
        Ok(ChecksumWriter(self.0.clone()))
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

struct ChecksumWriter(Arc<Checksum>);

impl SinkWriter for ChecksumWriter {
    type In = Classified;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<Classified>>) -> Result<Readiness> {
        records.iter().for_each(|record| self.0.add(&record.value.1));
        Ok(Readiness::Ready)
    }
}

fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let index = (sorted.len() as f64 * quantile) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// What this process has computed, as Linux counts it; 0 elsewhere.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    // User and system time, in hundredths of a second.
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// A line of Linux's account of this process, in KiB; `null` elsewhere.
fn resident(line: &str) -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|found| found.strip_prefix(line)?.trim().strip_suffix("kB"));
    value.map_or_else(|| "null".to_owned(), |value| value.trim().to_owned())
}

fn kibibytes(lines: [&str; 2]) -> [i64; 2] {
    lines.map(|line| resident(line).parse().unwrap_or_default())
}

/// A JSON string.
fn text(value: &str) -> String {
    let mut json = String::from('"');
    for character in value.chars() {
        match character {
            '"' | '\\' => json.extend(['\\', character]),
            _ if character.is_control() => {
                let _ = write!(json, "\\u{:04x}", u32::from(character));
            }
            _ => json.push(character),
        }
    }
    json.push('"');
    json
}

fn push_list(json: &mut String, name: &str, values: impl Iterator<Item = Option<String>>) {
    let values: Vec<String> = values.map(|value| value.unwrap_or_else(|| "null".to_owned())).collect();
    let _ = write!(json, r#","{name}":[{}]"#, values.join(","));
}
