//! QUIC and WebTransport sessions for Node.
//!
//! JavaScript sees three things: `connect`, `listen` and the sessions that both give. A session is driven by
//! synchronous calls that only queue work, and read through `next`, which hands over a batch of events.
//! Everything slow happens on the tokio runtime of [`runtime`].
//!
//! Bytes are copied once in each direction at the boundary: JavaScript never sees memory that Rust owns,
//! which runtimes with a V8 memory cage do not allow.

#![deny(unsafe_code)]
// Only the exports use the crate, and they are not part of its tests.
#![cfg_attr(test, allow(dead_code))]

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
