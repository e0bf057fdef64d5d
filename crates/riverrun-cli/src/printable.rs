//! Texts of other people on a terminal.

/// A text in which nothing steers the terminal or changes the order of what is shown: such characters are escaped.
///
/// Names in a model's files are of whoever made it. `\n` is escaped too.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        let reorders = matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || reorders {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_escaped_and_other_writing_is_not() {
        let hostile = printable("a\u{1b}[2J\r\n\u{9b}31m\u{202e}b");

        assert_eq!(hostile, "a\\u{1b}[2J\\r\\n\\u{9b}31m\\u{202e}b");
        assert_eq!(printable("größe 大きさ e\u{301} \"x\\y\""), "größe 大きさ e\u{301} \"x\\y\"");
    }
}
