//! From the hub into the store.

use std::collections::BTreeSet;
use std::path::Path;

use super::cache::RepositoryCache;
use super::client::{Client, escape};
use super::download::Downloader;
use super::listing::{Listing, RemoteFile, is_commit};
use super::origin;
use super::reference::HubReference;
use super::select::{self, Weights};
use super::settings::PullOptions;
use crate::Value;
use crate::error::{Error, Result};
use crate::format::ModelFormat;
use crate::label::LabelChange;
use crate::metadata::Metadata;
use crate::model::Model;
use crate::onnx;
use crate::source::hugging_face::{
    MAX_INDEX, MAX_MODULES, MODULES, WEIGHTS, WEIGHTS_INDEX, parse_index, parse_modules,
};
use crate::source::onnx::relative_to_root;
use crate::source::{Contents, read_small};
use crate::store::{ImportOptions, ImportWarning, ModelStore};
use crate::tag::{LoweredTag, Tag};

/// The longest listing of a repository, in bytes.
const MAX_LISTING: u64 = 64 << 20;

/// How much of a commit is the version of a model without another one, in digits.
const VERSION_LENGTH: usize = 12;

/// A model that was pulled from the hub.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Pulled {
    /// The model in the store.
    pub model: Model,
    /// The commit that the revision is.
    pub commit: String,
    /// Whether it has come into the store just now; it was there already otherwise.
    pub is_new: bool,
    /// What a person may not expect, to be printed one a line.
    pub warnings: Vec<ImportWarning>,
}

impl ModelStore {
    /// Brings a model from the Hugging Face hub into the store.
    ///
    /// Fetched are the weights in safetensors, or in ONNX where there are none or ONNX is asked for, and the configuration,
    /// the tokenizer and the model card; never a Python pickle, and no code. Each file is compared with the size and the
    /// hash that the hub lists. A download that was cut off goes on where it ended, also in a later call.
    ///
    /// The name is that of the repository and the version the start of the commit, unless the options say otherwise; so a
    /// model that is in the store already is found without asking for its files. The repository, the revision and the
    /// commit are in the metadata, under `source`.
    ///
    /// ```no_run
    /// use riverrun_model::{HubSettings, ModelStore, PullOptions};
    ///
    /// let store = ModelStore::open_default()?;
    /// let hub = HubSettings::from_environment()?;
    /// let pulled = store.pull(&"hf:sentence-transformers/all-MiniLM-L6-v2".parse()?, PullOptions::new(hub))?;
    /// println!("{} is commit {}", pulled.model.tag(), pulled.commit);
    /// # Ok::<(), riverrun_model::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::HubRefused`] when it is not there or needs another token, [`Error::HubUnavailable`] when the hub does not
    /// answer, [`Error::HubUntrusted`] when its certificate is not trusted, [`Error::HubAnswer`] when what it sends is not what it lists, [`Error::PickleOnly`] or
    /// [`Error::MissingFile`] when nothing in it can be run, [`Error::KeptOtherwise`] when its tag is taken by another model,
    /// or by the same one with another file, task or metadata, [`Error::NotCached`] when it is offline and not in the cache;
    /// and as [`import`](Self::import).
    pub fn pull(&self, reference: &HubReference, options: PullOptions) -> Result<Pulled> {
        let PullOptions { hub, mut keep, file } = options;
        if file.is_some() {
            keep.format = Some(ModelFormat::Onnx);
        }
        let cache = RepositoryCache::new(&hub.cache, reference);
        let watcher = keep.progress.clone();
        if hub.offline {
            let not_cached = |reason: &str| Error::NotCached {
                reference: reference.to_string(),
                cache: hub.cache.clone(),
                reason: reason.to_owned(),
            };
            let commit = cache.commit(reference.revision()).ok_or_else(|| not_cached(""))?;
            let pull = Pull { store: self, reference, endpoint: &hub.endpoint, commit: &commit };
            if let Some(there) = pull.find(&keep, file.as_deref())? {
                return Ok(there);
            }
            let snapshot = cache.snapshot(&commit);
            // A repository is none of another store's directories, whatever files it has.
            keep.format = match keep.format {
                None if snapshot.is_dir() => Some(Contents::format_of(&snapshot)?),
                format => format,
            };
            let contents = Contents::scan(&snapshot, keep.format, file.as_deref())?;
            for name in &contents.files {
                // What Python wrote there is looked at as what we did.
                let right =
                    cache.digest_of(&commit, name).map(|digest| digest.matches(&snapshot.join(name))).transpose()?;
                if right == Some(false) {
                    return Err(not_cached(&format!(", where its {name} is damaged")));
                }
            }
            return pull.import(&snapshot, keep, file);
        }

        let client = Client::new(&hub, &*watcher)?;
        watcher.begin("asking the hub", None);
        let revision = escape(reference.revision()).replace('/', "%2F");
        let path = format!("/api/models/{}/revision/{revision}?blobs=true", reference.repository());
        let listing =
            Listing::parse(reference.repository(), &client.get_all(reference.repository(), &path, MAX_LISTING)?)?;
        if is_commit(reference.revision()) && reference.revision() != listing.commit {
            let problem = format!("is answered with the commit {}", listing.commit);
            return Err(Error::HubAnswer { file: reference.to_string(), problem });
        }
        let pull = Pull { store: self, reference, endpoint: &hub.endpoint, commit: &listing.commit };
        if let Some(there) = pull.find(&keep, file.as_deref())? {
            cache.remember(reference.revision(), &listing.commit)?;
            return Ok(there);
        }
        let weights = select::weights(&listing, reference, keep.format, file.as_deref())?;
        let mut downloader = Downloader {
            client: &client,
            cache: &cache,
            reference,
            commit: &listing.commit,
            limits: &keep.limits,
            total: 0,
        };
        fetch_all(&mut downloader, &listing, &weights)?;
        cache.remember(reference.revision(), &listing.commit)?;

        keep.format = Some(weights.format());
        keep.fallback_task = listing.task;
        let main = match weights {
            Weights::Onnx(main) => Some(main),
            _ => None,
        };
        pull.import(&cache.snapshot(&listing.commit), keep, main)
    }
}

/// Has all files of a model in the cache.
fn fetch_all(downloader: &mut Downloader<'_>, listing: &Listing, weights: &Weights) -> Result<()> {
    let progress = downloader.client.progress();
    let mut fetched = BTreeSet::new();
    let fetch = |downloader: &mut Downloader<'_>, fetched: &mut BTreeSet<String>, paths: Vec<String>| -> Result<()> {
        let mut files: Vec<RemoteFile> = Vec::new();
        for path in paths {
            let known = listing.find(&path).cloned();
            let file = known.unwrap_or(RemoteFile { path: path.clone(), size: None, digest: None });
            if fetched.insert(path) {
                files.push(file);
            }
        }
        if fetched.len() > downloader.limits.entries {
            let problem = format!("has more than {} files", downloader.limits.entries);
            return Err(Error::HubAnswer { file: downloader.reference.to_string(), problem });
        }
        let known: Option<u64> = files.iter().map(|file| file.size).sum();
        progress.begin("downloading", known);
        files.iter().try_for_each(|file| downloader.fetch(file).map(drop))
    };
    let reference = downloader.reference;
    let unusable =
        |path: &str, problem: String| Error::UnusableFile { path: format!("{reference}/{path}").into(), problem };
    let snapshot = downloader.cache.snapshot(&listing.commit);
    let read = |path: &str, most: u64| read_small(&snapshot.join(path), most);

    // The small ones first: a repository that cannot be used is told from them.
    let mut small: Vec<String> = select::beside(listing).into_iter().collect();
    if *weights == Weights::Shards {
        small.push(WEIGHTS_INDEX.to_owned());
    }
    let has_modules = select::has_modules(listing) && !matches!(weights, Weights::Onnx(_));
    if has_modules {
        // A list that is too large to be a companion is refused, not passed over.
        small.push(MODULES.to_owned());
    }
    fetch(downloader, &mut fetched, small)?;
    let mut large = match weights {
        Weights::Safetensors => vec![WEIGHTS.to_owned()],
        Weights::Shards => {
            let shards =
                parse_index(&read(WEIGHTS_INDEX, MAX_INDEX)?).map_err(|problem| unusable(WEIGHTS_INDEX, problem))?;
            shards.into_iter().collect()
        }
        Weights::Onnx(main) => vec![main.clone()],
    };
    if has_modules {
        let modules = parse_modules(&read(MODULES, MAX_MODULES)?).map_err(|problem| unusable(MODULES, problem))?;
        large.extend(modules.iter().flat_map(|module| select::of_module(listing, module)));
    }
    fetch(downloader, &mut fetched, large)?;
    if let Weights::Onnx(main) = weights {
        let header = onnx::read(&snapshot.join(main), Path::new(main))?;
        let mut external = Vec::new();
        for location in &header.external {
            let path = relative_to_root(main, location).map_err(|problem| unusable(main, problem))?;
            select::external(listing, downloader.reference, &path)?;
            external.push(path);
        }
        if !external.is_empty() {
            fetch(downloader, &mut fetched, external)?;
        }
    }
    Ok(())
}

/// One commit on its way into the store.
struct Pull<'a> {
    store: &'a ModelStore,
    reference: &'a HubReference,
    endpoint: &'a str,
    commit: &'a str,
}

impl Pull<'_> {
    fn tag(&self, keep: &ImportOptions) -> Result<Tag> {
        let name = keep.name.clone().unwrap_or_else(|| self.reference.name());
        let version = keep.version.clone().unwrap_or_else(|| self.commit.chars().take(VERSION_LENGTH).collect());
        Tag::new(&name, &version)
    }

    /// What is said of upper case in a name or a version that was given. That of a repository is as its owner wants it.
    fn lowered(&self, keep: &ImportOptions) -> Vec<ImportWarning> {
        let given = match (&keep.name, &keep.version) {
            (Some(name), Some(version)) => format!("{name}:{version}"),
            (Some(name), None) => name.clone(),
            (None, Some(version)) => format!("{}:{version}", self.reference.name()),
            (None, None) => return Vec::new(),
        };
        LoweredTag::of(&given).map(ImportWarning::Lowered).into_iter().collect()
    }

    /// The model, if it is in the store under the tag that it would get, and kept as it would be.
    fn find(&self, keep: &ImportOptions, file: Option<&str>) -> Result<Option<Pulled>> {
        let tag = self.tag(keep)?;
        let model = match self.store.get(&(&tag).into()) {
            Err(Error::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        self.compare(&tag, model.metadata(), keep, file)?;
        let labels = keep.labels.clone().into_iter().map(|(key, value)| LabelChange::Set(key, value));
        let model = if keep.labels.is_empty() { model } else { self.store.label(&(&tag).into(), labels)? };
        if keep.promote {
            self.store.promote(&tag)?;
        }
        Ok(Some(Pulled { model, commit: self.commit.to_owned(), is_new: false, warnings: self.lowered(keep) }))
    }

    /// Sees that a stored model is the one that is asked for, and that nothing that is asked for would be passed over.
    fn compare(&self, tag: &Tag, stored: &Metadata, keep: &ImportOptions, file: Option<&str>) -> Result<()> {
        const NONE: &str = "none";
        let source = |key: &str| {
            let value = stored.metadata.get("source").and_then(|source| source.get(key)?.as_str());
            value.unwrap_or(NONE).escape_debug().to_string()
        };
        let text = |value: Option<&Value>| value.map_or_else(|| NONE.to_owned(), ToString::to_string);
        let mut wanted = vec![
            ("the repository".to_owned(), source("repository"), self.reference.repository().to_owned()),
            ("the commit".to_owned(), source("commit"), self.commit.to_owned()),
        ];
        if let Some(format) = keep.format {
            wanted.push(("the format".to_owned(), stored.format.to_string(), format.to_string()));
        }
        if let Some(file) = file {
            let main = stored.main.as_deref().unwrap_or(NONE);
            wanted.push(("the file".to_owned(), main.escape_debug().to_string(), file.escape_debug().to_string()));
        }
        if let Some(task) = keep.task {
            let known = stored.task.map_or_else(|| NONE.to_owned(), |task| task.to_string());
            wanted.push(("the task".to_owned(), known, task.to_string()));
        }
        // The source is the pull's own.
        for (key, value) in keep.metadata.iter().filter(|(key, _)| *key != "source") {
            let what = format!("the metadata `{}`", key.escape_debug());
            wanted.push((what, text(stored.metadata.get(key)), text(Some(value))));
        }
        match wanted.into_iter().find(|(_, stored, asked)| stored != asked) {
            Some((what, stored, asked)) => {
                Err(Error::KeptOtherwise { tag: tag.clone(), stored: format!("{what} {stored}"), asked })
            }
            None => Ok(()),
        }
    }

    fn import(&self, snapshot: &Path, mut keep: ImportOptions, main: Option<String>) -> Result<Pulled> {
        let mut warnings = self.lowered(&keep);
        let tag = self.tag(&keep)?;
        keep.name = Some(tag.name().to_owned());
        keep.version = Some(tag.version().to_owned());
        keep.main = main;
        let mut source = toml::Table::new();
        for (key, value) in [
            ("hub", origin::shown(self.endpoint).as_str()),
            ("repository", self.reference.repository()),
            ("revision", self.reference.revision()),
            ("commit", self.commit),
        ] {
            source.insert(key.to_owned(), value.into());
        }
        keep.metadata.insert("source".to_owned(), source.into());
        let imported = self.store.import_files(snapshot, keep)?;
        // Pickles that Python has put into the cache were neither fetched nor read.
        let said =
            imported.warnings.into_iter().filter(|warning| !matches!(warning, ImportWarning::PickleLeftOut { .. }));
        warnings.extend(said);
        Ok(Pulled { model: imported.model, commit: self.commit.to_owned(), is_new: true, warnings })
    }
}
