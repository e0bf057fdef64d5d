//! The local host: runs a stream program on the threads of this process.
