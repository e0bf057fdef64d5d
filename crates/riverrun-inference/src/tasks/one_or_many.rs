//! Answers that `transformers` gives alone where there is one, and in a list where there are several.

use serde::{Deserialize, Serialize};

/// One, or a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum OneOrMany<T> {
    /// One alone.
    One(T),
    /// A list of them.
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    /// All of them.
    #[must_use]
    pub fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => std::slice::from_ref(one),
            Self::Many(many) => many,
        }
    }

    /// The first, if there is one.
    #[must_use]
    pub fn first(&self) -> Option<&T> {
        self.as_slice().first()
    }
}

impl<T> From<Vec<T>> for OneOrMany<T> {
    /// One alone where the list has one.
    fn from(mut list: Vec<T>) -> Self {
        match (list.pop(), list.is_empty()) {
            (Some(only), true) => Self::One(only),
            (last, _) => Self::Many(list.into_iter().chain(last).collect()),
        }
    }
}
