//! The client's side of a handshake.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use quinn::{ConnectionError, Endpoint};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use url::Url;
use web_transport_quinn::http::StatusCode;
use web_transport_quinn::proto::{self, ConnectRequest};
use web_transport_quinn::{ClientError, ConnectError};

use crate::failure::{Failure, Kind};
use crate::limits::Limits;
use crate::runtime::locked;
use crate::session::{About, Session};
use crate::tls::{self, Trust};

/// Head start of one address of a name before the next is tried as well (RFC 8305 §5).
const STAGGER: Duration = Duration::from_millis(250);

/// TLS alerts (RFC 8446 §6) that say that a certificate or its signature was not taken, and the one for no common
/// protocol.
const CERTIFICATE_ALERTS: [u64; 10] = [42, 43, 44, 45, 46, 48, 49, 51, 113, 116];
const NO_APPLICATION_PROTOCOL: u64 = 120;
/// QUIC's transport error codes (RFC 9000 §20.1): refused by the server, and the first of TLS' alerts.
const CONNECTION_REFUSED: u64 = 0x2;
const CRYPTO_ERROR: u64 = 0x100;

/// Where to connect, from a URL.
#[derive(Debug)]
struct Target {
    webtransport: bool,
    url: Url,
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Target {
    fn parse(text: &str) -> Result<Self, Failure> {
        let bad = |why: &str| Failure::option(format!("url {why}: {text}"));
        let url = Url::parse(text).map_err(|error| bad(&format!("cannot be read ({error})")))?;
        let webtransport = match url.scheme() {
            "https" => true,
            "moqt" => false,
            _ => return Err(bad("must begin with https:// (WebTransport) or moqt:// (QUIC)")),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("must not have a user name or password"));
        }
        let shown = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| bad("has no host"))?;
        let host = shown.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port().unwrap_or(443);
        let authority = url.port().map_or_else(|| shown.to_owned(), |port| format!("{shown}:{port}"));
        let path = match (url.path(), url.query()) {
            ("", None) => "/".to_owned(),
            (path, None) => path.to_owned(),
            (path, Some(query)) => format!("{path}?{query}"),
        };
        Ok(Target { webtransport, host, port, authority, path, url })
    }

    async fn addresses(&self) -> Result<Vec<SocketAddr>, Failure> {
        if let Ok(ip) = self.host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(ip, self.port)]);
        }
        let unknown =
            |why: String| Failure::new(Kind::Address, format!("{} cannot be resolved: {why}", self.host));
        let found: Vec<_> = tokio::net::lookup_host((self.host.as_str(), self.port))
            .await
            .map_err(|error| unknown(error.to_string()))?
            .collect();
        if found.is_empty() {
            return Err(unknown("it has no address".into()));
        }
        Ok(found)
    }
}

/// Connects and shakes hands, within the limits' handshake timeout.
pub async fn connect(
    url: &str,
    trust: Trust,
    protocols: Vec<String>,
    limits: Limits,
) -> Result<Arc<Session>, Failure> {
    let target = Target::parse(url)?;
    let within = limits.handshake_timeout;
    let late = || {
        let message =
            format!("no QUIC answer from {} (UDP) within {} ms", target.authority, within.as_millis());
        Failure::new(Kind::Timeout, message)
    };
    timeout(within, establish(&target, trust, protocols, &limits)).await.unwrap_or_else(|_| Err(late()))
}

async fn establish(
    target: &Target,
    trust: Trust,
    protocols: Vec<String>,
    limits: &Limits,
) -> Result<Arc<Session>, Failure> {
    let alpn = if target.webtransport {
        vec![web_transport_quinn::ALPN.as_bytes().to_vec()]
    } else {
        protocols.iter().map(|protocol| protocol.clone().into_bytes()).collect()
    };
    let pinned = matches!(trust, Trust::Pinned(_));
    // The system's authorities are read from files.
    let crypto = tokio::task::spawn_blocking(move || tls::client(trust, alpn))
        .await
        .map_err(|error| Failure::new(Kind::Internal, error.to_string()))??;
    let mut config = quinn::ClientConfig::new(crypto);
    config.transport_config(limits.transport()?);

    let addresses = target.addresses().await?;
    let (endpoint, connection) = race(&addresses, &config, target, pinned).await?;
    let remote_address = connection.remote_address().to_string();
    let no_protocol = || Failure::new(Kind::Protocol, "the server chose none of the offered protocols");

    let (inner, transport) = if target.webtransport {
        limits.allow_http3(&connection);
        let request = ConnectRequest::new(target.url.clone()).with_protocols(protocols);
        let session = web_transport_quinn::Session::connect(connection, request);
        (session.await.map_err(|error| webtransport_failure(&error))?, "webtransport")
    } else {
        (web_transport_quinn::Session::raw(connection), "quic")
    };
    let Some(protocol) = inner.protocol().map(str::to_owned) else {
        inner.close(0, b"no protocol");
        return Err(no_protocol());
    };
    let about = About {
        transport,
        protocol,
        path: target.path.clone(),
        authority: target.authority.clone(),
        remote_address,
    };
    Ok(Session::start(inner, about, limits, endpoint))
}

/// Connects to the first address that answers.
async fn race(
    addresses: &[SocketAddr],
    config: &quinn::ClientConfig,
    target: &Target,
    pinned: bool,
) -> Result<(Arc<Endpoint>, quinn::Connection), Failure> {
    let mut attempts = JoinSet::new();
    let mut rest = addresses.iter().copied();
    let mut last = Failure::new(Kind::Address, "no address to connect to");
    loop {
        let more = rest.next().map(|address| {
            attempts.spawn(attempt(address, config.clone(), target.host.clone(), pinned));
        });
        let ended = tokio::select! {
            ended = attempts.join_next() => ended,
            () = sleep(STAGGER), if more.is_some() && rest.len() > 0 => continue,
        };
        match ended {
            Some(Ok(Ok(connected))) => return Ok(connected),
            Some(Ok(Err(failure))) => last = failure,
            Some(Err(error)) => last = Failure::new(Kind::Internal, error.to_string()),
            None => return Err(last),
        }
    }
}

async fn attempt(
    address: SocketAddr,
    config: quinn::ClientConfig,
    name: String,
    pinned: bool,
) -> Result<(Arc<Endpoint>, quinn::Connection), Failure> {
    let endpoint = client_endpoint(address.is_ipv4())?;
    let connecting = endpoint
        .connect_with(config, address, &name)
        .map_err(|error| Failure::new(Kind::Address, format!("cannot connect to {address}: {error}")))?;
    let connection = connecting.await.map_err(|error| quic_failure(&error, address, pinned))?;
    Ok((endpoint, connection))
}

/// The sockets of this process' clients, for IPv4 and IPv6; each lives as long as a session uses it.
static CLIENT_ENDPOINTS: [Mutex<Weak<Endpoint>>; 2] = [const { Mutex::new(Weak::new()) }; 2];

/// One socket serves all sessions of a family: its receive buffer takes megabytes.
fn client_endpoint(ipv4: bool) -> Result<Arc<Endpoint>, Failure> {
    let any: IpAddr = if ipv4 { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let mut shared = locked(&CLIENT_ENDPOINTS[usize::from(ipv4)]);
    if let Some(endpoint) = shared.upgrade() {
        return Ok(endpoint);
    }
    let endpoint = Endpoint::client(SocketAddr::new(any, 0))
        .map_err(|error| Failure::new(Kind::Address, format!("cannot open a UDP socket: {error}")))?;
    let endpoint = Arc::new(endpoint);
    *shared = Arc::downgrade(&endpoint);
    Ok(endpoint)
}

fn quic_failure(error: &ConnectionError, address: SocketAddr, pinned: bool) -> Failure {
    let code = match error {
        ConnectionError::TransportError(error) => u64::from(error.code),
        ConnectionError::ConnectionClosed(close) => u64::from(close.error_code),
        ConnectionError::TimedOut => {
            return Failure::new(Kind::Timeout, format!("no QUIC answer from {address} (UDP)"));
        }
        _ => return Failure::new(Kind::Refused, format!("{address} ended the handshake: {error}")),
    };
    match code.checked_sub(CRYPTO_ERROR) {
        Some(NO_APPLICATION_PROTOCOL) => {
            Failure::new(Kind::Protocol, format!("{address} speaks none of the offered protocols"))
        }
        Some(alert) if CERTIFICATE_ALERTS.contains(&alert) => {
            let why =
                if pinned { "it is not one of the pinned certificates".into() } else { error.to_string() };
            Failure::new(Kind::Certificate, format!("the certificate of {address} is not trusted: {why}"))
        }
        _ if code == CONNECTION_REFUSED => {
            Failure::new(Kind::Refused, format!("{address} refuses connections"))
        }
        _ => Failure::new(Kind::Refused, format!("the handshake with {address} failed: {error}")),
    }
}

fn webtransport_failure(error: &ClientError) -> Failure {
    let status = match error {
        ClientError::HttpError(ConnectError::ErrorStatus(status)) => Some(status),
        ClientError::HttpError(ConnectError::ProtoError(proto::ConnectError::WrongStatus(status))) => {
            status.as_ref()
        }
        _ => None,
    };
    match (status, error) {
        (Some(&StatusCode::NOT_ACCEPTABLE), _) => Failure::new(
            Kind::Protocol,
            "the server speaks none of the offered protocols (HTTP status 406 to the WebTransport request)",
        ),
        (Some(status), _) => Failure::new(
            Kind::Refused,
            format!("the server answered HTTP status {status} to the WebTransport request"),
        ),
        (None, ClientError::HttpError(ConnectError::ProtocolMismatch(_))) => {
            Failure::new(Kind::Protocol, "the server chose a protocol that was not offered")
        }
        (None, other) => Failure::new(Kind::Refused, format!("the WebTransport handshake failed: {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_urls() {
        let read = |text: &str| {
            Target::parse(text)
                .map(|target| (target.webtransport, target.host, target.port, target.path))
                .ok()
        };
        let seen =
            |webtransport, host: &str, port, path: &str| Some((webtransport, host.into(), port, path.into()));
        assert_eq!(read("https://a.example/r?x=1"), seen(true, "a.example", 443, "/r?x=1"));
        assert_eq!(read("moqt://127.0.0.1:4443"), seen(false, "127.0.0.1", 4443, "/"));
        assert_eq!(read("moqt://[::1]:4443/r"), seen(false, "::1", 4443, "/r"));
        for bad in ["", "x", "http://a/", "moqt:///r", "https://u:p@a/", "moqt://u@a/"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
