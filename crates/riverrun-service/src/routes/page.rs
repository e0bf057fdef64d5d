//! The page where a person tries a model.

use axum::Router;

use crate::state::SharedState;

pub(super) fn routes() -> Router<SharedState> {
    Router::new()
}
