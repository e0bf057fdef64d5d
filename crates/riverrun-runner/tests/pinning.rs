//! Whether worker threads are bound to cores is settled once per process: so this test has a process of its own.

use std::sync::mpsc;
use std::thread::{self, ThreadId};

use riverrun_runner::{Compute, ItemError, Prepared, Runnable, Runner};

/// Says which thread computed it, and the cores which that may use.
struct Where;

type Seen = (ThreadId, Vec<usize>);

fn cores() -> Vec<usize> {
    core_affinity::get_core_ids().unwrap_or_default().iter().map(|core| core.id).collect()
}

impl Runnable for Where {
    type Input = ();
    type Prepared = ();
    type Output = Seen;

    fn prepare(&self, (): ()) -> Result<Prepared<()>, ItemError> {
        Ok(Prepared { value: (), cost: 1 })
    }

    fn run(&self, batch: Vec<()>, _: &Compute) -> Result<Vec<Result<Seen, ItemError>>, ItemError> {
        Ok(batch.iter().map(|()| Ok((thread::current().id(), cores()))).collect())
    }
}

#[test]
fn workers_are_bound_to_one_core_each_and_callers_are_left_alone() {
    let all = cores();
    assert!(Compute::set_pinning(true));
    let runner = Runner::new("where", Where);
    runner.init_local().unwrap();
    let (sender, receiver) = mpsc::channel();

    let mine = runner.run(()).unwrap();
    runner.submit((), move |answer| sender.send(answer).unwrap()).unwrap();
    let workers = receiver.recv().unwrap().unwrap();

    assert_eq!(mine, (thread::current().id(), all.clone()));
    assert_ne!(workers.0, thread::current().id());
    // Elsewhere the system only takes it as a hint, or not at all.
    if cfg!(target_os = "linux") {
        assert_eq!(workers.1.len(), 1);
        assert!(all.contains(&workers.1[0]));
    }
    assert!(!Compute::set_pinning(false), "it is settled");
}
