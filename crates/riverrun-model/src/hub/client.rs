//! Requests to the hub.

use std::io::Read;
use std::sync::Arc;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Response, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};

use super::origin::{self, Origin};
use super::retry::{Patience, retry_after};
use super::settings::HubSettings;
use crate::error::{Error, Result};
use crate::progress::Progress;

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 8;

/// How long connecting and the head of an answer may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of an error's body is read.
const MAX_ERROR: u64 = 4096;

/// Talks to one hub.
pub(super) struct Client<'a> {
    agent: Agent,
    settings: &'a HubSettings,
    hub: Origin,
    progress: &'a dyn Progress,
}

/// An answer with content.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// What the hub itself said on the way, before it sent us to another host.
    pub(super) hub_headers: HeaderMap,
    pub(super) body: ureq::Body,
}

/// What did not work, and whether it may another time.
pub(super) enum Trouble {
    Final(Error),
    Passing { problem: String, wait: Option<Duration> },
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Final(error)
    }
}

impl<'a> Client<'a> {
    pub(super) fn new(settings: &'a HubSettings, progress: &'a dyn Progress) -> Result<Self> {
        let hub = Origin::of(&settings.endpoint)
            .ok_or_else(|| Error::InvalidEndpoint { endpoint: origin::shown(&settings.endpoint) })?;
        if settings.token.is_some() && !hub.is_private() {
            progress.notice(&format!(
                "the token is not sent to {}: the connection is not encrypted, and anybody on the way could read it",
                origin::shown(&settings.endpoint)
            ));
        }
        // The machine's own roots: a company's proxy is known there, and nowhere else.
        let roots = rustls_native_certs::load_native_certs().certs;
        let roots = roots.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect();
        let tls = TlsConfig::builder()
            .provider(TlsProvider::Rustls)
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .root_certs(RootCerts::Specific(Arc::new(roots)))
            .build();
        let agent = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            // Each is looked at first: a token is not for whoever we are sent to.
            .max_redirects(0)
            .timeout_connect(Some(HEAD_TIMEOUT))
            .timeout_recv_response(Some(HEAD_TIMEOUT.max(settings.stall)))
            .timeout_per_read(Some(settings.stall))
            .timeout_per_write(Some(settings.stall))
            .user_agent(concat!("riverrun/", env!("CARGO_PKG_VERSION")))
            .build()
            .new_agent();
        Ok(Self { agent, settings, hub, progress })
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.settings.patience
    }

    pub(super) fn progress(&self) -> &dyn Progress {
        self.progress
    }

    /// The whole answer to a request, which is at most `most` bytes long.
    pub(super) fn get_all(&self, repository: &str, path: &str, most: u64) -> Result<Vec<u8>> {
        self.persist(|| {
            let mut content = Vec::new();
            let answer = self.get(repository, path, path, None)?;
            let mut body = answer.body.into_reader().take(most + 1);
            body.read_to_end(&mut content).map_err(|error| self.passing(error.to_string()))?;
            if content.len() as u64 > most {
                let problem = format!("is answered with more than {most} bytes");
                return Err(Error::HubAnswer { file: repository.to_owned(), problem }.into());
            }
            Ok(content)
        })
    }

    /// Does something again for as long as its trouble may pass.
    pub(super) fn persist<T>(&self, mut act: impl FnMut() -> Result<T, Trouble>) -> Result<T> {
        let mut failures = 0;
        loop {
            match act() {
                Ok(done) => return Ok(done),
                Err(trouble) => self.wait(trouble, &mut failures)?,
            }
        }
    }

    /// Waits until it makes sense to try again, or gives the error when it does not.
    pub(super) fn wait(&self, trouble: Trouble, failures: &mut u32) -> Result<()> {
        let (problem, asked_for) = match trouble {
            Trouble::Final(error) => return Err(error),
            Trouble::Passing { problem, wait } => (problem, wait),
        };
        *failures += 1;
        let Some(wait) = self.patience().wait(*failures, asked_for) else {
            let problem = match asked_for {
                Some(wait) if wait > self.patience().longest_wait => {
                    format!("{problem}, and asks to wait {} s", wait.as_secs())
                }
                _ => problem,
            };
            return Err(Error::HubUnavailable {
                endpoint: origin::shown(&self.settings.endpoint),
                problem,
                attempts: *failures,
            });
        };
        if wait >= Duration::from_secs(1) {
            self.progress.notice(&format!("{problem}; trying again in {} s", wait.as_secs()));
        }
        std::thread::sleep(wait);
        Ok(())
    }

    /// One request, redirects followed. `path` begins with `/`; `wanted` is what a person calls it.
    pub(super) fn get(
        &self, repository: &str, path: &str, wanted: &str, range_from: Option<u64>,
    ) -> Result<Answer, Trouble> {
        let mut address = format!("{}{path}", self.settings.endpoint);
        let mut hub_headers = HeaderMap::new();
        for _ in 0..=MAX_REDIRECTS {
            let origin =
                Origin::of(&address).ok_or_else(|| Error::InvalidEndpoint { endpoint: origin::shown(&address) })?;
            let at_hub = origin == self.hub;
            let mut request = self.agent.get(&address).header(header::ACCEPT_ENCODING, "identity");
            if let (Some(token), true) = (&self.settings.token, at_hub && origin.is_private()) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            if let Some(start) = range_from {
                request = request.header(header::RANGE, format!("bytes={start}-"));
            }
            let response = request.call().map_err(|error| self.unanswered(&origin, &error))?;
            if at_hub {
                merge(&mut hub_headers, response.headers());
            }
            let status = response.status().as_u16();
            match status {
                200 | 206 => {
                    let (parts, body) = response.into_parts();
                    return Ok(Answer { status, headers: parts.headers, hub_headers, body });
                }
                301 | 302 | 303 | 307 | 308 => {
                    let location = text(response.headers(), "location").unwrap_or_default();
                    address = origin::follow(&address, &location)?;
                }
                _ => return Err(self.refused(repository, wanted, &origin, response)),
            }
        }
        let problem = format!("redirects more than {MAX_REDIRECTS} times");
        Err(Error::HubAnswer { file: wanted.to_owned(), problem }.into())
    }

    /// What the hub says of a file, without the file. Redirects to other hosts are not followed.
    pub(super) fn head(&self, repository: &str, path: &str, wanted: &str) -> Result<HeaderMap, Trouble> {
        let mut address = format!("{}{path}", self.settings.endpoint);
        let mut headers = HeaderMap::new();
        for _ in 0..=MAX_REDIRECTS {
            let mut request = self.agent.head(&address).header(header::ACCEPT_ENCODING, "identity");
            if let (Some(token), true) = (&self.settings.token, self.hub.is_private()) {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let response = request.call().map_err(|error| self.unanswered(&self.hub, &error))?;
            let status = response.status().as_u16();
            match status {
                200 => {
                    merge(&mut headers, response.headers());
                    return Ok(headers);
                }
                301 | 302 | 303 | 307 | 308 => {
                    let location = text(response.headers(), "location").unwrap_or_default();
                    address = origin::follow(&address, &location)?;
                    merge(&mut headers, response.headers());
                    if Origin::of(&address).as_ref() != Some(&self.hub) {
                        // The length is that of the redirect.
                        headers.remove(header::CONTENT_LENGTH);
                        return Ok(headers);
                    }
                    headers.remove(header::CONTENT_LENGTH);
                }
                _ => return Err(self.refused(repository, wanted, &self.hub, response)),
            }
        }
        let problem = format!("redirects more than {MAX_REDIRECTS} times");
        Err(Error::HubAnswer { file: wanted.to_owned(), problem }.into())
    }

    fn passing(&self, problem: String) -> Trouble {
        Trouble::Passing { problem: format!("{}: {problem}", self.hub.host()), wait: None }
    }

    fn unanswered(&self, origin: &Origin, error: &ureq::Error) -> Trouble {
        let host = origin.host();
        let problem = match error {
            // A wrong certificate does not become right by asking again.
            ureq::Error::Tls(problem) => (*problem).to_owned(),
            ureq::Error::Rustls(problem) => problem.to_string(),
            // What the handshake runs into comes as trouble with reading or writing.
            ureq::Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
                Some(problem) => problem.to_string(),
                None => return Trouble::Passing { problem: format!("{host}: {error}"), wait: None },
            },
            ureq::Error::BadUri(_) => {
                let endpoint = origin::shown(&self.settings.endpoint);
                return Trouble::Final(Error::InvalidEndpoint { endpoint });
            }
            _ => return Trouble::Passing { problem: format!("{host}: {error}"), wait: None },
        };
        Trouble::Final(Error::HubUntrusted { host: host.to_owned(), problem })
    }

    /// What an answer other than the wanted one means.
    fn refused(&self, repository: &str, wanted: &str, origin: &Origin, response: Response<ureq::Body>) -> Trouble {
        let status = response.status().as_u16();
        let code = text(response.headers(), "x-error-code").unwrap_or_default();
        let has_token = self.settings.token.is_some();
        let refused = |problem: &str, advice: String| {
            let (repository, problem) = (repository.to_owned(), problem.to_owned());
            Trouble::Final(Error::HubRefused { repository, status, problem, advice })
        };
        let ask_for_access = format!(
            "ask for access on {}/{repository}, and give a token of that account with HF_TOKEN or `--token-file`",
            origin::shown(&self.settings.endpoint)
        );
        // A signed address of another host that has expired: the hub makes a new one.
        if *origin != self.hub && matches!(status, 400 | 401 | 403 | 404 | 410) {
            return Trouble::Passing {
                problem: format!("{} answers {}", origin.host(), response.status()),
                wait: None,
            };
        }
        match (status, code.as_str()) {
            (401 | 403, "GatedRepo") => refused("its owner decides who may have it", ask_for_access),
            // The hub does not tell strangers which repositories there are.
            (401, _) if !has_token => refused(
                "it is not there, or it is private",
                "check its name; if it is private, give a token with HF_TOKEN or `--token-file`".into(),
            ),
            (401, _) => refused("the token is not accepted", "check that it is whole and has not expired".into()),
            (403, _) => refused("the token does not give access to it", ask_for_access),
            (404, "RevisionNotFound") => {
                refused("it has no such revision", "name a branch, a tag or a commit it has".into())
            }
            (404, "EntryNotFound") => refused(&format!("it has no {wanted}"), "name another revision".into()),
            (404, _) => refused("there is no such repository", "check its name".into()),
            (416, _) => Trouble::Final(Error::HubAnswer {
                file: format!("{repository}/{wanted}"),
                problem: "has fewer bytes than it is listed with".into(),
            }),
            (408 | 425 | 429 | 500..=599, _) => {
                let wait = text(response.headers(), "retry-after").and_then(|value| retry_after(&value));
                let problem = format!("{} answers {}", origin.host(), response.status());
                Trouble::Passing { problem, wait }
            }
            _ => {
                let mut said = String::new();
                let _ = response.into_body().into_reader().take(MAX_ERROR).read_to_string(&mut said);
                let said: String = said.chars().filter(|c| !c.is_control()).take(200).collect();
                refused(&format!("it says: {said}"), "try again later".into())
            }
        }
    }
}

/// Adds headers. The first answer that says something counts, and a later one does not take it back.
fn merge(into: &mut HeaderMap, headers: &HeaderMap) {
    for (name, value) in headers {
        if !into.contains_key(name) {
            into.insert(name, value.clone());
        }
    }
}

/// A header as text, if it is one.
pub(super) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// A part of an address, with everything but letters, digits and `-._~` escaped; `/` is kept.
pub(super) fn escape(path: &str) -> String {
    let mut escaped = String::new();
    for byte in path.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                escaped.push(char::from(byte))
            }
            _ => escaped.push_str(&format!("%{byte:02X}")),
        }
    }
    escaped
}
