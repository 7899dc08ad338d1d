//! The endpoints that the environment of a server names: `SYNC_WEBHOOK_URLS`, one for each address.
//!
//! An address is known by its endpoint's id, which is made of it, so that no start makes a second one. What an operator
//! has changed of it stays; its secrets are those of the environment. One whose address was taken off the list is
//! disabled and not deleted: nothing is lost, and it goes on once it is on the list again and can be reached.

use std::collections::BTreeSet;
use std::sync::Arc;

use syncline_engine::deliver::{EndpointRow, SecretKind, Settings, StoredSecret};
use syncline_hub::Actor;
use syncline_hub::served::deliver::{Deliveries, DeliveryError};
use syncline_model::id::EndpointId;
use syncline_protocol::webhook::secret::SecretKind as Kind;

use crate::access::now_ms;
use crate::application::{AppSettings, SecretText, secret_of};
use crate::hubs::Desk;

/// What the ids of these endpoints begin with.
const OF_ENVIRONMENT: &str = "env-";
/// What is said of one that is on the list, and of one that was.
const LISTED: &str = "SYNC_WEBHOOK_URLS";
const TAKEN_OFF: &str = "SYNC_WEBHOOK_URLS, taken off";

/// What a start has made of the list.
#[derive(Clone, Debug, Default)]
pub(crate) struct Provided {
    /// What an operator should know. No address: it may hold a token.
    pub(crate) notes: Vec<String>,
    /// Those that are on the list again, and are disabled still.
    returned: Vec<EndpointId>,
}

/// Makes what the list names and is not there, and disables what is there and not named.
pub(crate) fn provide(
    all: &mut Deliveries,
    application: &AppSettings,
) -> Result<Provided, DeliveryError> {
    let mut provided = Provided::default();
    let secrets = secrets_of(&application.webhook_secrets);
    let mut listed = BTreeSet::new();
    for (index, url) in application.webhook_urls.iter().enumerate() {
        let id = id_of(url);
        provide_one(all, (&id, index + 1), url, &secrets, &mut provided)?;
        listed.insert(id);
    }
    for endpoint in all.endpoints() {
        let is_known = endpoint.id.as_str().starts_with(OF_ENVIRONMENT)
            && &*endpoint.row.settings.description == LISTED;
        if !is_known || endpoint.damaged.is_some() || listed.contains(&endpoint.id) {
            continue;
        }
        let mut row = EndpointRow::clone(&endpoint.row);
        row.settings.description = TAKEN_OFF.into();
        all.replace(now_ms(), &endpoint.id, row, &actor())?;
        if endpoint.facts.disabled.is_none() {
            all.disable(now_ms(), &endpoint.id, &actor())?;
        }
        provided.notes.push(format!(
            "the endpoint {} is disabled: its address was taken off SYNC_WEBHOOK_URLS",
            endpoint.id
        ));
    }
    Ok(provided)
}

fn provide_one(
    all: &mut Deliveries,
    (id, number): (&EndpointId, usize),
    url: &str,
    secrets: &[StoredSecret],
    provided: &mut Provided,
) -> Result<(), DeliveryError> {
    let Some(known) = all.endpoint(id) else {
        let settings = Settings { description: LISTED.into(), ..Settings::anywheredoor(url) };
        let (created_ms, secrets) = (now_ms(), secrets.to_vec());
        let row = EndpointRow { created_ms, is_removed: false, settings, secrets };
        match all.create(created_ms, id, row, &actor()) {
            Err(DeliveryError::Removing) => {
                let text = "was removed, and what is known of it is still being deleted; start again later";
                provided.notes.push(format!("the endpoint {id} of SYNC_WEBHOOK_URLS {text}"));
                return Ok(());
            }
            made => made?,
        }
        provided.notes.push(format!("address {number} of SYNC_WEBHOOK_URLS is the endpoint {id}"));
        return Ok(());
    };
    if known.damaged.is_some() {
        let text = "cannot be read; remove it, then start again";
        provided.notes.push(format!("the endpoint {id} of SYNC_WEBHOOK_URLS {text}"));
        return Ok(());
    }
    let mut row = EndpointRow::clone(&known.row);
    let was_taken_off = &*row.settings.description == TAKEN_OFF;
    if was_taken_off {
        row.settings.description = LISTED.into();
    }
    let texts = |secrets: &[StoredSecret]| {
        secrets.iter().map(|secret| secret.text.clone()).collect::<Vec<_>>()
    };
    if texts(&row.secrets) != texts(secrets) {
        row.secrets = secrets.to_vec();
    }
    if row != *known.row {
        all.replace(now_ms(), id, row, &actor())?;
    }
    match known.facts.disabled {
        Some(_) if was_taken_off => provided.returned.push(id.clone()),
        Some(_) => provided.notes.push(format!(
            "the endpoint {id} of SYNC_WEBHOOK_URLS is disabled; test it, then enable it: /v1/endpoints/{id}"
        )),
        None => {}
    }
    Ok(())
}

/// Enables those again that are on the list again, once they can be reached.
pub(crate) async fn enable_returned(desk: Arc<Desk>) {
    for id in desk.provided.returned.clone() {
        let (held, of) = (Arc::clone(&desk), id.clone());
        let look = move || held.delivering.with(|all| Ok(all.endpoint(&of)));
        let Ok(Ok(Some(endpoint))) = desk.blocking(look).await else { continue };
        let report = desk.delivering.test(&endpoint).await;
        let held = Arc::clone(&desk);
        let enable = move || {
            held.delivering.with(|all| {
                all.tested(now_ms(), &id, report.outcome)?;
                all.enable(now_ms(), &id, false, &actor())
            })
        };
        // One that cannot be reached stays disabled, and says so in the list of endpoints.
        let _ = desk.blocking(enable).await;
    }
}

fn id_of(url: &str) -> EndpointId {
    let digest = blake3::hash(url.as_bytes()).to_hex();
    let id = format!("{OF_ENVIRONMENT}{}", digest.get(..16).unwrap_or_default());
    EndpointId::new(&id).expect("invariant: few letters, digits and a hyphen")
}

fn actor() -> Actor {
    Actor { user: Some("environment".to_owned()), session: None, roles: Vec::new() }
}

/// Returns those that something can be signed with.
fn secrets_of(secrets: &[SecretText]) -> Vec<StoredSecret> {
    let stored = |secret: &SecretText| {
        let kind = match secret_of(secret.expose()).ok()?.kind() {
            Kind::Symmetric => SecretKind::Hmac,
            Kind::Signing => SecretKind::Ed25519,
            Kind::Plain => SecretKind::Plain,
            Kind::Verifying => return None,
        };
        Some(StoredSecret { kind, text: secret.expose().into(), since_ms: 0, until_ms: None })
    };
    secrets.iter().filter_map(stored).collect()
}
