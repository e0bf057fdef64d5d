//! `/docs.json` and the page that shows it.

use axum::Router;

use crate::state::SharedState;

pub(super) fn routes() -> Router<SharedState> {
    Router::new()
}
