//! What a model takes and gives, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One input or output of a model, as its file declares it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TensorSpec {
    /// Its name, by which a caller gives or finds it.
    pub name: String,
    /// The type of its elements: `float32`, `int64`, `string`, or one such as `sequence(map(int64, float32))`.
    pub dtype: String,
    /// The size of each dimension; `None` when the file says nothing about it, an empty list for a scalar.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shape: Option<Vec<Dimension>>,
}

impl TensorSpec {
    /// A tensor of a name, an element type and a shape.
    pub fn new(name: impl Into<String>, dtype: impl Into<String>, shape: Option<Vec<Dimension>>) -> Self {
        Self { name: name.into(), dtype: dtype.into(), shape }
    }
}

/// The size of one dimension of a tensor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Dimension {
    /// Always this size.
    Fixed(u32),
    /// Any size, the same wherever the name stands; `?` for one without a name.
    Named(String),
}

impl fmt::Display for Dimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(size) => write!(f, "{size}"),
            Self::Named(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for TensorSpec {
    /// As in `input_ids: int64 [batch, 128]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.name, self.dtype)?;
        let Some(shape) = &self.shape else {
            return Ok(());
        };
        let sizes: Vec<String> = shape.iter().map(Dimension::to_string).collect();
        write!(f, " [{}]", sizes.join(", "))
    }
}
