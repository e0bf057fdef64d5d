//! [`ServedModel`]: one model in the versions in which it is served now.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use riverrun_runner::AnyRunner;

use crate::error::ServiceError;
use crate::fault::Fault;
use crate::observe::{Changes, VersionMetrics};
use crate::pace::Pace;
use crate::shadow::Shadow;

/// A model under its name, in one or several versions that share its requests by weight.
///
/// The versions are exchanged atomically while requests are under way: a request is answered as a whole by the version
/// that it was given to, and a version is released when the last of its requests is answered.
pub struct ServedModel {
    name: Arc<str>,
    versions: ArcSwap<Versions>,
    shadow: ArcSwap<Option<Arc<Shadow>>>,
    failure: ArcSwap<Option<ChangeFailure>>,
    changes: Changes,
}

/// A newer version that could not be put in place.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChangeFailure {
    /// The version.
    pub version: String,
    /// Why it is not served.
    pub reason: String,
}

/// The versions of one moment.
#[derive(Default)]
struct Versions {
    list: Vec<Arc<ServedVersion>>,
    weights: Vec<u32>,
    /// Of all weights.
    total: u64,
}

/// One version of a model, loaded.
pub struct ServedVersion {
    tag: Arc<str>,
    version: Arc<str>,
    runner: Arc<dyn AnyRunner>,
    pace: Pace,
    metrics: VersionMetrics,
}

impl ServedVersion {
    fn new(model: &str, version: &str, runner: Arc<dyn AnyRunner>) -> Arc<Self> {
        let (pace, metrics) = (Pace::of(&*runner), VersionMetrics::of(&*runner));
        Arc::new(Self { tag: format!("{model}:{version}").into(), version: version.into(), runner, pace, metrics })
    }

    /// `name:version`, as in the header `X-Model` of its answers.
    #[must_use]
    pub fn tag(&self) -> &str {
        &self.tag
    }

    /// The exact version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// What computes it.
    #[must_use]
    pub fn runner(&self) -> &Arc<dyn AnyRunner> {
        &self.runner
    }

    /// The model's name.
    pub(crate) fn model(&self) -> &str {
        self.tag.strip_suffix(&*self.version).and_then(|tag| tag.strip_suffix(':')).unwrap_or(&self.tag)
    }

    /// What is counted of it.
    pub(crate) fn metrics(&self) -> &VersionMetrics {
        &self.metrics
    }

    /// How fast its queue empties.
    pub(crate) fn pace(&self) -> &Pace {
        &self.pace
    }
}

impl fmt::Debug for ServedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServedVersion").field(&self.tag).finish()
    }
}

impl fmt::Debug for ServedModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServedModel")
            .field("name", &self.name)
            .field("versions", &self.weights())
            .finish_non_exhaustive()
    }
}

impl ServedModel {
    /// A model in one version.
    pub fn new(name: impl Into<String>, version: &str, runner: Arc<dyn AnyRunner>) -> Arc<Self> {
        let model = Self::unloaded(name);
        model.replace(version, runner);
        model
    }

    /// A model that is still to be loaded: its requests get 503 and the service is not ready until
    /// [`replace`](Self::replace) gives it a version.
    pub fn unloaded(name: impl Into<String>) -> Arc<Self> {
        Arc::new(Self {
            name: name.into().into(),
            versions: ArcSwap::default(),
            shadow: ArcSwap::from_pointee(None),
            failure: ArcSwap::from_pointee(None),
            changes: Changes::default(),
        })
    }

    /// Its name, without a version.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether requests can be computed now.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let versions = self.versions.load();
        versions.total > 0
            && versions
                .list
                .iter()
                .zip(&versions.weights)
                .all(|(version, weight)| *weight == 0 || version.runner.is_ready())
    }

    /// The versions that are loaded, in the order in which they were given.
    #[must_use]
    pub fn versions(&self) -> Vec<Arc<ServedVersion>> {
        self.versions.load().list.clone()
    }

    /// Every version and its weight.
    #[must_use]
    pub fn weights(&self) -> Vec<(String, u32)> {
        let versions = self.versions.load();
        versions
            .list
            .iter()
            .zip(&versions.weights)
            .map(|(version, weight)| (version.version.to_string(), *weight))
            .collect()
    }

    /// The version that answers the request with this id: by weight, and the same one for the same id, so that a retry
    /// goes where the first try went.
    ///
    /// # Errors
    /// [`Fault::NotReady`] while no version is loaded.
    pub fn pick(&self, request_id: &str) -> Result<Arc<ServedVersion>, Fault> {
        let versions = self.versions.load();
        let picked = match &versions.list[..] {
            [only] if versions.total > 0 => Some(only),
            _ if versions.total == 0 => None,
            list => {
                let mut place = hash(request_id.as_bytes()) % versions.total;
                list.iter().zip(&versions.weights).find_map(|(version, weight)| {
                    let weight = u64::from(*weight);
                    if place < weight {
                        return Some(version);
                    }
                    place -= weight;
                    None
                })
            }
        };
        picked.cloned().ok_or_else(|| Fault::NotReady { model: self.name.to_string() })
    }

    /// The version called `version`, whatever its weight.
    ///
    /// # Errors
    /// [`Fault::UnknownVersion`], which lists those there are.
    pub fn version(&self, version: &str) -> Result<Arc<ServedVersion>, Fault> {
        let versions = self.versions.load();
        versions.list.iter().find(|served| &*served.version == version).cloned().ok_or_else(|| Fault::UnknownVersion {
            model: self.name.to_string(),
            version: version.to_owned(),
            versions: versions.list.iter().map(|served| served.version.to_string()).collect(),
        })
    }

    /// Serves this version alone, from the next request on.
    pub fn replace(&self, version: &str, runner: Arc<dyn AnyRunner>) {
        let served = ServedVersion::new(&self.name, version, runner);
        self.versions.store(Arc::new(Versions { list: vec![served], weights: vec![1], total: 1 }));
    }

    /// Warms this version up and then serves it alone, from the next request on. Blocks meanwhile.
    ///
    /// # Errors
    /// [`Change`](ServiceError::Change): it can't compute, or is not initialised. The versions before go on.
    pub fn change_to(&self, version: &str, runner: Arc<dyn AnyRunner>) -> Result<(), ServiceError> {
        runner.warm_up().map_err(|error| {
            self.changes.failed();
            let (model, version) = (self.name.to_string(), version.to_owned());
            ServiceError::Change { model, version, reason: error.to_string() }
        })?;
        self.replace(version, runner);
        self.changes.succeeded();
        self.set_failure(None);
        Ok(())
    }

    /// The newer version that could not be put in place last, until another one is.
    #[must_use]
    pub fn failure(&self) -> Option<ChangeFailure> {
        (**self.failure.load()).clone()
    }

    /// Notes how long the version that is served took to load, for the metrics.
    pub fn loaded_in(&self, time: Duration) {
        self.changes.loaded_in(time);
    }

    /// How its versions came into place.
    pub(crate) fn changes(&self) -> &Changes {
        &self.changes
    }

    pub(crate) fn set_failure(&self, failure: Option<(&str, &str)>) {
        let failure =
            failure.map(|(version, reason)| ChangeFailure { version: version.to_owned(), reason: reason.to_owned() });
        self.failure.store(Arc::new(failure));
    }

    /// Serves these versions, each with the share of requests that its weight is of all weights. Those that are not
    /// among them are released.
    ///
    /// # Errors
    /// [`NoWeight`](ServiceError::NoWeight).
    pub fn serve(&self, versions: Vec<(&str, Arc<dyn AnyRunner>, u32)>) -> Result<(), ServiceError> {
        let list = versions.iter().map(|(version, runner, _)| ServedVersion::new(&self.name, version, runner.clone()));
        self.store(list.collect(), versions.iter().map(|(_, _, weight)| *weight).collect())
    }

    /// Gives each of these versions a new weight; those that are not named keep theirs.
    ///
    /// # Errors
    /// [`UnknownVersion`](ServiceError::UnknownVersion), [`NoWeight`](ServiceError::NoWeight).
    pub fn set_weights(&self, new: &[(&str, u32)]) -> Result<(), ServiceError> {
        let versions = self.versions.load();
        let mut weights = versions.weights.clone();
        for (name, weight) in new {
            let place = versions.list.iter().position(|served| &*served.version == *name);
            let place = place.ok_or_else(|| ServiceError::UnknownVersion {
                model: self.name.to_string(),
                version: (*name).to_owned(),
                versions: versions.list.iter().map(|served| served.version.to_string()).collect(),
            })?;
            weights[place] = *weight;
        }
        self.store(versions.list.clone(), weights)
    }

    fn store(&self, list: Vec<Arc<ServedVersion>>, weights: Vec<u32>) -> Result<(), ServiceError> {
        let total = weights.iter().map(|weight| u64::from(*weight)).sum();
        if total == 0 {
            return Err(ServiceError::NoWeight { model: self.name.to_string() });
        }
        self.versions.store(Arc::new(Versions { list, weights, total }));
        Ok(())
    }

    /// Has copies of its requests computed by `shadow` too, or by nobody any more.
    pub fn set_shadow(&self, shadow: Option<Shadow>) {
        self.shadow.store(Arc::new(shadow.map(Arc::new)));
    }

    /// What gets copies of its requests.
    #[must_use]
    pub fn shadow(&self) -> Option<Arc<Shadow>> {
        (**self.shadow.load()).clone()
    }
}

/// FNV-1a, mixed at its end: the same for an id in every process and build, which the hashes of `std` do not promise.
pub(crate) fn hash(bytes: &[u8]) -> u64 {
    let folded = bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mixed = (folded ^ (folded >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed ^ (mixed >> 33)
}
