//! The queue itself: short critical sections, no user code under the lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use super::Batching;
use super::compose::{BatchCut, Filling, alike};
use super::item::Item;
use super::lanes::Lanes;
use crate::runnable::Runnable;
use crate::sync::{Condvar, Mutex, lock, wait_timeout};

/// How many batches' worth of items a batch of like ones is chosen from.
const WINDOW: usize = 4;

/// Called once there is room.
pub(crate) type WhenRoom = Box<dyn FnOnce() + Send>;

pub(crate) struct Queue<R: Runnable> {
    state: Mutex<State<R>>,
    // A copy of the length that the uncontended path reads without the lock.
    length: AtomicUsize,
    arrived: Condvar,
}

struct State<R: Runnable> {
    items: Lanes<R>,
    /// How many of `items` have no blocked caller who would compute them.
    others: usize,
    /// A job for this queue waits for a permit.
    posted: bool,
    when_room: Vec<WhenRoom>,
    lingering: usize,
}

/// What was taken out for a batch.
pub(crate) struct Taken<R: Runnable> {
    pub(crate) batch: Vec<Item<R>>,
    /// Why it has no more items.
    pub(crate) cut: BatchCut,
    /// How many wait behind it.
    pub(crate) waiting: usize,
    /// Those whose caller is gone.
    pub(crate) abandoned: Vec<Item<R>>,
    /// Those whose deadline has passed.
    pub(crate) late: Vec<Item<R>>,
    /// Others wait behind the batch and no job is posted for them: the caller posts it.
    pub(crate) post: bool,
    pub(crate) when_room: Vec<WhenRoom>,
}

impl<R: Runnable> Queue<R> {
    pub(crate) fn new() -> Self {
        let state = State { items: Lanes::new(), others: 0, posted: false, when_room: Vec::new(), lingering: 0 };
        Self { state: Mutex::new(state), length: AtomicUsize::new(0), arrived: Condvar::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.length.load(Ordering::Acquire)
    }

    /// Appends an item whose caller computes it itself if nobody else does.
    pub(crate) fn push_own(&self, item: Item<R>) {
        let mut state = lock(&self.state);
        state.items.push(item);
        self.after_push(&state);
    }

    /// Appends items that others compute; says whether the caller has to post a job.
    pub(crate) fn push(&self, items: impl IntoIterator<Item = Item<R>>) -> bool {
        let mut state = lock(&self.state);
        state.extend(items);
        self.after_push(&state);
        state.post()
    }

    /// Appends items of a caller who takes the next batch at once, and then knows whether a job is needed.
    pub(crate) fn push_quietly(&self, items: Vec<Item<R>>) {
        let mut state = lock(&self.state);
        state.extend(items);
        self.after_push(&state);
    }

    /// As [`push`](Self::push), or hands the items back because there is no room for all of them.
    pub(crate) fn try_push(&self, items: Vec<Item<R>>, max: usize) -> Result<bool, Vec<Item<R>>> {
        let mut state = lock(&self.state);
        if state.items.len() + items.len() > max {
            return Err(items);
        }
        state.extend(items);
        self.after_push(&state);
        Ok(state.post())
    }

    /// Puts back what did not fit a batch after all, as the oldest; says whether the caller has to post a job.
    pub(crate) fn put_back(&self, items: Vec<Item<R>>) -> bool {
        let mut state = lock(&self.state);
        for mut item in items.into_iter().rev() {
            // Its caller may have seen the queue without it, and wait for the answer only.
            item.own = false;
            state.others += 1;
            state.items.push_front(item);
        }
        self.after_push(&state);
        state.post()
    }

    /// The next batch; `raw_cost` is the estimate for items that are not prepared.
    pub(crate) fn take(&self, batching: &Batching, raw_cost: usize, pads: bool) -> Taken<R> {
        let mut state = lock(&self.state);
        let mut taken = Taken {
            batch: Vec::new(),
            cut: BatchCut::Drained,
            waiting: 0,
            abandoned: Vec::new(),
            late: Vec::new(),
            post: false,
            when_room: Vec::new(),
        };
        if pads {
            state.take_alike(&mut taken, batching, raw_cost);
        } else {
            state.take_prefix(&mut taken, batching, raw_cost);
        }
        taken.batch.iter().for_each(|item| item.reply.take());
        let gone = taken.batch.iter().chain(&taken.abandoned).chain(&taken.late);
        state.others -= gone.filter(|item| !item.own).count();
        taken.waiting = state.items.len();
        self.length.store(state.items.len(), Ordering::Release);
        taken.post = state.post();
        if state.items.len() < batching.max_queue {
            taken.when_room = std::mem::take(&mut state.when_room);
        }
        taken
    }

    /// All that wait, and who waits for room, where nobody will take a batch any more.
    pub(crate) fn drain(&self) -> (Vec<Item<R>>, Vec<WhenRoom>) {
        let mut state = lock(&self.state);
        let items = std::iter::from_fn(|| state.items.pop()).collect();
        state.others = 0;
        state.posted = false;
        self.length.store(0, Ordering::Release);
        (items, std::mem::take(&mut state.when_room))
    }

    /// Whether a posted job still has something to do; if not, it is no longer posted.
    pub(crate) fn job_wanted(&self) -> bool {
        let mut state = lock(&self.state);
        if state.others == 0 {
            state.posted = false;
        }
        state.posted
    }

    /// The posted job has got its permit.
    pub(crate) fn job_started(&self) {
        lock(&self.state).posted = false;
    }

    /// Calls `callback` once there is room, or gives it back if there is now.
    pub(crate) fn when_room(&self, max: usize, callback: WhenRoom) -> Option<WhenRoom> {
        let mut state = lock(&self.state);
        if state.items.len() < max {
            return Some(callback);
        }
        state.when_room.push(callback);
        None
    }

    /// Waits until more than `known` items are there, `limit` at most; says whether they are.
    pub(crate) fn linger(&self, known: usize, limit: Duration) -> bool {
        let mut state = lock(&self.state);
        if state.items.len() <= known {
            state.lingering += 1;
            state = wait_timeout(&self.arrived, state, limit);
            state.lingering -= 1;
        }
        state.items.len() > known
    }

    fn after_push(&self, state: &State<R>) {
        self.length.store(state.items.len(), Ordering::Release);
        if state.lingering > 0 {
            self.arrived.notify_all();
        }
    }
}

impl<R: Runnable> State<R> {
    /// The next item that somebody still waits for; the others go where they belong.
    fn pop_wanted(&mut self, now: Instant, taken: &mut Taken<R>) -> Option<Item<R>> {
        while let Some(item) = self.items.pop() {
            if item.reply.is_abandoned() {
                taken.abandoned.push(item);
            } else if item.deadline.is_some_and(|deadline| deadline <= now) {
                taken.late.push(item);
            } else {
                return Some(item);
            }
        }
        None
    }

    fn take_prefix(&mut self, taken: &mut Taken<R>, batching: &Batching, raw_cost: usize) {
        let mut filling = Filling::default();
        let now = Instant::now();
        while let Some(item) = self.pop_wanted(now, taken) {
            if !filling.admits(item.candidate(raw_cost), batching) {
                self.items.push_front(item);
                break;
            }
            taken.batch.push(item);
        }
        taken.cut = filling.cut();
    }

    fn take_alike(&mut self, taken: &mut Taken<R>, batching: &Batching, raw_cost: usize) {
        let now = Instant::now();
        let window = batching.max_batch_size.saturating_mul(WINDOW);
        let mut looked_at = Vec::new();
        while looked_at.len() < window
            && let Some(item) = self.pop_wanted(now, taken)
        {
            looked_at.push(item);
        }
        // Only those for the first one's method can be in its batch.
        let method = looked_at.first().map_or(0, |item| item.method);
        let costs: Vec<usize> =
            looked_at.iter().filter(|item| item.method == method).map(|item| item.candidate(raw_cost).cost).collect();
        let (chosen, cut) = alike(&costs, batching);
        taken.cut = if cut == BatchCut::Drained && costs.len() < looked_at.len() { BatchCut::Method } else { cut };
        let mut chosen = chosen.into_iter().peekable();
        let (mut place, mut left) = (0, Vec::new());
        for item in looked_at {
            if item.method != method {
                left.push(item);
                continue;
            }
            if chosen.next_if_eq(&place).is_some() {
                taken.batch.push(item);
            } else {
                left.push(item);
            }
            place += 1;
        }
        left.into_iter().rev().for_each(|item| self.items.push_front(item));
    }

    fn extend(&mut self, items: impl IntoIterator<Item = Item<R>>) {
        for item in items {
            self.others += usize::from(!item.own);
            self.items.push(item);
        }
    }

    fn post(&mut self) -> bool {
        let post = !self.posted && self.others > 0;
        self.posted |= post;
        post
    }
}
