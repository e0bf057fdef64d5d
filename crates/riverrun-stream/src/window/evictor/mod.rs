//! What is taken out of a window before or after its function: one evictor a file.

mod count;
mod elements;
mod time;

use crate::element::Timestamp;
use crate::error::Result;

pub use count::CountEvictor;
pub use elements::WindowElements;
pub use time::TimeEvictor;

/// What an evictor knows of the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EvictorContext {
    pub(crate) watermark: Timestamp,
    pub(crate) now: Timestamp,
}

impl EvictorContext {
    /// How far event time has come: [`Timestamp::MIN`] before the first watermark.
    #[must_use]
    pub fn current_watermark(&self) -> Timestamp {
        self.watermark
    }

    /// Processing time now.
    #[must_use]
    pub fn current_processing_time(&self) -> Timestamp {
        self.now
    }
}

/// Takes elements out of a window when its trigger has fired, before the window's function or after it. Same as Flink's
/// `Evictor`.
///
/// A window with an evictor keeps all its elements, also where its function reduces or aggregates them.
pub trait Evictor<T, W>: Clone + Send + 'static {
    /// Takes elements out before the window's function sees them.
    ///
    /// # Errors
    /// An error fails the task.
    fn evict_before(&mut self, elements: &mut WindowElements<T>, window: &W, context: &EvictorContext) -> Result {
        let _ = (elements, window, context);
        Ok(())
    }

    /// Takes elements out after the window's function has seen them.
    ///
    /// # Errors
    /// An error fails the task.
    fn evict_after(&mut self, elements: &mut WindowElements<T>, window: &W, context: &EvictorContext) -> Result {
        let _ = (elements, window, context);
        Ok(())
    }

    /// Whether it is [`NoEvictor`].
    #[doc(hidden)]
    fn is_none(&self) -> bool {
        false
    }
}

/// Takes nothing out: what a stream of windows has unless the user sets an evictor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoEvictor;

impl<T, W> Evictor<T, W> for NoEvictor {
    fn is_none(&self) -> bool {
        true
    }
}
