//! Remote runners and Riverrun's own service.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::net::SocketAddr;
use std::time::Duration;

use riverrun_client::{ClientError, ClientExt, ClientOptions, ProtocolKind};
use riverrun_runner::{Runner, RunnerError};
use riverrun_service::{Running, Server, Service};
use support::{Labels, computing_runner, label, runner};
use tokio::runtime::Runtime;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

fn serve(runtime: &Runtime, address: SocketAddr, service: Service) -> Running {
    runtime.block_on(async {
        let server = Server::new().drain_grace(Duration::from_millis(50)).listen(address);
        server.bind(service).await.unwrap().start()
    })
}

fn classify() -> Service {
    Service::new("labels").runner("/classify", &computing_runner("labels:3"))
}

fn any_port() -> SocketAddr {
    ([127, 0, 0, 1], 0).into()
}

fn url(running: &Running) -> String {
    format!("http://{}", running.local_addr().unwrap())
}

fn check(runner: &Runner<Labels>) {
    let mut texts: Vec<String> = (0..40).map(|index| format!("text {index} “quoted” 😀")).collect();
    texts[7] = "bad".to_owned();
    texts[8] = String::new();

    let results = runner.run_batch(texts.clone()).unwrap();

    for (index, result) in results.into_iter().enumerate() {
        if index == 7 {
            let error = result.unwrap_err();
            assert!(matches!(error, RunnerError::InvalidInput { .. }), "{error:?}");
            assert!(error.to_string().contains("`bad` is bad"), "{error}");
        } else {
            assert_eq!(result, Ok(label(&texts[index])));
        }
    }
}

#[test]
fn it_is_found_by_its_base_and_by_its_route_and_bad_items_fail_alone() {
    let runtime = runtime();
    let running = serve(&runtime, any_port(), classify());

    for route in ["", "/classify"] {
        let runner = runner();
        let client = runner.init_client(format!("{}{route}", url(&running))).unwrap();
        check(&runner);
        assert_eq!(client.info().protocol, Some(ProtocolKind::Riverrun));
        assert_eq!(client.info().route.as_deref(), Some("/classify"));
        assert_eq!(client.info().methods, ["predict"]);
    }
}

#[test]
fn of_several_models_the_one_is_called_that_was_asked_for() {
    let runtime = runtime();
    let service = classify().runner("/other", &computing_runner("other:1"));
    let running = serve(&runtime, any_port(), service);

    let by_its_own_name = runner();
    by_its_own_name.init_client(url(&running)).unwrap();
    assert_eq!(by_its_own_name.run("ab"), Ok(label("ab")));
    let by_option = runner();
    let client = by_option.init_client(ClientOptions::new(url(&running)).model("other")).unwrap();
    assert_eq!(client.info().route.as_deref(), Some("/other"));
    assert_eq!(client.info().model.as_deref(), Some("other:1"));
    assert_eq!(by_option.run("ab"), Ok(label("ab")));

    let message =
        |url: String, model| runner().init_client(ClientOptions::new(url).model(model)).unwrap_err().to_string();
    let none = message(url(&running), "third");
    assert!(none.contains("`/classify`, `/other`"), "{none}");
    let old = message(url(&running), "labels:2");
    assert!(old.contains("`labels:3`") && old.contains("not `labels:2`"), "{old}");
    let wrong = message(format!("{}/other", url(&running)), "labels");
    assert!(wrong.contains("is of model `other`") && wrong.contains("not `labels`"), "{wrong}");
}

#[test]
fn a_socket_is_as_good_as_a_port() {
    let runtime = runtime();
    let directory = tempfile::tempdir().unwrap();
    let socket = directory.path().join("service.sock");
    let _running =
        runtime.block_on(async { Server::new().listen_unix(&socket).bind(classify()).await.unwrap().start() });
    let runner = runner();

    runner.init_client(format!("unix:{}", socket.display())).unwrap();

    check(&runner);
}

#[test]
fn its_token_is_asked_for_and_accepted() {
    let runtime = runtime();
    let running = serve(&runtime, any_port(), classify().token("a-long-and-secret-token"));
    let runner = runner();

    let error = runner.init_client(url(&running)).unwrap_err();
    assert!(matches!(error, ClientError::Negotiation { .. }) && error.to_string().contains("bearer_token"), "{error}");
    runner.init_client(ClientOptions::new(url(&running)).bearer_token("a-long-and-secret-token")).unwrap();
    check(&runner);
}

#[test]
fn plain_text_is_understood_too() {
    let runtime = runtime();
    let running = serve(&runtime, any_port(), classify());
    let runner = runner();
    let options = ClientOptions::new(format!("{}/classify", url(&running))).protocol(ProtocolKind::Plain);

    runner.init_client(options).unwrap();

    assert_eq!(runner.run("a text"), Ok(label("a text")));
}

#[test]
fn no_request_is_lost_while_it_drains_ends_and_is_started_again() {
    let runtime = runtime();
    let mut running = serve(&runtime, any_port(), classify());
    let address = running.local_addr().unwrap();
    let runner = runner();
    let client = runner.init_client(url(&running)).unwrap();

    let _running = std::thread::scope(|scope| {
        for caller in 0..6 {
            let runner = &runner;
            scope.spawn(move || {
                for index in 0..150 {
                    let text = format!("text {index} of {caller}");
                    assert_eq!(runner.run(text.clone()), Ok(label(&text)));
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        for _ in 0..2 {
            std::thread::sleep(Duration::from_millis(60));
            runtime.block_on(running.shutdown());
            std::thread::sleep(Duration::from_millis(100));
            running = serve(&runtime, address, classify());
        }
        running
    });

    assert_eq!(client.stats().failed_items, 0);
}

#[test]
fn a_flood_keeps_it_busy_and_is_not_refused_all_the_time() {
    let runtime = runtime();
    let running = serve(&runtime, any_port(), classify());
    let runner = runner();
    let client = runner.init_client(url(&running)).unwrap();

    std::thread::scope(|scope| {
        for caller in 0..4 {
            let runner = &runner;
            scope.spawn(move || {
                let texts: Vec<String> = (0..5000).map(|index| format!("text {index} of {caller}")).collect();
                for (text, result) in texts.iter().zip(runner.run_batch(texts.clone()).unwrap()) {
                    assert_eq!(result, Ok(label(text)));
                }
            });
        }
    });

    let stats = client.stats();
    assert_eq!(stats.failed_items, 0);
    assert!(stats.retries * 10 < stats.batches, "{stats:?}");
}
