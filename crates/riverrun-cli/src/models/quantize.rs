//! `riverrun models quantize TAG`

use std::io::{self, IsTerminal};
use std::path::Path;
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar};
use riverrun::inference::{QuantizationReport, QuantizeOptions, QuantizedModel, quantize};
use riverrun::model::{ModelStore, TagRef};

use super::arguments::QuantizeArguments;
use super::progress::style;
use super::{Form, view};
use crate::apply::of_inference;
use crate::failure::{Failure, Result, put, say};

pub(super) fn run(store: &ModelStore, tag: &TagRef, arguments: QuantizeArguments, form: Form) -> Result {
    let model = store.get(tag)?;
    let promote = !arguments.no_promote;
    let mut options = QuantizeOptions::new(arguments.precision).min_agreement(arguments.min_agreement);
    if let Some(file) = &arguments.sample {
        options = options.texts(lines(file)?);
    }
    if let Some(difference) = arguments.max_difference {
        options = options.max_difference(difference);
    }
    if let Some(name) = arguments.name {
        options = options.name(name);
    }
    if let Some(version) = arguments.version {
        options = options.version(version);
    }
    if !promote {
        options = options.no_promote();
    }

    let bar = if io::stderr().is_terminal() { ProgressBar::new(0) } else { ProgressBar::hidden() };
    let bar =
        bar.with_style(style("comparing  {bar:32} {percent:>3} %  {human_pos} of {human_len} texts · {eta} left"));
    bar.enable_steady_tick(Duration::from_millis(200));
    let quantized = quantize(store, &model, &options, |done, texts| {
        bar.set_length(texts as u64);
        bar.set_position(done as u64);
    });
    bar.finish_and_clear();

    let QuantizedModel { model: stored, report, .. } = quantized.map_err(of_inference)?;
    if report.different_answers == Some(1) {
        say(format_args!(
            "every text of the sample has the same answer, so the agreement says little; give texts of every label with `--sample FILE`"
        ));
    }
    if form == Form::Json {
        return put(view::json(&stored));
    }
    let name = stored.tag().name();
    let latest = if promote { format!("; {name}:latest is this version now") } else { String::new() };
    let sizes = format!("{} of {}", view::size(&stored), view::size(&model));
    put(format_args!("{} is stored ({}, {sizes}){latest}\n{}", stored.tag(), report.precision, sentence(&report)))
}

/// What was measured, in a line.
pub(super) fn sentence(report: &QuantizationReport) -> String {
    format!(
        "agrees with {} in f32 on {:.2} % ({}) of {} text{}; scores differ by {:.4} on average, {:.4} in 99 of 100 texts, {:.4} at most",
        report.from,
        report.agreement * 100.0,
        report.compared,
        HumanCount(report.texts as u64),
        if report.texts == 1 { "" } else { "s" },
        report.mean_difference,
        report.p99_difference,
        report.max_difference,
    )
}

/// The lines of a file that are not blank, one text each.
fn lines(file: &Path) -> Result<Vec<String>> {
    let failed = |problem: String| Failure::Failed(format!("cannot read {}: {problem}", file.display()));
    let bytes = std::fs::read(file).map_err(|error| failed(format!("{error}; check the path")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        failed(format!("line {line} is not UTF-8; convert it, with `iconv -t UTF-8` say"))
    })?;
    let texts: Vec<String> = text.lines().filter(|line| !line.trim().is_empty()).map(str::to_owned).collect();
    if texts.is_empty() {
        return Err(Failure::Failed(format!("{} has no texts; give some, one a line", file.display())));
    }
    Ok(texts)
}
