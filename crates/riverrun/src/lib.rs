//! Machine-learning inference inside data streams.
