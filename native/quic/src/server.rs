//! A server for both transports on one UDP port.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use quinn::{Connection, Endpoint, Incoming, VarInt};
use tokio::sync::{mpsc, watch, OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use web_transport_quinn::http::StatusCode;
use web_transport_quinn::proto::ConnectResponse;
use web_transport_quinn::Request;

use crate::failure::{Failure, Kind};
use crate::limits::Limits;
use crate::runtime::{locked, runtime};
use crate::session::{About, Session};
use crate::tls;

/// Established sessions that wait for `accept`; further clients wait in their handshake.
const BACKLOG: usize = 64;
/// Handshakes at a time; above it clients are refused.
const MAX_HANDSHAKES: usize = 512;
/// Handshakes at a time above which a client must first prove its address.
const MANY_HANDSHAKES: usize = 64;
/// How long closing waits for peers to acknowledge.
const CLOSE_WITHIN: Duration = Duration::from_secs(3);

/// What a server is started with.
pub struct Config {
    pub address: SocketAddr,
    pub cert_pem: String,
    pub key_pem: String,
    /// In the order of preference.
    pub protocols: Vec<String>,
    pub limits: Limits,
    pub max_sessions: usize,
}

/// A listening server.
pub struct Server {
    pub local_address: SocketAddr,
    shared: Arc<Shared>,
    accepted: tokio::sync::Mutex<mpsc::Receiver<Arc<Session>>>,
    closing: watch::Sender<bool>,
}

struct Shared {
    endpoint: Endpoint,
    protocols: Vec<String>,
    limits: Limits,
    live: Mutex<Vec<Weak<Session>>>,
    handshakes: Arc<Semaphore>,
    slots: Arc<Semaphore>,
}

fn quic_config(
    cert_pem: &str,
    key_pem: &str,
    protocols: &[String],
    limits: &Limits,
) -> Result<quinn::ServerConfig, Failure> {
    let webtransport = std::iter::once(web_transport_quinn::ALPN);
    let alpn = webtransport.chain(protocols.iter().map(String::as_str));
    let crypto = tls::server(cert_pem, key_pem, alpn.map(|name| name.as_bytes().to_vec()).collect())?;
    let mut config = quinn::ServerConfig::with_crypto(crypto);
    config.transport_config(limits.transport()?);
    Ok(config)
}

impl Server {
    /// Binds the port and begins to accept; to be called on the runtime.
    pub fn listen(config: Config) -> Result<Self, Failure> {
        let quic = quic_config(&config.cert_pem, &config.key_pem, &config.protocols, &config.limits)?;
        let cannot = |error| {
            Failure::new(Kind::Address, format!("cannot listen on {} (UDP): {error}", config.address))
        };
        let endpoint = Endpoint::server(quic, config.address).map_err(cannot)?;
        let local_address = endpoint.local_addr().map_err(cannot)?;
        let (accepted, receiver) = mpsc::channel(BACKLOG);
        let (closing, closed) = watch::channel(false);
        let shared = Arc::new(Shared {
            endpoint,
            protocols: config.protocols,
            limits: config.limits,
            live: Mutex::default(),
            handshakes: Arc::new(Semaphore::new(MAX_HANDSHAKES)),
            slots: Arc::new(Semaphore::new(config.max_sessions)),
        });
        tokio::spawn(shared.clone().run(accepted, closed));
        Ok(Server { local_address, shared, accepted: tokio::sync::Mutex::new(receiver), closing })
    }

    /// The next session, or nothing once the server was closed.
    pub async fn accept(&self) -> Option<Arc<Session>> {
        self.accepted.lock().await.recv().await
    }

    /// Shows another certificate to clients that come from now on.
    pub fn reload_certificate(&self, cert_pem: &str, key_pem: &str) -> Result<(), Failure> {
        let config = quic_config(cert_pem, key_pem, &self.shared.protocols, &self.shared.limits)?;
        self.shared.endpoint.set_server_config(Some(config));
        Ok(())
    }

    /// Closes every session and then the port.
    pub async fn close(&self, code: u32, reason: &str) {
        self.stop();
        for session in std::mem::take(&mut *locked(&self.shared.live)).iter().filter_map(Weak::upgrade) {
            session.close(code, reason);
        }
        let _ = timeout(CLOSE_WITHIN, self.shared.endpoint.wait_idle()).await;
        self.shared.endpoint.close(VarInt::from_u32(code), reason.as_bytes());
    }

    /// Takes no further clients; sessions that were accepted go on.
    fn stop(&self) {
        self.shared.endpoint.set_server_config(None);
        self.closing.send_replace(true);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Ok(runtime) = runtime() {
            let _context = runtime.enter();
            self.stop();
        }
    }
}

impl Shared {
    async fn run(self: Arc<Self>, accepted: mpsc::Sender<Arc<Session>>, mut closed: watch::Receiver<bool>) {
        loop {
            let incoming = tokio::select! {
                incoming = self.endpoint.accept() => incoming,
                _ = closed.wait_for(|closed| *closed) => return,
            };
            let Some(incoming) = incoming else { return };
            self.begin(incoming, &accepted, &closed);
        }
    }

    /// Begins one handshake, unless there are too many.
    fn begin(
        self: &Arc<Self>,
        incoming: Incoming,
        accepted: &mpsc::Sender<Arc<Session>>,
        closed: &watch::Receiver<bool>,
    ) {
        let busy = MAX_HANDSHAKES - self.handshakes.available_permits();
        if busy >= MANY_HANDSHAKES && incoming.may_retry() && !incoming.remote_address_validated() {
            let _ = incoming.retry();
            return;
        }
        let (Ok(handshake), Ok(slot)) =
            (self.handshakes.clone().try_acquire_owned(), self.slots.clone().try_acquire_owned())
        else {
            return incoming.refuse();
        };
        let (server, accepted, mut closed) = (self.clone(), accepted.clone(), closed.clone());
        tokio::spawn(async move {
            let established = tokio::select! {
                established = timeout(server.limits.handshake_timeout, server.establish(incoming, slot)) => established,
                _ = closed.wait_for(|closed| *closed) => return,
            };
            if let Ok(Some(session)) = established {
                tokio::select! {
                    sent = accepted.send(session.clone()) => if sent.is_err() { session.close(0, "") },
                    _ = closed.wait_for(|closed| *closed) => session.close(0, ""),
                }
            }
            drop(handshake);
        });
    }

    async fn establish(&self, incoming: Incoming, slot: OwnedSemaphorePermit) -> Option<Arc<Session>> {
        let connection = incoming.await.ok()?;
        let handshake =
            connection.handshake_data()?.downcast::<quinn::crypto::rustls::HandshakeData>().ok()?;
        let alpn = String::from_utf8(handshake.protocol.unwrap_or_default()).ok()?;
        let remote_address = connection.remote_address().to_string();
        let (inner, about) = if alpn == web_transport_quinn::ALPN {
            let (inner, protocol, path, authority) = self.webtransport(connection).await?;
            (inner, About { transport: "webtransport", protocol, path, authority, remote_address })
        } else {
            // Path and authority come in MOQT's SETUP; the name in TLS is what is known of them here.
            let authority = handshake.server_name.unwrap_or_default();
            let about =
                About { transport: "quic", protocol: alpn, path: String::new(), authority, remote_address };
            (web_transport_quinn::Session::raw(connection), about)
        };
        let session = Session::start(inner, about, &self.limits, slot);
        let mut live = locked(&self.live);
        live.retain(|session| session.strong_count() > 0);
        live.push(Arc::downgrade(&session));
        Some(session)
    }

    /// Answers a WebTransport request with the first of our protocols that the client offers.
    async fn webtransport(
        &self,
        connection: Connection,
    ) -> Option<(web_transport_quinn::Session, String, String, String)> {
        self.limits.allow_http3(&connection);
        let request = Request::accept(connection).await.ok()?;
        let chosen = self.protocols.iter().find(|protocol| request.protocols.contains(protocol)).cloned();
        let Some(protocol) = chosen else {
            let connection = request.conn().clone();
            let _ = request.reject(StatusCode::NOT_ACCEPTABLE).await;
            // The client closes when it has read the answer.
            connection.closed().await;
            return None;
        };
        let url = &request.url;
        let path =
            url.query().map_or_else(|| url.path().to_owned(), |query| format!("{}?{query}", url.path()));
        let authority = url.authority().to_owned();
        let response = ConnectResponse::new(StatusCode::OK).with_protocol(protocol.clone());
        let session = request.respond(response).await.ok()?;
        Some((session, protocol, path, authority))
    }
}
