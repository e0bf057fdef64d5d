//! What a function says of a state to get it.

use std::marker::PhantomData;
use std::sync::Arc;

use crate::state::ttl::StateTtlConfig;

macro_rules! descriptor {
    ($(#[$doc:meta])* $name:ident<$($of:ident),+>) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name<$($of),+> {
            pub(super) name: String,
            pub(super) ttl: Option<StateTtlConfig>,
            types: PhantomData<fn() -> ($($of,)+)>,
        }

        impl<$($of),+> $name<$($of),+> {
            /// The state of this name, unique among the states of a function.
            pub fn new(name: impl Into<String>) -> Self {
                Self { name: name.into(), ttl: None, types: PhantomData }
            }

            /// Gives the state's entries a time to live.
            #[must_use]
            pub fn enable_time_to_live(mut self, ttl: StateTtlConfig) -> Self {
                self.ttl = Some(ttl);
                self
            }
        }
    };
}

descriptor! {
    /// Describes a [`ValueState`](crate::state::ValueState).
    ValueStateDescriptor<T>
}

descriptor! {
    /// Describes a [`ListState`](crate::state::ListState).
    ListStateDescriptor<T>
}

descriptor! {
    /// Describes a [`MapState`](crate::state::MapState).
    MapStateDescriptor<K, V>
}

/// How two values become one.
pub(super) type Reduce<T> = Arc<dyn Fn(T, T) -> T + Send + Sync>;

/// Describes a [`ReducingState`](crate::state::ReducingState).
#[derive(Clone)]
pub struct ReducingStateDescriptor<T> {
    pub(super) name: String,
    pub(super) ttl: Option<StateTtlConfig>,
    pub(super) reduce: Reduce<T>,
}

impl<T> ReducingStateDescriptor<T> {
    /// The state of this name, whose values are reduced by this function: what is there, then what is added.
    pub fn new(name: impl Into<String>, reduce: impl Fn(T, T) -> T + Send + Sync + 'static) -> Self {
        Self { name: name.into(), ttl: None, reduce: Arc::new(reduce) }
    }

    /// Gives the state's values a time to live.
    #[must_use]
    pub fn enable_time_to_live(mut self, ttl: StateTtlConfig) -> Self {
        self.ttl = Some(ttl);
        self
    }
}
