//! `GET /metrics`: all that is counted, in Prometheus' form.

use std::fmt::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_TYPE};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet, text};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::process::Process;
use crate::fault::Fault;
use crate::served_model::{ServedModel, ServedVersion};
use crate::state::SharedState;

const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Answers in OpenMetrics where that is accepted, otherwise in the older text form.
pub(crate) async fn metrics(State(state): State<SharedState>, headers: HeaderMap) -> Response {
    let accepts = |value: &http::HeaderValue| value.as_bytes().windows(15).any(|part| part == b"openmetrics-tex");
    let open_metrics = headers.get_all(ACCEPT).iter().any(accepts);
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Scrape(state)));
    let mut body = String::with_capacity(16 << 10);
    if text::encode(&mut body, &registry).is_err() {
        return Fault::internal("the metrics could not be written").into_response();
    }
    let (kind, body) = if open_metrics { (OPEN_METRICS, body) } else { (TEXT, as_text(&body)) };
    ([(CONTENT_TYPE, kind), (CACHE_CONTROL, "no-store")], body).into_response()
}

/// OpenMetrics as the older form has it: there a counter's name ends with `_total` everywhere, and what is called `info` is a gauge.
fn as_text(open_metrics: &str) -> String {
    let mut text = String::with_capacity(open_metrics.len());
    let mut help = None;
    for line in open_metrics.lines() {
        if line.starts_with("# HELP ") {
            help = Some(line);
        } else if let Some(named) = line.strip_prefix("# TYPE ") {
            let (name, kind) = named.split_once(' ').unwrap_or((named, "untyped"));
            let (suffix, kind) = match kind {
                "counter" => ("_total", "counter"),
                "info" => ("_info", "gauge"),
                kind => ("", kind),
            };
            if let Some((_, words)) = help.take().and_then(|help| help["# HELP ".len()..].split_once(' ')) {
                let _ = writeln!(text, "# HELP {name}{suffix} {words}");
            }
            let _ = writeln!(text, "# TYPE {name}{suffix} {kind}");
        } else if !line.starts_with('#') {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

struct Scrape(SharedState);

impl fmt::Debug for Scrape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Scrape")
    }
}

impl Collector for Scrape {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut to = To(encoder);
        self.requests(&mut to)?;
        self.models(&mut to)?;
        self.versions(&mut to)?;
        self.batches(&mut to)?;
        self.logs(&mut to)?;
        process(&mut to)
    }
}

type Labels<'a> = &'a [(&'a str, &'a str)];

struct To<'a>(DescriptorEncoder<'a>);

impl To<'_> {
    fn family<'s>(&'s mut self, name: &'s str, help: &str, kind: MetricType) -> Result<Family<'s>, fmt::Error> {
        Ok(Family(self.0.encode_descriptor(name, help, None, kind)?))
    }

    fn counters<'s>(&'s mut self, name: &'s str, help: &str) -> Result<Family<'s>, fmt::Error> {
        self.family(name, help, MetricType::Counter)
    }

    fn gauges<'s>(&'s mut self, name: &'s str, help: &str) -> Result<Family<'s>, fmt::Error> {
        self.family(name, help, MetricType::Gauge)
    }

    fn histograms<'s>(&'s mut self, name: &'s str, help: &str) -> Result<Family<'s>, fmt::Error> {
        self.family(name, help, MetricType::Histogram)
    }
}

struct Family<'a>(MetricEncoder<'a>);

impl Family<'_> {
    fn counter(&mut self, labels: Labels<'_>, value: u64) -> fmt::Result {
        if labels.is_empty() {
            return self.0.encode_counter::<NoLabelSet, u64, u64>(&value, None);
        }
        self.0.encode_family(&labels)?.encode_counter::<NoLabelSet, u64, u64>(&value, None)
    }

    fn gauge(&mut self, labels: Labels<'_>, value: f64) -> fmt::Result {
        if labels.is_empty() {
            return self.0.encode_gauge(&value);
        }
        self.0.encode_family(&labels)?.encode_gauge(&value)
    }

    fn histogram(&mut self, labels: Labels<'_>, histogram: &super::histogram::Histogram) -> fmt::Result {
        histogram.encode(self.0.encode_family(&labels)?)
    }
}

fn labels<'a>(model: &'a ServedModel, version: &'a ServedVersion) -> [(&'a str, &'a str); 2] {
    [("model", model.name()), ("version", version.version())]
}

#[allow(clippy::cast_precision_loss)]
impl Scrape {
    fn requests(&self, to: &mut To<'_>) -> fmt::Result {
        let observe = &self.0.observe;
        let all = observe.requests.all();
        let mut family =
            to.counters("riverrun_http_requests", "Requests that are over, by the status of their answer.")?;
        for series in all.iter() {
            for (status, count) in series.statuses() {
                let labels = [
                    ("route", &*series.route),
                    ("method", series.method),
                    ("model", &*series.model),
                    ("status", &*status),
                ];
                family.counter(&labels, count)?;
            }
        }
        let mut family = to.counters("riverrun_grpc_calls", "Calls of gRPC that are over, by their status.")?;
        for series in all.iter() {
            for (code, count) in series.calls() {
                family.counter(&[("route", &*series.route), ("model", &*series.model), ("code", code)], count)?;
            }
        }
        let help = "From a request's head to the last byte of its answer.";
        let mut family = to.histograms("riverrun_http_request_duration_seconds", help)?;
        for series in all.iter() {
            let labels = [("route", &*series.route), ("method", series.method), ("model", &*series.model)];
            family.histogram(&labels, &series.duration)?;
        }
        let in_flight = observe.requests.in_flight();
        to.gauges("riverrun_http_requests_in_flight", "Requests that are under way, this one included.")?
            .gauge(&[], in_flight as f64)?;
        if let Some((open, limit)) = observe.connections() {
            to.gauges("riverrun_connections_open", "Connections that are open.")?.gauge(&[], open as f64)?;
            to.gauges("riverrun_connections_limit", "Connections that may be open.")?.gauge(&[], limit as f64)?;
        }
        let draining = u8::from(self.0.is_draining());
        to.gauges("riverrun_draining", "1 once the shutdown has begun.")?.gauge(&[], f64::from(draining))
    }

    fn models(&self, to: &mut To<'_>) -> fmt::Result {
        let models = || self.0.models.iter();
        to.family("riverrun_build", "The version of Riverrun.", MetricType::Info)?
            .0
            .encode_info(&[("version", env!("CARGO_PKG_VERSION"))])?;
        let mut family = to.family("riverrun_model", "The versions that are served.", MetricType::Info)?;
        for (model, version) in self.loaded() {
            family.0.encode_info(&labels(&model, &version))?;
        }
        let mut family =
            to.gauges("riverrun_model_weight", "A version's share of its model's requests is its weight's.")?;
        for model in models() {
            for (version, weight) in model.weights() {
                family.gauge(&[("model", model.name()), ("version", &version)], f64::from(weight))?;
            }
        }
        let mut family = to.gauges("riverrun_model_ready", "1 while the model can be asked.")?;
        for model in models() {
            family.gauge(&[("model", model.name())], f64::from(u8::from(model.is_ready())))?;
        }
        let help = "How long the version that was put in place last took to load and warm up.";
        let mut family = to.gauges("riverrun_model_load_seconds", help)?;
        for model in models() {
            if let Some(took) = model.changes().load_time() {
                family.gauge(&[("model", model.name())], took.as_secs_f64())?;
            }
        }
        let help = "Versions that were to be put in place while the service runs.";
        let mut family = to.counters("riverrun_model_changes", help)?;
        for model in models() {
            for (outcome, count) in model.changes().counts() {
                family.counter(&[("model", model.name()), ("outcome", outcome)], count)?;
            }
        }
        let help = "Inputs of copied requests, by how the shadow's answers compare; `skipped` counts requests.";
        let mut family = to.counters("riverrun_shadow_items", help)?;
        for model in models() {
            let Some(shadow) = model.shadow() else { continue };
            let counts = shadow.counts();
            let outcomes = [
                ("same", counts.same),
                ("different", counts.different),
                ("failed", counts.failed),
                ("skipped", counts.skipped),
            ];
            for (outcome, count) in outcomes {
                let labels = [("model", model.name()), ("version", shadow.version()), ("outcome", outcome)];
                family.counter(&labels, count)?;
            }
        }
        Ok(())
    }

    fn versions(&self, to: &mut To<'_>) -> fmt::Result {
        let loaded = self.loaded();
        let mut counters = |name: &str, help: &str, value: &dyn Fn(&ServedVersion) -> u64| {
            let mut family = to.counters(name, help)?;
            loaded.iter().try_for_each(|(model, version)| family.counter(&labels(model, version), value(version)))
        };
        let rejected = "Requests that were refused because the queue is full.";
        counters("riverrun_requests_rejected", rejected, &|version| version.metrics().rejections())?;
        let expired = "Requests whose time was up before they were answered.";
        counters("riverrun_requests_expired", expired, &|version| version.metrics().expirations())?;
        counters("riverrun_items", "Items that were computed.", &|version| version.runner().stats().items)?;
        let failed = "Items that were answered with an error.";
        counters("riverrun_items_failed", failed, &|version| version.runner().stats().failed_items)?;
        let truncated = "Items that were cut to what the model reads.";
        counters("riverrun_items_truncated", truncated, &|version| version.runner().stats().truncated)?;
        let abandoned = "Items that were not computed: their caller was gone, or their time was up.";
        counters("riverrun_items_abandoned", abandoned, &|version| version.runner().stats().abandoned)?;
        let hits = "Items whose result was in the result cache.";
        counters("riverrun_cache_hits", hits, &|version| version.runner().stats().cache_hits)?;
        let misses = "Items that were looked for in the result cache without success.";
        counters("riverrun_cache_misses", misses, &|version| version.runner().stats().cache_misses)?;

        let mut family = to.gauges("riverrun_queue_length", "Items that wait to be computed.")?;
        for (model, version) in &loaded {
            family.gauge(&labels(model, version), version.runner().stats().queue_length as f64)?;
        }
        let mut family =
            to.histograms("riverrun_queue_seconds", "How long a request waited for its batch to begin.")?;
        for (model, version) in &loaded {
            family.histogram(&labels(model, version), &version.metrics().queue)?;
        }
        let mut family = to.histograms("riverrun_compute_seconds", "How long the batch of a request was computed.")?;
        for (model, version) in &loaded {
            family.histogram(&labels(model, version), &version.metrics().compute)?;
        }
        Ok(())
    }

    fn batches(&self, to: &mut To<'_>) -> fmt::Result {
        let loaded = self.loaded();
        let mut family = to.histograms("riverrun_batch_size", "Items of a batch.")?;
        for (model, version) in &loaded {
            family.histogram(&labels(model, version), &version.metrics().batches.sizes)?;
        }
        let mut family = to.histograms("riverrun_batch_cost", "What the items of a batch cost together: tokens.")?;
        for (model, version) in &loaded {
            family.histogram(&labels(model, version), &version.metrics().batches.costs)?;
        }
        let mut family = to.histograms("riverrun_batch_seconds", "How long a batch was computed.")?;
        for (model, version) in &loaded {
            family.histogram(&labels(model, version), &version.metrics().batches.times)?;
        }
        let help = "What was computed for all batches, padding included.";
        let mut family = to.counters("riverrun_batch_computed_cost", help)?;
        for (model, version) in &loaded {
            family.counter(&labels(model, version), version.metrics().batches.computed_cost())?;
        }
        let help = "The part of what was computed that is no padding, since the version is served.";
        let mut family = to.gauges("riverrun_batch_efficiency_ratio", help)?;
        for (model, version) in &loaded {
            family.gauge(&labels(model, version), version.metrics().batches.efficiency())?;
        }
        let mut family = to.counters("riverrun_batches", "Batches, by why they had no more items.")?;
        for (model, version) in &loaded {
            for (cut, count) in version.metrics().batches.cuts() {
                family.counter(&[("model", model.name()), ("version", version.version()), ("cut", cut)], count)?;
            }
        }
        Ok(())
    }

    fn logs(&self, to: &mut To<'_>) -> fmt::Result {
        if let Some(log) = &self.0.observe.predictions {
            let written = log.counts().written.load(Ordering::Relaxed);
            to.counters("riverrun_prediction_log_lines", "Lines of the prediction log.")?.counter(&[], written)?;
            let dropped = log.counts().dropped.load(Ordering::Relaxed);
            let help = "Lines that are not in the prediction log: it was too slow, or its disk has a fault.";
            to.counters("riverrun_prediction_log_dropped", help)?.counter(&[], dropped)?;
        }
        #[cfg(feature = "otlp")]
        if let Some(tracer) = &self.0.observe.tracer {
            let counts = tracer.counts();
            let sent = counts.sent.load(Ordering::Relaxed);
            to.counters("riverrun_trace_spans", "Spans that the collector took.")?.counter(&[], sent)?;
            let dropped = counts.dropped.load(Ordering::Relaxed);
            let help = "Spans that no collector has: it was away, too slow, or refused them.";
            to.counters("riverrun_trace_spans_dropped", help)?.counter(&[], dropped)?;
        }
        Ok(())
    }

    fn loaded(&self) -> Vec<(Arc<ServedModel>, Arc<ServedVersion>)> {
        let versions = |model: &Arc<ServedModel>| {
            let model = model.clone();
            model.versions().into_iter().map(move |version| (model.clone(), version))
        };
        self.0.models.iter().flat_map(versions).collect()
    }
}

#[allow(clippy::cast_precision_loss)]
fn process(to: &mut To<'_>) -> fmt::Result {
    let process = Process::now();
    if let Some(bytes) = process.resident_bytes {
        to.gauges("process_resident_memory_bytes", "Memory that is in RAM.")?.gauge(&[], bytes as f64)?;
    }
    if let Some(seconds) = process.start_seconds {
        to.gauges("process_start_time_seconds", "When the process began, since 1970.")?.gauge(&[], seconds)?;
    }
    if let Some(files) = process.open_files {
        to.gauges("process_open_fds", "Files and sockets that are open.")?.gauge(&[], files as f64)?;
    }
    if let Some(seconds) = process.cpu_seconds {
        to.counters("process_cpu_seconds", "Time on all cores.")?
            .0
            .encode_counter::<NoLabelSet, f64, u64>(&seconds, None)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_and_infos_are_named_as_the_older_form_has_it() {
        let open = "# HELP a_b Some a.\n# TYPE a_b counter\na_b_total{x=\"1\"} 2\n# HELP c C.\n# TYPE c info\n\
                    c_info{v=\"1\"} 1\n# HELP d D.\n# TYPE d gauge\nd 1\n# EOF\n";

        let text = "# HELP a_b_total Some a.\n# TYPE a_b_total counter\na_b_total{x=\"1\"} 2\n# HELP c_info C.\n\
                    # TYPE c_info gauge\nc_info{v=\"1\"} 1\n# HELP d D.\n# TYPE d gauge\nd 1\n";
        assert_eq!(as_text(open), text);
    }
}
