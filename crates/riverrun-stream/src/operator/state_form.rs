//! The persisted form of a state entry: format version, type fingerprint, MessagePack with field names.

use std::any::type_name;

use serde::de::{DeserializeOwned, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::Error;

const FORMAT_VERSION: u16 = 1;

#[derive(Serialize, Deserialize)]
struct Entry {
    version: u16,
    /// The type's name when it was written: says which type it was where decoding fails, and decides nothing.
    fingerprint: String,
    value: StateBytes,
}

/// Bytes within persisted state: MessagePack binary instead of an array of integers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateBytes(pub Vec<u8>);

impl Serialize for StateBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for StateBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;
        impl Visitor<'_> for Bytes {
            type Value = StateBytes;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<StateBytes, E> {
                Ok(StateBytes(bytes.to_vec()))
            }
            fn visit_byte_buf<E>(self, bytes: Vec<u8>) -> Result<StateBytes, E> {
                Ok(StateBytes(bytes))
            }
        }
        deserializer.deserialize_bytes(Bytes)
    }
}

/// Writes a value of the state `state` and checks that it comes back: a type that does not survive is found at the first
/// snapshot, not at the restore.
///
/// # Errors
/// The value refuses to be serialized, or does not survive the round trip.
pub fn encode_state<T: Serialize + DeserializeOwned>(state: &str, value: &T) -> Result<Vec<u8>, Error> {
    let encode = |value: &T| {
        rmp_serde::to_vec_named(value)
            .map_err(|error| Error::Encode { type_name: type_name::<T>(), reason: error.to_string() })
    };
    let bytes = encode(value)?;
    let survives = rmp_serde::from_slice::<T>(&bytes).ok().and_then(|back| encode(&back).ok());
    if survives.as_ref() != Some(&bytes) {
        return Err(Error::RoundTrip { state: state.into(), type_name: type_name::<T>() });
    }
    let entry = Entry { version: FORMAT_VERSION, fingerprint: type_name::<T>().into(), value: StateBytes(bytes) };
    rmp_serde::to_vec_named(&entry)
        .map_err(|error| Error::Encode { type_name: type_name::<T>(), reason: error.to_string() })
}

/// Reads what [`encode_state`] wrote.
///
/// # Errors
/// The entry is of a newer format, or its value is not a `T`.
pub fn decode_state<T: DeserializeOwned>(state: &str, bytes: &[u8]) -> Result<T, Error> {
    let corrupt = |reason: String| Error::Decode { type_name: type_name::<T>(), reason };
    let entry: Entry = rmp_serde::from_slice(bytes).map_err(|error| corrupt(error.to_string()))?;
    if entry.version > FORMAT_VERSION {
        return Err(Error::StateVersion { state: state.into(), found: entry.version, supported: FORMAT_VERSION });
    }
    rmp_serde::from_slice(&entry.value.0)
        .map_err(|error| corrupt(format!("{error} (state `{state}`, written as {})", entry.fingerprint)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct Old {
        id: u32,
    }

    #[derive(Serialize, Deserialize, Debug, PartialEq)]
    struct New {
        id: u32,
        #[serde(default)]
        score: f32,
    }

    #[derive(Serialize, Deserialize)]
    struct Forgetful {
        #[serde(skip_serializing)]
        #[allow(dead_code, reason = "it is there to be forgotten")]
        id: u32,
    }

    #[test]
    fn a_field_added_with_a_default_reads_older_state() {
        let bytes = encode_state("s", &Old { id: 7 }).unwrap();

        assert_eq!(decode_state::<New>("s", &bytes).unwrap(), New { id: 7, score: 0.0 });
    }

    #[test]
    fn a_type_that_does_not_survive_is_found_when_it_is_written() {
        let error = encode_state("s", &Forgetful { id: 7 }).unwrap_err();

        assert!(matches!(error, Error::RoundTrip { .. }), "{error}");
    }

    #[test]
    fn state_of_another_type_is_an_error_that_names_both() {
        let bytes = encode_state("s", &Old { id: 7 }).unwrap();

        let error = decode_state::<String>("s", &bytes).unwrap_err().to_string();
        assert!(error.contains("String") && error.contains("Old"), "{error}");
    }

    #[test]
    fn a_newer_format_says_so() {
        let entry = Entry { version: 9, fingerprint: String::new(), value: StateBytes(vec![]) };

        let error = decode_state::<u8>("s", &rmp_serde::to_vec_named(&entry).unwrap()).unwrap_err();
        assert!(matches!(error, Error::StateVersion { found: 9, .. }), "{error}");
    }
}
