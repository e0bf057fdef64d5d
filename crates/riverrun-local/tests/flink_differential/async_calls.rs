//! Asynchronous calls that end in another order than they began.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use riverrun_stream::functions::{AsyncFunction, AsyncRetryStrategy};
use riverrun_stream::stream::AsyncDataStream;
use riverrun_stream::{FunctionError, Result};

use crate::inputs::Event;
use crate::programs::Programs;
use crate::window_functions::{Statistics, Where};
use crate::windows::tumbling;

const LONG: Duration = Duration::from_secs(60);

/// Answers after a while that is shorter for greater values. It is counted in turns of the executor: simulated time is not that
/// of Tokio's timers.
async fn look_up(event: Event) -> Result<Vec<Event>> {
    for _ in event.value.rem_euclid(20)..20 {
        tokio::task::yield_now().await;
    }
    Ok(vec![Event { value: event.value * 10, ..event }])
}

/// Gives each value as often as its remainder by three says: not at all, once, twice.
async fn several(event: Event) -> Result<Vec<String>> {
    let all = ["first", "second"].map(|which| format!("{} {which}", event.line()));
    Ok(all.into_iter().take(event.value.rem_euclid(3) as usize).collect())
}

/// Never answers odd values.
#[derive(Clone)]
struct Silent;

impl AsyncFunction<Event> for Silent {
    type Out = String;

    #[allow(clippy::manual_async_fn, reason = "an async fn would borrow the function")]
    fn async_invoke(&mut self, event: Event) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
        let (is_silent, answer) = (event.value % 2 != 0, format!("{} answered", event.line()));
        async move {
            if is_silent {
                std::future::pending::<()>().await;
            }
            Ok(vec![answer])
        }
    }

    fn timeout(&mut self, event: Event) -> Result<Vec<String>> {
        Ok(vec![format!("{} timed out", event.line())])
    }
}

/// Fails for the first calls: as often as the value's remainder by four.
#[derive(Clone, Default)]
struct Flaky {
    calls: Arc<Mutex<HashMap<String, i64>>>,
}

impl AsyncFunction<Event> for Flaky {
    type Out = String;

    fn async_invoke(&mut self, event: Event) -> impl Future<Output = Result<Vec<String>>> + Send + 'static {
        let mut calls = self.calls.lock().unwrap();
        let call = calls.entry(event.line()).or_default();
        *call += 1;
        let failed = *call <= event.value.rem_euclid(4);
        let answer = format!("{} at call {call}", event.line());
        async move { if failed { Err(FunctionError::external(answer)) } else { Ok(vec![answer]) } }
    }
}

pub(crate) fn add(programs: &mut Programs) {
    programs.add("async_ordered", |input| {
        let events = input.events("disordered", 8);
        AsyncDataStream::ordered_wait(&events, look_up, LONG).capacity(7).map(|event| event.line())
    });
    programs.add("async_ordered_several", |input| {
        AsyncDataStream::ordered_wait(&input.events("disordered", 8), several, LONG).capacity(7).into_stream()
    });
    programs.add("async_unordered", |input| {
        let events = input.events("disordered", 8);
        AsyncDataStream::unordered_wait(&events, look_up, LONG).capacity(7).map(|event| event.line())
    });
    programs.add("async_timeout", |input| {
        AsyncDataStream::ordered_wait_function(&input.events("edges", 0), Silent, Duration::from_millis(50))
            .into_stream()
    });
    programs.add("async_retry", |input| {
        let retry = AsyncRetryStrategy::fixed_delay(5, Duration::from_millis(1)).if_error(|_| true);
        let events = input.events("orderly", 0);
        AsyncDataStream::ordered_wait_function_with_retry(&events, Flaky::default(), LONG, retry).into_stream()
    });
    // Results overtake no watermark: what was late stays late, and nothing else becomes so.
    programs.add("async_unordered_windows", |input| {
        let events = AsyncDataStream::unordered_wait(&input.events("late", 3), look_up, LONG).capacity(7);
        // Of two subtasks, one may hold back the watermark of what the other has passed on already.
        let events = events.into_stream().set_parallelism(1);
        let windows = events.key_by(|event| event.key.clone()).window(tumbling(10));
        windows.aggregate_with(Statistics, Where)
    });
}
