//! Files: [`FileSource`] and [`FileSink`].

mod discovery;
mod enumerator;
mod sink;
mod source;

pub use enumerator::FileEnumerator;
pub use sink::{
    BasePathBucketAssigner, BucketAssigner, BucketContext, DateTimeBucketAssigner, FileCommitter, FileSink, FileWriter,
    PendingPart, RollingPolicy,
};
pub use source::FileSource;
