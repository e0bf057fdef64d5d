//! Riverrun's own form on the wire.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::Payload;

/// The media type of [`WireRequest`] and [`WireResponse`]: MessagePack with field names.
///
/// Self-describing, so that a newer side may add fields; floats are exact, so that a result is the same bits as in the
/// service's process.
pub const CONTENT_TYPE: &str = "application/x-riverrun";

/// Items to compute.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WireRequest {
    /// The runner's method; its default one if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// The items.
    pub inputs: Vec<Payload>,
}

/// One result per item of a [`WireRequest`], in the same order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WireResponse<O> {
    /// The results.
    pub outputs: Vec<Result<O, WireError>>,
}

/// What went wrong with one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct WireError {
    /// A word for programs: that of the service's error bodies (`invalid_input`, `internal`, …).
    pub code: String,
    /// A sentence for people.
    pub message: String,
}

/// Deeper than any value is, and no deeper than the stack is.
const DEEPEST: usize = 128;

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, rmp_serde::decode::Error> {
    let mut deserializer = rmp_serde::Deserializer::from_read_ref(bytes);
    deserializer.set_max_depth(DEEPEST);
    T::deserialize(&mut deserializer)
}

impl WireRequest {
    /// The bytes of the request.
    ///
    /// # Errors
    /// A payload that cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error> {
        rmp_serde::to_vec_named(self)
    }

    /// Reads a request.
    ///
    /// # Errors
    /// The bytes are none.
    pub fn decode(bytes: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        read(bytes)
    }
}

impl<O> WireResponse<O> {
    /// The bytes of the response.
    ///
    /// # Errors
    /// An output that cannot be written.
    pub fn encode(&self) -> Result<Vec<u8>, rmp_serde::encode::Error>
    where
        O: Serialize,
    {
        rmp_serde::to_vec_named(self)
    }

    /// Reads a response.
    ///
    /// # Errors
    /// The bytes are none, or the outputs are of another type.
    pub fn decode(bytes: &[u8]) -> Result<Self, rmp_serde::decode::Error>
    where
        O: DeserializeOwned,
    {
        read(bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn scores_are_the_same_bits_on_the_other_side(bits in prop::collection::vec(any::<u32>(), 0..20)) {
            let outputs: Vec<Result<f32, WireError>> = bits.iter().map(|&bits| Ok(f32::from_bits(bits))).collect();
            let read = WireResponse::<f32>::decode(&WireResponse { outputs }.encode().unwrap()).unwrap();

            let read: Vec<u32> = read.outputs.into_iter().map(|output| output.unwrap().to_bits()).collect();
            prop_assert_eq!(read, bits);
        }

        #[test]
        fn bytes_that_are_no_request_are_an_error_and_never_a_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..200),
        ) {
            let _ = WireRequest::decode(&bytes);
            let _ = WireResponse::<Vec<(String, f32)>>::decode(&bytes);
        }
    }

    #[test]
    fn lists_within_lists_are_refused_before_they_fill_the_stack() {
        let nested = [&b"\x81\xa6inputs\x91"[..], &vec![0x91; 200_000], b"\xc0"].concat();

        assert!(WireRequest::decode(&nested).is_err());
    }

    #[test]
    fn an_item_that_failed_keeps_its_place() {
        let error = WireError { code: "invalid_input".into(), message: "no text".into() };
        let response = WireResponse { outputs: vec![Ok(1_u8), Err(error), Ok(3)] };

        assert_eq!(WireResponse::decode(&response.encode().unwrap()).unwrap(), response);
    }
}
