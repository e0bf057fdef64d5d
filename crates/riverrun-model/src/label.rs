//! Labels of a model: small texts by which it is found.

use std::collections::BTreeMap;

use crate::error::{Error, Result};

/// The most characters of a label's key, and of its value.
const MAX_LABEL: usize = 256;

/// What is to become of a model's labels.
///
/// ```
/// use riverrun_model::LabelChange;
///
/// assert_eq!(LabelChange::parse("stage=production")?, LabelChange::Set("stage".into(), "production".into()));
/// assert_eq!(LabelChange::parse("stage-")?, LabelChange::Remove("stage".into()));
/// # Ok::<(), riverrun_model::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LabelChange {
    /// Sets a key to a value, whatever it was before.
    Set(String, String),
    /// Takes a key away, if it is there.
    Remove(String),
}

impl LabelChange {
    /// Reads `key=value`, or `key-` for one to take away.
    ///
    /// # Errors
    /// [`Error::InvalidLabel`] for anything else, an empty key, one with a space, and more than 256 characters.
    pub fn parse(text: &str) -> Result<Self> {
        if let Some((key, value)) = text.split_once('=') {
            let (key, value) = checked(text, key, value)?;
            return Ok(Self::Set(key, value));
        }
        match text.strip_suffix('-') {
            Some(key) => checked(text, key, "").map(|(key, _)| Self::Remove(key)),
            None => Err(invalid(text, "is neither `key=value` nor `key-`")),
        }
    }

    /// Checks a label that a program sets. Any may be taken away.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Set(key, value) => checked(&format!("{key}={value}"), key, value).map(drop),
            Self::Remove(_) => Ok(()),
        }
    }

    pub(crate) fn apply(self, labels: &mut BTreeMap<String, String>) {
        match self {
            Self::Set(key, value) => drop(labels.insert(key, value)),
            Self::Remove(key) => drop(labels.remove(&key)),
        }
    }
}

/// Checks labels that came from a program or a file.
pub(crate) fn check(labels: &BTreeMap<String, String>) -> Result<()> {
    labels.iter().try_for_each(|(key, value)| checked(&format!("{key}={value}"), key, value).map(drop))
}

fn checked(text: &str, key: &str, value: &str) -> Result<(String, String)> {
    if key.is_empty() {
        return Err(invalid(text, "has no key"));
    }
    // `key-` would otherwise be a key and the wish to remove another one.
    if key.ends_with('-') || key.contains('=') || key.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(invalid(text, "has a key with a space or a `=`, or one that ends with `-`"));
    }
    if value.chars().any(char::is_control) {
        return Err(invalid(text, "has a control character in its value"));
    }
    if key.chars().count() > MAX_LABEL || value.chars().count() > MAX_LABEL {
        return Err(invalid(text, "has more than 256 characters in its key or its value"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn invalid(text: &str, problem: &'static str) -> Error {
    Error::InvalidLabel { text: text.escape_debug().to_string(), problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_that_could_not_be_found_or_removed_again_are_refused() {
        for text in ["=x", "stage", "a b=c", "a-=b", "-", "k=\u{7}", &format!("k={}", "x".repeat(300))] {
            let message = LabelChange::parse(text).unwrap_err().to_string();
            assert!(message.contains("write `key=value`"), "{message}");
        }
        assert_eq!(LabelChange::parse("a=b=c").unwrap(), LabelChange::Set("a".into(), "b=c".into()));
        assert_eq!(LabelChange::parse("a=").unwrap(), LabelChange::Set("a".into(), String::new()));
    }
}
