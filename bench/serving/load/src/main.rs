//! `riverrun-load MODE --address A --texts F …` asks a server that classifies texts, and prints what it saw as JSON.
//!
//! Modes: `closed` (each of so many clients asks when it has its answer), `open` (questions come at a rate), `soak`
//! (clients that abort, dawdle and pipeline among patient ones). What each option is stands in [`USAGE`].

mod arguments;
mod closed;
mod http;
mod measured;
mod open;
mod question;
mod random;
mod soak;
mod target;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use arguments::Arguments;
use closed::Extent;
use question::{Form, Questions};
use target::Target;

const USAGE: &str = "\
riverrun-load closed|open|soak --address HOST:PORT --texts FILE [options]

  --path /classify      where to POST
  --json TEMPLATE       JSON with % where the text's JSON string goes; without it, text/plain
  --expected FILE       answers as `label TAB score`, one per text; without it, a text's first answer is expected again
  --tolerance 1e-4      of scores
  --answers FILE        writes the answers there, as --expected wants them
  --timeout 30          seconds without a byte after which a request is stuck

closed:  --clients 16  --warm-up 2 (seconds)  --seconds 10 | --requests N
open:    --connections 1024  --rate N (per second)  --seconds 60  --probes /path,/path
soak:    --clients 32  --requests 1000000  --misbehaving 100 (of 1,000)  --seed 7  --seconds 3600 (at most)";

fn main() -> ExitCode {
    match run() {
        Ok(report) => {
            println!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<serde_json::Value, String> {
    let mut arguments = Arguments::parse(std::env::args().skip(1))?;
    let address: String = arguments.required("address")?;
    let texts: PathBuf = arguments.required("texts")?;
    let path: String = arguments.optional("path", "/classify".to_owned())?;
    let template: String = arguments.optional("json", String::new())?;
    let form = if template.is_empty() { Form::Text } else { Form::Json(template) };
    let expected: String = arguments.optional("expected", String::new())?;
    let expected = (!expected.is_empty()).then_some(Path::new(&expected));
    let answers: String = arguments.optional("answers", String::new())?;
    let tolerance = arguments.optional("tolerance", 1e-4)?;
    let questions = Questions::read(&texts, expected, tolerance, &form, &address, &path)?;
    let timeout = arguments.seconds("timeout", 30.0)?;
    let address = address.parse().map_err(|_| format!("{address} is not an address such as 127.0.0.1:3000"))?;
    let target = Target { address, questions, timeout };

    let mode = arguments.mode.clone();
    let report = match mode.as_str() {
        "closed" => {
            let clients = arguments.optional("clients", 16)?;
            let warm_up = arguments.seconds("warm-up", 2.0)?;
            let requests = arguments.optional("requests", 0)?;
            let time = arguments.seconds("seconds", 10.0)?;
            let extent = if requests == 0 { Extent::Time(time) } else { Extent::Requests(requests) };
            arguments.finish()?;
            closed::run(&target, clients, warm_up, &extent)
        }
        "open" => {
            let probes: String = arguments.optional("probes", String::new())?;
            let load = open::Load {
                rate: arguments.required("rate")?,
                time: arguments.seconds("seconds", 60.0)?,
                connections: arguments.optional("connections", 1024)?,
                probes: probes.split(',').filter(|path| !path.is_empty()).map(str::to_owned).collect(),
            };
            arguments.finish()?;
            open::run(&target, &load)
        }
        "soak" => {
            let soak = soak::Soak {
                clients: arguments.optional("clients", 32)?,
                requests: arguments.optional("requests", 1_000_000)?,
                seed: arguments.optional("seed", 7)?,
                misbehaving: arguments.optional("misbehaving", 100)?,
                time: arguments.seconds("seconds", 3600.0)?,
            };
            arguments.finish()?;
            soak::run(&target, &soak)
        }
        _ => return Err(USAGE.to_owned()),
    };
    if !answers.is_empty() {
        target.questions.write_answers(Path::new(&answers))?;
    }
    Ok(report)
}
