//! Programs of one windowing operator, and that operator.

use std::sync::Arc;

use riverrun_stream::functions::{Collector, ProcessWindowContext, ProcessWindowFunction};
use riverrun_stream::graph::{NodeKind, StreamGraph};
use riverrun_stream::operator::Operator;
use riverrun_stream::window::{TimeWindow, Window};
use riverrun_stream::{
    Data, DataStream, Error, Host, JobClient, Result, SingleOutputStreamOperator, StreamExecutionEnvironment,
};
use riverrun_testing::OperatorHarness;

/// A key, a number that tells the record from all others, and a value.
pub(crate) type Event = (u8, i64, i64);

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

fn graph<Out: Data>(
    program: impl FnOnce(&DataStream<Event>) -> SingleOutputStreamOperator<Out>,
) -> Result<StreamGraph, Error> {
    let env = StreamExecutionEnvironment::new(Arc::new(NoHost));
    program(&env.from_collection(Vec::<Event>::new())).print();
    env.take_graph()
}

/// What is wrong with a program.
pub(crate) fn mistake<Out: Data>(
    program: impl FnOnce(&DataStream<Event>) -> SingleOutputStreamOperator<Out>,
) -> String {
    graph(program).err().unwrap().to_string()
}

/// Makes the operator of a program, again and again.
pub(crate) fn operators<Out: Data>(
    program: impl FnOnce(&DataStream<Event>) -> SingleOutputStreamOperator<Out>,
) -> Box<dyn Fn() -> Box<dyn Operator>> {
    let graph = graph(program).unwrap();
    let node = graph.nodes.into_iter().nth(1).unwrap();
    let NodeKind::Operator(factory) = node.kind else { panic!("the second node of the program is its operator") };
    Box::new(move || factory())
}

/// The operator of a program, open.
pub(crate) fn harness<Out: Data>(
    program: impl FnOnce(&DataStream<Event>) -> SingleOutputStreamOperator<Out>,
) -> OperatorHarness {
    let context = riverrun_stream::RuntimeContext::detached("operator under test");
    let mut harness = OperatorHarness::of(operators(program)(), context);
    harness.open().unwrap();
    harness
}

/// What a window gave: key, start, end, and the numbers of its records in order.
pub(crate) type Pane = (u8, i64, i64, Vec<i64>);

/// The ends of a window, whatever its kind.
pub(crate) trait Ends {
    fn ends(&self) -> (i64, i64);
}

impl Ends for TimeWindow {
    fn ends(&self) -> (i64, i64) {
        (self.start(), self.end())
    }
}

impl Ends for riverrun_stream::window::GlobalWindow {
    fn ends(&self) -> (i64, i64) {
        (i64::MIN, i64::MAX)
    }
}

/// Emits each pane as it is.
pub(crate) fn list<W: Window + Ends>(key: &u8, window: &W, events: &[Event], out: &mut Collector<'_, Pane>) {
    let (start, end) = window.ends();
    out.collect((*key, start, end, events.iter().map(|event| event.1).collect()));
}

/// Counts the firings of each window in its state.
#[derive(Clone)]
pub(crate) struct Firings;

impl<W: Window + Ends> ProcessWindowFunction<Event, u8, W> for Firings {
    type Out = (Pane, u32);
    type WindowState = u32;

    fn process(
        &mut self, key: &u8, context: &mut ProcessWindowContext<'_, '_, W, u32>, events: &[Event],
        out: &mut Collector<'_, (Pane, u32)>,
    ) -> Result {
        let (start, end) = context.window().ends();
        let firings = context.window_state()?;
        *firings += 1;
        out.collect(((*key, start, end, events.iter().map(|event| event.1).collect()), *firings));
        Ok(())
    }
}
