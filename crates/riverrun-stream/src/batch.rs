//! Records of one type travelling together, with the type erased: [`Batch`] and [`DataType`].

use std::any::{Any, TypeId, type_name};

use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::Error;

/// Records of one type, in order; hosts move it without knowing the type.
pub struct Batch(Box<dyn Records>);

trait Records: Send {
    fn data_type(&self) -> DataType;
    fn len(&self) -> usize;
    fn as_any(&self) -> &dyn Any;
    fn as_any_mut(&mut self) -> &mut dyn Any;
    fn into_any(self: Box<Self>) -> Box<dyn Any>;
    fn duplicate(&self) -> Batch;
    fn split_front(&mut self, count: usize) -> Batch;
    fn deal(self: Box<Self>, counts: &[usize], to: &[usize]) -> Vec<Batch>;
    fn arrange(self: Box<Self>, order: &[usize], chunk: usize) -> Vec<Batch>;
    fn timestamps(&self) -> Vec<Option<Timestamp>>;
    fn estimate_bytes(&self) -> usize;
    fn encode(&self) -> Result<Vec<u8>, Error>;
}

impl<T: Data> Records for Vec<StreamRecord<T>> {
    fn data_type(&self) -> DataType {
        DataType::of::<T>()
    }

    fn len(&self) -> usize {
        Vec::len(self)
    }

    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }

    fn into_any(self: Box<Self>) -> Box<dyn Any> {
        self
    }

    fn duplicate(&self) -> Batch {
        Batch::new(self.clone())
    }

    fn split_front(&mut self, count: usize) -> Batch {
        let rest = self.split_off(count.min(Vec::len(self)));
        Batch::new(std::mem::replace(self, rest))
    }

    fn deal(self: Box<Self>, counts: &[usize], to: &[usize]) -> Vec<Batch> {
        let mut dealt: Vec<Self> = counts.iter().map(|&count| Vec::with_capacity(count)).collect();
        for (record, &target) in self.into_iter().zip(to) {
            dealt[target].push(record);
        }
        dealt.into_iter().map(Batch::new).collect()
    }

    fn arrange(self: Box<Self>, order: &[usize], chunk: usize) -> Vec<Batch> {
        let mut records: Vec<Option<StreamRecord<T>>> = self.into_iter().map(Some).collect();
        let mut take = |&index: &usize| records.get_mut(index).and_then(Option::take);
        order.chunks(chunk).map(|part| Batch::new(part.iter().filter_map(&mut take).collect())).collect()
    }

    fn timestamps(&self) -> Vec<Option<Timestamp>> {
        self.iter().map(|record| record.timestamp).collect()
    }

    fn estimate_bytes(&self) -> usize {
        let on_heap = self.first().and_then(|record| rmp_serde::to_vec(record).ok()).map_or(0, |bytes| bytes.len());
        self.as_slice().len() * (size_of::<StreamRecord<T>>() + on_heap)
    }

    fn encode(&self) -> Result<Vec<u8>, Error> {
        rmp_serde::to_vec_named(self)
            .map_err(|error| Error::Encode { type_name: type_name::<T>(), reason: error.to_string() })
    }
}

impl Batch {
    /// A batch of these records.
    pub fn new<T: Data>(records: Vec<StreamRecord<T>>) -> Self {
        Self(Box::new(records))
    }

    /// A batch of these values, without timestamps.
    pub fn of<T: Data>(values: impl IntoIterator<Item = T>) -> Self {
        Self::new(values.into_iter().map(StreamRecord::new).collect())
    }

    /// How many records there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type of the records.
    #[must_use]
    pub fn data_type(&self) -> DataType {
        self.0.data_type()
    }

    /// The records themselves.
    ///
    /// # Errors
    /// The batch holds another type than `T`: an operator was connected to a stream of another type.
    pub fn into_records<T: Data>(self) -> Result<Vec<StreamRecord<T>>, Error> {
        let found = self.data_type().name();
        self.0
            .into_any()
            .downcast::<Vec<StreamRecord<T>>>()
            .map(|records| *records)
            .map_err(|_| Error::TypeMismatch { expected: type_name::<T>(), found })
    }

    /// The records, to be looked at.
    ///
    /// # Errors
    /// The batch holds another type than `T`.
    pub fn records<T: Data>(&self) -> Result<&[StreamRecord<T>], Error> {
        let found = self.data_type().name();
        let records = self.0.as_any().downcast_ref::<Vec<StreamRecord<T>>>();
        records.map(Vec::as_slice).ok_or(Error::TypeMismatch { expected: type_name::<T>(), found })
    }

    /// The records, to be added to or changed in place.
    ///
    /// # Errors
    /// The batch holds another type than `T`.
    pub fn records_mut<T: Data>(&mut self) -> Result<&mut Vec<StreamRecord<T>>, Error> {
        let found = self.data_type().name();
        self.0.as_any_mut().downcast_mut().ok_or(Error::TypeMismatch { expected: type_name::<T>(), found })
    }

    /// The same records again.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        self.0.duplicate()
    }

    /// Takes the first `count` records out (all, where there are fewer).
    pub fn split_front(&mut self, count: usize) -> Self {
        self.0.split_front(count)
    }

    /// Deals the records to `targets` batches, each to the one that `next` names (below `targets`), keeping their order.
    #[must_use]
    pub fn deal(self, targets: usize, mut next: impl FnMut() -> usize) -> Vec<Self> {
        let to: Vec<usize> = (0..self.len()).map(|_| next()).collect();
        self.deal_to(targets, &to)
    }

    /// As [`deal`](Self::deal), with a target below `targets` for each record in a slice; records without one are dropped.
    #[must_use]
    pub fn deal_to(self, targets: usize, to: &[usize]) -> Vec<Self> {
        let mut counts = vec![0; targets];
        to.iter().for_each(|&target| counts[target] += 1);
        self.0.deal(&counts, to)
    }

    /// The records in another order, in batches of `chunk`: `order` names each by its index, once.
    #[must_use]
    pub fn arrange(self, order: &[usize], chunk: usize) -> Vec<Self> {
        self.0.arrange(order, chunk.max(1))
    }

    /// The event time of each record.
    #[must_use]
    pub fn timestamps(&self) -> Vec<Option<Timestamp>> {
        self.0.timestamps()
    }

    /// How much memory the records take, roughly: judged by the first of them.
    #[must_use]
    pub fn estimate_bytes(&self) -> usize {
        self.0.estimate_bytes()
    }

    /// The records in their persisted form: MessagePack with field names.
    ///
    /// # Errors
    /// A value refuses to be serialized.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        self.0.encode()
    }
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} records of {}", self.len(), self.data_type().name())
    }
}

/// The type of a stream's records as a host sees it: enough to make, name and decode batches.
#[derive(Clone, Copy)]
pub struct DataType {
    id: TypeId,
    name: &'static str,
    empty: fn() -> Batch,
    append: fn(&mut Batch, Batch) -> Result<(), Error>,
    decode: fn(&[u8]) -> Result<Batch, Error>,
}

impl DataType {
    /// The type `T`.
    #[must_use]
    pub fn of<T: Data>() -> Self {
        Self {
            id: TypeId::of::<T>(),
            name: type_name::<T>(),
            empty: || Batch::new(Vec::<StreamRecord<T>>::new()),
            append: |batch, more| {
                batch.records_mut::<T>()?.append(&mut more.into_records::<T>()?);
                Ok(())
            },
            decode: |bytes| {
                rmp_serde::from_slice::<Vec<StreamRecord<T>>>(bytes)
                    .map(Batch::new)
                    .map_err(|error| Error::Decode { type_name: type_name::<T>(), reason: error.to_string() })
            },
        }
    }

    /// The type's name in Rust, for people.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// A batch without records.
    #[must_use]
    pub fn empty_batch(&self) -> Batch {
        (self.empty)()
    }

    /// Adds the records of `more` to `batch`.
    ///
    /// # Errors
    /// One of the two holds another type.
    pub fn append(&self, batch: &mut Batch, more: Batch) -> Result<(), Error> {
        (self.append)(batch, more)
    }

    /// Reads what [`Batch::encode`] wrote.
    ///
    /// # Errors
    /// The bytes are not of this type.
    pub fn decode(&self, bytes: &[u8]) -> Result<Batch, Error> {
        (self.decode)(bytes)
    }
}

impl PartialEq for DataType {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl std::fmt::Debug for DataType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_survives_its_persisted_form() {
        let batch = Batch::new(vec![StreamRecord::at(("a".to_string(), 1_u8), -5), StreamRecord::new(("b".into(), 2))]);

        let bytes = batch.encode().unwrap();
        let back = DataType::of::<(String, u8)>().decode(&bytes).unwrap();

        assert_eq!(back.into_records::<(String, u8)>().unwrap(), batch.into_records::<(String, u8)>().unwrap());
    }

    #[test]
    fn a_batch_of_another_type_is_an_error_that_names_both() {
        let error = Batch::of([1_u64]).into_records::<String>().unwrap_err();

        assert!(error.to_string().contains("u64") && error.to_string().contains("String"), "{error}");
    }

    #[test]
    fn dealing_keeps_the_order_within_each_target() {
        let mut next = 0;
        let dealt = Batch::of(0..7_u64).deal(3, || {
            next += 1;
            (next - 1) % 3
        });

        let values: Vec<Vec<u64>> = dealt
            .into_iter()
            .map(|batch| batch.into_records::<u64>().unwrap().into_iter().map(|record| record.value).collect())
            .collect();
        assert_eq!(values, [vec![0, 3, 6], vec![1, 4], vec![2, 5]]);
    }
}
