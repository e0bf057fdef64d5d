//! [`GlobalWindows`].

use crate::element::Timestamp;
use crate::error::Result;
use crate::window::{GlobalWindow, NeverTrigger, WindowAssigner};

/// All elements of a key in one window that never ends: results come out only where the user sets a trigger. Same as Flink's
/// `GlobalWindows`.
#[derive(Debug, Clone, Copy)]
pub struct GlobalWindows;

impl<T> WindowAssigner<T> for GlobalWindows {
    type Window = GlobalWindow;
    type DefaultTrigger = NeverTrigger;

    fn name(&self) -> &'static str {
        "GlobalWindows"
    }

    #[inline]
    fn assign_windows(&mut self, _: &T, _: Option<Timestamp>, _: Timestamp, windows: &mut Vec<GlobalWindow>) -> Result {
        windows.push(GlobalWindow);
        Ok(())
    }

    fn default_trigger(&self) -> NeverTrigger {
        NeverTrigger
    }

    fn is_event_time(&self) -> bool {
        false
    }
}
