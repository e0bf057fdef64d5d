//! Cuts bytes into records, a bounded piece at a time.

use std::io::{self, BufRead, BufReader, Read};

use super::Framing;

/// How much is read at once, and so how long a call takes at most.
pub(crate) const PIECE: usize = 64 * 1024;

/// What editors of some systems put in front of UTF-8. It belongs to no record.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// What one call came to.
#[derive(Debug)]
pub(crate) enum Cut {
    /// A record without its end.
    Record {
        /// The record.
        bytes: Vec<u8>,
        /// How many lines it took.
        lines: u64,
    },
    /// A record of more bytes than may be; they are gone.
    TooLong {
        /// How many there were.
        length: u64,
        /// How many lines it took.
        lines: u64,
    },
    /// A piece of a record: call again.
    Piece,
    /// There is no more.
    End,
}

/// Reads records. What it holds of one is bounded by the longest that may be.
pub(crate) struct Cutter<R> {
    reader: BufReader<R>,
    framing: Framing,
    /// The record that is being read, unless it is too long already.
    record: Vec<u8>,
    /// How many of its bytes were read.
    taken: u64,
    /// How many lines ended inside it.
    newlines: u64,
    /// Where it begins.
    offset: u64,
}

impl<R: Read> Cutter<R> {
    /// Reads on from a place: the reader stands at byte `offset`.
    pub(crate) fn new(reader: R, framing: Framing, offset: u64) -> Self {
        let reader = BufReader::with_capacity(PIECE, reader);
        Self { reader, framing, record: Vec::new(), taken: 0, newlines: 0, offset }
    }

    /// Where the first record begins that was not given yet.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// Reads on, for one piece at most.
    pub(crate) fn next(&mut self) -> io::Result<Cut> {
        let piece = loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                piece => break piece?,
            }
        };
        if piece.is_empty() {
            let only_a_mark = self.offset == 0 && self.record == BYTE_ORDER_MARK;
            return Ok(if self.taken == 0 || only_a_mark { Cut::End } else { self.end_record(0) });
        }
        let end = match &mut self.framing.quoting {
            None => piece.iter().position(|&byte| byte == self.framing.delimiter),
            Some(quoting) => {
                let (end, newlines) = quoting.find_end(piece);
                self.newlines += newlines;
                end
            }
        };
        let text = &piece[..end.unwrap_or(piece.len())];
        self.taken += text.len() as u64;
        // More than the maximum, for a mark in front and a `\r` at the end that may turn out not to belong to it.
        if self.taken <= (self.framing.max_record + BYTE_ORDER_MARK.len() + 1) as u64 {
            self.record.extend_from_slice(text);
        } else {
            self.record = Vec::new();
        }
        let consumed = text.len() + usize::from(end.is_some());
        self.reader.consume(consumed);
        Ok(if end.is_some() { self.end_record(1) } else { Cut::Piece })
    }

    /// Ends the record, with as many bytes of delimiter as there were.
    fn end_record(&mut self, delimiter: u64) -> Cut {
        let is_first = self.offset == 0;
        let length = std::mem::take(&mut self.taken);
        let lines = std::mem::take(&mut self.newlines) + 1;
        self.offset += length + delimiter;
        let mut bytes = std::mem::take(&mut self.record);
        if bytes.len() as u64 == length {
            if delimiter > 0 && self.framing.delimiter == b'\n' && bytes.last() == Some(&b'\r') {
                bytes.pop();
            }
            if is_first && bytes.starts_with(BYTE_ORDER_MARK) {
                bytes.drain(..BYTE_ORDER_MARK.len());
            }
            if bytes.len() <= self.framing.max_record {
                return Cut::Record { bytes, lines };
            }
        }
        Cut::TooLong { length, lines }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Quoting;

    fn framing(max_record: usize) -> Framing {
        Framing { delimiter: b'\n', quoting: None, max_record }
    }

    fn cut_with(bytes: &[u8], framing: Framing) -> Vec<Result<String, u64>> {
        let mut cutter = Cutter::new(bytes, framing, 0);
        let mut records = Vec::new();
        loop {
            assert!(cutter.record.capacity() <= framing.max_record + PIECE, "{} bytes held", cutter.record.capacity());
            match cutter.next().unwrap() {
                Cut::Record { bytes, .. } => records.push(Ok(String::from_utf8(bytes).unwrap())),
                Cut::TooLong { length, .. } => records.push(Err(length)),
                Cut::Piece => {}
                Cut::End => return records,
            }
        }
    }

    fn cut(bytes: &[u8], max_record: usize) -> Vec<Result<String, u64>> {
        cut_with(bytes, framing(max_record))
    }

    #[test]
    fn a_line_ends_at_a_newline_and_a_carriage_return_before_it_is_dropped() {
        let lines = cut(b"one\r\n\r\ntwo\rthree\n\nlast\r", 16);

        let expected = ["one", "", "two\rthree", "", "last\r"].map(|line| Ok(line.to_owned()));
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_last_line_needs_no_newline_and_a_newline_at_the_end_begins_no_line() {
        assert_eq!(cut(b"", 16), []);
        assert_eq!(cut(b"\n", 16), [Ok(String::new())]);
        assert_eq!(cut(b"a", 16), [Ok("a".to_owned())]);
        assert_eq!(cut(b"a\n", 16), [Ok("a".to_owned())]);
    }

    #[test]
    fn a_line_of_the_maximum_passes_and_one_more_byte_does_not() {
        let lines = cut(b"1234\r\n12345\n1234\n12345\r\n123456\n1234", 4);

        let four = || Ok("1234".to_owned());
        assert_eq!(lines, [four(), Err(5), four(), Err(6), Err(6), four()]);
    }

    #[test]
    fn a_line_that_is_far_too_long_is_skipped_without_being_held() {
        let mut bytes = vec![b'x'; 5_000_000];
        bytes.extend_from_slice(b"\nnext");

        assert_eq!(cut(&bytes, 1000), [Err(5_000_000), Ok("next".to_owned())]);
    }

    #[test]
    fn a_byte_order_mark_belongs_to_no_record_and_is_one_only_at_the_beginning() {
        assert_eq!(cut(b"\xef\xbb\xbf1234\r\n\xef\xbb\xbf", 4), [Ok("1234".into()), Ok("\u{feff}".into())]);
        assert_eq!(cut(b"\xef\xbb\xbf", 4), []);
        assert_eq!(cut(b"\xef\xbb\xbf\nx", 4), [Ok(String::new()), Ok("x".into())]);
    }

    #[test]
    fn another_delimiter_keeps_newlines_and_carriage_returns() {
        let framing = Framing { delimiter: b';', ..framing(16) };

        assert_eq!(cut_with(b"a\r;b\nc;d", framing), ["a\r", "b\nc", "d"].map(|record| Ok(record.to_owned())));
    }

    #[test]
    fn a_row_with_newlines_in_quotes_counts_its_lines_and_a_quote_that_is_never_closed_is_not_held() {
        let framing = Framing { quoting: Some(Quoting::new(b',', b'"')), ..framing(1000) };
        let mut text = b"a,\"b\n\nc\"\n\"".to_vec();
        text.extend(vec![b'\n'; 300_000]);
        let mut cutter = Cutter::new(&text[..], framing, 0);
        assert!(matches!(cutter.next().unwrap(), Cut::Record { lines: 3, .. }));

        assert_eq!(cut_with(&text, framing), [Ok("a,\"b\n\nc\"".to_owned()), Err(300_001)]);
    }
}
