//! The ways to endpoints, each with what is signed with.

use std::collections::BTreeMap;
use std::sync::Arc;

use syncline_domains::app::{Route, Sender, Target};
use syncline_engine::deliver::{EndpointRow, Failure, SecretKind, StoredSecret};
use syncline_hub::served::deliver::Parcel;
use syncline_model::id::EndpointId;
use syncline_policy::{EventFilter, EventFilterError, Transformation, TransformationError};
use syncline_protocol::webhook::secret::{Secret, SecretError};
use syncline_protocol::webhook::sign::Signer;

use super::attempt::refused;
use crate::transforming::{filter_of, transformation_of};

/// The ways to endpoints, each with what is signed with.
#[derive(Default)]
pub(super) struct Ways(BTreeMap<EndpointId, Arc<Way>>);

/// The way to one endpoint.
pub(super) struct Way {
    pub(super) row: Arc<EndpointRow>,
    /// When the next of its secrets begins or ends to count.
    until_ms: u64,
    pub(super) signer: Result<Signer, Failure>,
    pub(super) route: Result<Route, Failure>,
    /// Which events are sent, where not all are.
    pub(super) filter: Option<Result<EventFilter, EventFilterError>>,
    /// How the data is made, where it is not sent as it is.
    pub(super) transformation: Option<Result<Transformation, TransformationError>>,
}

impl Ways {
    /// Returns the way to the endpoint of a parcel.
    pub(super) fn to(&mut self, sender: &Sender, parcel: &Parcel, now_ms: u64) -> Arc<Way> {
        let (endpoint, row) = (&parcel.sending.endpoint, &parcel.endpoint);
        if let Some(way) = self.0.get(endpoint)
            && Arc::ptr_eq(&way.row, row)
            && now_ms < way.until_ms
        {
            return Arc::clone(way);
        }
        let way = Arc::new(Way::new(sender, row, now_ms));
        // Ways of endpoints that were removed go with the next one that is made.
        self.0.retain(|_, way| Arc::strong_count(&way.row) > 1);
        self.0.insert(endpoint.clone(), Arc::clone(&way));
        way
    }
}

impl Way {
    pub(super) fn new(sender: &Sender, row: &Arc<EndpointRow>, now_ms: u64) -> Self {
        let is_active = |secret: &&StoredSecret| {
            secret.since_ms <= now_ms && secret.until_ms.is_none_or(|until| until > now_ms)
        };
        let active: Vec<&StoredSecret> = row.secrets.iter().filter(is_active).collect();
        let secrets: Result<Vec<Secret>, SecretError> =
            active.iter().map(|secret| secret_of(secret)).collect();
        let signer = match secrets {
            Ok(secrets) if !secrets.is_empty() => Signer::new(&secrets).ok(),
            _ => None,
        };
        let times = row.secrets.iter().flat_map(|one| [Some(one.since_ms), one.until_ms]);
        let until_ms = times.flatten().filter(|time| *time > now_ms).min().unwrap_or(u64::MAX);
        let route = match Target::parse(&row.settings.url) {
            Ok(target) => sender.route(&target).map_err(refused),
            Err(_) => Err(Failure::UrlInvalid),
        };
        let signer = signer.ok_or(Failure::SecretMissing);
        let transformation = transformation_of(&row.settings);
        let filter = filter_of(&row.settings);
        Self { row: Arc::clone(row), until_ms, signer, route, filter, transformation }
    }
}

fn secret_of(secret: &StoredSecret) -> Result<Secret, SecretError> {
    match secret.kind {
        SecretKind::Hmac | SecretKind::Ed25519 => Secret::parse(&secret.text),
        SecretKind::Plain => Secret::plain(&secret.text),
    }
}
