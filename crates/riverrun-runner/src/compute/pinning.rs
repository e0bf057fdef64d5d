//! Worker threads bound to one core each, for those who ask for it.

use std::sync::OnceLock;

use core_affinity::CoreId;

use crate::sync::{Mutex, lock};

static ON: OnceLock<bool> = OnceLock::new();
static CORES: OnceLock<Mutex<Cores>> = OnceLock::new();

/// Turns it on or off; false where that was settled before.
pub(super) fn settle(on: bool) -> bool {
    ON.set(on).is_ok()
}

/// Binds the calling thread to the least used core, if that is wanted and can be done, and counts it there until it ends.
pub(super) fn bind() -> Option<Bound> {
    if !*ON.get_or_init(|| std::env::var("RIVERRUN_PIN").ok().as_deref().and_then(parse).unwrap_or(false)) {
        return None;
    }
    // The cores are read once: a worker that another worker starts inherits the one core that its starter is bound to.
    let cores = CORES.get_or_init(|| Mutex::new(Cores::new(core_affinity::get_core_ids().unwrap_or_default())));
    let core = lock(cores).take()?;
    let bound = Bound { core };
    core_affinity::set_for_current(core).then_some(bound)
}

fn parse(text: &str) -> Option<bool> {
    match text.trim() {
        "1" => Some(true),
        "0" => Some(false),
        _ => None,
    }
}

/// A thread that is bound to `core`.
pub(super) struct Bound {
    core: CoreId,
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Some(cores) = CORES.get() {
            lock(cores).leave(self.core);
        }
    }
}

/// The cores that the process may use, and how many threads are bound to each.
struct Cores(Vec<(CoreId, usize)>);

impl Cores {
    fn new(cores: Vec<CoreId>) -> Self {
        Self(cores.into_iter().map(|core| (core, 0)).collect())
    }

    /// The first of the least used.
    fn take(&mut self) -> Option<CoreId> {
        let (core, threads) = self.0.iter_mut().min_by_key(|(_, threads)| *threads)?;
        *threads += 1;
        Some(*core)
    }

    fn leave(&mut self, core: CoreId) {
        if let Some((_, threads)) = self.0.iter_mut().find(|(one, _)| *one == core) {
            *threads = threads.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(ids: &[usize]) -> Cores {
        Cores::new(ids.iter().map(|&id| CoreId { id }).collect())
    }

    #[test]
    fn the_least_used_core_is_taken_first() {
        let mut cores = cores(&[2, 5, 7]);

        let taken: Vec<usize> = (0..5).filter_map(|_| cores.take()).map(|core| core.id).collect();

        assert_eq!(taken, [2, 5, 7, 2, 5]);
    }

    #[test]
    fn the_core_of_a_thread_that_ended_is_taken_next() {
        let mut cores = cores(&[2, 5]);
        assert!(cores.take().is_some() && cores.take().is_some());

        cores.leave(CoreId { id: 5 });

        assert_eq!(cores.take().map(|core| core.id), Some(5));
    }

    #[test]
    fn where_no_cores_are_known_none_is_taken() {
        assert!(cores(&[]).take().is_none());
    }

    #[test]
    fn a_value_that_is_neither_0_nor_1_is_not_taken() {
        assert_eq!(parse(" 1 "), Some(true));
        assert_eq!(parse("0"), Some(false));
        assert_eq!(parse("yes"), None);
        assert_eq!(parse(""), None);
    }
}
