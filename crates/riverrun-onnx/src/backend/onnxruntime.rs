//! ONNX Runtime, from a library that the user installed.

use std::path::{Path, PathBuf};

use ort::session::builder::GraphOptimizationLevel;
use ort::session::{Session as OrtSession, SessionInputValue};
use ort::value::{DynValue, Tensor, TensorElementType};
use riverrun_runner::Compute;

use super::idle::{Idle, threads};
use super::{BackendKind, Session, library};
use crate::array::{Array, Elements};
use crate::declared::ModelFile;
use crate::error::OnnxError;

/// Sessions of one model. A session computes one batch at a time, on as many threads as it was made with, so there is one for each batch
/// that runs at a time. The first is opened with the model, others when as many batches first run at a time.
struct OnnxRuntime {
    path: PathBuf,
    idle: Idle<OrtSession>,
    inputs: Vec<String>,
    outputs: Vec<String>,
}

pub(crate) fn load(path: &Path, file: &ModelFile) -> Result<Box<dyn Session>, OnnxError> {
    library::load()?;
    let name = |tensor: &crate::declared::Declared| tensor.name.to_string();
    let (inputs, outputs) = (file.inputs.iter().map(name).collect(), file.outputs.iter().map(name).collect());
    let session = OnnxRuntime { path: path.to_owned(), idle: Idle::new(), inputs, outputs };
    let first = session.open(1).map_err(|problem| OnnxError::Backend {
        backend: BackendKind::OnnxRuntime,
        path: path.to_owned(),
        problem,
        advice: String::new(),
    })?;
    session.idle.give_back(1, first);
    Ok(Box::new(session))
}

impl OnnxRuntime {
    fn open(&self, threads: usize) -> Result<OrtSession, String> {
        let open = || -> Result<OrtSession, ort::Error> {
            OrtSession::builder()?
                .with_optimization_level(GraphOptimizationLevel::All)?
                .with_intra_threads(threads)?
                .with_inter_threads(1)?
                // Inside a batch, waiting for the next part by spinning is worth it, and the cores are lent to the batch. Between
                // batches, threads that spin would take the cores of other runners.
                .with_intra_op_spinning(true)?
                .with_config_entry("session.force_spinning_stop", "1")?
                .commit_from_file(&self.path)
        };
        open().map_err(|error| error.to_string())
    }
}

impl Session for OnnxRuntime {
    fn run(&self, inputs: Vec<Array>, compute: &Compute) -> Result<Vec<Array>, String> {
        let threads = threads(compute);
        let mut session = match self.idle.take(threads) {
            Some(session) => session,
            None => self.open(threads)?,
        };
        let result = run(&mut session, inputs, &self.inputs, &self.outputs);
        self.idle.give_back(threads, session);
        result
    }
}

fn run(
    session: &mut OrtSession, inputs: Vec<Array>, names: &[String], outputs: &[String],
) -> Result<Vec<Array>, String> {
    let values: Vec<(&str, SessionInputValue<'_>)> = names
        .iter()
        .zip(inputs)
        .map(|(name, array)| Ok((name.as_str(), value(array)?.into())))
        .collect::<Result<_, ort::Error>>()
        .map_err(|error| error.to_string())?;
    let found = session.run(values).map_err(|error| error.to_string())?;
    let array = |name: &String| {
        let value = found.get(name).ok_or_else(|| format!("it gave no `{name}`"))?;
        array(value)
            .map_err(|error| error.to_string())?
            .ok_or_else(|| format!("`{name}` is of a type that is not taken"))
    };
    outputs.iter().map(array).collect()
}

fn value(array: Array) -> Result<DynValue, ort::Error> {
    let shape = array.shape().to_vec();
    macro_rules! tensor {
        ($data:expr) => {
            Tensor::from_array((shape, $data)).map(|tensor| tensor.into_dyn())
        };
    }
    match array.into_data() {
        Elements::F32(data) => tensor!(data),
        Elements::F64(data) => tensor!(data),
        Elements::I8(data) => tensor!(data),
        Elements::I16(data) => tensor!(data),
        Elements::I32(data) => tensor!(data),
        Elements::I64(data) => tensor!(data),
        Elements::U8(data) => tensor!(data),
        Elements::U16(data) => tensor!(data),
        Elements::U32(data) => tensor!(data),
        Elements::U64(data) => tensor!(data),
        Elements::Bool(data) => tensor!(data),
        Elements::Strings(data) => Tensor::from_string_array((shape, data.as_slice())).map(|tensor| tensor.into_dyn()),
    }
}

fn array(value: &DynValue) -> Result<Option<Array>, ort::Error> {
    let ort::value::ValueType::Tensor { ty, .. } = value.dtype() else { return Ok(None) };
    macro_rules! elements {
        ($kind:ty, $variant:ident) => {{
            let (shape, data) = value.try_extract_tensor::<$kind>()?;
            (shape.iter().copied().collect::<Vec<i64>>(), Elements::$variant(data.to_vec()))
        }};
    }
    let (shape, data) = match ty {
        TensorElementType::Float32 => elements!(f32, F32),
        TensorElementType::Float64 => elements!(f64, F64),
        TensorElementType::Int8 => elements!(i8, I8),
        TensorElementType::Int16 => elements!(i16, I16),
        TensorElementType::Int32 => elements!(i32, I32),
        TensorElementType::Int64 => elements!(i64, I64),
        TensorElementType::Uint8 => elements!(u8, U8),
        TensorElementType::Uint16 => elements!(u16, U16),
        TensorElementType::Uint32 => elements!(u32, U32),
        TensorElementType::Uint64 => elements!(u64, U64),
        TensorElementType::Bool => elements!(bool, Bool),
        TensorElementType::String => {
            let (shape, data) = value.try_extract_strings()?;
            (shape.iter().copied().collect(), Elements::Strings(data))
        }
        _ => return Ok(None),
    };
    Ok(Array::with(shape.into_iter().map(|size| usize::try_from(size).unwrap_or(0)).collect(), data).ok())
}
