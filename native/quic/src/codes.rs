//! How the end of a session or stream is told: numeric codes, equal on both transports.

use quinn::{ConnectionError, VarInt};
use web_transport_quinn::{ReadError, SessionError, WebTransportError, WriteError};

/// Who or what ended a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Peer,
    Local,
    Timeout,
    Transport,
}

impl By {
    pub fn name(self) -> &'static str {
        match self {
            By::Peer => "peer",
            By::Local => "local",
            By::Timeout => "timeout",
            By::Transport => "transport",
        }
    }
}

/// The end of a session.
#[derive(Clone, Debug)]
pub struct Closed {
    pub code: u64,
    pub reason: String,
    pub by: By,
}

impl Closed {
    /// What an error of the connection means. Our own close is known before it gets here, so a local close seen
    /// here is the library's answer to a WebTransport peer that ended its CONNECT stream without a code.
    pub fn from_session_error(error: &SessionError) -> Self {
        match error {
            SessionError::WebTransportError(WebTransportError::Closed(code, reason)) => {
                Closed { code: u64::from(*code), reason: reason.clone(), by: By::Peer }
            }
            SessionError::ConnectionError(error) => Closed::from_connection_error(error),
            SessionError::SendDatagramError(quinn::SendDatagramError::ConnectionLost(error)) => {
                Closed::from_connection_error(error)
            }
            other => Closed { code: 0, reason: other.to_string(), by: By::Transport },
        }
    }

    fn from_connection_error(error: &ConnectionError) -> Self {
        match error {
            ConnectionError::ApplicationClosed(close) => Closed {
                code: close.error_code.into_inner(),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
                by: By::Peer,
            },
            ConnectionError::ConnectionClosed(close) => Closed {
                code: u64::from(close.error_code),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
                by: By::Transport,
            },
            ConnectionError::TransportError(error) => {
                Closed { code: u64::from(error.code), reason: error.reason.clone(), by: By::Transport }
            }
            ConnectionError::TimedOut => {
                Closed { code: 0, reason: "no packet within the idle timeout".into(), by: By::Timeout }
            }
            ConnectionError::LocallyClosed => Closed { code: 0, reason: String::new(), by: By::Peer },
            other => Closed { code: 0, reason: other.to_string(), by: By::Transport },
        }
    }
}

/// The peer's code when it stopped reading, or nothing when the whole session ended.
pub fn stop_code(error: &WriteError) -> Option<u64> {
    match error {
        WriteError::Stopped(code) => Some(u64::from(*code)),
        WriteError::InvalidStopped(code) => Some(VarInt::into_inner(*code)),
        WriteError::SessionError(_) | WriteError::ClosedStream => None,
    }
}

/// The peer's code when it reset a stream, or nothing when the whole session ended.
pub fn reset_code(error: &ReadError) -> Option<u64> {
    match error {
        ReadError::Reset(code) => Some(u64::from(*code)),
        ReadError::InvalidReset(code) => Some(VarInt::into_inner(*code)),
        ReadError::SessionError(_) | ReadError::ClosedStream | ReadError::IllegalOrderedRead => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_who_closed() {
        let by =
            |error: ConnectionError| Closed::from_session_error(&SessionError::ConnectionError(error)).by;
        assert_eq!(by(ConnectionError::TimedOut), By::Timeout);
        assert_eq!(by(ConnectionError::Reset), By::Transport);
        assert_eq!(by(ConnectionError::LocallyClosed), By::Peer);
        let closed = WebTransportError::Closed(7, "bye".into()).into();
        let closed = Closed::from_session_error(&closed);
        assert_eq!((closed.code, closed.reason.as_str(), closed.by), (7, "bye", By::Peer));
    }
}
