//! The connection in the background: a thread that drives the protocol's machine over a socket.
//!
//! | You want | Read |
//! |---|---|
//! | what is done next, and what is stored in which order | [`driver`] |
//! | bytes in and out | [`socket`], [`form`] |
//! | where a hub is | [`address`] |
//! | a client without thread, clock and socket, for a simulation | `simulated` |

mod address;
mod driver;
mod form;
#[cfg(feature = "simulated")]
pub mod simulated;
mod socket;

use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::Notify;

use crate::error::ClientError;
use crate::options::Options;
use crate::state::Shared;

/// The connection in the background.
#[derive(Debug)]
pub(crate) struct Connection {
    address: Option<String>,
    token: Arc<Mutex<String>>,
    wake: Arc<Notify>,
    thread: Option<JoinHandle<()>>,
}

impl Connection {
    /// Prepares the connection; [`start`](Self::start) makes it.
    pub(crate) fn new(options: &Options) -> Result<Self, ClientError> {
        let address = options.url.as_deref().map(address::live_address).transpose()?;
        let token = Arc::new(Mutex::new(options.token.clone()));
        Ok(Self { address, token, wake: Arc::new(Notify::new()), thread: None })
    }

    /// Returns what has the thread look at what is to do.
    pub(crate) fn waker(&self) -> Box<dyn Fn() + Send + Sync> {
        let wake = Arc::clone(&self.wake);
        Box::new(move || wake.notify_one())
    }

    /// Starts the thread, if there is an address.
    pub(crate) fn start(
        &mut self,
        shared: &Arc<Shared>,
        options: Options,
    ) -> Result<(), ClientError> {
        let Some(address) = self.address.clone() else { return Ok(()) };
        let thread = ClientError::Machine { what: "thread" };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let Ok(runtime) = runtime else { return Err(thread) };
        let facts = driver::Facts {
            shared: Arc::clone(shared),
            address,
            token: Arc::clone(&self.token),
            wake: Arc::clone(&self.wake),
            options,
        };
        let builder = std::thread::Builder::new().name("syncline-client".to_owned());
        let started = builder.spawn(move || runtime.block_on(driver::drive(facts)));
        self.thread = Some(started.map_err(|_| thread)?);
        Ok(())
    }

    /// Takes another access token from now on.
    pub(crate) fn set_token(&self, token: &str) {
        token.clone_into(&mut self.token.lock().unwrap_or_else(PoisonError::into_inner));
    }

    /// Waits for the thread, which ends once the client is closed.
    pub(crate) fn stop(&mut self) {
        self.wake.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread is our own mistake and was printed; what is stored is whole.
            let _ = thread.join();
        }
    }
}
