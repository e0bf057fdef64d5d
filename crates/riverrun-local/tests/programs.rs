//! What a program's records go through, on both drivers: partitioning, unions, side outputs.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

mod all_hosts;

use std::collections::BTreeMap;
use std::sync::Arc;

use riverrun_local::{LocalHost, SimulatedHost};
use riverrun_stream::batch::DataType;
use riverrun_stream::functions::{Collector, MapFunction, OutputTag, ProcessContext, ProcessFunction};
use riverrun_stream::{Error, Result, RuntimeContext, StreamExecutionEnvironment};
use riverrun_testing::{CheckingSink, CollectingSink};

use all_hosts::{on_all_hosts, sorted};

#[test]
fn a_chain_keeps_the_order_of_its_source() {
    on_all_hosts(|env| {
        env.set_parallelism(1);

        let result = env.from_sequence(1, 5000).map(|n| n * 2).filter(|n| n % 3 == 0).execute_and_collect().unwrap();

        let expected: Vec<u64> = (1..=5000).map(|n| n * 2).filter(|n| n % 3 == 0).collect();
        assert_eq!(result, expected);
    });
}

#[test]
fn a_union_has_all_records_of_all_streams() {
    on_all_hosts(|env| {
        env.set_parallelism(2);
        let (low, high) = (env.from_sequence(1, 1000), env.from_collection(1001..=2000_u64));

        let result = low.union([&high, &low]).map(|n| n).execute_and_collect().unwrap();

        assert_eq!(sorted(result), sorted((1..=2000).chain(1..=1000).collect::<Vec<_>>()));
    });
}

/// Tags each value with the subtask that it came to.
#[derive(Clone)]
struct TagSubtask(usize);

impl MapFunction<u64> for TagSubtask {
    type Out = (usize, u64);

    fn open(&mut self, context: &RuntimeContext) -> Result {
        self.0 = context.subtask_index;
        Ok(())
    }

    fn map(&mut self, value: u64) -> Result<(usize, u64)> {
        Ok((self.0, value))
    }
}

#[test]
fn rebalance_gives_every_subtask_the_same_number_of_records() {
    on_all_hosts(|env| {
        env.set_parallelism(4);

        let result =
            env.from_collection(0..4000_u64).rebalance().map_function(TagSubtask(9)).execute_and_collect().unwrap();

        let mut counts = BTreeMap::new();
        result.iter().for_each(|(subtask, _)| *counts.entry(*subtask).or_insert(0) += 1);
        assert_eq!(counts, BTreeMap::from([(0, 1000), (1, 1000), (2, 1000), (3, 1000)]));
    });
}

#[test]
fn broadcast_gives_every_subtask_every_record_in_order() {
    on_all_hosts(|env| {
        env.set_parallelism(3);

        let result =
            env.from_collection(0..500_u64).broadcast().map_function(TagSubtask(9)).execute_and_collect().unwrap();

        for wanted in 0..3 {
            let of_subtask = result.iter().filter(|(subtask, _)| *subtask == wanted).map(|(_, value)| *value);
            assert_eq!(of_subtask.collect::<Vec<_>>(), (0..500).collect::<Vec<_>>());
        }
    });
}

#[derive(Clone)]
struct LongWords;

fn long() -> OutputTag<usize> {
    OutputTag::new("long")
}

impl ProcessFunction<String> for LongWords {
    type Out = String;

    fn side_outputs(&self) -> Vec<(String, DataType)> {
        vec![long().port()]
    }

    fn process_element(
        &mut self, word: String, context: &mut ProcessContext<'_, '_>, out: &mut Collector<'_, String>,
    ) -> Result {
        if word.len() > 3 {
            return context.output(&long(), word.len());
        }
        out.collect(word);
        Ok(())
    }
}

#[test]
fn a_side_output_is_a_stream_of_its_own_type() {
    on_all_hosts(|env| {
        env.set_parallelism(1);
        let lengths = CollectingSink::new();
        let words = ["to", "wander", "or", "not", "bent"].map(String::from);

        let short = env.from_collection(words).process(LongWords);
        short.get_side_output(&long()).sink_to(lengths.clone());

        assert_eq!(short.execute_and_collect().unwrap(), ["to", "or", "not"]);
        assert_eq!(lengths.take(), [6, 4]);
    });
}

#[test]
fn a_side_output_that_is_not_declared_is_said_with_those_that_are() {
    let env = StreamExecutionEnvironment::new(Arc::new(SimulatedHost::new(1)));
    let words = env.from_collection(["a".to_string()]).process(LongWords);
    words.get_side_output(&OutputTag::<String>::new("long")).print();

    let error = env.execute().unwrap_err();

    assert!(matches!(error, Error::NoSideOutput { .. }) && error.to_string().contains("`long` of usize"), "{error}");
}

#[test]
fn ten_million_records_arrive_all_and_once() {
    let records = 10_000_000_u64;
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2);
    let sink = CheckingSink::new(|n: &u64| *n);
    env.from_sequence(1, records).rebalance().map(|n| 3 * n).filter(|n| n % 2 == 0).sink_to(sink.clone());

    env.execute().unwrap();

    let even = records / 2;
    assert_eq!((sink.count(), sink.sum()), (even, 3 * even * (even + 1)));
}

#[test]
fn the_plan_shows_operators_parallelisms_and_tasks() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2).set_job_name("planned");
    env.from_sequence(1, 3).map(|n| n).name("Score").uid("score").rebalance().filter(|_| true).print();

    let plan: serde_json::Value = serde_json::from_str(&env.get_execution_plan()).unwrap();

    assert_eq!(plan["job"], "planned");
    let nodes = plan["nodes"].as_array().unwrap();
    let column = |name: &str| nodes.iter().map(|node| node[name].clone()).collect::<Vec<_>>();
    assert_eq!(column("type"), ["Source: Sequence Source", "Score", "Filter", "Sink: Print to Std. Out"]);
    assert_eq!(column("pact"), ["Data Source", "Operator", "Operator", "Data Sink"]);
    assert_eq!(column("parallelism"), [2, 2, 2, 2]);
    assert_eq!(column("task"), [1, 1, 2, 2], "a rebalance is a channel, the rest is chained");
    assert_eq!(nodes[1]["uid"], "score");
    assert_eq!(nodes[2]["predecessors"][0]["ship_strategy"], "REBALANCE");
    env.execute().expect("the plan takes nothing away");
}
