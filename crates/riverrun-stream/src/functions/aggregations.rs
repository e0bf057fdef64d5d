//! The built-in reductions: sum, minimum and maximum of a field, and the record that has it.

use std::any::TypeId;
use std::marker::PhantomData;

use crate::error::Result;
use crate::functions::ReduceFunction;

/// A number that can be summed. Integers wrap around when they overflow, as in Java.
pub trait Summable: Copy + Send + 'static {
    /// Whether sums are the same to the last bit in any order.
    const IS_EXACT: bool;

    /// The sum of two.
    #[must_use]
    fn plus(self, other: Self) -> Self;
}

macro_rules! integers {
    ($($type:ty)*) => {$(
        impl Summable for $type {
            const IS_EXACT: bool = true;

            #[inline]
            fn plus(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
        }
    )*};
}

integers! { i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize }

macro_rules! floats {
    ($($type:ty)*) => {$(
        impl Summable for $type {
            const IS_EXACT: bool = false;

            #[inline]
            fn plus(self, other: Self) -> Self {
                self + other
            }
        }
    )*};
}

floats! { f32 f64 }

/// The running sum of a field; the other fields are those of the first record.
pub struct Sum<F, N>(F, PhantomData<fn() -> N>);

impl<F, N> Sum<F, N> {
    /// Sums what `field` points at.
    pub fn new<T>(field: F) -> Self
    where
        F: Fn(&mut T) -> &mut N,
    {
        Self(field, PhantomData)
    }
}

impl<F: Clone, N> Clone for Sum<F, N> {
    fn clone(&self) -> Self {
        Self(self.0.clone(), PhantomData)
    }
}

impl<T, N: Summable, F: Fn(&mut T) -> &mut N + Clone + Send + 'static> ReduceFunction<T> for Sum<F, N> {
    fn is_mergeable(&self) -> bool {
        N::IS_EXACT
    }

    #[inline]
    fn reduce(&mut self, mut reduced: T, mut value: T) -> Result<T> {
        let more = *(self.0)(&mut value);
        let field = (self.0)(&mut reduced);
        *field = field.plus(more);
        Ok(reduced)
    }
}

/// Which of two values an extremum keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extremum {
    /// The lower one.
    Min,
    /// The higher one.
    Max,
}

impl Extremum {
    /// Whether `value` takes the place of `reduced`. Equal values do not, nor does a NaN.
    #[inline]
    fn takes<N: PartialOrd>(self, value: &N, reduced: &N) -> bool {
        match self {
            Self::Min => value < reduced,
            Self::Max => value > reduced,
        }
    }
}

/// Whether of two values one is always lower or both are the same: floating-point numbers have NaN and two zeros.
fn is_totally_ordered<N: 'static>() -> bool {
    macro_rules! is_one_of {
        ($($type:ty)*) => {
            [$(TypeId::of::<$type>()),*].contains(&TypeId::of::<N>())
        };
    }
    is_one_of!(i8 i16 i32 i64 i128 isize u8 u16 u32 u64 u128 usize bool char String)
}

/// The lowest or highest value of a field; the other fields are those of the first record.
pub struct ExtremumOf<F, N>(Extremum, F, PhantomData<fn() -> N>);

impl<F, N> ExtremumOf<F, N> {
    /// The extremum of what `field` points at.
    pub fn new<T>(extremum: Extremum, field: F) -> Self
    where
        F: Fn(&mut T) -> &mut N,
    {
        Self(extremum, field, PhantomData)
    }
}

impl<F: Clone, N> Clone for ExtremumOf<F, N> {
    fn clone(&self) -> Self {
        Self(self.0, self.1.clone(), PhantomData)
    }
}

impl<T, N: PartialOrd + Clone + 'static, F: Fn(&mut T) -> &mut N + Clone + Send + 'static> ReduceFunction<T>
    for ExtremumOf<F, N>
{
    fn is_mergeable(&self) -> bool {
        is_totally_ordered::<N>()
    }

    #[inline]
    fn reduce(&mut self, mut reduced: T, mut value: T) -> Result<T> {
        let new = (self.1)(&mut value);
        let field = (self.1)(&mut reduced);
        if self.0.takes(new, field) {
            field.clone_from(new);
        }
        Ok(reduced)
    }
}

/// The record with the lowest or highest value; the first of equal ones.
pub struct RecordWith<F, N>(Extremum, F, PhantomData<fn() -> N>);

impl<F, N> RecordWith<F, N> {
    /// The record in which `value` is extreme.
    pub fn new(extremum: Extremum, value: F) -> Self {
        Self(extremum, value, PhantomData)
    }
}

impl<F: Clone, N> Clone for RecordWith<F, N> {
    fn clone(&self) -> Self {
        Self::new(self.0, self.1.clone())
    }
}

impl<T, N: PartialOrd + 'static, F: Fn(&T) -> N + Clone + Send + 'static> ReduceFunction<T> for RecordWith<F, N> {
    #[inline]
    fn reduce(&mut self, reduced: T, value: T) -> Result<T> {
        Ok(if self.0.takes(&(self.1)(&value), &(self.1)(&reduced)) { value } else { reduced })
    }
}
