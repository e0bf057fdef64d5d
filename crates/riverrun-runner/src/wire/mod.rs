//! What a runner's items are outside its process.

mod datatype;
mod message;
mod payload;
mod portable;
mod tensor;
mod tensor_json;

pub use datatype::{Datatype, UnknownDatatype};
pub use message::{CONTENT_TYPE, WireError, WireRequest, WireResponse};
pub use payload::Payload;
pub use portable::Portable;
pub use tensor::{Tensor, TensorData, TensorSpec};

/// Parameters of a request, or any other JSON object.
pub type Map = serde_json::Map<String, serde_json::Value>;
