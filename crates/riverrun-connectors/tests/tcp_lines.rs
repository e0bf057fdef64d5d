//! Lines over TCP, from peers that close, break off and are not there.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a failure is a failed test")]

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use riverrun_connectors::TcpLineSource;
use riverrun_local::LocalHost;
use riverrun_stream::source::Source;
use riverrun_stream::{Error, RuntimeContext, StreamExecutionEnvironment};
use riverrun_testing::SourceSuite;

/// A peer that has one connection after the other, and its port.
fn peer(connections: Vec<Box<dyn FnOnce(TcpStream) + Send>>) -> (u16, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = thread::spawn(move || connections.into_iter().for_each(|serve| serve(listener.accept().unwrap().0)));
    (port, peer)
}

fn says(text: &'static [u8]) -> Box<dyn FnOnce(TcpStream) + Send> {
    Box::new(move |mut stream| stream.write_all(text).unwrap())
}

fn collect(source: TcpLineSource) -> Result<Vec<String>, Error> {
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.from_source(source).execute_and_collect()
}

#[test]
fn lines_come_until_the_peer_closes_also_the_last_without_an_end() {
    let (port, _) = peer(vec![says(b"one\r\n\ntwo\nthree")]);

    assert_eq!(collect(TcpLineSource::new("127.0.0.1", port)).unwrap(), ["one", "", "two", "three"]);
}

#[test]
fn another_delimiter_ends_records() {
    let (port, _) = peer(vec![says(b"one;t\nwo;")]);

    assert_eq!(collect(TcpLineSource::new("127.0.0.1", port).delimiter(b';')).unwrap(), ["one", "t\nwo"]);
}

#[test]
fn a_connection_is_made_again_as_often_as_allowed() {
    let (port, peer) = peer(vec![says(b"one\n"), says(b"two"), says(b"three\n")]);

    let lines = collect(TcpLineSource::new("localhost", port).max_retries(3)).unwrap();

    assert_eq!(lines, ["one", "two", "three"]);
    peer.join().unwrap();
}

#[test]
fn a_peer_that_is_not_there_fails_the_job_with_what_to_do() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();

    let message = collect(TcpLineSource::new("127.0.0.1", port)).unwrap_err().to_string();

    assert!(message.contains(&format!("cannot connect to 127.0.0.1:{port}: Connection refused")), "{message}");
    assert!(message.ends_with("start what listens there, or allow more with `max_retries`"), "{message}");
}

#[test]
fn a_source_that_is_closed_lets_go_of_a_silent_peer() {
    let (port, peer) = peer(vec![Box::new(|mut stream| {
        stream.write_all(b"one\n").unwrap();
        // Until the other end is closed.
        let _ = stream.read(&mut [0]);
    })]);
    let env = StreamExecutionEnvironment::new(Arc::new(LocalHost::new()));
    env.from_source(TcpLineSource::new("127.0.0.1", port))
        .try_map(|_: String| Err::<u8, _>(riverrun_stream::FunctionError::new("enough")))
        .print();

    let message = env.execute().unwrap_err().to_string();

    assert!(message.contains("enough"), "{message}");
    peer.join().unwrap();
}

#[test]
fn a_peer_that_has_closed_sees_the_connection_closed_before_the_next_is_made() {
    let (port, peer) = peer(vec![
        Box::new(|mut stream| {
            stream.write_all(b"one\n").unwrap();
            stream.shutdown(Shutdown::Write).unwrap();
            assert_eq!(stream.read(&mut [0]).unwrap(), 0);
        }),
        says(b"two\n"),
    ]);

    assert_eq!(collect(TcpLineSource::new("127.0.0.1", port).max_retries(1)).unwrap(), ["one", "two"]);
    peer.join().unwrap();
}

#[test]
fn a_tcp_source_is_read_by_one_subtask_and_waits_for_nothing_when_it_is_made() {
    let source = TcpLineSource::new("::1", 1);

    assert!(!source.is_parallel());
    assert_eq!(source.name(), "Lines of [::1]:1");
    assert!(source.create_enumerator().is_ok());
    assert!(source.create_reader(&RuntimeContext::detached("tcp")).is_ok());
}

#[test]
fn lines_of_a_peer_pass_the_source_suite_as_far_as_they_are_not_restored() {
    let (port, _) = peer(vec![Box::new(|mut stream| {
        let lines: String = (0..5000).map(|line| format!("{line}\n")).collect();
        stream.write_all(lines.as_bytes()).unwrap();
    })]);

    let report = SourceSuite::new(move || TcpLineSource::new("127.0.0.1", port)).seeds(0).run().unwrap();

    assert!(report.values::<String>(0).unwrap().into_iter().eq((0..5000).map(|line: i32| line.to_string())));
}
