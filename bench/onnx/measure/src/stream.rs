//! Records of numbers through a stream program.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use riverrun::onnx::{BackendKind, OnnxModel, Tensors};
use riverrun::prelude::*;
use riverrun::runner::Batching;
use riverrun::stream::StreamRecord;
use riverrun::stream::operator::Readiness;
use riverrun::stream::sink::{NoCommit, Sink, SinkWriter};
use serde_json::{Value, json};

use crate::bare::{Bare, Ready};
use crate::inputs::{ROWS, float, shape_of, stacked};
use crate::report::{first_of, peak_resident};
use crate::{Measured, load};

/// Two cores: two batches at a time, two subtasks.
const CORES: usize = 2;

pub fn measure(path: &str, backend: &str, records: &str, batch: &str) -> Measured<Value> {
    let (backend, records, batch): (BackendKind, u64, usize) = (backend.parse()?, records.parse()?, batch.parse()?);
    Compute::set_permits(CORES);
    let model = load(path, backend)?;
    let [input] = model.inputs() else { return Err("a model with one input is wanted".into()) };
    let width: usize = shape_of(input, 1).iter().product();
    let rows: Arc<Vec<Vec<f32>>> =
        Arc::new((0..ROWS).map(|row| (row * width..(row + 1) * width).map(float).collect()).collect());

    let mut bare = vec![Bare::load(path, backend, 1)?];
    bare.push(bare[0].again(path, 1)?);
    let all = (0..ROWS).step_by(batch).map(|first| bare[0].ready(stacked(&model, first, batch.min(ROWS - first), 1)));
    let ready = all.collect::<Measured<Vec<Ready>>>()?;

    let runner =
        Runner::new("measured", model).batching(Batching::default().max_batch_size(batch).max_batch_cost(batch));
    runner.init_local()?;
    let outputs: Vec<f32> = {
        let results = runner.run_batch(rows.iter().take(64).cloned().collect::<Vec<_>>())?;
        let mut outputs = Vec::new();
        for result in results {
            outputs.extend(first_of(&result?)?);
        }
        outputs
    };

    // A tenth first, to warm up.
    infer(&runner, &rows, records / 10)?;
    let before = runner.stats();
    let (infer_rate, infer_sums) = infer(&runner, &rows, records)?;
    let after = runner.stats();
    let per_batch = records as f64 / (after.batches - before.batches) as f64;
    let (map_rate, map_sums) = map(&runner, &rows, records / 4)?;
    let peak = peak_resident();
    let bare_rate = without(&mut bare, &ready, batch, records)?;
    Ok(json!({
        "infer_per_second": infer_rate,
        "items_per_batch": per_batch,
        "infer_sums": infer_sums,
        "map_per_second": map_rate,
        "map_records": records / 4,
        "map_sums": map_sums,
        "bare_per_second": bare_rate,
        "outputs": outputs,
        "peak_resident_kib": peak,
    }))
}

/// A source of rows, each a vector of its own as a source would read it.
fn source(env: &StreamExecutionEnvironment, rows: &Arc<Vec<Vec<f32>>>, records: u64) -> DataStream<Vec<f32>> {
    let rows = rows.clone();
    env.from_sequence(0, records - 1).map(move |number: u64| rows[number as usize % ROWS].clone()).clone()
}

fn infer(runner: &Runner<OnnxModel>, rows: &Arc<Vec<Vec<f32>>>, records: u64) -> Measured<(f64, Vec<f64>)> {
    let env = StreamExecutionEnvironment::get_execution_environment();
    let sums = Sums::default();
    source(&env, rows, records)
        .infer(runner, |row| row.clone().into())
        .sink_to(SumSink::of(&sums, |(_, result)| result));
    timed(&env, records, &sums)
}

/// As programs do that know of `map` alone: each record waits for its own answer.
fn map(runner: &Runner<OnnxModel>, rows: &Arc<Vec<Vec<f32>>>, records: u64) -> Measured<(f64, Vec<f64>)> {
    let env = StreamExecutionEnvironment::get_execution_environment();
    env.set_parallelism(CORES);
    let (sums, runner) = (Sums::default(), runner.clone());
    source(&env, rows, records)
        .try_map(move |row: Vec<f32>| runner.run(row))
        .sink_to(SumSink::of(&sums, |result| result));
    timed(&env, records, &sums)
}

fn timed(env: &StreamExecutionEnvironment, records: u64, sums: &Sums) -> Measured<(f64, Vec<f64>)> {
    let started = Instant::now();
    env.execute()?;
    let rate = records as f64 / started.elapsed().as_secs_f64();
    if sums.records.load(Ordering::Relaxed) != records {
        return Err("the stream lost records".into());
    }
    Ok((rate, sums.outputs.lock().unwrap_or_else(PoisonError::into_inner).clone()))
}

/// The backend alone on two threads, which take whole batches.
fn without(bare: &mut [Bare], ready: &[Ready], batch: usize, records: u64) -> Measured<f64> {
    let batches = (records as usize).div_ceil(batch);
    let next = AtomicUsize::new(0);
    let started = Instant::now();
    std::thread::scope(|scope| {
        let work = |one: &mut Bare| -> Measured<()> {
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= batches {
                    return Ok(());
                }
                std::hint::black_box(one.run(&ready[number % ready.len()])?);
            }
        };
        let threads: Vec<_> = bare.iter_mut().map(|one| scope.spawn(move || work(one))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().map_err(|_| "a thread panicked")?)
    })?;
    Ok((batches * batch) as f64 / started.elapsed().as_secs_f64())
}

/// The outputs' sums, place by place.
#[derive(Clone, Default)]
struct Sums {
    records: Arc<AtomicU64>,
    outputs: Arc<Mutex<Vec<f64>>>,
}

struct SumSink<T> {
    sums: Sums,
    result: fn(T) -> Tensors,
}

impl<T> SumSink<T> {
    fn of(sums: &Sums, result: fn(T) -> Tensors) -> Self {
        Self { sums: sums.clone(), result }
    }
}

impl<T: riverrun::stream::Data> Sink for SumSink<T> {
    type In = T;
    type Committable = ();
    type Writer = SumWriter<T>;
    type Committer = NoCommit;

    fn name(&self) -> String {
        "sums".to_owned()
    }

    fn create_writer(&self, _: &RuntimeContext, _: Vec<Vec<u8>>) -> Result<SumWriter<T>> {
        Ok(SumWriter { sums: self.sums.clone(), result: self.result })
    }

    fn create_committer(&self, _: &RuntimeContext) -> Result<NoCommit> {
        Ok(NoCommit)
    }
}

struct SumWriter<T> {
    sums: Sums,
    result: fn(T) -> Tensors,
}

impl<T: riverrun::stream::Data> SinkWriter for SumWriter<T> {
    type In = T;
    type Committable = ();

    fn write(&mut self, records: Vec<StreamRecord<T>>) -> Result<Readiness> {
        self.sums.records.fetch_add(records.len() as u64, Ordering::Relaxed);
        let mut sums = self.sums.outputs.lock().unwrap_or_else(PoisonError::into_inner);
        for record in records {
            let result = (self.result)(record.value);
            let outputs = first_of(&result).map_err(|error| FunctionError::new(error.to_string()))?;
            sums.resize(outputs.len(), 0.0);
            sums.iter_mut().zip(outputs).for_each(|(sum, output)| *sum += f64::from(*output));
        }
        Ok(Readiness::Ready)
    }
}
