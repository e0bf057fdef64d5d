//! Backends, tokenization and inference tasks: makes a model into a runnable.
