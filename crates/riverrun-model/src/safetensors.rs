//! Whether a file is whole and a safetensors file, told from its header alone.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Deserialize;

use crate::error::{At, Error, Result};

/// The longest header that the format allows, in bytes.
const MAX_HEADER: u64 = 100_000_000;

#[derive(Deserialize)]
struct Header {
    #[serde(default, rename = "__metadata__")]
    _metadata: Option<serde::de::IgnoredAny>,
    #[serde(flatten)]
    tensors: BTreeMap<String, Tensor>,
}

#[derive(Deserialize)]
struct Tensor {
    data_offsets: (u64, u64),
}

/// Checks that the file at `staged` is a safetensors file and as long as its header says.
///
/// Errors name `source`, the file that a person knows.
pub(crate) fn check(staged: &Path, source: &Path) -> Result<()> {
    let unusable = |problem: String| Error::UnusableFile { path: source.to_owned(), problem };
    let mut file = File::open(staged).at("read", staged)?;
    let size = file.metadata().at("read", staged)?.len();
    let mut start = Vec::new();
    file.by_ref().take(8).read_to_end(&mut start).at("read", staged)?;
    // A clone without Git LFS holds small text files in place of the weights.
    if start == *b"version " && size < 1024 {
        return Err(unusable(
            "it is a Git LFS pointer, not the weights themselves (`git lfs pull` fetches them)".into(),
        ));
    }
    let Ok(length) = <[u8; 8]>::try_from(start.as_slice()).map(u64::from_le_bytes) else {
        return Err(unusable(format!("with {size} bytes it is too short for a safetensors file")));
    };
    if length > MAX_HEADER || length > size - 8 {
        return Err(unusable(format!("it is not a safetensors file, or was cut off at {size} bytes")));
    }

    let mut header = Vec::new();
    file.take(length).read_to_end(&mut header).at("read", staged)?;
    let header: Header = serde_json::from_slice(&header)
        .map_err(|error| unusable(format!("its safetensors header is not valid ({error})")))?;
    let data = header.tensors.values().map(|tensor| tensor.data_offsets.1).max().unwrap_or(0);
    let expected = data.saturating_add(8 + length);
    if expected != size {
        return Err(unusable(format!("its header promises {expected} bytes and it has {size}")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_bytes(content: &[u8]) -> Result<()> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("model.safetensors");
        std::fs::write(&path, content).unwrap();
        check(&path, Path::new("/source/model.safetensors"))
    }

    fn safetensors(header: &str, data: &[u8]) -> Vec<u8> {
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(header.as_bytes());
        bytes.extend_from_slice(data);
        bytes
    }

    const HEADER: &str = r#"{"__metadata__":{"format":"pt"},"w":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}}"#;

    #[test]
    fn a_whole_file_is_accepted_and_a_cut_off_one_is_not() {
        let whole = safetensors(HEADER, &[0; 4]);

        check_bytes(&whole).unwrap();
        for cut in 0..whole.len() {
            let error = check_bytes(&whole[..cut]).unwrap_err();
            assert!(matches!(error, Error::UnusableFile { .. }), "{error}");
        }
    }

    #[test]
    fn what_is_not_safetensors_is_refused_by_the_name_of_the_source() {
        let pickle = check_bytes(b"\x80\x02}q\x00(X\x06\x00\x00\x00weightq\x01").unwrap_err();
        let pointer = check_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n").unwrap_err();

        assert!(pickle.to_string().starts_with("/source/model.safetensors is not usable"), "{pickle}");
        assert!(pointer.to_string().contains("git lfs pull"), "{pointer}");
    }

    #[test]
    fn a_header_that_overflows_is_refused() {
        let header = r#"{"w":{"dtype":"U8","shape":[4],"data_offsets":[0,18446744073709551615]}}"#;

        assert!(check_bytes(&safetensors(header, &[0; 4])).is_err());
        assert!(check_bytes(&u64::MAX.to_le_bytes()).is_err());
    }
}
