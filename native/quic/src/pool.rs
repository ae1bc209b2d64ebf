//! Runs the sending halves of a session's streams, the most urgent first.
//!
//! QUIC orders by priority only what it was given. When a connection is full all writers wait, and when there is
//! room again all are woken: as tasks of their own they would take the room in any order, and bulk data would
//! hold back audio. Here the most urgent one that can go on goes first, and equals take turns.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::future::{poll_fn, Future};
use std::pin::Pin;
use std::sync::{Arc, Mutex, Weak};
use std::task::{Context, Poll, Wake, Waker};

use tokio::sync::oneshot;

use crate::runtime::locked;

/// Steps in one turn of the pool's task, so that it does not keep a thread to itself.
const STEPS: usize = 64;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Urgency and the last turn of a stream.
#[derive(Clone, Copy)]
struct Rank {
    priority: i32,
    served: u64,
}

#[derive(Default)]
struct State {
    ranks: HashMap<u64, Rank>,
    /// Streams that can go on: the most urgent first, then the one that has waited longest for a turn.
    ready: BTreeSet<(Reverse<i32>, u64, u64)>,
    added: Vec<(u64, Work)>,
    turns: u64,
    firsts: u64,
    task: Option<Waker>,
}

/// The sending halves of one session.
#[derive(Default)]
pub struct Pool {
    state: Mutex<State>,
}

/// Marks a stream as able to go on.
struct StreamWaker {
    pool: Weak<Pool>,
    stream: u64,
}

impl Wake for StreamWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let Some(pool) = self.pool.upgrade() else { return };
        let task = locked(&pool.state).ready(self.stream);
        if let Some(task) = task {
            task.wake();
        }
    }
}

impl State {
    fn ready(&mut self, stream: u64) -> Option<Waker> {
        let rank = self.ranks.get(&stream)?;
        self.ready.insert((Reverse(rank.priority), rank.served, stream));
        self.task.take()
    }

    fn next(&mut self) -> Option<u64> {
        let (_, _, stream) = self.ready.pop_first()?;
        self.turns += 1;
        let served = self.turns;
        self.ranks.entry(stream).and_modify(|rank| rank.served = served);
        Some(stream)
    }
}

impl Pool {
    /// Adds the sending half of a stream. `priority` is asked under the lock, so that a change either is seen by it
    /// or finds the stream here.
    pub fn add(
        &self,
        stream: u64,
        priority: impl FnOnce() -> i32,
        work: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = {
            let mut state = locked(&self.state);
            state.turns += 1;
            let served = state.turns;
            state.ranks.insert(stream, Rank { priority: priority(), served });
            state.added.push((stream, Box::pin(work)));
            state.ready(stream)
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Does work ahead of all streams, for example the opening of one: its header needs room in the connection's
    /// windows as well, and an urgent stream would wait for it as long as bulk data fills them.
    pub fn first<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> oneshot::Receiver<T> {
        let (done, result) = oneshot::channel();
        // A number that no stream has, and no such work before: whoever waits for the result may ask for the next
        // before this turn has ended, which removes what is known of the number.
        let place = {
            let mut state = locked(&self.state);
            state.firsts += 1;
            u64::MAX - state.firsts
        };
        self.add(place, || i32::MAX, async move {
            let _ = done.send(work.await);
        });
        result
    }

    pub fn set_priority(&self, stream: u64, priority: i32) {
        let mut state = locked(&self.state);
        let Some(rank) = state.ranks.get_mut(&stream) else { return };
        let old = *rank;
        rank.priority = priority;
        if state.ready.remove(&(Reverse(old.priority), old.served, stream)) {
            state.ready.insert((Reverse(priority), old.served, stream));
        }
    }

    /// Drops what was added and not begun: it holds the session, which holds this pool.
    pub fn clear(&self) {
        let added = std::mem::take(&mut locked(&self.state).added);
        drop(added);
    }

    /// Runs what is added, for ever. `settle` waits until whoever wakes streams just now has woken all of them.
    pub async fn run(self: Arc<Self>, settle: impl Fn()) {
        let mut running = HashMap::new();
        poll_fn(|context| self.turn(&mut running, context, &settle)).await
    }

    fn turn(
        self: &Arc<Self>,
        running: &mut HashMap<u64, (Work, Waker)>,
        context: &mut Context<'_>,
        settle: &impl Fn(),
    ) -> Poll<()> {
        for _ in 0..STEPS {
            settle();
            let (added, next) = {
                let mut state = locked(&self.state);
                let next = state.next();
                if next.is_none() {
                    state.task = Some(context.waker().clone());
                }
                (std::mem::take(&mut state.added), next)
            };
            for (stream, work) in added {
                let waker = Waker::from(Arc::new(StreamWaker { pool: Arc::downgrade(self), stream }));
                running.insert(stream, (work, waker));
            }
            let Some(stream) = next else { return Poll::Pending };
            let Some((work, waker)) = running.get_mut(&stream) else { continue };
            if work.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
                running.remove(&stream);
                locked(&self.state).ranks.remove(&stream);
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::{mpsc, Semaphore};
    use tokio::task::yield_now;

    /// Streams that each need one permit per step; all wait, then permits come one at a time.
    async fn order(streams: &[(u64, i32)], change: impl FnOnce(&Pool)) -> Vec<u64> {
        let pool = Arc::new(Pool::default());
        let (done, mut ended) = mpsc::unbounded_channel();
        let go = Arc::new(Semaphore::new(0));
        for &(stream, priority) in streams {
            let (done, go) = (done.clone(), go.clone());
            pool.add(stream, || priority, async move {
                let _ = go.acquire().await;
                let _ = done.send(stream);
            });
        }
        drop(done);
        let task = tokio::spawn(pool.clone().run(|| ()));
        yield_now().await;
        change(&pool);
        go.close(); // wakes all of them
        let mut order = Vec::new();
        while let Some(stream) = ended.recv().await {
            order.push(stream);
        }
        task.abort();
        order
    }

    #[tokio::test]
    async fn the_most_urgent_goes_first_then_the_longest_waiting() {
        assert_eq!(order(&[(2, 0), (4, 5), (6, 0), (8, -1), (10, 5)], |_| ()).await, [4, 10, 2, 6, 8]);
    }

    #[tokio::test]
    async fn a_new_priority_counts_at_once() {
        assert_eq!(order(&[(2, 0), (4, 0), (6, 0)], |pool| pool.set_priority(6, 1)).await, [6, 2, 4]);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn work_asked_for_as_soon_as_the_one_before_is_done_is_done_too() {
        let pool = Arc::new(Pool::default());
        let task = tokio::spawn(pool.clone().run(|| ()));
        for _ in 0..20_000 {
            // Waits once, as for the peer's limit, so that it must be found again when it is woken.
            assert!(pool.first(yield_now()).await.is_ok());
        }
        task.abort();
    }

    #[tokio::test]
    async fn a_busy_pool_lets_other_tasks_run() {
        let pool = Arc::new(Pool::default());
        pool.add(2, || 0, async {
            loop {
                yield_now().await;
            }
        });
        let task = tokio::spawn(pool.run(|| ()));
        for _ in 0..10 {
            yield_now().await;
        }
        task.abort();
    }
}
