//! [`Lane`]: requests on their way from the server to threads of Python.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;

use super::request::ServiceRequest;

/// What comes out of a lane.
pub(super) enum Mail {
    Request(Box<ServiceRequest>),
    /// Nobody waits for the answer to the request of this number any more.
    Abandoned(u64),
}

/// A queue that threads of Python take requests from, and wait at without the interpreter.
///
/// It has no bound of its own: the server admits no more requests than its handlers may have.
#[pyclass(frozen, module = "riverrun._native")]
#[derive(Clone)]
pub(crate) struct Lane(Arc<Shared>);

struct Shared {
    queue: Mutex<Queue>,
    filled: Condvar,
}

#[derive(Default)]
struct Queue {
    mail: VecDeque<Mail>,
    closed: bool,
}

impl Lane {
    pub(super) fn push(&self, mail: Mail) {
        let mut queue = self.lock();
        if queue.closed {
            drop(queue);
            // A request ends here, and with it the wait for its answer.
            drop(mail);
            return;
        }
        queue.mail.push_back(mail);
        drop(queue);
        self.0.filled.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.0.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next of what somebody still waits for; none once it is closed.
    fn next(&self) -> Option<Mail> {
        let mut queue = self.lock();
        loop {
            match queue.mail.pop_front() {
                Some(Mail::Request(request)) if request.is_abandoned() => {}
                Some(mail) => return Some(mail),
                None if queue.closed => return None,
                None => queue = self.0.filled.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

#[pymethods]
impl Lane {
    #[new]
    fn new() -> Self {
        Self(Arc::new(Shared { queue: Mutex::default(), filled: Condvar::new() }))
    }

    /// Waits for the next: a request, the number of one that was given up, or `None` at the end.
    fn take(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        match py.detach(|| self.next()) {
            Some(Mail::Request(request)) => (*request).into_py_any(py),
            Some(Mail::Abandoned(number)) => number.into_py_any(py),
            None => Ok(py.None()),
        }
    }

    /// Ends it: what is in it is not answered, and who waits is told.
    fn close(&self) {
        let mut queue = self.lock();
        queue.closed = true;
        let rest = std::mem::take(&mut queue.mail);
        drop(queue);
        drop(rest);
        self.0.filled.notify_all();
    }
}
