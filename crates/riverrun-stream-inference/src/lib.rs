//! Where a stream meets a runner: the infer operator.
