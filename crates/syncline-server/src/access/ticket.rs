//! Tickets: what a browser opens a WebSocket with, since it can send no header with it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use syncline_model::base64url;

use super::token::{Caller, secret};
use crate::limits::{TICKET_TIME, TICKETS_MAX};

/// The tickets of a hub that were not used yet. They do not outlive the process.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<BTreeMap<[u8; 32], Ticket>>);

struct Ticket {
    /// Who has made it: what it opens ends with the token, and with the session of a page.
    caller: Caller,
    made: Instant,
}

impl Tickets {
    /// Makes a ticket in the name of whoever asks; nothing if there are too many, or no random numbers.
    pub(crate) fn make(&self, caller: Caller) -> Option<String> {
        let secret = secret()?;
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if tickets.len() >= TICKETS_MAX {
            tickets.retain(|_, ticket| ticket.made.elapsed() < TICKET_TIME);
        }
        if tickets.len() >= TICKETS_MAX {
            return None;
        }
        // The hash: how long a look-up takes tells nothing of the ticket.
        let key = *blake3::hash(&secret).as_bytes();
        tickets.insert(key, Ticket { caller, made: Instant::now() });
        Some(base64url::encode(&secret))
    }

    /// Takes a ticket, which is gone by that, and returns who has made it.
    pub(crate) fn take(&self, text: &str) -> Option<Caller> {
        let secret = base64url::decode(text).ok()?;
        let mut tickets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ticket = tickets.remove(blake3::hash(&secret).as_bytes())?;
        (ticket.made.elapsed() < TICKET_TIME).then_some(ticket.caller)
    }
}
