//! How the records of one operator are spread over the subtasks of the next.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::batch::Batch;
use crate::data::Data;
use crate::error::{FunctionError, Result};
use crate::functions::{Key, KeyExtractor};
use crate::key_group::{CanonicalKey, KeyGroups, subtask_of};

/// How the records of one operator are spread over the subtasks of the next.
#[derive(Clone)]
pub enum Partitioning {
    /// To the subtask of the same index; needs the same parallelism.
    Forward,
    /// Round robin over all subtasks.
    Rebalance,
    /// Round robin over the subtasks that are nearest by index.
    Rescale,
    /// To a subtask drawn at random for each record.
    Shuffle,
    /// To every subtask.
    Broadcast,
    /// To the subtask that the record's key belongs to.
    KeyBy(Arc<dyn Partitioner>),
    /// To the subtask that the user's function names.
    Custom(Arc<dyn Partitioner>),
}

impl Partitioning {
    /// The name that plans show, as in Flink.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Forward => "FORWARD",
            Self::Rebalance => "REBALANCE",
            Self::Rescale => "RESCALE",
            Self::Shuffle => "SHUFFLE",
            Self::Broadcast => "BROADCAST",
            Self::KeyBy(_) => "HASH",
            Self::Custom(_) => "CUSTOM",
        }
    }

    /// Whether records go to the subtask of the same index.
    #[must_use]
    pub fn is_forward(&self) -> bool {
        matches!(self, Self::Forward)
    }
}

impl fmt::Debug for Partitioning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Names the subtask that each record goes to. Called once per batch.
pub trait Partitioner: Send + Sync {
    /// Fills `targets`, which is empty, with one subtask below `parallelism` for each record of `batch`.
    ///
    /// # Errors
    /// The user's function fails, or names a subtask that is not there.
    fn targets(&self, batch: &Batch, max_parallelism: usize, parallelism: usize, targets: &mut Vec<usize>) -> Result;

    /// Gives `each` the canonical bytes of each record's key, in order, where records are partitioned by a key: equal keys have
    /// equal bytes, also those of streams of other types.
    ///
    /// # Errors
    /// The user's function fails, a key refuses to be serialized, or there are no keys.
    fn keys(&self, batch: &Batch, each: &mut dyn FnMut(&[u8])) -> Result {
        let _ = (batch, each);
        Err(FunctionError::internal("the records of this connection have no key"))
    }
}

/// By the key group of a key.
pub(crate) struct KeyPartitioner<T, K>(pub(crate) KeyExtractor<T, K>);

impl<T: Data, K: Key> Partitioner for KeyPartitioner<T, K> {
    fn targets(&self, batch: &Batch, max_parallelism: usize, parallelism: usize, targets: &mut Vec<usize>) -> Result {
        let mut keys = Vec::new();
        self.0.extract(batch.records::<T>()?, &mut keys)?;
        let mut groups = KeyGroups::new(max_parallelism);
        targets.reserve(keys.len());
        for key in &keys {
            targets.push(subtask_of(groups.of(key)?, max_parallelism, parallelism));
        }
        Ok(())
    }

    fn keys(&self, batch: &Batch, each: &mut dyn FnMut(&[u8])) -> Result {
        let mut keys = Vec::new();
        self.0.extract(batch.records::<T>()?, &mut keys)?;
        let mut canonical = CanonicalKey::default();
        for key in &keys {
            each(canonical.bytes(key)?);
        }
        Ok(())
    }
}

/// By a function of the user's.
pub(crate) struct CustomPartitioner<T, K, P> {
    pub(crate) key: KeyExtractor<T, K>,
    pub(crate) partition: P,
    pub(crate) types: PhantomData<fn(T) -> K>,
}

impl<T: Data, K: Send + 'static, P: Fn(&K, usize) -> usize + Send + Sync> Partitioner for CustomPartitioner<T, K, P> {
    fn targets(&self, batch: &Batch, _: usize, parallelism: usize, targets: &mut Vec<usize>) -> Result {
        let mut keys = Vec::new();
        self.key.extract(batch.records::<T>()?, &mut keys)?;
        let partition = || {
            for key in &keys {
                let target = (self.partition)(key, parallelism);
                if target >= parallelism {
                    return Err(FunctionError::new(format!(
                        "the partitioner of `partition_custom` named subtask {target}, and there are {parallelism}; it has to stay below its second argument"
                    )));
                }
                targets.push(target);
            }
            Ok(())
        };
        catch_unwind(AssertUnwindSafe(partition)).unwrap_or_else(|payload| {
            Err(FunctionError::from_panic(&*payload).context("the partitioner of `partition_custom`"))
        })
    }
}
