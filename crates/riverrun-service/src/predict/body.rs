//! Reads the bodies of requests within their limits.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body as RequestBody;
use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::context::Deadline;
use crate::fault::Fault;
use crate::state::AppState;

/// The unit in which bodies are counted.
const UNIT: usize = 1 << 10;

/// How many bytes of bodies may be in memory at a time.
pub(crate) struct BodyBudget {
    units: Arc<Semaphore>,
}

impl BodyBudget {
    pub(crate) fn new(bytes: usize) -> Self {
        Self { units: Arc::new(Semaphore::new(bytes.div_ceil(UNIT).min(Semaphore::MAX_PERMITS))) }
    }

    fn take(&self, bytes: usize) -> Result<OwnedSemaphorePermit, Fault> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        self.units.clone().try_acquire_many_owned(units).map_err(|_| Fault::Overloaded {
            reason: "the bodies of other requests take all the memory that bodies may".to_owned(),
            retry_after: Duration::from_secs(1),
        })
    }
}

/// A body, counted as long as it is in memory.
pub(crate) struct ReadBody {
    bytes: Bytes,
    _counted: Option<OwnedSemaphorePermit>,
}

impl ReadBody {
    /// Its bytes as a text.
    pub(crate) fn text(&self) -> Result<String, Fault> {
        match std::str::from_utf8(&self.bytes) {
            Ok(text) => Ok(text.to_owned()),
            Err(error) => Err(Fault::malformed(format!(
                "the body is not UTF-8: byte {} is not part of a character; encode the text as UTF-8",
                error.valid_up_to()
            ))),
        }
    }

    /// Its bytes, which stay counted.
    pub(crate) fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Its bytes.
    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes
    }
}

impl std::ops::Deref for ReadBody {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Reads a body to its end. One that says that it is too large is refused without being read.
pub(crate) async fn read(
    state: &AppState, headers: &HeaderMap, mut body: RequestBody, deadline: Option<Deadline>,
) -> Result<ReadBody, Fault> {
    let limits = &state.limits;
    let announced = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| length > limits.max_body as u64) {
        return Err(too_large(&format!("a body of {} bytes", announced.unwrap_or_default()), limits.max_body));
    }
    if let Some(encoding) = headers.get(CONTENT_ENCODING).filter(|encoding| encoding.as_bytes() != b"identity") {
        return Err(Fault::UnsupportedMediaType {
            given: format!("a body in `Content-Encoding: {}`", String::from_utf8_lossy(encoding.as_bytes())),
            accepted: "it as it is, or in gzip".to_owned(),
        });
    }
    let until = tokio::time::Instant::now() + limits.body_timeout;
    let mut whole = Bytes::new();
    let mut joined: Option<BytesMut> = None;
    let mut counted: Option<OwnedSemaphorePermit> = None;
    let mut length = 0;
    let mut paid = 0;
    loop {
        let frame = tokio::time::timeout_at(until, body.frame());
        let frame = match deadline {
            Some(deadline) => deadline.limit(frame).await?,
            None => frame.await,
        };
        let frame = frame.map_err(|_| Fault::BodyTooSlow { limit: limits.body_timeout })?;
        let Some(frame) = frame else { break };
        let frame = frame.map_err(|error| broken(&error))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > limits.max_body {
            return Err(too_large("the body", limits.max_body));
        }
        if length > paid {
            // In steps that grow with the body, not for every frame.
            let step = (length - paid).max(length / 4).max(4 * UNIT);
            let more = state.bodies.take(step)?;
            paid += step;
            match &mut counted {
                Some(counted) => counted.merge(more),
                None => counted = Some(more),
            }
        }
        match &mut joined {
            Some(joined) => joined.extend_from_slice(&data),
            None if whole.is_empty() => whole = data,
            None => {
                let mut both = BytesMut::with_capacity(length * 2);
                both.extend_from_slice(&whole);
                both.extend_from_slice(&data);
                whole = Bytes::new();
                joined = Some(both);
            }
        }
    }
    Ok(ReadBody { bytes: joined.map_or(whole, BytesMut::freeze), _counted: counted })
}

fn too_large(what: &str, limit: usize) -> Fault {
    let limit = if limit.is_multiple_of(1 << 20) { format!("{} MiB", limit >> 20) } else { format!("{limit} bytes") };
    Fault::TooLarge { what: what.to_owned(), limit }
}

/// A body that ended before its end, or is not in the encoding that it says.
pub(super) fn broken(error: &axum::Error) -> Fault {
    Fault::malformed(format!("the body could not be read to its end: {}; send all of it", cause(error)))
}

/// The innermost error: what lies around it speaks of the libraries in between.
fn cause(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
