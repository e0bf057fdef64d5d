//! Test harnesses for operators and hosts.
