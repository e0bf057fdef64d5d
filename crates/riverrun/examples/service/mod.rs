//! Where the service of the examples is, and what it is asked.

#![allow(dead_code, reason = "each example uses what it needs")]

pub(crate) type Tweet = (u32, String);

/// The first argument, or what `riverrun serve` listens on by default.
pub(crate) fn url() -> String {
    std::env::args().nth(1).unwrap_or_else(|| "http://127.0.0.1:3000".into())
}

pub(crate) const TWEETS: [(u32, &str); 3] = [
    (1, "I love this, best day ever!"),
    (2, "The train leaves at nine."),
    (3, "This is the worst service I have ever had."),
];
