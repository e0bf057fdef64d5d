//! Results of inputs that came before, for those that come again.

use std::hash::{BuildHasher, Hash, RandomState};

use crate::runnable::Runnable;

/// Stands for a method and an input. With keys that nobody knows, 128 bits are enough for two inputs never to meet in one.
pub(crate) type CacheKey = u128;

/// A bounded cache of results; those that are asked for least make room for new ones.
pub(crate) trait ResultCache<R: Runnable>: Send + Sync {
    fn key(&self, method: usize, input: &R::Input) -> CacheKey;
    fn get(&self, key: CacheKey) -> Option<R::Output>;
    fn put(&self, key: CacheKey, output: &R::Output);
}

/// What makes a cache for a runner, where its input and output allow one.
pub(crate) struct Caching<R: Runnable> {
    pub(crate) entries: usize,
    make: fn(usize) -> Box<dyn ResultCache<R>>,
}

impl<R: Runnable> Clone for Caching<R> {
    fn clone(&self) -> Self {
        Self { entries: self.entries, make: self.make }
    }
}

impl<R: Runnable> Caching<R>
where
    R::Input: Hash,
    R::Output: Clone + Sync,
{
    pub(crate) fn of(entries: usize) -> Self {
        Self { entries, make: |entries| Box::new(Hashed::<R::Output>::new(entries)) }
    }
}

/// The cache of a bound runner, and how much it holds.
pub(crate) struct Cache<R: Runnable> {
    pub(crate) entries: usize,
    pub(crate) results: Box<dyn ResultCache<R>>,
}

impl<R: Runnable> From<Caching<R>> for Cache<R> {
    fn from(caching: Caching<R>) -> Self {
        Self { entries: caching.entries, results: (caching.make)(caching.entries) }
    }
}

struct Hashed<O> {
    keys: [RandomState; 2],
    results: quick_cache::sync::Cache<CacheKey, O>,
}

impl<O: Clone> Hashed<O> {
    fn new(entries: usize) -> Self {
        Self { keys: [RandomState::new(), RandomState::new()], results: quick_cache::sync::Cache::new(entries) }
    }
}

impl<R: Runnable> ResultCache<R> for Hashed<R::Output>
where
    R::Input: Hash,
    R::Output: Clone + Sync,
{
    fn key(&self, method: usize, input: &R::Input) -> CacheKey {
        let [high, low] = &self.keys;
        let half = |key: &RandomState| u128::from(key.hash_one((method, input)));
        half(high) << 64 | half(low)
    }

    fn get(&self, key: CacheKey) -> Option<R::Output> {
        self.results.get(&key)
    }

    fn put(&self, key: CacheKey, output: &R::Output) {
        self.results.insert(key, output.clone());
    }
}
