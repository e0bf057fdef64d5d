//! One copy of what a runner runs per process.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock, Weak};

use crate::core::Core;
use crate::runnable::Runnable;
use crate::sync::{Mutex, lock};

type Loaded = Weak<dyn Any + Send + Sync>;
/// The cores that live under one key; locked while one is loaded, so that two callers do not load at once.
type Entry = Arc<Mutex<Vec<Loaded>>>;

fn entry<R: Runnable>(key: &str) -> Entry {
    static REGISTRY: OnceLock<Mutex<HashMap<(TypeId, String), Entry>>> = OnceLock::new();
    let mut entries = lock(REGISTRY.get_or_init(Mutex::default));
    // Keys whose runners are all gone, unless someone is about to load.
    entries.retain(|_, entry| Arc::strong_count(entry) > 1 || lock(entry).iter().any(|core| core.strong_count() > 0));
    entries.entry((TypeId::of::<R>(), key.to_owned())).or_default().clone()
}

/// The core under `key` if it fits, one that shares the runnable of another, or the one that `make` makes.
pub(crate) fn share<R: Runnable, E>(
    key: &str, fits: impl Fn(&Core<R>) -> bool, make: impl FnOnce(Option<Arc<R>>) -> Result<Core<R>, E>,
) -> Result<Arc<Core<R>>, E> {
    let entry = entry::<R>(key);
    let mut loaded = lock(&entry);
    let cores: Vec<Arc<Core<R>>> =
        loaded.iter().filter_map(Weak::upgrade).filter_map(|core| core.downcast().ok()).collect();
    if let Some(core) = cores.iter().find(|core| fits(core)) {
        return Ok(core.clone());
    }
    let core = Arc::new(make(cores.first().and_then(|core| core.runnable().cloned()))?);
    loaded.retain(|core| core.strong_count() > 0);
    let erased: Arc<dyn Any + Send + Sync> = core.clone();
    loaded.push(Arc::downgrade(&erased));
    Ok(core)
}
