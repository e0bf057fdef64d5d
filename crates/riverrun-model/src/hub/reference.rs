//! `hf:org/name@revision`.

use std::fmt;
use std::str::FromStr;

use super::origin;
use crate::error::{Error, Result};

/// What a reference starts with.
const SCHEME: &str = "hf:";

/// The branch that is meant when no revision is named.
pub(super) const DEFAULT_REVISION: &str = "main";

/// A model on the hub: `hf:org/name`, or `hf:org/name@revision` for a branch, a tag or a commit.
///
/// ```
/// use riverrun_model::HubReference;
///
/// let reference: HubReference = "hf:sentence-transformers/all-MiniLM-L6-v2@main".parse()?;
/// assert_eq!(reference.repository(), "sentence-transformers/all-MiniLM-L6-v2");
/// # Ok::<(), riverrun_model::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubReference {
    repository: String,
    revision: String,
}

impl HubReference {
    /// The repository, as in `org/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The branch, the tag or the commit; `main` when none was named.
    pub fn revision(&self) -> &str {
        &self.revision
    }

    /// A name for the model in the store: the repository's, as the grammar of tags allows it.
    pub(super) fn name(&self) -> String {
        let last = self.repository.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
        let mut name: String = last.chars().take(crate::MAX_PART_LENGTH).collect();
        // What a repository may be called beyond that: it may start and end otherwise.
        name = name.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned();
        if name.is_empty() { "model".into() } else { name }
    }
}

impl FromStr for HubReference {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let invalid = |problem: &str| Error::InvalidHubReference {
            // Somebody's address may have a password in it.
            text: if text.contains("://") { origin::shown(text) } else { text.escape_debug().to_string() },
            problem: problem.to_owned(),
        };
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| invalid("does not start with `hf:`"))?;
        let (repository, revision) = rest.split_once('@').unwrap_or((rest, DEFAULT_REVISION));

        let parts: Vec<&str> = repository.split('/').collect();
        let word = |part: &&str| {
            let allowed = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
            (1..=96).contains(&part.len())
                && part.chars().all(allowed)
                && !part.starts_with(['-', '.'])
                && !part.ends_with(['-', '.'])
                && !part.contains("..")
                && !part.contains("--")
        };
        if parts.len() > 2 || !parts.iter().all(word) || repository.ends_with(".git") {
            return Err(invalid("names no repository"));
        }
        let allowed = |c: char| c.is_ascii_alphanumeric() || "-_./+".contains(c);
        let odd = revision.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.contains(".."));
        if revision.is_empty() || revision.len() > 255 || !revision.chars().all(allowed) || odd {
            return Err(invalid("names no branch, tag or commit after its `@`"));
        }
        Ok(Self { repository: repository.to_owned(), revision: revision.to_owned() })
    }
}

impl fmt::Display for HubReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.repository)?;
        if self.revision != DEFAULT_REVISION {
            write!(f, "@{}", self.revision)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_with_and_without_a_revision() {
        let read = |text: &str| text.parse::<HubReference>().unwrap();

        assert_eq!(read("hf:gpt2").to_string(), "hf:gpt2");
        assert_eq!(read("hf:org/name@refs/pr/3").revision(), "refs/pr/3");
        assert_eq!(read("hf:org/Name_2.0").name(), "name_2.0");
        assert_eq!(read("hf:org/_x_").name(), "x");
    }

    #[test]
    fn an_address_in_place_of_a_reference_is_refused_without_its_password() {
        let message = "https://me:secret@hub.example/org/name".parse::<HubReference>().unwrap_err().to_string();

        assert!(message.contains("https://…@hub.example/org/name") && !message.contains("secret"), "{message}");
    }

    #[test]
    fn what_could_lead_elsewhere_is_no_reference() {
        for text in [
            "org/name",
            "hf:",
            "hf:a/b/c",
            "hf:../x",
            "hf:a/..",
            "hf:a//b",
            "hf:a/b?x=1",
            "hf:a/b#x",
            "hf:a b/c",
            "hf:a--b/c",
            "hf:a/b@",
            "hf:a/b@../x",
            "hf:a/b@x/../y",
            "hf:a/b@/x",
            "hf:a/b@x?y",
            "hf:a/b.git",
            "https://x/a/b",
        ] {
            let message = text.parse::<HubReference>().unwrap_err().to_string();
            assert!(message.contains("write `hf:org/name`"), "{message}");
        }
    }
}
