//! A task's inputs: its channels, and what their watermarks, idleness and ends come to.

use std::collections::VecDeque;
use std::sync::Arc;

use riverrun_stream::element::{MAX_WATERMARK, StreamElement, Timestamp};

use crate::channel::Channel;

/// One channel into a task.
pub(crate) struct InputChannel {
    channel: Arc<Channel>,
    input: usize,
    watermark: Timestamp,
    idle: bool,
    ended: bool,
}

impl InputChannel {
    pub(crate) fn new(channel: Arc<Channel>, input: usize) -> Self {
        Self { channel, input, watermark: Timestamp::MIN, idle: false, ended: false }
    }
}

/// All channels into a task, read in turn.
pub(crate) struct Inputs {
    channels: Vec<InputChannel>,
    next: usize,
    /// What has been told of each input.
    told: Vec<Told>,
}

#[derive(Clone, Copy)]
struct Told {
    watermark: Timestamp,
    idle: bool,
}

impl Inputs {
    pub(crate) fn new(channels: Vec<InputChannel>) -> Self {
        let inputs = channels.iter().map(|channel| channel.input + 1).max().unwrap_or(0);
        Self { channels, next: 0, told: vec![Told { watermark: Timestamp::MIN, idle: false }; inputs] }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.channels.is_empty()
    }

    /// Takes an element from the next channel that has one and adds what it means for its input to `arrived`.
    pub(crate) fn read(&mut self, arrived: &mut VecDeque<(usize, StreamElement)>) -> bool {
        for _ in 0..self.channels.len() {
            let index = self.next;
            self.next = (self.next + 1) % self.channels.len();
            if let Some(element) = self.channels[index].channel.pop() {
                self.take(index, element, arrived);
                return true;
            }
        }
        false
    }

    fn take(&mut self, index: usize, element: StreamElement, arrived: &mut VecDeque<(usize, StreamElement)>) {
        let channel = &mut self.channels[index];
        let input = channel.input;
        match element {
            StreamElement::Watermark(watermark) => channel.watermark = channel.watermark.max(watermark),
            StreamElement::Idle(idle) => channel.idle = idle,
            StreamElement::EndOfInput => {
                channel.ended = true;
                channel.watermark = MAX_WATERMARK;
            }
            element => {
                // A record makes an idle channel active, and the operator hears of it before the record.
                if std::mem::take(&mut channel.idle) {
                    self.tell(input, arrived);
                }
                arrived.push_back((input, element));
                return;
            }
        }
        self.tell(input, arrived);
    }

    /// The watermark of an input is the lowest of its active channels; it is idle when all of them are.
    fn tell(&mut self, input: usize, arrived: &mut VecDeque<(usize, StreamElement)>) {
        let of_input = || self.channels.iter().filter(move |channel| channel.input == input);
        let idle = of_input().all(|channel| channel.idle && !channel.ended);
        let active = of_input().filter(|channel| !channel.idle || channel.ended);
        let watermark = active.map(|channel| channel.watermark).min();
        let ended = of_input().all(|channel| channel.ended);
        let told = &mut self.told[input];
        if told.idle != idle {
            told.idle = idle;
            arrived.push_back((input, StreamElement::Idle(idle)));
        }
        if let Some(watermark) = watermark.filter(|&watermark| watermark > told.watermark) {
            told.watermark = watermark;
            arrived.push_back((input, StreamElement::Watermark(watermark)));
        }
        if ended {
            arrived.push_back((input, StreamElement::EndOfInput));
        }
    }
}

#[cfg(test)]
mod tests {
    use riverrun_stream::batch::Batch;

    use super::*;
    use crate::waker::Waker;

    fn inputs(of: &[usize]) -> (Vec<Arc<Channel>>, Inputs) {
        let channel = || Arc::new(Channel::new(64, Arc::new(Waker::default()), Arc::new(Waker::default())));
        let channels: Vec<_> = of.iter().map(|_| channel()).collect();
        let inputs = channels.iter().zip(of).map(|(channel, &input)| InputChannel::new(channel.clone(), input));
        let inputs = Inputs::new(inputs.collect());
        (channels, inputs)
    }

    fn watermarks(inputs: &mut Inputs) -> Vec<(usize, Timestamp)> {
        let mut arrived = VecDeque::new();
        while inputs.read(&mut arrived) {}
        let watermark = |(input, element)| match element {
            StreamElement::Watermark(watermark) => Some((input, watermark)),
            _ => None,
        };
        arrived.into_iter().filter_map(watermark).collect()
    }

    fn send(channel: &Channel, element: StreamElement) {
        assert!(channel.push_from(&mut VecDeque::from([element])));
    }

    #[test]
    fn the_watermark_is_the_lowest_of_the_active_channels() {
        let (channels, mut inputs) = inputs(&[0, 0]);

        send(&channels[0], StreamElement::Watermark(5));
        assert_eq!(watermarks(&mut inputs), []);
        send(&channels[1], StreamElement::Watermark(3));
        assert_eq!(watermarks(&mut inputs), [(0, 3)]);
        send(&channels[1], StreamElement::Idle(true));
        assert_eq!(watermarks(&mut inputs), [(0, 5)]);
    }

    #[test]
    fn a_record_ends_the_idleness_of_its_input_before_it_arrives() {
        let (channels, mut inputs) = inputs(&[0]);
        let mut arrived = VecDeque::new();

        send(&channels[0], StreamElement::Idle(true));
        send(&channels[0], StreamElement::Records(Batch::of([1_u64])));
        while inputs.read(&mut arrived) {}

        let kinds: Vec<String> = arrived.iter().map(|(_, element)| format!("{element:?}")).collect();
        assert_eq!(kinds, ["Idle(true)", "Idle(false)", "Records(1 records of u64)"]);
    }

    #[test]
    fn inputs_have_watermarks_of_their_own() {
        let (channels, mut inputs) = inputs(&[0, 1]);

        send(&channels[0], StreamElement::Watermark(5));
        send(&channels[1], StreamElement::Watermark(3));

        assert_eq!(watermarks(&mut inputs), [(0, 5), (1, 3)]);
    }
}
