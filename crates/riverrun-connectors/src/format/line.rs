//! What a line becomes: a string, or a [`Line`] that knows where it stood.

use std::sync::Arc;

use riverrun_stream::Data;
use serde::{Deserialize, Serialize};

use super::sealed::Sealed;
use crate::reading::Place;

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
        Place { line: Some(self.number), offset: 0, input: &self.input }.to_string()
    }
}

/// What a line becomes: a [`String`] or a [`Line`].
pub trait LineRecord: Data + Sealed {
    /// Whether it needs the line's number.
    const IS_NUMBERED: bool;

    /// The record of a line.
    fn of(text: String, place: Place<'_>) -> Self;
}

impl Sealed for String {}

impl LineRecord for String {
    const IS_NUMBERED: bool = false;

    fn of(text: String, _: Place<'_>) -> Self {
        text
    }
}

impl Sealed for Line {}

impl LineRecord for Line {
    const IS_NUMBERED: bool = true;

    fn of(text: String, place: Place<'_>) -> Self {
        Self { text, number: place.line.unwrap_or_default(), input: place.input.clone() }
    }
}
