//! The receiving half of a stream: one task that reads as far as the budgets allow.

use std::future::Future;
use std::pin::pin;
use std::sync::Mutex;
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;
use web_transport_quinn::{ReadError, RecvStream};

use crate::budget::Budget;
use crate::codes::reset_code;
use crate::events::{Event, EventQueue};
use crate::runtime::locked;

/// Bytes in one event at most.
const MAX_READ: usize = 64 * 1024;

/// Receiving half of one stream.
#[derive(Default)]
pub struct Incoming {
    stop: Mutex<Option<u32>>,
    wake: Notify,
}

/// What ended a read.
enum Then {
    More,
    Fin,
    Failed(ReadError),
}

impl Incoming {
    /// Asks the peer to stop sending; nothing more of this half is reported.
    pub fn stop(&self, code: u32) {
        locked(&self.stop).get_or_insert(code);
        self.wake.notify_one();
    }

    async fn stopped(&self) -> u32 {
        loop {
            if let Some(code) = *locked(&self.stop) {
                return code;
            }
            self.wake.notified().await;
        }
    }

    /// Reads until the stream ends. `session` bounds all streams together, `own` this one.
    pub async fn run(
        &self,
        stream: u64,
        mut recv: RecvStream,
        events: &EventQueue,
        session: &Budget,
        own: &Budget,
    ) {
        let code = tokio::select! {
            biased;
            code = self.stopped() => code,
            () = read(stream, &mut recv, events, session, own) => return,
        };
        let _ = recv.stop(code);
    }
}

async fn read(stream: u64, recv: &mut RecvStream, events: &EventQueue, session: &Budget, own: &Budget) {
    loop {
        let (bytes, then) = read_available(recv).await;
        let fin = matches!(then, Then::Fin);
        if fin || !bytes.is_empty() {
            let Some(own_share) = own.take(bytes.len()).await else { return };
            let Some(share) = session.take(bytes.len()).await else { return };
            events.push(Event::Data { stream, bytes, fin }, Some(share.with(own_share)));
        }
        match then {
            Then::More => {}
            Then::Fin => return,
            Then::Failed(error) => {
                if let Some(code) = reset_code(&error) {
                    events.push(Event::Reset { stream, code }, None);
                }
                return;
            }
        }
    }
}

/// Waits for bytes, then takes what is there without waiting again, so that a short object comes as one event
/// together with its FIN.
async fn read_available(recv: &mut RecvStream) -> (Vec<u8>, Then) {
    let mut bytes = Vec::new();
    let mut next = recv.read_chunk(MAX_READ, true).await;
    loop {
        match next {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk.bytes),
            Ok(None) => return (bytes, Then::Fin),
            Err(error) => return (bytes, Then::Failed(error)),
        }
        if bytes.len() >= MAX_READ {
            return (bytes, Then::More);
        }
        let more = pin!(recv.read_chunk(MAX_READ - bytes.len(), true));
        // Polled once; the next read registers anew.
        match more.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(result) => next = result,
            Poll::Pending => return (bytes, Then::More),
        }
    }
}
