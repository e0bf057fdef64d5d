//! Programs with a mistake: found before anything runs, in words for who wrote them.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests, where a failure is a failed test")]

use std::sync::Arc;

use riverrun_local::LocalHost;
use riverrun_stream::{Error, StreamExecutionEnvironment};

fn mistake(build: impl Fn(&StreamExecutionEnvironment)) -> Error {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    build(&env);
    env.execute().expect_err("the program has a mistake")
}

#[test]
fn a_program_without_a_sink_is_a_mistake() {
    let error = mistake(|env| drop(env.from_sequence(1, 2).map(|n| n)));

    assert!(matches!(error, Error::NoSink { .. }), "{error}");
}

#[test]
fn two_operators_of_one_uid_are_a_mistake() {
    let error = mistake(|env| {
        env.from_sequence(1, 2).map(|n| n).uid("score").print().uid("score");
    });

    assert!(matches!(&error, Error::DuplicateUid { uid, .. } if uid == "score"), "{error}");
}

#[test]
fn a_parallelism_outside_the_range_is_a_mistake() {
    for parallelism in [0, 129] {
        let error = mistake(|env| {
            env.set_parallelism(parallelism);
            env.from_sequence(1, 2).print();
        });

        assert!(matches!(error, Error::Parallelism { given, max: 128, .. } if given == parallelism), "{error}");
    }
    for max_parallelism in [0, 40_000] {
        let error = mistake(|env| {
            env.set_max_parallelism(max_parallelism);
            env.from_sequence(1, 2).print();
        });

        assert!(matches!(&error, Error::MaxParallelism { of, .. } if of == "the program"), "{error}");
    }
}

#[test]
fn an_operator_has_a_range_of_its_own() {
    let above = mistake(|env| {
        env.from_sequence(1, 2).map(|n| n).name("Scores").set_max_parallelism(4).set_parallelism(5).print();
    });
    let without = mistake(|env| {
        env.from_sequence(1, 2).map(|n| n).name("Scores").set_max_parallelism(0).print();
    });

    assert!(above.to_string().starts_with("parallelism 5 of operator `Scores` is outside 1..=4"), "{above}");
    assert!(without.to_string().starts_with("max parallelism 0 of operator `Scores` is outside"), "{without}");
}

#[test]
fn a_second_subtask_for_a_source_that_one_has_to_read_is_a_mistake() {
    let error = mistake(|env| {
        env.from_collection([1, 2]).set_parallelism(2).print();
    });

    assert!(matches!(error, Error::NotParallel { given: 2, .. }), "{error}");
}

#[test]
fn forward_between_different_parallelisms_is_a_mistake() {
    let error = mistake(|env| {
        env.set_parallelism(2);
        let numbers = env.from_sequence(1, 2);
        env.set_parallelism(3);
        numbers.forward().map(|n| n).print();
    });

    assert!(matches!(error, Error::ForwardParallelism { .. }), "{error}");
}

#[test]
fn a_forward_that_was_said_stays_when_the_parallelism_changes() {
    let error = mistake(|env| {
        env.set_parallelism(2);
        env.from_sequence(1, 2).forward().map(|n| n).set_parallelism(3).print();
    });

    assert!(matches!(error, Error::ForwardParallelism { .. }), "{error}");
}

#[test]
fn a_connection_that_was_not_said_follows_the_parallelism_of_both_ends() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.set_parallelism(2);
    let numbers = env.from_sequence(1, 2);
    let mapped = numbers.map(|n| n).set_parallelism(3);
    let rebalanced = env.get_execution_plan();
    let _numbers = numbers.set_parallelism(3);
    let forwarded = env.get_execution_plan();
    mapped.print();

    assert!(rebalanced.contains("REBALANCE"), "{rebalanced}");
    assert!(forwarded.contains("FORWARD"), "{forwarded}");
}

#[test]
fn a_union_with_a_stream_of_another_environment_is_a_mistake() {
    let error = mistake(|env| {
        let other = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
        env.from_sequence(1, 2).union([&other.from_sequence(3, 4)]).print();
    });

    assert!(matches!(error, Error::ForeignStream { .. }), "{error}");
}

#[test]
fn a_cycle_is_a_mistake_that_names_both_ends() {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.from_sequence(1, 2).map(|n| n).name("first").filter(|_| true).name("second").print();
    let mut graph = env.take_graph().unwrap();
    let mut back = graph.edges[1].clone();
    (back.from, back.to) = (2, 1);
    graph.edges.push(back);

    let error = graph.validate().unwrap_err();

    assert!(matches!(&error, Error::Cycle { from, to } if from == "second" && to == "first"), "{error}");
}
