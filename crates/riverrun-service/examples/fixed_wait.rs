//! A service whose model waits instead of computing, and answers each text with itself: what `bench/serving` overloads.
//!
//! `fixed_wait PORT [WAIT_MS] [MAX_BATCH_SIZE] [MAX_QUEUE]`: each batch takes WAIT_MS (20), whatever is in it. An answer is
//! `[{"label": the text, "score": 1.0}]`, so that a client can tell whether it is the one to its question.

use std::io;
use std::str::FromStr;
use std::thread;
use std::time::Duration;

use riverrun_runner::wire::{Payload, Portable};
use riverrun_runner::{Batching, Compute, ItemError, Prepared, Runnable, Runner};
use riverrun_service::Service;
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{SignalKind, signal};

struct FixedWait(Duration);

#[derive(Serialize, Deserialize)]
struct Label {
    label: String,
    score: f64,
}

impl Runnable for FixedWait {
    type Input = String;
    type Prepared = String;
    type Output = Vec<Label>;

    fn prepare(&self, input: String) -> Result<Prepared<String>, ItemError> {
        Ok(Prepared { cost: 1, value: input })
    }

    fn run(&self, batch: Vec<String>, _: &Compute) -> Result<Vec<Result<Vec<Label>, ItemError>>, ItemError> {
        thread::sleep(self.0);
        Ok(batch.into_iter().map(|label| Ok(vec![Label { label, score: 1.0 }])).collect())
    }
}

impl Portable for FixedWait {
    fn to_payload(input: &String) -> Payload {
        Payload::from(&**input)
    }

    fn from_payload(payload: Payload) -> Result<String, ItemError> {
        match payload {
            Payload::Text(text) => Ok(text),
            other => Err(ItemError::new(format!("a text is wanted, not {}", other.kind()))),
        }
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let port = argument(1, 3000)?;
    let batching = Batching::default().max_batch_size(argument(3, 8)?).max_queue(argument(4, 64)?);
    let runner = Runner::new("fixed-wait", FixedWait(Duration::from_millis(argument(2, 20)?))).batching(batching);
    runner.init_local()?;
    let service = Service::new("fixed-wait").runner("/classify", &runner);
    let running = service.bind(([127, 0, 0, 1], port)).await?.start();
    eprintln!("serving at {}", running.addresses()[0]);
    signal(SignalKind::terminate())?.recv().await;
    running.shutdown().await;
    Ok(())
}

fn argument<T: FromStr>(number: usize, default: T) -> io::Result<T> {
    let Some(value) = std::env::args().nth(number) else { return Ok(default) };
    value.parse().map_err(|_| {
        io::Error::other(format!("argument {number} cannot be `{value}`: PORT [WAIT_MS] [MAX_BATCH_SIZE] [MAX_QUEUE]"))
    })
}
