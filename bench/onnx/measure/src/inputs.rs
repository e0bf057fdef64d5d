//! Made-up inputs, the same ones as `onnx_peer.py` makes up.

use riverrun::onnx::{Array, Declared, OnnxModel, Tensors};
use riverrun::runner::wire::Datatype;

use crate::Measured;

/// How many different rows there are.
pub const ROWS: usize = 4096;

/// A number for each place, spread over all of 32 bits.
fn spread(place: usize) -> u32 {
    (place as u32).wrapping_mul(2_654_435_761)
}

/// From 0 to 1.
pub fn float(place: usize) -> f32 {
    (spread(place) >> 8) as f32 / (1 << 24) as f32
}

fn integer(name: &str, place: usize) -> i64 {
    match name {
        "input_ids" => i64::from(spread(place) % 1000) + 1,
        "attention_mask" => 1,
        _ => 0,
    }
}

/// The shape of one item, its open dimensions `open` long.
pub fn shape_of(input: &Declared, open: usize) -> Vec<usize> {
    let shape = input.spec().shape;
    shape.into_iter().skip(1).map(|size| usize::try_from(size).unwrap_or(open)).collect()
}

/// The item of this number, for every input of the model.
pub fn item(model: &OnnxModel, number: usize, open: usize) -> Measured<Tensors> {
    model.inputs().iter().try_fold(Tensors::new(), |tensors, input| {
        let shape = shape_of(input, open);
        let count: usize = shape.iter().product();
        let places = number * count..(number + 1) * count;
        let array = match input.datatype() {
            Datatype::Fp32 => Array::new(shape, places.map(float).collect())?,
            Datatype::Int64 => Array::new(shape, places.map(|place| integer(input.name(), place)).collect())?,
            other => {
                return Err(format!("`{}` is of type {other}; FP32 and INT64 are made up here", input.name()).into());
            }
        };
        Ok(tensors.with(input.name(), array))
    })
}

/// What a model takes for so many items, with each input's shape; integers beside floats, one of which is empty.
pub struct Stacked {
    pub name: String,
    pub shape: Vec<usize>,
    pub floats: Vec<f32>,
    pub integers: Vec<i64>,
}

pub fn stacked(model: &OnnxModel, first: usize, items: usize, open: usize) -> Vec<Stacked> {
    let one = |input: &Declared| {
        let mut shape = shape_of(input, open);
        let count: usize = shape.iter().product();
        shape.insert(0, items);
        let places = first * count..(first + items) * count;
        let (mut floats, mut integers) = (Vec::new(), Vec::new());
        if input.datatype() == Datatype::Fp32 {
            floats = places.map(float).collect();
        } else {
            integers = places.map(|place| integer(input.name(), place)).collect();
        }
        Stacked { name: input.name().to_owned(), shape, floats, integers }
    };
    model.inputs().iter().map(one).collect()
}
