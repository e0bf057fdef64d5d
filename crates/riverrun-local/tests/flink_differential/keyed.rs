//! Rolling reductions of a keyed stream.

use crate::inputs::Event;
use crate::programs::Programs;

pub(crate) fn add(programs: &mut Programs) {
    programs.add("keyed_reduce", |input| {
        let reduce = |a: Event, b: Event| Event { value: a.value * 3 % 1009 + b.value, time: a.time.max(b.time), ..a };
        input.keyed("orderly", 0).reduce(reduce).map(|event| event.line())
    });
    programs
        .add("keyed_sum", |input| input.keyed("orderly", 0).sum(|event| &mut event.value).map(|event| event.line()));
    programs.add("keyed_min", |input| input.keyed("ties", 0).min(|event| &mut event.value).map(|event| event.line()));
    programs.add("keyed_max", |input| input.keyed("ties", 0).max(|event| &mut event.value).map(|event| event.line()));
    programs.add("keyed_min_by", |input| input.keyed("ties", 0).min_by(|event| event.value).map(|event| event.line()));
    programs.add("keyed_max_by", |input| input.keyed("ties", 0).max_by(|event| event.value).map(|event| event.line()));
    programs.add("keyed_sum_before_1970", |input| {
        input.keyed("before_1970", 5).sum(|event| &mut event.value).map(|event| event.line())
    });
    // Flink's `maxBy(field, false)`, which keeps the last of equal ones, is a `reduce` here.
    programs.add("keyed_min_by_last", |input| {
        input.keyed("ties", 0).reduce(|a, b| if b.value <= a.value { b } else { a }).map(|event| event.line())
    });
    programs.add("keyed_max_by_last", |input| {
        input.keyed("ties", 0).reduce(|a, b| if b.value >= a.value { b } else { a }).map(|event| event.line())
    });
}
