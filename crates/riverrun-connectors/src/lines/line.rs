//! What a line becomes: a string, or a [`Line`] that knows where it stood.

use std::sync::Arc;

use riverrun_stream::Data;
use serde::{Deserialize, Serialize};

/// A line and where it stood.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Line {
    /// The line without its end.
    pub text: String,
    /// Its number in its input, from 1.
    pub number: u64,
    /// The file it is in, as it was given, or `standard input`.
    pub input: Arc<str>,
}

impl Line {
    /// Where it stood, as messages say it: `line 7 of tweets.txt`.
    #[must_use]
    pub fn place(&self) -> String {
        place(self.number, &self.input)
    }
}

pub(super) fn place(number: u64, input: &str) -> String {
    format!("line {number} of {input}")
}

/// What a [`LinesSource`](super::LinesSource) makes of each line: a [`String`] or a [`Line`].
pub trait LineRecord: Data + sealed::Sealed {
    /// The record of a line.
    fn of(text: String, number: u64, input: &Arc<str>) -> Self;
}

impl LineRecord for String {
    fn of(text: String, _: u64, _: &Arc<str>) -> Self {
        text
    }
}

impl LineRecord for Line {
    fn of(text: String, number: u64, input: &Arc<str>) -> Self {
        Self { text, number, input: input.clone() }
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for String {}

    impl Sealed for super::Line {}
}
