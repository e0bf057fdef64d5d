//! Which pages of other origins may call.

use std::time::Duration;

use http::header::{AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderName, HeaderValue, Method, Uri};
use tower_http::cors::{AllowOrigin, CorsLayer};

use crate::context::{MODEL, PRIORITY, REQUEST_ID, SERVER_TIMING, TIMEOUT_MS};
use crate::error::ServiceError;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// The layer for these origins, of which `*` is all.
pub(crate) fn cors(origins: &[String]) -> Result<CorsLayer, ServiceError> {
    let allowed = if origins.iter().any(|origin| origin == "*") {
        AllowOrigin::any()
    } else {
        AllowOrigin::list(origins.iter().map(|origin| parse(origin)).collect::<Result<Vec<_>, _>>()?)
    };
    Ok(CorsLayer::new()
        .allow_origin(allowed)
        .allow_methods([Method::GET, Method::POST])
        .allow_headers([AUTHORIZATION, CONTENT_TYPE, REQUEST_ID, TIMEOUT_MS, PRIORITY, TRACEPARENT])
        .expose_headers([REQUEST_ID, MODEL, SERVER_TIMING, RETRY_AFTER])
        .max_age(Duration::from_secs(600)))
}

fn parse(origin: &str) -> Result<HeaderValue, ServiceError> {
    let bad = || ServiceError::BadOrigin { origin: origin.to_owned() };
    let uri: Uri = origin.parse().map_err(|_| bad())?;
    // Browsers send an origin without a path, so one with a path would never match.
    if uri.scheme().is_none() || uri.authority().is_none() || origin.ends_with('/') || uri.path() != "/" {
        return Err(bad());
    }
    HeaderValue::from_str(origin).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_that_no_browser_would_send_is_an_error_at_the_start() {
        assert!(cors(&["https://example.org".into(), "http://localhost:8080".into()]).is_ok());
        assert!(cors(&["*".into()]).is_ok());
        for wrong in ["example.org", "https://example.org/", "https://example.org/page", "", "null and void"] {
            assert!(matches!(cors(&[wrong.into()]), Err(ServiceError::BadOrigin { .. })), "{wrong}");
        }
    }
}
