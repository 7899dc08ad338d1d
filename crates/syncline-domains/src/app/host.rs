//! One host: its addresses, its idle connections, and how many requests to it are under way.

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_rustls::TlsConnector;

use super::connection::Connection;
use super::guard::Guard;
use super::outcome::Failure;
use super::resolve::Resolve;
use super::stream::Stream;
use super::target::{self, Target};
use crate::limits::{APP_ADDRESSES_TRIED_MAX, APP_IDLE_MS_MAX, APP_RESOLVED_MS_MAX};

/// What makes two targets one host: connections to it may carry requests to both.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    is_encrypted: bool,
    host: target::Host,
    port: u16,
}

impl Key {
    pub(super) fn of(target: &Target) -> Self {
        let (is_encrypted, port) = (target.is_encrypted(), target.port());
        Self { is_encrypted, host: target.host().clone(), port }
    }
}

/// A host that requests are sent to.
pub(super) struct Host {
    key: Key,
    /// As many places as requests may be under way; each of them has at most one connection.
    pub(super) places: Semaphore,
    idle: Mutex<Idle>,
    /// Addresses that were looked at, and when. Whoever looks them up holds the lock: once for all who wait.
    addresses: tokio::sync::Mutex<Option<(Instant, Arc<[IpAddr]>)>>,
}

/// Connections on which nothing is under way, the one that was used last behind the others.
#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    /// Whether a task closes those that have been idle for too long.
    is_swept: bool,
}

impl Host {
    pub(super) fn new(key: Key, places: usize) -> Self {
        let places = Semaphore::new(places);
        Self { key, places, idle: Mutex::default(), addresses: tokio::sync::Mutex::default() }
    }

    /// Returns an idle connection that may be used, the one that was used last.
    pub(super) fn take_idle(&self) -> Option<Connection> {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        std::iter::from_fn(|| idle.connections.pop()).find(|connection| connection.is_fit(now))
    }

    /// Closes the connection that has been idle for longest, and returns whether there was one.
    pub(super) fn close_idle(&self) -> bool {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        !idle.connections.is_empty() && {
            drop(idle.connections.remove(0));
            true
        }
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(self: &Arc<Self>, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.connections.push(connection);
        if !std::mem::replace(&mut idle.is_swept, true) {
            tokio::spawn(sweep(Arc::downgrade(self)));
        }
    }

    /// Closes what has been idle for too long, and returns whether anything is left.
    fn close_old(&self) -> bool {
        let now = Instant::now();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.connections.retain(|connection| connection.is_fit(now));
        idle.is_swept = !idle.connections.is_empty();
        idle.is_swept
    }

    /// Makes a connection to one of the addresses of the host.
    pub(super) async fn connect(
        &self,
        guard: &Guard,
        resolver: &dyn Resolve,
        tls: Option<TlsConnector>,
        room: OwnedSemaphorePermit,
    ) -> Result<Connection, Failure> {
        let addresses = self.addresses(guard, resolver).await?;
        let socket = self.socket(&addresses).await?;
        let stream = match tls {
            None => Stream::Plain(socket),
            Some(connector) => {
                let connected = connector.connect(self.server_name()?, socket).await;
                Stream::Encrypted(Box::new(connected.map_err(|_| Failure::NotTrusted)?))
            }
        };
        Connection::open(stream, room).await
    }

    /// Returns addresses that may be reached, all of them looked at.
    async fn addresses(
        &self,
        guard: &Guard,
        resolver: &dyn Resolve,
    ) -> Result<Arc<[IpAddr]>, Failure> {
        let name = match &self.key.host {
            target::Host::Name(name) => name,
            target::Host::Address(address) => {
                guard.check(*address, self.key.port, self.key.is_encrypted)?;
                return Ok(Arc::new([*address]));
            }
        };
        let mut known = self.addresses.lock().await;
        if let Some((since, addresses)) = &*known
            && since.elapsed() < Duration::from_millis(APP_RESOLVED_MS_MAX)
        {
            return Ok(Arc::clone(addresses));
        }
        let found = resolver.resolve(name).await.map_err(|_| Failure::Unknown)?;
        // One address that may not be reached is enough: who answers with both wants the other one.
        let (port, is_encrypted) = (self.key.port, self.key.is_encrypted);
        found.iter().try_for_each(|address| guard.check(*address, port, is_encrypted))?;
        let tried: Arc<[IpAddr]> = found.into_iter().take(APP_ADDRESSES_TRIED_MAX).collect();
        if tried.is_empty() {
            return Err(Failure::Unknown);
        }
        *known = Some((Instant::now(), Arc::clone(&tried)));
        Ok(tried)
    }

    /// Connects to the first address that answers. All but the last get a second, so that one that is silent does not
    /// take the time of the others.
    async fn socket(&self, addresses: &[IpAddr]) -> Result<TcpStream, Failure> {
        let last = addresses.len().saturating_sub(1);
        for (index, address) in addresses.iter().enumerate() {
            let connecting = TcpStream::connect(SocketAddr::new(*address, self.key.port));
            let connected = if index == last {
                connecting.await.ok()
            } else {
                let connected = tokio::time::timeout(Duration::from_secs(1), connecting).await;
                connected.ok().and_then(Result::ok)
            };
            if let Some(socket) = connected {
                // What is sent is small and whole: waiting for more to send would only delay it.
                let _ = socket.set_nodelay(true);
                return Ok(socket);
            }
        }
        Err(Failure::Unreachable)
    }

    fn server_name(&self) -> Result<ServerName<'static>, Failure> {
        match &self.key.host {
            target::Host::Address(address) => Ok(ServerName::IpAddress((*address).into())),
            target::Host::Name(name) => {
                ServerName::try_from(name.to_string()).map_err(|_| Failure::NotTrusted)
            }
        }
    }
}

/// Closes connections that have been idle for too long, until none is left.
async fn sweep(host: Weak<Host>) {
    loop {
        tokio::time::sleep(Duration::from_millis(APP_IDLE_MS_MAX / 2)).await;
        match host.upgrade() {
            Some(host) if host.close_old() => {}
            _ => return,
        }
    }
}
