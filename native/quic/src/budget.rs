//! Bounds on what is read but not yet taken by JavaScript.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What an event costs beside its bytes, so that many empty events are bounded as well.
const EVENT_COST: usize = 128;

/// A number of bytes that events in the queue may hold. Reading stops when it is used up, and QUIC's flow
/// control then stops the peer.
#[derive(Clone)]
pub struct Budget {
    bytes: Arc<Semaphore>,
    limit: usize,
}

/// A share of one or two budgets, given back when dropped.
pub struct Share {
    _held: OwnedSemaphorePermit,
    _also: Option<OwnedSemaphorePermit>,
}

impl Share {
    /// This share and another one, of a second budget.
    pub fn with(self, other: Share) -> Share {
        Share { _held: self._held, _also: Some(other._held) }
    }
}

impl Budget {
    pub fn new(limit: usize) -> Self {
        let limit = limit.clamp(EVENT_COST, Semaphore::MAX_PERMITS.min(u32::MAX as usize));
        Budget { bytes: Arc::new(Semaphore::new(limit)), limit }
    }

    /// Lets nobody wait any more: `take` gives nothing from now on.
    pub fn close(&self) {
        self.bytes.close();
    }

    /// Waits until an event with `bytes` bytes fits. An event larger than the whole budget waits for all of it.
    pub async fn take(&self, bytes: usize) -> Option<Share> {
        let cost = bytes.saturating_add(EVENT_COST).min(self.limit);
        let cost = u32::try_from(cost).ok()?;
        let held = self.bytes.clone().acquire_many_owned(cost).await.ok()?;
        Some(Share { _held: held, _also: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[tokio::test]
    async fn blocks_when_used_up_and_goes_on_when_given_back() {
        let budget = Budget::new(1000);
        let first = budget.take(800).await;
        assert!(timeout(Duration::from_millis(20), budget.take(100)).await.is_err());
        drop(first);
        assert!(timeout(Duration::from_millis(20), budget.take(100)).await.is_ok());
    }

    #[tokio::test]
    async fn empty_events_cost_too() {
        let budget = Budget::new(EVENT_COST * 2);
        let held = (budget.take(0).await, budget.take(0).await);
        assert!(timeout(Duration::from_millis(20), budget.take(0)).await.is_err());
        drop(held);
    }

    #[tokio::test]
    async fn larger_than_all_still_passes() {
        assert!(timeout(Duration::from_millis(20), Budget::new(1000).take(1 << 30)).await.is_ok());
    }
}
