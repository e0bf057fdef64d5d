//! The client that others wrote: `tritonclient`, over HTTP and gRPC, on one port.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use riverrun_service::Server;

use crate::fixture::service;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_client_of_triton_finds_all_that_it_asks_for() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let python = root.join("../../target/test-envs/tritonclient/bin/python");
    assert!(python.is_file(), "{} is not there; `cargo xtask test` installs it", python.display());
    let server = Server::new().listen(([127, 0, 0, 1], 0).into()).drain_grace(Duration::ZERO);
    let running = server.bind(service()).await.unwrap().start();
    let address = running.local_addr().unwrap().to_string();

    let mut check = Command::new(python);
    check.arg(root.join("tests/kserve/tritonclient_check.py")).arg(&address);
    let checked = tokio::task::spawn_blocking(move || check.output()).await.unwrap().unwrap();

    let (stdout, stderr) = (String::from_utf8_lossy(&checked.stdout), String::from_utf8_lossy(&checked.stderr));
    assert!(checked.status.success(), "{stdout}{stderr}");
    assert_eq!(stdout.trim(), "http ok\ngrpc ok");
}
