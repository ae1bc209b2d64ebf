//! A session on either transport, and the tasks that drive it.

use std::collections::hash_map::Entry;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use web_transport_quinn::{RecvStream, SendStream};

use crate::budget::Budget;
use crate::codes::{By, Closed};
use crate::events::{Event, EventQueue};
use crate::failure::Failure;
use crate::incoming::Incoming;
use crate::limits::Limits;
use crate::opener::{Opener, Opening};
use crate::outgoing::Outgoing;
use crate::pool::Pool;
use crate::runtime::{locked, runtime};

/// How long what arrived before the peer closed may wait for JavaScript before `closed` is reported.
const LAST_READS: Duration = Duration::from_secs(2);

/// Share of the session's budget that one stream may use.
const STREAM_SHARE: usize = 4;

/// What is known of a session from its handshake.
#[derive(Clone, Debug)]
pub struct About {
    pub transport: &'static str,
    pub protocol: String,
    pub path: String,
    pub authority: String,
    pub remote_address: String,
}

#[derive(Default)]
struct Halves {
    sending: Option<Arc<Outgoing>>,
    receiving: Option<Arc<Incoming>>,
}

/// Held by every task that may still report something that arrived.
type Reading = mpsc::Sender<Infallible>;

/// An established session.
pub struct Session {
    pub about: About,
    pub events: EventQueue,
    inner: web_transport_quinn::Session,
    budget: Budget,
    stream_budget: usize,
    queued: Arc<AtomicUsize>,
    streams: Mutex<HashMap<u64, Halves>>,
    last_peer_stream: AtomicU64,
    /// Closed by either side: nothing is sent any more.
    over: AtomicBool,
    uni: Opener,
    bidi: Opener,
    pool: Arc<Pool>,
}

impl Session {
    /// Starts the tasks of a session; to be called on the runtime. `held` is dropped before its end is reported.
    pub fn start(
        inner: web_transport_quinn::Session,
        about: About,
        limits: &Limits,
        held: impl Send + 'static,
    ) -> Arc<Self> {
        let budget = limits.connection_window as usize;
        let session = Arc::new(Session {
            about,
            events: EventQueue::default(),
            inner,
            budget: Budget::new(budget),
            stream_budget: (budget / STREAM_SHARE).max(limits.stream_window as usize),
            queued: Arc::new(AtomicUsize::new(0)),
            streams: Mutex::default(),
            last_peer_stream: AtomicU64::new(0),
            over: AtomicBool::new(false),
            uni: Opener::default(),
            bidi: Opener::default(),
            pool: Arc::default(),
        });
        tokio::spawn(session.clone().supervise(held));
        session
    }

    async fn supervise(self: Arc<Self>, held: impl Send + 'static) {
        let (reading, mut reads_done) = mpsc::channel(1);
        let mut openers = JoinSet::new();
        let mut readers = JoinSet::new();
        readers.spawn(self.clone().accept_uni(reading.clone()));
        readers.spawn(self.clone().accept_bidi(reading.clone()));
        readers.spawn(self.clone().read_datagrams(reading.clone()));
        openers.spawn(self.clone().open_uni_streams());
        openers.spawn(self.clone().open_bidi_streams(reading));

        let connection = quinn::Connection::clone(&self.inner);
        // Asking takes the lock under which the connection wakes its writers.
        let writers = tokio::spawn(self.pool.clone().run(move || drop(connection.close_reason())));

        let lost = quinn::Connection::closed(&self.inner).await;
        let closed = Closed::new(&lost, self.inner.close_reason());
        self.over.store(true, Ordering::Relaxed);
        openers.shutdown().await;
        if closed.by == By::Peer {
            // What the peer sent before it closed is in order before the end.
            let _ = tokio::time::timeout(LAST_READS, reads_done.recv()).await;
        }
        // Whoever hears of the end may count on the place.
        drop(held);
        self.events.push(Event::Closed(closed), None);
        self.budget.close();
        readers.shutdown().await;
        writers.abort();
        self.pool.clear();
        let left = std::mem::take(&mut *locked(&self.streams));
        for sending in left.into_values().filter_map(|halves| halves.sending) {
            sending.end();
        }
    }

    async fn accept_uni(self: Arc<Self>, reading: Reading) {
        loop {
            match self.inner.accept_uni().await {
                Ok(recv) => {
                    if !self.accepted(None, recv, &reading).await {
                        return;
                    }
                }
                Err(_) if self.inner.close_reason().is_none() => {} // one stream with a broken header
                Err(_) => return,
            }
        }
    }

    async fn accept_bidi(self: Arc<Self>, reading: Reading) {
        loop {
            match self.inner.accept_bi().await {
                Ok((send, recv)) => {
                    if !self.accepted(Some(send), recv, &reading).await {
                        return;
                    }
                }
                Err(_) if self.inner.close_reason().is_none() => {} // one stream with a broken header
                Err(_) => return,
            }
        }
    }

    /// Reports a stream of the peer and starts its tasks, once there is room for the report.
    async fn accepted(
        self: &Arc<Self>,
        send: Option<SendStream>,
        recv: RecvStream,
        reading: &Reading,
    ) -> bool {
        let Some(share) = self.budget.take(0).await else { return false };
        // Odd: 1, 3, 5, …
        let stream = self.last_peer_stream.fetch_add(1, Ordering::Relaxed) * 2 + 1;
        let sending = send.is_some().then(|| Outgoing::new(0, self.queued.clone()));
        let receiving = Arc::new(Incoming::default());
        let halves = Halves { sending: sending.clone(), receiving: Some(receiving.clone()) };
        locked(&self.streams).insert(stream, halves);
        self.events.push(Event::StreamOpened { stream, bidi: send.is_some() }, Some(share));
        if let (Some(send), Some(sending)) = (send, sending) {
            self.start_sending(stream, send, sending);
        }
        self.spawn_receiving(stream, recv, receiving, reading.clone());
        true
    }

    async fn read_datagrams(self: Arc<Self>, _reading: Reading) {
        loop {
            match self.inner.read_datagram().await {
                Ok(bytes) => {
                    let Some(share) = self.budget.take(bytes.len()).await else { return };
                    self.events.push(Event::Datagram { bytes: bytes.to_vec() }, Some(share));
                }
                Err(_) if self.inner.close_reason().is_none() => {} // not of this session
                Err(_) => return,
            }
        }
    }

    async fn open_uni_streams(self: Arc<Self>) {
        loop {
            self.uni.waiting().await;
            let session = self.inner.clone();
            let opened = self.pool.first(async move { session.open_uni().await });
            let Ok(Ok(send)) = opened.await else { return };
            let opening = loop {
                match self.uni.pop() {
                    Some(opening) => break opening,
                    None => self.uni.waiting().await, // cancelled meanwhile: the next one gets the stream
                }
            };
            self.start_sending(opening.stream, send, opening.sending);
        }
    }

    async fn open_bidi_streams(self: Arc<Self>, reading: Reading) {
        loop {
            self.bidi.waiting().await;
            let session = self.inner.clone();
            let opened = self.pool.first(async move { session.open_bi().await });
            let Ok(Ok((send, recv))) = opened.await else { return };
            let opening = loop {
                match self.bidi.pop() {
                    Some(opening) => break opening,
                    None => self.bidi.waiting().await,
                }
            };
            self.start_sending(opening.stream, send, opening.sending);
            if let Some(receiving) = opening.receiving {
                self.spawn_receiving(opening.stream, recv, receiving, reading.clone());
            }
        }
    }

    fn start_sending(self: &Arc<Self>, stream: u64, send: SendStream, sending: Arc<Outgoing>) {
        let session = self.clone();
        let asked = sending.clone();
        let priority = move || asked.priority();
        self.pool.add(stream, priority, async move {
            let end = sending.run(stream, send, &session.events).await;
            sending.end();
            session.half_ended(stream, |halves| halves.sending = None);
            if let Some(event) = end {
                session.events.push(event, None);
            }
        });
    }

    fn spawn_receiving(
        self: &Arc<Self>,
        stream: u64,
        recv: RecvStream,
        receiving: Arc<Incoming>,
        reading: Reading,
    ) {
        let session = self.clone();
        tokio::spawn(async move {
            let own = Budget::new(session.stream_budget);
            receiving.run(stream, recv, &session.events, &session.budget, &own).await;
            session.half_ended(stream, |halves| halves.receiving = None);
            drop(reading);
        });
    }

    fn half_ended(&self, stream: u64, end: impl FnOnce(&mut Halves)) {
        if let Entry::Occupied(mut entry) = locked(&self.streams).entry(stream) {
            end(entry.get_mut());
            if entry.get().sending.is_none() && entry.get().receiving.is_none() {
                entry.remove();
            }
        }
    }

    fn sending(&self, stream: u64) -> Option<Arc<Outgoing>> {
        locked(&self.streams).get(&stream)?.sending.clone()
    }

    fn receiving(&self, stream: u64) -> Option<Arc<Incoming>> {
        locked(&self.streams).get(&stream)?.receiving.clone()
    }

    /// Asks for a stream under a handle of the caller's choice.
    pub fn open(&self, stream: u64, bidi: bool, priority: i32) -> Result<Arc<Outgoing>, Failure> {
        if stream % 2 != 0 {
            return Err(Failure::option(format!(
                "stream {stream} is odd, odd handles are for streams of the peer"
            )));
        }
        let sending = Outgoing::new(priority, self.queued.clone());
        if self.over.load(Ordering::Relaxed) {
            sending.end();
            return Ok(sending);
        }
        let receiving = bidi.then(Arc::<Incoming>::default);
        match locked(&self.streams).entry(stream) {
            Entry::Occupied(_) => return Err(Failure::option(format!("stream {stream} is in use"))),
            Entry::Vacant(entry) => {
                entry.insert(Halves { sending: Some(sending.clone()), receiving: receiving.clone() })
            }
        };
        let opener = if bidi { &self.bidi } else { &self.uni };
        opener.add(Opening { stream, sending: sending.clone(), receiving }, priority);
        Ok(sending)
    }

    /// Queues bytes on a stream; returns how many are queued there. A stream that ended takes none.
    pub fn write(&self, stream: u64, bytes: &[u8], fin: bool) -> usize {
        if self.over.load(Ordering::Relaxed) {
            return 0;
        }
        self.sending(stream).map_or(0, |sending| sending.write(bytes, fin))
    }

    pub fn set_priority(&self, stream: u64, priority: i32) {
        if let Some(sending) = self.sending(stream) {
            sending.set_priority(priority);
            self.pool.set_priority(stream, priority);
            self.uni.set_priority(stream, priority);
            self.bidi.set_priority(stream, priority);
        }
    }

    /// Ends the sending half at once; what is queued is dropped. A stream not yet opened never is.
    pub fn reset(&self, stream: u64, code: u32) {
        let Some(sending) = self.sending(stream) else { return };
        if self.uni.cancel(stream) {
            sending.end();
            self.half_ended(stream, |halves| halves.sending = None);
        } else {
            sending.reset(code);
        }
    }

    pub fn stop_sending(&self, stream: u64, code: u32) {
        if let Some(receiving) = self.receiving(stream) {
            receiving.stop(code);
        }
    }

    /// False when the datagram is too large, the peer takes none, or the session is over.
    pub fn send_datagram(&self, bytes: &[u8]) -> bool {
        !self.over.load(Ordering::Relaxed) && self.inner.send_datagram(Bytes::copy_from_slice(bytes)).is_ok()
    }

    pub fn max_datagram_size(&self) -> usize {
        self.inner.max_datagram_size()
    }

    pub fn queued(&self) -> usize {
        self.queued.load(Ordering::Relaxed)
    }

    pub fn stats(&self) -> quinn::ConnectionStats {
        quinn::Connection::stats(&self.inner)
    }

    /// Ends the session at once. Only the first close counts.
    pub fn close(&self, code: u32, reason: &str) {
        let Ok(runtime) = runtime() else { return };
        let _context = runtime.enter();
        self.over.store(true, Ordering::Relaxed);
        // Reported before it is done, or the connection's end would be seen first.
        let closed = Closed { code: u64::from(code), reason: reason.to_owned(), by: By::Local };
        self.events.push(Event::Closed(closed), None);
        self.inner.close(code, reason.as_bytes());
        self.budget.close();
    }
}
