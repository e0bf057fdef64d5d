//! Methods by name, and what a runner needs before it is called.

use super::*;

/// Two signatures, and `__call__` if asked for.
struct Methods {
    with_call: bool,
}

impl Runnable for Methods {
    type Input = i64;
    type Prepared = i64;
    type Output = String;

    fn prepare(&self, input: i64) -> Result<Prepared<i64>, ItemError> {
        Ok(Prepared { value: input, cost: 1 })
    }

    fn run(&self, _: Vec<i64>, _: &Compute) -> Result<Vec<Result<String, ItemError>>, ItemError> {
        Err(ItemError::new("called by name only"))
    }

    fn signatures(&self) -> Vec<Signature> {
        let names = ["encode", "score", Signature::CALL];
        names.into_iter().take(2 + usize::from(self.with_call)).map(Signature::new).collect()
    }

    fn run_method(
        &self, method: &str, batch: Vec<i64>, _: &Compute,
    ) -> Result<Vec<Result<String, ItemError>>, ItemError> {
        Ok(batch.iter().map(|number| Ok(format!("{method} {number}"))).collect())
    }
}

#[test]
fn run_goes_to_call_where_there_are_several_methods() {
    let runner = Runner::new("methods", Methods { with_call: true });
    runner.init_local().unwrap();

    assert_eq!(runner.run(1).unwrap(), "__call__ 1");
    assert_eq!(runner.method("score").unwrap().run(2).unwrap(), "score 2");
}

#[test]
fn run_lists_the_methods_where_it_cannot_choose_one() {
    let runner = Runner::new("methods", Methods { with_call: false });
    runner.init_local().unwrap();

    let error = runner.run(1).unwrap_err();
    let unknown = runner.method("embed").unwrap_err();

    let expected = "runner `methods` has no method `__call__`; it has `encode`, `score`: \
                    call one with `runner.method(name)`";
    assert_eq!(error.to_string(), expected);
    assert!(unknown.to_string().contains("`embed`"));
}

#[test]
fn the_only_method_can_be_called_by_its_name_too() {
    let (runner, _) = numbers(permits(1), Batching::default(), |batch, _| double(batch));

    assert_eq!(runner.method("predict").unwrap().run(4), Ok(8));
}

#[test]
fn a_runner_that_is_not_initialised_says_what_to_call() {
    let runnable = Numbers { body: Box::new(|batch, _| double(batch)), batches: Arc::default() };
    let runner = Runner::new("numbers", runnable);

    let error = runner.run(1).unwrap_err().to_string();

    assert_eq!(
        error,
        "runner `numbers` is not initialised; call `init_local()` or `init_client(url)` before the first `run`"
    );
}

#[test]
fn initialising_twice_is_an_error() {
    let (runner, _) = numbers(permits(1), Batching::default(), |batch, _| double(batch));

    let again = runner.clone().init_local();

    assert_eq!(again, Err(RunnerError::AlreadyInitialised { runner: "numbers".into() }));
    assert_eq!(runner.ensure_local(), Ok(false));
}
