//! Tells a newline between rows from one inside quotes.

/// The quotes of a format, and where in a row the reading is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quoting {
    separator: u8,
    quote: u8,
    state: State,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Before the first byte of a field, where alone a quote opens.
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote inside quotes: another one makes it a character, anything else ends the quotes.
    Closing,
}

impl Quoting {
    /// Fields between `separator`s, some of them between `quote`s, which are doubled inside.
    pub(crate) fn new(separator: u8, quote: u8) -> Self {
        Self { separator, quote, state: State::FieldStart }
    }

    /// Reads on: the end of the row in these bytes, and how many newlines before it are part of the row.
    pub(super) fn find_end(&mut self, bytes: &[u8]) -> (Option<usize>, u64) {
        let mut newlines = 0;
        for (index, &byte) in bytes.iter().enumerate() {
            self.state = match self.state {
                State::Quoted if byte == self.quote => State::Closing,
                State::Quoted => {
                    newlines += u64::from(byte == b'\n');
                    State::Quoted
                }
                State::FieldStart | State::Closing if byte == self.quote => State::Quoted,
                _ if byte == self.separator => State::FieldStart,
                _ if byte == b'\n' => {
                    self.state = State::FieldStart;
                    return (Some(index), newlines);
                }
                _ => State::Plain,
            };
        }
        (None, newlines)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> Vec<&str> {
        let mut quoting = Quoting::new(b',', b'"');
        let mut rest = text;
        let mut rows = Vec::new();
        while let (Some(end), _) = quoting.find_end(rest.as_bytes()) {
            rows.push(&rest[..end]);
            rest = &rest[end + 1..];
        }
        rows
    }

    #[test]
    fn a_newline_inside_quotes_does_not_end_a_row() {
        assert_eq!(rows("a,\"b\nc\",d\ne\n"), ["a,\"b\nc\",d", "e"]);
        assert_eq!(rows("\"\"\"\n\"\"\",x\ny\n"), ["\"\"\"\n\"\"\",x", "y"]);
    }

    #[test]
    fn a_quote_in_the_middle_of_a_field_opens_nothing() {
        assert_eq!(rows("5\" disk,\"x\"y\nnext\n"), ["5\" disk,\"x\"y", "next"]);
    }
}
