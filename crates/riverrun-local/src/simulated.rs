//! The simulated driver: all tasks on one thread, in an order drawn from a seed, with a clock of its own.

use std::sync::Arc;
use std::time::{Duration, Instant};

use riverrun_stream::graph::StreamGraph;
use riverrun_stream::host::RunningJob;
use riverrun_stream::{Error, Host, JobClient, Timestamp};

use crate::deploy::{Sizes, deploy};
use crate::simulated_futures::SimulatedFutures;
use crate::task::Progress;

/// Runs a job on the calling thread. The seed decides which task moves next, how large channels and batches are, and how
/// time passes; the same seed gives the same run, as long as no operator waits for something outside: a thread, a timer, a
/// service.
///
/// A job that is submitted to it has ended when its client is there.
#[derive(Debug)]
pub struct SimulatedHost {
    seed: u64,
    cancel_after: Option<usize>,
}

impl SimulatedHost {
    /// A host with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed, cancel_after: None }
    }

    /// Cancels each job after this many steps of its tasks, if it has not ended by then.
    #[must_use]
    pub fn cancelling_after(self, steps: usize) -> Self {
        Self { cancel_after: Some(steps), ..self }
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, and good enough to draw schedules.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % below.max(1) as u64) as usize
    }
}

impl Host for SimulatedHost {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn default_parallelism(&self) -> usize {
        1
    }

    fn submit(&self, graph: StreamGraph) -> Result<JobClient, Error> {
        let mut random = Random(self.seed);
        let sizes =
            Sizes { channel: 1 + random.next(4), batch: 1 << random.next(8), sort_memory: 1 << (9 + random.next(12)) };
        let futures = SimulatedFutures::default();
        let (job, mut tasks) = deploy(&graph, sizes, &|| Arc::new(futures.clone()))?;
        let mut now: Timestamp = 0;
        // Tasks that sleep, as on a thread: until they are woken or their alarm is over, so that a wake-up that nobody
        // gives is found here.
        let mut waiting: Vec<Option<Option<Timestamp>>> = vec![None; tasks.len()];
        let mut steps = 0;
        job.start();
        while !tasks.is_empty() {
            if self.cancel_after == Some(steps) {
                job.cancel();
            }
            for (task, sleep) in tasks.iter().zip(&mut waiting) {
                let due = |alarm: &Option<Timestamp>| alarm.is_some_and(|alarm| alarm <= now) || task.waker.take();
                if sleep.as_ref().is_some_and(due) {
                    *sleep = None;
                }
            }
            let movable: Vec<usize> = (0..tasks.len()).filter(|&task| waiting[task].is_none()).collect();
            let ready = futures.ready();
            let chosen = random.next(movable.len() + ready);
            if let Some(future) = chosen.checked_sub(movable.len()).filter(|&future| future < ready) {
                if let Err(error) = futures.poll(future) {
                    job.fail(Error::Host { host: "simulated", job: graph.job_name.clone(), reason: error.to_string() });
                }
                continue;
            }
            let Some(&chosen) = movable.get(chosen) else {
                let alarm = waiting.iter().flatten().flatten().min();
                // What a call waits for takes its time, which passes for the tasks, too.
                let until_alarm = alarm.map(|alarm| Duration::from_millis(alarm.saturating_sub(now).unsigned_abs()));
                let began = Instant::now();
                if futures.wait(until_alarm) && until_alarm.is_none_or(|until_alarm| began.elapsed() < until_alarm) {
                    now += Timestamp::try_from(began.elapsed().as_millis()).unwrap_or(0);
                    continue;
                }
                let Some(alarm) = alarm else {
                    let names = tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>().join(", ");
                    let reason = format!("with seed {} no task can move any more: {names}", self.seed);
                    job.fail(Error::Host { host: "simulated", job: graph.job_name.clone(), reason });
                    continue;
                };
                now = now.max(*alarm);
                continue;
            };
            now += random.next(3) as Timestamp;
            steps += 1;
            match tasks[chosen].step(now) {
                Progress::Moved => {}
                Progress::Waiting(alarm) => waiting[chosen] = Some(alarm),
                Progress::Done => {
                    drop(tasks.remove(chosen));
                    waiting.remove(chosen);
                    job.release(Duration::from_millis(now.unsigned_abs()));
                }
            }
        }
        job.release(Duration::from_millis(now.unsigned_abs()));
        Ok(JobClient::new(job))
    }
}
