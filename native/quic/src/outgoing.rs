//! The sending half of a stream: a queue filled by JavaScript, emptied by one task.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio::sync::Notify;
use web_transport_quinn::SendStream;

use crate::codes::stop_code;
use crate::events::{Event, EventQueue};
use crate::runtime::locked;

/// A stream whose queue was longer than the high mark reports when it falls below the low mark.
const HIGH_MARK: usize = 256 * 1024;
const LOW_MARK: usize = 64 * 1024;

/// Chunks handed to QUIC in one call.
const CHUNKS_AT_ONCE: usize = 16;

#[derive(Default)]
struct State {
    chunks: VecDeque<Bytes>,
    /// Bytes that QUIC has not taken yet.
    queued: usize,
    fin: bool,
    reset: Option<u32>,
    priority: i32,
    priority_is_new: bool,
    above_high_mark: bool,
    /// Nothing is sent any more.
    over: bool,
}

/// What the task is to do next.
struct Orders {
    reset: Option<u32>,
    priority: Option<i32>,
    finish: bool,
}

/// Queue of the bytes to send on one stream.
pub struct Outgoing {
    state: Mutex<State>,
    wake: Notify,
    /// Bytes queued in the whole session.
    session_queued: Arc<AtomicUsize>,
}

impl Outgoing {
    pub fn new(priority: i32, session_queued: Arc<AtomicUsize>) -> Arc<Self> {
        let state = State { priority, priority_is_new: true, ..State::default() };
        Arc::new(Outgoing { state: Mutex::new(state), wake: Notify::new(), session_queued })
    }

    /// Queues bytes; returns how many are now queued. Nothing is taken after `fin`, a reset or a stop.
    pub fn write(&self, bytes: &[u8], fin: bool) -> usize {
        let queued = {
            let mut state = locked(&self.state);
            if state.over || state.fin || state.reset.is_some() {
                return state.queued;
            }
            if !bytes.is_empty() {
                state.chunks.push_back(Bytes::copy_from_slice(bytes));
                state.queued += bytes.len();
                self.session_queued.fetch_add(bytes.len(), Ordering::Relaxed);
            }
            state.fin = fin;
            state.above_high_mark |= state.queued > HIGH_MARK;
            state.queued
        };
        self.wake.notify_one();
        queued
    }

    pub fn set_priority(&self, priority: i32) {
        {
            let mut state = locked(&self.state);
            state.priority = priority;
            state.priority_is_new = true;
        }
        self.wake.notify_one();
    }

    pub fn priority(&self) -> i32 {
        locked(&self.state).priority
    }

    pub fn reset(&self, code: u32) {
        locked(&self.state).reset.get_or_insert(code);
        self.wake.notify_one();
    }

    /// Drops what is queued and takes no more.
    pub fn end(&self) {
        let mut state = locked(&self.state);
        state.over = true;
        state.chunks.clear();
        self.session_queued.fetch_sub(state.queued, Ordering::Relaxed);
        state.queued = 0;
    }

    fn orders(&self, batch: &mut Vec<Bytes>) -> Orders {
        let mut state = locked(&self.state);
        if batch.is_empty() {
            let count = state.chunks.len().min(CHUNKS_AT_ONCE);
            batch.extend(state.chunks.drain(..count));
        }
        Orders {
            reset: state.reset,
            priority: std::mem::take(&mut state.priority_is_new).then_some(state.priority),
            finish: state.fin && batch.is_empty(),
        }
    }

    /// Notes that QUIC took bytes; returns the rest when that is to be reported.
    fn taken(&self, bytes: usize) -> Option<usize> {
        let mut state = locked(&self.state);
        state.queued -= bytes;
        self.session_queued.fetch_sub(bytes, Ordering::Relaxed);
        let drained = state.above_high_mark && state.queued <= LOW_MARK;
        state.above_high_mark &= !drained;
        drained.then_some(state.queued)
    }

    /// Sends what is queued until the peer has all of it, one side ends the stream, or the session ends. Gives
    /// the event that tells the end, if there is one to tell.
    pub async fn run(&self, stream: u64, mut send: SendStream, events: &EventQueue) -> Option<Event> {
        let mut batch = Vec::new();
        let mut finished = false;
        loop {
            let orders = self.orders(&mut batch);
            if let Some(code) = orders.reset {
                let _ = send.reset(code);
                return None;
            }
            if let Some(priority) = orders.priority {
                let _ = send.set_priority(priority);
            }
            if orders.finish && !finished {
                let _ = send.finish();
                finished = true;
            }
            let stopped = if batch.is_empty() {
                tokio::select! {
                    biased;
                    () = self.wake.notified() => continue,
                    stopped = send.stopped() => match stopped {
                        Err(_) => return None,
                        Ok(None) if finished => return Some(Event::Sent { stream }),
                        // A stop whose code is outside the range of WebTransport's codes.
                        Ok(None) => 0,
                        Ok(Some(code)) => u64::from(code),
                    },
                }
            } else {
                tokio::select! {
                    biased;
                    () = self.wake.notified() => continue,
                    written = send.write_chunks(&mut batch) => match written {
                        Ok(written) => {
                            batch.drain(..written.chunks);
                            if let Some(queued) = self.taken(written.bytes) {
                                events.push(Event::Drained { stream, queued }, None);
                            }
                            continue;
                        }
                        Err(error) => match stop_code(&error) {
                            Some(code) => code,
                            None => return None,
                        },
                    },
                }
            };
            // RFC 9000 §3.5: a stream that the peer stopped is reset with the peer's code.
            let _ = send.reset(u32::try_from(stopped).unwrap_or(0));
            return Some(Event::StopSending { stream, code: stopped });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_once_when_a_long_queue_is_short_again() {
        let session = Arc::new(AtomicUsize::new(0));
        let outgoing = Outgoing::new(0, session.clone());
        assert_eq!(outgoing.write(&vec![0; HIGH_MARK + 1], false), HIGH_MARK + 1);
        assert_eq!(outgoing.taken(1), None);
        assert_eq!(outgoing.taken(HIGH_MARK - LOW_MARK), Some(LOW_MARK));
        assert_eq!(outgoing.taken(LOW_MARK), None);
        assert_eq!(session.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn takes_nothing_after_fin_and_gives_back_at_the_end() {
        let session = Arc::new(AtomicUsize::new(0));
        let outgoing = Outgoing::new(0, session.clone());
        assert_eq!(outgoing.write(b"abc", true), 3);
        assert_eq!(outgoing.write(b"def", false), 3);
        outgoing.end();
        assert_eq!(session.load(Ordering::Relaxed), 0);
        assert_eq!(outgoing.write(b"ghi", false), 0);
    }
}
