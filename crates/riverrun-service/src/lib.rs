//! The inference service: routes, wire formats, limits, health, metrics.
