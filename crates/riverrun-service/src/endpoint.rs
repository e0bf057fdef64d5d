//! [`Endpoint`]: a user's own function at a route, with typed JSON in and out, or with bodies of any kind.

use std::fmt;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use http::{HeaderMap, Uri};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::context::{Deadline, RequestContext};
use crate::fault::Fault;
use crate::predict::{self, Media, ReadBody, of_json_error};
use crate::state::SharedState;

type Handle = dyn Fn(SharedState, Request) -> BoxFuture<'static, Response> + Send + Sync;

/// A user's own function at a route, for what comes before and after the calls of runners.
///
/// It is an `async fn` of the [`RequestContext`] and an input that is read from JSON; its output is written as JSON, its
/// [`Fault`] as any other of the service. Body limit and deadline are the service's. One that is done with its own routing is
/// an [`axum::Router`]: see [`Service::merge`](crate::Service::merge).
///
/// ```
/// use riverrun_service::{Endpoint, Fault, RequestContext, Service};
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Deserialize)]
/// struct Review {
///     text: String,
/// }
///
/// #[derive(Serialize)]
/// struct Words {
///     words: usize,
/// }
///
/// async fn words(_: RequestContext, review: Review) -> Result<Words, Fault> {
///     if review.text.is_empty() {
///         return Err(Fault::invalid_input("`text` is empty; send a review"));
///     }
///     Ok(Words { words: review.text.split_whitespace().count() })
/// }
///
/// let service = Service::new("reviews").endpoint("/words", Endpoint::new(words).summary("Counts words"));
/// # let _ = service;
/// ```
#[derive(Clone)]
pub struct Endpoint {
    handle: Arc<Handle>,
    pub(crate) summary: String,
    pub(crate) description: String,
    /// What OpenAPI calls `content`: by media type, with `schema` and `example`.
    pub(crate) input: Value,
    pub(crate) output: Value,
}

impl Endpoint {
    /// An endpoint that answers with this function.
    pub fn new<In, Out, Fut>(handler: impl Fn(RequestContext, In) -> Fut + Send + Sync + 'static) -> Self
    where
        In: DeserializeOwned + Send + 'static,
        Out: Serialize + Send + 'static,
        Fut: Future<Output = Result<Out, Fault>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self::handled(move |state, request| {
            let handler = handler.clone();
            Box::pin(async move { answered(&state, request, move |context, input| handler(context, input)).await })
        })
    }

    /// An endpoint that reads the body itself, whatever its kind, and writes its answer.
    ///
    /// The body is read within the service's limits first, and counts among those in memory until the [`RawRequest`] is
    /// dropped. An answer is sent as it is, whatever its status.
    pub fn raw<Out, Fut>(handler: impl Fn(RawRequest) -> Fut + Send + Sync + 'static) -> Self
    where
        Out: IntoResponse,
        Fut: Future<Output = Result<Out, Fault>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        Self::handled(move |state, request| {
            let handler = handler.clone();
            Box::pin(async move {
                let (request, deadline) = RawRequest::read(&state, request).await?;
                let mut response = deadline.limit(handler(request)).await??.into_response();
                response.extensions_mut().insert(OwnForm);
                Ok(response)
            })
        })
    }

    fn handled(
        handle: impl Fn(SharedState, Request) -> BoxFuture<'static, Result<Response, Fault>> + Send + Sync + 'static,
    ) -> Self {
        let handle = move |state: SharedState, request: Request| -> BoxFuture<'static, Response> {
            let answer = handle(state, request);
            Box::pin(async move { answer.await.unwrap_or_else(IntoResponse::into_response) })
        };
        let any = json!({ "application/json": { "schema": {} } });
        Self {
            handle: Arc::new(handle),
            summary: String::new(),
            description: String::new(),
            input: any.clone(),
            output: any,
        }
    }

    /// What it does, in a few words for the documentation.
    #[must_use]
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// What there is to know of it, for the documentation.
    #[must_use]
    pub fn description(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// The JSON Schema of its input, for the documentation.
    #[must_use]
    pub fn input_schema(self, schema: Value) -> Self {
        self.input_content(json!({ "application/json": { "schema": schema } }))
    }

    /// The JSON Schema of its output, for the documentation.
    #[must_use]
    pub fn output_schema(self, schema: Value) -> Self {
        self.output_content(json!({ "application/json": { "schema": schema } }))
    }

    /// What it reads, for the documentation: what OpenAPI calls `content`, an object of media types that each have a `schema` and
    /// may have an `example`.
    #[must_use]
    pub fn input_content(mut self, content: Value) -> Self {
        self.input = content;
        self
    }

    /// What it writes, for the documentation, as [`input_content`](Self::input_content).
    #[must_use]
    pub fn output_content(mut self, content: Value) -> Self {
        self.output = content;
        self
    }

    pub(crate) async fn handle(self, state: SharedState, request: Request) -> Response {
        (self.handle)(state, request).await
    }
}

/// Marks the answer of a handler that has a form of its own, also where its status is that of an error.
#[derive(Clone)]
pub(crate) struct OwnForm;

/// A request as an [`Endpoint::raw`] gets it.
pub struct RawRequest {
    context: RequestContext,
    uri: Uri,
    headers: HeaderMap,
    body: ReadBody,
}

impl RawRequest {
    async fn read(state: &SharedState, request: Request) -> Result<(Self, Deadline), Fault> {
        let (parts, body) = request.into_parts();
        let context = predict::context(&parts.extensions)?;
        let deadline = Deadline::of(&parts.headers, &state.limits, &context)?;
        let body = predict::read(state, &parts.headers, body, Some(deadline)).await?;
        Ok((Self { context, uri: parts.uri, headers: parts.headers, body }, deadline))
    }

    /// What is known of it beside its head and its body.
    #[must_use]
    pub fn context(&self) -> &RequestContext {
        &self.context
    }

    /// Its path and query.
    #[must_use]
    pub fn uri(&self) -> &Uri {
        &self.uri
    }

    /// Its headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// All of its body, after decompression.
    #[must_use]
    pub fn body(&self) -> &Bytes {
        self.body.bytes()
    }
}

impl fmt::Debug for RawRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RawRequest").field("uri", &self.uri).field("body", &self.body.len()).finish_non_exhaustive()
    }
}

async fn answered<In, Out, Fut>(
    state: &SharedState, request: Request, handler: impl FnOnce(RequestContext, In) -> Fut,
) -> Result<Response, Fault>
where
    In: DeserializeOwned,
    Out: Serialize,
    Fut: Future<Output = Result<Out, Fault>>,
{
    let (parts, body) = request.into_parts();
    let context = predict::context(&parts.extensions)?;
    let deadline = Deadline::of(&parts.headers, &state.limits, &context)?;
    Media::of(&parts.headers)?.one_of(&[Media::Json], "`application/json` as the `Content-Type`")?;
    let body = predict::read(state, &parts.headers, body, Some(deadline)).await?;
    let input = serde_json::from_slice(&body).map_err(|error| of_json_error(&error))?;
    drop(body);
    let output = deadline.limit(handler(context, input)).await??;
    let json = serde_json::to_vec(&output)
        .map_err(|error| Fault::internal(format!("an answer could not be written: {error}")))?;
    Ok(([(CONTENT_TYPE, "application/json")], json).into_response())
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoint").field("summary", &self.summary).finish_non_exhaustive()
    }
}

/// What [`Service::endpoint`](crate::Service::endpoint) takes: an [`Endpoint`], or the function alone. `Marker` only tells the two
/// apart.
pub trait IntoEndpoint<Marker> {
    /// The endpoint.
    fn into_endpoint(self) -> Endpoint;
}

impl IntoEndpoint<()> for Endpoint {
    fn into_endpoint(self) -> Endpoint {
        self
    }
}

impl<F, In, Out, Fut> IntoEndpoint<(In, Out, Fut)> for F
where
    F: Fn(RequestContext, In) -> Fut + Send + Sync + 'static,
    In: DeserializeOwned + Send + 'static,
    Out: Serialize + Send + 'static,
    Fut: Future<Output = Result<Out, Fault>> + Send + 'static,
{
    fn into_endpoint(self) -> Endpoint {
        Endpoint::new(self)
    }
}
