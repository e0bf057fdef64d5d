//! A file's protobuf messages, visited without recursion before a decoder that recurses sees them.

use std::iter;

/// Deeper than any exporter nests loops and conditions, and than decoders recurse with ease.
const DEPTH: usize = 32;

/// The messages of ONNX that are looked into: those that hold others of their kind, and those on the way there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Message {
    Model,
    Training,
    Function,
    Graph,
    Node,
    Attribute,
    Tensor,
    SparseTensor,
    Value,
    Type,
    /// A sequence, a map or an optional value.
    Container,
}

impl Message {
    /// What stands in a field of this number, by `onnx.proto`.
    fn child(self, field: u64) -> Option<Self> {
        use Message::{
            Attribute, Container, Function, Graph, Model, Node, SparseTensor, Tensor, Training, Type, Value,
        };
        Some(match (self, field) {
            (Model, 7) | (Training, 1 | 2) | (Attribute, 6 | 11) => Graph,
            (Model, 20) => Training,
            (Model, 25) => Function,
            (Graph, 1) | (Function, 7) => Node,
            (Node, 5) | (Function, 11) => Attribute,
            (Graph, 5) | (Attribute, 5 | 10) | (SparseTensor, 1 | 2) => Tensor,
            (Graph, 15) | (Attribute, 22 | 23) => SparseTensor,
            (Graph, 11..=13) | (Function, 12) => Value,
            (Value, 2) | (Attribute, 14 | 15) | (Container, 1 | 2) => Type,
            (Type, 4 | 5 | 9) => Container,
            _ => return None,
        })
    }
}

/// What a field holds, as far as its bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Content<'a> {
    Number(u64),
    Bytes(&'a [u8]),
    /// Of a fixed width.
    Fixed,
}

/// The fields of one message by their numbers; the last is an error where it does not end as a field does.
pub(crate) fn fields(mut bytes: &[u8]) -> impl Iterator<Item = Result<(u64, Content<'_>), String>> {
    iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let found = field(&mut bytes);
        if found.is_none() {
            bytes = &[];
        }
        Some(found.ok_or_else(|| "it is cut off, or holds what is no field of a message".to_owned()))
    })
}

/// The text in the last field of this number, as decoders take it; empty where there is none.
pub(crate) fn text(bytes: &[u8], wanted: u64) -> Result<&str, String> {
    let mut found = "";
    for field in fields(bytes) {
        if let (number, Content::Bytes(text)) = field?
            && number == wanted
        {
            found = std::str::from_utf8(text).map_err(|error| format!("a text in it is not UTF-8: {error}"))?;
        }
    }
    Ok(found)
}

fn field<'a>(bytes: &mut &'a [u8]) -> Option<(u64, Content<'a>)> {
    // Decoders differ in what they make of a longer key.
    let key = varint(bytes).filter(|&key| u32::try_from(key).is_ok())?;
    let content = match key & 7 {
        0 => Content::Number(varint(bytes)?),
        1 => take(bytes, 8).map(|_| Content::Fixed)?,
        2 => {
            let length = varint(bytes)?;
            Content::Bytes(take(bytes, length)?)
        }
        5 => take(bytes, 4).map(|_| Content::Fixed)?,
        _ => return None,
    };
    Some((key >> 3, content))
}

fn take<'a>(bytes: &mut &'a [u8], length: u64) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// Calls `visit` with each message of a model and its bytes, in no order that means anything.
///
/// # Errors
/// In words: messages are nested deeper than decoders may recurse, or one is none.
pub(crate) fn walk<'a>(
    model: &'a [u8], mut visit: impl FnMut(Message, &'a [u8]) -> Result<(), String>,
) -> Result<(), String> {
    let mut left = vec![(Message::Model, model, 0)];
    while let Some((message, bytes, depth)) = left.pop() {
        if depth > DEPTH {
            return Err(format!("its graphs or types are nested more than {DEPTH} deep"));
        }
        visit(message, bytes)?;
        for field in fields(bytes) {
            let (number, content) = field?;
            if let (Some(child), Content::Bytes(bytes)) = (message.child(number), content) {
                let deeper = matches!(child, Message::Graph | Message::Type);
                left.push((child, bytes, depth + usize::from(deeper)));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_every_kind_are_passed_over_by_their_length() {
        let bytes = b"\x08\x96\x01\x11\x00\x00\x00\x00\x00\x00\x00\x00\x1a\x02ab\x25\x00\x00\x00\x00";
        let found: Vec<_> = fields(bytes).map(Result::unwrap).collect();
        let expected =
            [(1, Content::Number(150)), (2, Content::Fixed), (3, Content::Bytes(b"ab")), (4, Content::Fixed)];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_ends_in_the_middle_or_is_no_field_is_an_error() {
        let too_long_a_key = b"\x82\x80\x80\x80\x70\x00";
        for bytes in [&b"\x1a\x05ab"[..], b"\x08", b"\x08\x80", b"\x0b", b"\x11\x00", too_long_a_key] {
            assert!(fields(bytes).last().unwrap().is_err(), "{bytes:?}");
        }
    }
}
