//! How the end of a session or stream is told: numeric codes, equal on both transports.

use quinn::{ConnectionError, VarInt};
use web_transport_quinn::proto::error_from_http3;
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
    /// What the loss of a connection means. `told` is the session's own view, which knows WebTransport's close
    /// message. Our own close is known before it gets here, so a local close seen here is the library's answer to a
    /// WebTransport peer that ended its CONNECT stream without a message.
    pub fn new(lost: &ConnectionError, told: Option<SessionError>) -> Self {
        if let Some(SessionError::WebTransportError(WebTransportError::Closed(code, reason))) = told {
            return Closed { code: u64::from(code), reason, by: By::Peer };
        }
        match lost {
            ConnectionError::ApplicationClosed(close) => {
                let code = close.error_code.into_inner();
                Closed {
                    code: error_from_http3(code).map_or(code, u64::from),
                    reason: String::from_utf8_lossy(&close.reason).into_owned(),
                    by: By::Peer,
                }
            }
            ConnectionError::LocallyClosed => Closed { code: 0, reason: String::new(), by: By::Peer },
            ConnectionError::TimedOut => {
                Closed { code: 0, reason: "no packet within the idle timeout".into(), by: By::Timeout }
            }
            ConnectionError::ConnectionClosed(close) => Closed {
                code: u64::from(close.error_code),
                reason: String::from_utf8_lossy(&close.reason).into_owned(),
                by: By::Transport,
            },
            ConnectionError::TransportError(error) => {
                Closed { code: u64::from(error.code), reason: error.reason.clone(), by: By::Transport }
            }
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
        let by = |error| Closed::new(&error, None).by;
        assert_eq!(by(ConnectionError::TimedOut), By::Timeout);
        assert_eq!(by(ConnectionError::Reset), By::Transport);
        assert_eq!(by(ConnectionError::LocallyClosed), By::Peer);
    }

    #[test]
    fn prefers_the_close_message() {
        let told = WebTransportError::Closed(7, "bye".into()).into();
        let closed = Closed::new(&ConnectionError::LocallyClosed, Some(told));
        assert_eq!((closed.code, closed.reason.as_str(), closed.by), (7, "bye", By::Peer));
    }

    #[test]
    fn a_timeout_stays_one_when_the_library_has_closed_as_well() {
        let told = SessionError::ConnectionError(ConnectionError::LocallyClosed);
        assert_eq!(Closed::new(&ConnectionError::TimedOut, Some(told)).by, By::Timeout);
    }
}
