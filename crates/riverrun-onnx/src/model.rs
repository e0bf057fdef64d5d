//! [`OnnxModel`]: an ONNX model and the backend that computes it.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use riverrun_runner::Compute;
use riverrun_runner::wire::Datatype;

use crate::array::Array;
use crate::backend::{self, BackendKind, Session};
use crate::batch::Stacking;
use crate::declared::{Declared, Dimension, ModelFile, shape_text};
use crate::error::OnnxError;
use crate::options::OnnxOptions;
use crate::tensors::Tensors;

/// An ONNX model, loaded by a backend.
///
/// ```
/// use riverrun_onnx::{Array, OnnxModel, Tensors};
/// use riverrun_runner::Compute;
///
/// # let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");
/// let model = OnnxModel::load(format!("{directory}/two-inputs.onnx"))?;
/// let names: Vec<_> = model.inputs().iter().map(|input| input.name()).collect();
/// assert_eq!(names, ["left", "right"]);
///
/// // All that the model takes at once, the batch's dimension included.
/// let inputs = Tensors::new()
///     .with("left", Array::new([1, 3], vec![1.0_f32, 2.0, 3.0])?)
///     .with("right", Array::new([1, 3], vec![10.0_f32, 20.0, 30.0])?);
/// let outputs = model.compute(inputs, &Compute::single())?;
/// assert_eq!(outputs.elements::<f32>("sum"), Some([11.0, 22.0, 33.0].as_slice()));
/// # Ok::<(), riverrun_onnx::OnnxError>(())
/// ```
pub struct OnnxModel {
    path: PathBuf,
    backend: BackendKind,
    session: Box<dyn Session>,
    inputs: Vec<Declared>,
    outputs: Vec<Declared>,
    operators: Vec<String>,
    pub(crate) stacking: Stacking,
}

impl OnnxModel {
    /// Loads the model in `path`: a file, or a directory with one (of several, `model.onnx`).
    ///
    /// It is computed by RTen if that has all its operators, and by ONNX Runtime otherwise. A model with inputs or outputs in double
    /// precision is computed by ONNX Runtime wherever that is installed: RTen rounds them to single precision.
    ///
    /// # Errors
    /// The file cannot be read, is damaged, keeps weights where they may not be, or no backend can compute it.
    pub fn load(path: impl AsRef<Path>) -> Result<Self, OnnxError> {
        Self::load_with(path, &OnnxOptions::new())
    }

    /// As [`load`](Self::load), with options.
    ///
    /// # Errors
    /// The same, or an option does not fit the model.
    pub fn load_with(path: impl AsRef<Path>, options: &OnnxOptions) -> Result<Self, OnnxError> {
        let path = find(path.as_ref())?;
        let bytes =
            std::fs::read(&path).map_err(|error| OnnxError::Read { path: path.clone(), problem: error.to_string() })?;
        let file = ModelFile::read(&path, &bytes, options.outputs.as_deref())?;
        let stacking = Stacking::of(&file, options.batching)
            .map_err(|problem| OnnxError::Unsupported { path: path.clone(), problem })?;
        let (backend, session) = backend::load(&path, bytes, &file, options.backend)?;
        let ModelFile { inputs, outputs, operators, .. } = file;
        Ok(Self { path, backend, session, inputs, outputs, operators, stacking })
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Who computes it.
    #[must_use]
    pub fn backend(&self) -> BackendKind {
        self.backend
    }

    /// What it takes, the batch's dimension included.
    #[must_use]
    pub fn inputs(&self) -> &[Declared] {
        &self.inputs
    }

    /// What it gives, the batch's dimension included.
    #[must_use]
    pub fn outputs(&self) -> &[Declared] {
        &self.outputs
    }

    /// The operators that it is made of, each once; those that are not ONNX's own with their domain: `ai.onnx.ml::Scaler`.
    #[must_use]
    pub fn operators(&self) -> &[String] {
        &self.operators
    }

    /// The dimension along which items are put together; nothing where they are computed one by one.
    #[must_use]
    pub fn batch_dimension(&self) -> Option<usize> {
        match self.stacking {
            Stacking::Along(axis) => Some(axis),
            Stacking::Alone(_) | Stacking::Whole => None,
        }
    }

    /// Computes the model once. `inputs` are all that it takes, the batch's dimension included.
    ///
    /// # Errors
    /// They are not the tensors that the model takes, or the backend stopped.
    pub fn compute(&self, inputs: Tensors, compute: &Compute) -> Result<Tensors, OnnxError> {
        let arrays = self.arranged(inputs, None)?;
        let outputs = self.execute(arrays, compute)?;
        let mut named = Tensors::new();
        for (output, array) in self.outputs.iter().zip(outputs) {
            named.push(output.name.clone(), array);
        }
        Ok(named)
    }

    pub(crate) fn execute(&self, inputs: Vec<Array>, compute: &Compute) -> Result<Vec<Array>, OnnxError> {
        self.session.run(inputs, compute).map_err(|problem| OnnxError::Run {
            model: self.path.display().to_string(),
            backend: self.backend,
            problem,
        })
    }

    /// The tensors in the order of the file, each of its declared type and shape but for the dimension `without`.
    pub(crate) fn arranged(&self, tensors: Tensors, without: Option<usize>) -> Result<Vec<Array>, OnnxError> {
        let mut given = tensors.into_vec();
        if let [one] = given.as_mut_slice()
            && one.0.is_empty()
            && let [only] = self.inputs.as_slice()
        {
            one.0 = only.name.clone();
        }
        let names = || self.inputs.iter().map(|input| format!("`{}`", input.name)).collect::<Vec<_>>().join(", ");
        if let Some((name, _)) = given.iter().find(|(name, _)| !self.inputs.iter().any(|input| input.name == *name)) {
            let problem = if name.is_empty() {
                format!("the model has several inputs, and a tensor came without a name; they are {}", names())
            } else {
                format!("the model has no input `{name}`; it takes {}", names())
            };
            return Err(OnnxError::input(problem));
        }
        self.inputs
            .iter()
            .map(|input| {
                let place = given.iter().position(|(name, _)| *name == input.name);
                let place = place.ok_or_else(|| {
                    OnnxError::input(format!("the input `{}` is missing; the model takes {}", input.name, names()))
                })?;
                fitted(input, given.swap_remove(place).1, without)
            })
            .collect()
    }
}

/// The tensor as `input` declares it; one with one dimension is put into the declared ones where that leaves no choice.
fn fitted(input: &Declared, array: Array, without: Option<usize>) -> Result<Array, OnnxError> {
    let name = &input.name;
    if array.datatype() != input.datatype {
        let (given, wanted) = (array.datatype(), input.datatype);
        let hint = if wanted == Datatype::Int64 && given == Datatype::Int32 { "; convert it" } else { "" };
        return Err(OnnxError::input(format!("the input `{name}` is of type {given}, {wanted} is wanted{hint}")));
    }
    let Some(declared) = &input.shape else { return Ok(array) };
    let kept = |(axis, dimension)| (Some(axis) != without).then_some(dimension);
    let declared: Vec<&Dimension> = declared.iter().enumerate().filter_map(kept).collect();
    let matches = array.shape().len() == declared.len()
        && declared.iter().zip(array.shape()).all(|(declared, size)| match *declared {
            Dimension::Fixed(fixed) => fixed == size,
            Dimension::Open(_) => true,
        });
    if matches {
        return Ok(array);
    }
    if array.shape().len() == 1
        && let Some(shape) = fill(&declared, array.len())
    {
        return Ok(array.reshaped(shape));
    }
    let (given, wanted) = (array.shape(), shape_text(declared));
    Err(OnnxError::input(format!("the input `{name}` has the shape {given:?}, {wanted} is wanted")))
}

/// The sizes of dimensions that `elements` fill, if at most one is open.
fn fill(declared: &[&Dimension], elements: usize) -> Option<Vec<usize>> {
    let fixed = declared.iter().try_fold(1_usize, |product, dimension| match dimension {
        Dimension::Fixed(size) => product.checked_mul(*size),
        Dimension::Open(_) => Some(product),
    })?;
    let open = declared.iter().filter(|dimension| matches!(dimension, Dimension::Open(_))).count();
    let rest = match open {
        0 if fixed == elements => 1,
        1 if fixed > 0 && elements.is_multiple_of(fixed) => elements / fixed,
        _ => return None,
    };
    let size = |dimension: &&Dimension| match dimension {
        Dimension::Fixed(size) => *size,
        Dimension::Open(_) => rest,
    };
    Some(declared.iter().map(size).collect())
}

fn find(path: &Path) -> Result<PathBuf, OnnxError> {
    if !path.is_dir() {
        return Ok(path.to_owned());
    }
    let usual = path.join("model.onnx");
    if usual.is_file() {
        return Ok(usual);
    }
    let entries = std::fs::read_dir(path)
        .map_err(|error| OnnxError::Read { path: path.to_owned(), problem: error.to_string() })?;
    let mut found: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "onnx"))
        .collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(OnnxError::NotOne { directory: path.to_owned(), found: "no .onnx file".to_owned() }),
        several => {
            let names: Vec<_> = several.iter().filter_map(|path| path.file_name()?.to_str()).collect();
            Err(OnnxError::NotOne { directory: path.to_owned(), found: names.join(" and ") })
        }
    }
}

impl fmt::Debug for OnnxModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnnxModel")
            .field("path", &self.path)
            .field("backend", &self.backend)
            .field("inputs", &self.inputs)
            .field("outputs", &self.outputs)
            .finish_non_exhaustive()
    }
}

/// What an item holds in a batch: the inputs in the order of the file.
#[derive(Debug, Clone)]
pub struct PreparedTensors(pub(crate) Arc<Vec<Array>>);
