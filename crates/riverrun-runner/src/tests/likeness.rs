//! Batches for a runnable that pads to the longest item.

use super::*;
use crate::BatchReport;

/// An item costs what it is, at least 1.
struct Padded(Numbers);

impl Runnable for Padded {
    type Input = i64;
    type Prepared = i64;
    type Output = i64;

    fn prepare(&self, value: i64) -> Result<Prepared<i64>, ItemError> {
        Ok(Prepared { value, cost: usize::try_from(value).unwrap_or(1).max(1) })
    }

    fn run(&self, batch: Vec<i64>, compute: &Compute) -> Outcomes {
        self.0.run(batch, compute)
    }

    fn pads(&self) -> bool {
        true
    }
}

/// One permit; the first batch, `[0]`, is held up by the gate.
fn padded(batching: Batching) -> (Runner<Padded>, Batches, Arc<Gate>) {
    let (gate, batches) = (Arc::new(Gate::default()), Batches::default());
    let at = gate.clone();
    let body = move |batch: &[i64], _: &Compute| {
        if batch == [0] {
            at.pass();
        }
        double(batch)
    };
    let numbers = Numbers { body: Box::new(body), batches: batches.clone() };
    let runner = Runner::new("padded", Padded(numbers)).batching(batching).on_permits(permits(1));
    runner.init_local().unwrap();
    runner.submit(0, |_| {}).unwrap();
    gate.until_reached();
    (runner, batches, gate)
}

const MIXED: [i64; 6] = [100, 5, 90, 6, 80, 7];

#[tokio::test]
async fn prepared_requests_are_batched_with_their_like() {
    let (runner, batches, gate) = padded(Batching::default().max_batch_cost(300));
    let answers: Vec<_> = MIXED.map(|n| tokio::spawn(runner.async_run(n))).into_iter().collect();
    tokio::task::yield_now().await;
    assert_eq!(runner.stats().queue_length, 6);

    gate.open();

    for (n, answer) in MIXED.into_iter().zip(answers) {
        assert_eq!(answer.await.unwrap(), Ok(n * 2));
    }
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![100, 90, 80], vec![5, 6, 7]]);
}

#[test]
fn requests_that_are_prepared_by_a_worker_are_batched_with_their_like_too() {
    let (runner, batches, gate) = padded(Batching::default().max_batch_cost(300));
    let (sender, receiver) = mpsc::channel();
    runner.submit_batch(MIXED.to_vec(), move |answers| sender.send(answers).unwrap()).unwrap();

    gate.open();

    assert_eq!(receiver.recv().unwrap(), MIXED.map(|n| Ok(n * 2)));
    assert_eq!(*batches.lock().unwrap(), [vec![0], vec![100, 90, 80], vec![5, 6, 7]]);
}

#[test]
fn the_oldest_is_served_first_however_unlike_the_others_it_is() {
    let (runner, batches, gate) = padded(Batching::default().max_batch_cost(100));
    let (sender, receiver) = mpsc::channel();
    let mut inputs = vec![90];
    inputs.extend([5; 30]);
    runner.submit_batch(inputs, move |answers| sender.send(answers).unwrap()).unwrap();

    gate.open();

    assert_eq!(receiver.recv().unwrap().len(), 31);
    let batches = batches.lock().unwrap();
    assert_eq!(batches[1], [90]);
    assert!(batches[2..].iter().all(|batch| batch.len() <= 20), "20 items of cost 5 are within the limit");
}

#[test]
fn what_is_computed_for_padding_is_reported() {
    let (runner, _, gate) = padded(Batching::default());
    let reports: Arc<Mutex<Vec<BatchReport>>> = Arc::default();
    let told = reports.clone();
    let _observer = runner.observe(move |report| told.lock().unwrap().push(report)).unwrap();
    let (sender, receiver) = mpsc::channel();
    runner.submit_batch(vec![10, 4, 7], move |answers| sender.send(answers).unwrap()).unwrap();

    gate.open();
    receiver.recv().unwrap();

    let costs: Vec<_> = reports.lock().unwrap().iter().map(|report| (report.cost, report.computed_cost)).collect();
    assert_eq!(costs, [(1, 1), (21, 30)]);
}
