//! As a window function, with state, times and side outputs: [`ProcessWindowFunction`].

use crate::batch::DataType;
use crate::context::RuntimeContext;
use crate::data::Data;
use crate::element::{StreamRecord, Timestamp};
use crate::error::{FunctionError, Result};
use crate::functions::{Collector, OutputTag};
use crate::operator::Turn;
use crate::state::{KeyedContext, StateTables};

/// What a window's function knows: the window, the time, state and side outputs. Keyed state that is used with it is that of the
/// key, whatever the window: Flink's `globalState`.
pub struct ProcessWindowContext<'t, 'a, W, S> {
    pub(crate) turn: &'t mut Turn<'a>,
    pub(crate) window: &'t W,
    pub(crate) timestamp: Timestamp,
    pub(crate) watermark: Timestamp,
    pub(crate) states: &'t mut StateTables,
    pub(crate) window_state: &'t mut Option<S>,
    pub(crate) is_merging: bool,
}

impl<W, S> KeyedContext for ProcessWindowContext<'_, '_, W, S> {
    fn states(&mut self) -> &mut StateTables {
        self.states
    }
}

impl<W, S: Default> ProcessWindowContext<'_, '_, W, S> {
    /// The window.
    #[must_use]
    pub fn window(&self) -> &W {
        self.window
    }

    /// Processing time now.
    #[must_use]
    pub fn current_processing_time(&self) -> Timestamp {
        self.turn.now()
    }

    /// How far event time has come: [`Timestamp::MIN`] before the first watermark.
    #[must_use]
    pub fn current_watermark(&self) -> Timestamp {
        self.watermark
    }

    /// What the function remembers of this window of this key from one firing to the next; the default at first. It goes with the
    /// window.
    ///
    /// # Errors
    /// The windows merge: a window that becomes part of another has no state that could stay.
    pub fn window_state(&mut self) -> Result<&mut S> {
        if self.is_merging {
            return Err(FunctionError::new(
                "windows that merge have no state of their own; keep it per key, with a keyed state that is asked for in `open`",
            ));
        }
        Ok(self.window_state.get_or_insert_with(S::default))
    }

    /// Emits a value to a side output. It carries the last time of the window.
    ///
    /// # Errors
    /// The function did not declare the tag in its `side_outputs`, or declared it with another type.
    pub fn output<T: Data>(&mut self, tag: &OutputTag<T>, value: T) -> Result {
        let port = self.turn.port_named(tag.id())?;
        let timestamp = Some(self.timestamp);
        self.turn.output(port)?.push(StreamRecord { value, timestamp });
        Ok(())
    }
}

macro_rules! process_window_function {
    ($(#[$doc:meta])* $name:ident<In $(, $k:ident)?; W> ($($key:ident: $key_type:ty)?)) => {
        $(#[$doc])*
        pub trait $name<In, $($k,)? W>: Clone + Send + 'static {
            /// What it makes for the main output.
            type Out;

            /// What it remembers of one window of one key; `()` where that is nothing.
            type WindowState: Data + Default;

            /// The side outputs it uses: `vec![tag.port()]`.
            fn side_outputs(&self) -> Vec<(String, DataType)> {
                Vec::new()
            }

            /// Called once per subtask before the first window. Keyed states are asked for here, and models load.
            ///
            /// # Errors
            /// An error fails the task.
            fn open(&mut self, context: &RuntimeContext) -> Result {
                let _ = context;
                Ok(())
            }

            /// Makes values of the elements, which are in arrival order, and hands them to `out`, or to a side output of
            /// `context`. They carry the last time of the window. Called whenever the trigger fires.
            ///
            /// # Errors
            /// An error fails the task.
            fn process(
                &mut self, $($key: $key_type,)? context: &mut ProcessWindowContext<'_, '_, W, Self::WindowState>,
                elements: &[In], out: &mut Collector<'_, Self::Out>,
            ) -> Result;

            /// The window is over. Its state goes by itself.
            ///
            /// # Errors
            /// An error fails the task.
            fn clear(&mut self, context: &mut ProcessWindowContext<'_, '_, W, Self::WindowState>) -> Result {
                let _ = context;
                Ok(())
            }

            /// Called once per subtask after the last window, also when the job failed.
            ///
            /// # Errors
            /// An error fails the task.
            fn close(&mut self) -> Result {
                Ok(())
            }
        }
    };
}

process_window_function! {
    /// Makes any number of values of the elements of a window, with state, times and side outputs. Same as Flink's
    /// `ProcessWindowFunction`, but that its window state is a type of its own and its side outputs are declared.
    ProcessWindowFunction<In, K; W> (key: &K)
}

process_window_function! {
    /// As [`ProcessWindowFunction`], for a stream that is not keyed. Same as Flink's `ProcessAllWindowFunction`.
    ProcessAllWindowFunction<In; W> ()
}
