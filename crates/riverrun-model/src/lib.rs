//! Model tags, metadata and the model store.
