//! What moves on the screen while a model is applied.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use indicatif::{HumanCount, ProgressBar, ProgressState, ProgressStyle};

use super::arguments::Format;
use super::tally::{Counted, Tally};
use crate::failure::say;

/// Counts, and a bar where somebody sees it.
pub(super) struct Progress {
    bar: ProgressBar,
    tally: Mutex<Tally>,
}

impl Progress {
    /// A bar on standard error if that is a terminal that nothing else is written to.
    pub(super) fn start(counted: Counted, files: &[PathBuf], to_file: bool) -> Self {
        let tally = Mutex::new(Tally::of(counted));
        if !io::stderr().is_terminal() || (io::stdout().is_terminal() && !to_file) {
            return Self { bar: ProgressBar::hidden(), tally };
        }
        let bar =
            ProgressBar::new_spinner().with_style(style(&format!("{{human_pos}} {counted}s · {{rate}} {counted}s/s")));
        bar.enable_steady_tick(Duration::from_millis(200));
        let regular = |file: &PathBuf| file.metadata().is_ok_and(|metadata| metadata.is_file());
        if !files.is_empty() && files.iter().all(regular) {
            let (shown, files) = (bar.clone(), files.to_vec());
            // The bar has no length until this is done. If there is no thread for it, it never has.
            let _ = std::thread::Builder::new().name("count lines".into()).spawn(move || {
                let is_image = |file: &PathBuf| Format::of_name(file) == Some(Format::Image);
                let count = |file| if is_image(file) { Ok(1) } else { count_lines(file) };
                if let Ok(records) = files.iter().map(count).sum::<io::Result<u64>>() {
                    shown.set_style(style(&format!(
                        "{{bar:32}} {{percent:>3}} %  {{human_pos}} of {{human_len}} {counted}s · {{rate}} {counted}s/s · {{eta}} left",
                    )));
                    shown.set_length(records);
                }
            });
        }
        Self { bar, tally }
    }

    fn tally(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// So many records have results, and these labels if they have any.
    pub(super) fn done(&self, records: u64, labels: &[String]) {
        let mut tally = self.tally();
        tally.done(records, labels);
        self.bar.set_position(tally.lines());
    }

    pub(super) fn bad(&self, place: String) {
        self.tally().bad(place);
    }

    /// Tells people something without tearing the bar.
    pub(super) fn say(&self, message: impl Display) {
        self.bar.suspend(|| say(message));
    }

    /// Takes the bar away.
    pub(super) fn finish(&self) -> Tally {
        self.bar.finish_and_clear();
        std::mem::take(&mut *self.tally())
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn rate(state: &ProgressState, out: &mut dyn std::fmt::Write) {
    let _ = write!(out, "{}", HumanCount(state.per_sec() as u64));
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.with_key("rate", rate).progress_chars("━╸─")
}

fn count_lines(file: &PathBuf) -> io::Result<u64> {
    let mut file = File::open(file)?;
    let mut piece = vec![0; 256 * 1024];
    let (mut lines, mut last) = (0, b'\n');
    loop {
        let read = file.read(&mut piece)?;
        let Some(&end) = piece[..read].last() else { return Ok(lines + u64::from(last != b'\n')) };
        lines += piece[..read].iter().filter(|&&byte| byte == b'\n').count() as u64;
        last = end;
    }
}
