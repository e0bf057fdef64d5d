//! Runners as processes of their own. The process is this test executable, in another role.

// The lints exempt tests, not the functions they share.
#![allow(clippy::unwrap_used, clippy::panic)]

mod support;

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use riverrun_client::{ClientError, ClientExt, ClientOptions, ProcessOptions};
use riverrun_runner::{Runner, RunnerError};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use support::{Labels, Server, label, riverrun_service, runner};

const ROLE: &str = "RIVERRUN_TEST_ROLE";
const SOCKET: &str = "RIVERRUN_TEST_SOCKET";
const IDLE_MS: &str = "RIVERRUN_TEST_IDLE_MS";
const DIRECTORY: &str = "RIVERRUN_TEST_DIRECTORY";

/// This executable in another role.
fn me(role: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["the_other_roles", "--exact", "--nocapture", "--test-threads=1"]).env(ROLE, role);
    command
}

fn options(role: &'static str, directory: &Path) -> ProcessOptions {
    ProcessOptions::command(role, move |socket, idle| {
        let mut command = me(role);
        command.env(SOCKET, socket).env(IDLE_MS, idle.as_millis().to_string());
        command
    })
    .directory(directory)
    .pause(Duration::from_millis(20), Duration::from_millis(200))
}

/// Nothing by itself; what `me` starts.
#[test]
fn the_other_roles() {
    let variable = |name| std::env::var_os(name).map(PathBuf::from);
    match std::env::var(ROLE).as_deref() {
        Ok("service") => serve(&variable(SOCKET).unwrap()),
        Ok("dies") => {
            eprintln!("loading the model");
            eprintln!("the model is broken");
            std::process::exit(7);
        }
        Ok("never ready") => std::thread::sleep(Duration::from_secs(60)),
        Ok("user") => {
            let runner = runner();
            runner.init_process_with(options("service", &variable(DIRECTORY).unwrap()).idle_exit(IDLE)).unwrap();
            assert_eq!(runner.run("a"), Ok(label("a")));
            println!("it runs");
            std::thread::sleep(Duration::from_secs(60));
        }
        _ => {}
    }
}

/// Until nobody has been connected for a while, as `riverrun serve --idle-exit`.
fn serve(socket: &Path) {
    let idle = Duration::from_millis(std::env::var(IDLE_MS).unwrap().parse().unwrap());
    let server = Server::unix(socket, riverrun_service);
    let starts = socket.with_file_name("starts");
    let so_far = std::fs::read_to_string(&starts).unwrap_or_default();
    std::fs::write(starts, format!("{so_far}{}\n", std::process::id())).unwrap();
    let mut since = Instant::now();
    while since.elapsed() < idle {
        std::thread::sleep(Duration::from_millis(20));
        if server.open() > 0 {
            since = Instant::now();
        }
    }
    let _ = std::fs::remove_file(socket);
    std::process::exit(0);
}

const IDLE: Duration = Duration::from_secs(1);

/// The processes that have been started in this directory so far.
fn started(directory: &Path) -> Vec<Pid> {
    let places = std::fs::read_dir(directory).unwrap();
    let starts = places.filter_map(|place| std::fs::read_to_string(place.unwrap().path().join("starts")).ok());
    starts
        .flat_map(|all| all.lines().map(|id| Pid::from_raw(id.parse().unwrap()).unwrap()).collect::<Vec<_>>())
        .collect()
}

fn is_gone(process: Pid) -> bool {
    // One that has ended and that nobody has asked for yet is gone, too.
    let state = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    test_kill_process(process).is_err() || state.rsplit_once(')').is_some_and(|(_, rest)| rest.starts_with(" Z"))
}

fn wait_until(mut condition: impl FnMut() -> bool) {
    let began = Instant::now();
    while !condition() {
        assert!(began.elapsed() < Duration::from_secs(30), "it never came to that");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn bound(options: ProcessOptions) -> Runner<Labels> {
    let runner = runner();
    runner.init_process_with(options).unwrap();
    runner
}

#[test]
fn a_process_is_started_called_and_ended_with_its_last_runner() {
    let directory = tempfile::tempdir().unwrap();
    let runner = bound(options("service", directory.path()));

    let results = runner.run_batch((0..50).map(|index| format!("text {index}")).collect()).unwrap();

    for (index, result) in results.into_iter().enumerate() {
        assert_eq!(result, Ok(label(&format!("text {index}"))));
    }
    // It says so just after it listens.
    wait_until(|| started(directory.path()).len() == 1);
    let processes = started(directory.path());
    drop(runner);
    wait_until(|| is_gone(processes[0]));
}

#[test]
fn every_request_is_answered_while_the_process_is_killed_again_and_again() {
    let directory = tempfile::tempdir().unwrap();
    let runner = bound(options("service", directory.path()));

    std::thread::scope(|scope| {
        for caller in 0..4 {
            let runner = &runner;
            scope.spawn(move || {
                for index in 0..150 {
                    let text = format!("text {index} of {caller}");
                    assert_eq!(runner.run(text.clone()), Ok(label(&text)));
                    std::thread::sleep(Duration::from_millis(2));
                }
            });
        }
        for kills in 1..=3 {
            wait_until(|| started(directory.path()).len() == kills);
            std::thread::sleep(Duration::from_millis(50));
            let _ = kill_process(*started(directory.path()).last().unwrap(), Signal::KILL);
        }
    });

    wait_until(|| started(directory.path()).len() == 4);
}

#[test]
fn a_process_that_hangs_is_replaced_and_its_requests_are_answered() {
    let directory = tempfile::tempdir().unwrap();
    let soon = |client: ClientOptions| {
        client.health_interval(Some(Duration::from_millis(20))).health_timeout(Duration::from_millis(50))
    };
    let runner = bound(options("service", directory.path()).client(soon));
    wait_until(|| started(directory.path()).len() == 1);
    kill_process(started(directory.path())[0], Signal::STOP).unwrap();

    assert_eq!(runner.run("a"), Ok(label("a")));

    wait_until(|| started(directory.path()).len() == 2);
    assert!(is_gone(started(directory.path())[0]));
}

#[test]
fn two_users_share_a_process_and_the_second_looks_after_it_when_the_first_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let first = bound(options("service", directory.path()));
    let second = bound(options("service", directory.path()));
    assert_eq!((first.run("a"), second.run("b")), (Ok(label("a")), Ok(label("b"))));
    // It says so just after it listens.
    wait_until(|| started(directory.path()).len() == 1);
    let processes = started(directory.path());

    drop(first);
    assert_eq!(second.run("c"), Ok(label("c")));
    assert!(!is_gone(processes[0]));

    kill_process(processes[0], Signal::KILL).unwrap();
    assert_eq!(second.run("d"), Ok(label("d")));
    wait_until(|| started(directory.path()).len() == 2);
}

#[test]
fn other_arguments_are_another_process() {
    let directory = tempfile::tempdir().unwrap();
    let one = bound(options("service", directory.path()));
    // The test harness takes the first as it is.
    let two = bound(options("service", directory.path()).arguments([OsStr::new("--show-output")]));

    assert_eq!((one.run("a"), two.run("a")), (Ok(label("a")), Ok(label("a"))));

    wait_until(|| started(directory.path()).len() == 2);
}

#[test]
fn a_process_that_dies_again_and_again_is_an_error_that_says_what_it_said_last() {
    let directory = tempfile::tempdir().unwrap();

    let error = runner().init_process_with(options("dies", directory.path())).unwrap_err();

    assert!(matches!(error, ClientError::Process { .. }), "{error:?}");
    let message = error.to_string();
    for said in ["exit status: 7", "the model is broken", "3 times in a row", "/log"] {
        assert!(message.contains(said), "{message}");
    }
}

#[test]
fn calls_to_a_process_that_only_dies_say_what_it_said_last() {
    let directory = tempfile::tempdir().unwrap();
    let switch = directory.path().join("broken");
    let file = switch.clone();
    let options = ProcessOptions::command("breaks", move |socket, idle| {
        let mut command = me(if file.exists() { "dies" } else { "service" });
        command.env(SOCKET, socket).env(IDLE_MS, idle.as_millis().to_string());
        command
    });
    let options = options.directory(directory.path()).pause(Duration::from_millis(20), Duration::from_millis(20));
    let runner = bound(options);
    wait_until(|| started(directory.path()).len() == 1);
    std::fs::write(&switch, "").unwrap();
    kill_process(started(directory.path())[0], Signal::KILL).unwrap();

    let error = runner.run("a").unwrap_err();

    let RunnerError::Remote { reason, retryable: true, .. } = error else { panic!("{error:?}") };
    assert!(reason.contains("the model is broken"), "{reason}");
}

#[test]
fn a_program_that_is_not_there_is_an_error_that_says_where_to_put_it() {
    let directory = tempfile::tempdir().unwrap();
    let options = ProcessOptions::command("missing", |_, _| Command::new("/nonexistent/riverrun"));

    let message = runner().init_process_with(options.directory(directory.path())).unwrap_err().to_string();

    assert!(message.contains("/nonexistent/riverrun") && message.contains("RIVERRUN_EXECUTABLE"), "{message}");
}

#[test]
fn a_process_that_is_not_ready_in_time_is_an_error_and_is_ended() {
    let directory = tempfile::tempdir().unwrap();
    let options = options("never ready", directory.path()).start_timeout(Duration::from_millis(300));

    let error = runner().init_process_with(options).unwrap_err();

    assert!(matches!(error, ClientError::ProcessStart { .. }), "{error:?}");
    assert!(error.to_string().contains("ProcessOptions::start_timeout"), "{error}");
}

#[test]
fn the_calls_have_the_clients_options() {
    let directory = tempfile::tempdir().unwrap();
    let adjust = |client: ClientOptions| client.header("not a header", "x");

    let error = runner().init_process_with(options("service", directory.path()).client(adjust)).unwrap_err();

    assert!(matches!(error, ClientError::Option { option: "header", .. }), "{error:?}");
    assert_eq!(started(directory.path()).len(), 0);
}

#[test]
fn a_process_does_not_outlive_a_program_that_was_killed() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = me("user");
    let mut program =
        program.env(DIRECTORY, directory.path()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_until(|| started(directory.path()).len() == 1);

    program.kill().unwrap();
    program.wait().unwrap();

    wait_until(|| started(directory.path()).iter().all(|process| is_gone(*process)));
}
