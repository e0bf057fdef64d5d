//! When nobody is there any more.

use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// Completes once all `permits`, one for each connection that there may be, have been free for `time`.
pub(super) async fn idle_for(time: Duration, room: &Semaphore, permits: usize) {
    // A connection that comes and goes between two looks is a moment of use, not of interest.
    let look = (time / 8).max(Duration::from_millis(1));
    let mut since = Instant::now();
    while since.elapsed() < time {
        sleep(look).await;
        if room.available_permits() < permits {
            since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_keeps_the_server_and_its_end_starts_the_time_anew() {
        let room = Semaphore::new(2);
        let time = Duration::from_millis(80);
        let connection = room.acquire().await.unwrap();

        assert!(tokio::time::timeout(4 * time, idle_for(time, &room, 2)).await.is_err());
        drop(connection);
        idle_for(time, &room, 2).await;
    }
}
