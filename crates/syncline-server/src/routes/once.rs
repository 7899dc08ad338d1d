//! Requests that may be repeated: with an `Idempotency-Key` each is carried out once, also over a restart.
//!
//! What the key stands for is on disk before anything is done. What is done as an operation the hub knows again by
//! itself. Of anything else the answer is kept, sealed by what only whoever asked has: its token, or its session.

use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, StatusCode, header};
use syncline_hub::served::{KeptRequest, ServeError};
use syncline_model::id::{ClientId, RecordId};
use syncline_model::json::{Json, Object};
use tokio::time::sleep;

use super::answer::{Answer, json_text, replayed};
use super::route::Handler;
use crate::access::{Cookie, now_ms};
use crate::asked::{Asked, bearer};
use crate::hubs::{Desk, HubName};
use crate::limits::{
    FORGET_PAUSE, IDEMPOTENCY_KEPT_MS, IDEMPOTENCY_KEY_BYTES_MAX, IDEMPOTENT_ANSWER_BYTES_MAX,
};
use crate::problem::{Problem, Refusal};
use crate::state::State;
use crate::writers::{UnderWay, client_of_key};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// The version of what is stored of a key. Bump it with every change, keep the old reader.
const FORMAT: u8 = 2;
/// The version before, which says no time: what is stored so is not forgotten.
const FORMAT_WITHOUT_TIME: u8 = 1;
/// Length of the digest of a body, in bytes.
const DIGEST_BYTES: usize = 32;
/// For what the keys of answers are made.
const CONTEXT: &str = "syncline 2026-11-23 answers of requests with an idempotency key";

/// A request that may be repeated, while it is the only one of its key.
pub(super) struct Key {
    /// The client whose only operation it is.
    client: ClientId,
    /// What it is known by. An id of what it makes begins like it.
    id: RecordId,
    body: [u8; DIGEST_BYTES],
    /// What was known of it before.
    before: Option<Stage>,
    _under_way: UnderWay,
}

/// How far a request has come.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Stage {
    /// It has begun.
    Begun,
    /// It was refused.
    Refused,
    /// It was carried out; with its answer, if that is not made anew.
    Done(Vec<u8>),
}

impl Key {
    /// Reads it, if there is one. The same key with another request is refused, as is one that is under way.
    pub(super) async fn of(asked: &Asked, body: &str) -> Result<Option<Self>, Problem> {
        let Some(key) = text_of(asked)? else { return Ok(None) };
        let token = &*asked.caller()?.token.id;
        let (method, path) = (asked.parts.method.as_str(), asked.parts.uri.path());
        let of_key = digest(&["key", token, method, path, key]).to_hex();
        let body = digest(&["body", body]);
        let of_body = body.to_hex();
        let of_key = of_key.as_str();
        let keys = &asked.desk.keys;
        let reused = |known: &str| known != of_body.as_str();
        if keys.body(of_key).is_some_and(|known| reused(&known)) {
            return Err(Refusal::IdempotencyKeyReused.into());
        }
        let under_way = UnderWay::begin(&asked.desk, of_key);
        let under_way = under_way.ok_or(Refusal::IdempotencyKeyInUse)?;
        let client = client_of_key(of_key).ok_or(Refusal::ServerFault)?;
        let id = RecordId::new(of_key).map_err(|_| Refusal::ServerFault)?;
        let mut made =
            Self { client, id, body: *body.as_bytes(), before: None, _under_way: under_way };
        if made.is_known_or_kept(asked).await? {
            return Err(Refusal::IdempotencyKeyReused.into());
        }
        keys.note(of_key, of_body.as_str());
        Ok(Some(made))
    }

    /// As [`of`](Self::of), for a body that is an object: its text is made only where there is a key.
    pub(super) async fn of_object(asked: &Asked, body: &Object) -> Result<Option<Self>, Problem> {
        if text_of(asked)?.is_none() {
            return Ok(None);
        }
        Self::of(asked, &Json::Object(body.clone()).to_canonical_string()).await
    }

    /// Reads what is kept of it, and keeps it if nothing is; answers whether it stands for another body.
    async fn is_known_or_kept(&mut self, asked: &Asked) -> Result<bool, Problem> {
        let (served, id, client) =
            (asked.desk.served.clone(), self.id.clone(), self.client.clone());
        let row = written(&self.body, &Stage::Begun, now_ms());
        let read = move || {
            let (known, was_applied) = (served.kept_request(&id)?, served.was_applied(&client)?);
            if known.is_none() && was_applied.is_none() {
                served.keep_request(&id, row)?;
            }
            Ok::<_, ServeError>((known, was_applied))
        };
        let (known, was_applied) = asked.blocking(read).await??;
        let Some(known) = known else {
            // It was decided on, so long ago that nobody knows what it stood for.
            return if was_applied.is_some() {
                Err(Refusal::IdempotencyKeySpent.into())
            } else {
                Ok(false)
            };
        };
        let Row { body, stage, .. } = read_row(&known).ok_or(Refusal::ServerFault)?;
        if body != self.body {
            return Ok(true);
        }
        // What was refused was not carried out, whatever somebody else has done since.
        if was_applied == Some(true) || stage == Stage::Done(Vec::new()) {
            asked.desk.keys.done(self.client.as_str());
        }
        self.before = Some(stage);
        Ok(false)
    }

    /// Returns the client whose operations carry it out.
    pub(super) const fn client(&self) -> &ClientId {
        &self.client
    }

    /// Returns the id of what it makes.
    pub(super) fn record(&self) -> &str {
        self.id.as_str().get(..26).unwrap_or_default()
    }

    /// Returns whether it was carried out, as far as is known.
    pub(super) fn was_used(&self, asked: &Asked) -> bool {
        asked.desk.keys.was_done(self.client.as_str())
    }

    /// Returns whether it was carried out with nothing to change, so that no operation says so.
    pub(super) fn did_nothing(&self) -> bool {
        self.before == Some(Stage::Done(Vec::new()))
    }

    /// Notes that it was carried out, as an operation that the hub knows again.
    pub(super) fn done(&self, asked: &Asked) {
        asked.desk.keys.done(self.client.as_str());
    }

    /// Returns what is remembered once it was carried out, to be on disk with what it makes: what a crash cuts off has
    /// made nothing.
    pub(super) fn kept(&self) -> KeptRequest {
        let row = written(&self.body, &Stage::Done(Vec::new()), now_ms());
        KeptRequest { key: self.id.clone(), row }
    }

    /// Notes for good that it was carried out, where nothing that is on disk says so.
    pub(super) async fn done_for_good(&self, asked: &Asked) -> Result<(), Problem> {
        self.done(asked);
        self.keep(asked, &Stage::Done(Vec::new())).await
    }

    async fn keep(&self, asked: &Asked, stage: &Stage) -> Result<(), Problem> {
        let (served, id, row) =
            (asked.desk.served.clone(), self.id.clone(), written(&self.body, stage, now_ms()));
        Ok(asked.blocking(move || served.keep_request(&id, row)).await??)
    }
}

/// Carries a request out, once under its key. Sent again it is answered as it was: its answer is kept.
///
/// Whoever asked may go, as with every route that works: it is carried out nevertheless. What was refused is tried again.
/// Where the server ended while it was under way, nobody knows what became of it, and that is what is answered.
pub(super) async fn once(mut asked: Asked, carry_out: Handler) -> Answer {
    let Some(secret) = text_of(&asked)?.map(|key| secret_of(&asked, key)).transpose()? else {
        return carry_out(asked).await;
    };
    let body = Json::Object(asked.object().await?).to_canonical_string();
    asked.parts.headers.remove(header::CONTENT_ENCODING);
    asked.body = Body::from(body.clone()).into();
    let key = Key::of(&asked, &body).await?.ok_or(Refusal::ServerFault)?;
    match &key.before {
        None => {}
        Some(Stage::Refused) => key.keep(&asked, &Stage::Begun).await?,
        Some(Stage::Begun) => return Err(Refusal::IdempotencyKeySpent.into()),
        Some(Stage::Done(sealed)) => {
            let (status, text) = opened(&secret, sealed).ok_or(Refusal::IdempotencyKeySpent)?;
            return Ok(replayed(json_text(status, text)?));
        }
    }
    let desk = Arc::clone(&asked.desk);
    let keep = async |stage: Stage| {
        let (served, id) = (desk.served.clone(), key.id.clone());
        let row = written(&key.body, &stage, now_ms());
        desk.blocking(move || served.keep_request(&id, row)).await?.map_err(Problem::from)
    };
    let (head, body) = match carry_out(asked).await {
        Ok(response) => response.into_parts(),
        Err(problem) => {
            keep(Stage::Refused).await?;
            return Err(problem);
        }
    };
    // It is made, and in memory.
    let body = to_bytes(body, usize::MAX).await.map_err(|_| Refusal::ServerFault)?;
    let kept = match body.len() <= IDEMPOTENT_ANSWER_BYTES_MAX {
        true => sealed(&secret, head.status, &body).ok_or(Refusal::ServerFault)?,
        // Sent again it is not carried out again, and that is all that can be said.
        false => Vec::new(),
    };
    keep(Stage::Done(kept)).await?;
    Ok(axum::http::Response::from_parts(head, Body::from(body)))
}

/// Returns the key that was sent, if it is one.
fn text_of(asked: &Asked) -> Result<Option<&str>, Problem> {
    let Some(text) = asked.header(&IDEMPOTENCY_KEY)? else { return Ok(None) };
    // It may stand in quotes, as texts in headers do (RFC 9651).
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let key = quoted.unwrap_or(text);
    let is_plain = key.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    if !is_plain || key.is_empty() || key.len() > IDEMPOTENCY_KEY_BYTES_MAX {
        let text = "Idempotency-Key is a text of 1 to 255 letters, digits and signs";
        return Err(Refusal::HeaderInvalid.because(text));
    }
    Ok(Some(key))
}

fn digest(parts: &[&str]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        hasher.update(&(part.len() as u64).to_be_bytes()).update(part.as_bytes());
    }
    hasher.finalize()
}

/// Returns what answers are sealed with. The store does not hold it: of tokens it has hashes, of sessions nothing.
fn secret_of(asked: &Asked, key: &str) -> Result<[u8; 32], Problem> {
    let headers = &asked.parts.headers;
    let hub = asked.desk.name.as_ref().map(HubName::as_str);
    let shown = match bearer(headers)? {
        Some(token) => token,
        None => Cookie::sent(headers, hub).ok_or(Refusal::TokenMissing)?,
    };
    Ok(blake3::derive_key(CONTEXT, digest(&[shown, key]).as_bytes()))
}

fn cipher(secret: &[u8; 32]) -> Option<LessSafeKey> {
    UnboundKey::new(&AES_256_GCM, secret).ok().map(LessSafeKey::new)
}

fn sealed(secret: &[u8; 32], status: StatusCode, body: &[u8]) -> Option<Vec<u8>> {
    let mut nonce = [0; NONCE_LEN];
    getrandom::fill(&mut nonce).ok()?;
    let mut text = [&status.as_u16().to_be_bytes(), body].concat();
    let of = Nonce::assume_unique_for_key(nonce);
    cipher(secret)?.seal_in_place_append_tag(of, Aad::empty(), &mut text).ok()?;
    Some([&nonce[..], &text].concat())
}

fn opened(secret: &[u8; 32], sealed: &[u8]) -> Option<(StatusCode, String)> {
    let (nonce, text) = sealed.split_first_chunk::<NONCE_LEN>()?;
    let (nonce, mut text) = (Nonce::assume_unique_for_key(*nonce), text.to_vec());
    let text = cipher(secret)?.open_in_place(nonce, Aad::empty(), &mut text).ok()?;
    let (status, body) = text.split_first_chunk::<2>()?;
    let status = StatusCode::from_u16(u16::from_be_bytes(*status)).ok()?;
    Some((status, String::from_utf8(body.to_vec()).ok()?))
}

/// Has a hub forget what was asked with a key longer ago than it is kept, piece by piece.
pub(crate) async fn forget_keys(state: &Arc<State>, desk: &Arc<Desk>) {
    let mut after = None;
    loop {
        let (of, from) = (Arc::clone(desk), after.take());
        let forget = move || {
            let (keys, now_ms) = (Arc::clone(&of), now_ms());
            let is_over = move |key: &RecordId, row: &[u8]| {
                is_over(row, now_ms) && !keys.keys.is_under_way(key.as_str())
            };
            let forgotten = of.served.forget_requests(from.as_ref(), is_over)?;
            forgotten.keys.iter().for_each(|key| of.keys.forget(key.as_str()));
            Ok::<_, ServeError>(forgotten.next)
        };
        // Where it fails it is tried again with the next turn.
        after = desk.blocking(forget).await.ok().and_then(Result::ok).flatten();
        if after.is_none() || state.is_stopping() {
            return;
        }
        sleep(FORGET_PAUSE).await;
    }
}

/// What is stored of a key.
#[derive(Debug, PartialEq)]
struct Row {
    body: [u8; DIGEST_BYTES],
    stage: Stage,
    /// When that was stored, in milliseconds since the Unix epoch; `None` before that was said.
    at_ms: Option<u64>,
}

/// Returns whether what is stored of a key is kept no longer. What cannot be read stays, for whoever looks into it.
fn is_over(stored: &[u8], now_ms: u64) -> bool {
    let at_ms = read_row(stored).and_then(|row| row.at_ms);
    at_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) > IDEMPOTENCY_KEPT_MS)
}

/// Returns what is stored of a key.
fn written(body: &[u8; DIGEST_BYTES], stage: &Stage, at_ms: u64) -> Vec<u8> {
    let (number, answer) = match stage {
        Stage::Begun => (0, &[][..]),
        Stage::Refused => (1, &[][..]),
        Stage::Done(answer) => (2, &**answer),
    };
    [&[FORMAT, number][..], &at_ms.to_be_bytes(), body, answer].concat()
}

fn read_row(stored: &[u8]) -> Option<Row> {
    let ([format, number], rest) = stored.split_first_chunk::<2>()?;
    let (at_ms, rest) = match *format {
        FORMAT_WITHOUT_TIME => (None, rest),
        FORMAT => {
            let (at_ms, rest) = rest.split_first_chunk()?;
            (Some(u64::from_be_bytes(*at_ms)), rest)
        }
        _ => return None,
    };
    let (body, answer) = rest.split_first_chunk::<DIGEST_BYTES>()?;
    let stage = match (number, answer) {
        (0, []) => Stage::Begun,
        (1, []) => Stage::Refused,
        (2, answer) => Stage::Done(answer.to_vec()),
        _ => return None,
    };
    Some(Row { body: *body, stage, at_ms })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_of_a_key_is_read_again_and_anything_else_is_not() {
        let body = [7; DIGEST_BYTES];
        for stage in
            [Stage::Begun, Stage::Refused, Stage::Done(Vec::new()), Stage::Done(vec![1, 2])]
        {
            let mut stored = written(&body, &stage, 7);
            let row = |at_ms| Some(Row { body, stage: stage.clone(), at_ms });
            assert_eq!(read_row(&stored), row(Some(7)));
            // As it was written before it said a time.
            stored[0] = FORMAT_WITHOUT_TIME;
            stored.drain(2..10);
            assert_eq!(read_row(&stored), row(None));
        }
        let stored = written(&body, &Stage::Begun, 7);
        for cut in 0..stored.len() {
            assert_eq!(read_row(&stored[..cut]), None, "{cut}");
        }
        assert_eq!(read_row(&[&stored[..], b"more"].concat()), None);
    }

    #[test]
    fn a_key_is_kept_for_its_time_and_one_of_unknown_age_for_good() {
        let mut stored = written(&[7; DIGEST_BYTES], &Stage::Refused, 1_000);
        assert!(!is_over(&stored, 0));
        assert!(!is_over(&stored, 1_000 + IDEMPOTENCY_KEPT_MS));
        assert!(is_over(&stored, 1_001 + IDEMPOTENCY_KEPT_MS));
        stored[0] = FORMAT_WITHOUT_TIME;
        stored.drain(2..10);
        assert!(!is_over(&stored, u64::MAX));
        assert!(!is_over(b"", u64::MAX));
    }

    #[test]
    fn an_answer_is_opened_by_who_has_sealed_it_and_by_nobody_else() {
        let answer = (StatusCode::CREATED, "{\"token\":\"a secret\"}".to_owned());
        let made = sealed(&[1; 32], answer.0, answer.1.as_bytes()).unwrap();
        assert!(!made.windows(8).any(|part| part == b"a secret"));
        assert_eq!(opened(&[1; 32], &made), Some(answer));
        assert_eq!(opened(&[2; 32], &made), None);
        let mut altered = made.clone();
        altered[NONCE_LEN] ^= 1;
        assert_eq!(opened(&[1; 32], &altered), None);
        assert_eq!(opened(&[1; 32], &made[..5]), None);
    }
}
