//! Traces for an OpenTelemetry collector, by OTLP over HTTP.

#[cfg(feature = "otlp")]
mod export;
#[cfg(feature = "otlp")]
mod message;
#[cfg(feature = "otlp")]
mod spans;
#[cfg(feature = "otlp")]
mod tracer;
#[cfg(feature = "otlp")]
mod transport;

use std::fmt;

#[cfg(feature = "otlp")]
pub(crate) use tracer::Tracer;

use crate::error::ServiceError;

/// Nothing sends traces in a build without the feature.
#[cfg(not(feature = "otlp"))]
pub(crate) enum Tracer {}

/// Where a service sends its traces: see [`Service::otlp`](crate::Service::otlp). Needs the feature `otlp`.
///
/// Each request that is sampled is a span with its route, status and model, and beneath it spans for the time in the queue and in the
/// computation. It continues the trace of its `traceparent` and is sampled as its caller was; without one it begins a trace, and
/// [`sample`](Self::sample) says how many are sent. Spans wait in a bounded buffer. A collector that is away or slow costs spans, which
/// are counted, and no request.
#[derive(Clone, PartialEq)]
pub struct Otlp {
    pub(crate) endpoint: String,
    pub(crate) service_name: Option<String>,
    pub(crate) share: f64,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) attributes: Vec<(String, String)>,
}

impl Otlp {
    /// To the collector at this address, such as `http://localhost:4318`; spans go to `/v1/traces` below it.
    pub fn new(endpoint: impl Into<String>) -> Self {
        let endpoint = format!("{}/v1/traces", endpoint.into().trim_end_matches('/'));
        Self { endpoint, service_name: None, share: 1.0, headers: Vec::new(), attributes: Vec::new() }
    }

    /// As OpenTelemetry's variables of the environment say; none where they name no endpoint, or `OTEL_SDK_DISABLED` is `true`.
    ///
    /// They are `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT` or `OTEL_EXPORTER_OTLP_ENDPOINT`, and what
    /// [`with_env`](Self::with_env) reads.
    #[must_use]
    pub fn from_env() -> Option<Self> {
        Self::from_variables(&|name| std::env::var(name).ok())
    }

    /// With what these variables say: `OTEL_SERVICE_NAME`, `OTEL_TRACES_SAMPLER_ARG`, `OTEL_EXPORTER_OTLP_HEADERS`,
    /// `OTEL_RESOURCE_ATTRIBUTES`. What is said in the program after it wins.
    #[must_use]
    pub fn with_env(self) -> Self {
        self.with_variables(&|name| std::env::var(name).ok())
    }

    fn from_variables(variable: &dyn Fn(&str) -> Option<String>) -> Option<Self> {
        let named = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        if named("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return None;
        }
        let otlp = match named("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") {
            Some(endpoint) => Self { endpoint, ..Self::new("") },
            None => Self::new(named("OTEL_EXPORTER_OTLP_ENDPOINT")?),
        };
        Some(otlp.with_variables(variable))
    }

    fn with_variables(mut self, variable: &dyn Fn(&str) -> Option<String>) -> Self {
        let named = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        self.attributes.extend(pairs(named("OTEL_RESOURCE_ATTRIBUTES")));
        if let Some(place) = self.attributes.iter().position(|(name, _)| name == "service.name") {
            self.service_name = Some(self.attributes.remove(place).1);
        }
        self.service_name = named("OTEL_SERVICE_NAME").or(self.service_name);
        self.headers.extend(pairs(named("OTEL_EXPORTER_OTLP_HEADERS")));
        self.headers.extend(pairs(named("OTEL_EXPORTER_OTLP_TRACES_HEADERS")));
        match named("OTEL_TRACES_SAMPLER").as_deref() {
            Some("always_off" | "parentbased_always_off") => self.share = 0.0,
            Some("always_on" | "parentbased_always_on") => self.share = 1.0,
            _ => {
                let share = named("OTEL_TRACES_SAMPLER_ARG").and_then(|share| share.trim().parse().ok());
                let share = share.unwrap_or(self.share);
                self = self.sample(share);
            }
        }
        self
    }

    /// The service's name in the traces, instead of that of the [`Service`](crate::Service).
    #[must_use]
    pub fn service_name(mut self, name: impl Into<String>) -> Self {
        self.service_name = Some(name.into());
        self
    }

    /// The share of traces that begin here and are sent, from 0 to 1; 1 by default.
    #[must_use]
    pub fn sample(mut self, share: f64) -> Self {
        self.share = if share.is_nan() { 1.0 } else { share.clamp(0.0, 1.0) };
        self
    }

    /// Sends this header too: a key of the collector's, say.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    #[cfg(feature = "otlp")]
    pub(crate) fn start(&self, service: &str) -> Result<Tracer, ServiceError> {
        Tracer::start(self, service)
    }

    #[cfg(not(feature = "otlp"))]
    pub(crate) fn start(&self, _: &str) -> Result<Tracer, ServiceError> {
        Err(ServiceError::WithoutOtlp { endpoint: self.endpoint.clone() })
    }
}

impl fmt::Debug for Otlp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The headers may have a key.
        f.debug_struct("Otlp").field("endpoint", &self.endpoint).field("share", &self.share).finish_non_exhaustive()
    }
}

/// `a=1,b=2`, percent-encoded.
fn pairs(list: Option<String>) -> Vec<(String, String)> {
    let list = list.unwrap_or_default();
    let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.trim().to_owned(), decoded(value.trim())));
    list.split(',').filter_map(pair).collect()
}

fn decoded(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let [first, others @ ..] = rest {
        let digits = others.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) if *first == b'%' => {
                bytes.push(byte);
                rest = &others[2..];
            }
            _ => {
                bytes.push(*first);
                rest = others;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<Otlp> {
        Otlp::from_variables(&|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_standard_variables_say_where_traces_go_and_how_many() {
        let otlp = of(&[
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector:4318/"),
            ("OTEL_SERVICE_NAME", "sentiment"),
            ("OTEL_TRACES_SAMPLER_ARG", "0.25"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b, x-more=c"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,service.name=other"),
        ])
        .unwrap();

        assert_eq!(otlp.endpoint, "http://collector:4318/v1/traces");
        assert_eq!((otlp.service_name.as_deref(), otlp.share), (Some("sentiment"), 0.25));
        assert_eq!(otlp.headers, [("x-key".into(), "a b".into()), ("x-more".into(), "c".into())]);
        assert_eq!(otlp.attributes, [("deployment.environment.name".into(), "test".into())]);
        assert_eq!(Otlp::new("http://c").sample(0.5).with_variables(&|_| None).share, 0.5);
        let exact = of(&[("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://c/here")]).unwrap();
        assert_eq!(exact.endpoint, "http://c/here");
    }

    #[test]
    fn without_an_endpoint_there_are_no_traces() {
        assert_eq!(of(&[("OTEL_SERVICE_NAME", "sentiment")]), None);
        assert_eq!(of(&[("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c"), ("OTEL_SDK_DISABLED", "true")]), None);
    }
}
