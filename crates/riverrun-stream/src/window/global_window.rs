//! The one window that takes everything: [`GlobalWindow`].

use serde::{Deserialize, Serialize};

use crate::element::Timestamp;
use crate::window::Window;

/// All elements of a key; it never ends. Same as Flink's `GlobalWindow`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct GlobalWindow;

impl Window for GlobalWindow {
    fn max_timestamp(&self) -> Timestamp {
        Timestamp::MAX
    }
}
