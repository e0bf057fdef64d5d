//! What comes out of the files, whatever form it stands there in.

use std::fmt;
use std::sync::Arc;

use riverrun::connectors::{Line, Positioned};
use riverrun::prelude::*;
use riverrun::stream::source::RecordError;
use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

/// One record and where it stood.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Record {
    pub(super) given: Given,
    number: u64,
    input: Arc<str>,
}

/// What the record says.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Given {
    Text(String),
    /// The path of an image.
    Image(String),
    /// An object, or the columns of a row.
    Fields(Fields<Value>),
    /// The columns of a row of texts that may mean numbers.
    Row(Fields<String>),
    /// Any other JSON.
    Value(Value),
}

/// Named values in the order in which they came.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fields<T>(pub(super) Vec<(String, T)>);

impl<T> Fields<T> {
    pub(super) fn get(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    pub(super) fn names(&self) -> String {
        self.0.iter().map(|(name, _)| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

impl<T: Serialize> Serialize for Fields<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        self.0.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Fields<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for InOrder<T> {
            type Value = Fields<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<T>, A::Error> {
                let mut fields = Vec::with_capacity(map.size_hint().unwrap_or(0).min(64));
                while let Some(field) = map.next_entry()? {
                    fields.push(field);
                }
                Ok(Fields(fields))
            }
        }

        deserializer.deserialize_map(InOrder(std::marker::PhantomData))
    }
}

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineIs {
    Text,
    Json,
    /// The path of an image.
    Path,
}

/// What a source gives, which is to become a record.
pub(super) trait Raw: Data {
    /// The record; nothing where there is none, as on a blank line of JSON.
    fn record(self, line: LineIs) -> Result<Option<Record>, RecordError>;
}

impl Raw for Line {
    fn record(self, line: LineIs) -> Result<Option<Record>, RecordError> {
        let given = match line {
            LineIs::Text => Some(Given::Text(self.text)),
            LineIs::Path => (!self.text.is_empty()).then_some(Given::Image(self.text)),
            LineIs::Json => of_json(&self.text).map_err(|message| RecordError { record: self.place(), message })?,
        };
        Ok(given.map(|given| Record { given, number: self.number, input: self.input }))
    }
}

/// What a line of JSON says; nothing if it is blank.
fn of_json(text: &str) -> Result<Option<Given>, String> {
    let text = text.trim();
    let given = match text.as_bytes().first() {
        None => return Ok(None),
        Some(b'{') => serde_json::from_str(text).map(Given::Fields),
        Some(b'"') => serde_json::from_str(text).map(Given::Text),
        Some(_) => serde_json::from_str(text).map(Given::Value),
    };
    given.map(Some).map_err(|error| {
        let reason = error.to_string().replace(&format!(" at line {} column", error.line()), ", at character");
        format!("it is not JSON: {reason}")
    })
}

impl Raw for Positioned<Fields<String>> {
    fn record(self, _: LineIs) -> Result<Option<Record>, RecordError> {
        Ok(Some(Record { given: Given::Row(self.value), number: self.number, input: self.input }))
    }
}

/// The path of an image that was given by itself.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct ImagePath(pub(super) String);

impl Raw for ImagePath {
    fn record(self, _: LineIs) -> Result<Option<Record>, RecordError> {
        let input = self.0.as_str().into();
        Ok(Some(Record { given: Given::Image(self.0), number: 1, input }))
    }
}

impl Record {
    /// Where it stood, as messages say it: an image by its path, wherever that stood.
    pub(super) fn place(&self) -> String {
        if let Given::Image(path) = &self.given {
            return path.clone();
        }
        Line { text: String::new(), number: self.number, input: self.input.clone() }.place()
    }
}
