//! The DataStream API, the stream graph, the operator contract and the host trait.
