//! A client whose thread, clock and socket are somebody else's: for a simulation.
//!
//! [`Device`] is a whole client, its file included, with the same driver as ever. Where a client has a
//! thread that waits, somebody calls [`Device::turn`] once something has happened, or its deadline has
//! come; where a client has a socket, texts are carried by hand.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use syncline_protocol::session::client::{Connection, Lost};
use tokio::sync::Notify;

pub use crate::machine::simulated::{Disk, Machine, Step, set_machine};

use super::driver::{Driver, Facts, Plan};
use super::form::{Form, Written};
use super::socket::Heard;
use crate::client::Client;
use crate::error::{ClientError, StoreError};
use crate::machine::Moment;
use crate::options::Options;

/// A client without a thread.
pub struct Device {
    client: Client,
    facts: Arc<Facts>,
    plan: Plan,
    driver: Option<Driver>,
    form: Form,
    is_connected: bool,
    said: VecDeque<String>,
}

/// What a device wants of its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A connection. Answer with [`Device::connected`] or [`Device::lost`].
    Connect,
    /// The end of the connection; it is over for the device already.
    HangUp,
}

impl Device {
    /// Opens a client on its file; what `options` say of a hub does not matter.
    ///
    /// # Errors
    ///
    /// As [`Client::open`].
    pub fn open(options: Options) -> Result<Self, ClientError> {
        let options = Options { url: None, ..options };
        let client = Client::open(options.clone())?;
        let facts = Arc::new(Facts {
            shared: client.shared(),
            address: String::new(),
            token: Arc::new(Mutex::new(String::new())),
            wake: Arc::new(Notify::new()),
            options: options.clone(),
        });
        Ok(Self {
            client,
            facts,
            plan: Plan::new(options.strategy),
            driver: None,
            form: Form::default(),
            is_connected: false,
            said: VecDeque::new(),
        })
    }

    /// Returns the client, to edit and to look.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// Does all that can be done now; answers what it wants of its connection, if anything.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if its file fails. Its connection is over then; it goes on with the next turn.
    pub fn turn(&mut self) -> Result<Option<Wish>, StoreError> {
        let turned = self.go_on();
        if let Err(error) = &turned {
            self.facts.tell_store_failed(error);
            self.driver = None;
            self.is_connected = false;
            self.said.clear();
        }
        turned
    }

    fn go_on(&mut self) -> Result<Option<Wish>, StoreError> {
        loop {
            let mut driver = match self.driver.take() {
                Some(driver) => driver,
                None => Driver::new(&self.facts, Moment::now(), self.plan)?,
            };
            let is_over = driver.begin_turn()?;
            if is_over {
                driver.lose(Lost::Broken);
            }
            if driver.take_turn()? {
                self.plan = driver.plan;
                if std::mem::take(&mut self.is_connected) {
                    return Ok(Some(Wish::HangUp));
                }
                continue;
            }
            let asked = driver.session.poll_connection(driver.now_ms());
            let wish = match asked {
                Some(Connection::Connect { .. }) => Some(Wish::Connect),
                Some(Connection::Close { .. }) => {
                    driver.lose(Lost::Broken);
                    Some(Wish::HangUp)
                }
                None if is_over => Some(Wish::HangUp),
                None => None,
            };
            if wish.is_none() && self.is_connected {
                while let Some(mut message) = driver.session.poll_message(driver.now_ms()) {
                    self.form.shorten(&mut message, |key| self.facts.confirmed(key));
                    let written = self.form.write(&message).unwrap_or_default();
                    self.said.extend(written.into_iter().filter_map(text));
                }
                if driver.mend()? {
                    self.driver = Some(driver);
                    continue;
                }
                driver.tell_network();
            }
            self.is_connected &= wish.is_none();
            self.driver = Some(driver);
            return Ok(wish);
        }
    }

    /// Returns what it has to say, in order, one text after the other.
    pub fn say(&mut self) -> Option<String> {
        self.said.pop_front()
    }

    /// Returns when it wants its next turn, on its own clock, whatever else happens.
    pub fn deadline_ms(&self) -> Option<u64> {
        self.driver.as_ref().and_then(Driver::deadline_ms)
    }

    /// Tells it that its connection is there.
    pub fn connected(&mut self) {
        self.form = Form::default();
        self.said.clear();
        self.is_connected = true;
        if let Some(driver) = &mut self.driver {
            driver.handle_connected();
        }
    }

    /// Tells it that its connection is gone, or could not be made.
    pub fn lost(&mut self, lost: Lost) {
        self.is_connected = false;
        self.said.clear();
        if let Some(driver) = &mut self.driver {
            driver.lose(lost);
        }
    }

    /// Hands it a text of the hub.
    pub fn hear(&mut self, text: &str) {
        let Some(driver) = self.driver.as_mut().filter(|_| self.is_connected) else { return };
        driver.handle(match self.form.read(text.as_bytes()) {
            Ok(message) => message.map_or(Heard::Traffic, Heard::Message),
            Err(_) => Heard::Unreadable,
        });
    }

    /// Hands it a ping of the hub.
    pub fn hear_traffic(&mut self) {
        if let Some(driver) = self.driver.as_mut().filter(|_| self.is_connected) {
            driver.handle(Heard::Traffic);
        }
    }
}

/// Returns a message as text: hubs of a simulation take nothing compressed.
fn text(written: Written) -> Option<String> {
    match written {
        Written::Text(text) => Some(text),
        Written::Binary(_) => None,
    }
}
