//! Plans of programs, against files that a person has looked at. `RIVERRUN_BLESS=1` writes them anew.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use riverrun_local::SimulatedHost;
use riverrun_stream::batch::DataType;
use riverrun_stream::functions::{Collector, OutputTag, ProcessContext, ProcessFunction};
use riverrun_stream::{Result, RuntimeExecutionMode, StreamExecutionEnvironment};
use riverrun_testing::CollectingSink;

fn assert_golden(file: &str, found: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/plans").join(file);
    if std::env::var_os("RIVERRUN_BLESS").is_some() {
        std::fs::write(&path, found).unwrap();
    }
    let expected = std::fs::read_to_string(&path).expect("the plan is in the tree");
    assert!(found == expected, "{file} is another plan now; RIVERRUN_BLESS=1 accepts it:\n{found}");
}

fn env() -> StreamExecutionEnvironment {
    StreamExecutionEnvironment::new(Arc::new(SimulatedHost::new(1)))
}

fn word_count(env: &StreamExecutionEnvironment) {
    env.set_job_name("word count").set_parallelism(4);
    env.from_collection(["to be or not to be".to_string()])
        .flat_map(|line| line.split(' ').map(|word| (word.to_string(), 1_u64)).collect::<Vec<_>>())
        .name("Tokenizer")
        .key_by(|(word, _)| word.clone())
        .sum(|(_, count)| count)
        .uid("counts")
        .print();
}

#[test]
fn a_keyed_program_has_a_task_before_and_behind_the_exchange() {
    let env = env();
    word_count(&env);

    assert_golden("word_count.txt", &env.explain());
    assert_golden("word_count.json", &(env.get_execution_plan() + "\n"));
}

#[test]
fn without_chaining_every_operator_is_a_task() {
    let env = env();
    env.disable_operator_chaining();
    word_count(&env);

    assert_golden("word_count_unchained.txt", &env.explain());
}

#[derive(Clone)]
struct Part;

fn odd() -> OutputTag<u64> {
    OutputTag::new("odd")
}

impl ProcessFunction<u64> for Part {
    type Out = u64;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![odd().port()]
    }

    fn process_element(
        &mut self, n: u64, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, u64>,
    ) -> Result {
        if n.is_multiple_of(2) {
            out.collect(n);
            return Ok(());
        }
        context.output(&odd(), n)
    }
}

#[test]
fn branches_unions_and_side_outputs_are_a_tree_each() {
    let env = env();
    env.set_job_name("branches").set_parallelism(2).set_runtime_mode(RuntimeExecutionMode::Automatic);
    let numbers = env.from_sequence(1, 100);
    let parted = numbers.process(Part);
    parted.get_side_output(&odd()).sink_to(CollectingSink::new()).name("Sink: Odd");
    parted.get_side_output(&odd()).rescale().map(|n| n).set_parallelism(1).print_to_err();
    let others = env.from_sequence(1, 10);
    parted.union([&others]).map(|n| n + 1).name("Next").sink_to(CollectingSink::new()).disable_chaining();
    numbers.errors().print_to_err();

    assert_golden("branches.txt", &env.explain());
    assert_golden("branches.json", &(env.get_execution_plan() + "\n"));
}

#[test]
fn what_an_operator_says_of_its_chaining_is_done_and_shown() {
    let env = env();
    env.set_job_name("chains").set_parallelism(1).set_buffer_timeout(Duration::ZERO);
    env.from_sequence(1, 2)
        .map(|n| n)
        .name("Before")
        .map(|n| n)
        .name("Alone")
        .disable_chaining()
        .map(|n| n)
        .name("Behind")
        .set_buffer_timeout(Duration::from_millis(5))
        .map(|n| n)
        .name("Head")
        .start_new_chain()
        .set_max_parallelism(8)
        .map(|n| n)
        .name("Last")
        .print();

    assert_golden("chains.txt", &env.explain());
    env.execute().unwrap();
}

#[test]
fn every_partitioning_has_its_name() {
    let env = env();
    env.set_job_name("partitionings").set_parallelism(2);
    env.from_sequence(1, 2)
        .rebalance()
        .map(|n| n)
        .shuffle()
        .map(|n| n)
        .broadcast()
        .map(|n| n)
        .rescale()
        .map(|n| n)
        .partition_custom(|n, parallelism| *n as usize % parallelism, |n| *n)
        .map(|n| n)
        .forward()
        .print();

    assert_golden("partitionings.txt", &env.explain());
}
