//! A server that speaks the hub's protocol, and that can be told to misbehave.
//!
//! Two ports, so two origins: the hub itself, and the network of servers that it sends to for large files.

// Each test binary uses what it needs.
#![allow(dead_code, clippy::panic, clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::json;

/// What goes wrong with one answer.
#[derive(Clone, Debug)]
pub(crate) enum Fault {
    /// The connection ends after so many bytes of the body.
    CutAfter(usize),
    /// The body comes in pieces of 1 kB with a pause before each.
    Slow(Duration),
    /// Nothing comes after the head for so long.
    Stall(Duration),
    /// An answer with this status, these headers, and no content.
    Status(u16, Vec<(&'static str, String)>),
    /// The whole file, though a part was asked for.
    IgnoreRange,
    /// The whole file, though a part was asked for, and the connection ends after so many bytes of it.
    RestartAndCutAfter(usize),
    /// Another file of the same length.
    WrongContent,
    /// More bytes than there are, without saying how many.
    TooMuch,
    /// Headers in place of those that the hub sends.
    Headers(Vec<(&'static str, String)>),
    /// A redirect to this address.
    Redirect(String),
    /// The connection is closed before anything is said.
    Drop,
}

/// A request as the server saw it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) method: String,
    pub(crate) path: String,
    /// Whether it came to the hub itself.
    pub(crate) at_hub: bool,
    pub(crate) authorization: Option<String>,
    pub(crate) range: Option<String>,
}

#[derive(Default)]
struct State {
    /// Files by repository and path.
    repositories: BTreeMap<String, BTreeMap<String, Vec<u8>>>,
    gated: BTreeMap<String, String>,
    faults: BTreeMap<String, VecDeque<Fault>>,
    seen: Vec<Seen>,
    bare_listing: bool,
    listed: BTreeMap<String, (u64, Option<String>)>,
    hub: String,
    cdn: String,
}

/// The server; its threads end with the test.
#[derive(Clone)]
pub(crate) struct Hub(Arc<Mutex<State>>);

/// The commit that `main` is.
pub(crate) const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

impl Hub {
    pub(crate) fn start() -> Self {
        let hub = Self(Arc::default());
        for at_hub in [true, false] {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let address = format!("http://{}", listener.local_addr().unwrap());
            let mut state = hub.0.lock().unwrap();
            *(if at_hub { &mut state.hub } else { &mut state.cdn }) = address;
            drop(state);
            let hub = hub.clone();
            thread::spawn(move || {
                for stream in listener.incoming().flatten() {
                    let hub = hub.clone();
                    thread::spawn(move || {
                        let _ = hub.answer(stream, at_hub);
                    });
                }
            });
        }
        hub
    }

    pub(crate) fn address(&self) -> String {
        self.0.lock().unwrap().hub.clone()
    }

    pub(crate) fn cdn(&self) -> String {
        self.0.lock().unwrap().cdn.clone()
    }

    /// Publishes a file.
    pub(crate) fn file(&self, repository: &str, path: &str, content: impl Into<Vec<u8>>) {
        let mut state = self.0.lock().unwrap();
        state.repositories.entry(repository.into()).or_default().insert(path.into(), content.into());
    }

    /// Publishes a directory.
    pub(crate) fn directory(&self, repository: &str, directory: &std::path::Path) {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                self.file(repository, path.file_name().unwrap().to_str().unwrap(), std::fs::read(&path).unwrap());
            }
        }
    }

    /// Gives a repository to those with this token alone.
    pub(crate) fn gate(&self, repository: &str, token: &str) {
        self.0.lock().unwrap().gated.insert(repository.into(), token.into());
    }

    /// Has the next answer about a path, of the files or `listing`, go wrong.
    pub(crate) fn fault(&self, path: &str, fault: Fault) {
        self.0.lock().unwrap().faults.entry(path.into()).or_default().push_back(fault);
    }

    /// Lists files without sizes and hashes, as some mirrors do.
    pub(crate) fn list_names_only(&self) {
        self.0.lock().unwrap().bare_listing = true;
    }

    /// Lists a file with another size, and with another hash if one is given.
    pub(crate) fn list(&self, path: &str, size: u64, sha256: Option<&str>) {
        self.0.lock().unwrap().listed.insert(path.into(), (size, sha256.map(Into::into)));
    }

    /// Every request so far, the first one first.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.0.lock().unwrap().seen.clone()
    }

    /// The requests for the content of one file.
    pub(crate) fn seen_for(&self, file: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.method == "GET" && seen.path.ends_with(file)).collect()
    }

    fn answer(&self, stream: TcpStream, at_hub: bool) -> std::io::Result<()> {
        let mut reader = BufReader::new(stream.try_clone()?);
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            let mut words = line.split(' ');
            let (method, target) = (words.next().unwrap_or("").to_owned(), words.next().unwrap_or("").to_owned());
            let mut headers = BTreeMap::new();
            loop {
                let mut line = String::new();
                reader.read_line(&mut line)?;
                match line.trim_end().split_once(": ") {
                    Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.to_owned()),
                    None => break,
                };
            }
            let seen = Seen {
                method,
                path: target.split('?').next().unwrap_or("").to_owned(),
                at_hub,
                authorization: headers.get("authorization").cloned(),
                range: headers.get("range").cloned(),
            };
            self.0.lock().unwrap().seen.push(seen.clone());
            let mut stream = stream.try_clone()?;
            if !self.respond(&seen, &mut stream)? {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return Ok(());
            }
        }
    }

    /// Answers a request, and says whether the connection stays.
    fn respond(&self, seen: &Seen, stream: &mut TcpStream) -> std::io::Result<bool> {
        let mut state = self.0.lock().unwrap();
        let (hub, cdn) = (state.hub.clone(), state.cdn.clone());
        if let Some(rest) = seen.path.strip_prefix("/api/models/") {
            let (repository, revision) = rest.split_once("/revision/").unwrap_or((rest, "main"));
            if let Some(fault) = state.take("listing")
                && let Some(kept) = simple(&fault, stream)?
            {
                return Ok(kept);
            }
            if let Some(status) = state.forbidden(repository, seen) {
                return head(stream, status.0, &[("X-Error-Code", status.1.to_owned())], 0).map(|()| true);
            }
            if !["main", "v1.0", COMMIT, "refs%2Fpr%2F1"].contains(&revision) {
                return head(stream, 404, &[("X-Error-Code", "RevisionNotFound".into())], 0).map(|()| true);
            }
            let body = state.listing(repository).to_string();
            head(stream, 200, &[], body.len())?;
            stream.write_all(body.as_bytes())?;
            return Ok(true);
        }
        let path = seen.path.trim_start_matches('/').to_owned();
        let (repository, rest) = path.split_once("/resolve/").unwrap_or((&path, ""));
        let (commit, file) = rest.split_once('/').unwrap_or(("", rest));
        if let Some(status) = state.forbidden(repository, seen).filter(|_| seen.at_hub) {
            return head(stream, status.0, &[("X-Error-Code", status.1.to_owned())], 0).map(|()| true);
        }
        let Some(mut content) = state.repositories.get(repository).and_then(|files| files.get(file)).cloned() else {
            return head(stream, 404, &[("X-Error-Code", "EntryNotFound".into())], 0).map(|()| true);
        };
        assert_eq!(commit, COMMIT, "files are asked for by their commit");

        let large = is_large(file);
        let tag = format!("\"{}\"", if large { sha256(&content) } else { git_blob(&content) });
        if large && seen.at_hub {
            let mut headers = vec![
                ("Location", format!("{cdn}{}", seen.path)),
                ("X-Linked-Etag", tag),
                ("X-Linked-Size", content.len().to_string()),
                ("X-Repo-Commit", COMMIT.to_owned()),
            ];
            if let Some(Fault::Redirect(address)) = state.take(&format!("redirect {file}")) {
                headers[0].1 = address;
            }
            if let Some(Fault::Headers(other)) = state.take(&format!("headers {file}")) {
                headers.retain(|(name, _)| !other.iter().any(|(other, _)| other == name));
                headers.extend(other);
            }
            return head(stream, 302, &headers, 0).map(|()| true);
        }
        let fault = if seen.method == "GET" { state.take(file) } else { None };
        drop(state);
        let _ = hub;
        if let Some(kept) = fault.as_ref().map(|fault| simple(fault, stream)).transpose()?.flatten() {
            return Ok(kept);
        }

        let start: Option<usize> =
            seen.range.as_deref().and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok());
        let start = start.filter(|_| !matches!(fault, Some(Fault::IgnoreRange | Fault::RestartAndCutAfter(_))));
        let mut headers = vec![("ETag", tag), ("X-Repo-Commit", COMMIT.to_owned())];
        if !seen.at_hub {
            headers.clear();
            headers.push(("ETag", "\"of the network's own\"".to_owned()));
        }
        let whole = content.len();
        if matches!(fault, Some(Fault::WrongContent)) {
            content.iter_mut().for_each(|byte| *byte ^= 1);
        }
        let status = match start {
            Some(start) if start >= whole => {
                return head(stream, 416, &[], 0).map(|()| true);
            }
            Some(start) => {
                headers.push(("Content-Range", format!("bytes {start}-{}/{whole}", whole - 1)));
                content.drain(..start);
                206
            }
            None => 200,
        };
        if matches!(fault, Some(Fault::TooMuch)) {
            headers.push(("Transfer-Encoding", "chunked".into()));
            head_without_length(stream, status, &headers)?;
            let more = [content.as_slice(), &[0; 10_000]].concat();
            write!(stream, "{:x}\r\n", more.len())?;
            stream.write_all(&more)?;
            stream.write_all(b"\r\n0\r\n\r\n")?;
            return Ok(false);
        }
        head(stream, status, &headers, content.len())?;
        if seen.method == "HEAD" {
            return Ok(true);
        }
        match fault {
            Some(Fault::CutAfter(bytes) | Fault::RestartAndCutAfter(bytes)) => {
                stream.write_all(&content[..bytes.min(content.len())])?;
                return Ok(false);
            }
            Some(Fault::Slow(pause)) => {
                for piece in content.chunks(1024) {
                    thread::sleep(pause);
                    stream.write_all(piece)?;
                }
            }
            Some(Fault::Stall(pause)) => {
                stream.write_all(&content[..content.len() / 2])?;
                thread::sleep(pause);
                return Ok(false);
            }
            _ => stream.write_all(&content)?,
        }
        Ok(true)
    }
}

/// Faults that need nothing of the file.
fn simple(fault: &Fault, stream: &mut TcpStream) -> std::io::Result<Option<bool>> {
    match fault {
        Fault::Status(status, headers) => head(stream, *status, headers, 0).map(|()| Some(true)),
        Fault::Redirect(address) => head(stream, 302, &[("Location", address.clone())], 0).map(|()| Some(true)),
        Fault::Drop => Ok(Some(false)),
        _ => Ok(None),
    }
}

fn head(stream: &mut TcpStream, status: u16, headers: &[(&str, String)], length: usize) -> std::io::Result<()> {
    let length = ("Content-Length", length.to_string());
    head_without_length(stream, status, &[headers, &[length]].concat())
}

fn head_without_length(stream: &mut TcpStream, status: u16, headers: &[(&str, String)]) -> std::io::Result<()> {
    let mut text = format!("HTTP/1.1 {status} Status\r\n");
    for (name, value) in headers {
        text += &format!("{name}: {value}\r\n");
    }
    stream.write_all((text + "\r\n").as_bytes())
}

impl State {
    fn take(&mut self, path: &str) -> Option<Fault> {
        self.faults.get_mut(path)?.pop_front()
    }

    fn forbidden(&self, repository: &str, seen: &Seen) -> Option<(u16, &'static str)> {
        if let Some(token) = self.gated.get(repository) {
            return match &seen.authorization {
                None => Some((401, "GatedRepo")),
                Some(given) if *given != format!("Bearer {token}") => Some((403, "GatedRepo")),
                Some(_) => None,
            };
        }
        // As the hub does it: who is not known is not told what there is not.
        let known = self.repositories.contains_key(repository);
        (!known).then_some(if seen.authorization.is_some() { (404, "RepoNotFound") } else { (401, "RepoNotFound") })
    }

    fn listing(&self, repository: &str) -> serde_json::Value {
        let files = &self.repositories[repository];
        let sibling = |(path, content): (&String, &Vec<u8>)| {
            if self.bare_listing {
                return json!({ "rfilename": path });
            }
            let mut size = content.len() as u64;
            let mut digest = sha256(content);
            if let Some((other, sha256)) = self.listed.get(path) {
                size = *other;
                digest = sha256.clone().unwrap_or(digest);
            }
            let mut sibling = json!({ "rfilename": path, "size": size, "blobId": git_blob(content) });
            if is_large(path) {
                sibling["lfs"] = json!({ "sha256": digest, "size": size, "pointerSize": 134 });
            }
            sibling
        };
        json!({
            "id": repository, "sha": COMMIT, "private": false, "pipeline_tag": "text-classification",
            "siblings": files.iter().map(sibling).collect::<Vec<_>>(),
        })
    }
}

/// What the hub keeps in Git LFS.
fn is_large(path: &str) -> bool {
    [".safetensors", ".onnx", "_data", ".bin"].iter().any(|end| path.ends_with(end))
}

pub(crate) fn sha256(content: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn git_blob(content: &[u8]) -> String {
    use sha1::Digest;
    let mut hasher = sha1::Sha1::new_with_prefix(format!("blob {}\0", content.len()));
    hasher.update(content);
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
