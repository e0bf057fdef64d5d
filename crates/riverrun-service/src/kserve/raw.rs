//! Tensors as bytes: little-endian, row by row; strings each behind its length in four bytes.

use riverrun_runner::wire::{Datatype, Tensor, TensorData};

use crate::fault::Fault;

/// The tensor's elements as bytes.
pub(super) fn write(tensor: &Tensor) -> Result<Vec<u8>, Fault> {
    match tensor.data() {
        TensorData::Fixed(bytes) => Ok(bytes.clone()),
        TensorData::Strings(strings) => {
            let mut bytes = Vec::with_capacity(strings.iter().map(|string| 4 + string.len()).sum());
            for string in strings {
                let length = u32::try_from(string.len())
                    .map_err(|_| Fault::internal(format!("a string of tensor `{}` has over 4 GiB", tensor.name())))?;
                bytes.extend(length.to_le_bytes());
                bytes.extend(string);
            }
            Ok(bytes)
        }
    }
}

/// The tensor that these bytes are.
pub(super) fn read(name: String, datatype: Datatype, shape: Vec<u64>, bytes: &[u8]) -> Result<Tensor, Fault> {
    let data = match datatype {
        Datatype::Bytes => TensorData::Strings(strings(&name, bytes)?),
        _ => TensorData::Fixed(bytes.to_vec()),
    };
    Tensor::new(name, datatype, shape, data).map_err(|error| Fault::invalid_input(error.to_string()))
}

fn strings(name: &str, mut bytes: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    let short = || {
        Fault::invalid_input(format!(
            "the bytes of tensor `{name}` end within a string; each string stands behind its length, 4 bytes little-endian"
        ))
    };
    let mut strings = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(short)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        let (string, rest) = rest.split_at_checked(length).ok_or_else(short)?;
        strings.push(string.to_vec());
        bytes = rest;
    }
    Ok(strings)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn strings_survive_as_bytes(strings in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20)) {
            let tensor = Tensor::strings("text", strings);

            let bytes = write(&tensor).unwrap();

            prop_assert_eq!(read("text".into(), Datatype::Bytes, tensor.shape().to_vec(), &bytes).unwrap(), tensor);
        }

        #[test]
        fn bytes_that_are_no_strings_are_refused_and_never_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Err(fault) = read("text".into(), Datatype::Bytes, vec![1], &bytes) {
                prop_assert!(fault.to_string().contains("tensor `text`"));
            }
        }
    }
}
