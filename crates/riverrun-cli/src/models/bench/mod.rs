//! `riverrun models bench TAG`: which backend, and which precision, is the fastest for a model on this machine.

mod candidates;
mod measure;
mod samples;

use std::path::PathBuf;

use indicatif::HumanCount;
use riverrun::inference::Precision;
use riverrun::inference::backend::best_backend;
use riverrun::model::{Model, ModelFormat, ModelStore, TagRef};
use serde_json::{Value, json};

use self::candidates::{Candidate, LeftOut, Loaded};
use self::measure::Figures;
use super::arguments::BenchArguments;
use super::{Form, view};
use crate::apply::stored_precision;
use crate::failure::{Failure, Result, put, say};

pub(super) fn run(store: &ModelStore, tag: &TagRef, arguments: &BenchArguments, form: Form) -> Result {
    let model = store.get(tag)?;
    if matches!(model.metadata().format, ModelFormat::Xgboost | ModelFormat::Lightgbm) {
        let problem = format!("`{}` is a tree ensemble, which is computed in one way only", model.tag());
        return Err(Failure::Usage(problem));
    }
    if arguments.forget {
        return forget(&model, form);
    }
    let samples = match &arguments.input {
        Some(file) => samples::of_file(file)?,
        None => samples::of_model(&model)?,
    };
    let (loaded, left_out) = candidates::load(&model, &samples)?;
    if loaded.is_empty() {
        let reasons: Vec<String> =
            left_out.iter().map(|(candidate, reason)| format!("{candidate}: {reason}")).collect();
        return Err(Failure::Failed(format!("nothing here can compute `{}`: {}", model.tag(), reasons.join("; "))));
    }
    let figures = measure::measure(&loaded, &samples, arguments.rounds.unwrap_or(measure::ROUNDS))?;
    let best = figures.iter().zip(&loaded).max_by(|a, b| a.0.per_second.total_cmp(&b.0.per_second));
    let best = best.map(|(_, loaded)| loaded.candidate);
    // Of one alone it is not known that it is better than any other.
    let backend = best.and_then(Candidate::backend).filter(|_| loaded.len() > 1);
    let remembered = backend.map(|best| best_backend::remember(&graph(&model), best));
    let remembered = remembered.transpose().map_err(Failure::failed)?;
    match form {
        Form::Json => put(as_json(&model, &loaded, &figures, &left_out, best, remembered)),
        Form::Table => {
            put(table(&loaded, &figures, &left_out))?;
            say_what_follows(&model, best, remembered.is_some());
            Ok(())
        }
    }
}

/// The file that says which backend is the best lies beside this one.
fn graph(model: &Model) -> PathBuf {
    model.path().join(model.metadata().main.as_deref().unwrap_or_default())
}

fn forget(model: &Model, form: Form) -> Result {
    let known =
        model.metadata().format == ModelFormat::Onnx && best_backend::forget(&graph(model)).map_err(Failure::failed)?;
    match form {
        Form::Json => put(json!({ "tag": model.tag().to_string(), "forgotten": known })),
        Form::Table if known => put(format_args!("the best backend of {} on this machine is forgotten", model.tag())),
        Form::Table => put(format_args!("nothing was known of {} on this machine", model.tag())),
    }
}

fn table(loaded: &[Loaded], figures: &[Figures], left_out: &[LeftOut]) -> String {
    let mut rows = vec![["BACKEND", "RECORDS/S", "ONE (p50)"].map(String::from).to_vec()];
    for (loaded, figures) in loaded.iter().zip(figures) {
        let one = format!("{:.3} ms", figures.p50.as_secs_f64() * 1e3);
        rows.push(vec![loaded.candidate.to_string(), per_second(figures.per_second), one]);
    }
    rows.extend(left_out.iter().map(|(candidate, reason)| vec![candidate.to_string(), "-".into(), reason.clone()]));
    view::table(&rows)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "so many there are not")]
fn per_second(records: f64) -> String {
    if records < 100.0 { format!("{records:.1}") } else { HumanCount(records.round() as u64).to_string() }
}

fn say_what_follows(model: &Model, best: Option<Candidate>, remembered: bool) {
    match best {
        Some(best) if remembered => say(format_args!(
            "{} is computed by {best} on this machine from now on; `riverrun models bench {} --forget` undoes it",
            model.tag(),
            model.tag()
        )),
        // A quantized model has no other.
        Some(Candidate::Native(precision)) if precision != Precision::F32 && stored_precision(model).is_none() => {
            say(format_args!(
                "{precision} is the fastest, and changes scores a little: `--precision {precision}` asks for it"
            ));
        }
        _ => {}
    }
}

fn as_json(
    model: &Model, loaded: &[Loaded], figures: &[Figures], left_out: &[LeftOut], best: Option<Candidate>,
    remembered: Option<PathBuf>,
) -> Value {
    let measured = loaded.iter().zip(figures).map(|(loaded, figures)| {
        json!({
            "backend": loaded.candidate.to_string(),
            "records_per_second": figures.per_second,
            "p50_ms": figures.p50.as_secs_f64() * 1e3,
        })
    });
    let others =
        left_out.iter().map(|(candidate, reason)| json!({ "backend": candidate.to_string(), "problem": reason }));
    json!({
        "tag": model.tag().to_string(),
        "cpu": best_backend::cpu(),
        "backends": measured.chain(others).collect::<Value>(),
        "best": best.map(|best| best.to_string()),
        "remembered": remembered.map(|path| path.to_string_lossy().into_owned()),
    })
}
