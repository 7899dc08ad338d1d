//! Telling a supervisor such as systemd how a long run stands.
//!
//! The protocol is one datagram of `NAME=value` lines to the socket that `NOTIFY_SOCKET` names.
//! Without that variable, or where the socket is gone, nothing happens: nobody asked.
//!
//! # Source
//!
//! The manual page `sd_notify(3)`, systemd.

use std::cell::Cell;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::{Duration, Instant};

/// The variable that names the socket.
pub(super) const SOCKET_VARIABLE: &str = "NOTIFY_SOCKET";

/// A supervisor, if there is one.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// How often it wants to hear of us; `None` if it does not.
    pulse: Option<Duration>,
    told: Cell<Instant>,
}

impl Supervisor {
    /// Looks for one in the environment.
    pub fn from_environment() -> Self {
        let variable = |name| std::env::var(name).ok();
        let address = variable(SOCKET_VARIABLE).and_then(|name| address(&name));
        let socket = UnixDatagram::unbound().ok().zip(address);
        let is_ours =
            variable("WATCHDOG_PID").is_none_or(|pid| pid == std::process::id().to_string());
        let limit = variable("WATCHDOG_USEC").and_then(|text| text.parse().ok());
        let limit = limit.filter(|_| is_ours).map(Duration::from_micros);
        // Twice within the limit, so that one late turn is not the end.
        Self { socket, pulse: limit.map(|limit| limit / 2), told: Cell::new(Instant::now()) }
    }

    /// Returns one that nobody is behind.
    pub fn nobody() -> Self {
        Self { socket: None, pulse: None, told: Cell::new(Instant::now()) }
    }

    /// Tells that the work has begun, and what it is.
    pub fn ready(&self, status: &str) {
        self.tell(&format!("READY=1\nSTATUS={status}"));
    }

    /// Tells that the work ends.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Tells that we are alive, as often as is wanted and no more.
    pub fn alive(&self) {
        if self.pulse.is_some_and(|pulse| self.told.get().elapsed() >= pulse) {
            self.told.set(Instant::now());
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, state: &str) {
        if let Some((socket, address)) = &self.socket {
            // A supervisor that is gone has nothing left to know.
            let _ = socket.send_to_addr(state.as_bytes(), address);
        }
    }
}

/// Returns the address of a socket: a path, or on Linux `@` and a name without a file.
fn address(name: &str) -> Option<SocketAddr> {
    #[cfg(target_os = "linux")]
    if let Some(name) = name.strip_prefix('@') {
        use std::os::linux::net::SocketAddrExt;
        return SocketAddr::from_abstract_name(name).ok();
    }
    name.starts_with('/').then(|| SocketAddr::from_pathname(name).ok())?
}
