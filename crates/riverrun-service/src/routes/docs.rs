//! `/docs.json`.

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;

use crate::state::SharedState;

pub(super) async fn document(State(state): State<SharedState>) -> Response {
    ([(CONTENT_TYPE, "application/json")], state.documentation()).into_response()
}
