//! Sources and sinks that talk to the outside.
