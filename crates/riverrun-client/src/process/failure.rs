//! What a process that died left to say.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

const LINES: usize = 10;
const BYTES: u64 = 4096;

/// The last lines of a log, in one line; empty if it has none.
pub(super) fn last_lines(log: &Path) -> String {
    let Some(bytes) = tail(log) else { return String::new() };
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let shown = lines[lines.len().saturating_sub(LINES)..].join(" | ");
    shown.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

fn tail(log: &Path) -> Option<Vec<u8>> {
    let mut file = File::open(log).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES))).ok()?;
    let mut bytes = Vec::new();
    file.take(BYTES).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_shown_and_nothing_that_could_move_a_cursor() {
        let log = tempfile::NamedTempFile::new().unwrap();
        let text: String = (0..2000).map(|line| format!("line {line}\n\n")).collect();
        std::fs::write(log.path(), text + "\x1b[31mthe model is broken\n").unwrap();

        let shown = last_lines(log.path());

        assert!(shown.contains("line 1999 |") && shown.ends_with("[31mthe model is broken"), "{shown}");
        assert!(!shown.contains("line 1900") && !shown.contains('\x1b'), "{shown}");
        assert_eq!(last_lines(Path::new("/nonexistent/log")), "");
    }
}
