//! Streams that wait to be opened: the peer limits how many are open at once, so the most urgent goes first.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

use crate::incoming::Incoming;
use crate::outgoing::Outgoing;
use crate::runtime::locked;

/// A stream that is to be opened.
pub struct Opening {
    pub stream: u64,
    pub sending: Arc<Outgoing>,
    /// Only for bidirectional streams.
    pub receiving: Option<Arc<Incoming>>,
}

/// More urgent first; among equals in the order of asking.
type Rank = (Reverse<i32>, u64);

#[derive(Default)]
struct State {
    by_rank: BTreeMap<Rank, Opening>,
    ranks: HashMap<u64, Rank>,
    asked: u64,
}

/// The streams of one direction that wait to be opened.
#[derive(Default)]
pub struct Opener {
    state: Mutex<State>,
    wake: Notify,
}

impl Opener {
    pub fn add(&self, opening: Opening, priority: i32) {
        {
            let mut state = locked(&self.state);
            let rank = (Reverse(priority), state.asked);
            state.asked += 1;
            state.ranks.insert(opening.stream, rank);
            state.by_rank.insert(rank, opening);
        }
        self.wake.notify_one();
    }

    /// Changes the rank of a stream that still waits.
    pub fn set_priority(&self, stream: u64, priority: i32) {
        let mut state = locked(&self.state);
        let Some(&old) = state.ranks.get(&stream) else { return };
        let Some(opening) = state.by_rank.remove(&old) else { return };
        let rank = (Reverse(priority), old.1);
        state.ranks.insert(stream, rank);
        state.by_rank.insert(rank, opening);
    }

    /// Takes a stream out that still waits, so that it is never opened.
    pub fn cancel(&self, stream: u64) -> bool {
        let mut state = locked(&self.state);
        let Some(rank) = state.ranks.remove(&stream) else { return false };
        state.by_rank.remove(&rank).is_some()
    }

    /// Waits until a stream waits.
    pub async fn waiting(&self) {
        while locked(&self.state).by_rank.is_empty() {
            self.wake.notified().await;
        }
    }

    /// Takes the most urgent stream, if one waits.
    pub fn pop(&self) -> Option<Opening> {
        let mut state = locked(&self.state);
        let (_, opening) = state.by_rank.pop_first()?;
        state.ranks.remove(&opening.stream);
        Some(opening)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicUsize;

    fn add(opener: &Opener, stream: u64, priority: i32) {
        let sending = Outgoing::new(priority, Arc::new(AtomicUsize::new(0)));
        opener.add(Opening { stream, sending, receiving: None }, priority);
    }

    fn order(opener: &Opener) -> Vec<u64> {
        std::iter::from_fn(|| opener.pop().map(|opening| opening.stream)).collect()
    }

    #[test]
    fn urgent_first_then_as_asked() {
        let opener = Opener::default();
        for (stream, priority) in [(2, 0), (4, 5), (6, 0), (8, -1), (10, 5)] {
            add(&opener, stream, priority);
        }
        assert_eq!(order(&opener), [4, 10, 2, 6, 8]);
    }

    #[test]
    fn rank_changes_and_cancels() {
        let opener = Opener::default();
        for stream in [2, 4, 6] {
            add(&opener, stream, 0);
        }
        opener.set_priority(6, 1);
        assert!(opener.cancel(2));
        assert!(!opener.cancel(2));
        assert_eq!(order(&opener), [6, 4]);
    }
}
