//! A TCP connection: [`TcpLineSource`].

use std::fmt;
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::Duration;

use riverrun_stream::source::{Boundedness, FixedSplits, Source};
use riverrun_stream::{Result, RuntimeContext};
use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::format::LinesFormat;
use crate::reading::{Cut, Ended, Framing, Input, InputSplit, MAX_RECORD_BYTES, Pushing, RecordReader};

/// How long between two connections.
const PAUSE: Duration = Duration::from_millis(500);

/// How long making one may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The lines that come over a TCP connection, read by one subtask until the peer closes it.
///
/// Lines are those of [`FileSource::lines`](crate::FileSource::lines). For trying things out: what was read is gone, so that
/// after a restore lines are missing or come twice, as the peer has it. A slow job holds back the peer.
///
/// ```no_run
/// use riverrun_connectors::TcpLineSource;
/// # fn program(env: &riverrun_stream::StreamExecutionEnvironment) -> riverrun_stream::Result {
/// // In another terminal: nc -lk 9999
/// env.from_source(TcpLineSource::new("localhost", 9999).max_retries(10)).print();
/// # env.execute()?;
/// # Ok(())
/// # }
/// ```
///
/// Same as Flink's `socketTextStream`.
#[derive(Debug, Clone)]
pub struct TcpLineSource {
    peer: Peer,
    delimiter: u8,
    max_record_bytes: usize,
}

impl TcpLineSource {
    /// Connects to this port of a host.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16) -> Self {
        let peer = Peer { host: host.into(), port, max_retries: 0 };
        Self { peer, delimiter: b'\n', max_record_bytes: MAX_RECORD_BYTES }
    }

    /// The byte behind each record, instead of `\n`. Only before `\n` a `\r` is dropped.
    #[must_use]
    pub fn delimiter(mut self, delimiter: u8) -> Self {
        self.delimiter = delimiter;
        self
    }

    /// How often, in all, a connection that could not be made, that broke, or that the peer closed, is made again: never
    /// unless set. There is half a second between two attempts. When none is left, the stream ends if the peer had closed
    /// the last connection, and the job fails otherwise.
    #[must_use]
    pub fn max_retries(mut self, retries: u64) -> Self {
        self.peer.max_retries = retries;
        self
    }

    /// How many bytes a line may have, its end not counted: 16 MiB by default.
    #[must_use]
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = bytes;
        self
    }
}

impl Source for TcpLineSource {
    type Out = String;
    type Split = InputSplit;
    type Enumerator = FixedSplits<InputSplit>;
    type Reader = RecordReader<LinesFormat<String>>;

    fn name(&self) -> String {
        format!("Lines of {}", self.peer)
    }

    fn is_parallel(&self) -> bool {
        false
    }

    fn boundedness(&self) -> Boundedness {
        Boundedness::ContinuousUnbounded
    }

    fn create_enumerator(&self) -> Result<Self::Enumerator> {
        Ok(FixedSplits::new([InputSplit::whole(Input::Tcp(self.peer.clone()))]))
    }

    fn restore_enumerator(&self, state: &[u8]) -> Result<Self::Enumerator> {
        FixedSplits::restore(state)
    }

    fn create_reader(&self, context: &RuntimeContext) -> Result<Self::Reader> {
        let format = LinesFormat::delimited_by(self.delimiter);
        Ok(RecordReader::new(format, self.max_record_bytes, context.completions.clone()))
    }
}

/// Who is connected to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Peer {
    host: String,
    port: u16,
    max_retries: u64,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl Peer {
    fn connect(&self) -> std::io::Result<TcpStream> {
        let mut last = None;
        for address in (self.host.as_str(), self.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
                Ok(stream) => return Ok(stream),
                Err(error) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| std::io::Error::other("the host has no address")))
    }
}

/// Reads a peer's records, one connection after the other.
pub(crate) fn read(peer: &Peer, framing: Framing, pushing: &Pushing) {
    let mut retries = peer.max_retries;
    let mut was_closed = false;
    loop {
        let failure = match peer.connect() {
            Err(source) => Some(Error::Connect { peer: peer.to_string(), source }),
            Ok(stream) => match read_connection(&stream, framing, pushing) {
                Ended::Unwanted => return,
                Ended::AtEnd => None,
                Ended::Failed(source) => Some(Error::Disconnected { peer: peer.to_string(), source }),
            },
        };
        let is_refusal = matches!(failure, Some(Error::Connect { .. }));
        was_closed = failure.is_none() || (was_closed && is_refusal);
        if retries == 0 {
            let end = match failure {
                Some(failure) if !was_closed => Err(failure),
                _ => Ok(Cut::End),
            };
            pushing.push(end);
            return;
        }
        retries -= 1;
        if !pushing.sleep(PAUSE) {
            return;
        }
    }
}

fn read_connection(stream: &TcpStream, framing: Framing, pushing: &Pushing) -> Ended {
    // A peer that says nothing would keep the thread for ever.
    match stream.try_clone() {
        Ok(other) => {
            let is_wanted = pushing.on_close(move || {
                let _ = other.shutdown(Shutdown::Both);
            });
            let ended = if is_wanted { pushing.push_all(stream, framing) } else { Ended::Unwanted };
            // The peer may wait for this end to close too.
            pushing.on_close(|| {});
            ended
        }
        Err(error) => Ended::Failed(error),
    }
}
