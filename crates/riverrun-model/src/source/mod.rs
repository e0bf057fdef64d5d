//! What of a directory or a file is imported, and what can be told about it.

pub(crate) mod bentoml;
pub(crate) mod hugging_face;
pub(crate) mod onnx;
pub(crate) mod pickle;
mod tabular;

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::error::{At, Error, Result};
use crate::format::ModelFormat;
use crate::metadata::{METADATA_FILE, Metadata, Signature};
use crate::relative_path::{self, DistinctPaths};
use crate::safetensors;
use crate::task::InferenceTask;
use hugging_face::{Architecture, CONFIG};

/// The files to import, found by their names and by what the small ones of them say.
#[derive(Debug)]
pub(crate) struct Contents {
    root: PathBuf,
    pub(crate) format: ModelFormat,
    /// The files to take, relative to the root, with `/` between the parts.
    pub(crate) files: BTreeSet<String>,
    /// Those of them that are safetensors.
    pub(crate) weights: BTreeSet<String>,
    /// The one of them that is the model, where one is.
    pub(crate) main: Option<String>,
    /// The pickles that lie beside and are left out.
    pub(crate) pickles: Vec<String>,
    /// What another store says about the model.
    pub(crate) origin: Origin,
}

/// What another store says about a model.
#[derive(Debug, Default)]
pub(crate) struct Origin {
    pub(crate) name: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) framework: Option<String>,
    pub(crate) task: Option<InferenceTask>,
    pub(crate) signatures: Vec<Signature>,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) metadata: toml::Table,
}

impl Contents {
    /// Looks at what is at `path`, and takes it for `format`, and of ONNX files `main`, if these are given.
    ///
    /// The names of the files can be kept on every system, and none of them leads out of the model.
    pub(crate) fn scan(path: &Path, format: Option<ModelFormat>, main: Option<&str>) -> Result<Self> {
        let contents = Self::look(path, format, main)?;
        contents.check_names()?;
        Ok(contents)
    }

    fn look(path: &Path, format: Option<ModelFormat>, main: Option<&str>) -> Result<Self> {
        let kind = fs::metadata(path).at_outside("read", path)?;
        if !kind.is_dir() {
            return Self::scan_file(path, format);
        }
        let format = match format {
            Some(format) => format,
            None if bentoml::is_in(path) => return bentoml::scan(path),
            None => Self::format_of(path)?,
        };
        match format {
            ModelFormat::Safetensors => hugging_face::scan(path),
            ModelFormat::Onnx => onnx::scan_directory(path, main),
            ModelFormat::Xgboost | ModelFormat::Lightgbm => {
                Err(Error::NotAModel { path: path.to_owned(), advice: "give the file itself, not its directory" })
            }
        }
    }

    /// What a directory is taken for that is laid out as a repository of the hub.
    pub(crate) fn format_of(directory: &Path) -> Result<ModelFormat> {
        let is_onnx = !hugging_face::has_weights(directory)? && onnx::is_in(directory)?;
        Ok(if is_onnx { ModelFormat::Onnx } else { ModelFormat::Safetensors })
    }

    fn scan_file(path: &Path, format: Option<ModelFormat>) -> Result<Self> {
        let name = path
            .file_name()
            .and_then(|name| name.to_str())
            .ok_or_else(|| Error::UnusableName { path: path.to_owned(), problem: "its name is not UTF-8".into() })?;
        let root = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        if pickle::is_pickle(name) {
            return Err(hugging_face::pickle_only(root, name));
        }
        let format = match format {
            Some(format) => Some(format),
            None if pickle::has_extension(name, &["onnx"]) => Some(ModelFormat::Onnx),
            None => tabular::recognise(path)?,
        };
        match format {
            Some(ModelFormat::Onnx) => onnx::scan_file(root, name),
            Some(format @ (ModelFormat::Xgboost | ModelFormat::Lightgbm)) => Ok(tabular::scan_file(root, name, format)),
            Some(ModelFormat::Safetensors) => Err(Error::NotADirectory { path: path.to_owned() }),
            None => Err(Error::NotAModel { path: path.to_owned(), advice: WHAT_CAN_BE_IMPORTED }),
        }
    }

    /// Sees that the files can lie beside one another and beside the metadata, here and where an archive is unpacked.
    fn check_names(&self) -> Result<()> {
        let mut paths = DistinctPaths::default();
        let unusable = |path: &str, problem| Error::UnusableName { path: self.file(path), problem };
        paths.add(METADATA_FILE).map_err(|problem| unusable(METADATA_FILE, problem))?;
        for name in &self.files {
            relative_path::check(name).map_err(|problem| unusable(name, problem))?;
            if name.eq_ignore_ascii_case(METADATA_FILE) {
                return Err(unusable(name, format!("a model's own description is called {METADATA_FILE}")));
            }
            paths.add(name).map_err(|problem| unusable(name, problem))?;
        }
        Ok(())
    }

    /// Where one of the files is.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Looks into the copies at `staged`, writes what they say into `metadata`, and gives the model's class.
    ///
    /// The copies are looked at, not the originals: those may still change. Errors name the originals.
    pub(crate) fn inspect(&self, staged: &Path, metadata: &mut Metadata) -> Result<Option<String>> {
        for name in &self.weights {
            safetensors::check(&staged.join(name), &self.file(name))?;
        }
        let mut class = None;
        if self.files.contains(CONFIG) {
            let architecture = Architecture::read(&staged.join(CONFIG)).map_err(|error| match error {
                Error::UnusableFile { problem, .. } => Error::UnusableFile { path: self.file(CONFIG), problem },
                other => other,
            })?;
            metadata.task = architecture.task;
            metadata.framework = ModelFormat::Safetensors.framework().to_owned();
            class = architecture.class;
        }
        if let Some(main) = &self.main {
            let (copy, original) = (staged.join(main), self.file(main));
            match self.format {
                ModelFormat::Onnx => onnx::inspect(&copy, &original, main, &self.files, metadata)?,
                ModelFormat::Xgboost | ModelFormat::Lightgbm => {
                    tabular::inspect(&copy, &original, self.format, metadata)?;
                }
                ModelFormat::Safetensors => {}
            }
        }
        metadata.main.clone_from(&self.main);
        Ok(class)
    }
}

const WHAT_CAN_BE_IMPORTED: &str = "give a directory with config.json, tokenizer.json and model.safetensors, an ONNX \
    file or directory, a model of XGBoost (.json, .ubj) or LightGBM (.txt), a directory of BentoML's model store, or an \
    archive that `riverrun models export` wrote";

/// The regular files directly in a directory, links followed, with their sizes.
pub(crate) fn regular_files(directory: &Path) -> Result<BTreeMap<String, u64>> {
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(directory).at_outside("read", directory)? {
        let entry = entry.at_outside("read", directory)?;
        // A name that is not UTF-8 is none that is looked for; a link to nowhere is a file that is missing.
        let (Ok(name), Ok(metadata)) = (entry.file_name().into_string(), fs::metadata(entry.path())) else {
            continue;
        };
        if metadata.is_file() {
            files.insert(name, metadata.len());
        }
    }
    Ok(files)
}

/// The content of a file that is read into memory, which may have `most` bytes.
///
/// A size that was seen before may be another one by now, and some files have none.
pub(crate) fn read_small(path: &Path, most: u64) -> Result<Vec<u8>> {
    let mut content = Vec::new();
    File::open(path).and_then(|file| file.take(most + 1).read_to_end(&mut content)).at_outside("read", path)?;
    if content.len() as u64 > most {
        let problem = format!("it has more than the {most} bytes that a file of its name may have");
        return Err(Error::UnusableFile { path: path.to_owned(), problem });
    }
    Ok(content)
}
