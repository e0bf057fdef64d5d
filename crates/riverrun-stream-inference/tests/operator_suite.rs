//! `infer` in the operator suite: batches cut anywhere, snapshots with records inside the model, other parallelisms.

use riverrun_runner::{Batching, Compute, ItemError, Prepared, Runnable, Runner};
use riverrun_stream::StreamRecord;
use riverrun_stream_inference::{FailedRecord, InferOperator, InferOptions};
use riverrun_testing::{Feed, OperatorSuite};

/// Doubles numbers, but for multiples of 50.
struct Double;

impl Runnable for Double {
    type Input = u64;
    type Prepared = u64;
    type Output = u64;

    fn prepare(&self, input: u64) -> Result<Prepared<u64>, ItemError> {
        Ok(Prepared { value: input, cost: 1 })
    }

    fn run(&self, batch: Vec<u64>, _: &Compute) -> Result<Vec<Result<u64, ItemError>>, ItemError> {
        let double = |number: u64| {
            if number.is_multiple_of(50) { Err(ItemError::new("a multiple of 50")) } else { Ok(number * 2) }
        };
        Ok(batch.into_iter().map(double).collect())
    }
}

#[test]
fn infer_loses_and_repeats_nothing_whatever_is_done_to_it() {
    // A small queue and a small capacity, so that the operator is often busy.
    let runner = Runner::new("double", Double).batching(Batching::default().max_queue(16).max_batch_size(4));

    let report = OperatorSuite::new(
        move || {
            let options = InferOptions { capacity: 24, route_errors: true };
            Box::new(InferOperator::<u64, _, _>::new(runner.clone(), |&n| n, options))
        },
        || {
            let records = |range: std::ops::Range<u64>| range.map(|n| StreamRecord::at(n, n as i64));
            vec![
                Feed::records(0, records(1..120)),
                Feed::watermark(0, 119),
                Feed::idle(0, true),
                Feed::idle(0, false),
                Feed::records(0, records(120..250)),
            ]
        },
    )
    .seeds(60)
    .run()
    .unwrap();

    assert_eq!(report.values::<(u64, u64)>(0).unwrap().len(), 245);
    assert_eq!(report.values::<FailedRecord<u64>>(1).unwrap().len(), 4);
    assert!(report.busy_snapshots > 0);
}
