//! A task's inputs: its channels, and what their watermarks, idleness and ends come to.

use std::collections::VecDeque;
use std::sync::Arc;

use riverrun_stream::Result;
use riverrun_stream::element::{MAX_WATERMARK, StreamElement, Timestamp};

use crate::channel::Channel;
use crate::sorting::InputSort;

/// One channel into a task.
pub(crate) struct InputChannel {
    channel: Arc<Channel>,
    input: usize,
    watermark: Timestamp,
    idle: bool,
    /// Whether its watermark counts: not while it is idle, nor after it until it has caught up with what was told.
    aligned: bool,
    ended: bool,
}

impl InputChannel {
    pub(crate) fn new(channel: Arc<Channel>, input: usize) -> Self {
        Self { channel, input, watermark: Timestamp::MIN, idle: false, aligned: true, ended: false }
    }
}

/// All channels into a task, read in turn.
///
/// The watermark of an input is the lowest of its active channels. A channel that was idle does not hold it back until it has
/// caught up, so an input's watermark never goes back. When the last channel becomes idle the input moves on to the highest
/// watermark of all, so that it does not matter in which order they did. All this is as in Flink; a channel that has ended is
/// left out of it (in Flink it counts with the highest watermark there is, and event time ends for an input whose other
/// channels are merely idle: FLINK-38477).
pub(crate) struct Inputs {
    channels: Vec<InputChannel>,
    next: usize,
    /// What has been told of each input.
    told: Vec<Told>,
    /// In batch mode: what inputs go through that have to be sorted, or to wait for others.
    sort: Option<InputSort>,
}

#[derive(Clone, Copy)]
struct Told {
    watermark: Timestamp,
    idle: bool,
}

impl Inputs {
    pub(crate) fn new(channels: Vec<InputChannel>, sort: Option<InputSort>) -> Self {
        let inputs = channels.iter().map(|channel| channel.input + 1).max().unwrap_or(0);
        Self { channels, next: 0, told: vec![Told { watermark: Timestamp::MIN, idle: false }; inputs], sort }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Takes an element from the next channel that has one and adds what it means for its input to `arrived`.
    pub(crate) fn read(&mut self, arrived: &mut VecDeque<(usize, StreamElement)>) -> Result<bool> {
        if let Some(sort) = self.sort.as_mut().filter(|sort| sort.is_merging()) {
            match sort.next()? {
                Some((input, batch)) => arrived.push_back((input, StreamElement::Records(batch))),
                None => {
                    let inputs = sort.inputs();
                    self.sort = None;
                    inputs.into_iter().for_each(|input| self.tell(input, arrived));
                }
            }
            return Ok(true);
        }
        for _ in 0..self.channels.len() {
            let index = self.next;
            self.next = (self.next + 1) % self.channels.len();
            if let Some(element) = self.channels[index].channel.pop() {
                self.take(index, element, arrived)?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn take(&mut self, index: usize, element: StreamElement, arrived: &mut VecDeque<(usize, StreamElement)>) -> Result {
        let input = self.channels[index].input;
        if let Some(sort) = self.sort.as_mut().filter(|sort| sort.sorts(input)) {
            match element {
                StreamElement::Records(batch) => sort.add(input, batch)?,
                StreamElement::EndOfInput => self.channels[index].ended = true,
                // Event time stands still in batch mode, and ends with the input.
                StreamElement::Watermark(_) | StreamElement::Idle(_) | StreamElement::Barrier(_) => {}
            }
            return self.merge_at_the_end();
        }
        match element {
            StreamElement::Watermark(watermark) => {
                let channel = &mut self.channels[index];
                channel.watermark = channel.watermark.max(watermark);
                channel.aligned |= !channel.idle && channel.watermark >= self.told[input].watermark;
            }
            StreamElement::Idle(idle) => self.set_idle(index, idle),
            StreamElement::EndOfInput => self.channels[index].ended = true,
            element => {
                // A record makes an idle channel active, and the operator hears of it before the record.
                if self.channels[index].idle {
                    self.set_idle(index, false);
                    self.tell(input, arrived);
                }
                arrived.push_back((input, element));
                return Ok(());
            }
        }
        self.tell(input, arrived);
        self.merge_at_the_end()
    }

    /// What is sorted comes when everything has: after the inputs that are not.
    fn merge_at_the_end(&mut self) -> Result {
        match &mut self.sort {
            Some(sort) if self.channels.iter().all(|channel| channel.ended) => sort.merge(),
            _ => Ok(()),
        }
    }

    fn set_idle(&mut self, index: usize, idle: bool) {
        let channel = &mut self.channels[index];
        channel.idle = idle;
        channel.aligned = !idle && channel.watermark >= self.told[channel.input].watermark;
    }

    fn tell(&mut self, input: usize, arrived: &mut VecDeque<(usize, StreamElement)>) {
        let told = &mut self.told[input];
        let channels = || self.channels.iter().filter(move |channel| channel.input == input);
        let live = || channels().filter(|channel| !channel.ended && channel.watermark < MAX_WATERMARK);
        let time_has_ended = live().next().is_none();
        let idle = !time_has_ended && live().all(|channel| channel.idle);
        let watermark = match (time_has_ended, idle) {
            (true, _) => Some(MAX_WATERMARK),
            (false, true) => live().map(|channel| channel.watermark).max(),
            (false, false) => live().filter(|channel| channel.aligned).map(|channel| channel.watermark).min(),
        };
        if told.idle && !idle {
            told.idle = false;
            arrived.push_back((input, StreamElement::Idle(false)));
        }
        if let Some(watermark) = watermark.filter(|&watermark| watermark > told.watermark) {
            told.watermark = watermark;
            arrived.push_back((input, StreamElement::Watermark(watermark)));
        }
        if idle && !told.idle {
            told.idle = true;
            arrived.push_back((input, StreamElement::Idle(true)));
        }
        if channels().all(|channel| channel.ended) {
            arrived.push_back((input, StreamElement::EndOfInput));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use riverrun_stream::batch::Batch;

    use super::*;
    use crate::waker::Waker;

    fn inputs(of: &[usize]) -> (Vec<Arc<Channel>>, Inputs) {
        let channel = || Arc::new(Channel::new(64, Arc::new(Waker::default()), Arc::new(Waker::default())));
        let channels: Vec<_> = of.iter().map(|_| channel()).collect();
        let inputs = channels.iter().zip(of).map(|(channel, &input)| InputChannel::new(channel.clone(), input));
        let inputs = Inputs::new(inputs.collect(), None);
        (channels, inputs)
    }

    /// What arrives, in words.
    fn arrived(inputs: &mut Inputs) -> Vec<String> {
        let mut arrived = VecDeque::new();
        while inputs.read(&mut arrived).unwrap() {}
        arrived.into_iter().map(|(input, element)| format!("{input}: {element:?}")).collect()
    }

    fn send(channel: &Channel, element: StreamElement) {
        assert!(channel.push_from(&mut VecDeque::from([element])));
    }

    #[test]
    fn the_watermark_is_the_lowest_of_the_active_channels() {
        let (channels, mut inputs) = inputs(&[0, 0]);

        send(&channels[0], StreamElement::Watermark(5));
        assert_eq!(arrived(&mut inputs), [""; 0]);
        send(&channels[1], StreamElement::Watermark(3));
        assert_eq!(arrived(&mut inputs), ["0: Watermark(3)"]);
        send(&channels[1], StreamElement::Idle(true));
        assert_eq!(arrived(&mut inputs), ["0: Watermark(5)"]);
    }

    #[test]
    fn a_record_ends_the_idleness_of_its_input_before_it_arrives() {
        let (channels, mut inputs) = inputs(&[0]);

        send(&channels[0], StreamElement::Idle(true));
        send(&channels[0], StreamElement::Records(Batch::of([1_u64])));

        assert_eq!(arrived(&mut inputs), ["0: Idle(true)", "0: Idle(false)", "0: Records(1 records of u64)"]);
    }

    #[test]
    fn inputs_have_watermarks_of_their_own() {
        let (channels, mut inputs) = inputs(&[0, 1]);

        send(&channels[0], StreamElement::Watermark(5));
        send(&channels[1], StreamElement::Watermark(3));

        assert_eq!(arrived(&mut inputs), ["0: Watermark(5)", "1: Watermark(3)"]);
    }

    #[test]
    fn when_all_channels_are_idle_the_input_has_come_as_far_as_the_furthest_whatever_their_order() {
        for order in [[0, 1], [1, 0]] {
            let (channels, mut inputs) = inputs(&[0, 0]);
            send(&channels[0], StreamElement::Watermark(5));
            send(&channels[1], StreamElement::Watermark(3));

            order.into_iter().for_each(|channel| send(&channels[channel], StreamElement::Idle(true)));

            let arrived = arrived(&mut inputs);
            assert_eq!(arrived[arrived.len() - 2..], ["0: Watermark(5)", "0: Idle(true)"], "{arrived:?}");
        }
    }

    #[test]
    fn a_last_watermark_after_the_idleness_of_all_counts() {
        let (channels, mut inputs) = inputs(&[0]);
        send(&channels[0], StreamElement::Idle(true));
        send(&channels[0], StreamElement::Watermark(7));

        assert_eq!(arrived(&mut inputs), ["0: Idle(true)", "0: Watermark(7)"]);
    }

    #[test]
    fn a_channel_that_was_idle_holds_nothing_back_until_it_has_caught_up() {
        let (channels, mut inputs) = inputs(&[0, 0]);
        send(&channels[1], StreamElement::Watermark(3));
        send(&channels[1], StreamElement::Idle(true));
        assert_eq!(arrived(&mut inputs), [""; 0]);
        send(&channels[0], StreamElement::Watermark(10));
        assert_eq!(arrived(&mut inputs), ["0: Watermark(10)"]);

        send(&channels[1], StreamElement::Idle(false));
        send(&channels[1], StreamElement::Watermark(4));
        assert_eq!(arrived(&mut inputs), [""; 0]);
        send(&channels[0], StreamElement::Watermark(20));
        assert_eq!(arrived(&mut inputs), ["0: Watermark(20)"]);
        send(&channels[1], StreamElement::Watermark(21));
        assert_eq!(arrived(&mut inputs), [""; 0]);
        send(&channels[0], StreamElement::Watermark(30));

        assert_eq!(arrived(&mut inputs), ["0: Watermark(21)"]);
    }

    #[test]
    fn event_time_does_not_end_for_channels_that_are_idle_when_another_ends() {
        let (channels, mut inputs) = inputs(&[0, 0]);
        send(&channels[1], StreamElement::Watermark(3));
        send(&channels[1], StreamElement::Idle(true));
        assert_eq!(arrived(&mut inputs), [""; 0]);
        send(&channels[0], StreamElement::Watermark(MAX_WATERMARK));
        send(&channels[0], StreamElement::EndOfInput);
        assert_eq!(arrived(&mut inputs), ["0: Watermark(3)", "0: Idle(true)"]);

        send(&channels[1], StreamElement::Records(Batch::of([1_u64])));
        assert_eq!(arrived(&mut inputs), ["0: Idle(false)", "0: Records(1 records of u64)"]);
        send(&channels[1], StreamElement::Watermark(MAX_WATERMARK));
        send(&channels[1], StreamElement::EndOfInput);

        assert_eq!(arrived(&mut inputs), [format!("0: Watermark({MAX_WATERMARK})"), "0: EndOfInput".into()]);
    }

    #[derive(Debug, Clone)]
    enum Says {
        Watermark(Timestamp),
        Idle(bool),
        Record,
    }

    fn says() -> impl Strategy<Value = Says> {
        prop_oneof![(0_i64..20).prop_map(Says::Watermark), any::<bool>().prop_map(Says::Idle), Just(Says::Record),]
    }

    proptest! {
        #[test]
        fn whatever_channels_say_a_watermark_only_rises_and_stays_below_all_that_never_were_idle(
            said in prop::collection::vec((0_usize..3, says()), 0..60),
        ) {
            let (channels, mut inputs) = inputs(&[0, 0, 0]);
            let mut highest = [Timestamp::MIN; 3];
            let (mut told, mut idle) = (Timestamp::MIN, false);
            for (channel, says) in said {
                // The first channel is never idle.
                let element = match says {
                    Says::Watermark(watermark) => {
                        highest[channel] = highest[channel].max(watermark);
                        StreamElement::Watermark(watermark)
                    }
                    Says::Idle(idle) if channel > 0 => StreamElement::Idle(idle),
                    _ => StreamElement::Records(Batch::of([1_u64])),
                };
                send(&channels[channel], element);
                let mut arrived = VecDeque::new();
                while inputs.read(&mut arrived).unwrap() {}
                for (_, element) in arrived {
                    match element {
                        StreamElement::Watermark(watermark) => {
                            prop_assert!(watermark > told && watermark <= highest[0], "{watermark} after {told}");
                            told = watermark;
                        }
                        StreamElement::Idle(now) => {
                            prop_assert!(now != idle && !now, "a channel that is active keeps its input active");
                            idle = now;
                        }
                        element => prop_assert!(matches!(element, StreamElement::Records(_))),
                    }
                }
            }

            for channel in &channels {
                send(channel, StreamElement::Watermark(MAX_WATERMARK));
                send(channel, StreamElement::EndOfInput);
            }
            let end = arrived(&mut inputs);
            prop_assert_eq!(&end[end.len() - 2..], [format!("0: Watermark({MAX_WATERMARK})"), "0: EndOfInput".into()]);
        }
    }
}
