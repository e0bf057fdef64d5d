//! The simulated driver: all tasks on one thread, in an order drawn from a seed, with a clock of its own.

use std::time::Duration;

use riverrun_stream::graph::StreamGraph;
use riverrun_stream::{Error, Host, JobResult, Timestamp};

use crate::deploy::{Sizes, deploy};
use crate::task::Progress;

/// Runs a job on the calling thread. The seed decides which task moves next, how large channels and batches are, and how
/// time passes; the same seed gives the same run, as long as no operator waits for a thread of its own.
#[derive(Debug)]
pub struct SimulatedHost {
    seed: u64,
}

impl SimulatedHost {
    /// A host with this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self { seed }
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

    fn execute(&self, graph: StreamGraph) -> Result<JobResult, Error> {
        let mut random = Random(self.seed);
        let sizes = Sizes { channel: 1 + random.next(4), batch: 1 << random.next(8) };
        let (job, mut tasks) = deploy(&graph, sizes)?;
        let mut now: Timestamp = 0;
        // Tasks that sleep, as on a thread: until they are woken or their alarm is over, so that a wake-up that nobody
        // gives is found here.
        let mut waiting: Vec<Option<Option<Timestamp>>> = vec![None; tasks.len()];
        while !tasks.is_empty() {
            for (task, sleep) in tasks.iter().zip(&mut waiting) {
                let due = |alarm: &Option<Timestamp>| alarm.is_some_and(|alarm| alarm <= now) || task.waker.take();
                if sleep.as_ref().is_some_and(due) {
                    *sleep = None;
                }
            }
            let movable: Vec<usize> = (0..tasks.len()).filter(|&task| waiting[task].is_none()).collect();
            let Some(&chosen) = movable.get(random.next(movable.len())) else {
                let Some(alarm) = waiting.iter().flatten().flatten().min() else {
                    let names = tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>().join(", ");
                    let reason = format!("with seed {} no task can move any more: {names}", self.seed);
                    return Err(Error::Host { host: "simulated", job: graph.job_name, reason });
                };
                now = now.max(*alarm);
                continue;
            };
            now += random.next(3) as Timestamp;
            match tasks[chosen].step(now) {
                Progress::Moved => {}
                Progress::Waiting(alarm) => waiting[chosen] = Some(alarm),
                Progress::Done => {
                    tasks.remove(chosen);
                    waiting.remove(chosen);
                }
            }
        }
        job.outcome()?;
        Ok(JobResult { job_name: graph.job_name, runtime: Duration::from_millis(now.unsigned_abs()) })
    }
}
