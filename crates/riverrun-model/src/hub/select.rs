//! Which files of a repository are fetched. Everything else is not, whatever it is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::listing::Listing;
use super::reference::HubReference;
use crate::error::{Error, Result};
use crate::format::ModelFormat;
use crate::source::hugging_face::{MODULES, TOKENIZER, WEIGHTS, WEIGHTS_INDEX, companions};
use crate::source::onnx::NAME_AN_ONNX_FILE;
use crate::source::pickle::{self, has_extension, is_pickle, is_surely_pickle};

/// What holds the weights.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Weights {
    /// One safetensors file.
    Safetensors,
    /// Several, which an index names.
    Shards,
    /// An ONNX graph, and what it names.
    Onnx(String),
}

impl Weights {
    pub(super) fn format(&self) -> ModelFormat {
        match self {
            Self::Onnx(_) => ModelFormat::Onnx,
            _ => ModelFormat::Safetensors,
        }
    }
}

/// What holds the weights of a repository: safetensors where there are any, unless `format` or `file` ask for ONNX.
pub(super) fn weights(
    listing: &Listing, reference: &HubReference, format: Option<ModelFormat>, file: Option<&str>,
) -> Result<Weights> {
    let has = |path: &str| listing.find(path).is_some();
    let missing = |file: &str, advice: &'static str| Error::MissingFile {
        directory: PathBuf::from(reference.to_string()),
        file: file.to_owned(),
        advice,
    };
    if let Some(file) = file {
        if !has_extension(file, &["onnx"]) || !has(file) {
            return Err(missing(file, NAME_AN_ONNX_FILE));
        }
        return Ok(Weights::Onnx(file.to_owned()));
    }
    if format != Some(ModelFormat::Onnx) {
        let found = has(WEIGHTS).then_some(Weights::Safetensors).or(has(WEIGHTS_INDEX).then_some(Weights::Shards));
        if let Some(found) = found {
            if !has(TOKENIZER) {
                return Err(missing(TOKENIZER, NO_TOKENIZER));
            }
            return Ok(found);
        }
    }
    if format != Some(ModelFormat::Safetensors) {
        let graphs: Vec<&str> =
            listing.files.iter().map(|file| file.path.as_str()).filter(|path| has_extension(path, &["onnx"])).collect();
        let usual = ["model.onnx", "onnx/model.onnx"].into_iter().find(|path| has(path));
        match (usual, graphs.as_slice()) {
            (Some(usual), _) => return Ok(Weights::Onnx(usual.to_owned())),
            (None, [only]) => return Ok(Weights::Onnx((*only).to_owned())),
            (None, []) => {}
            (None, several) => {
                return Err(Error::SeveralModels {
                    directory: PathBuf::from(reference.to_string()),
                    files: format!("{} (`--file` chooses)", several.join(", ")),
                });
            }
        }
    }
    let mut pickles: Vec<&str> =
        listing.files.iter().map(|file| file.path.as_str()).filter(|path| is_pickle(path)).collect();
    pickles.sort_by_key(|path| !path.starts_with("pytorch_model"));
    Err(match pickles.first() {
        Some(pickle) => pickle_only(reference, pickle),
        None => missing(
            WEIGHTS,
            "Riverrun runs models in safetensors and ONNX: pull another repository, or another revision",
        ),
    })
}

const NO_TOKENIZER: &str = "this repository has only a tokenizer in Python's form: load it with \
    `transformers.AutoTokenizer`, `save_pretrained` it beside the downloaded model, and import that directory";

fn pickle_only(reference: &HubReference, pickle: &str) -> Error {
    let repository = reference.repository();
    let directory = Path::new(repository.rsplit('/').next().unwrap_or(repository));
    pickle::of_repository(PathBuf::from(format!("{reference}/{pickle}")), repository, reference.revision(), directory)
}

/// The small files that belong to the model, whatever holds its weights.
pub(super) fn beside(listing: &Listing) -> BTreeSet<String> {
    let root: BTreeMap<String, u64> = listing
        .files
        .iter()
        .filter(|file| !file.path.contains('/'))
        .map(|file| (file.path.clone(), file.size.unwrap_or(0)))
        .collect();
    companions(&root)
}

/// The files of a module of `sentence-transformers`, of those that are there.
pub(super) fn of_module(listing: &Listing, directory: &str) -> Vec<String> {
    let wanted = ["config.json", "model.safetensors"].map(|file| format!("{directory}/{file}"));
    wanted.into_iter().filter(|path| listing.find(path).is_some()).collect()
}

/// Whether the repository says of which modules it is.
pub(super) fn has_modules(listing: &Listing) -> bool {
    listing.find(MODULES).is_some()
}

/// A file that a graph names as the place of its weights, if it may be fetched.
pub(super) fn external(listing: &Listing, reference: &HubReference, path: &str) -> Result<()> {
    if is_surely_pickle(path) {
        return Err(pickle_only(reference, path));
    }
    match listing.find(path) {
        Some(_) => Ok(()),
        None => Err(Error::MissingFile {
            directory: PathBuf::from(reference.to_string()),
            file: path.to_owned(),
            advice: "its ONNX file keeps weights in it: tell whoever published it",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::listing::RemoteFile;

    fn listing(paths: &[&str]) -> Listing {
        let file = |path: &&str| RemoteFile { path: (*path).to_owned(), size: Some(1), digest: None };
        Listing { commit: "0".repeat(40), task: None, files: paths.iter().map(file).collect() }
    }

    fn chosen(paths: &[&str], format: Option<ModelFormat>, file: Option<&str>) -> Result<Weights, String> {
        let reference = "hf:org/name".parse().unwrap();
        weights(&listing(paths), &reference, format, file).map_err(|error| error.to_string())
    }

    #[test]
    fn safetensors_come_first_and_onnx_where_it_is_asked_for_or_alone() {
        let both = ["config.json", "tokenizer.json", "model.safetensors", "onnx/model.onnx", "onnx/model_int8.onnx"];
        let graphs = ["config.json", "onnx/model.onnx", "onnx/model_int8.onnx", "pytorch_model.bin"];
        let onnx = |path: &str| Ok(Weights::Onnx(path.to_owned()));

        assert_eq!(chosen(&both, None, None), Ok(Weights::Safetensors));
        assert_eq!(chosen(&both, Some(ModelFormat::Onnx), None), onnx("onnx/model.onnx"));
        assert_eq!(chosen(&both, None, Some("onnx/model_int8.onnx")), onnx("onnx/model_int8.onnx"));
        assert_eq!(chosen(&graphs, None, None), onnx("onnx/model.onnx"));
        assert_eq!(chosen(&["tokenizer.json", WEIGHTS_INDEX], None, None), Ok(Weights::Shards));
    }

    #[test]
    fn what_cannot_be_pulled_is_refused_with_what_to_do() {
        let pickle = chosen(&["config.json", "training_args.bin", "pytorch_model.bin"], None, None).unwrap_err();
        let nothing = chosen(&["README.md"], None, None).unwrap_err();
        let several = chosen(&["a.onnx", "b.onnx"], None, None).unwrap_err();
        let tokenizer = chosen(&["model.safetensors", "config.json"], None, None).unwrap_err();
        let file = chosen(&["model.safetensors"], None, Some("pytorch_model.bin")).unwrap_err();

        assert!(pickle.starts_with("hf:org/name/pytorch_model.bin is a Python pickle"), "{pickle}");
        assert!(
            pickle.contains("from_pretrained('org/name'") && pickle.contains("safe_serialization=True"),
            "{pickle}"
        );
        assert!(nothing.contains("has no model.safetensors"), "{nothing}");
        assert!(several.contains("a.onnx, b.onnx") && several.contains("--file"), "{several}");
        assert!(tokenizer.contains("has no tokenizer.json"), "{tokenizer}");
        assert!(file.contains("has no pytorch_model.bin"), "{file}");
    }

    #[test]
    fn only_what_belongs_to_the_model_is_fetched_beside_the_weights() {
        let listing = listing(&[
            "README.md",
            "config.json",
            "flax_model.msgpack",
            "modeling_custom.py",
            "pytorch_model.bin",
            "rust_model.ot",
            "tf_model.h5",
            "tokenizer.json",
            "vocab.txt",
            "onnx/config.json",
            ".gitattributes",
            "run.sh",
        ]);

        let files: Vec<_> = beside(&listing).into_iter().collect();

        assert_eq!(files, ["README.md", "config.json", "tokenizer.json", "vocab.txt"]);
    }
}
