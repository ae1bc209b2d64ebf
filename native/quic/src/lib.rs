//! QUIC and WebTransport sessions for Node, and the AES-GCM that media is sealed with.
//!
//! JavaScript sees `connect`, `listen` and the sessions that both give; beside them `seal_aes_gcm` and
//! `open_aes_gcm`, which work on JavaScript's own memory while they are called. A session is driven by
//! synchronous calls that only queue work, and read through `next`, which hands over a batch of events.
//! Everything slow happens on the tokio runtime of [`runtime`].
//!
//! Bytes are copied once in each direction at the boundary: JavaScript never sees memory that Rust owns,
//! which runtimes with a V8 memory cage do not allow.

#![deny(unsafe_code)]
// Only the exports use the crate, and they are not part of its tests.
#![cfg_attr(test, allow(dead_code))]

mod aes_gcm;
mod batch;
mod budget;
mod codes;
mod connect;
mod events;
mod failure;
mod incoming;
mod limits;
mod node;
mod opener;
mod outgoing;
mod pool;
mod runtime;
mod server;
mod session;
mod tls;
