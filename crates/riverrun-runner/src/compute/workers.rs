//! The process's worker threads: they start when there is work for them and end when the last runner is gone.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::permits::{Job, Permit};
use super::pinning;
use super::team::Helping;
use crate::sync::{Condvar, Mutex, lock, process_static, thread, wait_timeout};

/// How long a thread without work stays.
const IDLE_FOR: Duration = Duration::from_secs(10);

pub(super) enum Task {
    /// A batch of some runner.
    Serve(Arc<dyn Job>, Permit),
    /// To be an intra-op thread of a running batch.
    Help(Helping),
}

struct Workers {
    state: Mutex<State>,
    wake: Condvar,
}

struct State {
    tasks: VecDeque<Task>,
    idle: usize,
    threads: usize,
    runners: usize,
}

process_static! {
    WORKERS: Workers = Workers {
        state: Mutex::new(State { tasks: VecDeque::new(), idle: 0, threads: 0, runners: 0 }),
        wake: Condvar::new(),
    };
}

/// Has a worker thread do `job`.
pub(super) fn submit(job: Arc<dyn Job>, permit: Permit) {
    give(Task::Serve(job, permit));
}

/// How many threads there are, idle ones included.
pub(crate) fn threads() -> usize {
    lock(&WORKERS.state).threads
}

pub(super) fn give(task: Task) {
    let start = {
        let mut state = lock(&WORKERS.state);
        state.tasks.push_back(task);
        let start = state.tasks.len() > state.idle;
        if start {
            state.threads += 1;
        } else {
            WORKERS.wake.notify_one();
        }
        start
    };
    if start {
        let started = thread::Builder::new().name("riverrun-worker".into()).spawn(work);
        if started.is_err() {
            // No thread to be had: the busy ones get to it, and if there are none, this one does it.
            let alone = {
                let mut state = lock(&WORKERS.state);
                state.threads -= 1;
                if state.threads == 0 { state.tasks.pop_front() } else { None }
            };
            alone.into_iter().for_each(perform);
        }
    }
}

fn work() {
    let _bound = pinning::bind();
    while let Some(task) = next() {
        perform(task);
    }
}

fn perform(task: Task) {
    match task {
        Task::Serve(job, permit) => {
            let mut next = Some((job, permit));
            while let Some((job, permit)) = next {
                let permit = job.serve(permit);
                next = permit.permits().give_back_or_take(permit);
            }
        }
        Task::Help(helping) => helping.help(),
    }
}

/// The next task, or nothing when the thread should end.
fn next() -> Option<Task> {
    let mut state = lock(&WORKERS.state);
    let mut rested = false;
    loop {
        if let Some(task) = state.tasks.pop_front() {
            return Some(task);
        }
        if rested || state.runners == 0 {
            state.threads -= 1;
            return None;
        }
        state.idle += 1;
        let before = std::time::Instant::now();
        state = wait_timeout(&WORKERS.wake, state, IDLE_FOR);
        state.idle -= 1;
        rested = before.elapsed() >= IDLE_FOR;
    }
}

/// Held by every runner that is loaded; with the last one, idle threads end.
#[derive(Debug)]
pub(crate) struct RunnerAlive(());

impl RunnerAlive {
    pub(crate) fn new() -> Self {
        lock(&WORKERS.state).runners += 1;
        Self(())
    }
}

impl Drop for RunnerAlive {
    fn drop(&mut self) {
        let mut state = lock(&WORKERS.state);
        state.runners -= 1;
        if state.runners == 0 {
            WORKERS.wake.notify_all();
        }
    }
}
