//! Windows as one would write them down to explain them: lists that are searched from end to end.

use crate::program::{Event, Pane};

#[derive(Debug, Clone, Copy)]
pub(crate) enum Windows {
    Tumbling { size: i64, offset: i64 },
    Sliding { size: i64, slide: i64, offset: i64 },
    Session { gap: i64 },
    Global,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum When {
    EventTime,
    Count(u64),
    PurgingCount(u64),
    PurgingEventTime,
    Continuous(i64),
}

struct Open {
    key: u8,
    start: i64,
    end: i64,
    events: Option<Vec<i64>>,
    seen: u64,
    next: Option<i64>,
    timers: Vec<i64>,
}

pub(crate) struct Reference {
    pub(crate) windows: Windows,
    pub(crate) when: When,
    pub(crate) lateness: i64,
    open: Vec<Open>,
    watermark: i64,
    /// What has come out since it was last taken, and what was late.
    pub(crate) out: Vec<Pane>,
    pub(crate) late: Vec<Event>,
}

impl Reference {
    pub(crate) fn new(windows: Windows, when: When, lateness: i64) -> Self {
        Self { windows, when, lateness, open: Vec::new(), watermark: i64::MIN, out: Vec::new(), late: Vec::new() }
    }

    fn assign(&self, time: i64) -> Vec<(i64, i64)> {
        match self.windows {
            Windows::Global => vec![(i64::MIN, i64::MAX)],
            Windows::Session { gap } => vec![(time, time + gap)],
            Windows::Tumbling { size, offset } => {
                let start = time - (time - offset).rem_euclid(size);
                vec![(start, start + size)]
            }
            Windows::Sliding { size, slide, offset } => (time - size + 1..=time)
                .rev()
                .filter(|start| (start - offset).rem_euclid(slide) == 0)
                .map(|start| (start, start + size))
                .collect(),
        }
    }

    fn last(&self, end: i64) -> i64 {
        if end == i64::MAX { end } else { end - 1 }
    }

    fn over(&self, end: i64) -> i64 {
        self.last(end).saturating_add(self.lateness)
    }

    fn ends_in_event_time(&self) -> bool {
        !matches!(self.windows, Windows::Global)
    }

    pub(crate) fn element(&mut self, event: Event, time: i64) {
        let mut taken = false;
        for (mut start, mut end) in self.assign(time) {
            let (mut events, mut seen, mut next, mut timers) = (None, 0, None, Vec::new());
            let mut merged = false;
            if matches!(self.windows, Windows::Session { .. }) {
                let meets =
                    |open: &Open, start: i64, end: i64| open.key == event.0 && open.start <= end && start <= open.end;
                while let Some(index) = self.open.iter().position(|open| meets(open, start, end)) {
                    let open = self.open.remove(index);
                    let is_earlier = open.start < start;
                    (start, end) = (start.min(open.start), end.max(open.end));
                    events = match (open.events, events) {
                        (Some(a), Some(b)) => Some(if is_earlier { [a, b].concat() } else { [b, a].concat() }),
                        (a, b) => a.or(b),
                    };
                    seen += open.seen;
                    next = [open.next, next].into_iter().flatten().min();
                    timers =
                        if (open.start, open.end) == (start, end) { open.timers } else { next.into_iter().collect() };
                    merged = true;
                }
            } else if let Some(index) = self.open.iter().position(|open| (open.key, open.start) == (event.0, start)) {
                let open = self.open.remove(index);
                (events, seen, next, timers, merged) = (open.events, open.seen, open.next, open.timers, true);
            }
            if !merged && self.ends_in_event_time() && self.watermark > i64::MIN && self.over(end) <= self.watermark {
                continue;
            }
            taken = true;
            events.get_or_insert_with(Vec::new).push(event.1);
            let mut open = Open { key: event.0, start, end, events, seen: seen + 1, next, timers };
            let is_past = self.last(end) <= self.watermark;
            let fires = match self.when {
                When::EventTime | When::PurgingEventTime => is_past,
                When::Count(count) | When::PurgingCount(count) => open.seen >= count,
                When::Continuous(interval) => {
                    if !is_past {
                        open.timers.push(self.last(end));
                        let next = || (time - time % interval + interval).min(self.last(end));
                        open.timers.push(*open.next.get_or_insert_with(next));
                    }
                    is_past
                }
            };
            if fires {
                self.fire(&mut open);
            }
            self.open.push(open);
        }
        if !taken && self.ends_in_event_time() && self.watermark > i64::MIN && time + self.lateness <= self.watermark {
            self.late.push(event);
        }
    }

    fn fire(&mut self, open: &mut Open) {
        if let Some(events) = &open.events {
            self.out.push((open.key, open.start, open.end, events.clone()));
        }
        if matches!(self.when, When::Count(_) | When::PurgingCount(_)) {
            open.seen = 0;
        }
        if matches!(self.when, When::PurgingCount(_) | When::PurgingEventTime) {
            open.events = None;
        }
    }

    /// One millisecond after the other, so that every timer fires at its own time.
    pub(crate) fn watermark(&mut self, watermark: i64, earliest: i64) {
        for time in earliest..=watermark {
            let due: Vec<Open> = std::mem::take(&mut self.open);
            self.watermark = watermark.max(self.watermark);
            for mut open in due {
                let last = self.last(open.end);
                match self.when {
                    When::EventTime | When::PurgingEventTime if time == last => self.fire(&mut open),
                    When::Continuous(interval) => {
                        while let Some(due) = open.timers.iter().copied().filter(|timer| *timer <= time).min() {
                            open.timers.retain(|timer| *timer != due);
                            if due == last || open.next == Some(due) {
                                self.fire(&mut open);
                            }
                            if due != last && open.next == Some(due) {
                                open.next = Some((due + interval).min(last));
                                open.timers.extend(open.next);
                            }
                        }
                    }
                    _ => {}
                }
                if !(self.ends_in_event_time() && time == self.over(open.end)) {
                    self.open.push(open);
                }
            }
        }
        self.watermark = watermark.max(self.watermark);
    }
}
