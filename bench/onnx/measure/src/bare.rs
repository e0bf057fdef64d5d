//! The backends without anything of Riverrun around them. They compute from borrowed inputs, which are ready before the time starts.

use std::sync::Arc;

use ort::session::builder::GraphOptimizationLevel;
use ort::value::TensorRef;
use riverrun::onnx::BackendKind;
use rten_tensor::AsView;

use crate::Measured;
use crate::inputs::Stacked;

/// One session, or one model and a pool.
pub enum Bare {
    Rten(Arc<rten::Model>, Arc<rten::ThreadPool>),
    OnnxRuntime(ort::session::Session),
}

/// Inputs as a backend wants them.
pub enum Ready {
    Rten(Vec<(rten::NodeId, rten::Value)>),
    OnnxRuntime(Vec<Stacked>),
}

impl Bare {
    pub fn load(path: &str, backend: BackendKind, threads: usize) -> Measured<Self> {
        Ok(match backend {
            BackendKind::Rten => {
                let mut options = rten::ModelOptions::with_all_ops();
                options.prepack_weights(true);
                let model = Arc::new(options.load(std::fs::read(path)?)?);
                Self::Rten(model, Arc::new(rten::ThreadPool::with_num_threads(threads)))
            }
            _ => Self::OnnxRuntime(session(path, threads)?),
        })
    }

    /// Another for another thread: RTen shares the weights.
    pub fn again(&self, path: &str, threads: usize) -> Measured<Self> {
        match self {
            Self::Rten(model, _) => {
                Ok(Self::Rten(model.clone(), Arc::new(rten::ThreadPool::with_num_threads(threads))))
            }
            Self::OnnxRuntime(_) => Self::load(path, BackendKind::OnnxRuntime, threads),
        }
    }

    pub fn ready(&self, inputs: Vec<Stacked>) -> Measured<Ready> {
        let Self::Rten(model, _) = self else { return Ok(Ready::OnnxRuntime(inputs)) };
        let value = |input: Stacked| -> Measured<(rten::NodeId, rten::Value)> {
            let node = model.node_id(&input.name)?;
            let value = if input.integers.is_empty() {
                rten_tensor::Tensor::from_data(input.shape.as_slice(), input.floats).into()
            } else {
                let integers: Vec<i32> = input.integers.into_iter().map(i32::try_from).collect::<Result<_, _>>()?;
                rten_tensor::Tensor::from_data(input.shape.as_slice(), integers).into()
            };
            Ok((node, value))
        };
        Ok(Ready::Rten(inputs.into_iter().map(value).collect::<Measured<_>>()?))
    }

    /// Computes once; the first output.
    pub fn run(&mut self, inputs: &Ready) -> Measured<Vec<f32>> {
        match (self, inputs) {
            (Self::Rten(model, pool), Ready::Rten(inputs)) => {
                let options = rten::RunOptions::default().with_thread_pool(Some(pool.clone()));
                let given = inputs.iter().map(|(node, value)| (*node, value.as_view().into())).collect();
                let outputs = model.run(given, model.output_ids(), Some(options))?;
                let first = outputs.into_iter().next().ok_or("no output")?;
                let rten::Value::FloatTensor(tensor) = first else { return Err("an output that is not FP32".into()) };
                Ok(tensor.to_vec())
            }
            (Self::OnnxRuntime(session), Ready::OnnxRuntime(inputs)) => {
                let mut given: Vec<(&str, ort::session::SessionInputValue<'_>)> = Vec::with_capacity(inputs.len());
                for input in inputs {
                    let shape = input.shape.clone();
                    let value = if input.integers.is_empty() {
                        TensorRef::from_array_view((shape, input.floats.as_slice()))?.into()
                    } else {
                        TensorRef::from_array_view((shape, input.integers.as_slice()))?.into()
                    };
                    given.push((&input.name, value));
                }
                let outputs = session.run(given)?;
                let (_, first) = outputs[0].try_extract_tensor::<f32>()?;
                Ok(first.to_vec())
            }
            _ => Err("inputs of another backend".into()),
        }
    }
}

/// As the runner's sessions are made.
fn session(path: &str, threads: usize) -> Measured<ort::session::Session> {
    let open = || -> Result<_, ort::Error> {
        ort::session::Session::builder()?
            .with_optimization_level(GraphOptimizationLevel::All)?
            .with_intra_threads(threads)?
            .with_inter_threads(1)?
            .with_intra_op_spinning(true)?
            .with_config_entry("session.force_spinning_stop", "1")?
            .commit_from_file(path)
    };
    // The builder's errors hold what cannot be sent to another thread.
    open().map_err(|error: ort::Error| error.to_string().into())
}
