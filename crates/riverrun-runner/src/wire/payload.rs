//! One item without its type.

use std::fmt;

use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::Map;

/// One item as it crosses a process.
///
/// In a self-describing format (JSON, MessagePack) it is a string, bytes, or any other value.
#[derive(Debug, Clone, PartialEq)]
pub enum Payload {
    /// A text.
    Text(String),
    /// Bytes that mean nothing to the wire.
    Bytes(Vec<u8>),
    /// Anything else: a number, a list, a text with parameters.
    Value(Value),
}

impl Payload {
    /// The item with a request's parameters: a text becomes `{"text": …}` with them beside it. What the item says itself
    /// stays; a payload that is neither text nor object has no place for parameters and stays as it is.
    #[must_use]
    pub fn with_parameters(self, parameters: &Map) -> Self {
        if parameters.is_empty() {
            return self;
        }
        let mut object = match self {
            Self::Text(text) => Map::from_iter([("text".to_owned(), Value::String(text))]),
            Self::Value(Value::Object(object)) => object,
            other => return other,
        };
        for (name, value) in parameters {
            object.entry(name.clone()).or_insert_with(|| value.clone());
        }
        Self::Value(Value::Object(object))
    }

    /// What it is, for a message about it.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Bytes(_) => "bytes",
            Self::Value(Value::Null) => "null",
            Self::Value(Value::Bool(_)) => "a boolean",
            Self::Value(Value::Number(_)) => "a number",
            Self::Value(Value::String(_)) => "a string",
            Self::Value(Value::Array(_)) => "a list",
            Self::Value(Value::Object(_)) => "an object",
        }
    }

    /// As a JSON value; bytes become a list of numbers.
    #[must_use]
    pub fn into_value(self) -> Value {
        match self {
            Self::Text(text) => Value::String(text),
            Self::Bytes(bytes) => Value::from(bytes),
            Self::Value(value) => value,
        }
    }
}

impl From<Value> for Payload {
    fn from(value: Value) -> Self {
        match value {
            Value::String(text) => Self::Text(text),
            value => Self::Value(value),
        }
    }
}

impl From<&str> for Payload {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Payload {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl Serialize for Payload {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Bytes(bytes) => serializer.serialize_bytes(bytes),
            Self::Value(value) => value.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for Payload {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PayloadVisitor)
    }
}

struct PayloadVisitor;

impl<'de> Visitor<'de> for PayloadVisitor {
    type Value = Payload;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text, bytes or a value")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Payload, E> {
        Ok(Payload::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Payload, E> {
        Ok(Payload::Text(text))
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Payload, E> {
        Ok(Payload::Bytes(bytes.to_vec()))
    }

    fn visit_byte_buf<E: Error>(self, bytes: Vec<u8>) -> Result<Payload, E> {
        Ok(Payload::Bytes(bytes))
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Payload, E> {
        Ok(Payload::Value(value.into()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Payload, E> {
        Ok(Payload::Value(number.into()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Payload, E> {
        Ok(Payload::Value(number.into()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Payload, E> {
        Ok(Payload::Value(number.into()))
    }

    fn visit_unit<E: Error>(self) -> Result<Payload, E> {
        Ok(Payload::Value(Value::Null))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<Payload, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(items)).map(Payload::Value)
    }

    fn visit_map<A: MapAccess<'de>>(self, entries: A) -> Result<Payload, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(entries)).map(Payload::Value)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn payloads() -> impl Strategy<Value = Payload> {
        prop_oneof![
            any::<String>().prop_map(Payload::Text),
            prop::collection::vec(any::<u8>(), 0..50).prop_map(Payload::Bytes),
            any::<i64>().prop_map(|number| Payload::Value(number.into())),
            (any::<String>(), any::<bool>())
                .prop_map(|(text, flag)| Payload::Value(json!({"text": text, "flags": [flag, null], "part": 0.5}))),
        ]
    }

    proptest! {
        #[test]
        fn a_payload_survives_the_binary_form(payload in payloads()) {
            let bytes = rmp_serde::to_vec_named(&payload).unwrap();

            prop_assert_eq!(rmp_serde::from_slice::<Payload>(&bytes).unwrap(), payload);
        }
    }

    #[test]
    fn parameters_stand_beside_the_text_and_do_not_overrule_the_item() {
        let parameters = Map::from_iter([("top_k".to_owned(), json!(3))]);

        let text = Payload::from("a").with_parameters(&parameters);
        assert_eq!(text, Payload::Value(json!({"text": "a", "top_k": 3})));
        let own = Payload::Value(json!({"text": "a", "top_k": 1})).with_parameters(&parameters);
        assert_eq!(own, Payload::Value(json!({"text": "a", "top_k": 1})));
        assert_eq!(Payload::from("a").with_parameters(&Map::new()), Payload::from("a"));
    }
}
