//! Which hub, with which rights, and where what it gives is kept.

use std::env;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::origin;
use super::retry::Patience;
use crate::error::{At, Error, Result};
use crate::store::ImportOptions;

const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

/// The longest token that is taken for one.
const MAX_TOKEN: usize = 4096;

/// Which hub is asked, with which rights, and where what it gives is kept.
#[derive(Clone)]
#[non_exhaustive]
pub struct HubSettings {
    /// The address of the hub or of a mirror, without a path at its end.
    pub endpoint: String,
    /// Where downloads are kept, laid out as `huggingface_hub` does.
    pub cache: PathBuf,
    /// Whether only the cache is looked at.
    pub offline: bool,
    /// How long a connection may give nothing before it is made again. 30 s unless changed.
    pub stall: Duration,
    pub(super) token: Option<String>,
    pub(super) patience: Patience,
}

impl fmt::Debug for HubSettings {
    /// Without the token, so that no log has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubSettings")
            .field("endpoint", &origin::shown(&self.endpoint))
            .field("cache", &self.cache)
            .field("offline", &self.offline)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

impl HubSettings {
    /// Asks the hub at `endpoint` without a token, and keeps downloads in `cache`.
    pub fn new(endpoint: impl Into<String>, cache: impl Into<PathBuf>) -> Self {
        Self {
            endpoint: endpoint.into().trim_end_matches('/').to_owned(),
            cache: cache.into(),
            offline: false,
            stall: Duration::from_secs(30),
            token: None,
            patience: Patience::default(),
        }
    }

    /// Reads what `huggingface_hub` reads from the environment: `HF_ENDPOINT`, `HF_HUB_CACHE`, `HF_HOME`,
    /// `HF_HUB_OFFLINE` (or `TRANSFORMERS_OFFLINE`), and the token from `HF_TOKEN`, the file at `HF_TOKEN_PATH`, or the one that `hf auth login` wrote.
    ///
    /// # Errors
    /// [`Error::NoHome`] when there is no directory for the cache, [`Error::InvalidToken`] when the token is none. Offline no
    /// token is looked for.
    pub fn from_environment() -> Result<Self> {
        let settings = Self::anonymous_from_environment()?;
        if settings.offline {
            return Ok(settings);
        }
        for name in ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"] {
            if let Some(token) = variable(name) {
                return settings.token_of(&token, &format!("in {name}"));
            }
        }
        if is_set("HF_HUB_DISABLE_IMPLICIT_TOKEN") {
            return Ok(settings);
        }
        let file = match place("HF_TOKEN_PATH") {
            Some(path) => path,
            None => hugging_face_home()?.join("token"),
        };
        if file.is_file() { settings.token_file(&file) } else { Ok(settings) }
    }

    /// Reads what [`from_environment`](Self::from_environment) reads but the token: it is given otherwise, or not needed.
    ///
    /// # Errors
    /// [`Error::NoHome`] when there is no directory for the cache.
    pub fn anonymous_from_environment() -> Result<Self> {
        let cache = match place("HF_HUB_CACHE").or_else(|| place("HUGGINGFACE_HUB_CACHE")) {
            Some(cache) => cache,
            None => hugging_face_home()?.join("hub"),
        };
        let mut settings = Self::new(variable("HF_ENDPOINT").unwrap_or_else(|| DEFAULT_ENDPOINT.into()), cache);
        settings.offline = is_set("HF_HUB_OFFLINE") || is_set("TRANSFORMERS_OFFLINE");
        Ok(settings)
    }

    /// Sends this token to the hub, and to no other host.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] when it cannot be one.
    pub fn token(self, token: &str) -> Result<Self> {
        self.token_of(token, "that was given")
    }

    fn token_of(mut self, token: &str, place: &str) -> Result<Self> {
        let token = token.trim();
        if token.is_empty() || token.len() > MAX_TOKEN || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Error::InvalidToken { place: place.to_owned() });
        }
        self.token = Some(token.to_owned());
        Ok(self)
    }

    /// Sends the token in this file.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be read, [`Error::InvalidToken`] when there is no token in it.
    pub fn token_file(self, path: &Path) -> Result<Self> {
        // What is in it must not get into a message.
        let content = fs::read(path).at_outside("read", path)?;
        let place = format!("in {}", path.display());
        let token = String::from_utf8(content).map_err(|_| Error::InvalidToken { place: place.clone() })?;
        self.token_of(&token, &place)
    }

    /// Looks at the cache only.
    #[must_use]
    pub fn offline(mut self) -> Self {
        self.offline = true;
        self
    }

    /// Sets how many times in a row nothing may come, and how long is waited after the first; 6 and 1 s unless changed.
    ///
    /// Each further wait is twice as long, up to two minutes. A hub that asks for a longer one is not waited for.
    #[must_use]
    pub fn retry(mut self, attempts: u32, first_wait: Duration) -> Self {
        self.patience.attempts = attempts;
        self.patience.first_wait = first_wait;
        self
    }

    /// Sets how long a connection may give nothing before it is made again.
    #[must_use]
    pub fn stall(mut self, stall: Duration) -> Self {
        self.stall = stall;
        self
    }
}

fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.trim().is_empty())
}

/// A path, in which `~` is the user's home even where no shell has seen it.
fn place(name: &str) -> Option<PathBuf> {
    let path = PathBuf::from(variable(name)?);
    match (path.strip_prefix("~"), dirs::home_dir()) {
        (Ok(rest), Some(home)) => Some(home.join(rest)),
        _ => Some(path),
    }
}

fn is_set(name: &str) -> bool {
    variable(name).is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true" | "yes" | "on"))
}

/// Where `huggingface_hub` keeps what it keeps.
fn hugging_face_home() -> Result<PathBuf> {
    if let Some(home) = place("HF_HOME") {
        return Ok(home);
    }
    match place("XDG_CACHE_HOME") {
        Some(cache) => Ok(cache.join("huggingface")),
        None => Ok(dirs::home_dir().ok_or(Error::NoHome)?.join(".cache/huggingface")),
    }
}

/// How a model is pulled from the hub.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PullOptions {
    /// Which hub.
    pub hub: HubSettings,
    /// How the model is kept. Without a name it has that of its repository, without a version the start of its commit.
    pub keep: ImportOptions,
    /// The ONNX file to take, relative to the repository, where the usual one is not meant. With it the format is ONNX.
    pub file: Option<String>,
}

impl PullOptions {
    /// Pulls from a hub, and keeps the model under the name of its repository.
    pub fn new(hub: HubSettings) -> Self {
        Self { hub, keep: ImportOptions::default(), file: None }
    }

    /// Sets how the model is kept.
    #[must_use]
    pub fn keep(mut self, keep: ImportOptions) -> Self {
        self.keep = keep;
        self
    }

    /// Sets the ONNX file to take.
    #[must_use]
    pub fn file(mut self, file: impl Into<String>) -> Self {
        self.file = Some(file.into());
        self
    }
}
