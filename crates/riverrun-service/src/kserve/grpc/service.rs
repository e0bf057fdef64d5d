//! The calls of the protocol.

use std::pin::Pin;

use futures_util::future::ready;
use futures_util::{Stream, StreamExt};
use riverrun_runner::Priority;
use tonic::{Request, Response, Status, Streaming, async_trait};

use super::proto::grpc_inference_service_server::GrpcInferenceService;
use super::proto::infer_parameter::ParameterChoice;
use super::proto::{
    ModelInferRequest, ModelInferResponse, ModelMetadataRequest, ModelMetadataResponse, ModelReadyRequest,
    ModelReadyResponse, ModelStreamInferResponse, RepositoryIndexRequest, RepositoryIndexResponse, ServerLiveRequest,
    ServerLiveResponse, ServerMetadataRequest, ServerMetadataResponse, ServerReadyRequest, ServerReadyResponse,
    repository_index_response,
};
use super::{convert, status};
use crate::context::{Deadline, RequestContext, priority};
use crate::fault::Fault;
use crate::kserve::asked::{Head, compute, find};
use crate::kserve::metadata::{EXTENSIONS, Indexed, PLATFORM, indexed, model_is_ready, state_of};
use crate::kserve::{failure, raw};
use crate::predict;
use crate::state::SharedState;

/// How many requests of one stream are under way at a time.
const AT_A_TIME: usize = 16;

/// The service behind gRPC.
pub(super) struct Inference {
    state: SharedState,
}

impl Inference {
    pub(super) fn new(state: SharedState) -> Self {
        Self { state }
    }
}

/// Who asks, and how long it may take.
struct Caller {
    context: RequestContext,
    deadline: Deadline,
    priority: Priority,
}

impl Caller {
    fn of<T>(request: &Request<T>) -> Result<Self, Fault> {
        let context = predict::context(request.extensions())?;
        let deadline = request.extensions().get::<Deadline>().copied();
        let deadline = deadline.ok_or_else(|| Fault::internal("a call came past its route"))?;
        let priority = priority(request.metadata().as_ref())?;
        Ok(Self { context, deadline, priority })
    }
}

async fn infer(
    state: &SharedState, caller: Caller, mut request: ModelInferRequest,
) -> Result<ModelInferResponse, Fault> {
    let (inputs, raw_bytes) = convert::inputs(&mut request)?;
    let Caller { context, deadline, priority } = caller;
    let (model, version) = find(state, &request.model_name, Some(&request.model_version), context.id())?;
    let method = match request.parameters.remove("method").and_then(|parameter| parameter.parameter_choice) {
        Some(ParameterChoice::StringParam(method)) => Some(method),
        _ => None,
    };
    let outputs = request.outputs.into_iter().map(|output| output.name).collect();
    let head = Head { context, deadline, priority };
    let tensors = compute(state, &head, &model, &version, method, inputs, Some(outputs)).await?;
    let raw_output_contents =
        if raw_bytes { tensors.iter().map(raw::write).collect::<Result<_, _>>()? } else { Vec::new() };
    Ok(ModelInferResponse {
        model_name: model.name().to_owned(),
        model_version: version.version().to_owned(),
        id: request.id,
        parameters: Default::default(),
        outputs: tensors.iter().map(|tensor| convert::output(tensor, raw_bytes)).collect::<Result<_, _>>()?,
        raw_output_contents,
    })
}

#[async_trait]
impl GrpcInferenceService for Inference {
    async fn server_live(&self, _: Request<ServerLiveRequest>) -> Result<Response<ServerLiveResponse>, Status> {
        Ok(Response::new(ServerLiveResponse { live: true }))
    }

    async fn server_ready(&self, _: Request<ServerReadyRequest>) -> Result<Response<ServerReadyResponse>, Status> {
        Ok(Response::new(ServerReadyResponse { ready: self.state.is_ready() }))
    }

    async fn model_ready(&self, request: Request<ModelReadyRequest>) -> Result<Response<ModelReadyResponse>, Status> {
        let ModelReadyRequest { name, version } = request.into_inner();
        let ready = model_is_ready(&self.state, &name, Some(&version)).map_err(|fault| status::of(&fault, None))?;
        Ok(Response::new(ModelReadyResponse { ready }))
    }

    async fn server_metadata(
        &self, _: Request<ServerMetadataRequest>,
    ) -> Result<Response<ServerMetadataResponse>, Status> {
        Ok(Response::new(ServerMetadataResponse {
            name: self.state.name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            extensions: EXTENSIONS.map(String::from).to_vec(),
        }))
    }

    async fn model_metadata(
        &self, request: Request<ModelMetadataRequest>,
    ) -> Result<Response<ModelMetadataResponse>, Status> {
        let id = predict::context(request.extensions()).map(|context| context.id().to_owned()).unwrap_or_default();
        let ModelMetadataRequest { name, version } = request.into_inner();
        let found = find(&self.state, &name, Some(&version), &id);
        let (model, version) = found.map_err(|fault| status::of(&fault, None))?;
        let runner = version.runner();
        Ok(Response::new(ModelMetadataResponse {
            name: model.name().to_owned(),
            versions: model.versions().iter().map(|version| version.version().to_owned()).collect(),
            platform: PLATFORM.to_owned(),
            inputs: runner.tensor_inputs().into_iter().map(convert::metadata).collect(),
            outputs: runner.tensor_outputs().into_iter().map(convert::metadata).collect(),
        }))
    }

    async fn model_infer(&self, request: Request<ModelInferRequest>) -> Result<Response<ModelInferResponse>, Status> {
        let context = predict::context(request.extensions()).ok();
        let answer = async { infer(&self.state, Caller::of(&request)?, request.into_inner()).await }.await;
        answer.map(Response::new).map_err(|fault| status::of(&fault, context.as_ref()))
    }

    type ModelStreamInferStream = Pin<Box<dyn Stream<Item = Result<ModelStreamInferResponse, Status>> + Send>>;

    /// Answers in the order of the requests. One that fails says so in its place, and the stream goes on.
    async fn model_stream_infer(
        &self, request: Request<Streaming<ModelInferRequest>>,
    ) -> Result<Response<Self::ModelStreamInferStream>, Status> {
        let Caller { context, priority, .. } = Caller::of(&request).map_err(|fault| status::of(&fault, None))?;
        let state = self.state.clone();
        // One that breaks off half way would say so for ever.
        let requests = request.into_inner().scan(false, |broken, request| {
            let over = std::mem::replace(broken, request.is_err());
            ready(if over { None } else { Some(request) })
        });
        let answers = requests.map(move |request| {
            let (state, context) = (state.clone(), context.clone());
            async move {
                let request = request.map_err(status::of_library)?;
                let id = request.id.clone();
                let deadline = Deadline::from_now(state.limits.timeout);
                let caller = Caller { context: context.clone(), deadline, priority };
                Ok(match infer(&state, caller, request).await {
                    Ok(answer) => {
                        ModelStreamInferResponse { error_message: String::new(), infer_response: Some(answer) }
                    }
                    Err(fault) => ModelStreamInferResponse {
                        error_message: failure::message(&fault, Some(&context)),
                        infer_response: Some(ModelInferResponse { id, ..Default::default() }),
                    },
                })
            }
        });
        Ok(Response::new(Box::pin(answers.buffered(AT_A_TIME))))
    }

    async fn repository_index(
        &self, request: Request<RepositoryIndexRequest>,
    ) -> Result<Response<RepositoryIndexResponse>, Status> {
        let models = indexed(&self.state, request.into_inner().ready).into_iter();
        let models = models.map(|Indexed { name, version, ready }| repository_index_response::ModelIndex {
            name,
            version,
            state: state_of(ready).to_owned(),
            reason: String::new(),
        });
        Ok(Response::new(RepositoryIndexResponse { models: models.collect() }))
    }
}
