//! The inputs of a request, from JSON and from the binary form.

use std::fmt;

use riverrun_runner::wire::{Map, Payload};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::fault::Fault;

/// How deeply an input may be nested: as deeply as in JSON. The stack is not unlimited.
const DEEPEST: usize = 128;

/// What a body asks for.
#[derive(Debug, PartialEq)]
pub(super) struct Message {
    /// The runnable's method, where the body names one.
    pub(super) method: Option<String>,
    pub(super) items: Items,
    pub(super) parameters: Map,
}

/// One input, which is answered alone, or a list of them, which is answered by a list.
#[derive(Debug, PartialEq)]
pub(super) enum Items {
    One(Payload),
    Many(Vec<Payload>),
}

impl Message {
    pub(super) fn file(bytes: Vec<u8>) -> Self {
        Self { method: None, items: Items::One(Payload::Bytes(bytes)), parameters: Map::new() }
    }

    pub(super) fn text(text: String) -> Self {
        Self { method: None, items: Items::One(Payload::Text(text)), parameters: Map::new() }
    }
}

/// Reads a JSON body: an input, a list of inputs, or `{"inputs": …, "parameters": {…}}` with either of them.
pub(super) fn of_json(body: &[u8], max_items: usize) -> Result<Message, Fault> {
    from_json(body, Seed { limit: max_items, list: "inputs" })
}

/// Reads a body of KServe's version 1: `{"instances": […]}`.
pub(super) fn of_instances(body: &[u8], max_items: usize) -> Result<Message, Fault> {
    let message = from_json(body, Seed { limit: max_items, list: "instances" })?;
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    match message.items {
        Items::Many(_) if is_object => Ok(message),
        _ => Err(Fault::invalid_input("the body is not `{\"instances\": [input, …]}`")),
    }
}

fn from_json(body: &[u8], seed: Seed) -> Result<Message, Fault> {
    let mut deserializer = serde_json::Deserializer::from_slice(body);
    let read = seed.deserialize(&mut deserializer).and_then(|read| deserializer.end().map(|()| read));
    read.map_err(|error| of_json_error(&error))?.checked(seed.limit)
}

/// What is wrong with a JSON text, and whose fault it is: no JSON is 400, JSON of another shape 422.
pub(crate) fn of_json_error(error: &serde_json::Error) -> Fault {
    let message = error.to_string();
    if error.is_data() {
        return Fault::invalid_input(message);
    }
    let hint = if message.contains("surrogate") || message.contains("hex escape") {
        "; a lone surrogate (half of a pair such as \\ud83d\\ude00) is no character: send both halves, or the character itself"
    } else if message.contains("recursion limit") {
        "; it is nested more deeply than any input is"
    } else {
        ""
    };
    Fault::malformed(format!("the body is not JSON: {message}{hint}"))
}

/// Reads a body in the binary form.
pub(super) fn of_binary(body: &[u8], max_items: usize) -> Result<Message, Fault> {
    let mut deserializer = rmp_serde::Deserializer::new(body);
    deserializer.set_max_depth(DEEPEST);
    let read = Seed { limit: max_items, list: "inputs" }.deserialize(&mut deserializer);
    let read = read.map_err(|error| {
        Fault::malformed(format!("the body is not a request in `application/x-riverrun` (MessagePack): {error}"))
    })?;
    if !deserializer.get_ref().is_empty() {
        return Err(Fault::malformed("the body goes on after the request in `application/x-riverrun`"));
    }
    read.checked(max_items)
}

/// A message of which no more inputs are kept than one may have.
struct Read {
    message: Message,
    items: usize,
}

impl Read {
    fn checked(self, limit: usize) -> Result<Message, Fault> {
        if self.items > limit {
            let what = format!("a list of {} inputs", self.items);
            return Err(Fault::TooLarge { what, limit: limit.to_string() });
        }
        Ok(self.message)
    }
}

#[derive(Clone, Copy)]
struct Seed {
    limit: usize,
    /// The field with the inputs, in an object that has one.
    list: &'static str,
}

impl<'de> DeserializeSeed<'de> for Seed {
    type Value = Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Read, D::Error> {
        deserializer.deserialize_any(MessageVisitor(self))
    }
}

struct MessageVisitor(Seed);

fn one<E>(payload: impl Into<Payload>) -> Result<Read, E> {
    let items = Items::One(payload.into());
    Ok(Read { message: Message { method: None, items, parameters: Map::new() }, items: 1 })
}

impl<'de> Visitor<'de> for MessageVisitor {
    type Value = Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an input, a list of inputs, or an object with `{}`", self.0.list)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Read, E> {
        one(text)
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Read, E> {
        one(text)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Read, E> {
        one(Payload::Bytes(bytes.to_vec()))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Read, E> {
        one(Value::from(value))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Read, E> {
        one(Value::from(number))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Read, E> {
        one(Value::from(number))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Read, E> {
        one(Value::from(number))
    }

    fn visit_unit<E: Error>(self) -> Result<Read, E> {
        one(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Read, A::Error> {
        let mut payloads = Vec::new();
        while payloads.len() < self.0.limit {
            match list.next_element()? {
                Some(payload) => payloads.push(payload),
                None => break,
            }
        }
        let mut items = payloads.len();
        // Too many are counted, not kept.
        while items >= self.0.limit && list.next_element::<IgnoredAny>()?.is_some() {
            items += 1;
        }
        let message = Message { method: None, items: Items::Many(payloads), parameters: Map::new() };
        Ok(Read { message, items })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Read, A::Error> {
        let mut inputs: Option<Read> = None;
        let mut others = Map::new();
        while let Some(name) = fields.next_key::<String>()? {
            if name == self.0.list && inputs.is_none() {
                inputs = Some(fields.next_value_seed(self.0)?);
            } else {
                others.insert(name, fields.next_value()?);
            }
        }
        let Some(mut read) = inputs else { return one(Value::Object(others)) };
        for (name, value) in others {
            match (&*name, value) {
                ("parameters", Value::Object(parameters)) => read.message.parameters = parameters,
                ("parameters" | "method", Value::Null) => {}
                ("method", Value::String(method)) => read.message.method = Some(method),
                ("parameters", _) => return Err(A::Error::custom("`parameters` is not an object")),
                ("method", _) => return Err(A::Error::custom("`method` is not a string")),
                (other, _) => {
                    let list = self.0.list;
                    let message = format!("`{other}` is unknown beside `{list}`; there is `parameters` and `method`");
                    return Err(A::Error::custom(message));
                }
            }
        }
        Ok(read)
    }
}

/// One input from one line of JSON.
pub(super) fn of_json_line(line: &[u8]) -> Result<Payload, Fault> {
    let mut deserializer = serde_json::Deserializer::from_slice(line);
    let payload = Payload::deserialize(&mut deserializer).and_then(|payload| deserializer.end().map(|()| payload));
    payload.map_err(|error| of_json_error(&error))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(body: &str) -> Result<Message, Fault> {
        of_json(body.as_bytes(), 3)
    }

    #[test]
    fn one_text_a_list_and_an_object_with_inputs_are_told_apart() {
        assert_eq!(read(r#""a""#).unwrap().items, Items::One("a".into()));
        assert_eq!(read(r#"["a", "b"]"#).unwrap().items, Items::Many(vec!["a".into(), "b".into()]));
        let pair = Payload::Value(json!({"text": "a", "text_pair": "b"}));
        assert_eq!(read(r#"{"text": "a", "text_pair": "b"}"#).unwrap().items, Items::One(pair));
        let with = read(r#"{"inputs": ["a"], "parameters": {"top_k": 2}}"#).unwrap();
        assert_eq!(with.items, Items::Many(vec!["a".into()]));
        assert_eq!(Value::Object(with.parameters), json!({"top_k": 2}));
        assert_eq!(read("[]").unwrap().items, Items::Many(Vec::new()));
        assert_eq!(read("7").unwrap().items, Items::One(Payload::Value(json!(7))));
    }

    #[test]
    fn more_inputs_than_one_request_may_have_are_counted_and_refused() {
        let fault = read(r#"["a", "b", "c", "d", "e"]"#).unwrap_err();

        assert_eq!(fault, Fault::TooLarge { what: "a list of 5 inputs".into(), limit: "3".into() });
        assert!(read(r#"["a", "b", "c"]"#).is_ok());
    }

    #[test]
    fn what_is_no_json_is_malformed_and_what_has_another_shape_is_invalid() {
        for malformed in ["", "[", "\"a", "[\"a\",]", "\"a\" \"b\"", "\"\u{1}\"", "{\"inputs\"", "nan"] {
            assert!(matches!(read(malformed), Err(Fault::Malformed { .. })), "{malformed}");
        }
        for invalid in [r#"{"inputs": "a", "topk": 1}"#, r#"{"inputs": "a", "parameters": 3}"#] {
            assert!(matches!(read(invalid), Err(Fault::InvalidInput { .. })), "{invalid}");
        }
        assert!(matches!(of_json(b"\"\xff\"", 3), Err(Fault::Malformed { .. })));
    }

    #[test]
    fn a_lone_surrogate_is_named() {
        for lone in [r#""\ud800""#, r#""\udc00 a""#, r#"["\ud800\u0041"]"#, r#"{"text": "\ud83d"}"#] {
            let fault = read(lone).unwrap_err();
            assert!(matches!(fault, Fault::Malformed { .. }), "{lone}");
            assert!(fault.to_string().contains("lone surrogate"), "{fault}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_before_it_overflows_the_stack() {
        for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
            let body = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            assert!(matches!(read(&body), Err(Fault::Malformed { .. })));
        }
        let deep: Vec<u8> = std::iter::repeat_n(0x91, 100_000).chain([0xc0]).collect();
        assert!(matches!(of_binary(&deep, 3), Err(Fault::Malformed { .. })));
    }

    #[test]
    fn the_binary_form_is_read_and_nothing_may_follow_it() {
        let request = riverrun_runner::wire::WireRequest { method: Some("predict".into()), inputs: vec!["a".into()] };
        let mut bytes = request.encode().unwrap();

        let message = of_binary(&bytes, 3).unwrap();
        assert_eq!((message.method.as_deref(), message.items), (Some("predict"), Items::Many(vec!["a".into()])));
        bytes.push(0);
        assert!(matches!(of_binary(&bytes, 3), Err(Fault::Malformed { .. })));
    }

    proptest::proptest! {
        #[test]
        fn no_body_makes_the_readers_panic(body: Vec<u8>) {
            let _ = of_json(&body, 3);
            let _ = of_instances(&body, 3);
            let _ = of_binary(&body, 3);
        }
    }
}
