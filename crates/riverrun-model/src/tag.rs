//! `name:version`, and what may stand in its place.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How many characters a name or a version may have.
pub const MAX_PART_LENGTH: usize = 63;

/// The word that stands for the version that a name's `latest` pointer names.
pub(crate) const LATEST: &str = "latest";

/// The exact tag of one version of a model: `name:version`.
///
/// Name and version each match `[a-z0-9]([-._a-z0-9]*[a-z0-9])?` and have at most [`MAX_PART_LENGTH`]
/// characters, so that each is a safe file name. Upper case is lowered:
/// [`parse_with_warning`](Self::parse_with_warning) tells.
///
/// ```
/// use riverrun_model::Tag;
///
/// let tag: Tag = "tweet-sentiment:1.0".parse()?;
/// assert_eq!((tag.name(), tag.version()), ("tweet-sentiment", "1.0"));
/// # Ok::<(), riverrun_model::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Tag {
    name: String,
    version: String,
}

impl Tag {
    /// The tag of a name and a version.
    ///
    /// # Errors
    /// [`Error::InvalidTag`] when one of them is not as the grammar says, [`Error::ReservedVersion`] for a
    /// version called `latest`.
    pub fn new(name: &str, version: &str) -> Result<Self> {
        let text = format!("{name}:{version}");
        let name = part(&text, "name", name)?;
        let version = part(&text, "version", version)?;
        if version == LATEST {
            return Err(Error::ReservedVersion { name });
        }
        Ok(Self { name, version })
    }

    /// Reads `name:version`.
    ///
    /// # Errors
    /// [`Error::NotExact`] for `name` and `name:latest`, [`Error::EmptyVersion`] for `name:`,
    /// [`Error::InvalidTag`] for anything else that is not as the grammar says.
    pub fn parse(text: &str) -> Result<Self> {
        let reference = TagRef::parse(text)?;
        reference.exact().ok_or(Error::NotExact { name: reference.name })
    }

    /// Reads `name:version`, and tells when upper case was lowered.
    ///
    /// ```
    /// use riverrun_model::Tag;
    ///
    /// let parsed = Tag::parse_with_warning("Tweet-Sentiment:1.0")?;
    /// assert_eq!(parsed.tag.to_string(), "tweet-sentiment:1.0");
    /// assert_eq!(
    ///     parsed.warning.map(|w| w.to_string()).as_deref(),
    ///     Some("tags are lower case: `Tweet-Sentiment:1.0` is read as `tweet-sentiment:1.0`")
    /// );
    /// # Ok::<(), riverrun_model::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with_warning(text: &str) -> Result<Parsed<Self>> {
        Ok(Parsed { tag: Self::parse(text)?, warning: LoweredTag::of(text) })
    }

    /// The part before the colon.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part after the colon.
    pub fn version(&self) -> &str {
        &self.version
    }
}

/// What a person may write to mean a model: an exact [`Tag`], or a name whose latest version is meant.
///
/// `name` alone and `name:latest` are the same.
///
/// ```
/// use riverrun_model::TagRef;
///
/// let latest: TagRef = "tweet-sentiment".parse()?;
/// assert_eq!(latest, "tweet-sentiment:latest".parse()?);
/// assert_eq!(latest.exact(), None);
///
/// let error = "tweet-sentiment:".parse::<TagRef>().unwrap_err();
/// assert_eq!(error.to_string(), "`tweet-sentiment:` has no version; did you mean `tweet-sentiment:latest`?");
/// # Ok::<(), riverrun_model::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct TagRef {
    name: String,
    version: Option<String>,
}

impl TagRef {
    /// The latest version of `name`.
    ///
    /// # Errors
    /// [`Error::InvalidTag`] when the name is not as the grammar says.
    pub fn latest(name: &str) -> Result<Self> {
        Ok(Self { name: part(name, "name", name)?, version: None })
    }

    /// Reads `name`, `name:latest` or `name:version`.
    ///
    /// # Errors
    /// [`Error::EmptyVersion`] for `name:`, [`Error::InvalidTag`] when a part is not as the grammar says.
    pub fn parse(text: &str) -> Result<Self> {
        let Some((name, version)) = text.split_once(':') else {
            return Self::latest(text);
        };
        let name = part(text, "name", name)?;
        if version.is_empty() {
            return Err(Error::EmptyVersion { name });
        }
        let version = part(text, "version", version)?;
        Ok(Self { name, version: (version != LATEST).then_some(version) })
    }

    /// Reads a reference as [`parse`](Self::parse) does, and tells when upper case was lowered.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_with_warning(text: &str) -> Result<Parsed<Self>> {
        Ok(Parsed { tag: Self::parse(text)?, warning: LoweredTag::of(text) })
    }

    /// The part before the colon.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The part after the colon, or `None` when the latest version is meant.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The exact tag, or `None` when the latest version is meant.
    pub fn exact(&self) -> Option<Tag> {
        Some(Tag { name: self.name.clone(), version: self.version.clone()? })
    }
}

/// A tag that was read, and what should be said about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parsed<T> {
    /// What was read: a [`Tag`] or a [`TagRef`].
    pub tag: T,
    /// Set when the text was changed to make a tag of it.
    pub warning: Option<LoweredTag>,
}

/// The warning that upper case in a tag was lowered. Its `Display` is a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoweredTag {
    /// The text as it was given.
    pub given: String,
    /// The text as it was read.
    pub read: String,
}

impl LoweredTag {
    /// The warning about `text`, if it needs one.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let read = text.to_ascii_lowercase();
        (read != text).then(|| Self { given: text.to_owned(), read })
    }
}

impl fmt::Display for LoweredTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { given, read } = self;
        write!(f, "tags are lower case: `{given}` is read as `{read}`")
    }
}

/// Checks and lowers a name or a version.
fn part(text: &str, kind: &'static str, given: &str) -> Result<String> {
    let is_edge = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let lowered = given.to_ascii_lowercase();
    let length = lowered.chars().count();
    let foreign = lowered.chars().find(|c| !is_edge(*c) && !matches!(c, '-' | '.' | '_'));

    let problem = if lowered.is_empty() {
        "is empty".to_owned()
    } else if let Some(foreign) = foreign {
        format!("contains `{}`", foreign.escape_debug())
    } else if length > MAX_PART_LENGTH {
        format!("has {length} characters")
    } else if let Some(first) = lowered.chars().next().filter(|c| !is_edge(*c)) {
        format!("starts with `{first}`")
    } else if let Some(last) = lowered.chars().next_back().filter(|c| !is_edge(*c)) {
        format!("ends with `{last}`")
    } else {
        return Ok(lowered);
    };
    Err(Error::InvalidTag { text: text.escape_debug().to_string(), part: kind, problem })
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.name, self.version)
    }
}

impl fmt::Display for TagRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self.version.as_deref().unwrap_or(LATEST);
        write!(f, "{}:{version}", self.name)
    }
}

impl FromStr for Tag {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl FromStr for TagRef {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Tag {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl TryFrom<String> for TagRef {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        Self::parse(&text)
    }
}

impl From<Tag> for TagRef {
    fn from(tag: Tag) -> Self {
        Self { name: tag.name, version: Some(tag.version) }
    }
}

impl From<&Tag> for TagRef {
    fn from(tag: &Tag) -> Self {
        tag.clone().into()
    }
}

impl From<Tag> for String {
    fn from(tag: Tag) -> Self {
        tag.to_string()
    }
}

impl From<TagRef> for String {
    fn from(tag: TagRef) -> Self {
        tag.to_string()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The grammar, written a second time: `[a-z0-9]([-._a-z0-9]*[a-z0-9])?` after lowering, 63 at most.
    fn follows_the_grammar(part: &str) -> bool {
        let bytes = part.to_ascii_lowercase().into_bytes();
        let edge = |b: &u8| matches!(b, b'a'..=b'z' | b'0'..=b'9');
        let inner = |b: &u8| edge(b) || b"-._".contains(b);
        (1..=63).contains(&bytes.len())
            && bytes.iter().all(inner)
            && bytes.first().is_some_and(edge)
            && bytes.last().is_some_and(edge)
    }

    proptest! {
        #[test]
        fn a_tag_is_read_exactly_when_both_parts_follow_the_grammar(
            name in "[-._a-zA-Z0-9 /é]{0,5}|[a-z]{60,66}", version in "[-._a-zA-Z0-9 :]{0,5}|[0-9]{60,66}",
        ) {
            let valid = follows_the_grammar(&name) && follows_the_grammar(&version);

            let read = Tag::parse(&format!("{name}:{version}"));

            prop_assert_eq!(read.is_ok(), valid && !version.eq_ignore_ascii_case("latest"));
        }

        #[test]
        fn a_tag_survives_being_written_and_read(
            name in "[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?", version in "[0-9]([-._a-z0-9]{0,61}[a-z0-9])?",
        ) {
            let tag = Tag::new(&name, &version).unwrap();

            prop_assert_eq!(&Tag::parse(&tag.to_string()).unwrap(), &tag);
            prop_assert_eq!(TagRef::parse(&tag.to_string()).unwrap().exact(), Some(tag));
        }

        #[test]
        fn reading_any_text_neither_panics_nor_yields_a_path(text in "\\PC{0,80}") {
            if let Ok(read) = TagRef::parse(&text) {
                prop_assert!(!read.to_string().contains(['/', '\\', '\0']));
                prop_assert!(read.name() != ".." && read.version() != Some(".."));
            }
        }
    }

    #[test]
    fn upper_case_is_lowered_with_a_warning() {
        let parsed = TagRef::parse_with_warning("Bert:LATEST").unwrap();

        assert_eq!(parsed.tag, TagRef::latest("bert").unwrap());
        assert!(parsed.warning.is_some());
        assert_eq!(TagRef::parse_with_warning("bert").unwrap().warning, None);
    }

    #[test]
    fn an_exact_tag_is_never_latest() {
        assert!(matches!(Tag::parse("bert:latest"), Err(Error::NotExact { .. })));
        assert!(matches!(Tag::parse("bert"), Err(Error::NotExact { .. })));
        assert!(matches!(Tag::new("bert", "Latest"), Err(Error::ReservedVersion { .. })));
    }

    #[test]
    fn a_message_about_a_tag_says_which_part_is_wrong() {
        let problem = |text: &str| Tag::parse(text).unwrap_err().to_string();

        assert!(problem("bert:1/2").starts_with("`bert:1/2` is not a tag: its version contains `/`"));
        assert!(problem("-bert:1").contains("its name starts with `-`"));
        assert!(problem(":1").contains("its name is empty"));
        assert!(problem(&format!("{}:1", "a".repeat(64))).contains("its name has 64 characters"));
        assert!(problem("a:b:c").contains("its version contains `:`"));
    }

    #[test]
    fn tags_are_plain_strings_in_json() {
        let tag: TagRef = serde_json::from_str("\"bert:1\"").unwrap();

        assert_eq!(serde_json::to_string(&tag).unwrap(), "\"bert:1\"");
        assert!(serde_json::from_str::<TagRef>("\"../x:1\"").is_err());
    }
}
