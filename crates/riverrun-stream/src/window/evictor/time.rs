//! [`TimeEvictor`].

use std::time::Duration;

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::{Evictor, EvictorContext, WindowElements, millis};

/// Keeps the elements whose timestamps are less than a time behind the highest one. Same as Flink's `TimeEvictor`.
///
/// Where the first element has no timestamp, nothing is taken out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeEvictor {
    keep: Timestamp,
    after: bool,
}

impl TimeEvictor {
    /// Keeps the elements that are less than `window_size` behind the highest; the others go before the window's function.
    #[must_use]
    pub fn of(window_size: Duration) -> Self {
        Self { keep: millis(window_size), after: false }
    }

    /// Has the others go after the window's function instead.
    #[must_use]
    pub fn after(self) -> Self {
        Self { after: true, ..self }
    }

    fn evict<T>(&self, elements: &mut WindowElements<T>) {
        if !elements.timestamps().first().is_some_and(Option::is_some) {
            return;
        }
        let highest = elements.timestamps().iter().flatten().max().copied().unwrap_or(Timestamp::MIN);
        let cutoff = i128::from(highest) - i128::from(self.keep);
        elements.retain(|_, timestamp| i128::from(timestamp.unwrap_or(Timestamp::MIN)) > cutoff);
    }
}

impl<T, W> Evictor<T, W> for TimeEvictor {
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
