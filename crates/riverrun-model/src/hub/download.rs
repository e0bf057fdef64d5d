//! Bringing one file into the cache: whole, and the one that the hub lists.

use std::fs::{self, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use ureq::http::HeaderMap;

use super::cache::RepositoryCache;
use super::client::{Answer, Client, Trouble, escape, text};
use super::digest::RemoteDigest;
use super::listing::RemoteFile;
use super::reference::HubReference;
use crate::archive::ArchiveLimits;
use crate::error::{At, Error, Result};
use crate::source::hugging_face::most_bytes;

/// How much of a file is in memory at a time, in bytes.
const PIECE: usize = 256 * 1024;

/// Fetches files of one commit.
pub(super) struct Downloader<'a> {
    pub(super) client: &'a Client<'a>,
    pub(super) cache: &'a RepositoryCache,
    pub(super) reference: &'a HubReference,
    pub(super) commit: &'a str,
    pub(super) limits: &'a ArchiveLimits,
    /// How many bytes were fetched or found so far.
    pub(super) total: u64,
}

/// A file of which size and hash are known.
struct Expected<'a> {
    path: &'a str,
    size: u64,
    digest: RemoteDigest,
}

impl Downloader<'_> {
    /// Has a file in the cache, and gives its place there.
    pub(super) fn fetch(&mut self, file: &RemoteFile) -> Result<PathBuf> {
        let expected = self.expected(file)?;
        if let Some(most) = most_bytes(expected.path).filter(|most| expected.size > *most) {
            let problem = format!("has {} bytes, and a file of its name at most {most}", expected.size);
            return Err(self.distrusted(&expected, problem));
        }
        self.total = self.total.saturating_add(expected.size);
        if self.total > self.limits.bytes {
            let file = format!("{}/{}", self.reference, file.path);
            return Err(Error::TooLarge { file, most: self.limits.bytes });
        }
        self.cache.prepare()?;
        if !self.has(&expected)? {
            let _lock = self.cache.lock(&expected.digest)?;
            // Another may have fetched it while we waited.
            if !self.has(&expected)? {
                self.download(&expected)?;
            }
        }
        self.cache.link(self.commit, expected.path, &expected.digest)?;
        Ok(self.cache.snapshot(self.commit).join(expected.path))
    }

    fn distrusted(&self, file: &Expected<'_>, problem: String) -> Error {
        Error::HubAnswer { file: format!("{}/{}", self.reference, file.path), problem }
    }

    /// Size and hash of a file: from the listing, or else from the file's own headers.
    fn expected<'b>(&self, file: &'b RemoteFile) -> Result<Expected<'b>> {
        if let (Some(size), Some(digest)) = (file.size, &file.digest) {
            return Ok(Expected { path: &file.path, size, digest: digest.clone() });
        }
        let headers = self
            .client
            .persist(|| self.client.head(self.reference.repository(), &self.address(&file.path), &file.path))?;
        let size = file.size.or_else(|| size_of(&headers));
        let digest = file.digest.clone().or_else(|| digest_of(&headers));
        match (size, digest) {
            (Some(size), Some(digest)) => Ok(Expected { path: &file.path, size, digest }),
            _ => Err(Error::HubAnswer {
                file: format!("{}/{}", self.reference, file.path),
                problem: "comes without size and hash, so nothing could be verified".into(),
            }),
        }
    }

    /// The path of a file at the hub. The commit stands in it: a branch may move while we read.
    fn address(&self, path: &str) -> String {
        format!("/{}/resolve/{}/{}", self.reference.repository(), self.commit, escape(path))
    }

    /// Whether the cache has the file; one that is damaged is removed.
    fn has(&self, file: &Expected<'_>) -> Result<bool> {
        let blob = self.cache.blob(&file.digest);
        let Ok(there) = fs::metadata(&blob) else {
            return Ok(false);
        };
        if there.len() == file.size && file.digest.matches(&blob)? {
            self.client.progress().advance(file.size);
            return Ok(true);
        }
        fs::remove_file(&blob).at_outside("remove", &blob)?;
        Ok(false)
    }

    fn download(&self, file: &Expected<'_>) -> Result<()> {
        let (partial, blob) = (self.cache.partial(&file.digest), self.cache.blob(&file.digest));
        self.client.progress().advance(length(&partial).min(file.size));
        let mut failures = 0;
        let mut was_wrong = false;
        // The longest so far: a server that starts anew each time must not be waited for without end.
        let mut best = length(&partial);
        loop {
            while length(&partial) != file.size || !partial.exists() {
                if let Err(trouble) = self.attempt(file, &partial) {
                    let have = length(&partial);
                    if have > best {
                        (failures, best) = (0, have);
                    }
                    self.client.wait(trouble, &mut failures)?;
                }
            }
            if file.digest.matches(&partial)? {
                return fs::rename(&partial, &blob).at_outside("write", &blob);
            }
            fs::remove_file(&partial).at_outside("remove", &partial)?;
            // The part that was there before may have been bad; a file that is fetched in one go is what the hub sends.
            if was_wrong {
                let problem = format!("does not have the hash {} that the hub lists", file.digest.name());
                return Err(self.distrusted(file, problem));
            }
            was_wrong = true;
            best = 0;
            self.client.progress().notice(&format!("{} came with a wrong hash; fetching it again", file.path));
        }
    }

    /// One request for what is missing of a file.
    fn attempt(&self, file: &Expected<'_>, partial: &Path) -> Result<(), Trouble> {
        let mut have = length(partial);
        if have > file.size {
            fs::remove_file(partial).at_outside("remove", partial)?;
            have = 0;
        }
        let from = (have > 0).then_some(have);
        let answer = self.client.get(self.reference.repository(), &self.address(file.path), file.path, from)?;
        self.check(file, &answer, have)?;
        let mut output = OpenOptions::new().create(true).append(true).open(partial).at_outside("write", partial)?;
        if answer.status == 200 {
            output.set_len(0).at_outside("write", partial)?;
            have = 0;
        }
        let mut body = answer.body.into_reader();
        let mut piece = vec![0; PIECE];
        loop {
            let read = match body.read(&mut piece) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.cut(file, have, &error.to_string())),
            };
            if have + read as u64 > file.size {
                return Err(self
                    .distrusted(file, format!("is sent with more than the {} bytes it has", file.size))
                    .into());
            }
            output.write_all(&piece[..read]).at_outside("write", partial)?;
            have += read as u64;
            self.client.progress().advance(read as u64);
        }
        output.sync_all().at_outside("write", partial)?;
        if have < file.size {
            return Err(self.cut(file, have, "the connection was closed"));
        }
        Ok(())
    }

    fn cut(&self, file: &Expected<'_>, have: u64, why: &str) -> Trouble {
        let problem = format!("{} was cut off after {have} of {} bytes ({why})", file.path, file.size);
        Trouble::Passing { problem, wait: None }
    }

    /// Sees that the answer is about the file that the listing is about.
    fn check(&self, file: &Expected<'_>, answer: &Answer, have: u64) -> Result<()> {
        let hub = &answer.hub_headers;
        if let Some(commit) = text(hub, "x-repo-commit").filter(|commit| commit != self.commit) {
            return Err(self.distrusted(file, format!("is of the commit {}", commit.escape_debug())));
        }
        if let Some(digest) = digest_of(hub).filter(|digest| comparable(digest, &file.digest) && *digest != file.digest)
        {
            let problem = format!("has the hash {} and is listed with {}", digest.name(), file.digest.name());
            return Err(self.distrusted(file, problem));
        }
        let linked = text(hub, "x-linked-size").and_then(|size| size.parse().ok());
        let sent = text(&answer.headers, "content-length").and_then(|size| size.parse::<u64>().ok());
        let size = match answer.status {
            206 => {
                let range = text(&answer.headers, "content-range").unwrap_or_default();
                let (start, size) = parse_range(&range)
                    .ok_or_else(|| self.distrusted(file, format!("is sent in the range `{}`", range.escape_debug())))?;
                if start != have {
                    return Err(
                        self.distrusted(file, format!("is sent from byte {start} on, and {have} was asked for"))
                    );
                }
                size
            }
            _ => sent,
        };
        for size in [linked, size].into_iter().flatten() {
            if size != file.size {
                let problem = format!("has {size} bytes and is listed with {}", file.size);
                return Err(self.distrusted(file, problem));
            }
        }
        Ok(())
    }
}

/// Whether two hashes are of the same kind.
fn comparable(one: &RemoteDigest, other: &RemoteDigest) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}

/// The hash that the hub's headers tell: that of the content, where it lies elsewhere.
fn digest_of(headers: &HeaderMap) -> Option<RemoteDigest> {
    let header = |name| text(headers, name).and_then(|tag| RemoteDigest::parse(&tag));
    header("x-linked-etag").or_else(|| header("etag"))
}

fn size_of(headers: &HeaderMap) -> Option<u64> {
    let header = |name| text(headers, name)?.parse().ok();
    header("x-linked-size").or_else(|| header("content-length"))
}

/// The start of `bytes START-END/SIZE`, and the size where it is told.
fn parse_range(text: &str) -> Option<(u64, Option<u64>)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let size = if size == "*" { None } else { Some(size.parse().ok()?) };
    Some((start.parse().ok()?, size))
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}
