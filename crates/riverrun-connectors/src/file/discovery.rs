//! From paths, directories and patterns to files.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};
use walkdir::{DirEntry, WalkDir};

use crate::error::{Error, Result};

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Found {
    pub(super) path: PathBuf,
    /// How many bytes it has; a pipe or a device has no number of them.
    pub(super) length: Option<u64>,
}

/// The files that these paths and patterns mean: in the order of the patterns, those of one by their paths, each once.
///
/// Where `may_come_later`, a pattern need not match anything yet.
pub(super) fn discover<'p>(
    patterns: impl IntoIterator<Item = &'p PathBuf>, may_come_later: bool,
) -> Result<Vec<Found>> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    for pattern in patterns {
        let mut files = Vec::new();
        match fs::metadata(pattern) {
            Ok(metadata) if metadata.is_dir() => walk(pattern, &mut files)?,
            Ok(metadata) => files.push(file(pattern, &metadata)),
            Err(_) if is_pattern(pattern) => {
                match_pattern(pattern, may_come_later, &mut files)?;
                if files.is_empty() && !may_come_later {
                    return Err(Error::NoMatch { pattern: pattern.display().to_string() });
                }
            }
            Err(error) => return Err(Error::open(pattern.display().to_string(), error)),
        }
        found.extend(files.into_iter().filter(|file| seen.insert(file.path.clone())));
    }
    Ok(found)
}

/// Finds out whether a file can be read as text, before anything runs.
pub(super) fn check(found: &Found) -> Result {
    // Opening a pipe and closing it again would end its writer.
    if found.length.is_none() {
        return Ok(());
    }
    let input = || found.path.display().to_string();
    let mut start = Vec::new();
    fs::File::open(&found.path)
        .and_then(|file| file.take(4).read_to_end(&mut start))
        .map_err(|error| Error::open(input(), error))?;
    match OTHER_THAN_TEXT.iter().find(|(mark, ..)| start.starts_with(mark)) {
        Some(&(_, found, advice, command)) => Err(Error::NotText { input: input(), found, advice, command }),
        None => Ok(()),
    }
}

/// What the first bytes of a file say that would be read as thousands of bad lines, or as good ones with a zero behind each
/// letter. None of them can begin a text in UTF-8.
const OTHER_THAN_TEXT: [(&[u8], &str, &str, &str); 4] = [
    (b"\x1f\x8b", "compressed with gzip", "decompress it first", "gunzip -k"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it first", "unzstd"),
    (b"\xff\xfe", "text in UTF-16", "convert it to UTF-8", "iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "convert it to UTF-8", "iconv -f UTF-16 -t UTF-8"),
];

fn file(path: &Path, metadata: &fs::Metadata) -> Found {
    Found { path: path.to_owned(), length: metadata.is_file().then_some(metadata.len()) }
}

/// The regular files in a directory and those below it.
fn walk(directory: &Path, files: &mut Vec<Found>) -> Result {
    let entries = WalkDir::new(directory).min_depth(1).follow_links(true).sort_by_file_name().into_iter();
    for entry in entries.filter_entry(|entry| !is_hidden(entry.file_name(), b"._")) {
        let Some(entry) = listed(entry, directory)? else { continue };
        push_if_regular(&entry, entry.path(), directory, files)?;
    }
    Ok(())
}

fn push_if_regular(entry: &DirEntry, path: &Path, directory: &Path, files: &mut Vec<Found>) -> Result {
    if entry.file_type().is_file() {
        match entry.metadata() {
            Ok(metadata) => files.push(file(path, &metadata)),
            Err(error) => {
                listed(Err(error), directory)?;
            }
        }
    }
    Ok(())
}

/// An entry of a directory. Nothing for what has gone meanwhile, a link to nothing, or one back to where it came from.
fn listed(entry: walkdir::Result<DirEntry>, directory: &Path) -> Result<Option<DirEntry>> {
    entry.map(Some).or_else(|error| {
        let is_gone = error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound);
        if error.loop_ancestor().is_some() || is_gone {
            return Ok(None);
        }
        let place = error.path().unwrap_or(directory).display().to_string();
        Err(Error::list(place, error.into()))
    })
}

/// As Flink passes over them: parts that are being written, and the marks of other systems.
fn is_hidden(name: &OsStr, marks: &[u8]) -> bool {
    name.as_encoded_bytes().first().is_some_and(|first| marks.contains(first))
}

fn has_wildcard(part: &OsStr) -> bool {
    part.as_encoded_bytes().iter().any(|byte| b"*?[{".contains(byte))
}

fn is_pattern(path: &Path) -> bool {
    has_wildcard(path.as_os_str())
}

/// The files whose paths match, and those in directories that do.
fn match_pattern(pattern: &Path, may_come_later: bool, files: &mut Vec<Found>) -> Result {
    let is_plain = |part: &Component<'_>| !has_wildcard(part.as_os_str());
    let base: PathBuf = pattern.components().take_while(is_plain).collect();
    let rest: PathBuf = pattern.components().skip_while(is_plain).collect();
    let matcher = matcher(&rest, pattern)?;
    let root = if base.as_os_str().is_empty() { Path::new(".") } else { &base };
    match fs::metadata(root) {
        // Who waits for files in a directory that is not there would wait for ever.
        Err(error) if may_come_later => return Err(Error::list(root.display().to_string(), error)),
        Ok(metadata) if metadata.is_dir() => {}
        _ => return Ok(()),
    }
    let begins_with =
        |mark: u8| rest.components().any(|part| part.as_os_str().as_encoded_bytes().first() == Some(&mark));
    let marks: Vec<u8> = b"._".iter().copied().filter(|&mark| !begins_with(mark)).collect();
    let depth =
        if rest.components().any(|part| part.as_os_str() == "**") { usize::MAX } else { rest.components().count() };
    let walk_all = WalkDir::new(root).min_depth(1).max_depth(depth).follow_links(true).sort_by_file_name();
    let mut entries = walk_all.into_iter().filter_entry(|entry| !is_hidden(entry.file_name(), &marks));
    while let Some(entry) = entries.next() {
        let Some(entry) = listed(entry, root)? else { continue };
        let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
        if !matcher.is_match(relative) {
            continue;
        }
        let path = base.join(relative);
        if entry.file_type().is_dir() {
            walk(&path, files)?;
            entries.skip_current_dir();
        } else {
            push_if_regular(&entry, &path, root, files)?;
        }
    }
    Ok(())
}

fn matcher(rest: &Path, pattern: &Path) -> Result<GlobMatcher> {
    let refused = |reason: String| Error::Pattern { pattern: pattern.display().to_string(), reason };
    let text = rest.to_str().ok_or_else(|| refused("it is not UTF-8".into()))?;
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    Ok(glob.map_err(|error| refused(error.kind().to_string()))?.compile_matcher())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A directory with these files, and what a pattern in it finds.
    fn found(files: &[&str], pattern: &str) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        for name in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "x").unwrap();
        }
        let found = discover(&[directory.path().join(pattern)], true).unwrap();
        let relative = |file: Found| file.path.strip_prefix(directory.path()).unwrap().display().to_string();
        found.into_iter().map(relative).collect()
    }

    #[test]
    fn a_star_stays_in_its_directory_and_two_go_through_all() {
        let files = ["b.csv", "a.csv", "c.txt", "sub/d.csv", "sub/deep/e.csv", "sub.csv/f"];

        assert_eq!(found(&files, "*.csv"), ["a.csv", "b.csv", "sub.csv/f"]);
        assert_eq!(found(&files, "*/*.csv"), ["sub/d.csv"]);
        assert_eq!(found(&files, "**/*.csv"), ["a.csv", "b.csv", "sub/d.csv", "sub/deep/e.csv", "sub.csv/f"]);
        assert_eq!(found(&files, "{a,c}.*"), ["a.csv", "c.txt"]);
        assert_eq!(found(&files, "[!ab].???"), ["c.txt"]);
    }

    #[test]
    fn hidden_names_are_found_only_by_patterns_that_say_so() {
        let files = [".part-0-0.inprogress", "_SUCCESS", "part-0-1", "day=1/.hidden/x", "day=1/y", "_old/z"];

        assert_eq!(found(&files, ""), ["day=1/y", "part-0-1"]);
        assert_eq!(found(&files, "**"), ["day=1/y", "part-0-1"]);
        assert_eq!(found(&files, ".*"), [".part-0-0.inprogress"]);
        assert_eq!(found(&files, "_*"), ["_SUCCESS", "_old/z"]);
    }

    #[test]
    fn a_file_is_found_once_where_several_patterns_match_it() {
        let directory = tempfile::tempdir().unwrap();
        ["a", "b"].iter().for_each(|name| fs::write(directory.path().join(name), "x").unwrap());

        let found = discover(&[directory.path().join("b"), directory.path().to_owned()], false).unwrap();

        let names: Vec<_> = found.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn a_name_with_wildcards_that_is_there_means_itself() {
        assert_eq!(found(&["a[1].txt", "a1.txt"], "a[1].txt"), ["a[1].txt"]);
        assert_eq!(found(&["a1.txt"], "a[1].txt"), ["a1.txt"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_followed_but_not_around_in_circles() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("sub")).unwrap();
        fs::write(directory.path().join("sub/a"), "x").unwrap();
        std::os::unix::fs::symlink(directory.path(), directory.path().join("sub/back")).unwrap();
        std::os::unix::fs::symlink("nowhere", directory.path().join("broken")).unwrap();
        std::os::unix::fs::symlink("sub/a", directory.path().join("link")).unwrap();

        let found = discover(&[directory.path().to_owned()], false).unwrap();

        let names: Vec<_> = found.iter().map(|file| file.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["link", "a"]);
    }

    #[test]
    fn a_file_that_is_no_text_is_refused_with_how_to_make_it_one() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let message = |content: &[u8]| {
            fs::write(&path, content).unwrap();
            let found = discover(std::slice::from_ref(&path), false).unwrap();
            check(&found[0]).err().map(|error| error.to_string()).unwrap_or_default()
        };

        let (gzip, utf16) = (message(b"\x1f\x8b\x08\x00"), message(b"\xff\xfea\x00"));
        assert!(gzip.contains("/a is compressed with gzip; decompress it first: `gunzip -k "), "{gzip}");
        assert!(utf16.contains("/a is text in UTF-16; convert it to UTF-8: `iconv -f UTF-16 -t UTF-8 "), "{utf16}");
        assert_eq!([&b""[..], b"\xff", b"\xef\xbb\xbfa", b"abcde"].map(message), [""; 4]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_not_utf8_is_found() {
        use std::os::unix::ffi::OsStrExt;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(OsStr::from_bytes(b"\xff.csv"));
        fs::write(&path, "x").unwrap();

        let found = discover(&[directory.path().join("*.csv")], false).unwrap();

        assert_eq!(found, [Found { path, length: Some(1) }]);
    }

    #[test]
    fn what_is_not_there_or_no_pattern_is_named() {
        let message = |pattern: &str| discover(&[pattern.into()], false).unwrap_err().to_string();

        assert!(message("/none/at/all").starts_with("cannot open /none/at/all: No such file"));
        let waiting = discover(&["/none/*.csv".into()], true).unwrap_err().to_string();
        assert!(waiting.starts_with("cannot list the files in /none: No such file"), "{waiting}");
        assert!(message("/none/*.csv").starts_with("no file matches /none/*.csv; check the pattern"));
        assert!(message("/tmp/[a.csv").starts_with("/tmp/[a.csv is no pattern: "), "{}", message("/tmp/[a.csv"));
    }
}
