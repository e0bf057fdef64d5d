//! Which key a record has: [`Key`] and [`KeyExtractor`].

use std::hash::Hash;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::data::Data;
use crate::element::StreamRecord;
use crate::error::{FunctionError, Result};

/// What a stream can be keyed by: a [`Data`] with equality and a hash.
///
/// Equal keys have to have equal serialized forms, since a key's subtask follows from it.
pub trait Key: Data + Hash + Eq + Sync {}

impl<K: Data + Hash + Eq + Sync> Key for K {}

type Extract<T, K> = dyn Fn(&[StreamRecord<T>], &mut Vec<K>) -> Result + Send + Sync;

/// The user's key selector, called through one dynamic call per batch.
pub struct KeyExtractor<T, K>(Arc<Extract<T, K>>);

impl<T, K> Clone for KeyExtractor<T, K> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T: 'static, K: 'static> KeyExtractor<T, K> {
    /// Takes keys out with this closure.
    pub fn new(selector: impl Fn(&T) -> K + Send + Sync + 'static) -> Self {
        Self(Arc::new(move |records, keys| {
            keys.extend(records.iter().map(|record| selector(&record.value)));
            Ok(())
        }))
    }

    /// Takes keys out with this closure, which can fail.
    pub fn fallible<E: Into<FunctionError> + 'static>(
        selector: impl Fn(&T) -> Result<K, E> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(move |records, keys| {
            for record in records {
                keys.push(selector(&record.value).map_err(|error| error.into().context("the key selector"))?);
            }
            Ok(())
        }))
    }

    /// Replaces `keys` by the keys of `records`, in order.
    ///
    /// # Errors
    /// The selector fails or panics; the message says that it was the key selector.
    pub fn extract(&self, records: &[StreamRecord<T>], keys: &mut Vec<K>) -> Result {
        keys.clear();
        keys.reserve(records.len());
        catch_unwind(AssertUnwindSafe(|| (self.0)(records, keys)))
            .unwrap_or_else(|payload| Err(FunctionError::from_panic(&*payload).context("the key selector")))
    }
}
