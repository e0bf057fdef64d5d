//! [`CountEvictor`].

use crate::error::Result;
use crate::window::{Evictor, EvictorContext, WindowElements};

/// Keeps the last elements, up to a number. Same as Flink's `CountEvictor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CountEvictor {
    max_count: usize,
    after: bool,
}

impl CountEvictor {
    /// Keeps the last `max_count` elements; the others go before the window's function.
    #[must_use]
    pub fn of(max_count: usize) -> Self {
        Self { max_count, after: false }
    }

    /// Has the others go after the window's function instead.
    #[must_use]
    pub fn after(self) -> Self {
        Self { after: true, ..self }
    }

    fn evict<T>(&self, elements: &mut WindowElements<T>) {
        elements.evict_first(elements.len().saturating_sub(self.max_count));
    }
}

impl<T, W> Evictor<T, W> for CountEvictor {
    fn evict_before(&mut self, elements: &mut WindowElements<T>, _: &W, _: &EvictorContext) -> Result {
        if !self.after {
            self.evict(elements);
        }
        Ok(())
    }

    fn evict_after(&mut self, elements: &mut WindowElements<T>, _: &W, _: &EvictorContext) -> Result {
        if self.after {
            self.evict(elements);
        }
        Ok(())
    }
}
