//! How much an archive may hold.

/// How much an archive may hold before it is refused.
///
/// The bytes are those that it unpacks to, so a small file that unfolds to a large one is stopped on the way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ArchiveLimits {
    /// How many files a model may have. 10,000 unless changed.
    ///
    /// An archive may have twice as many entries and two more: each file may have a record with its path before it or a
    /// directory, and the metadata is one.
    pub entries: usize,
    /// How many bytes of content in all. 64 GiB unless changed.
    pub bytes: u64,
}

impl Default for ArchiveLimits {
    fn default() -> Self {
        Self { entries: 10_000, bytes: 64 << 30 }
    }
}

impl ArchiveLimits {
    /// Sets how many files.
    #[must_use]
    pub fn entries(mut self, entries: usize) -> Self {
        self.entries = entries;
        self
    }

    /// Sets how many bytes of content in all.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = bytes;
        self
    }
}
