//! Takes batches from a runner's queue when the service can take them.

use std::sync::Arc;

use riverrun_runner::RemoteQueue;
use riverrun_runner::wire::Portable;

use crate::caller::Caller;
use crate::delivery::UnderWay;

/// Runs until the last clone of the runner is gone and everything that it accepted is answered.
///
/// A batch stays in the queue, where it fills, until there is room for it: what is under way is bounded by the endpoints'
/// limits, and what waits by the runner's queue.
pub(crate) async fn dispatch<R: Portable>(caller: Arc<Caller<R>>, mut queue: RemoteQueue<R>) {
    loop {
        caller.room().await;
        let Some(batch) = queue.next().await else { break };
        let under_way = UnderWay::new(caller.clone(), batch.len());
        // On its own: a panic in a type's `Deserialize` is that batch's failure.
        tokio::spawn(under_way.deliver(batch));
    }
    tracing::debug!(runner = queue.name(), "the last clone of a remote runner is gone");
}
