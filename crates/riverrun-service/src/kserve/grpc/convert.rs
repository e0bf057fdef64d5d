//! Tensors as gRPC's messages.

use riverrun_runner::wire::{Datatype, Tensor, TensorData, TensorSpec};

use super::proto::model_infer_request::InferInputTensor;
use super::proto::model_infer_response::InferOutputTensor;
use super::proto::model_metadata_response::TensorMetadata;
use super::proto::{InferTensorContents, ModelInferRequest};
use crate::fault::Fault;
use crate::kserve::raw;

/// The tensors of a request, and whether they came as raw bytes.
pub(super) fn inputs(request: &mut ModelInferRequest) -> Result<(Vec<Tensor>, bool), Fault> {
    let inputs = std::mem::take(&mut request.inputs);
    let raw = std::mem::take(&mut request.raw_input_contents);
    if raw.is_empty() {
        return Ok((inputs.into_iter().map(input).collect::<Result<_, _>>()?, false));
    }
    if raw.len() != inputs.len() {
        let message = format!("{} `raw_input_contents` came for {} inputs; send one each", raw.len(), inputs.len());
        return Err(Fault::invalid_input(message));
    }
    let tensors = inputs.into_iter().zip(raw).map(|(input, bytes)| {
        if input.contents.is_some() {
            let message =
                format!("tensor `{}` has `contents` beside `raw_input_contents`; send one of them", input.name);
            return Err(Fault::invalid_input(message));
        }
        let (datatype, shape) = head(&input)?;
        raw::read(input.name, datatype, shape, &bytes)
    });
    Ok((tensors.collect::<Result<_, _>>()?, true))
}

fn head(input: &InferInputTensor) -> Result<(Datatype, Vec<u64>), Fault> {
    let wrong = |what: String| Fault::invalid_input(format!("tensor `{}`: {what}", input.name));
    let datatype = input.datatype.parse().map_err(|error| wrong(format!("{error}")))?;
    let shape = input.shape.iter().map(|&size| u64::try_from(size)).collect::<Result<_, _>>();
    Ok((datatype, shape.map_err(|_| wrong(format!("the shape {:?} has a negative size", input.shape)))?))
}

fn input(input: InferInputTensor) -> Result<Tensor, Fault> {
    let (datatype, shape) = head(&input)?;
    let contents = input.contents.unwrap_or_default();
    let name = input.name;
    let out_of_range = || {
        Fault::invalid_input(format!("tensor `{name}` of type {datatype} has a number that the type has no place for"))
    };
    let data = match datatype {
        Datatype::Bytes => TensorData::Strings(contents.bytes_contents),
        Datatype::Bool => fixed(contents.bool_contents, |flag| [u8::from(flag)]),
        Datatype::Uint8 => narrow::<_, u8, 1>(contents.uint_contents, u8::to_le_bytes).ok_or_else(out_of_range)?,
        Datatype::Uint16 => narrow::<_, u16, 2>(contents.uint_contents, u16::to_le_bytes).ok_or_else(out_of_range)?,
        Datatype::Uint32 => fixed(contents.uint_contents, u32::to_le_bytes),
        Datatype::Uint64 => fixed(contents.uint64_contents, u64::to_le_bytes),
        Datatype::Int8 => narrow::<_, i8, 1>(contents.int_contents, i8::to_le_bytes).ok_or_else(out_of_range)?,
        Datatype::Int16 => narrow::<_, i16, 2>(contents.int_contents, i16::to_le_bytes).ok_or_else(out_of_range)?,
        Datatype::Int32 => fixed(contents.int_contents, i32::to_le_bytes),
        Datatype::Int64 => fixed(contents.int64_contents, i64::to_le_bytes),
        Datatype::Fp32 => fixed(contents.fp32_contents, f32::to_le_bytes),
        Datatype::Fp64 => fixed(contents.fp64_contents, f64::to_le_bytes),
        Datatype::Fp16 => {
            let message = format!("tensor `{name}` is of type FP16, which only `raw_input_contents` can hold");
            return Err(Fault::invalid_input(message));
        }
    };
    Tensor::new(name, datatype, shape, data).map_err(|error| Fault::invalid_input(error.to_string()))
}

fn fixed<T, const N: usize>(numbers: Vec<T>, bytes: impl Fn(T) -> [u8; N]) -> TensorData {
    TensorData::Fixed(numbers.into_iter().flat_map(bytes).collect())
}

fn narrow<W, T: TryFrom<W>, const N: usize>(numbers: Vec<W>, bytes: impl Fn(T) -> [u8; N]) -> Option<TensorData> {
    let numbers: Vec<T> = numbers.into_iter().map(|number| T::try_from(number).ok()).collect::<Option<_>>()?;
    Some(fixed(numbers, bytes))
}

/// A tensor of the answer; without its contents if they go as raw bytes.
pub(super) fn output(tensor: &Tensor, raw: bool) -> Result<InferOutputTensor, Fault> {
    let shape = tensor.shape().iter().map(|&size| i64::try_from(size).unwrap_or(i64::MAX)).collect();
    Ok(InferOutputTensor {
        name: tensor.name().to_owned(),
        datatype: tensor.datatype().name().to_owned(),
        shape,
        parameters: Default::default(),
        contents: if raw { None } else { Some(contents(tensor)?) },
    })
}

fn contents(tensor: &Tensor) -> Result<InferTensorContents, Fault> {
    fn each<T, const N: usize>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> Vec<T> {
        bytes.as_chunks::<N>().0.iter().map(|&chunk| read(chunk)).collect()
    }
    let mut contents = InferTensorContents::default();
    let bytes = match tensor.data() {
        TensorData::Strings(strings) => {
            contents.bytes_contents = strings.clone();
            return Ok(contents);
        }
        TensorData::Fixed(bytes) => bytes.as_slice(),
    };
    match tensor.datatype() {
        Datatype::Bool => contents.bool_contents = each(bytes, |[byte]| byte != 0),
        Datatype::Uint8 => contents.uint_contents = each(bytes, |chunk| u8::from_le_bytes(chunk).into()),
        Datatype::Uint16 => contents.uint_contents = each(bytes, |chunk| u16::from_le_bytes(chunk).into()),
        Datatype::Uint32 => contents.uint_contents = each(bytes, u32::from_le_bytes),
        Datatype::Uint64 => contents.uint64_contents = each(bytes, u64::from_le_bytes),
        Datatype::Int8 => contents.int_contents = each(bytes, |chunk| i8::from_le_bytes(chunk).into()),
        Datatype::Int16 => contents.int_contents = each(bytes, |chunk| i16::from_le_bytes(chunk).into()),
        Datatype::Int32 => contents.int_contents = each(bytes, i32::from_le_bytes),
        Datatype::Int64 => contents.int64_contents = each(bytes, i64::from_le_bytes),
        Datatype::Fp32 => contents.fp32_contents = each(bytes, f32::from_le_bytes),
        Datatype::Fp64 => contents.fp64_contents = each(bytes, f64::from_le_bytes),
        Datatype::Fp16 | Datatype::Bytes => {
            let message =
                format!("the output `{}` can only be sent as raw bytes; send the inputs so too", tensor.name());
            return Err(Fault::invalid_input(message));
        }
    }
    Ok(contents)
}

/// What is said of a tensor that a model takes or gives.
pub(super) fn metadata(spec: TensorSpec) -> TensorMetadata {
    TensorMetadata { name: spec.name, datatype: spec.datatype.name().to_owned(), shape: spec.shape }
}
