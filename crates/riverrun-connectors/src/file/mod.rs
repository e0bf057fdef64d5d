//! Files: [`FileSource`].

mod discovery;
mod enumerator;
mod source;

pub use enumerator::FileEnumerator;
pub use source::FileSource;
