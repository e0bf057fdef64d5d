//! Universal Binary JSON (draft 12), as XGBoost writes it: big-endian, arrays of one type without their marks.

use std::fmt;

use serde::de::value::StrDeserializer;
use serde::de::{self, DeserializeSeed, MapAccess, SeqAccess, Visitor};

/// Deeper than any model; a file that is deeper wants to exhaust the stack.
const DEPTH: usize = 64;

#[derive(Debug)]
pub(crate) struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl de::Error for Error {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

type Result<T> = std::result::Result<T, Error>;

/// Reads a value that the bytes hold from the first to the last.
pub(crate) fn from_slice<'de, T: de::Deserialize<'de>>(bytes: &'de [u8]) -> Result<T> {
    let mut reader = Reader { bytes, at: 0, depth: 0 };
    let value = T::deserialize(&mut reader).map_err(|error| Error(format!("{error} (at byte {})", reader.at)))?;
    match reader.mark() {
        Err(_) => Ok(value),
        Ok(_) => Err(Error(format!("there is more after its end (at byte {})", reader.at))),
    }
}

struct Reader<'de> {
    bytes: &'de [u8],
    at: usize,
    depth: usize,
}

impl<'de> Reader<'de> {
    fn take(&mut self, count: usize) -> Result<&'de [u8]> {
        let end = self.at.checked_add(count).filter(|&end| end <= self.bytes.len());
        let end = end.ok_or_else(|| Error("it ends in the middle".to_owned()))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        bytes.copy_from_slice(self.take(N)?);
        Ok(bytes)
    }

    /// The next mark that is not a no-op.
    fn mark(&mut self) -> Result<u8> {
        loop {
            match self.take(1)?[0] {
                b'N' => {}
                mark => return Ok(mark),
            }
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn integer(&mut self, mark: u8) -> Result<Option<i64>> {
        Ok(Some(match mark {
            b'i' => i64::from(i8::from_be_bytes(self.array()?)),
            b'U' => i64::from(self.array::<1>()?[0]),
            b'I' => i64::from(i16::from_be_bytes(self.array()?)),
            b'l' => i64::from(i32::from_be_bytes(self.array()?)),
            b'L' => i64::from_be_bytes(self.array()?),
            _ => return Ok(None),
        }))
    }

    fn length(&mut self) -> Result<usize> {
        let mark = self.mark()?;
        let length = self.integer(mark)?.and_then(|length| usize::try_from(length).ok());
        length.ok_or_else(|| Error("a length is no number".to_owned()))
    }

    fn string(&mut self) -> Result<&'de str> {
        let length = self.length()?;
        std::str::from_utf8(self.take(length)?).map_err(|error| Error(format!("a string is not UTF-8: {error}")))
    }

    /// `$type` and `#count` after the beginning of an array or object.
    fn header(&mut self) -> Result<(Option<u8>, Option<usize>)> {
        let kind = if self.peek() == Some(b'$') {
            self.at += 1;
            let kind = self.take(1)?[0];
            // Their values take no bytes, so any count would be one that the file has, and XGBoost writes none.
            if matches!(kind, b'T' | b'F' | b'Z' | b'N') {
                return Err(Error(format!("an array of `{}` alone has values without bytes", char::from(kind))));
            }
            Some(kind)
        } else {
            None
        };
        let count = if self.peek() == Some(b'#') {
            self.at += 1;
            Some(self.length()?)
        } else {
            None
        };
        if kind.is_some() && count.is_none() {
            return Err(Error("an array of one type has no length".to_owned()));
        }
        Ok((kind, count))
    }

    fn value<V: Visitor<'de>>(&mut self, mark: u8, visitor: V) -> Result<V::Value> {
        if let Some(number) = self.integer(mark)? {
            return visitor.visit_i64(number);
        }
        match mark {
            b'd' => visitor.visit_f32(f32::from_be_bytes(self.array()?)),
            b'D' => visitor.visit_f64(f64::from_be_bytes(self.array()?)),
            b'T' => visitor.visit_bool(true),
            b'F' => visitor.visit_bool(false),
            b'Z' => visitor.visit_unit(),
            b'S' | b'H' => visitor.visit_borrowed_str(self.string()?),
            b'C' => {
                let bytes = self.take(1)?;
                visitor.visit_str(std::str::from_utf8(bytes).map_err(|error| Error(error.to_string()))?)
            }
            b'[' | b'{' => {
                self.depth += 1;
                if self.depth > DEPTH {
                    return Err(Error(format!("it is nested more than {DEPTH} deep")));
                }
                let (kind, left) = self.header()?;
                let value = if mark == b'[' {
                    visitor.visit_seq(Elements { reader: self, kind, left })?
                } else {
                    visitor.visit_map(Elements { reader: self, kind, left })?
                };
                self.depth -= 1;
                Ok(value)
            }
            other => Err(Error(format!("byte {other:#04x} begins no value"))),
        }
    }
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        let mark = self.mark()?;
        self.value(mark, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        if self.peek() == Some(b'Z') {
            self.at += 1;
            return visitor.visit_none();
        }
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A value whose mark is known: an element of an array of one type.
struct Marked<'a, 'de>(&'a mut Reader<'de>, u8);

impl<'de> de::Deserializer<'de> for Marked<'_, 'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        self.0.value(self.1, visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value> {
        visitor.visit_some(self)
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

struct Elements<'a, 'de> {
    reader: &'a mut Reader<'de>,
    kind: Option<u8>,
    left: Option<usize>,
}

impl<'de> Elements<'_, 'de> {
    /// Whether there is another; passes over the end mark otherwise.
    fn more(&mut self, end: u8) -> Result<bool> {
        match &mut self.left {
            Some(0) => Ok(false),
            Some(left) => {
                *left -= 1;
                Ok(true)
            }
            None => {
                while self.reader.peek() == Some(b'N') {
                    self.reader.at += 1;
                }
                let ended = self.reader.peek() == Some(end);
                self.reader.at += usize::from(ended);
                Ok(!ended)
            }
        }
    }

    fn next<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        match self.kind {
            Some(mark) => seed.deserialize(Marked(self.reader, mark)),
            None => seed.deserialize(&mut *self.reader),
        }
    }
}

impl<'de> SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if self.more(b']')? { self.next(seed).map(Some) } else { Ok(None) }
    }

    /// Never more than there are bytes, so that a length that lies costs no memory.
    fn size_hint(&self) -> Option<usize> {
        self.left.map(|left| left.min(self.reader.bytes.len() - self.reader.at))
    }
}

impl<'de> MapAccess<'de> for Elements<'_, 'de> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>> {
        if !self.more(b'}')? {
            return Ok(None);
        }
        let key = self.reader.string()?;
        seed.deserialize(StrDeserializer::new(key)).map(Some)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value> {
        self.next(seed)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn values_of_every_kind_are_read() {
        let bytes = b"{i\x01a[$d#i\x02\x3f\x80\x00\x00\xc0\x00\x00\x00i\x01b[U\x07I\x01\x00ZTFSi\x02xyCzNl\xff\xff\xff\xff]i\x01c{#U\x01U\x01dD\x3f\xe0\x00\x00\x00\x00\x00\x00}";
        assert_eq!(
            from_slice::<Value>(bytes).unwrap(),
            json!({"a": [1.0, -2.0], "b": [7, 256, null, true, false, "xy", "z", -1], "c": {"d": 0.5}})
        );
    }

    #[test]
    fn what_is_cut_off_nested_without_end_or_lies_about_its_length_is_refused() {
        let of = |bytes: &[u8]| from_slice::<Value>(bytes).unwrap_err().to_string();
        assert!(of(b"{i\x01a[$d#i\x02\x3f\x80").contains("ends in the middle"));
        assert!(of(&[b'['; 1000]).contains("nested more than 64"));
        assert!(of(b"[$U#L\x00\x00\x7f\xff\xff\xff\xff\xff").contains("ends in the middle"));
        assert!(of(b"[$U#L\xff\xff\xff\xff\xff\xff\xff\xff").contains("length is no number"));
        assert!(of(b"?").contains("begins no value"));
        assert!(of(b"ZZ").contains("more after its end"));
    }

    #[test]
    fn arrays_whose_values_take_no_bytes_are_refused_whatever_their_count() {
        for kind in [b'T', b'F', b'Z', b'N'] {
            for count in [&b"U\x03"[..], b"L\x00\x00\x7f\xff\xff\xff\xff\xff"] {
                let bytes = [b"[$", &[kind][..], b"#", count].concat();
                let error = from_slice::<Value>(&bytes).unwrap_err().to_string();
                assert!(error.contains("values without bytes"), "{error}");
            }
        }
    }

    proptest! {
        #[test]
        fn no_bytes_at_all_make_it_panic(bytes in prop::collection::vec(prop::sample::select(b"{}[]$#iUIlLdDSTFZN\x00\x01\xff".as_slice()), 0..64)) {
            let _ = from_slice::<Value>(&bytes);
        }
    }
}
