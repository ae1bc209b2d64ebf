//! Limits of a session and their defaults.

use std::sync::Arc;
use std::time::Duration;

use quinn::{Connection, IdleTimeout, TransportConfig, VarInt};

use crate::failure::Failure;

/// Streams that HTTP/3 may need beside the session's: the CONNECT stream; control, QPACK encoder and decoder.
const HTTP3_BIDI: u32 = 1;
const HTTP3_UNI: u32 = 3;

const KIB: u32 = 1024;
const MIB: u32 = 1024 * KIB;

/// Checked limits of one session.
#[derive(Clone, Debug)]
pub struct Limits {
    pub idle_timeout: Duration,
    pub keep_alive: Option<Duration>,
    pub max_concurrent_uni: u32,
    pub max_concurrent_bidi: u32,
    pub stream_window: u32,
    pub connection_window: u32,
    pub send_window: u32,
    pub handshake_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            idle_timeout: Duration::from_secs(30),
            keep_alive: Some(Duration::from_secs(5)),
            max_concurrent_uni: 1024,
            max_concurrent_bidi: 256,
            stream_window: MIB,
            connection_window: 8 * MIB,
            send_window: 4 * MIB,
            handshake_timeout: Duration::from_secs(10),
        }
    }
}

/// A number within bounds, or a failure that names the option.
pub fn bounded(name: &str, value: Option<f64>, default: u32, min: u32, max: u32) -> Result<u32, Failure> {
    let Some(value) = value else { return Ok(default) };
    if value.fract() == 0.0 && value >= f64::from(min) && value <= f64::from(max) {
        // Exact: whole and within u32.
        return Ok(value as u32);
    }
    Err(Failure::option(format!("{name} is {value}, it must be a whole number from {min} to {max}")))
}

/// Bounds of a window.
pub fn window(name: &str, value: Option<f64>, default: u32) -> Result<u32, Failure> {
    bounded(name, value, default, 16 * KIB, 1024 * MIB)
}

/// Bounds of a number of streams.
pub fn streams(name: &str, value: Option<f64>, default: u32) -> Result<u32, Failure> {
    bounded(name, value, default, 0, 1 << 20)
}

/// Bounds of a duration in milliseconds.
pub fn duration(name: &str, value: Option<f64>, default: Duration) -> Result<Duration, Failure> {
    let default = u32::try_from(default.as_millis()).unwrap_or(u32::MAX);
    bounded(name, value, default, 1, 3_600_000).map(|ms| Duration::from_millis(u64::from(ms)))
}

impl Limits {
    /// The limits as quinn takes them.
    pub fn transport(&self) -> Result<Arc<TransportConfig>, Failure> {
        let idle = IdleTimeout::try_from(self.idle_timeout)
            .map_err(|_| Failure::option("idleTimeoutMs is too long"))?;
        let mut config = TransportConfig::default();
        config
            .max_idle_timeout(Some(idle))
            .keep_alive_interval(self.keep_alive)
            .max_concurrent_bidi_streams(VarInt::from_u32(self.max_concurrent_bidi))
            .max_concurrent_uni_streams(VarInt::from_u32(self.max_concurrent_uni))
            .stream_receive_window(VarInt::from_u32(self.stream_window))
            .receive_window(VarInt::from_u32(self.connection_window))
            .send_window(u64::from(self.send_window))
            .datagram_receive_buffer_size(Some(MIB as usize))
            .datagram_send_buffer_size(256 * KIB as usize);
        Ok(Arc::new(config))
    }

    /// Makes room for HTTP/3's own streams on a connection that turned out to carry it.
    pub fn allow_http3(&self, connection: &Connection) {
        connection.set_max_concurrent_bi_streams(VarInt::from_u32(self.max_concurrent_bidi + HTTP3_BIDI));
        connection.set_max_concurrent_uni_streams(VarInt::from_u32(self.max_concurrent_uni + HTTP3_UNI));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_what_is_not_a_whole_number_in_bounds() {
        for bad in [f64::NAN, f64::INFINITY, -1.0, 0.5, 17.0] {
            let refused = bounded("n", Some(bad), 1, 1, 16).err().map(|failure| failure.message);
            assert!(refused.is_some_and(|message| message.starts_with("n is ")), "{bad}");
        }
        assert_eq!(bounded("n", Some(16.0), 1, 1, 16).ok(), Some(16));
        assert_eq!(bounded("n", None, 3, 1, 16).ok(), Some(3));
    }
}
