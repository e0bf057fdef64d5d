//! [`Endpoint`]: a user's own function at a route, with typed JSON in and out.

use std::fmt;
use std::sync::Arc;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use futures_util::future::BoxFuture;
use http::header::CONTENT_TYPE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::context::{Deadline, RequestContext};
use crate::fault::Fault;
use crate::predict::{self, Media, of_json_error};
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
    pub(crate) input_schema: Value,
    pub(crate) output_schema: Value,
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
        let handle = move |state: SharedState, request: Request| -> BoxFuture<'static, Response> {
            let handler = handler.clone();
            Box::pin(async move {
                let answer = answered(&state, request, move |context, input| handler(context, input)).await;
                answer.unwrap_or_else(IntoResponse::into_response)
            })
        };
        Self { handle: Arc::new(handle), summary: String::new(), input_schema: json!({}), output_schema: json!({}) }
    }

    /// What it does, in a few words for the documentation.
    #[must_use]
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.summary = summary.into();
        self
    }

    /// The JSON Schema of its input, for the documentation.
    #[must_use]
    pub fn input_schema(mut self, schema: Value) -> Self {
        self.input_schema = schema;
        self
    }

    /// The JSON Schema of its output, for the documentation.
    #[must_use]
    pub fn output_schema(mut self, schema: Value) -> Self {
        self.output_schema = schema;
        self
    }

    pub(crate) async fn handle(self, state: SharedState, request: Request) -> Response {
        (self.handle)(state, request).await
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
