//! Weights that a model keeps in files beside it.

use std::path::{Component, Path, PathBuf};

use crate::error::OnnxError;
use crate::walk::{self, Content};

/// Weights in a file of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct External {
    pub(crate) location: String,
    pub(crate) file: PathBuf,
}

/// A tensor that says where its elements are.
#[derive(Debug)]
pub(crate) struct ExternalTensor<'a> {
    name: &'a str,
    /// `location`, `offset` and `length`.
    entries: Vec<(&'a str, &'a str)>,
}

/// The numbers of fields in `TensorProto`, and in the entries of its `external_data`.
const NAME: u64 = 8;
const EXTERNAL_DATA: u64 = 13;
const DATA_LOCATION: u64 = 14;
const KEY: u64 = 1;
const VALUE: u64 = 2;

impl<'a> ExternalTensor<'a> {
    /// Nothing where a `TensorProto` has its elements in itself.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Option<Self>, String> {
        let mut entries = Vec::new();
        let mut external = false;
        for field in walk::fields(bytes) {
            match field? {
                (EXTERNAL_DATA, Content::Bytes(entry)) => {
                    entries.push((walk::text(entry, KEY)?, walk::text(entry, VALUE)?));
                }
                (DATA_LOCATION, Content::Number(location)) => external |= location != 0,
                _ => {}
            }
        }
        // An entry is enough: decoders merge a message that a file has in two parts.
        let external = external || !entries.is_empty();
        Ok(if external { Some(Self { name: walk::text(bytes, NAME)?, entries }) } else { None })
    }
}

/// The file that a tensor's weights are in, if it may be read and is long enough.
///
/// # Errors
/// It is outside the directory of the model in `path`, is not there, or is too short.
pub(crate) fn check(path: &Path, tensor: &ExternalTensor<'_>) -> Result<External, OnnxError> {
    let given =
        |key: &str| tensor.entries.iter().filter(|entry| entry.0 == key).map(|entry| entry.1).collect::<Vec<_>>();
    let locations = given("location");
    let location = locations.first().copied().unwrap_or_default().to_owned();
    let refused = |problem: String| OnnxError::ExternalData {
        path: path.to_owned(),
        tensor: tensor.name.to_owned(),
        location: location.clone(),
        problem,
    };
    // Backends differ in which of several they take.
    if let Some(key) = ["location", "offset", "length"].into_iter().find(|key| given(key).len() > 1) {
        return Err(refused(format!("and says so with several entries `{key}`; export the model again")));
    }
    let relative = Path::new(&location);
    let inside = relative.components().count() > 0
        && relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        && !location.contains('\\');
    let outside =
        || refused("which is not inside the model's directory and is never read; move it beside the model".to_owned());
    if !inside {
        return Err(outside());
    }
    let directory = path.parent().unwrap_or(Path::new(""));
    let file = directory.join(relative);
    let missing = |error: std::io::Error| {
        refused(format!("which cannot be read: {error}; copy it from where the model was published"))
    };
    // Links are followed here, so that none leads out.
    let real = file.canonicalize().map_err(missing)?;
    let home =
        if directory.as_os_str().is_empty() { Path::new(".") } else { directory }.canonicalize().map_err(missing)?;
    if !real.starts_with(&home) {
        return Err(outside());
    }
    let size = std::fs::metadata(&real).map_err(missing)?.len();
    let number = |key: &str| match given(key).first() {
        None => Ok(None),
        Some(text) => {
            text.parse::<u64>().map(Some).map_err(|_| refused(format!("with `{key}` {text}, which is no number")))
        }
    };
    let offset = number("offset")?.unwrap_or(0);
    let end = match number("length")? {
        Some(length) => offset.checked_add(length),
        None => Some(offset),
    };
    if end.is_none_or(|end| end > size) {
        let problem =
            format!("which has {size} bytes and should have more; copy it again from where the model was published");
        return Err(refused(problem));
    }
    Ok(External { location, file: real })
}
