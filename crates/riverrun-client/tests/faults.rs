//! What happens to requests when a service misbehaves.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use riverrun_client::{BreakerOptions, BreakerState, ClientExt, ClientOptions, Concurrency};
use riverrun_runner::wire::{CONTENT_TYPE, WireResponse};
use riverrun_runner::{Batching, Priority, RequestOptions, Runner, RunnerError};
use support::{Answer, Label, Labels, Seen, Server, label, riverrun_service, runner, wire_answer};

/// A service whose `/classify` does what `classify` says of the request with this number.
fn service(
    classify: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static,
) -> impl Fn(&Seen) -> Answer + Send + Sync {
    let requests = AtomicUsize::new(0);
    move |request: &Seen| match request.path.as_str() {
        "/classify" => classify(requests.fetch_add(1, Ordering::SeqCst), request),
        _ => riverrun_service(request),
    }
}

/// The first request to `/classify` is answered so, all others rightly.
fn first(answer: impl Fn(&Seen) -> Answer + Send + Sync + 'static) -> Server {
    Server::start(service(
        move |number, request| if number == 0 { answer(request) } else { wire_answer(&request.body) },
    ))
}

fn bound(server: &Server) -> Runner<Labels> {
    let runner = runner();
    runner.init_client(server.url("")).unwrap();
    runner
}

fn reason(result: Result<Label, RunnerError>) -> (String, bool) {
    match result.unwrap_err() {
        RunnerError::Remote { reason, retryable, .. } => (reason, retryable),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reply_that_is_no_answer_is_asked_for_again() {
    let half = "HTTP/1.1 200 OK\r\ncontent-type: application/x-riverrun\r\ncontent-length: 5000\r\n\r\nhalf";
    let none: WireResponse<Label> = WireResponse { outputs: Vec::new() };
    let none = none.encode().unwrap();
    let servers = [
        first(|_| Answer::reply(200, "text/html", "<html>please log in</html>")),
        first(move |_| Answer::Raw(half.as_bytes().to_vec())),
        first(move |_| Answer::reply(200, CONTENT_TYPE, none.clone())),
        first(|_| Answer::reply(200, CONTENT_TYPE, "no message pack")),
        first(|_| Answer::Raw(b"not HTTP at all\r\n\r\n".to_vec())),
        first(|_| Answer::Close),
        first(|_| Answer::reply(502, "text/html", "<html>bad gateway</html>")),
    ];

    for (case, server) in servers.iter().enumerate() {
        assert_eq!(bound(server).run("a text"), Ok(label("a text")), "case {case}");
        assert_eq!(server.seen("/classify").len(), 2, "case {case}");
    }
}

#[test]
fn a_service_that_never_answers_rightly_is_given_up_with_what_came() {
    let html = Server::start(service(|_, _| Answer::reply(200, "text/html", "<html>please log in</html>")));
    let one_less = Server::start(service(|_, request| {
        let mut response = WireResponse::<Label>::decode(&match wire_answer(&request.body) {
            Answer::Reply { body, .. } => body,
            _ => unreachable!(),
        });
        let outputs = &mut response.as_mut().unwrap().outputs;
        outputs.push(outputs[0].clone());
        Answer::reply(200, CONTENT_TYPE, response.unwrap().encode().unwrap())
    }));

    let (reason_of_html, retryable) = reason(bound(&html).run("a"));
    assert!(
        reason_of_html.contains("an HTML page") && reason_of_html.contains("5 times") && retryable,
        "{reason_of_html}"
    );
    let (reason_of_two, _) = reason(bound(&one_less).run("a"));
    assert!(reason_of_two.contains("2 results came for 1 items"), "{reason_of_two}");
}

#[test]
fn what_is_refused_by_what_it_is_is_sent_once() {
    for (status, next) in
        [(401, "bearer_token"), (404, "route"), (415, "protocol"), (308, "redirects are not followed")]
    {
        let server = Server::start(service(move |_, _| Answer::reply(status, "text/plain", "no")));

        let (reason, retryable) = reason(bound(&server).run("a"));

        assert!(reason.contains(next) && !retryable, "{reason}");
        assert_eq!(server.seen("/classify").len(), 1);
    }
}

#[test]
fn a_service_that_stays_silent_costs_no_more_than_the_deadline_and_is_told_that_nobody_waits() {
    let server = Server::start(service(|_, _| Answer::Silence));
    let runner = runner();
    runner.init_client(ClientOptions::new(server.url("")).timeout(Duration::from_millis(300))).unwrap();

    let (reason, retryable) = reason(runner.run("a"));

    assert!(reason.contains("in time") && retryable, "{reason}");
    wait_until(|| server.broken_off() >= 1);
}

#[test]
fn an_attempt_that_takes_too_long_is_made_again_before_the_deadline() {
    let server = first(|_| Answer::Silence);
    let runner = runner();
    runner.init_client(ClientOptions::new(server.url("")).attempt_timeout(Duration::from_millis(100))).unwrap();

    assert_eq!(runner.run("a"), Ok(label("a")));
}

#[test]
fn a_requests_own_deadline_reaches_the_service_and_ends_the_wait() {
    let server = Server::start(service(|_, _| Answer::Silence));
    let runner = bound(&server);
    let options = RequestOptions::new().timeout(Duration::from_millis(250)).priority(Priority::High);

    let error = runner.with(options).unwrap().run("a").unwrap_err();

    assert!(matches!(error, RunnerError::TimedOut { .. } | RunnerError::Remote { retryable: true, .. }), "{error:?}");
    let seen = server.seen("/classify");
    let left: u64 = seen[0].headers["x-timeout-ms"].parse().unwrap();
    assert!((1..=250).contains(&left), "{left}");
    assert_eq!(seen[0].headers["x-priority"], "high");
    assert_eq!(seen[0].headers["x-request-id"].len(), 32);
}

#[test]
fn a_busy_service_is_asked_again_no_sooner_than_it_says() {
    let server = first(|_| Answer::reply(429, "application/json", "{}").header("retry-after", "1"));
    let runner = bound(&server);
    let began = Instant::now();

    assert_eq!(runner.run("a"), Ok(label("a")));

    assert!(began.elapsed() >= Duration::from_secs(1));
}

#[test]
fn a_service_that_is_busy_for_longer_than_the_caller_has_is_an_error_at_once() {
    let server = Server::start(service(|_, _| {
        Answer::reply(429, "application/json", r#"{"error": {"code": "overloaded", "message": "the queue is full"}}"#)
            .header("retry-after", "3600")
    }));

    let (reason, retryable) = reason(bound(&server).run("a"));

    assert!(reason.contains("the queue is full") && retryable, "{reason}");
    assert_eq!(server.seen("/classify").len(), 1);
}

#[test]
fn a_service_that_takes_its_time_to_start_is_waited_for() {
    let requests = AtomicUsize::new(0);
    let server = Server::start(move |request: &Seen| match requests.fetch_add(1, Ordering::SeqCst) {
        0..6 => Answer::reply(503, "application/json", r#"{"error": {"code": "not_ready", "message": "loading"}}"#),
        _ => riverrun_service(request),
    });
    let runner = runner();
    runner.init_client(ClientOptions::new(server.url("")).lazy()).unwrap();

    assert_eq!(runner.run("a"), Ok(label("a")));
}

#[test]
fn an_endpoint_that_drains_gets_nothing_new_and_the_other_takes_over() {
    let draining = Arc::new(AtomicBool::new(false));
    let flag = draining.clone();
    let leaving = Server::start(move |request: &Seen| match (flag.load(Ordering::SeqCst), request.path.as_str()) {
        (true, "/readyz" | "/classify") => {
            Answer::reply(503, "application/json", r#"{"error": {"code": "draining", "message": "going"}}"#)
        }
        _ => riverrun_service(request),
    });
    let staying = Server::start(riverrun_service);
    let runner = runner();
    let options =
        ClientOptions::new([leaving.url(""), staying.url("")]).health_interval(Some(Duration::from_millis(20)));
    let client = runner.init_client(options).unwrap();
    draining.store(true, Ordering::SeqCst);
    wait_until(|| !client.stats().endpoints[0].is_ready);
    let before = leaving.seen("/classify").len();

    for index in 0..50 {
        let text = format!("text {index}");
        assert_eq!(runner.run(text.clone()), Ok(label(&text)));
    }

    assert_eq!(leaving.seen("/classify").len(), before);
    draining.store(false, Ordering::SeqCst);
    wait_until(|| client.stats().endpoints[0].is_ready);
}

#[test]
fn an_endpoint_that_fails_fast_gets_no_more_than_its_share_and_its_requests_go_to_the_other() {
    let failing = Server::start(service(|_, _| Answer::reply(500, "application/json", r#"{"error": "no device"}"#)));
    let well = Server::start(slow);
    let runner = runner();
    let client = runner.init_client([failing.url(""), well.url("")]).unwrap();

    for index in 0..40 {
        let text = format!("text {index}");
        assert_eq!(runner.run(text.clone()), Ok(label(&text)));
    }

    assert_eq!(client.stats().failed_items, 0);
}

#[test]
fn what_is_too_large_for_one_request_is_sent_in_several() {
    const LIMIT: usize = 300;
    let server = Server::start(service(|_, request| match request.body.len() {
        // What the service takes is less than what the client knows of.
        0..LIMIT => wire_answer(&request.body),
        _ => Answer::reply(413, "application/json", "{}"),
    }));
    let runner = runner();
    runner.init_client(ClientOptions::new(server.url("")).max_request_bytes(2 * LIMIT)).unwrap();
    let texts: Vec<String> = (0..64).map(|index| format!("a text of some length {index}")).collect();

    let results = runner.run_batch(texts.clone()).unwrap();

    for (text, result) in texts.iter().zip(results) {
        assert_eq!(result, Ok(label(text)));
    }
    assert!(server.seen("/classify").iter().all(|request| request.body.len() <= 2 * LIMIT));
}

#[test]
fn a_reply_that_is_too_large_is_not_read() {
    let server = Server::start(service(|_, _| Answer::reply(200, CONTENT_TYPE, vec![0; 1 << 20])));
    let runner = runner();
    runner.init_client(ClientOptions::new(server.url("")).max_reply_bytes(1 << 16)).unwrap();

    let (reason, _) = reason(runner.run("a"));

    assert!(reason.contains("larger than 65536 bytes"), "{reason}");
}

/// What a stream does: many callers, each waiting for its own answer.
fn stream(runner: &Runner<Labels>, callers: usize, texts_each: usize, during: impl FnOnce()) {
    std::thread::scope(|scope| {
        let answers: Vec<_> = (0..callers)
            .map(|caller| {
                scope.spawn(move || {
                    for index in 0..texts_each {
                        let text = format!("text {index} of {caller}");
                        assert_eq!(runner.run(text.clone()), Ok(label(&text)));
                    }
                })
            })
            .collect();
        during();
        answers.into_iter().for_each(|caller| caller.join().unwrap());
    });
}

fn slow(request: &Seen) -> Answer {
    let answer = riverrun_service(request);
    if request.path == "/classify" { answer.after(Duration::from_millis(4)) } else { answer }
}

#[test]
fn every_request_is_answered_with_its_own_answer_while_the_service_is_killed_and_restarted() {
    let mut server = Server::start(slow);
    let address = server.address.unwrap();
    let runner = runner();
    let client = runner.init_client(server.url("")).unwrap();

    stream(&runner, 8, 60, || {
        for away in [0, 300, 50] {
            std::thread::sleep(Duration::from_millis(60));
            drop(std::mem::replace(&mut server, Server::start(slow)));
            std::thread::sleep(Duration::from_millis(away));
            server = Server::start_at(address, slow);
        }
    });

    let stats = client.stats();
    assert_eq!((stats.items, stats.failed_items), (8 * 60, 0));
    assert!(stats.retries > 0);
}

#[test]
fn a_slow_endpoint_gets_fewer_requests_than_a_fast_one() {
    let classify_in = |time| {
        move |request: &Seen| {
            let answer = riverrun_service(request);
            if request.path == "/classify" { answer.after(time) } else { answer }
        }
    };
    let slow = Server::start(classify_in(Duration::from_millis(40)));
    let fast = Server::start(classify_in(Duration::from_millis(1)));
    let runner = runner().batching(Batching::default().max_batch_size(1));
    runner.init_client([slow.url(""), fast.url("")]).unwrap();

    stream(&runner, 4, 50, || {});

    let (slow, fast) = (slow.seen("/classify").len(), fast.seen("/classify").len());
    assert!(slow > 0 && fast > 2 * slow, "{slow} to the slow one, {fast} to the fast one");
}

#[test]
fn no_request_is_lost_when_one_of_two_endpoints_dies() {
    let (dying, other) = (Server::start(slow), Server::start(slow));
    let runner = runner();
    let client = runner.init_client([dying.url(""), other.url("")]).unwrap();
    let mut dying = Some(dying);

    stream(&runner, 8, 60, || {
        wait_until(|| client.stats().endpoints.iter().all(|endpoint| endpoint.requests > 5));
        drop(dying.take());
    });

    assert_eq!(client.stats().failed_items, 0);
    assert!(other.seen("/classify").len() > 5);
}

#[test]
fn requests_at_an_endpoint_that_falls_silent_are_sent_to_another() {
    let frozen = Arc::new(AtomicBool::new(false));
    let flag = frozen.clone();
    let freezing = Server::start(
        move |request: &Seen| {
            if flag.load(Ordering::SeqCst) { Answer::Silence } else { riverrun_service(request) }
        },
    );
    let other = Server::start(riverrun_service);
    let runner = runner();
    let options = ClientOptions::new([freezing.url(""), other.url("")])
        .health_interval(Some(Duration::from_millis(20)))
        .health_timeout(Duration::from_millis(50));
    runner.init_client(options).unwrap();
    frozen.store(true, Ordering::SeqCst);

    stream(&runner, 4, 20, || {});
}

#[test]
fn an_endpoint_that_fails_is_left_alone_and_used_again_once_it_is_well() {
    let broken = Arc::new(AtomicBool::new(true));
    let flag = broken.clone();
    let server =
        Server::start(service(
            move |_, request| {
                if flag.load(Ordering::SeqCst) { Answer::Close } else { wire_answer(&request.body) }
            },
        ));
    let runner = runner();
    let breaker = BreakerOptions { failures: 2, shortest: Duration::from_secs(600), longest: Duration::from_secs(600) };
    let options = ClientOptions::new(server.url("")).breaker(breaker).timeout(Duration::from_millis(500));
    let client = runner.init_client(options.health_interval(Some(Duration::from_secs(1)))).unwrap();

    let (_, retryable) = reason(runner.run("a"));
    assert!(retryable);
    let while_broken = &client.stats().endpoints[0];
    assert_ne!(while_broken.breaker, BreakerState::Closed);
    assert!(while_broken.failures >= 2 && while_broken.last_failure.is_some());

    // Its health check sees that it is there, long before the breaker would try.
    broken.store(false, Ordering::SeqCst);
    wait_until(|| runner.run("b") == Ok(label("b")));
    assert_eq!(client.stats().endpoints[0].breaker, BreakerState::Closed);
}

#[test]
fn an_item_that_the_service_dies_of_fails_alone() {
    let server = Server::start(service(|_, request| {
        let deadly = request.body.windows(6).any(|window| window == b"poison");
        if deadly { Answer::Close } else { wire_answer(&request.body) }
    }));
    let runner = bound(&server);
    let texts: Vec<String> =
        (0..16).map(|index| if index == 11 { "poison".to_owned() } else { format!("text {index}") }).collect();

    let results = runner.run_batch(texts.clone()).unwrap();

    for (index, result) in results.into_iter().enumerate() {
        if index == 11 {
            let (reason, _) = reason(result);
            assert!(reason.contains("it was sent"), "{reason}");
        } else {
            assert_eq!(result, Ok(label(&texts[index])));
        }
    }
}

#[test]
fn callers_wait_or_are_refused_while_the_service_is_busy() {
    let server = Server::start(service(|_, _| Answer::Silence));
    let runner = runner().batching(Batching::default().max_batch_size(1).max_queue(4));
    let options =
        ClientOptions::new(server.url("")).concurrency(Concurrency::fixed(2)).timeout(Duration::from_millis(400));
    let client = runner.init_client(options).unwrap();

    let (told, answers) = std::sync::mpsc::channel();
    let mut accepted = 0;
    let refused = loop {
        let told = told.clone();
        match runner.submit("a".to_owned(), move |result| told.send(result).unwrap()) {
            Ok(()) => accepted += 1,
            Err(rejected) => break rejected.error,
        }
        assert!(accepted < 100);
    };

    assert!(matches!(refused, RunnerError::QueueFull { max_queue: 4, .. }), "{refused:?}");
    let under_way = client.stats().in_flight;
    assert!(under_way <= 2, "{under_way}");
    for _ in 0..accepted {
        assert!(answers.recv_timeout(Duration::from_secs(30)).unwrap().is_err());
    }
    wait_until(|| client.stats().in_flight == 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_nobody_waits_for_any_more_is_broken_off() {
    let server = tokio::task::spawn_blocking(|| Server::start(service(|_, _| Answer::Silence))).await.unwrap();
    let runner = runner();
    runner.async_init_client(server.url("")).await.unwrap();
    let waiting = tokio::spawn(runner.async_run("a"));
    wait_until(|| server.seen("/classify").len() == 1);

    waiting.abort();

    wait_until(|| server.broken_off() == 1);
    tokio::task::spawn_blocking(move || drop(server)).await.unwrap();
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never came to that");
        std::thread::sleep(Duration::from_millis(2));
    }
}
