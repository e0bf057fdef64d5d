//! Names that nobody else chooses.

use std::hash::{BuildHasher, RandomState};
use std::time::SystemTime;

/// Random lower-case letters and digits.
pub(crate) fn suffix(length: usize) -> String {
    const ALPHABET: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
    // The standard library keys every `RandomState` from the operating system's randomness.
    let state = RandomState::new();
    (0..length)
        .map(|position| {
            let value = state.hash_one((position, std::process::id())) % 36;
            char::from(ALPHABET[value as usize])
        })
        .collect()
}

/// A version for an import that was given none: the time in UTC, and a few random characters.
///
/// As in `20261123-140509-k3x9aq`: versions sort by time.
pub(super) fn version() -> String {
    let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let digits: String = time.chars().filter(char::is_ascii_digit).collect();
    let (date, time) = digits.split_at(digits.len().min(8));
    format!("{date}-{time}-{}", suffix(6))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tag;

    #[test]
    fn a_generated_version_follows_the_grammar_and_differs_each_time() {
        let versions: std::collections::BTreeSet<_> = (0..200).map(|_| version()).collect();

        assert_eq!(versions.len(), 200);
        for version in versions {
            assert_eq!(Tag::new("bert", &version).unwrap().version(), version);
            assert_eq!(version.len(), 22);
        }
    }
}
