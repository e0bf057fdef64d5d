//! The pages for people, and what they are made of. Nothing of them comes from elsewhere.

use axum::Router;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};

use crate::state::SharedState;

const HTML: &str = "text/html; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const STYLE: &str = "text/css; charset=utf-8";

/// The pages may run and fetch what this service itself gives them, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data: blob:; \
    base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const FILES: [(&str, &str, &str); 6] = [
    ("/", HTML, include_str!("../page/index.html")),
    ("/docs", HTML, include_str!("../page/docs.html")),
    ("/assets/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/assets/docs.js", SCRIPT, include_str!("../page/docs.js")),
    ("/assets/service.js", SCRIPT, include_str!("../page/service.js")),
    ("/assets/style.css", STYLE, include_str!("../page/style.css")),
];

pub(super) fn routes() -> Router<SharedState> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, text)| {
        router.route(path, get(move || async move { file(kind, text) }))
    })
}

/// Whether this is one of them: they hold nothing that is worth a token.
pub(crate) fn is_page(path: &str) -> bool {
    FILES.iter().any(|(page, _, _)| *page == path)
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // Another version of the service may stand at the same address tomorrow.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, text).into_response()
}
