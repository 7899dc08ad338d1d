//! A request as its route sees it.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use percent_encoding::percent_decode_str;
use syncline_hub::served::Audience;
use syncline_model::base64url;
use syncline_model::id::{ClientId, EntityName, RecordId, Writer};
use syncline_model::json::{Json, Object};
use syncline_policy::view::{BoundView, FollowError, Permit as AccessPermit, Sight};
use syncline_protocol::long::read_params;
use syncline_protocol::message::{Follow, NamedView};

use crate::access::Caller;
use crate::body;
use crate::hubs::Desk;
use crate::problem::{Problem, Refusal};
use crate::routes::Route;
use crate::state::State;
use crate::writers::client_of_token;

/// Refuses what is not `next` of a page of a list.
pub(crate) fn no_place() -> Problem {
    Problem::new("CURSOR_DAMAGED", StatusCode::GONE, "cursor is `next` of the page before")
}

/// A request as its route sees it: who asks, which hub, and what.
pub(crate) struct Asked {
    pub(crate) asker: Asker,
    pub(crate) params: Vec<(Box<str>, Box<str>)>,
    pub(crate) query: Query,
    pub(crate) parts: Parts,
    /// Shared between threads only because all of this is; it is taken once.
    pub(crate) body: Mutex<Body>,
}

/// Who asks, and which hub.
pub(crate) struct Asker {
    pub(crate) state: Arc<State>,
    pub(crate) desk: Arc<Desk>,
    /// Nobody only where everybody may ask.
    pub(crate) caller: Option<Caller>,
    /// What whoever asks may see and write of the records.
    pub(crate) permit: Arc<AccessPermit>,
}

impl Deref for Asked {
    type Target = Asker;

    fn deref(&self) -> &Asker {
        &self.asker
    }
}

impl Asker {
    /// Runs what blocks, such as a read of the store, where that is no harm to others.
    pub(crate) async fn blocking<T: Send + 'static>(
        &self,
        task: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Problem> {
        self.desk.blocking(task).await
    }

    /// Returns who asks.
    pub(crate) fn caller(&self) -> Result<&Caller, Problem> {
        self.caller.as_ref().ok_or_else(|| Refusal::TokenMissing.into())
    }

    /// Returns what is the same of all tokens of whoever asks, where rules of access keep something from
    /// them: such a one speaks as no client of others.
    pub(crate) fn holder(&self) -> Option<Arc<str>> {
        let token = &self.caller.as_ref()?.token;
        let sub = token.claims.get("sub").and_then(Json::as_str);
        let holder = sub.map_or_else(|| format!("name {}", token.name), |sub| format!("sub {sub}"));
        (!self.permit.allows_everything()).then(|| holder.into())
    }

    /// Returns under which name what is deleted and changed counts: the client that the token is of, or else the
    /// token's own name, whichever names of clients and keys of requests it is used with.
    pub(crate) fn counted(&self) -> Result<ClientId, Problem> {
        let token = &self.caller()?.token;
        let counted = token.client.clone().or_else(|| client_of_token(token));
        counted.ok_or_else(|| Refusal::ServerFault.into())
    }

    /// Refuses whose token or session has ended since the request was let in, for requests that wait.
    pub(crate) fn is_still_permitted(&self) -> Result<(), Problem> {
        Ok(self.caller()?.is_still_permitted(&self.desk.tokens)?)
    }

    /// Returns who looks: while a conflict waits, each writer is shown its own value.
    pub(crate) fn viewer(&self) -> Result<Writer, Problem> {
        let token = &self.caller()?.token;
        let name = token.client.as_ref().map_or(&*token.name, |client| client.as_str());
        Writer::new(name).map_err(|_| Refusal::ServerFault.into())
    }

    /// Returns all that whoever asks may see and write.
    pub(crate) fn sight(&self) -> Arc<Sight> {
        Arc::new(Sight::of_entities(Arc::clone(&self.permit), &[]))
    }

    /// Returns who is told what whoever asks is told that follows this.
    pub(crate) fn audience(&self, follow: &Follow) -> Result<Audience, FollowError> {
        let permit = Arc::clone(&self.permit);
        let sight = match self.bound(follow)? {
            Some(view) => Sight::of_view(permit, view),
            None => Sight::of_entities(permit, &follow.entities),
        };
        Ok(self.desk.served.audience(sight))
    }

    /// Returns what the results of operations tell whoever asks that follows these, and is told of each what its
    /// audience is.
    pub(crate) fn results_of<'f>(
        &self,
        followed: impl IntoIterator<Item = (&'f Follow, &'f Audience)>,
    ) -> Result<Arc<Sight>, FollowError> {
        let (mut views, mut entities, mut is_of_all) = (Vec::new(), Vec::new(), None);
        for (follow, audience) in followed {
            match audience.sight().view() {
                Some(view) => views.push(Arc::clone(view)),
                None => {
                    *is_of_all.get_or_insert(false) |= follow.entities.is_empty();
                    entities.extend(follow.entities.iter().cloned());
                }
            }
        }
        let entities = is_of_all.map(|is_of_all| if is_of_all { &[][..] } else { &entities[..] });
        Ok(Arc::new(Sight::of_client(Arc::clone(&self.permit), views, entities)?))
    }

    fn bound(&self, follow: &Follow) -> Result<Option<Arc<BoundView>>, FollowError> {
        let Some(NamedView { name, params }) = follow.view.as_deref() else { return Ok(None) };
        let nothing = Object::new();
        let claims = self.caller.as_ref().map_or(&nothing, |caller| &caller.token.claims);
        self.desk.access.view(name, claims, params).map(Some)
    }
}

impl Asked {
    /// Returns what the address asks to follow: types of record, or a view by its name.
    pub(crate) fn follow(&self, entities_max: usize) -> Result<Follow, Problem> {
        let entities = self.query.entities(entities_max)?;
        let Some(view) = self.query.text("view") else {
            if self.query.text("params").is_some() {
                return Err(Refusal::QueryInvalid.because("params belong to a view"));
            }
            return Ok(Follow::entities(entities));
        };
        if !entities.is_empty() {
            return Err(Refusal::QueryInvalid.because("entities or a view, not both"));
        }
        let params = self.query.text("params").map(|text| read_params(text.as_bytes()));
        let params = params.transpose();
        let params = params.map_err(|error| Refusal::QueryInvalid.because(error.to_string()))?;
        Ok(Follow::view(view, params.unwrap_or_default()))
    }

    /// Returns where a list goes on, as `next`: sealed, since what was looked at last may not be in sight.
    pub(crate) fn next(&self, list: &str, place: &[&str]) -> String {
        base64url::encode(&self.desk.served.seal(list, place))
    }

    /// Reads where a list goes on.
    pub(crate) fn place<const NAMES: usize, T>(
        &self,
        list: &str,
        read: impl FnOnce([String; NAMES]) -> Option<T>,
    ) -> Result<Option<T>, Problem> {
        let Some(text) = self.query.text("cursor") else { return Ok(None) };
        let sealed = base64url::decode(text).ok();
        let place = sealed.and_then(|sealed| self.desk.served.unseal(list, &sealed));
        place.and_then(read).map(Some).ok_or_else(no_place)
    }

    /// Returns a part of the path.
    pub(crate) fn param(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(known, _)| **known == *name);
        found.map_or("", |(_, value)| value)
    }

    /// Returns the entity that the path names.
    pub(crate) fn entity(&self) -> Result<EntityName, Problem> {
        let entity = EntityName::new(self.param("entity"));
        entity.map_err(|error| Refusal::QueryInvalid.because(error.to_string()))
    }

    /// Returns the record that the path names.
    pub(crate) fn record_id(&self) -> Result<RecordId, Problem> {
        let id = RecordId::new(self.param("id"));
        id.map_err(|error| Refusal::QueryInvalid.because(error.to_string()))
    }

    /// Returns a header that stands there at most once.
    pub(crate) fn header(&self, name: &HeaderName) -> Result<Option<&str>, Problem> {
        only(&self.parts.headers, name)
    }

    fn take_body(&mut self) -> Body {
        std::mem::take(self.body.get_mut().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the body, a JSON object.
    pub(crate) async fn object(&mut self) -> Result<Object, Problem> {
        let body = self.take_body();
        let traffic = &self.state.metrics.synchronization.traffic;
        body::read_object(&self.parts.headers, body, traffic).await
    }

    /// Reads the body as text in JSON, whatever it holds.
    pub(crate) async fn json_bytes(&mut self) -> Result<Vec<u8>, Problem> {
        body::require_json(&self.parts.headers)?;
        let body = self.take_body();
        let traffic = &self.state.metrics.synchronization.traffic;
        body::read(&self.parts.headers, body, traffic).await
    }
}

/// Returns a header that stands there at most once.
pub(crate) fn only<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> Result<Option<&'h str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().map(|value| value.to_str());
    match (value, values.next()) {
        (None, _) => Ok(None),
        (Some(Ok(value)), None) => Ok(Some(value)),
        _ => Err(Refusal::HeaderInvalid.because(format!("{name} is there twice, or no text"))),
    }
}

/// Returns the token of `Authorization: Bearer`.
pub(crate) fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = only(headers, &header::AUTHORIZATION)? else { return Ok(None) };
    match value.split_once(' ') {
        Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => Ok(Some(token.trim())),
        _ => Err(Refusal::TokenInvalid.because("send Authorization: Bearer <token>")),
    }
}

/// What the address asks for behind `?`: names that the route knows, each once.
#[derive(Default)]
pub(crate) struct Query(BTreeMap<Box<str>, Box<str>>);

impl Query {
    /// Reads it.
    pub(crate) fn read(text: &str, route: &Route) -> Result<Self, Problem> {
        let mut query = BTreeMap::new();
        for pair in text.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if !route.query.iter().any(|known| known.name == &*name) {
                return Err(Refusal::QueryInvalid.because("a name that is not known here"));
            }
            if value.is_empty() {
                return Err(Refusal::QueryInvalid.because("a name without a value"));
            }
            if query.insert(name, value).is_some() {
                return Err(Refusal::QueryInvalid.because("a name that stands there twice"));
            }
        }
        Ok(Self(query))
    }

    /// Returns the text of a name.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(AsRef::as_ref)
    }

    /// Returns whether a name stands there, which is said with `true` and nothing else.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Problem> {
        match self.text(name) {
            None => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Refusal::QueryInvalid.because(format!("{name} is true, or left out"))),
        }
    }

    /// Returns a number that is within bounds.
    pub(crate) fn number<N: FromStr + PartialOrd + std::fmt::Display>(
        &self,
        name: &str,
        bounds: std::ops::RangeInclusive<N>,
    ) -> Result<Option<N>, Problem> {
        let Some(text) = self.text(name) else { return Ok(None) };
        match text.parse::<N>() {
            Ok(number) if bounds.contains(&number) => Ok(Some(number)),
            _ => {
                let (from, to) = (bounds.start(), bounds.end());
                Err(Refusal::QueryInvalid.because(format!("{name} is a number, {from} to {to}")))
            }
        }
    }

    /// Returns the entities of a list with commas; none for all.
    pub(crate) fn entities(&self, most: usize) -> Result<Vec<EntityName>, Problem> {
        let Some(text) = self.text("entities") else { return Ok(Vec::new()) };
        let names: Result<Vec<_>, _> = text.split(',').map(EntityName::new).collect();
        match names {
            Ok(names) if names.len() <= most => Ok(names),
            Ok(_) => Err(Refusal::QueryInvalid.because(format!("at most {most} entities"))),
            Err(error) => Err(Refusal::QueryInvalid.because(error.to_string())),
        }
    }
}

fn decoded(text: &str) -> Result<Box<str>, Problem> {
    let text = text.replace('+', " ");
    match percent_decode_str(&text).decode_utf8() {
        Ok(text) => Ok(text.into()),
        Err(_) => Err(Refusal::QueryInvalid.because("the address is not UTF-8")),
    }
}
