//! Why a request got no reply.

use std::error::Error;

/// A request without a reply, by what it says about the endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection: nothing was sent.
    Unreachable(String),
    /// The connection broke before the reply was whole. It may have been computed.
    Broken(String),
    /// What came is no HTTP, or more of it than may be.
    Malformed(String),
    /// There was no whole reply in time.
    Late,
}

impl Failure {
    pub(crate) fn reason(&self) -> &str {
        match self {
            Self::Unreachable(reason) | Self::Broken(reason) | Self::Malformed(reason) => reason,
            Self::Late => "it did not answer in time",
        }
    }
}

/// An error with its causes, in one line.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text.push_str(": ");
            text.push_str(&inner_text);
        }
        cause = inner.source();
    }
    text
}

impl From<hyper::Error> for Failure {
    fn from(error: hyper::Error) -> Self {
        if error.is_parse() {
            return Self::Malformed(format!("what came is not HTTP ({})", with_causes(&error)));
        }
        if error.is_incomplete_message() {
            return Self::Broken("it closed the connection before its reply was whole".to_owned());
        }
        Self::Broken(format!("the connection broke ({})", with_causes(&error)))
    }
}
