//! Window joins and co-groups, against references and through the suite.
#![allow(clippy::unwrap_used, clippy::panic, reason = "helpers of tests, where a failure is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use riverrun_stream::functions::{CoGroupFunction, Collector, FlatJoinFunction};
use riverrun_stream::graph::{NodeKind, StreamGraph};
use riverrun_stream::operator::Operator;
use riverrun_stream::stream::TaggedUnion;
use riverrun_stream::window::{
    CountEvictor, CountTrigger, EventTimeSessionWindows, PurgingTrigger, SlidingEventTimeWindows,
    TumblingEventTimeWindows,
};
use riverrun_stream::{
    Data, DataStream, Error, Host, JobClient, Result, RuntimeContext, SingleOutputStreamOperator,
    StreamExecutionEnvironment, StreamRecord, Timestamp,
};
use riverrun_testing::{Feed, OperatorHarness, OperatorSuite, Random};

/// A key and a number that tells the record from all others.
type Left = (u8, u32);
/// The same, of another type.
type Right = (u8, String);
type Either = TaggedUnion<Left, Right>;

/// Runs nothing: its programs are taken apart.
struct NoHost;

impl Host for NoHost {
    fn name(&self) -> &'static str {
        "no"
    }

    fn default_parallelism(&self) -> usize {
        1
    }

    fn submit(&self, graph: StreamGraph) -> Result<JobClient, Error> {
        Err(Error::Host { host: "no", job: graph.job_name, reason: "it runs nothing".into() })
    }
}

/// Makes the operator that two streams meet in, again and again.
fn operators<Out: Data>(
    program: impl FnOnce(&DataStream<Left>, &DataStream<Right>) -> SingleOutputStreamOperator<Out>,
) -> impl Fn() -> Box<dyn Operator> + 'static {
    let env = StreamExecutionEnvironment::new(Arc::new(NoHost));
    program(&env.from_collection(Vec::<Left>::new()), &env.from_collection(Vec::<Right>::new())).print();
    // Two sources and what tags their records come first.
    let node = env.take_graph().unwrap().nodes.into_iter().nth(4).unwrap();
    let NodeKind::Operator(factory) = node.kind else { panic!("the fifth node of the program is an operator") };
    move || factory()
}

fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn key(either: &Either) -> u8 {
    match either {
        TaggedUnion::One((key, _)) | TaggedUnion::Two((key, _)) => *key,
    }
}

/// What a program makes of these records, when event time has come behind them all.
fn outcome<Out: Data + Ord>(
    operator: Box<dyn Operator>, records: &[StreamRecord<Either>],
) -> Vec<(Option<Timestamp>, Out)> {
    let mut harness =
        OperatorHarness::of(operator, RuntimeContext::detached("under test")).emission_bound(usize::MAX / 2);
    harness.open().unwrap();
    harness.process_records(0, records.to_vec()).unwrap();
    harness.finish().unwrap();
    let records = harness.take_records::<Out>(0).unwrap().into_iter();
    let mut out: Vec<_> = records.map(|record| (record.timestamp, record.value)).collect();
    out.sort();
    out
}

fn records() -> impl Strategy<Value = Vec<StreamRecord<Either>>> {
    let one = (0_u8..3, prop::bool::ANY, -40_i64..40);
    prop::collection::vec(one, 0..40).prop_map(|drawn| {
        let record = |(number, (key, first, time)): (usize, (u8, bool, i64))| {
            let value = match first {
                true => TaggedUnion::One((key, number as u32)),
                false => TaggedUnion::Two((key, number.to_string())),
            };
            StreamRecord::at(value, time)
        };
        drawn.into_iter().enumerate().map(record).collect()
    })
}

/// Every pair of a key whose times are both in a window from a multiple of `slide` on, with the window's last time.
fn pairs(records: &[StreamRecord<Either>], size: i64, slide: i64) -> Vec<(Option<Timestamp>, (u32, String))> {
    let mut pairs = Vec::new();
    for start in (-200..200).filter(|start| start % slide == 0) {
        let inside = || records.iter().filter(move |record| (start..start + size).contains(&record.timestamp.unwrap()));
        for first in inside() {
            for second in inside() {
                if let (TaggedUnion::One(one), TaggedUnion::Two(two)) = (&first.value, &second.value)
                    && one.0 == two.0
                {
                    pairs.push((Some(start + size - 1), (one.1, two.1.clone())));
                }
            }
        }
    }
    pairs.sort();
    pairs
}

type Groups = (u8, Vec<u32>, Vec<String>);

fn both_groups(first: &[&Left], second: &[&Right], out: &mut Collector<'_, Groups>) {
    let key = first.iter().map(|one| one.0).chain(second.iter().map(|two| two.0)).next().unwrap();
    let first = first.iter().map(|one| one.1).collect();
    out.collect((key, first, second.iter().map(|two| two.1.clone()).collect()));
}

/// All records of a key in each window from a multiple of `size` on, by stream, in arrival order.
fn groups(records: &[StreamRecord<Either>], size: i64) -> Vec<(Option<Timestamp>, Groups)> {
    let mut groups: BTreeMap<(i64, u8), (Vec<u32>, Vec<String>)> = BTreeMap::new();
    for record in records {
        let end = record.timestamp.unwrap().div_euclid(size) * size + size - 1;
        let group = groups.entry((end, key(&record.value))).or_default();
        match &record.value {
            TaggedUnion::One((_, number)) => group.0.push(*number),
            TaggedUnion::Two((_, name)) => group.1.push(name.clone()),
        }
    }
    groups.into_iter().map(|((end, key), (first, second))| (Some(end), (key, first, second))).collect()
}

proptest! {
    #[test]
    fn a_window_join_makes_the_pairs_that_a_search_through_all_windows_finds(
        records in records(), size in 1_u64..30, slide in 1_u64..30,
    ) {
        let slide = slide.min(size);
        let tumbling = operators(|first, second| {
            let keyed = first.join(second).where_(|one| one.0).equal_to(|two| two.0);
            keyed.window(TumblingEventTimeWindows::of(ms(size))).apply(|one, two| (one.1, two.1.clone()))
        });
        let sliding = operators(|first, second| {
            let keyed = first.join(second).where_(|one| one.0).equal_to(|two| two.0);
            keyed.window(SlidingEventTimeWindows::of(ms(size), ms(slide))).apply(|one, two| (one.1, two.1.clone()))
        });

        prop_assert_eq!(outcome::<(u32, String)>(tumbling(), &records), pairs(&records, size as i64, size as i64));
        prop_assert_eq!(outcome::<(u32, String)>(sliding(), &records), pairs(&records, size as i64, slide as i64));
    }

    #[test]
    fn a_co_group_gives_what_both_streams_have_of_a_key_in_each_window(records in records(), size in 1_u64..30) {
        let operator = operators(|first, second| {
            let keyed = first.co_group(second).where_(|one| one.0).equal_to(|two| two.0);
            keyed.window(TumblingEventTimeWindows::of(ms(size))).apply(both_groups)
        });

        let expected = groups(&records, size as i64);
        prop_assert_eq!(outcome::<Groups>(operator(), &records), expected);
    }
}

/// Two streams out of order, some records late, with watermarks between them.
fn two_streams() -> Vec<Feed> {
    let mut random = Random::new(5);
    let mut feeds = Vec::new();
    for run in 0..25_i64 {
        let records: Vec<StreamRecord<Either>> = (0..30_u32)
            .map(|n| {
                let time = run * 20 + random.below(45) as i64 - random.below(3) as i64 * 20;
                let (key, number) = (random.below(4) as u8, run as u32 * 30 + n);
                match random.below(2) {
                    0 => StreamRecord::at(TaggedUnion::One((key, number)), time),
                    _ => StreamRecord::at(TaggedUnion::Two((key, number.to_string())), time),
                }
            })
            .collect();
        feeds.push(Feed::keyed(0, records, key).unwrap());
        feeds.push(Feed::watermark(0, run * 20));
    }
    feeds
}

fn suite<Out: Data>(
    program: impl FnOnce(&DataStream<Left>, &DataStream<Right>) -> SingleOutputStreamOperator<Out>,
) -> Vec<Out> {
    let suite = OperatorSuite::new(operators(program), two_streams).seeds(60).allow_late_output();
    let report = suite.emission_bound(100_000).run().unwrap();
    assert!(report.snapshots > 30, "{report:?}");
    report.values(0).unwrap()
}

/// Two values of each pair whose numbers differ by less than 20.
#[derive(Clone)]
struct Near;

impl FlatJoinFunction<Left, Right> for Near {
    type Out = (u32, String);

    fn join(&mut self, first: &Left, second: &Right, out: &mut Collector<'_, (u32, String)>) -> Result {
        if first.1.abs_diff(second.1.parse()?) < 20 {
            (0..2).for_each(|_| out.collect((first.1, second.1.clone())));
        }
        Ok(())
    }
}

/// The keys that only one stream has in a window.
#[derive(Clone)]
struct OuterOnly;

impl CoGroupFunction<Left, Right> for OuterOnly {
    type Out = u8;

    fn co_group(&mut self, first: &[&Left], second: &[&Right], out: &mut Collector<'_, u8>) -> Result {
        match (first, second) {
            ([one, ..], []) => out.collect(one.0),
            ([], [two, ..]) => out.collect(two.0),
            _ => {}
        }
        Ok(())
    }
}

#[test]
fn a_tumbling_join_passes_the_suite() {
    let pairs = suite(|first, second| {
        let keyed = first.join(second).where_(|one| one.0).equal_to(|two| two.0);
        keyed.window(TumblingEventTimeWindows::of(ms(25))).apply(|one, two| (one.1, two.1.clone()))
    });

    assert!(pairs.len() > 500, "{}", pairs.len());
}

#[test]
fn a_sliding_join_with_lateness_passes_the_suite() {
    let pairs = suite(|first, second| {
        let keyed = first.join(second).where_(|one| one.0).equal_to(|two| two.0);
        let windows = keyed.window(SlidingEventTimeWindows::of(ms(30), ms(10))).allowed_lateness(ms(15));
        windows.flat_apply_function(Near)
    });

    assert!(pairs.len() > 500, "{}", pairs.len());
}

#[test]
fn a_session_co_group_passes_the_suite() {
    let groups = suite(|first, second| {
        let keyed = first.co_group(second).where_(|one| one.0).equal_to(|two| two.0);
        keyed.window(EventTimeSessionWindows::with_gap(ms(2))).apply(both_groups)
    });

    assert!(groups.iter().any(|(_, first, second)| first.len() + second.len() > 3));
}

#[test]
fn a_co_group_with_a_trigger_and_an_evictor_passes_the_suite() {
    let alone = suite(|first, second| {
        let keyed = first.co_group(second).where_(|one| one.0).equal_to(|two| two.0);
        let windows = keyed.window(TumblingEventTimeWindows::of(ms(50)));
        windows.trigger(PurgingTrigger::of(CountTrigger::of(3))).evictor(CountEvictor::of(2)).apply_function(OuterOnly)
    });

    assert!(!alone.is_empty());
}

#[test]
fn joining_streams_of_two_environments_is_a_mistake() {
    let (one, other) =
        (StreamExecutionEnvironment::new(Arc::new(NoHost)), StreamExecutionEnvironment::new(Arc::new(NoHost)));
    let second = other.from_collection([(1_u8, String::new())]).map(|right| right).map(|right| right);

    let keyed = one.from_collection([(1_u8, 2_u32)]).join(&second).where_(|one| one.0).equal_to(|two| two.0);
    keyed.window(TumblingEventTimeWindows::of(ms(5))).apply(|one, _| *one).print();

    let error = one.take_graph().err().unwrap();
    assert!(matches!(error, Error::ForeignStream { operation: "join" }), "{error}");
}

#[test]
fn a_join_in_windows_of_no_time_is_a_mistake() {
    let env = StreamExecutionEnvironment::new(Arc::new(NoHost));
    let stream = env.from_collection([(1_u8, 2_u32)]);

    let keyed = stream.join(&stream).where_(|one| one.0).equal_to(|two| two.0);
    keyed.window(TumblingEventTimeWindows::of(Duration::ZERO)).apply(|one, _| *one).print();

    let error = env.take_graph().err().unwrap().to_string();
    assert!(error.contains("TumblingEventTimeWindows"), "{error}");
}
