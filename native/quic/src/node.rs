//! What JavaScript sees. `index.d.ts` documents it; this file only converts.

use std::sync::Arc;

use napi::bindgen_prelude::*;
use napi::{Env, JsDeferred};
use napi_derive::napi;

use crate::aes_gcm::{self, With};
use crate::batch::Batch;
use crate::connect;
use crate::events::Take;
use crate::failure::{Failure, Kind};
use crate::limits::{bounded, duration, streams, window, Limits};
use crate::runtime::runtime;
use crate::server;
use crate::session;
use crate::tls::{certificates, Trust};

type Settle<T> = Box<dyn FnOnce(Env) -> Result<T> + Send>;

/// A JavaScript error with the failure's code.
fn thrown(env: &Env, failure: &Failure) -> Error {
    let build = || -> Result<Error> {
        let mut error = env.create_error(Error::from_reason(failure.message.clone()))?;
        error.set_named_property("code", failure.kind.code())?;
        Ok(Error::from(error.to_unknown()))
    };
    build().unwrap_or_else(|error| error)
}

/// A promise for what a future on the runtime gives. A panic in it rejects the promise.
fn promise<T, J>(
    env: &Env,
    future: impl std::future::Future<Output = std::result::Result<T, Failure>> + Send + 'static,
    convert: impl FnOnce(T) -> J + Send + 'static,
) -> Result<Object<'_>>
where
    T: Send + 'static,
    J: ToNapiValue + 'static,
{
    let runtime = runtime().map_err(|failure| thrown(env, &failure))?;
    let (deferred, promise): (JsDeferred<J, Settle<J>>, _) = env.create_deferred()?;
    runtime.spawn(async move {
        let outcome = tokio::spawn(future).await.unwrap_or_else(|error| {
            Err(Failure::new(Kind::Internal, format!("a network task failed: {error}")))
        });
        deferred.resolve(Box::new(move |env| match outcome {
            Ok(value) => Ok(convert(value)),
            Err(failure) => Err(thrown(&env, &failure)),
        }));
    });
    Ok(promise)
}

#[napi(object, object_to_js = false)]
pub struct TrustOption {
    pub kind: String,
    pub pem: Option<String>,
    pub sha256: Option<Vec<Uint8Array>>,
}

impl TrustOption {
    fn check(self) -> std::result::Result<Trust, Failure> {
        match (self.kind.as_str(), self.pem, self.sha256) {
            ("system", None, None) => Ok(Trust::System),
            ("ca", Some(pem), None) => Ok(Trust::Authorities(certificates("trust.pem", &pem)?)),
            ("certificate-hash", None, Some(hashes)) if !hashes.is_empty() => {
                let read = hashes.iter().map(|hash| <[u8; 32]>::try_from(hash.as_ref()));
                let hashes: std::result::Result<Vec<_>, _> = read.collect();
                Ok(Trust::Pinned(hashes.map_err(|_| Failure::option("trust.sha256 must hold hashes of 32 bytes"))?))
            }
            _ => Err(Failure::option(
                "trust must be {kind:'system'}, {kind:'ca', pem} or {kind:'certificate-hash', sha256: [hash, …]}",
            )),
        }
    }
}

#[napi(object, object_to_js = false)]
#[derive(Default)]
pub struct LimitOptions {
    pub idle_timeout_ms: Option<f64>,
    pub keep_alive_ms: Option<f64>,
    pub max_concurrent_uni: Option<f64>,
    pub max_concurrent_bidi: Option<f64>,
    pub stream_window: Option<f64>,
    pub connection_window: Option<f64>,
    pub send_window: Option<f64>,
    pub handshake_timeout_ms: Option<f64>,
}

impl LimitOptions {
    fn check(self) -> std::result::Result<Limits, Failure> {
        let base = Limits::default();
        let keep_alive = match self.keep_alive_ms {
            Some(0.0) => None,
            given => Some(duration("keepAliveMs", given, base.keep_alive.unwrap_or_default())?),
        };
        Ok(Limits {
            idle_timeout: duration("idleTimeoutMs", self.idle_timeout_ms, base.idle_timeout)?,
            keep_alive,
            max_concurrent_uni: streams(
                "maxConcurrentUni",
                self.max_concurrent_uni,
                base.max_concurrent_uni,
            )?,
            max_concurrent_bidi: streams(
                "maxConcurrentBidi",
                self.max_concurrent_bidi,
                base.max_concurrent_bidi,
            )?,
            stream_window: window("streamWindow", self.stream_window, base.stream_window)?,
            connection_window: window("connectionWindow", self.connection_window, base.connection_window)?,
            send_window: window("sendWindow", self.send_window, base.send_window)?,
            handshake_timeout: duration(
                "handshakeTimeoutMs",
                self.handshake_timeout_ms,
                base.handshake_timeout,
            )?,
        })
    }
}

fn check_protocols(protocols: &[String]) -> std::result::Result<(), Failure> {
    let usable = |name: &String| (1..=255).contains(&name.len()) && name.is_ascii() && name != "h3";
    if protocols.is_empty() || !protocols.iter().all(usable) {
        return Err(Failure::option("protocols must name at least one, each of 1 to 255 ASCII characters"));
    }
    Ok(())
}

#[napi(object, object_to_js = false)]
pub struct ConnectOptions {
    pub url: String,
    pub trust: TrustOption,
    pub protocols: Vec<String>,
    pub limits: Option<LimitOptions>,
}

#[napi(catch_unwind)]
pub fn connect(env: &Env, options: ConnectOptions) -> Result<Object<'_>> {
    let checked = (|| {
        check_protocols(&options.protocols)?;
        Ok((options.trust.check()?, options.limits.unwrap_or_default().check()?))
    })();
    let (url, protocols) = (options.url, options.protocols);
    let future = async move {
        let (trust, limits) = checked?;
        connect::connect(&url, trust, protocols, limits).await
    };
    promise(env, future, Session::new)
}

#[napi(object, object_to_js = false)]
pub struct ListenOptions {
    pub address: String,
    pub cert_pem: String,
    pub key_pem: String,
    pub protocols: Vec<String>,
    pub limits: Option<LimitOptions>,
    pub max_sessions: Option<f64>,
}

impl ListenOptions {
    fn check(self) -> std::result::Result<server::Config, Failure> {
        check_protocols(&self.protocols)?;
        let address = self.address.parse().map_err(|_| {
            Failure::option(format!("address must be like 127.0.0.1:4443 or [::]:4443: {}", self.address))
        })?;
        let max_sessions = bounded("maxSessions", self.max_sessions, 10_000, 1, 1_000_000)?;
        Ok(server::Config {
            address,
            cert_pem: self.cert_pem,
            key_pem: self.key_pem,
            protocols: self.protocols,
            limits: self.limits.unwrap_or_default().check()?,
            max_sessions: max_sessions as usize,
        })
    }
}

#[napi(catch_unwind)]
pub fn listen(env: &Env, options: ListenOptions) -> Result<Object<'_>> {
    let checked = options.check();
    let future = async move { server::Server::listen(checked?) };
    promise(env, future, |server| Server { inner: Arc::new(server) })
}

#[napi]
pub struct Server {
    inner: Arc<server::Server>,
}

#[napi]
impl Server {
    #[napi(getter, catch_unwind)]
    pub fn local_address(&self) -> String {
        self.inner.local_address.to_string()
    }

    #[napi(catch_unwind)]
    pub fn accept<'env>(&self, env: &'env Env) -> Result<Object<'env>> {
        let server = self.inner.clone();
        promise(env, async move { Ok(server.accept().await) }, |session| session.map(Session::new))
    }

    #[napi(catch_unwind)]
    pub fn reload_certificate(&self, env: &Env, cert_pem: String, key_pem: String) -> Result<()> {
        self.inner.reload_certificate(&cert_pem, &key_pem).map_err(|failure| thrown(env, &failure))
    }

    #[napi(catch_unwind)]
    pub fn close<'env>(&self, env: &'env Env, code: u32, reason: String) -> Result<Object<'env>> {
        let server = self.inner.clone();
        promise(
            env,
            async move {
                server.close(code, &reason).await;
                Ok(())
            },
            |()| (),
        )
    }
}

#[napi(object, object_from_js = false)]
pub struct Stats {
    pub rtt_ms: f64,
    pub sent_bytes: f64,
    pub received_bytes: f64,
    pub sent_packets: f64,
    pub lost_packets: f64,
    pub lost_bytes: f64,
    pub congestion_window: f64,
    pub congestion_events: f64,
    pub mtu: u32,
}

#[napi]
pub struct Session {
    inner: Arc<session::Session>,
}

impl Drop for Session {
    /// A handle that nobody holds any more ends its session.
    fn drop(&mut self) {
        self.inner.close(0, "");
    }
}

impl Session {
    fn new(inner: Arc<session::Session>) -> Self {
        Session { inner }
    }
}

/// Handles are whole numbers that JavaScript counts exactly.
fn handle(env: &Env, stream: f64) -> Result<u64> {
    if stream >= 0.0 && stream.fract() == 0.0 && stream <= 9_007_199_254_740_991.0 {
        return Ok(stream as u64);
    }
    Err(thrown(env, &Failure::option(format!("a stream handle must be a whole number, not {stream}"))))
}

#[napi]
impl Session {
    #[napi(getter, catch_unwind)]
    pub fn transport(&self) -> &'static str {
        self.inner.about.transport
    }

    #[napi(getter, catch_unwind)]
    pub fn protocol(&self) -> String {
        self.inner.about.protocol.clone()
    }

    #[napi(getter, catch_unwind)]
    pub fn path(&self) -> String {
        self.inner.about.path.clone()
    }

    #[napi(getter, catch_unwind)]
    pub fn authority(&self) -> String {
        self.inner.about.authority.clone()
    }

    #[napi(getter, catch_unwind)]
    pub fn remote_address(&self) -> String {
        self.inner.about.remote_address.clone()
    }

    #[napi(getter, catch_unwind)]
    pub fn max_datagram_size(&self) -> u32 {
        u32::try_from(self.inner.max_datagram_size()).unwrap_or(u32::MAX)
    }

    #[napi(catch_unwind)]
    pub fn open_uni(&self, env: &Env, stream: f64, priority: i32) -> Result<()> {
        self.open(env, stream, false, priority).map(|_| ())
    }

    #[napi(catch_unwind)]
    pub fn open_bidi(&self, env: &Env, stream: f64, priority: i32) -> Result<()> {
        self.open(env, stream, true, priority).map(|_| ())
    }

    fn open(
        &self,
        env: &Env,
        stream: f64,
        bidi: bool,
        priority: i32,
    ) -> Result<Arc<crate::outgoing::Outgoing>> {
        let stream = handle(env, stream)?;
        self.inner.open(stream, bidi, priority).map_err(|failure| thrown(env, &failure))
    }

    #[napi(catch_unwind)]
    pub fn write(&self, env: &Env, stream: f64, bytes: &[u8], fin: bool) -> Result<f64> {
        Ok(self.inner.write(handle(env, stream)?, bytes, fin) as f64)
    }

    #[napi(catch_unwind)]
    pub fn send_object(&self, env: &Env, stream: f64, priority: i32, bytes: &[u8]) -> Result<f64> {
        let sending = self.open(env, stream, false, priority)?;
        Ok(sending.write(bytes, true) as f64)
    }

    #[napi(catch_unwind)]
    pub fn set_priority(&self, env: &Env, stream: f64, priority: i32) -> Result<()> {
        self.inner.set_priority(handle(env, stream)?, priority);
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn reset(&self, env: &Env, stream: f64, code: u32) -> Result<()> {
        self.inner.reset(handle(env, stream)?, code);
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn stop_sending(&self, env: &Env, stream: f64, code: u32) -> Result<()> {
        self.inner.stop_sending(handle(env, stream)?, code);
        Ok(())
    }

    #[napi(catch_unwind)]
    pub fn send_datagram(&self, bytes: &[u8]) -> bool {
        self.inner.send_datagram(bytes)
    }

    #[napi(catch_unwind)]
    pub fn next<'env>(&self, env: &'env Env, max: u32) -> Result<Unknown<'env>> {
        let max = max as usize;
        let mut waiting = None;
        let taken = self.inner.events.take_or_wait(max, || {
            let created: Result<(JsDeferred<Batch, Settle<Batch>>, _)> = env.create_deferred();
            let (deferred, promise) =
                created.map_err(|error| Failure::new(Kind::Internal, error.to_string()))?;
            waiting = Some(promise);
            let session = self.inner.clone();
            Ok(Box::new(move || {
                deferred.resolve(Box::new(move |_| Ok(Batch(session.events.take_woken(max)))));
            }))
        });
        match (taken, waiting) {
            (Ok(Take::Batch(events)), _) => Ok(PromiseRaw::resolve(env, Batch(events))?.to_unknown()),
            (Ok(Take::Wait), Some(promise)) => Ok(promise.to_unknown()),
            (Ok(Take::Wait), None) => {
                Err(thrown(env, &Failure::new(Kind::Internal, "a reader was not made")))
            }
            (Err(failure), _) => Err(thrown(env, &failure)),
        }
    }

    #[napi(catch_unwind)]
    pub fn queued_bytes(&self) -> f64 {
        self.inner.queued() as f64
    }

    #[napi(catch_unwind)]
    pub fn stats(&self) -> Stats {
        let stats = self.inner.stats();
        Stats {
            rtt_ms: stats.path.rtt.as_secs_f64() * 1000.0,
            sent_bytes: stats.udp_tx.bytes as f64,
            received_bytes: stats.udp_rx.bytes as f64,
            sent_packets: stats.path.sent_packets as f64,
            lost_packets: stats.path.lost_packets as f64,
            lost_bytes: stats.path.lost_bytes as f64,
            congestion_window: stats.path.cwnd as f64,
            congestion_events: stats.path.congestion_events as f64,
            mtu: u32::from(stats.path.current_mtu),
        }
    }

    #[napi(catch_unwind)]
    pub fn close(&self, code: u32, reason: String) {
        self.inner.close(code, &reason);
    }
}

/// What is written is no part of what is read: JavaScript may give views of the same bytes, Rust may not have them.
fn apart(env: &Env, written: &[u8], read: &[&[u8]]) -> Result<()> {
    let written = written.as_ptr_range();
    let overlap = |read: &&[u8]| {
        let read = read.as_ptr_range();
        read.start < written.end && written.start < read.end
    };
    if read.iter().any(overlap) {
        return Err(thrown(env, &Failure::option("what is written must not be part of what is read")));
    }
    Ok(())
}

#[napi(strict, catch_unwind)]
pub fn seal_aes_gcm(
    env: &Env,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    mut sealed: BufferSlice<'_>,
) -> Result<()> {
    apart(env, &sealed, &[key, nonce, aad])?;
    aes_gcm::seal(&With { key, nonce, aad }, &mut sealed).map_err(|failure| thrown(env, &failure))
}

#[napi(strict, catch_unwind)]
pub fn open_aes_gcm(
    env: &Env,
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    sealed: &[u8],
    mut text: BufferSlice<'_>,
) -> Result<bool> {
    apart(env, &text, &[key, nonce, aad, sealed])?;
    aes_gcm::open(&With { key, nonce, aad }, sealed, &mut text).map_err(|failure| thrown(env, &failure))
}
