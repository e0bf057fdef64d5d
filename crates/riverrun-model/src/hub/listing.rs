//! The files of a commit.

use serde::Deserialize;

use super::digest::RemoteDigest;
use crate::error::{Error, Result};
use crate::relative_path;
use crate::task::InferenceTask;

/// The files of one commit of a repository.
#[derive(Debug)]
pub(super) struct Listing {
    /// The commit, as 40 lower-case hexadecimal digits.
    pub(super) commit: String,
    pub(super) task: Option<InferenceTask>,
    pub(super) files: Vec<RemoteFile>,
}

/// A file on the hub, with what the listing says of it.
#[derive(Clone, Debug)]
pub(super) struct RemoteFile {
    pub(super) path: String,
    pub(super) size: Option<u64>,
    pub(super) digest: Option<RemoteDigest>,
}

#[derive(Deserialize)]
struct Answer {
    sha: String,
    #[serde(default)]
    pipeline_tag: Option<String>,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Sibling {
    rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    blob_id: Option<String>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Deserialize)]
struct Lfs {
    #[serde(default)]
    sha256: Option<String>,
    #[serde(default)]
    size: Option<u64>,
}

/// Whether a text is the name of a commit.
pub(super) fn is_commit(text: &str) -> bool {
    matches!(RemoteDigest::parse(text), Some(RemoteDigest::GitBlob(name)) if name == text)
}

impl Listing {
    /// Reads the hub's answer. Files whose paths lead elsewhere are as if they were not there.
    pub(super) fn parse(repository: &str, answer: &[u8]) -> Result<Self> {
        let unusable = |problem: String| Error::HubAnswer { file: repository.to_owned(), problem };
        let answer: Answer = serde_json::from_slice(answer)
            .map_err(|error| unusable(format!("is listed in a form that is not understood ({error})")))?;
        // It becomes the name of a directory.
        if !is_commit(&answer.sha) {
            return Err(unusable(format!("has `{}` for a commit", answer.sha.escape_debug())));
        }
        let file = |sibling: Sibling| {
            let lfs = sibling.lfs.unwrap_or(Lfs { sha256: None, size: None });
            let digest = lfs.sha256.or(sibling.blob_id).and_then(|digest| RemoteDigest::parse(&digest));
            RemoteFile { path: sibling.rfilename, size: lfs.size.or(sibling.size), digest }
        };
        let files = answer.siblings.into_iter().map(file).filter(|file| relative_path::check(&file.path).is_ok());
        Ok(Self {
            commit: answer.sha,
            task: answer.pipeline_tag.and_then(|task| task.parse().ok()),
            files: files.collect(),
        })
    }

    pub(super) fn find(&self, path: &str) -> Option<&RemoteFile> {
        self.files.iter().find(|file| file.path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_tells_size_and_hash_of_each_file_and_leaves_out_what_leads_elsewhere() {
        let sha256 = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";
        let commit = "ce013625030ba8dba906f756967f9e9ca394464a";
        let answer = serde_json::json!({
            "sha": commit, "pipeline_tag": "sentence-similarity", "private": false, "siblings": [
                {"rfilename": "config.json", "size": 6, "blobId": commit},
                {"rfilename": "model.safetensors", "size": 9, "blobId": commit, "lfs": {"sha256": sha256, "size": 9}},
                {"rfilename": "../../evil"}, {"rfilename": "/etc/passwd"}, {"rfilename": "README.md"},
            ],
        });

        let listing = Listing::parse("org/name", answer.to_string().as_bytes()).unwrap();

        let paths: Vec<_> = listing.files.iter().map(|file| file.path.as_str()).collect();
        assert_eq!(paths, ["config.json", "model.safetensors", "README.md"]);
        assert_eq!(listing.files[0].digest, RemoteDigest::parse(commit));
        assert_eq!(listing.files[1].digest, RemoteDigest::parse(sha256));
        assert_eq!((listing.files[2].size, &listing.files[2].digest), (None, &None));
        assert_eq!(listing.task, Some(InferenceTask::FeatureExtraction));
    }

    #[test]
    fn a_commit_that_would_be_a_path_is_refused() {
        for commit in ["../x", "main", "", "CE013625030BA8DBA906F756967F9E9CA394464A"] {
            let answer = serde_json::json!({"sha": commit}).to_string();
            assert!(Listing::parse("org/name", answer.as_bytes()).is_err(), "{commit}");
        }
        assert!(Listing::parse("org/name", b"<html>").is_err());
    }
}
