//! Failures that reach JavaScript: a sentence for people and a code for programs.

use std::fmt;

/// What kind of failure it was; `code` of the JavaScript error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An option has a value that cannot be used.
    InvalidOption,
    /// The name could not be resolved, or the socket could not be made.
    Address,
    /// Nobody answered in time.
    Timeout,
    /// The peer's certificate is not trusted.
    Certificate,
    /// The peers have no protocol in common.
    Protocol,
    /// The peer refused or ended the connection.
    Refused,
    /// A fault of this addon.
    Internal,
}

impl Kind {
    /// The `code` property of the JavaScript error.
    pub fn code(self) -> &'static str {
        match self {
            Kind::InvalidOption => "ERR_QUIC_INVALID_OPTION",
            Kind::Address => "ERR_QUIC_ADDRESS",
            Kind::Timeout => "ERR_QUIC_TIMEOUT",
            Kind::Certificate => "ERR_QUIC_CERTIFICATE",
            Kind::Protocol => "ERR_QUIC_PROTOCOL",
            Kind::Refused => "ERR_QUIC_REFUSED",
            Kind::Internal => "ERR_QUIC_INTERNAL",
        }
    }
}

/// A failure with its kind and an explanation.
#[derive(Clone, Debug)]
pub struct Failure {
    pub kind: Kind,
    pub message: String,
}

impl Failure {
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into() }
    }

    pub fn option(message: impl Into<String>) -> Self {
        Failure::new(Kind::InvalidOption, message)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
