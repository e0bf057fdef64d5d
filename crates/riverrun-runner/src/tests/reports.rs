//! What a runner says about its batches, and about a request's time.

use super::*;
use crate::{BatchCut, BatchObserver, BatchReport, RequestTiming};

type Reports = Arc<Mutex<Vec<BatchReport>>>;

fn observed<R: Runnable>(runner: &Runner<R>) -> (BatchObserver, Reports) {
    let reports = Reports::default();
    let told = reports.clone();
    (runner.observe(move |report| told.lock().unwrap().push(report)).unwrap(), reports)
}

fn cuts(reports: &Reports) -> Vec<(BatchCut, usize, usize)> {
    reports.lock().unwrap().iter().map(|report| (report.cut, report.items, report.waiting)).collect()
}

#[test]
fn a_batch_of_the_maximum_size_says_so_and_how_many_wait_behind_it() {
    let (runner, _, gate) = gated(Batching::default().max_batch_size(2));
    let (_observer, reports) = observed(&runner);
    let answers = submit_all(&runner, &[1, 2, 3]);

    gate.open();

    assert_eq!(answers.iter().take(3).count(), 3);
    assert_eq!(cuts(&reports), [(BatchCut::Drained, 1, 0), (BatchCut::Size, 2, 1), (BatchCut::Drained, 1, 0)]);
}

#[test]
fn a_batch_of_the_maximum_cost_says_so() {
    let (runner, _, gate) = gated(Batching::default().max_batch_cost(3));
    let (_observer, reports) = observed(&runner);
    let answers = submit_all(&runner, &[1, 2, 3, 4]);

    gate.open();

    assert_eq!(answers.iter().take(4).count(), 4);
    assert_eq!(cuts(&reports)[1..], [(BatchCut::Cost, 3, 1), (BatchCut::Drained, 1, 0)]);
}

#[test]
fn a_caller_that_computes_its_own_item_is_alone() {
    let (runner, _) = numbers(permits(1), Batching::default(), |batch, _| double(batch));
    let (_observer, reports) = observed(&runner);

    runner.run(1).unwrap();

    assert_eq!(cuts(&reports), [(BatchCut::Alone, 1, 0)]);
}

/// Two methods, and a gate before the first batch of `first`.
struct TwoMethods(Arc<Gate>);

impl Runnable for TwoMethods {
    type Input = i64;
    type Prepared = i64;
    type Output = i64;

    fn prepare(&self, value: i64) -> Result<Prepared<i64>, ItemError> {
        Ok(Prepared { value, cost: 1 })
    }

    fn run(&self, batch: Vec<i64>, _: &Compute) -> Outcomes {
        if batch == [0] {
            self.0.pass();
        }
        double(&batch)
    }

    fn signatures(&self) -> Vec<Signature> {
        ["first", "second"].map(Signature::new).to_vec()
    }
}

#[test]
fn a_batch_ends_where_another_method_was_called() {
    let gate = Arc::new(Gate::default());
    let runner = Runner::new("two", TwoMethods(gate.clone())).on_permits(permits(1));
    runner.init_local().unwrap();
    let (_observer, reports) = observed(&runner);
    let (first, second) = (runner.method("first").unwrap(), runner.method("second").unwrap());
    first.submit(0, |_| {}).unwrap();
    gate.until_reached();
    for method in [&first, &first, &second, &first] {
        method.submit(1, |_| {}).unwrap();
    }

    gate.open();

    until(|| runner.stats().items == 5);
    let expected = [(BatchCut::Method, 2, 2), (BatchCut::Method, 1, 1), (BatchCut::Drained, 1, 0)];
    until(|| reports.lock().unwrap().len() == 4);
    assert_eq!(cuts(&reports)[1..], expected);
}

#[test]
fn an_observer_that_panics_leaves_the_batch_and_the_others_alone() {
    let (runner, _) = numbers(permits(1), Batching::default(), |batch, _| double(batch));
    let _bad = runner.observe(|_| panic!("in the observer")).unwrap();
    let (_observer, reports) = observed(&runner);

    assert_eq!(runner.run(1), Ok(2));
    assert_eq!(reports.lock().unwrap().len(), 1);
}

#[test]
fn a_request_learns_how_long_it_waited_and_with_how_many_it_was_computed() {
    let (runner, _, gate) = gated(Batching::default());
    let timing = RequestTiming::new();
    let method = runner.with(RequestOptions::new().timing(timing.clone())).unwrap();
    let (sender, receiver) = mpsc::channel();
    method.submit(1, move |answer| sender.send(answer).unwrap()).unwrap();
    let others = submit_all(&runner, &[2, 3]);
    assert_eq!((timing.queued(), timing.computed(), timing.batch_items()), (None, None, None));

    gate.open();

    assert_eq!(receiver.recv().unwrap(), Ok(2));
    assert!(timing.queued().is_some() && timing.computed().is_some());
    assert_eq!(timing.batch_items(), Some(3));
    assert_eq!(others.iter().take(2).count(), 2);
}

#[test]
fn a_request_that_was_computed_at_once_has_not_waited() {
    let (runner, _) = numbers(permits(1), Batching::default(), |batch, _| double(batch));
    let timing = RequestTiming::new();

    runner.with(RequestOptions::new().timing(timing.clone())).unwrap().run(1).unwrap();

    assert_eq!((timing.queued(), timing.batch_items()), (Some(Duration::ZERO), Some(1)));
}

#[test]
fn a_request_that_was_never_computed_has_no_times() {
    let (runner, _, gate) = gated(Batching::default());
    let timing = RequestTiming::new();
    let options = RequestOptions::new().timing(timing.clone()).timeout(Duration::from_millis(2));

    assert!(matches!(runner.with(options).unwrap().run(1), Err(RunnerError::TimedOut { .. })));
    gate.open();
    runner.run(2).unwrap();

    assert_eq!((timing.queued(), timing.computed()), (None, None));
}
