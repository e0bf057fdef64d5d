//! What is said of a measurement.

use riverrun::onnx::Tensors;

use crate::Measured;

/// The first output of an item.
pub fn first_of(tensors: &Tensors) -> Measured<&[f32]> {
    let first = tensors.first().and_then(|array| array.elements::<f32>());
    first.ok_or_else(|| "the first output is not FP32".into())
}

pub fn quantile(sorted: &[f64], quantile: f64) -> f64 {
    let index = (sorted.len() as f64 * quantile) as usize;
    sorted.get(index.min(sorted.len().saturating_sub(1))).copied().unwrap_or(0.0)
}

/// The most memory that this process has had at a time, in KiB, as Linux counts it.
pub fn peak_resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
