//! What arrives at an open port.

use std::time::Duration;

use riverrun_service::{Limits, Running, Server};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use crate::fixture::{labels, start, start_with};
use crate::http_client::{address, post, raw, read_all, request, send, send_on_http2};

const TEXT: &str = "text/plain; charset=utf-8";
const JSON: &str = "application/json";

async fn small() -> Running {
    let limits = Limits::default().max_body(64 << 10).body_timeout(Duration::from_millis(200));
    let server = Server::new().header_timeout(Duration::from_millis(300));
    start_with(labels().limits(limits), server).await
}

/// The service is as well as before.
async fn is_well(running: &Running) {
    let answer = post(running, "/classify", TEXT, "a").await;
    assert_eq!(answer.status, 200, "{}", answer.text());
}

fn status(answer: &str) -> &str {
    answer.get(9..12).unwrap_or(answer)
}

#[tokio::test]
async fn a_body_that_never_ends_is_a_408() {
    let running = small().await;
    let head = "POST /classify HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\n";

    for rest in [
        "content-length: 100\r\n\r\nsome of it",
        "transfer-encoding: chunked\r\n\r\n4\r\nsome\r\n",
        "content-length: 9\r\n\r\n",
    ] {
        let answer = raw(address(&running), format!("{head}{rest}").as_bytes()).await;
        assert_eq!(status(&answer), "408", "{answer}");
        assert!(answer.contains(r#""code":"timeout""#), "{answer}");
    }
    is_well(&running).await;
}

#[tokio::test]
async fn a_head_that_never_ends_is_a_408_and_silence_is_closed() {
    let running = small().await;

    for head in ["P", "POST /classify HTTP/1.1\r\nhost: a\r\ncontent-ty"] {
        let answer = raw(address(&running), head.as_bytes()).await;
        assert_eq!(status(&answer), "408", "{answer}");
        assert!(answer.contains(r#""code":"timeout""#), "{answer}");
    }
    assert_eq!(raw(address(&running), b"").await, "");
    is_well(&running).await;
}

#[tokio::test]
async fn a_head_that_comes_byte_by_byte_gets_no_more_time() {
    let running = small().await;
    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    let (mut reading, mut writing) = stream.split();

    let dripping = async {
        for byte in b"GET /livez HTTP/1.1\r\nx-a: ".iter().chain(std::iter::repeat_n(&b'a', 1000)) {
            if writing.write_all(&[*byte]).await.is_err() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the service has waited for all of it");
    };
    let mut answer = Vec::new();
    let answering = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut answer);
    tokio::select! {
        () = dripping => {}
        _ = answering => {}
    }
    is_well(&running).await;
}

#[tokio::test]
async fn half_a_body_is_a_400_or_closed() {
    let running = small().await;
    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    let request = "POST /classify HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 9\r\n\r\nhalf";

    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let answer = read_all(&mut stream).await;

    assert!(answer.is_empty() || status(&answer) == "400", "{answer}");
    is_well(&running).await;
}

#[tokio::test]
async fn a_hundred_thousand_headers_or_a_very_long_one_are_a_431() {
    let running = small().await;

    let many: String = (0..100_000).map(|index| format!("x-{index}: {index}\r\n")).collect();
    let long = format!("x-long: {}\r\n", "a".repeat(10 << 20));
    let few_too_many: String = (0..200).map(|index| format!("x-{index}: 1\r\n")).collect();
    for headers in [many, long, few_too_many] {
        let answer =
            raw(address(&running), format!("GET /livez HTTP/1.1\r\nhost: a\r\n{headers}\r\n").as_bytes()).await;
        assert_eq!(status(&answer), "431", "{answer}");
        assert!(answer.contains(r#""code":"headers_too_large""#), "{answer}");
    }
    is_well(&running).await;
}

#[tokio::test]
async fn what_is_no_http_is_a_400_with_a_body() {
    let running = small().await;

    for garbage in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET\r\n\r\n",
        b"\0\0\0\0\r\n\r\n",
        b"GET /livez HTTP/9.9\r\n\r\n",
    ] {
        let answer = raw(address(&running), garbage).await;
        assert_eq!(status(&answer), "400", "{answer}");
        assert!(answer.contains(r#""code":"malformed""#), "{answer}");
    }
    let smuggled = "POST /classify HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab";
    assert_eq!(status(&raw(address(&running), smuggled.as_bytes()).await), "400");
    is_well(&running).await;
}

#[tokio::test]
async fn a_nul_in_a_text_is_text_and_one_in_a_header_is_a_400() {
    let running = small().await;

    assert_eq!(post(&running, "/classify", TEXT, "a\0b").await.status, 200);
    assert_eq!(post(&running, "/classify", JSON, r#""a\u0000b""#).await.status, 200);
    let answer = raw(address(&running), b"GET /livez HTTP/1.1\r\nhost: a\r\nx-a: a\0b\r\n\r\n").await;
    assert_eq!(status(&answer), "400", "{answer}");
    is_well(&running).await;
}

#[tokio::test]
async fn deep_json_lone_surrogates_and_bad_encodings_are_400s_that_say_what_is_wrong() {
    let running = start(labels()).await;
    let deep = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
    let objects = format!("{}1{}", "{\"text\":".repeat(50_000), "}".repeat(50_000));

    for (content_type, body, word) in [
        (JSON, deep.as_bytes(), "nested"),
        (JSON, objects.as_bytes(), "nested"),
        (JSON, br#""\ud800""#, "surrogate"),
        (JSON, br#"["a", "\udc00x"]"#, "surrogate"),
        (JSON, b"\"\xff\xfe\"", "JSON"),
        (JSON, b"\xef\xbb\xbf\"a\"", "JSON"),
        (TEXT, b"abc\xff", "byte 3"),
        (TEXT, b"\xc3\x28", "UTF-8"),
        (TEXT, b"\xed\xa0\x80", "UTF-8"),
    ] {
        let answer = post(&running, "/classify", content_type, body.to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (400, "malformed".into()), "{}", answer.text());
        assert!(answer.message().contains(word), "{}", answer.message());
    }
    is_well(&running).await;
}

#[tokio::test]
async fn a_hundred_megabytes_are_a_413_whether_they_are_announced_or_not() {
    let running = start(labels()).await;

    let announced = raw(
        address(&running),
        b"POST /classify HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: 104857600\r\n\r\nsome",
    );
    let announced = announced.await;
    assert_eq!(status(&announced), "413", "{announced}");
    assert!(announced.contains("104857600 bytes") && announced.contains("10 MiB"), "{announced}");

    let mut stream = TcpStream::connect(address(&running)).await.unwrap();
    let (mut reading, mut writing) = stream.split();
    let sending = async {
        let head =
            "POST /classify HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n";
        writing.write_all(head.as_bytes()).await?;
        let chunk = [b"100000\r\n".as_slice(), &vec![b'a'; 1 << 20], b"\r\n"].concat();
        for _ in 0..100 {
            writing.write_all(&chunk).await?;
        }
        writing.write_all(b"0\r\n\r\n").await
    };
    let answering = async {
        let mut answer = Vec::new();
        let read = tokio::io::AsyncReadExt::read_to_end(&mut reading, &mut answer);
        let _ = tokio::time::timeout(Duration::from_secs(10), read).await;
        String::from_utf8_lossy(&answer).into_owned()
    };
    // The service may close before it has all; what counts is that its answer has come.
    let (_, answer) = tokio::join!(sending, answering);
    assert_eq!(status(&answer), "413", "{answer}");
    is_well(&running).await;
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_large_one_is_a_413() {
    let limits = Limits::default().max_body(1 << 20);
    let running = start(labels().limits(limits)).await;
    let headers = [("content-type", TEXT), ("content-encoding", "gzip")];

    let bomb = gzip(&vec![b'a'; 64 << 20]);
    assert!(bomb.len() < 1 << 20);
    let answer = send(address(&running), request("POST", "/classify", &headers, bomb)).await;
    assert_eq!((answer.status.as_u16(), answer.code()), (413, "too_large".into()));
    let small = send(address(&running), request("POST", "/classify", &headers, gzip(b"a text"))).await;
    assert_eq!(small.status, 200, "{}", small.text());
    let no_gzip = send(address(&running), request("POST", "/classify", &headers, "a text")).await;
    assert_eq!((no_gzip.status.as_u16(), no_gzip.code()), (400, "malformed".into()));
    let unknown = [("content-type", TEXT), ("content-encoding", "br")];
    let unknown = send(address(&running), request("POST", "/classify", &unknown, "a")).await;
    assert_eq!((unknown.status.as_u16(), unknown.code()), (415, "unsupported_media_type".into()));
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn more_inputs_than_a_request_may_have_are_a_413() {
    let running = start(labels().limits(Limits::default().max_items(3))).await;

    let answer = post(&running, "/classify", JSON, r#"["a", "b", "c", "d"]"#).await;

    assert_eq!((answer.status.as_u16(), answer.code()), (413, "too_large".into()));
    assert!(answer.message().contains("4 inputs") && answer.message().contains('3'), "{}", answer.message());
}

#[tokio::test]
async fn bad_targets_are_4xx() {
    let running = small().await;

    for target in [
        "/classify?top_k=%FF%FE",
        "/classify?%",
        "/v1/models/%ff%fe",
        "/v1/models/%00",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/v1/models/..%2f",
    ] {
        for method in ["GET", "POST"] {
            let text = format!(
                "{method} {target} HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: text/plain\r\ncontent-length: 1\r\n\r\na"
            );
            let answer = raw(address(&running), text.as_bytes()).await;
            assert!(status(&answer).starts_with('4'), "{method} {target}: {answer}");
            assert!(answer.contains(r#"{"error":{"code":"#), "{answer}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_body_over_http2_gets_its_413_too() {
    let running = small().await;
    for size in [100 << 10, 20 << 20] {
        let mut request = request("POST", "http://localhost/classify", &[("content-type", TEXT)], vec![b'a'; size]);
        request.headers_mut().remove("host");
        let answer = send_on_http2(TcpStream::connect(address(&running)).await.unwrap(), request).await;
        assert_eq!((answer.status.as_u16(), answer.code()), (413, "too_large".into()));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_head_beyond_the_limit_over_http2_is_a_431() {
    let running = small().await;
    let long = "a".repeat(100 << 10);
    let headers = [("x-long", &*long)];
    let mut request = request("GET", "http://localhost/livez", &headers, "");
    request.headers_mut().remove("host");

    let answer = send_on_http2(TcpStream::connect(address(&running)).await.unwrap(), request).await;

    assert_eq!(answer.status, 431, "{}", answer.text());
    is_well(&running).await;
}
