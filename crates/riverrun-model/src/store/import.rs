//! Bringing a model into the store.

use std::fs;
use std::path::Path;

use super::ModelStore;
use super::options::{ImportOptions, ImportWarning, Imported};
use super::staging::Staging;
use super::unique;
use crate::archive;
use crate::digest::{self, digest};
use crate::durable;
use crate::error::{At, Error, Result};
use crate::label;
use crate::metadata::{FileEntry, METADATA_FILE, Metadata, Signature};
use crate::model::Model;
use crate::source::{Contents, Origin};
use crate::tag::{LoweredTag, Tag, TagRef};

impl ModelStore {
    /// Brings what is at `path` into the store, whatever of the following it is.
    ///
    /// - A Hugging Face directory: `config.json`, `tokenizer.json`, and `model.safetensors` or
    ///   `model.safetensors.index.json` with all its shards. Taken along are the other tokenizer files, small JSON files,
    ///   the model card and the licence.
    /// - An ONNX file with its external data, or a directory with one.
    /// - A model of XGBoost (`.json`, `.ubj`) or LightGBM (`.txt`).
    /// - A directory of BentoML's model store; its name, version, labels and metadata are taken over.
    /// - An archive that [`export`](Self::export) wrote. See [`import_archive`](Self::import_archive).
    ///
    /// Links are followed and never copied as links. Readers see the new version whole or not at all.
    ///
    /// ```no_run
    /// use riverrun_model::{ImportOptions, ModelStore};
    ///
    /// let store = ModelStore::open_default()?;
    /// let imported = store.import("models/tweet-sentiment", ImportOptions::new("tweet-sentiment"))?;
    /// println!("imported {}", imported.model.tag());
    /// # Ok::<(), riverrun_model::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::PickleOnly`], [`Error::MissingFile`], [`Error::UnusableFile`], [`Error::NotAModel`] or
    /// [`Error::RefusedArchive`] when it is none of these, [`Error::NoName`] when neither it nor the options have a name,
    /// [`Error::AlreadyExists`] when the tag is taken, [`Error::Io`] when the disk is full or the store cannot be
    /// written. After an error the store is as it was.
    pub fn import(&self, path: impl AsRef<Path>, options: ImportOptions) -> Result<Imported> {
        let path = path.as_ref();
        if archive::is_archive(path)? {
            let file = fs::File::open(path).at("read", path)?;
            return self.import_archive(file, path, options);
        }
        self.import_files(path, options)
    }

    /// Copies a Hugging Face directory, or another one that [`import`](Self::import) knows, into the store.
    ///
    /// # Errors
    /// As [`import`](Self::import), and [`Error::NotADirectory`].
    pub fn import_directory(&self, directory: impl AsRef<Path>, options: ImportOptions) -> Result<Imported> {
        let directory = directory.as_ref();
        if fs::metadata(directory).at("read", directory)?.is_file() {
            return Err(Error::NotADirectory { path: directory.to_owned() });
        }
        self.import_files(directory, options)
    }

    /// Reads an archive that [`export`](Self::export) wrote, and brings its model into the store.
    ///
    /// An archive is refused whole if it has a path that leads elsewhere, a link, a device, two files that some file
    /// system takes for one, a file that its `model.toml` does not list, content that differs from what that lists, more
    /// than the limits of the options allow, or anything after its end. It is unpacked while it is read, so little of it
    /// is in memory, and it appears in the store when all of it was found to be right. `shown` is what errors call it.
    ///
    /// The name, the version, the labels and the metadata are the archive's, unless the options say otherwise.
    ///
    /// # Errors
    /// [`Error::RefusedArchive`], [`Error::OtherFormat`] when the options ask for another format than it has, and as
    /// [`import`](Self::import).
    pub fn import_archive(
        &self, reader: impl std::io::Read, shown: impl AsRef<Path>, options: ImportOptions,
    ) -> Result<Imported> {
        label::check(&options.labels)?;
        let staging = Staging::create(self, &self.lock()?)?;
        let staged = staging.model()?;
        let mut metadata =
            archive::unpack(Box::new(reader), shown.as_ref(), &staged, &options.limits, &*options.progress)?;
        if let Some(asked) = options.format.filter(|asked| *asked != metadata.format) {
            return Err(Error::OtherFormat { path: shown.as_ref().to_owned(), format: metadata.format, asked });
        }
        let own =
            Origin { name: Some(metadata.name.clone()), version: Some(metadata.version.clone()), ..Origin::default() };
        let (tag, lowered) = tag_of(&options, &own, shown.as_ref())?;
        metadata.name = tag.name().to_owned();
        metadata.version = tag.version().to_owned();
        metadata.task = options.task.or(metadata.task);
        metadata.labels.extend(options.labels);
        metadata.metadata.extend(options.metadata);
        let model = self.publish(&staging, tag, metadata, options.promote)?;
        Ok(Imported { model, warnings: lowered.map(ImportWarning::Lowered).into_iter().collect() })
    }

    pub(crate) fn import_files(&self, path: &Path, options: ImportOptions) -> Result<Imported> {
        label::check(&options.labels)?;
        let mut source = Contents::scan(path, options.format, options.main.as_deref())?;
        let origin = std::mem::take(&mut source.origin);
        let (tag, lowered) = tag_of(&options, &origin, path)?;
        if self.has(&tag) {
            return Err(self.already_exists(tag, digest_all(&source)?));
        }
        let staging = Staging::create(self, &self.lock()?)?;
        let staged = staging.model()?;

        let size = |name: &String| fs::metadata(source.file(name)).map_or(0, |metadata| metadata.len());
        options.progress.begin("copying", Some(source.files.iter().map(size).sum()));
        let mut files = Vec::new();
        for name in &source.files {
            let target = staged.join(name);
            if let Some(directory) = target.parent() {
                durable::create_directory(directory)?;
            }
            let digest = digest::copy(&source.file(name), &target, &*options.progress)?;
            files.push(FileEntry::new(name, digest));
        }
        let mut metadata = Metadata::new(&tag, source.format, files);
        metadata.signatures = origin.signatures;
        let class = source.inspect(&staged, &mut metadata)?;
        metadata.task = options.task.or(origin.task).or(metadata.task).or(options.fallback_task);
        if metadata.signatures.is_empty() {
            metadata.signatures.extend(metadata.task.map(|_| Signature::batchable("predict")));
        }
        if let Some(framework) = origin.framework {
            metadata.framework = framework;
        }
        metadata.labels = origin.labels;
        metadata.labels.extend(options.labels);
        metadata.metadata = origin.metadata;
        metadata.metadata.extend(options.metadata);

        let mut warnings = Vec::from_iter(lowered.map(ImportWarning::Lowered));
        warnings.extend(source.pickles.iter().map(|name| ImportWarning::PickleLeftOut { file: source.file(name) }));
        // An ONNX graph without a configuration is called by its inputs and outputs.
        if metadata.task.is_none() && (class.is_some() || source.files.contains(crate::source::hugging_face::CONFIG)) {
            warnings.push(ImportWarning::UnknownTask { architecture: class });
        }
        let model = self.publish(&staging, tag, metadata, options.promote)?;
        Ok(Imported { model, warnings })
    }

    /// Makes a staged version, all but its metadata, part of the store.
    pub(super) fn publish(&self, staging: &Staging, tag: Tag, metadata: Metadata, promote: bool) -> Result<Model> {
        let staged = staging.model()?;
        // Those of a directory of another store too.
        label::check(&metadata.labels)?;
        durable::write(&staged.join(METADATA_FILE), metadata.to_toml(&tag)?.as_bytes())?;
        // What cannot be read again must not get into the store.
        Metadata::read(&tag, &staged)?;
        let lock = self.lock()?;
        if self.has(&tag) {
            return Err(self.already_exists(tag, metadata.files));
        }
        staging.publish(self, &tag, promote, &lock)?;
        drop(lock);
        Model::read(tag.clone(), self.version_path(&tag))
    }

    fn already_exists(&self, tag: Tag, mut files: Vec<FileEntry>) -> Error {
        files.sort_by(|a, b| a.path.cmp(&b.path));
        let stored = Metadata::read(&tag, &self.version_path(&tag));
        let identical = stored.is_ok_and(|stored| stored.files == files);
        Error::AlreadyExists { tag, identical }
    }
}

/// The tag to import under: what the options say, or else what the model brings.
pub(super) fn tag_of(options: &ImportOptions, own: &Origin, path: &Path) -> Result<(Tag, Option<LoweredTag>)> {
    let given = options.name.as_ref();
    let name = given.or(own.name.as_ref()).ok_or_else(|| Error::NoName { path: path.to_owned() })?;
    match options.version.as_ref().or(own.version.as_ref()) {
        Some(version) => {
            let tag = Tag::new(name, version)?;
            let lowered = LoweredTag::of(&format!("{name}:{version}"));
            Ok((tag, lowered))
        }
        None => {
            // Without a version of its own, so that a wrong name is reported as it was given.
            let reference = TagRef::latest(name)?;
            let tag = Tag::new(reference.name(), &unique::version())?;
            Ok((tag, LoweredTag::of(name)))
        }
    }
}

fn digest_all(source: &Contents) -> Result<Vec<FileEntry>> {
    source.files.iter().map(|name| Ok(FileEntry::new(name, digest(&source.file(name))?))).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::staging;
    use super::super::testing::{a_model, import};
    use super::*;
    use crate::{InferenceTask, ModelFormat};

    #[test]
    fn the_tweet_sentiment_model_is_imported_whole() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../models/tweet-sentiment");
        let options =
            ImportOptions::new("Tweet-Sentiment").version("1.0").label("stage", "test").metadata("accuracy", 0.7);

        let imported = store.import_directory(source, options).unwrap();

        let model = store.get(&"tweet-sentiment".parse().unwrap()).unwrap();
        assert_eq!(model, imported.model);
        assert_eq!(model.tag().to_string(), "tweet-sentiment:1.0");
        model.verify().unwrap();
        let metadata = model.metadata();
        assert_eq!(metadata.task, Some(InferenceTask::TextClassification));
        assert_eq!(metadata.signatures, [Signature::batchable("predict")]);
        assert_eq!(metadata.labels["stage"], "test");
        assert_eq!(metadata.metadata["accuracy"].as_float(), Some(0.7));
        assert!(metadata.size() > 5_000_000);
        assert!(model.verified_file("model.safetensors").unwrap().is_file());
        assert!(matches!(imported.warnings.as_slice(), [ImportWarning::Lowered(_)]));
    }

    #[test]
    fn importing_over_a_tag_says_whether_the_content_is_the_same() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = a_model();
        import(&store, source.path(), "bert:1");
        let again = || {
            let options = ImportOptions::new("bert").version("1");
            store.import_directory(source.path(), options).unwrap_err().to_string()
        };

        let identical = again();
        fs::write(source.path().join("README.md"), "other").unwrap();
        let different = again();

        assert!(identical.starts_with("`bert:1` is already in the store, with identical content; "), "{identical}");
        assert!(different.contains("with different content"), "{different}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_never_copied_as_links() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let blobs = a_model();
        let snapshot = tempfile::tempdir().unwrap();
        for name in ["config.json", "tokenizer.json", "model.safetensors"] {
            let link = snapshot.path().join(name);
            std::os::unix::fs::symlink(blobs.path().join(name), link).unwrap();
        }

        let model = import(&store, snapshot.path(), "bert:1");

        for file in &model.metadata().files {
            let kind = fs::symlink_metadata(model.path().join(&file.path)).unwrap();
            assert!(kind.is_file(), "{}", file.path);
        }
    }

    #[test]
    fn an_import_that_goes_wrong_leaves_the_store_as_it_was() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = a_model();
        fs::write(source.path().join("model.safetensors"), "not weights at all").unwrap();

        let error = store.import_directory(source.path(), ImportOptions::new("bert")).unwrap_err();

        assert!(
            error
                .to_string()
                .starts_with(&format!("{} is not usable", source.path().join("model.safetensors").display())),
            "{error}"
        );
        assert!(!staging::is_used(&store) && store.list().unwrap().is_empty());
    }

    #[test]
    fn pickles_beside_safetensors_are_left_out_with_a_warning() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = a_model();
        fs::write(source.path().join("pytorch_model.bin"), "x").unwrap();

        let imported = store.import_directory(source.path(), ImportOptions::new("bert")).unwrap();

        assert!(imported.model.file("pytorch_model.bin").is_err());
        assert!(!imported.model.path().join("pytorch_model.bin").exists());
        assert!(
            imported.warnings[0].to_string().contains("pytorch_model.bin was left out"),
            "{}",
            imported.warnings[0]
        );
    }

    #[test]
    fn a_directory_of_bentoml_is_imported_with_all_it_says_and_without_its_pickles() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let saved = tempfile::tempdir().unwrap();
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        for from in [here.join("tests/fixtures/bentoml"), here.join("../../models/tweet-sentiment")] {
            for entry in fs::read_dir(from).unwrap() {
                let path = entry.unwrap().path();
                fs::copy(&path, saved.path().join(path.file_name().unwrap())).unwrap();
            }
        }
        fs::remove_file(saved.path().join("make.py")).unwrap();

        let imported = store.import(saved.path(), ImportOptions::default().label("stage", "production")).unwrap();

        let metadata = imported.model.metadata();
        assert_eq!(imported.model.tag().to_string(), "sentiment-pipe:ownrzzhjjwcluax4");
        assert_eq!(metadata.task, Some(InferenceTask::TextClassification));
        assert_eq!(metadata.signatures, ["__call__", "predict"].map(Signature::batchable));
        assert_eq!(metadata.labels["owner"], "nlp_team");
        assert_eq!(metadata.labels["stage"], "production");
        assert_eq!(metadata.metadata["data"]["splits"][1].as_integer(), Some(2));
        assert_eq!(metadata.metadata["source"]["bentoml"].as_str(), Some("1.1.11"));
        let warnings: Vec<_> = imported.warnings.iter().map(ToString::to_string).collect();
        assert!(warnings.len() == 2 && warnings[0].contains("custom_objects.pkl was left out"), "{warnings:?}");
        for file in ["custom_objects.pkl", "pipeline.v2.pkl", "model.yaml"] {
            assert!(!imported.model.path().join(file).exists());
        }
    }

    #[test]
    fn a_label_of_bentoml_that_could_not_be_removed_again_is_refused() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let saved = a_model();
        let description = "{name: bert, version: a1, module: bentoml.transformers, labels: {a: \"\\e[2J\"}}";
        fs::write(saved.path().join("model.yaml"), description).unwrap();

        let error = store.import(saved.path(), ImportOptions::default()).unwrap_err();

        assert!(matches!(error, Error::InvalidLabel { .. }) && !error.to_string().contains('\u{1b}'), "{error}");
        assert!(!staging::is_used(&store) && store.list().unwrap().is_empty());
    }

    #[test]
    fn a_format_that_is_asked_for_is_kept_to_whatever_lies_beside() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = a_model();
        fs::write(source.path().join("model.yaml"), "name: stray\n").unwrap();
        let archive = home.path().join("bert.tar.zst");
        let options = || ImportOptions::new("bert").version("1");

        let unasked = store.import(source.path(), options()).unwrap_err();
        let asked = store.import(source.path(), options().format(ModelFormat::Safetensors)).unwrap();
        store.export(&"bert:1".parse().unwrap(), &archive, crate::ExportOptions::new()).unwrap();
        let again = |format| store.import(&archive, ImportOptions::new("again").version("1").format(format));
        let other = again(ModelFormat::Onnx).unwrap_err();

        assert!(unasked.to_string().contains("model.yaml is not usable"), "{unasked}");
        assert_eq!(asked.model.metadata().files.len(), 3);
        assert!(other.to_string().contains("has a model in safetensors, and onnx was asked for"), "{other}");
        assert!(!staging::is_used(&store) && store.list().unwrap().len() == 1);
        again(ModelFormat::Safetensors).unwrap();
    }

    #[test]
    fn an_onnx_file_is_imported_with_its_inputs_and_outputs() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/onnx/crayfish-ffnn.onnx");

        let imported = store.import(file, ImportOptions::new("crayfish")).unwrap();
        let unnamed = store.import(file, ImportOptions::default()).unwrap_err();

        let metadata = imported.model.metadata();
        assert_eq!((metadata.format, metadata.framework.as_str()), (ModelFormat::Onnx, "onnx"));
        assert_eq!(metadata.main.as_deref(), Some("crayfish-ffnn.onnx"));
        assert_eq!(metadata.inputs[0].to_string(), "input: float32 [batch_size, 1, 784]");
        assert_eq!(metadata.outputs[0].to_string(), "output: float32 [batch_size, 10]");
        assert_eq!(imported.model, store.get(&"crayfish".parse().unwrap()).unwrap());
        assert!(imported.warnings.is_empty(), "{:?}", imported.warnings);
        assert!(unnamed.to_string().contains("`--name NAME`"), "{unnamed}");
    }

    #[test]
    fn an_onnx_directory_keeps_its_layout_and_its_external_data() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let source = a_model();
        fs::remove_file(source.path().join("model.safetensors")).unwrap();
        fs::create_dir(source.path().join("onnx")).unwrap();
        fs::write(source.path().join("onnx/model.onnx"), crate::onnx::testing::model(Some("model.onnx_data"))).unwrap();
        fs::write(source.path().join("onnx/model.onnx_data"), [0; 64]).unwrap();

        let model = import(&store, source.path(), "bert:1");

        assert_eq!(model.metadata().framework, "transformers");
        assert_eq!(model.metadata().task, Some(InferenceTask::TextClassification));
        assert_eq!(model.metadata().main.as_deref(), Some("onnx/model.onnx"));
        model.verified_file("onnx/model.onnx_data").unwrap();
        model.verified_file("tokenizer.json").unwrap();
    }

    #[test]
    fn boosters_are_told_by_their_files() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let learner = r#"{"learner": {"feature_names": ["age", "size"], "learner_model_param": {"num_feature": "2"},
            "objective": {"name": "binary:logistic"}, "gradient_booster": {"trees": [1]}}, "version": [2, 0, 0]}"#;
        let head = ["tree", "version=v4", "num_class=1", "max_feature_idx=1", "objective=regression"];
        let tree = [&head[..], &["feature_names=age size", "", "Tree=0", "objective=binary"]].concat().join("\n");
        fs::write(files.path().join("booster.json"), learner).unwrap();
        fs::write(files.path().join("booster.txt"), tree).unwrap();
        fs::write(files.path().join("booster.ubj"), b"{L\0\0\0\0\0\0\0\x07learner{}}").unwrap();
        let import = |file: &str, version: &str| {
            let options = ImportOptions::new("booster").version(version);
            store.import(files.path().join(file), options).unwrap().model.metadata().clone()
        };

        let (json, text, binary) =
            (import("booster.json", "1"), import("booster.txt", "2"), import("booster.ubj", "3"));

        assert_eq!((json.format, json.framework.as_str()), (ModelFormat::Xgboost, "xgboost"));
        assert_eq!(json.task, Some(InferenceTask::TabularClassification));
        assert_eq!(json.inputs.len(), 2);
        assert_eq!((text.format, text.framework.as_str()), (ModelFormat::Lightgbm, "lightgbm"));
        assert_eq!(text.task, Some(InferenceTask::TabularRegression));
        assert_eq!(text.inputs[1].name, "size");
        assert_eq!((binary.format, binary.main.as_deref()), (ModelFormat::Xgboost, Some("booster.ubj")));
    }

    #[test]
    fn what_is_no_model_is_told_what_is() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let message = |name: &str, content: &[u8]| {
            fs::write(files.path().join(name), content).unwrap();
            let error = store.import(files.path().join(name), ImportOptions::new("x")).unwrap_err();
            assert!(!staging::is_used(&store) && store.list().unwrap().is_empty());
            error.to_string()
        };

        assert!(message("notes.txt", b"hello").contains("is no model that can be imported; give "));
        assert!(message("booster.json", b"{\"learner\": 1}").contains("no whole model of XGBoost"));
        assert!(message("model.pkl", b"x").contains("is a Python pickle"));
        assert!(message("model.onnx", b"x").contains("is no whole ONNX model"));
        assert!(message("model.tar.zst", b"x").contains("was refused and nothing of it was kept"));
        assert!(message("empty.onnx", b"").contains("it is empty"));
    }

    #[test]
    fn a_file_that_could_not_be_kept_under_its_name_is_refused_and_left_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let booster = "tree\nversion=v4\nmax_feature_idx=1\nobjective=regression\nfeature_names=a b\n\nTree=0\n";
        for (name, problem) in [
            ("model.toml", "own description"),
            ("Model.TOML", "own description"),
            ("a:b.txt", "contains `:`"),
            ("a\\b.txt", "contains `\\\\`"),
            ("nul.txt", "is the name of a device"),
        ] {
            fs::write(files.path().join(name), booster).unwrap();

            let error = store.import(files.path().join(name), ImportOptions::new("x")).unwrap_err();

            assert!(matches!(error, Error::UnusableName { .. }) && error.to_string().contains(problem), "{error}");
            assert_eq!(fs::read_to_string(files.path().join(name)).unwrap(), booster);
        }
        let twins = a_model();
        fs::write(twins.path().join("README.md"), "").unwrap();
        fs::write(twins.path().join("readme.md"), "").unwrap();
        let colon = a_model();
        fs::write(colon.path().join("labels:de.json"), "").unwrap();
        let described = tempfile::tempdir().unwrap();
        fs::write(described.path().join("model.onnx"), crate::onnx::testing::model(Some("model.toml"))).unwrap();
        fs::write(described.path().join("model.toml"), [0; 64]).unwrap();

        for (directory, problem) in
            [(&twins, "are the same file on some systems"), (&colon, "contains `:`"), (&described, "own description")]
        {
            let error = store.import(directory.path(), ImportOptions::new("x")).unwrap_err();
            assert!(matches!(error, Error::UnusableName { .. }) && error.to_string().contains(problem), "{error}");
        }
        assert!(!staging::is_used(&store) && store.list().unwrap().is_empty());
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_that_is_no_text_is_refused() {
        use std::os::unix::ffi::OsStrExt;
        let home = tempfile::tempdir().unwrap();
        let store = ModelStore::at(home.path()).unwrap();
        let files = tempfile::tempdir().unwrap();
        let path = files.path().join(std::ffi::OsStr::from_bytes(b"\xff.txt"));
        fs::write(&path, "tree\n").unwrap();

        let error = store.import(&path, ImportOptions::new("x")).unwrap_err();

        assert!(error.to_string().contains("its name is not UTF-8"), "{error}");
    }

    #[test]
    fn a_store_that_cannot_be_written_is_named_in_the_error() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        fs::write(&file, "").unwrap();
        let home = file.join("home");

        let error = ModelStore::at(&home)
            .and_then(|store| store.import_directory(a_model().path(), ImportOptions::new("bert")))
            .unwrap_err();

        assert!(error.to_string().contains(&home.display().to_string()), "{error}");
        assert!(error.to_string().contains("RIVERRUN_HOME"), "{error}");
    }
}
