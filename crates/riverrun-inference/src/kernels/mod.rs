//! The arithmetic of an encoder: matrix product, attention, norms and activations.
//!
//! Every public function here is safe, checks its sizes, and takes a [`Cpu`], whose existence proves that the CPU has
//! the instructions of its level. Each has a portable twin, and the tests compare the levels with each other.
//!
//! An element of a result is always summed in one order, whatever the number of rows, the row's place or the number
//! of threads: the same row gives the same bits in any batch.

// Vector instructions and disjoint writes from several threads need it; nothing outside this module does.
#![allow(unsafe_code)]
// Elsewhere all levels are the portable one, and what serves the others alone is idle.
#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, unused_variables))]

mod activation;
mod amx;
mod attention;
mod cpu;
mod distance;
mod gate;
mod gemm;
mod lanes;
mod mapped;
mod norm;
mod packed;
mod pages;
mod product;
mod quantization;
mod relative_attention;
mod rotary;
mod rotation;
mod round;
mod shared;
mod softmax;
mod tile;
mod word_tile;

pub use activation::{Activation, apply};
pub use attention::{Attention, Heads};
pub use cpu::{Cpu, CpuLevel};
pub use distance::{Disentangled, DistanceBias};
pub use gate::gate;
pub use gemm::{gemm, gemm_bf16, gemm_int8};
pub(crate) use mapped::MappedFile;
pub use norm::{LayerNorm, layer_norm};
pub(crate) use packed::Next;
pub use packed::{Bf16Matrix, Int8Matrix, PackedMatrix};
pub(crate) use pages::{Lines, begin_region};
pub use product::Epilogue;
pub use quantization::Quantized;
pub use relative_attention::{RelativeAttention, ScoreBias};
pub use rotary::{RotaryTable, rotate};
pub use rotation::turn_weights;
pub use softmax::softmax;
