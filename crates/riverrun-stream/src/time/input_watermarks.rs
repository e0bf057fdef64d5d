//! What the watermarks of several inputs come to: [`InputWatermarks`].

use crate::element::{MAX_WATERMARK, Timestamp};
use crate::error::Result;
use crate::operator::{RestoredState, SnapshotWriter, Turn, decode_state, encode_state};

const STATE: &str = "input watermarks";

/// How far event time has come on each input of an operator, and what follows for the operator: the lowest watermark of the
/// inputs that are active; idle when all of them are, and then the highest of them, so that it does not matter in which order
/// they became idle. It never goes back.
///
/// Same as Flink's `IndexedCombinedWatermarkStatus`, but for an input whose event time has ended: it is left out, so that event
/// time does not end for the operator while another input is merely idle.
#[derive(Debug, Clone)]
pub struct InputWatermarks {
    inputs: Vec<InputStatus>,
    combined: Timestamp,
    idle: bool,
}

#[derive(Debug, Clone, Copy)]
struct InputStatus {
    watermark: Timestamp,
    idle: bool,
}

impl InputWatermarks {
    /// For so many inputs, all of them active and at the beginning of time.
    #[must_use]
    pub fn new(inputs: usize) -> Self {
        let status = InputStatus { watermark: Timestamp::MIN, idle: false };
        Self { inputs: vec![status; inputs], combined: Timestamp::MIN, idle: false }
    }

    /// How far event time has come for the operator: [`Timestamp::MIN`] before all inputs have said something.
    #[must_use]
    pub fn current(&self) -> Timestamp {
        self.combined
    }

    /// How far event time has come on each input, in order.
    #[must_use]
    pub fn by_input(&self) -> Vec<Timestamp> {
        self.inputs.iter().map(|input| input.watermark).collect()
    }

    /// Event time has come this far on one input, which stays idle if it was: an operator that has become idle may say a last
    /// watermark after it. Gives the operator's new watermark if it advances.
    pub fn advance(&mut self, input: usize, watermark: Timestamp) -> Option<Timestamp> {
        let status = self.inputs.get_mut(input)?;
        status.watermark = status.watermark.max(watermark);
        self.combine()
    }

    /// An input has become idle, or active again. Gives the operator's new watermark if it advances: an idle input does not hold
    /// it back any more.
    pub fn set_idle(&mut self, input: usize, idle: bool) -> Option<Timestamp> {
        self.inputs.get_mut(input)?.idle = idle;
        self.combine()
    }

    /// Whether all inputs are idle.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.idle
    }

    /// As [`advance`](Self::advance), and says on the outputs if the operator has become idle or active by it. The new
    /// watermark is left to the caller, which may have to do something before it emits it.
    pub fn on_watermark(&mut self, input: usize, watermark: Timestamp, turn: &mut Turn<'_>) -> Option<Timestamp> {
        self.and_say(turn, |inputs| inputs.advance(input, watermark))
    }

    /// As [`set_idle`](Self::set_idle), and says on the outputs whether the operator has become idle or active. The new watermark
    /// is left to the caller.
    pub fn on_idle(&mut self, input: usize, idle: bool, turn: &mut Turn<'_>) -> Option<Timestamp> {
        self.and_say(turn, |inputs| inputs.set_idle(input, idle))
    }

    fn and_say(
        &mut self, turn: &mut Turn<'_>, change: impl FnOnce(&mut Self) -> Option<Timestamp>,
    ) -> Option<Timestamp> {
        let before = self.idle;
        let advanced = change(self);
        if self.idle != before {
            turn.emit_idle(self.idle);
        }
        advanced
    }

    /// Writes how far event time has come on each input. All subtasks get it, and each goes on from the earliest: what was late
    /// before a restore is late after it.
    pub(crate) fn write(&self, writer: &mut dyn SnapshotWriter) -> Result {
        let by_input: Vec<Timestamp> = self.inputs.iter().map(|input| input.watermark).collect();
        writer.union_entry(STATE, encode_state(STATE, &by_input)?)
    }

    /// Takes back what the subtasks wrote.
    pub(crate) fn restore(&mut self, state: &mut RestoredState) -> Result {
        let entries = state.union.remove(STATE).unwrap_or_default();
        let subtasks: Vec<Vec<Timestamp>> =
            entries.iter().map(|entry| decode_state(STATE, entry)).collect::<Result<_, _>>()?;
        for (input, status) in self.inputs.iter_mut().enumerate() {
            let of_subtasks = subtasks.iter().filter_map(|subtask| subtask.get(input).copied());
            status.watermark = of_subtasks.min().unwrap_or(Timestamp::MIN);
        }
        self.combine();
        Ok(())
    }

    fn combine(&mut self) -> Option<Timestamp> {
        let live = || self.inputs.iter().filter(|input| input.watermark < MAX_WATERMARK);
        let lowest = live().filter(|input| !input.idle).map(|input| input.watermark).min();
        let time_has_ended = live().next().is_none();
        self.idle = lowest.is_none() && !time_has_ended;
        let reached = match lowest {
            None if time_has_ended => Some(MAX_WATERMARK),
            None => live().map(|input| input.watermark).max(),
            lowest => lowest,
        };
        let advanced = reached.filter(|&watermark| watermark > self.combined);
        self.combined = advanced.unwrap_or(self.combined);
        advanced
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_idle_input_does_not_hold_back_and_an_active_one_does() {
        let mut inputs = InputWatermarks::new(2);

        assert_eq!(inputs.advance(0, 5), None);
        assert_eq!(inputs.set_idle(1, true), Some(5));
        assert_eq!((inputs.advance(1, 3), inputs.set_idle(1, false)), (None, None));
        assert_eq!(inputs.advance(0, 9), None, "the second input is active again, and at 3");
        assert_eq!(inputs.advance(1, 7), Some(7));
        assert_eq!((inputs.set_idle(1, true), inputs.set_idle(0, true), inputs.is_idle()), (Some(9), None, true));
    }

    #[test]
    fn when_all_inputs_are_idle_the_furthest_counts_whatever_their_order() {
        for [first, last] in [[0, 1], [1, 0]] {
            let mut inputs = InputWatermarks::new(2);
            inputs.advance(0, 9);
            inputs.advance(1, 7);

            inputs.set_idle(first, true);
            inputs.set_idle(last, true);

            assert_eq!((inputs.current(), inputs.is_idle()), (9, true));
        }
    }

    #[test]
    fn event_time_does_not_end_while_an_input_is_idle() {
        let mut inputs = InputWatermarks::new(2);
        inputs.advance(1, 3);
        inputs.set_idle(1, true);

        assert_eq!((inputs.advance(0, MAX_WATERMARK), inputs.is_idle()), (Some(3), true));
        inputs.set_idle(1, false);
        assert_eq!((inputs.advance(1, MAX_WATERMARK), inputs.is_idle()), (Some(MAX_WATERMARK), false));
    }

    proptest! {
        #[test]
        fn the_watermark_only_rises_and_stays_at_or_below_every_active_input_that_never_was_idle(
            calls in prop::collection::vec((0_usize..3, -9_i64..9, prop::bool::ANY), 0..60),
        ) {
            let mut inputs = InputWatermarks::new(3);
            let mut last = Timestamp::MIN;
            let mut highest = [Timestamp::MIN; 3];
            for (input, watermark, idles) in calls {
                let advanced = if idles && input > 0 {
                    inputs.set_idle(input, watermark > 0)
                } else {
                    highest[input] = highest[input].max(watermark);
                    inputs.advance(input, watermark)
                };
                if let Some(watermark) = advanced {
                    prop_assert!(watermark > last);
                    last = watermark;
                }
                prop_assert!(last <= highest[0]);
                prop_assert_eq!(last, inputs.current());
            }
        }
    }
}
