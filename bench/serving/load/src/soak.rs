//! Many questions from clients of every kind: patient ones, and ones that go away, dawdle, or ask much at once.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::measured::Seen;
use crate::question::body_start;
use crate::random::Random;
use crate::target::{Client, Target, check};

pub struct Soak {
    pub clients: usize,
    /// In all; each of a pipeline counts, and so does one that is given up. A list of texts is one.
    pub requests: usize,
    pub seed: u64,
    /// Of 1,000 requests, how many misbehave. Those that dawdle take longer than all others.
    pub misbehaving: u64,
    /// At most so long, whatever is left then.
    pub time: Duration,
}

/// What a client does with one request, or with several.
#[derive(Clone, Copy)]
enum Behaviour {
    Patient,
    /// Goes away somewhere in the middle of sending.
    AbortsSending,
    /// Goes away with the answer on its way.
    AbortsWaiting,
    /// Sends the body in drips.
    SendsSlowly,
    /// Asks for many texts in a list, and reads the long answer in drips.
    ReadsSlowly,
    /// Sends several requests before it reads the first answer.
    Pipelines,
}

const MISBEHAVIOURS: [Behaviour; 5] = [
    Behaviour::AbortsSending,
    Behaviour::AbortsWaiting,
    Behaviour::SendsSlowly,
    Behaviour::ReadsSlowly,
    Behaviour::Pipelines,
];

pub fn run(target: &Target, soak: &Soak) -> Value {
    let asked = AtomicUsize::new(0);
    let started = Instant::now();
    let client = |number: usize| {
        let mut random = Random::new(soak.seed.wrapping_add(number as u64));
        let mut client = Client::new(target);
        let mut seen = Seen::default();
        while started.elapsed() < soak.time {
            let behaviour = match random.below(1000) {
                roll if roll < soak.misbehaving => MISBEHAVIOURS[random.below(MISBEHAVIOURS.len() as u64) as usize],
                _ => Behaviour::Patient,
            };
            let questions = match behaviour {
                Behaviour::ReadsSlowly => 16 + random.below(112) as usize,
                Behaviour::Pipelines => 2 + random.below(7) as usize,
                _ => 1,
            };
            let requests = if matches!(behaviour, Behaviour::ReadsSlowly) { 1 } else { questions };
            let first = asked.fetch_add(requests, Ordering::Relaxed);
            if first >= soak.requests {
                break;
            }
            let indices: Vec<usize> =
                (0..questions).map(|_| random.below(target.questions.len() as u64) as usize).collect();
            if let Err(error) = behave(behaviour, &mut client, target, &indices, &mut random, &mut seen) {
                seen.failure(&error);
            }
        }
        seen
    };
    let mut seen = Seen::default();
    thread::scope(|scope| {
        let client = &client;
        let threads: Vec<_> = (0..soak.clients).map(|number| scope.spawn(move || client(number))).collect();
        for thread in threads {
            seen.merge(thread.join().unwrap_or_default());
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    let mut report = seen.report();
    report.insert("requests".to_owned(), json!(asked.into_inner().min(soak.requests)));
    report.insert("seconds".to_owned(), json!(seconds));
    Value::Object(report)
}

fn behave(
    behaviour: Behaviour, client: &mut Client<'_>, target: &Target, indices: &[usize], random: &mut Random,
    seen: &mut Seen,
) -> io::Result<()> {
    let questions = &target.questions;
    let request = questions.request(indices[0]);
    match behaviour {
        Behaviour::Patient => {
            seen.count("patient");
            client.ask(indices[0], seen);
        }
        Behaviour::AbortsSending => {
            seen.count("aborted_sending");
            let sent = 1 + random.below(request.len() as u64 - 1) as usize;
            client.connection()?.send(&request[..sent])?;
            pause(random, 3);
        }
        Behaviour::AbortsWaiting => {
            seen.count("aborted_waiting");
            let mut connection = client.connection()?;
            connection.send(request)?;
            pause(random, 12);
        }
        Behaviour::SendsSlowly => {
            seen.count("sent_slowly");
            let started = Instant::now();
            let mut connection = client.connection()?;
            let (head, body) = request.split_at(body_start(request));
            connection.send(head)?;
            for drip in body.chunks(body.len() / 8 + 1) {
                pause(random, 20);
                connection.send(drip)?;
            }
            let response = connection.receive()?;
            seen.response(response.status, started.elapsed());
            check(questions, indices, &response, seen);
            if !response.closes {
                client.keep(connection);
            }
        }
        Behaviour::ReadsSlowly => {
            seen.count("read_slowly");
            let mut connection = client.connection()?;
            connection.send(&questions.list_request(indices))?;
            pause(random, 100);
            let response = connection.receive_by(128, Duration::from_millis(1 + random.below(5)))?;
            check(questions, indices, &response, seen);
            seen.count(if response.status == 200 { "lists_answered" } else { "lists_refused" });
            if !response.closes {
                client.keep(connection);
            }
        }
        Behaviour::Pipelines => {
            seen.count("pipelined");
            let mut connection = client.connection()?;
            let requests: Vec<u8> =
                indices.iter().flat_map(|&index| questions.request(index).iter().copied()).collect();
            connection.send(&requests)?;
            for index in indices {
                let response = connection.receive_by(16, Duration::from_micros(random.below(500)))?;
                check(questions, &[*index], &response, seen);
                seen.count(if response.status == 200 { "pipelined_answered" } else { "pipelined_refused" });
            }
            client.keep(connection);
        }
    }
    Ok(())
}

fn pause(random: &mut Random, milliseconds: u64) {
    thread::sleep(Duration::from_micros(random.below(milliseconds * 1000)));
}
