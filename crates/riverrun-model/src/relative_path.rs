//! Paths of a model's files, as they are kept: relative, with `/` between the parts.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use unicode_normalization::UnicodeNormalization;

/// The most bytes that a whole path may have.
const MAX_PATH: usize = 1024;

/// The most bytes that a part of it may have, as most file systems allow.
const MAX_PART: usize = 255;

/// How many directories deep a file may lie.
const MAX_DEPTH: usize = 16;

/// Says why `path` is not the path of a file inside a model on every system that a model may be brought to.
///
/// Neither it nor what a file system makes of it can lead out of the model's directory.
pub(crate) fn check(path: &str) -> Result<(), String> {
    let refused = |why: &str| Err(format!("the path `{}` {why}", path.escape_debug()));
    if path.starts_with('/') {
        return refused("is absolute");
    }
    if path.len() > MAX_PATH {
        return refused(&format!("has more than {MAX_PATH} bytes"));
    }
    let parts: Vec<&str> = path.split('/').collect();
    if parts.len() > MAX_DEPTH {
        return refused(&format!("is more than {MAX_DEPTH} directories deep"));
    }
    for part in parts {
        if part == ".." {
            return refused("leaves the model");
        }
        if part.is_empty() || part == "." {
            return refused("has an empty part");
        }
        if part.len() > MAX_PART {
            return refused(&format!("has a part of more than {MAX_PART} bytes"));
        }
        // `\` and `:` lead elsewhere on Windows, and what follows is not kept there as written.
        if let Some(foreign) = part.chars().find(|c| c.is_control() || "\\:*?\"<>|".contains(*c)) {
            return refused(&format!("contains `{}`", foreign.escape_debug()));
        }
        if part.ends_with(['.', ' ']) {
            return refused("has a part that ends with a dot or a space");
        }
        let stem = part.split('.').next().unwrap_or_default().to_ascii_lowercase();
        let device = matches!(stem.as_str(), "con" | "prn" | "aux" | "nul")
            || (stem.len() == 4
                && (stem.starts_with("com") || stem.starts_with("lpt"))
                && stem.ends_with(|c: char| c.is_ascii_digit()));
        if device {
            return refused("is the name of a device on some systems");
        }
    }
    Ok(())
}

/// Paths that no file system takes for one another.
#[derive(Debug, Default)]
pub(crate) struct DistinctPaths {
    /// Every path and every directory above one, as the least discerning file system knows it, with whether it is a file.
    known: BTreeMap<String, (String, bool)>,
}

impl DistinctPaths {
    /// Adds the path of a file, and says why it cannot stand beside the others.
    pub(crate) fn add(&mut self, path: &str) -> Result<(), String> {
        for (end, _) in path.match_indices('/') {
            self.insert(&path[..end], false)?;
        }
        self.insert(path, true)
    }

    fn insert(&mut self, path: &str, is_file: bool) -> Result<(), String> {
        let (other, other_is_file) = match self.known.entry(folded(path)) {
            Entry::Vacant(free) => {
                free.insert((path.to_owned(), is_file));
                return Ok(());
            }
            Entry::Occupied(taken) => taken.get().clone(),
        };
        // Two files share a directory.
        if other == path && !is_file && !other_is_file {
            return Ok(());
        }
        Err(format!("`{}` and `{}` are the same file on some systems", other.escape_debug(), path.escape_debug()))
    }
}

/// What a file system sees that knows neither case nor Unicode's ways of writing one character.
fn folded(path: &str) -> String {
    path.nfkc().flat_map(char::to_lowercase).flat_map(char::to_uppercase).nfkc().collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_of_models_are_accepted() {
        for path in ["config.json", "onnx/model.onnx_data", "1_Pooling/config.json", "übung.txt", ".gitattributes"] {
            check(path).unwrap();
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused_with_the_reason() {
        let cases = [
            ("/etc/passwd", "is absolute"),
            ("../x", "leaves the model"),
            ("a/../../x", "leaves the model"),
            ("a//b", "has an empty part"),
            ("./a", "has an empty part"),
            ("", "has an empty part"),
            ("a\\..\\b", "contains `\\\\`"),
            ("c:x", "contains `:`"),
            ("a\0b", "contains `\\0`"),
            ("nul.txt", "is the name of a device"),
            ("COM1", "is the name of a device"),
            ("a./b", "ends with a dot"),
        ];
        for (path, reason) in cases {
            let message = check(path).unwrap_err();
            assert!(message.contains(reason), "{message}");
        }
        assert!(check(&"a/".repeat(20)).is_err() && check(&"a".repeat(300)).is_err());
    }

    #[test]
    fn twins_are_found_however_they_are_written() {
        let twins = [
            ("a", "a"),
            ("Config.json", "config.json"),
            ("caf\u{e9}", "cafe\u{301}"),
            ("STRASSE", "stra\u{df}e"),
            ("a", "a/b"),
            ("A/x", "a/y"),
            ("\u{ff41}", "a"),
        ];
        for (one, other) in twins {
            let mut paths = DistinctPaths::default();
            paths.add(one).unwrap();
            assert!(paths.add(other).unwrap_err().contains("are the same file"), "{one} {other}");
        }

        let mut paths = DistinctPaths::default();
        for path in ["a/x", "a/y", "b", "a.b"] {
            paths.add(path).unwrap();
        }
    }

    proptest! {
        #[test]
        fn an_accepted_path_stays_inside_on_this_system(path in "[./\\\\a-c:é\0]{0,12}") {
            if check(&path).is_ok() {
                let joined = std::path::Path::new("/model").join(&path);
                prop_assert!(joined.starts_with("/model"));
                let normal = |part| matches!(part, std::path::Component::Normal(_));
                prop_assert!(std::path::Path::new(&path).components().all(normal));
            }
        }
    }
}
