//! The tokio runtime that all sessions of the process share.

use std::io;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use tokio::runtime::{Builder, Runtime};

use crate::failure::{Failure, Kind};

/// More threads than this do not make one process' sockets faster.
const MAX_THREADS: usize = 4;

static RUNTIME: OnceLock<io::Result<Runtime>> = OnceLock::new();

/// The shared runtime, started at first use.
pub fn runtime() -> Result<&'static Runtime, Failure> {
    RUNTIME
        .get_or_init(|| {
            let threads = std::thread::available_parallelism().map_or(2, |n| n.get());
            Builder::new_multi_thread()
                .worker_threads(threads.clamp(1, MAX_THREADS))
                .thread_name("conclave-quic")
                .enable_all()
                .build()
        })
        .as_ref()
        .map_err(|error| Failure::new(Kind::Internal, format!("cannot start network threads: {error}")))
}

/// Locks, also after a panic elsewhere: all data behind these locks is valid between statements.
pub fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
