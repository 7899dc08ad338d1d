//! The receivers of a hub.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use syncline_hub::Actor;
use syncline_hub::served::{ServeError, Served};
use syncline_model::codec::Writer as Bytes;
use syncline_model::envelope::Envelope;
use syncline_model::id::DomainName;
use syncline_model::json::{Json, Object, parse};

use super::{Preset, Receiver};
use crate::access::now_ms;
use crate::application::SecretText;
use crate::limits::RECEIVERS_MAX;

/// The version of the stored form. Bump it with every change, keep the old reader.
const FORMAT: u8 = 1;

/// The receivers of one hub: those that somebody made, and those of spec 004, if the hub is the one that the
/// environment of the server means.
pub(crate) struct Receivers {
    served: Served,
    made: RwLock<BTreeMap<DomainName, Made>>,
    /// One change at a time; who looks for a receiver does not wait for its disk.
    making: Mutex<()>,
    /// Those of spec 004, with the secrets of the environment. One that was made comes before them.
    usual: Vec<Arc<Receiver>>,
    /// What came of the latest webhooks since the start, by receivers that there are.
    heard: Mutex<BTreeMap<DomainName, Heard>>,
}

/// What is known of the webhooks of a receiver since the start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Heard {
    /// When the latest one came, in milliseconds since the Unix epoch.
    pub(crate) latest_ms: Option<u64>,
    pub(crate) fate: Reception,
}

/// What came of the latest webhook.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Reception {
    /// None has come.
    #[default]
    Nothing,
    /// It was taken.
    Taken,
    /// It was refused, as were those before it.
    Refused {
        /// Why.
        code: String,
        /// Since when, in milliseconds since the Unix epoch.
        since_ms: u64,
    },
}

/// A receiver that somebody made.
#[derive(Clone)]
pub(crate) struct Made {
    pub(crate) created_ms: u64,
    pub(crate) receiver: Arc<Receiver>,
}

/// Why a receiver was not made or removed.
#[derive(Debug)]
pub(crate) enum ReceiversError {
    /// There is one of that name.
    Exists,
    /// Another one has one of its secrets.
    SecretShared,
    /// As many as a hub has.
    Full,
    /// There is none of that name.
    Unknown,
    /// The store.
    Serve(ServeError),
}

impl From<ServeError> for ReceiversError {
    fn from(error: ServeError) -> Self {
        Self::Serve(error)
    }
}

impl Receivers {
    /// Takes up those that the store holds; `None` if that cannot be read, and nothing is known of them then.
    ///
    /// - `secrets`: of the receivers of spec 004, from the environment; `None` if it means another hub.
    pub(crate) fn open(
        served: &Served,
        secrets: Option<&[SecretText]>,
    ) -> Result<Option<Self>, ServeError> {
        let Some(made) = read(served.kept_receivers()?.as_deref()) else { return Ok(None) };
        let usual = |preset| Receiver::of_spec_004(preset, secrets.unwrap_or_default());
        let usual = Preset::ALL.into_iter().filter_map(usual).map(Arc::new).collect();
        let making = Mutex::default();
        let (served, made, heard) = (served.clone(), RwLock::new(made), Mutex::default());
        Ok(Some(Self { served, made, making, usual, heard }))
    }

    /// Returns a receiver that was made with a secret that the environment says now, if there is one: what it took could
    /// be sent to those of spec 004, which do not know it.
    pub(crate) fn with_secret_of_spec_004(&self) -> Option<DomainName> {
        let is_shared =
            |made: &Made| self.usual.iter().any(|one| one.shares_secret_with(&made.receiver));
        self.list().into_iter().find(is_shared).map(|made| made.receiver.name.clone())
    }

    /// Returns the receiver of a name.
    pub(crate) fn find(&self, name: &str) -> Option<Arc<Receiver>> {
        let made = self.made(name).map(|made| made.receiver);
        let usual = || self.usual.iter().find(|receiver| receiver.name.as_str() == name).cloned();
        made.or_else(usual)
    }

    /// Returns a receiver that somebody made.
    pub(crate) fn made(&self, name: &str) -> Option<Made> {
        let name = DomainName::new(name).ok()?;
        self.made.read().unwrap_or_else(PoisonError::into_inner).get(&name).cloned()
    }

    /// Returns all that were made, by name.
    pub(crate) fn list(&self) -> Vec<Made> {
        self.made.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Returns those of spec 004 that nobody has made in another way, if they take anything.
    pub(crate) fn usual(&self) -> Vec<Arc<Receiver>> {
        let made = self.made.read().unwrap_or_else(PoisonError::into_inner);
        let is_usual = |receiver: &&Arc<Receiver>| {
            receiver.has_secrets() && !made.contains_key(&receiver.name)
        };
        self.usual.iter().filter(is_usual).cloned().collect()
    }

    /// Takes note of what came of a webhook of a receiver that there is.
    ///
    /// - `refused`: the code of why it was, if it was.
    pub(crate) fn note(&self, name: &DomainName, refused: Option<&str>, now_ms: u64) {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let known = heard.entry(name.clone()).or_default();
        known.latest_ms = Some(now_ms);
        known.fate = match (refused, &known.fate) {
            (None, _) => Reception::Taken,
            (Some(code), Reception::Refused { since_ms, .. }) => {
                Reception::Refused { code: code.to_owned(), since_ms: *since_ms }
            }
            (Some(code), _) => Reception::Refused { code: code.to_owned(), since_ms: now_ms },
        };
    }

    /// Returns what is known of the webhooks of a receiver since the start.
    pub(crate) fn heard(&self, name: &DomainName) -> Heard {
        let heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.get(name).cloned().unwrap_or_default()
    }

    /// Makes a receiver; blocks. It is on disk before it takes anything.
    ///
    /// A signature says with which secret, and not for which receiver. So that nothing which one took can be sent to
    /// another, which does not know it, no two have a secret in common, but those of spec 004, which remember
    /// together.
    pub(crate) fn make(&self, receiver: Receiver, actor: &Actor) -> Result<Made, ReceiversError> {
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let known = self.made.read().unwrap_or_else(PoisonError::into_inner).clone();
        if known.contains_key(&receiver.name) {
            return Err(ReceiversError::Exists);
        }
        if known.len() >= RECEIVERS_MAX {
            return Err(ReceiversError::Full);
        }
        let mut others = known.values().map(|made| &made.receiver).chain(&self.usual);
        if others.any(|other| other.shares_secret_with(&receiver)) {
            return Err(ReceiversError::SecretShared);
        }
        let made = Made { created_ms: now_ms(), receiver: Arc::new(receiver) };
        let (name, mut changed) = (made.receiver.name.clone(), known);
        changed.insert(name.clone(), made.clone());
        self.served.keep_receivers(write(&changed), "RECEIVER_CREATED", &name, actor)?;
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = changed;
        Ok(made)
    }

    /// Removes a receiver; blocks. What it remembers of records stays, so that nothing is applied twice by one
    /// that is made again under its name.
    pub(crate) fn remove(&self, name: &str, actor: &Actor) -> Result<(), ReceiversError> {
        let name = DomainName::new(name).map_err(|_| ReceiversError::Unknown)?;
        let _making = self.making.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = self.made.read().unwrap_or_else(PoisonError::into_inner).clone();
        changed.remove(&name).ok_or(ReceiversError::Unknown)?;
        self.served.keep_receivers(write(&changed), "RECEIVER_REMOVED", &name, actor)?;
        *self.made.write().unwrap_or_else(PoisonError::into_inner) = changed;
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
        Ok(())
    }
}

/// Their secrets lie in the envelope.
fn write(made: &BTreeMap<DomainName, Made>) -> Vec<u8> {
    let one = |Made { created_ms, receiver }: &Made| {
        let mut object = Object::new();
        object.insert("created", *created_ms);
        object.insert("receiver", receiver.write());
        Json::Object(object)
    };
    let text = Json::Array(made.values().map(one).collect()).to_compact_string();
    let mut out = Bytes::with_capacity(16 + text.len());
    out.u8(FORMAT);
    Envelope::Plain(text.as_bytes()).write(&mut out);
    out.into_bytes()
}

fn read(stored: Option<&[u8]>) -> Option<BTreeMap<DomainName, Made>> {
    let Some(stored) = stored else { return Some(BTreeMap::new()) };
    let (format, sealed) = stored.split_first()?;
    let text = Envelope::open(sealed).ok().filter(|_| *format == FORMAT)?;
    let Ok(Json::Array(made)) = parse(text) else { return None };
    let one = |one: &Json| {
        let one = one.as_object()?;
        let created_ms = one.get("created")?.as_number()?.to_i64()?;
        let created_ms = u64::try_from(created_ms).ok()?;
        let receiver = Receiver::read(one.get("receiver")?.as_object()?).ok()?;
        Some((receiver.name.clone(), Made { created_ms, receiver: Arc::new(receiver) }))
    };
    made.iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_of_receivers_is_read_again_and_anything_else_is_not() {
        let body = r#"{"name":"crm","secrets":["one","two"],"accept":"both","types":["order.*"],
            "entities":{"order":"orders"},"deletes":["gone"],"event":null,"type":"/kind","resource":null,
            "id":"/order/id","data":"","version":"/order/n","cloudEventHeaders":false}"#;
        let body = parse(body.as_bytes()).unwrap();
        let receiver = Receiver::read(body.as_object().unwrap()).unwrap();
        let told = receiver.write();
        let made = Made { created_ms: 7, receiver: Arc::new(receiver) };
        let made = BTreeMap::from([(made.receiver.name.clone(), made)]);
        let again = read(Some(&write(&made))).unwrap();
        let (name, again) = again.first_key_value().unwrap();
        assert_eq!((name.as_str(), again.created_ms), ("crm", 7));
        assert_eq!(again.receiver.write(), told);
        assert!(read(None).unwrap().is_empty());
        let stored = write(&made);
        for damaged in [&stored[..0], &stored[..9], &[9][..], b"\x01\x01[7]"] {
            assert!(read(Some(damaged)).is_none());
        }
    }
}
