//! One HTTP/1.1 connection, on a blocking socket. Little is parsed, so that little of the machine is taken from the server.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A response in full.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    pub body: Vec<u8>,
    pub has_retry_after: bool,
    pub closes: bool,
}

/// A connection that is kept alive; what came in past one response is the beginning of the next.
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
}

impl Connection {
    /// # Errors
    /// Nobody listens at the address, or the system has no more sockets.
    pub fn open(address: SocketAddr, timeout: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, timeout)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(timeout))?;
        stream.set_write_timeout(Some(timeout))?;
        Ok(Self { stream, received: Vec::with_capacity(1024) })
    }

    /// # Errors
    /// The other end has gone, or did not read for as long as the timeout.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next response.
    ///
    /// # Errors
    /// `WouldBlock` or `TimedOut`: nothing came for as long as the timeout. `UnexpectedEof`: closed before the response was
    /// complete. `InvalidData`: not HTTP.
    pub fn receive(&mut self) -> io::Result<Response> {
        self.receive_by(usize::MAX, Duration::ZERO)
    }

    /// The next response, read in pieces of at most `piece` bytes with a pause before each.
    ///
    /// # Errors
    /// As [`receive`](Self::receive).
    pub fn receive_by(&mut self, piece: usize, pause: Duration) -> io::Result<Response> {
        let end = loop {
            if let Some(end) = find(&self.received, b"\r\n\r\n") {
                break end;
            }
            self.fill(piece, pause)?;
        };
        let head = Head::parse(&self.received[..end])?;
        self.received.drain(..end + 4);
        let body = match head.body {
            Framing::Length(length) => self.take(length, piece, pause)?,
            Framing::Chunked => self.take_chunks(piece, pause)?,
        };
        Ok(Response { status: head.status, body, has_retry_after: head.has_retry_after, closes: head.closes })
    }

    fn take(&mut self, length: usize, piece: usize, pause: Duration) -> io::Result<Vec<u8>> {
        while self.received.len() < length {
            self.fill(piece, pause)?;
        }
        Ok(self.received.drain(..length).collect())
    }

    fn take_chunks(&mut self, piece: usize, pause: Duration) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = find(&self.received, b"\r\n") {
                    break end;
                }
                self.fill(piece, pause)?;
            };
            let line = String::from_utf8_lossy(&self.received[..end]).into_owned();
            self.received.drain(..end + 2);
            let digits = line.split(';').next().unwrap_or_default().trim();
            let length = usize::from_str_radix(digits, 16).map_err(|_| invalid("a chunk without a length"))?;
            let mut chunk = self.take(length + 2, piece, pause)?;
            chunk.truncate(length);
            if length == 0 {
                return Ok(body);
            }
            body.append(&mut chunk);
        }
    }

    fn fill(&mut self, piece: usize, pause: Duration) -> io::Result<()> {
        if !pause.is_zero() {
            std::thread::sleep(pause);
        }
        let mut buffer = [0; 8192];
        let wanted = piece.clamp(1, buffer.len());
        match self.stream.read(&mut buffer[..wanted])? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            read => {
                self.received.extend_from_slice(&buffer[..read]);
                Ok(())
            }
        }
    }
}

enum Framing {
    Length(usize),
    Chunked,
}

struct Head {
    status: u16,
    body: Framing,
    has_retry_after: bool,
    closes: bool,
}

impl Head {
    fn parse(head: &[u8]) -> io::Result<Self> {
        let head = std::str::from_utf8(head).map_err(|_| invalid("headers that are not text"))?;
        let mut lines = head.split("\r\n");
        let first = lines.next().unwrap_or_default();
        if !first.starts_with("HTTP/1.") {
            return Err(invalid("not an HTTP/1 response"));
        }
        let status = first.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status: u16 = status.ok_or_else(|| invalid("a response without a status"))?;
        let mut parsed = Self { status, body: Framing::Length(0), has_retry_after: false, closes: false };
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                let length = value.parse().map_err(|_| invalid("a Content-Length that is no number"))?;
                parsed.body = Framing::Length(length);
            } else if name.eq_ignore_ascii_case("transfer-encoding") && value.eq_ignore_ascii_case("chunked") {
                parsed.body = Framing::Chunked;
            } else if name.eq_ignore_ascii_case("connection") {
                parsed.closes = value.eq_ignore_ascii_case("close");
            } else if name.eq_ignore_ascii_case("retry-after") {
                parsed.has_retry_after = true;
            }
        }
        Ok(parsed)
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    fn answering(response: &'static [u8]) -> Connection {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            for byte in response {
                stream.write_all(&[*byte]).unwrap();
            }
        });
        Connection::open(address, Duration::from_secs(10)).unwrap()
    }

    #[test]
    fn responses_that_follow_each_other_are_told_apart() {
        let mut connection = answering(
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP/1.1 429 Too Many\r\nRetry-After: 1\r\nContent-Length: 1\r\n\r\nc",
        );

        let first = connection.receive().unwrap();
        let second = connection.receive().unwrap();

        assert_eq!((first.status, first.body.as_slice(), first.has_retry_after), (200, &b"ab"[..], false));
        assert_eq!((second.status, second.body.as_slice(), second.has_retry_after), (429, &b"c"[..], true));
    }

    #[test]
    fn chunks_are_put_together() {
        let mut connection = answering(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n1;x=y\r\nd\r\n0\r\n\r\n",
        );

        let response = connection.receive().unwrap();

        assert_eq!((response.body.as_slice(), response.closes), (&b"abcd"[..], true));
    }

    #[test]
    fn half_a_response_is_an_error() {
        let mut connection = answering(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc");

        assert_eq!(connection.receive().unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
