//! Cuts bytes into lines, a bounded piece at a time.

use std::io::{self, BufRead, BufReader, Read};

/// How much is read at once, and so how long a call takes at most.
pub(super) const PIECE: usize = 64 * 1024;

/// What one call came to.
#[derive(Debug)]
pub(super) enum Cut {
    /// A line without its end.
    Line(Vec<u8>),
    /// A line of so many bytes, more than may be; they are gone.
    TooLong(u64),
    /// A piece of a line: call again.
    Piece,
    /// There is no more.
    End,
}

/// Reads lines. What it holds of a line is bounded by the longest that may be.
pub(super) struct Cutter<R> {
    reader: BufReader<R>,
    max_line: usize,
    /// The line that is being read, unless it is too long already.
    line: Vec<u8>,
    /// How many of its bytes were read.
    taken: u64,
    /// Where it begins.
    offset: u64,
    /// Its number, from 1.
    number: u64,
}

impl<R: Read> Cutter<R> {
    /// Reads on from a place: the reader stands at byte `offset`, where line `number` begins.
    pub(super) fn new(reader: R, max_line: usize, offset: u64, number: u64) -> Self {
        let reader = BufReader::with_capacity(PIECE, reader);
        Self { reader, max_line, line: Vec::new(), taken: 0, offset, number }
    }

    /// Where the first line begins that was not given yet, and its number.
    pub(super) fn position(&self) -> (u64, u64) {
        (self.offset, self.number)
    }

    /// Reads on, for one piece at most.
    pub(super) fn next(&mut self) -> io::Result<Cut> {
        let piece = loop {
            match self.reader.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                piece => break piece?,
            }
        };
        if piece.is_empty() {
            return Ok(if self.taken == 0 { Cut::End } else { self.end_line(0) });
        }
        let end = piece.iter().position(|&byte| byte == b'\n');
        let text = &piece[..end.unwrap_or(piece.len())];
        self.taken += text.len() as u64;
        // One more than the maximum, for a `\r` that may turn out to belong to the line's end.
        if self.taken <= self.max_line as u64 + 1 {
            self.line.extend_from_slice(text);
        } else {
            self.line = Vec::new();
        }
        let consumed = text.len() + usize::from(end.is_some());
        self.reader.consume(consumed);
        Ok(if end.is_some() { self.end_line(1) } else { Cut::Piece })
    }

    /// Ends the line, with as many bytes of `\n` as there were.
    fn end_line(&mut self, newline: u64) -> Cut {
        let taken = std::mem::take(&mut self.taken);
        self.offset += taken + newline;
        self.number += 1;
        let mut line = std::mem::take(&mut self.line);
        if line.len() as u64 == taken {
            if newline > 0 && line.last() == Some(&b'\r') {
                line.pop();
            }
            if line.len() <= self.max_line {
                return Cut::Line(line);
            }
        }
        Cut::TooLong(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &[u8], max_line: usize) -> Vec<Result<String, u64>> {
        let mut cutter = Cutter::new(bytes, max_line, 0, 1);
        let mut lines = Vec::new();
        loop {
            assert!(cutter.line.capacity() <= max_line + PIECE, "{} bytes held", cutter.line.capacity());
            match cutter.next().unwrap() {
                Cut::Line(line) => lines.push(Ok(String::from_utf8(line).unwrap())),
                Cut::TooLong(bytes) => lines.push(Err(bytes)),
                Cut::Piece => {}
                Cut::End => return lines,
            }
        }
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
}
