//! The lines of a body, as they come.

use axum::body::Body;
use bytes::BytesMut;
use futures_util::{Stream, stream};
use http_body_util::BodyExt;

use crate::fault::Fault;
use crate::state::SharedState;

/// A body's lines, without their ends. Only as much is in memory as the longest line.
pub(super) struct Lines {
    state: SharedState,
    body: Body,
    buffer: BytesMut,
    /// How much of the buffer is known to have no end of a line.
    searched: usize,
    over: bool,
}

impl Lines {
    pub(super) fn new(state: SharedState, body: Body) -> Self {
        Self { state, body, buffer: BytesMut::new(), searched: 0, over: false }
    }

    /// The lines; after a fault there is none.
    pub(super) fn into_stream(self) -> impl Stream<Item = Result<Vec<u8>, Fault>> + Send + 'static {
        stream::unfold(self, |mut lines| async move {
            let line = lines.next().await;
            if matches!(line, Some(Err(_))) {
                lines.over = true;
                lines.buffer.clear();
            }
            line.map(|line| (line, lines))
        })
    }

    async fn next(&mut self) -> Option<Result<Vec<u8>, Fault>> {
        loop {
            if let Some(end) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n') {
                let mut line = self.buffer.split_to(self.searched + end + 1);
                self.searched = 0;
                line.truncate(line.len() - 1);
                return Some(Ok(without_return(line)));
            }
            self.searched = self.buffer.len();
            if self.over {
                self.searched = 0;
                let rest = self.buffer.split();
                return (!rest.is_empty()).then(|| Ok(without_return(rest)));
            }
            let limit = self.state.limits.max_body;
            if self.buffer.len() > limit {
                return Some(Err(Fault::TooLarge { what: "a line".to_owned(), limit: format!("{limit} bytes") }));
            }
            if let Err(fault) = self.more().await {
                return Some(Err(fault));
            }
        }
    }

    async fn more(&mut self) -> Result<(), Fault> {
        let limit = self.state.limits.body_timeout;
        let frame = tokio::select! {
            frame = tokio::time::timeout(limit, self.body.frame()) => frame,
            // What came before is still answered.
            () = self.state.drained() => return Err(Fault::Draining),
        };
        match frame.map_err(|_| Fault::BodyTooSlow { limit })? {
            None => self.over = true,
            Some(Err(error)) => return Err(super::body::broken(&error)),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    self.buffer.extend_from_slice(&data);
                }
            }
        }
        Ok(())
    }
}

fn without_return(mut line: BytesMut) -> Vec<u8> {
    if line.last() == Some(&b'\r') {
        line.truncate(line.len() - 1);
    }
    line.to_vec()
}
