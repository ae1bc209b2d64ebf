//! The queue of events between the network tasks and JavaScript.

use std::collections::VecDeque;
use std::sync::Mutex;

use crate::budget::Share;
use crate::codes::Closed;
use crate::failure::{Failure, Kind};
use crate::runtime::locked;

/// What a session reports. Streams are named by local handles: even ones were chosen by JavaScript, odd ones here.
#[derive(Debug)]
pub enum Event {
    StreamOpened { stream: u64, bidi: bool },
    Data { stream: u64, bytes: Vec<u8>, fin: bool },
    Reset { stream: u64, code: u64 },
    StopSending { stream: u64, code: u64 },
    Datagram { bytes: Vec<u8> },
    Drained { stream: u64, queued: usize },
    Sent { stream: u64 },
    Closed(Closed),
}

type Waker = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    events: VecDeque<(Event, Option<Share>)>,
    /// Called once, at the next event.
    waker: Option<Waker>,
    /// A reader waits, or was woken and has not taken its batch yet.
    waiting: bool,
    /// `Closed` is queued or taken; nothing follows it.
    closed: bool,
}

/// What a reader finds.
pub enum Take {
    Batch(Vec<Event>),
    /// Nothing yet: the waker was kept.
    Wait,
}

/// Events in the order in which they happened; the last one is `Closed`.
#[derive(Default)]
pub struct EventQueue {
    state: Mutex<State>,
}

impl EventQueue {
    /// Adds an event, with the share of the budget that it holds until it is taken.
    pub fn push(&self, event: Event, share: Option<Share>) {
        let waker = {
            let mut state = locked(&self.state);
            if state.closed {
                return;
            }
            state.closed = matches!(event, Event::Closed(_));
            state.events.push_back((event, share));
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker();
        }
    }

    /// Takes a batch, or leaves `waker` to be called when there is one.
    pub fn take_or_wait(
        &self,
        max: usize,
        waker: impl FnOnce() -> Result<Waker, Failure>,
    ) -> Result<Take, Failure> {
        let mut state = locked(&self.state);
        if state.waiting {
            return Err(Failure::new(Kind::InvalidOption, "next() was called while another next() waits"));
        }
        if !state.events.is_empty() || state.closed {
            return Ok(Take::Batch(state.take(max)));
        }
        state.waker = Some(waker()?);
        state.waiting = true;
        Ok(Take::Wait)
    }

    /// The batch for a reader that was woken.
    pub fn take_woken(&self, max: usize) -> Vec<Event> {
        let mut state = locked(&self.state);
        state.waiting = false;
        state.take(max)
    }
}

impl State {
    fn take(&mut self, max: usize) -> Vec<Event> {
        let count = self.events.len().min(max.max(1));
        let batch = self.events.drain(..count).map(|(event, _share)| event).collect();
        if self.events.is_empty() && self.events.capacity() > 4096 {
            self.events = VecDeque::new();
        }
        batch
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::By;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::Arc;

    fn closed() -> Event {
        Event::Closed(Closed { code: 0, reason: String::new(), by: By::Local })
    }

    fn batch(queue: &EventQueue, max: usize) -> Option<usize> {
        match queue.take_or_wait(max, || Ok(Box::new(|| ()))) {
            Ok(Take::Batch(events)) => Some(events.len()),
            _ => None,
        }
    }

    #[test]
    fn nothing_follows_closed_and_then_batches_are_empty() {
        let queue = EventQueue::default();
        queue.push(Event::Sent { stream: 2 }, None);
        queue.push(closed(), None);
        queue.push(Event::Sent { stream: 4 }, None);
        assert_eq!(batch(&queue, 1), Some(1));
        assert_eq!(batch(&queue, 9), Some(1));
        assert_eq!(batch(&queue, 9), Some(0));
    }

    #[test]
    fn wakes_once_and_refuses_a_second_reader() {
        let queue = EventQueue::default();
        let woken = Arc::new(AtomicUsize::new(0));
        let count = woken.clone();
        let waker = move || -> Result<Waker, Failure> {
            Ok(Box::new(move || {
                count.fetch_add(1, Ordering::SeqCst);
            }))
        };
        assert!(matches!(queue.take_or_wait(9, waker), Ok(Take::Wait)));
        assert_eq!(batch(&queue, 9), None);
        queue.push(Event::Sent { stream: 2 }, None);
        queue.push(Event::Sent { stream: 4 }, None);
        assert_eq!(woken.load(Ordering::SeqCst), 1);
        assert_eq!(queue.take_woken(9).len(), 2);
        assert_eq!(batch(&queue, 9), None);
    }
}
