//! A build that cannot send traces.

use riverrun_service::{Otlp, Server, ServiceError};

use crate::fixture::labels;

#[tokio::test]
async fn a_build_without_traces_says_so_when_it_is_asked_for_them() {
    let server = Server::new().listen(([127, 0, 0, 1], 0).into());

    let error = server.bind(labels().otlp(Otlp::new("http://localhost:4318"))).await.unwrap_err();

    assert!(matches!(error, ServiceError::WithoutOtlp { .. }));
    assert!(error.to_string().contains("build it with the feature `otlp`"), "{error}");
}
