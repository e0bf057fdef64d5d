//! From items to batches and back.

use crate::array::Array;
use crate::declared::{Declared, Dimension, ModelFile};
use crate::options::BatchDimension;

/// How items become what the model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stacking {
    /// Items stand side by side along this dimension.
    Along(usize),
    /// An item gets this dimension, of size 1, and is computed alone.
    Alone(usize),
    /// An item is what the model takes.
    Whole,
}

/// Operators that look at all items at once: they quantize by the least and the greatest number of the whole tensor.
const MIXING: [&str; 3] =
    ["DynamicQuantizeLinear", "com.microsoft::DynamicQuantizeLSTM", "com.microsoft::DynamicQuantizeMatMul"];

impl Stacking {
    /// # Errors
    /// In words: the dimension that was asked for cannot be.
    pub(crate) fn of(file: &ModelFile, asked: BatchDimension) -> Result<Self, String> {
        let inputs = &file.inputs;
        let all = || inputs.iter().chain(&file.outputs);
        match asked {
            BatchDimension::None => Ok(Self::Whole),
            BatchDimension::At(axis) => {
                for tensor in all() {
                    match tensor.shape.as_ref().map(|shape| shape.get(axis)) {
                        None | Some(Some(Dimension::Open(_))) => {}
                        Some(Some(Dimension::Fixed(1))) if inputs.iter().all(|input| fixed(input, axis) == Some(1)) => {
                            return Ok(Self::Alone(axis));
                        }
                        _ => {
                            let (name, shape) = (&tensor.name, tensor.shape_text());
                            return Err(format!(
                                "has no batch dimension {axis}: `{name}` has the shape {shape}; export it with that dimension left \
                                 open, or choose another"
                            ));
                        }
                    }
                }
                Ok(Self::Along(axis))
            }
            BatchDimension::Auto => {
                let open = |tensor: &Declared| match &tensor.shape {
                    None => true,
                    Some(shape) => matches!(shape.first(), Some(Dimension::Open(_))),
                };
                if !inputs.is_empty() && all().all(open) {
                    // One item's numbers would depend on the others'.
                    let mixes = file.operators.iter().any(|operator| MIXING.contains(&operator.as_str()));
                    Ok(if mixes { Self::Alone(0) } else { Self::Along(0) })
                } else if !inputs.is_empty() && all().all(|tensor| fixed(tensor, 0) == Some(1)) {
                    Ok(Self::Alone(0))
                } else {
                    Ok(Self::Whole)
                }
            }
        }
    }

    /// The dimension that an item lacks.
    pub(crate) fn axis(self) -> Option<usize> {
        match self {
            Self::Along(axis) | Self::Alone(axis) => Some(axis),
            Self::Whole => None,
        }
    }
}

fn fixed(tensor: &Declared, axis: usize) -> Option<usize> {
    match tensor.shape.as_ref()?.get(axis)? {
        Dimension::Fixed(size) => Some(*size),
        Dimension::Open(_) => None,
    }
}

/// Puts tensors of one shape and type side by side along a new dimension `axis`; nothing if they differ.
pub(crate) fn stack(items: &[&Array], axis: usize) -> Option<Array> {
    let first = items.first()?;
    let shape = first.shape();
    if axis > shape.len() || items.iter().any(|item| item.shape() != shape) {
        return None;
    }
    let (outer, inner) = around(shape, axis)?;
    let mut data = first.data().empty_like(first.len() * items.len());
    for block in 0..outer {
        for item in items {
            if !data.append(item.data(), block * inner..(block + 1) * inner) {
                return None;
            }
        }
    }
    let mut stacked = shape.to_vec();
    stacked.insert(axis, items.len());
    Array::with(stacked, data).ok()
}

/// The places before and from dimension `axis` on; nothing where a tensor without elements says that they are more than can be counted.
fn around(shape: &[usize], axis: usize) -> Option<(usize, usize)> {
    let (before, after) = shape.split_at(axis);
    Some((places(before)?, places(after)?))
}

/// How many elements a shape has places for, if that can be counted.
pub(crate) fn places(shape: &[usize]) -> Option<usize> {
    shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))
}

/// Takes `items` tensors apart that stand side by side along `axis`; nothing if there are not as many.
pub(crate) fn unstack(stacked: &Array, axis: usize, items: usize) -> Option<Vec<Array>> {
    let mut shape = stacked.shape().to_vec();
    if axis >= shape.len() || shape.remove(axis) != items {
        return None;
    }
    let (outer, inner) = around(&shape, axis)?;
    let item = |item: usize| {
        let mut data = stacked.data().empty_like(inner * outer);
        for block in 0..outer {
            let begin = (block * items + item) * inner;
            data.append(stacked.data(), begin..begin + inner);
        }
        Array::with(shape.clone(), data).ok()
    };
    (0..items).map(item).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stacked_along_any_dimension_comes_apart_again() {
        let items = [0, 100].map(|base| Array::new([2, 3], (base..base + 6).collect::<Vec<i64>>()).unwrap());
        let all: Vec<&Array> = items.iter().collect();
        for axis in 0..=2 {
            let stacked = stack(&all, axis).unwrap();
            let mut shape = vec![2, 3];
            shape.insert(axis, 2);
            assert_eq!(stacked.shape(), shape);
            assert_eq!(unstack(&stacked, axis, 2).unwrap(), items);
            assert_eq!(unstack(&stacked, axis, 3), None);
        }
        assert_eq!(
            stack(&all, 1).unwrap().elements::<i64>().unwrap(),
            [0, 1, 2, 100, 101, 102, 3, 4, 5, 103, 104, 105]
        );
        assert_eq!(stack(&all, 3), None);
    }

    #[test]
    fn dimensions_beyond_counting_are_not_multiplied() {
        let none = Array::new([0, usize::MAX, usize::MAX], Vec::<f32>::new()).unwrap();
        assert_eq!(unstack(&none, 0, 0), None);
        assert_eq!(stack(&[&none], 1), None);
    }

    #[test]
    fn tensors_of_other_shapes_or_types_are_not_stacked() {
        let long = Array::from(vec![1.0_f32, 2.0]);
        assert_eq!(stack(&[&long, &Array::from(vec![1.0_f32])], 0), None);
        assert_eq!(stack(&[&long, &Array::from(vec![1_i64, 2])], 0), None);
    }
}
