//! ONNX files, and directories with one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::hugging_face::companions;
use super::pickle::{has_extension, is_surely_pickle};
use super::{Contents, Origin, regular_files};
use crate::error::{At, Error, Result};
use crate::format::ModelFormat;
use crate::metadata::{Metadata, Signature};
use crate::onnx;
use crate::relative_path;

/// Where exporters put the graph of a model of `transformers`.
const SUBDIRECTORY: &str = "onnx";
const USUAL_NAME: &str = "model.onnx";
/// What to do about a `--file` that is none of the ONNX files.
pub(crate) const NAME_AN_ONNX_FILE: &str = "name one of its .onnx files; `--file` is for these";

/// Whether a directory holds an ONNX file where one is looked for.
pub(crate) fn is_in(directory: &Path) -> Result<bool> {
    Ok(!candidates(directory)?.is_empty())
}

/// One ONNX file, with its external data.
pub(crate) fn scan_file(root: &Path, name: &str) -> Result<Contents> {
    contents(root, name.to_owned(), BTreeMap::new())
}

/// A directory with one ONNX file, or with several of which `main` is meant, and with what a model of `transformers` has
/// beside it.
pub(crate) fn scan_directory(directory: &Path, main: Option<&str>) -> Result<Contents> {
    if let Some(main) = main {
        // Before anything is read: it may name any file of this machine.
        if relative_path::check(main).is_err() || !has_extension(main, &["onnx"]) || !directory.join(main).is_file() {
            return Err(Error::MissingFile {
                directory: directory.to_owned(),
                file: main.escape_debug().to_string(),
                advice: NAME_AN_ONNX_FILE,
            });
        }
        return contents(directory, main.to_owned(), regular_files(directory)?);
    }
    let candidates = candidates(directory)?;
    let usual = |name: &&String| *name == USUAL_NAME || name.ends_with(&format!("/{USUAL_NAME}"));
    let main = match candidates.as_slice() {
        [] => {
            return Err(Error::MissingFile {
                directory: directory.to_owned(),
                file: USUAL_NAME.into(),
                advice: "write it with `optimum-cli export onnx --model MODEL DIR`, or give another directory",
            });
        }
        [only] => only,
        several => several
            .iter()
            .find(usual)
            .ok_or_else(|| Error::SeveralModels { directory: directory.to_owned(), files: several.join(", ") })?,
    };
    contents(directory, main.clone(), regular_files(directory)?)
}

/// The ONNX files of a directory, those beside `config.json` first.
fn candidates(directory: &Path) -> Result<Vec<String>> {
    let mut found: Vec<String> =
        regular_files(directory)?.into_keys().filter(|name| has_extension(name, &["onnx"])).collect();
    let subdirectory = directory.join(SUBDIRECTORY);
    if subdirectory.is_dir() {
        let below = regular_files(&subdirectory)?.into_keys().filter(|name| has_extension(name, &["onnx"]));
        found.extend(below.map(|name| format!("{SUBDIRECTORY}/{name}")));
    }
    Ok(found)
}

fn contents(root: &Path, main: String, beside: BTreeMap<String, u64>) -> Result<Contents> {
    let path = root.join(&main);
    let header = onnx::read(&path, &path)?;
    let mut files = companions(&beside);
    for location in &header.external {
        files.insert(external(root, &main, location)?);
    }
    files.insert(main.clone());
    Ok(Contents {
        root: root.to_owned(),
        format: ModelFormat::Onnx,
        files,
        weights: BTreeSet::new(),
        main: Some(main),
        pickles: beside.into_keys().filter(|name| is_surely_pickle(name)).collect(),
        origin: Origin::default(),
    })
}

/// Where external data lies that the graph in `main` names, relative to the root.
///
/// A graph could otherwise have any file of this machine taken into the store, and from there into an archive.
fn external(root: &Path, main: &str, location: &str) -> Result<String> {
    let graph = root.join(main);
    let relative = relative_to_root(main, location).map_err(|problem| Error::UnusableFile {
        path: graph.clone(),
        problem: format!("of its external data, {problem}"),
    })?;
    let file = root.join(&relative);
    if !file.is_file() {
        return Err(Error::MissingFile {
            directory: root.to_owned(),
            file: relative,
            advice: "the ONNX file keeps weights in it: put it beside the ONNX file",
        });
    }
    let real = fs::canonicalize(&file).at_outside("find", &file)?;
    if !homes(root)?.iter().any(|home| real.starts_with(home)) {
        return Err(Error::UnusableFile {
            path: file,
            problem: format!("it is a link to {}, outside the model's directory", real.display()),
        });
    }
    Ok(relative)
}

/// The path of external data relative to the root, where the graph names it relative to itself.
pub(crate) fn relative_to_root(main: &str, location: &str) -> Result<String, String> {
    let location = location.strip_prefix("./").unwrap_or(location);
    relative_path::check(location)?;
    Ok(match main.rsplit_once('/') {
        Some((directory, _)) => format!("{directory}/{location}"),
        None => location.to_owned(),
    })
}

/// Where the files of a model may really be: in its directory, or in the blobs of the cache of `huggingface_hub` that its
/// directory is a snapshot of.
fn homes(root: &Path) -> Result<Vec<PathBuf>> {
    let root = fs::canonicalize(root).at_outside("find", root)?;
    let mut homes = Vec::new();
    if let Some(snapshots) = root.parent().filter(|parent| parent.ends_with("snapshots")) {
        homes.extend(snapshots.parent().map(|repository| repository.join("blobs")));
    }
    homes.push(root);
    Ok(homes)
}

/// Writes what the copy of a graph declares into the metadata.
pub(crate) fn inspect(
    copy: &Path, original: &Path, main: &str, files: &BTreeSet<String>, metadata: &mut Metadata,
) -> Result<()> {
    let header = onnx::read(copy, original)?;
    let taken = |location: &String| relative_to_root(main, location).is_ok_and(|path| files.contains(&path));
    if !header.external.iter().all(taken) {
        return Err(Error::UnusableFile {
            path: original.to_owned(),
            problem: "it was changed while it was read".into(),
        });
    }
    metadata.inputs = header.inputs;
    metadata.outputs = header.outputs;
    if metadata.signatures.is_empty() {
        metadata.signatures.push(Signature::batchable("run"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::testing::model;

    fn directory(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            let path = directory.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        directory
    }

    #[test]
    fn a_graph_brings_its_external_data_and_what_its_tokenizer_needs() {
        let directory = directory(&[
            ("config.json", b"{}".to_vec()),
            ("tokenizer.json", b"{}".to_vec()),
            ("notes.txt", vec![]),
            ("onnx/model.onnx", model(Some("model.onnx_data"))),
            ("onnx/model.onnx_data", vec![0; 64]),
            ("onnx/model_int8.onnx", model(None)),
        ]);

        let contents = scan_directory(directory.path(), None).unwrap();

        let files: Vec<_> = contents.files.iter().map(String::as_str).collect();
        assert_eq!(files, ["config.json", "onnx/model.onnx", "onnx/model.onnx_data", "tokenizer.json"]);
        assert_eq!(contents.main.as_deref(), Some("onnx/model.onnx"));
    }

    #[test]
    fn external_data_that_is_missing_or_elsewhere_is_refused() {
        let refusal = |location: &str| {
            let directory = directory(&[("model.onnx", model(Some(location)))]);
            scan_directory(directory.path(), None).unwrap_err().to_string()
        };

        assert!(refusal("w.data").contains("has no w.data; "), "{}", refusal("w.data"));
        assert!(refusal("../../etc/passwd").contains("leaves the model"));
        assert!(refusal("/etc/passwd").contains("is absolute"));
        assert!(refusal("..\\..\\x").contains("contains `\\\\`"));
    }

    #[cfg(unix)]
    #[test]
    fn external_data_behind_a_link_stays_in_the_directory_or_its_cache() {
        use std::os::unix::fs::symlink;
        let secret = directory(&[("id_rsa", b"secret".to_vec())]);
        let hostile = directory(&[("model.onnx", model(Some("w.data")))]);
        symlink(secret.path().join("id_rsa"), hostile.path().join("w.data")).unwrap();
        let cache = directory(&[("blobs/ab", vec![0; 64]), ("snapshots/c0/model.onnx", model(Some("w.data")))]);
        let snapshot = cache.path().join("snapshots/c0");
        symlink("../../blobs/ab", snapshot.join("w.data")).unwrap();

        let refused = scan_directory(hostile.path(), None).unwrap_err().to_string();

        assert!(refused.contains("outside the model's directory"), "{refused}");
        assert!(scan_directory(&snapshot, None).unwrap().files.contains("w.data"));
    }

    #[test]
    fn of_several_graphs_the_usual_one_is_taken_or_the_choice_is_asked_for() {
        let two = [("a.onnx", model(None)), ("b.onnx", model(None))];
        let ambiguous = directory(&two);
        let usual = directory(&[two[0].clone(), ("model.onnx", model(None))]);

        let message = scan_directory(ambiguous.path(), None).unwrap_err().to_string();

        assert!(message.contains("a.onnx, b.onnx"), "{message}");
        assert_eq!(scan_directory(usual.path(), None).unwrap().main.as_deref(), Some("model.onnx"));
    }

    #[test]
    fn a_directory_without_a_graph_is_told_how_to_make_one() {
        let empty = directory(&[]);

        let message = scan_directory(empty.path(), None).unwrap_err().to_string();

        assert!(message.contains("has no model.onnx; ") && message.contains("optimum-cli"), "{message}");
    }
}
