//! One tensor.

use riverrun_runner::wire::{Datatype, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use crate::batch::places;
use crate::error::OnnxError;

/// A tensor: elements of one type, row by row, and their shape.
///
/// ```
/// use riverrun_onnx::Array;
///
/// let pixels = Array::new([2, 2], vec![0.1_f32, 0.2, 0.3, 0.4])?;
/// assert_eq!((pixels.shape(), pixels.elements::<f32>().map(<[f32]>::len)), ([2, 2].as_slice(), Some(4)));
/// assert!(Array::new([2, 3], vec![1_i64]).is_err());
/// # Ok::<(), riverrun_onnx::OnnxError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Array {
    shape: Vec<usize>,
    data: Elements,
}

#[derive(Deserialize)]
struct Unchecked {
    shape: Vec<usize>,
    data: Elements,
}

impl TryFrom<Unchecked> for Array {
    type Error = OnnxError;

    fn try_from(unchecked: Unchecked) -> Result<Self, OnnxError> {
        Self::with(unchecked.shape, unchecked.data)
    }
}

macro_rules! elements {
    ($($variant:ident $name:literal $kind:ty, $wire:ident;)*) => {
        /// The elements of an [`Array`], by the names that the Open Inference Protocol has for their types.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[non_exhaustive]
        #[allow(missing_docs, reason = "the names say all there is")]
        pub enum Elements {
            $(#[serde(rename = $name)] $variant(Vec<$kind>),)*
        }

        impl Elements {
            /// How many there are.
            #[must_use]
            pub fn len(&self) -> usize {
                match self { $(Self::$variant(data) => data.len(),)* }
            }

            /// Their type.
            #[must_use]
            pub fn datatype(&self) -> Datatype {
                match self { $(Self::$variant(_) => Datatype::$wire,)* }
            }

            /// None of this type, with room for as many as there will be.
            pub(crate) fn empty_like(&self, capacity: usize) -> Self {
                match self { $(Self::$variant(_) => Self::$variant(Vec::with_capacity(capacity)),)* }
            }

            /// Appends a range of another of the same type; false, and nothing, where it is of another.
            pub(crate) fn append(&mut self, other: &Self, range: std::ops::Range<usize>) -> bool {
                match (self, other) {
                    $((Self::$variant(data), Self::$variant(other)) => data.extend_from_slice(&other[range]),)*
                    _ => return false,
                }
                true
            }
        }

        $(
            impl Element for $kind {
                fn of(elements: &Elements) -> Option<&[Self]> {
                    if let Elements::$variant(data) = elements { Some(data) } else { None }
                }

                fn into(data: Vec<Self>) -> Elements {
                    Elements::$variant(data)
                }
            }
        )*
    };
}

/// What an [`Array`] can hold.
pub trait Element: Sized + Clone {
    /// The elements, if they are of this type.
    fn of(elements: &Elements) -> Option<&[Self]>;

    /// The elements without their type.
    fn into(data: Vec<Self>) -> Elements;
}

elements! {
    F32 "FP32" f32, Fp32;
    F64 "FP64" f64, Fp64;
    I8 "INT8" i8, Int8;
    I16 "INT16" i16, Int16;
    I32 "INT32" i32, Int32;
    I64 "INT64" i64, Int64;
    U8 "UINT8" u8, Uint8;
    U16 "UINT16" u16, Uint16;
    U32 "UINT32" u32, Uint32;
    U64 "UINT64" u64, Uint64;
    Bool "BOOL" bool, Bool;
    Strings "BYTES" String, Bytes;
}

impl Elements {
    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// A tensor of `shape`.
    ///
    /// # Errors
    /// There are more or fewer elements than the shape has places.
    pub fn new<T: Element>(shape: impl Into<Vec<usize>>, data: Vec<T>) -> Result<Self, OnnxError> {
        Self::with(shape.into(), T::into(data))
    }

    /// As [`new`](Self::new), of elements whose type is not known.
    ///
    /// # Errors
    /// The same.
    pub fn with(shape: Vec<usize>, data: Elements) -> Result<Self, OnnxError> {
        if places(&shape) != Some(data.len()) {
            return Err(OnnxError::input(format!("{} elements do not fill the shape {shape:?}", data.len())));
        }
        Ok(Self { shape, data })
    }

    /// Its dimensions.
    #[must_use]
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Its elements, whatever their type.
    #[must_use]
    pub fn data(&self) -> &Elements {
        &self.data
    }

    /// The type of its elements.
    #[must_use]
    pub fn datatype(&self) -> Datatype {
        self.data.datatype()
    }

    /// Its elements, if they are of this type.
    #[must_use]
    pub fn elements<T: Element>(&self) -> Option<&[T]> {
        T::of(&self.data)
    }

    /// How many elements it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether it has none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.data.is_empty()
    }

    /// The elements alone.
    #[must_use]
    pub fn into_data(self) -> Elements {
        self.data
    }

    /// The same elements in another shape, which has as many places.
    pub(crate) fn reshaped(self, shape: Vec<usize>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), self.data.len());
        Self { shape, data: self.data }
    }

    /// As a tensor of the Open Inference Protocol.
    pub(crate) fn to_wire(&self, name: &str) -> Result<Tensor, riverrun_runner::ItemError> {
        macro_rules! fixed {
            ($data:expr) => {
                TensorData::Fixed($data.iter().flat_map(|element| element.to_le_bytes()).collect())
            };
        }
        let data = match &self.data {
            Elements::F32(data) => fixed!(data),
            Elements::F64(data) => fixed!(data),
            Elements::I8(data) => fixed!(data),
            Elements::I16(data) => fixed!(data),
            Elements::I32(data) => fixed!(data),
            Elements::I64(data) => fixed!(data),
            Elements::U8(data) => TensorData::Fixed(data.clone()),
            Elements::U16(data) => fixed!(data),
            Elements::U32(data) => fixed!(data),
            Elements::U64(data) => fixed!(data),
            Elements::Bool(data) => TensorData::Fixed(data.iter().map(|&element| u8::from(element)).collect()),
            Elements::Strings(data) => TensorData::Strings(data.iter().map(|text| text.clone().into_bytes()).collect()),
        };
        Tensor::new(name, self.datatype(), self.shape.iter().map(|&size| size as u64).collect(), data)
    }

    /// From a tensor of the Open Inference Protocol.
    pub(crate) fn from_wire(tensor: &Tensor) -> Result<Self, OnnxError> {
        let wrong = |problem: &str| OnnxError::input(format!("tensor `{}` {problem}", tensor.name()));
        let shape: Vec<usize> = tensor
            .shape()
            .iter()
            .map(|&size| usize::try_from(size))
            .collect::<Result<_, _>>()
            .map_err(|_| wrong("is too large"))?;
        macro_rules! fixed {
            ($bytes:expr, $kind:ty) => {
                <$kind as Element>::into(
                    $bytes.as_chunks().0.iter().map(|chunk| <$kind>::from_le_bytes(*chunk)).collect(),
                )
            };
        }
        let data = match (tensor.data(), tensor.datatype()) {
            (TensorData::Strings(strings), _) => {
                let text =
                    |bytes: &Vec<u8>| String::from_utf8(bytes.clone()).map_err(|_| wrong("holds what is not UTF-8"));
                Elements::Strings(strings.iter().map(text).collect::<Result<_, _>>()?)
            }
            (TensorData::Fixed(bytes), datatype) => match datatype {
                Datatype::Fp32 => fixed!(bytes, f32),
                Datatype::Fp64 => fixed!(bytes, f64),
                Datatype::Int8 => fixed!(bytes, i8),
                Datatype::Int16 => fixed!(bytes, i16),
                Datatype::Int32 => fixed!(bytes, i32),
                Datatype::Int64 => fixed!(bytes, i64),
                Datatype::Uint8 => Elements::U8(bytes.clone()),
                Datatype::Uint16 => fixed!(bytes, u16),
                Datatype::Uint32 => fixed!(bytes, u32),
                Datatype::Uint64 => fixed!(bytes, u64),
                Datatype::Bool => Elements::Bool(bytes.iter().map(|&byte| byte != 0).collect()),
                Datatype::Fp16 => return Err(wrong("is of type FP16; send it as FP32")),
                Datatype::Bytes => return Err(wrong("holds no strings")),
            },
        };
        Self::with(shape, data)
    }
}

/// The nearest number in single precision; nothing where a finite one would become infinite.
#[allow(clippy::cast_possible_truncation, reason = "rounding is what is wanted")]
pub(crate) fn rounded(number: f64) -> Option<f32> {
    let near = number as f32;
    (near.is_finite() || !number.is_finite()).then_some(near)
}

impl<T: Element> From<Vec<T>> for Array {
    /// A tensor with one dimension.
    fn from(data: Vec<T>) -> Self {
        Self { shape: vec![data.len()], data: T::into(data) }
    }
}
