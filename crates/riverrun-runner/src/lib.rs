//! Runnables, the batcher and runners. No machine learning.
