//! The server that is asked, and a client of it.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use crate::http::{Connection, Response};
use crate::measured::Seen;
use crate::question::Questions;

pub struct Target {
    pub address: SocketAddr,
    pub questions: Questions,
    /// After how long without a byte a request counts as stuck.
    pub timeout: Duration,
}

/// One client with one connection, which is kept as long as the server keeps it.
pub struct Client<'a> {
    target: &'a Target,
    connection: Option<Connection>,
}

impl<'a> Client<'a> {
    pub fn new(target: &'a Target) -> Self {
        Self { target, connection: None }
    }

    /// Asks for one text and checks the answer. The status, if there was one.
    pub fn ask(&mut self, index: usize, seen: &mut Seen) -> Option<u16> {
        let started = Instant::now();
        let questions = &self.target.questions;
        let response = match self.exchange(questions.request(index)) {
            Ok(response) => response,
            Err(error) => {
                seen.failure(&error);
                return None;
            }
        };
        seen.response(response.status, started.elapsed());
        check(questions, &[index], &response, seen);
        Some(response.status)
    }

    /// Sends bytes and receives one response.
    ///
    /// # Errors
    /// As [`Connection::receive`]; then the next exchange has a new connection.
    pub fn exchange(&mut self, request: &[u8]) -> std::io::Result<Response> {
        let mut connection = self.connection()?;
        connection.send(request)?;
        let response = connection.receive()?;
        if !response.closes {
            self.connection = Some(connection);
        }
        Ok(response)
    }

    /// The kept connection or a new one. It is the caller's: [`keep`](Self::keep) gives it back.
    pub fn connection(&mut self) -> std::io::Result<Connection> {
        if let Some(connection) = self.connection.take() {
            return Ok(connection);
        }
        let opened = Connection::open(self.target.address, self.target.timeout);
        if opened.is_err() {
            // Refused at once, over and over: does not take the cores from a server that is starting.
            thread::sleep(Duration::from_millis(10));
        }
        opened
    }

    pub fn keep(&mut self, connection: Connection) {
        self.connection = Some(connection);
    }
}

/// Counts an answer that is not the one to its question. Refusals answer nothing.
pub fn check(questions: &Questions, indices: &[usize], response: &Response, seen: &mut Seen) {
    if response.status == 200 {
        if let Err(wrong) = questions.check(indices, &response.body) {
            seen.note("wrong_answers", wrong);
        }
    } else if response.status == 429 {
        if !response.has_retry_after {
            seen.count("refused_without_retry_after");
        }
    } else {
        seen.note("unexpected_status", format!("{}: {}", response.status, String::from_utf8_lossy(&response.body)));
    }
}
