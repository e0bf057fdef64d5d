//! Layer norm.

use super::cpu::by_level;
use super::lanes::{mul_add, sum_lanes};

/// The weights of a layer norm.
#[derive(Debug)]
pub struct LayerNorm {
    /// One factor per column.
    pub weight: Vec<f32>,
    /// One addend per column.
    pub bias: Vec<f32>,
    /// What is added to the variance.
    pub epsilon: f32,
}

by_level! {
    /// Normalizes every row of `rows`, `[n, weight.len()]`, in place.
    pub fn layer_norm(norm: &LayerNorm, rows: &mut [f32]) = layer_norm_lanes
}

#[inline(always)]
fn layer_norm_lanes<const FMA: bool>(norm: &LayerNorm, rows: &mut [f32]) {
    let width = norm.weight.len();
    assert_eq!(norm.bias.len(), width, "weight and bias are of one size");
    if width == 0 {
        return;
    }
    for row in rows.chunks_exact_mut(width) {
        let mean = sum(row) / width as f32;
        let mut squares = [0.0; 16];
        let chunks = row.chunks_exact(16);
        let tail = chunks.remainder();
        for chunk in chunks {
            for lane in 0..16 {
                let difference = chunk[lane] - mean;
                squares[lane] = mul_add::<FMA>(difference, difference, squares[lane]);
            }
        }
        for (square, &value) in squares.iter_mut().zip(tail) {
            *square = mul_add::<FMA>(value - mean, value - mean, *square);
        }
        let variance = sum_lanes(squares) / width as f32;
        let scale = 1.0 / (variance + norm.epsilon).sqrt();
        for ((value, &weight), &bias) in row.iter_mut().zip(&norm.weight).zip(&norm.bias) {
            *value = mul_add::<FMA>((*value - mean) * scale, weight, bias);
        }
    }
}

#[inline(always)]
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0; 16];
    let chunks = values.chunks_exact(16);
    let tail = chunks.remainder();
    for chunk in chunks {
        for lane in 0..16 {
            lanes[lane] += chunk[lane];
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(tail) {
        *lane += value;
    }
    sum_lanes(lanes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::{Cpu, CpuLevel};

    #[test]
    fn a_row_is_normalized_as_in_f64_at_any_width() {
        for width in [1usize, 7, 16, 20, 192, 385] {
            let row: Vec<f32> = (0..width).map(|i| ((i * 37 % 101) as f32 - 50.0) / 9.0 + 3.0).collect();
            let weight: Vec<f32> = (0..width).map(|i| 0.5 + i as f32 / width as f32).collect();
            let bias: Vec<f32> = (0..width).map(|i| i as f32 / 10.0).collect();
            let mean = row.iter().map(|&x| f64::from(x)).sum::<f64>() / width as f64;
            let variance = row.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum::<f64>() / width as f64;
            let norm = LayerNorm { weight, bias, epsilon: 1e-5 };

            for cpu in CpuLevel::ALL.into_iter().filter_map(Cpu::new) {
                let mut rows = [row.clone(), row.clone()].concat();
                layer_norm(cpu, &norm, &mut rows);

                assert_eq!(rows[..width], rows[width..], "the second row is the first");
                for i in 0..width {
                    let exact = (f64::from(row[i]) - mean) / (variance + 1e-5).sqrt() * f64::from(norm.weight[i])
                        + f64::from(norm.bias[i]);
                    assert!((f64::from(rows[i]) - exact).abs() < 1e-5, "{cpu:?} width {width}");
                }
            }
        }
    }
}
