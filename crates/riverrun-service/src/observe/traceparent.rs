//! [`TraceParent`]: the W3C header `traceparent`.

use std::fmt;

use http::{HeaderMap, HeaderName};

pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

const SAMPLED: u8 = 1;

/// Which span of which trace something belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TraceParent {
    pub(super) trace_id: [u8; 16],
    pub(super) span_id: [u8; 8],
    pub(super) flags: u8,
}

impl TraceParent {
    /// That of a request. One that is malformed is none, as the standard wants it, and so are two.
    pub(super) fn of(headers: &HeaderMap) -> Option<Self> {
        let mut all = headers.get_all(TRACEPARENT).iter();
        let (only, None) = (all.next()?, all.next()) else { return None };
        Self::parse(only.to_str().ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let version = hex::<1>(parts.next()?)?[0];
        let parsed =
            Self { trace_id: hex(parts.next()?)?, span_id: hex(parts.next()?)?, flags: hex::<1>(parts.next()?)?[0] };
        // Later versions may have more parts; the first has these alone, and 255 is none.
        let is_known = version != u8::MAX && (version > 0 || parts.next().is_none());
        (is_known && parsed.trace_id != [0; 16] && parsed.span_id != [0; 8]).then_some(parsed)
    }

    #[cfg(feature = "otlp")]
    pub(super) fn is_sampled(self) -> bool {
        self.flags & SAMPLED != 0
    }

    #[cfg(feature = "otlp")]
    pub(super) fn new(trace_id: [u8; 16], span_id: [u8; 8], sampled: bool) -> Self {
        Self { trace_id, span_id, flags: if sampled { SAMPLED } else { 0 } }
    }
}

impl fmt::Display for TraceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (trace, span) = (u128::from_be_bytes(self.trace_id), u64::from_be_bytes(self.span_id));
        // Of the flags only the one that is known is passed on.
        write!(f, "00-{trace:032x}-{span:016x}-{:02x}", self.flags & SAMPLED)
    }
}

fn hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let lower = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() != N * 2 || !text.bytes().all(lower) {
        return None;
    }
    let mut bytes = [0; N];
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&text[index * 2..index * 2 + 2], 16).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_is_read_and_written_as_it_was() {
        assert_eq!(TraceParent::parse(TRACE).unwrap().to_string(), TRACE);
        assert!(TraceParent::parse(&format!("{}-more", TRACE.replacen("00", "01", 1))).is_some());
    }

    #[test]
    fn a_header_that_is_none_is_ignored() {
        let zero_trace = TRACE.replace("4bf92f3577b34da6a3ce929d0e0e4736", &"0".repeat(32));
        let zero_span = TRACE.replace("00f067aa0ba902b7", &"0".repeat(16));
        let more = format!("{TRACE}-more");
        let never = TRACE.replacen("00", "ff", 1);
        for bad in ["", "00", &TRACE[..54], &TRACE.to_uppercase(), &zero_trace, &zero_span, &more, &never] {
            assert_eq!(TraceParent::parse(bad), None, "{bad}");
        }
    }
}
