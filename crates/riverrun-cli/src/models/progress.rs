//! What moves on the screen while bytes do.

use std::io::{self, IsTerminal};
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use riverrun::model::Progress;

use crate::failure::say;

/// A bar on standard error, where that is a terminal.
pub(super) struct Bar {
    bar: Mutex<ProgressBar>,
    shown: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { bar: Mutex::new(ProgressBar::hidden()), shown: io::stderr().is_terminal() }
    }

    fn with(&self, act: impl FnOnce(&mut ProgressBar)) {
        act(&mut self.bar.lock().unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Progress for Bar {
    fn begin(&self, what: &str, bytes: Option<u64>) {
        if !self.shown {
            return;
        }
        self.with(|bar| {
            bar.finish_and_clear();
            *bar = match bytes {
                Some(bytes) => ProgressBar::new(bytes).with_style(style(
                    "{msg}  {bar:32} {percent:>3} %  {decimal_bytes} of {decimal_total_bytes} · {decimal_bytes_per_sec} · \
                     {eta} left",
                )),
                None => ProgressBar::new_spinner().with_style(style("{spinner} {msg}  {decimal_bytes}")),
            };
            bar.set_message(what.to_owned());
            bar.enable_steady_tick(Duration::from_millis(200));
        });
    }

    fn advance(&self, bytes: u64) {
        if self.shown {
            self.with(|bar| bar.inc(bytes));
        }
    }

    fn notice(&self, message: &str) {
        self.with(|bar| bar.suspend(|| say(message)));
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.with(|bar| bar.finish_and_clear());
    }
}

pub(super) fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸─")
}
