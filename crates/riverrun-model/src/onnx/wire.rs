//! Protocol Buffers, read from a file piece by piece.
//!
//! Weights are skipped by seeking, so a model of gigabytes is looked at with a few kilobytes of memory.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

/// How deep messages may lie in one another. Real graphs nest a few levels for each `If` or `Loop`.
const MAX_DEPTH: usize = 64;

/// What the file is not, in words, or why it cannot be read.
#[derive(Debug)]
pub(super) enum Fault {
    Malformed(String),
    Io(io::Error),
}

pub(super) type Result<T, E = Fault> = std::result::Result<T, E>;

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => malformed("it ends in the middle"),
            _ => Self::Io(error),
        }
    }
}

pub(super) fn malformed(problem: impl Into<String>) -> Fault {
    Fault::Malformed(problem.into())
}

/// The content of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Varint(u64),
    /// A text, bytes or a message of this many bytes, which stand next in the file.
    Length(u64),
    /// Four or eight bytes, skipped.
    Fixed,
}

/// What can be read and skipped.
pub(super) trait Input: BufRead + Seek {}

impl<T: BufRead + Seek> Input for T {}

/// Reads fields one after another, and knows where the message that it is in ends.
pub(super) struct Reader<'a> {
    input: &'a mut dyn Input,
    position: u64,
    /// Where each of the messages around the position ends, the innermost last.
    ends: Vec<u64>,
}

impl<'a> Reader<'a> {
    /// Reads `length` bytes from the start of `input`.
    pub(super) fn new(input: &'a mut dyn Input, length: u64) -> Self {
        Self { input, position: 0, ends: vec![length] }
    }

    fn end(&self) -> u64 {
        self.ends.last().copied().unwrap_or(0)
    }

    /// The next field of the current message, or `None` at its end.
    pub(super) fn field(&mut self) -> Result<Option<(u64, Value)>> {
        if self.position == self.end() {
            return Ok(None);
        }
        let key = self.varint()?;
        let number = key >> 3;
        if number == 0 {
            return Err(malformed("a field has the number 0"));
        }
        let value = match key & 7 {
            0 => Value::Varint(self.varint()?),
            1 => self.fixed(8)?,
            2 => {
                let length = self.varint()?;
                if length > self.end() - self.position {
                    return Err(malformed("a field is longer than what it is in"));
                }
                Value::Length(length)
            }
            5 => self.fixed(4)?,
            other => return Err(malformed(format!("a field has the unknown wire type {other}"))),
        };
        Ok(Some((number, value)))
    }

    /// Reads the message of `length` bytes that stands next, field by field.
    ///
    /// A field of bytes that `each` has not read is skipped.
    pub(super) fn message(
        &mut self, value: Value, each: &mut dyn FnMut(&mut Self, u64, Value) -> Result<()>,
    ) -> Result<()> {
        let Value::Length(length) = value else {
            return Err(malformed("a number stands where a message should be"));
        };
        if self.ends.len() > MAX_DEPTH {
            return Err(malformed(format!("its messages are nested more than {MAX_DEPTH} deep")));
        }
        self.ends.push(self.position + length);
        let done = self.fields(each);
        self.ends.pop();
        done
    }

    /// Reads the rest of the current message, field by field.
    pub(super) fn fields(&mut self, each: &mut dyn FnMut(&mut Self, u64, Value) -> Result<()>) -> Result<()> {
        while let Some((number, value)) = self.field()? {
            let after = match value {
                Value::Length(length) => self.position + length,
                _ => self.position,
            };
            each(self, number, value)?;
            self.skip_to(after)?;
        }
        Ok(())
    }

    /// The text that stands next, at most `most` bytes long.
    pub(super) fn text(&mut self, value: Value, most: u64) -> Result<String> {
        let Value::Length(length) = value else {
            return Err(malformed("a number stands where a text should be"));
        };
        if length > most {
            return Err(malformed(format!("a name has {length} bytes, more than {most}")));
        }
        let mut bytes = Vec::new();
        (&mut *self.input).take(length).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != length {
            return Err(malformed("it ends in the middle"));
        }
        self.position += length;
        String::from_utf8(bytes).map_err(|_| malformed("a name in it is not UTF-8"))
    }

    fn skip_to(&mut self, position: u64) -> Result<()> {
        let distance = position - self.position;
        // Seeking throws a buffer away unless told how far it goes.
        let distance = i64::try_from(distance).map_err(|_| malformed("a field is too long"))?;
        if distance > 0 {
            self.input.seek_relative(distance)?;
            self.position = position;
        }
        Ok(())
    }

    fn fixed(&mut self, width: u64) -> Result<Value> {
        if self.end() - self.position < width {
            return Err(malformed("it ends in the middle"));
        }
        self.skip_to(self.position + width)?;
        Ok(Value::Fixed)
    }

    fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            if self.position == self.end() {
                return Err(malformed("a number is cut off"));
            }
            let mut byte = [0];
            self.input.read_exact(&mut byte)?;
            self.position += 1;
            value |= u64::from(byte[0] & 0x7f) << shift;
            if byte[0] < 0x80 {
                return Ok(value);
            }
        }
        Err(malformed("a number is longer than ten bytes"))
    }
}

/// How long the input is.
pub(super) fn length(input: &mut impl Seek) -> io::Result<u64> {
    let length = input.seek(SeekFrom::End(0))?;
    input.seek(SeekFrom::Start(0))?;
    Ok(length)
}
