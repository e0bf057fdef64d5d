//! The command line: a mode, and options that each have a value.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

pub struct Arguments {
    pub mode: String,
    options: BTreeMap<String, String>,
}

impl Arguments {
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mode = arguments.next().ok_or(crate::USAGE)?;
        let mut options = BTreeMap::new();
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{name} needs a value"))?;
            options.insert(name, value);
        }
        Ok(Self { mode, options })
    }

    pub fn required<T: FromStr>(&mut self, name: &str) -> Result<T, String> {
        let value = self.options.remove(&format!("--{name}")).ok_or_else(|| format!("--{name} is missing"))?;
        value.parse().map_err(|_| format!("--{name} cannot be {value}"))
    }

    pub fn optional<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        if self.options.contains_key(&format!("--{name}")) { self.required(name) } else { Ok(default) }
    }

    pub fn seconds(&mut self, name: &str, default: f64) -> Result<Duration, String> {
        let seconds = self.optional(name, default)?;
        Duration::try_from_secs_f64(seconds).map_err(|_| format!("--{name} cannot be {seconds}"))
    }

    /// # Errors
    /// An option that nobody asked for is a mistake.
    pub fn finish(&self) -> Result<(), String> {
        match self.options.keys().next() {
            Some(unknown) => Err(format!("this mode has no option {unknown}\n\n{}", crate::USAGE)),
            None => Ok(()),
        }
    }
}
