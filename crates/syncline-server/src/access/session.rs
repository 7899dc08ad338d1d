//! Sessions: what a page of the dashboard is signed in by. The browser keeps the secret in a cookie that no script
//! can read; the hub keeps only its hash. A session may do what its token may, as long as that is good.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use syncline_model::base64url;

use super::token::{TokenRow, secret};
use crate::limits::{SESSION_TIME, SESSIONS_MAX, SESSIONS_OF_TOKEN_MAX};

/// For what the text is made that changes have to carry, so that no other use of the secret makes the same.
const CSRF_CONTEXT: &str = "syncline 2026-11 session csrf";

/// The sessions of a hub. They do not outlive the process.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<[u8; 32], Arc<Session>>>);

/// One of them.
#[derive(Debug)]
pub(crate) struct Session {
    /// The token that it was made with, which ends with the session at the latest.
    pub(crate) token: Arc<TokenRow>,
    /// When it ends, in milliseconds since the Unix epoch.
    pub(crate) ends_ms: u64,
    is_ended: AtomicBool,
    key: [u8; 32],
}

impl Session {
    /// Returns whether somebody has ended it.
    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Relaxed)
    }
}

/// A session, and what whoever is in it shows besides its cookie to change anything.
#[derive(Clone, Debug)]
pub(crate) struct SignedIn {
    pub(crate) session: Arc<Session>,
    /// The text that changes have to carry: a page of another site sends the cookie and does not know this.
    pub(crate) csrf: String,
}

impl SignedIn {
    /// Returns whether a text is the one that changes have to carry.
    pub(crate) fn is_csrf(&self, text: &str) -> bool {
        // Two hashes are compared in constant time.
        blake3::hash(text.as_bytes()) == blake3::hash(self.csrf.as_bytes())
    }
}

impl Sessions {
    /// Makes a session and answers the secret for its cookie; nothing if there are too many, or no random
    /// numbers. Of one token's the one that would end first makes room.
    pub(crate) fn make(&self, token: &TokenRow, now_ms: u64) -> Option<(String, SignedIn)> {
        let secret = secret()?;
        let longest_ms = now_ms.saturating_add(SESSION_TIME.as_millis() as u64);
        let ends_ms = token.expires_ms.map_or(longest_ms, |expires_ms| expires_ms.min(longest_ms));
        let token = Arc::new(TokenRow { expires_ms: Some(ends_ms), ..token.clone() });
        let mut sessions = self.sessions();
        sessions.retain(|_, session| now_ms < session.ends_ms);
        let of_token = sessions.values().filter(|session| session.token.id == token.id);
        if of_token.clone().count() >= SESSIONS_OF_TOKEN_MAX {
            let first = of_token.min_by_key(|session| session.ends_ms).map(|session| session.key);
            if let Some(session) = first.and_then(|key| sessions.remove(&key)) {
                session.is_ended.store(true, Ordering::Relaxed);
            }
        }
        if sessions.len() >= SESSIONS_MAX {
            return None;
        }
        // The hash: how long a look-up takes tells nothing of the secret.
        let key = *blake3::hash(&secret).as_bytes();
        let session = Arc::new(Session { token, ends_ms, is_ended: AtomicBool::new(false), key });
        sessions.insert(key, Arc::clone(&session));
        Some((base64url::encode(&secret), SignedIn { session, csrf: csrf(&secret) }))
    }

    /// Returns the session of a cookie, if it has not ended.
    pub(crate) fn find(&self, cookie: &str, now_ms: u64) -> Option<SignedIn> {
        let secret: [u8; 32] = base64url::decode(cookie).ok()?.try_into().ok()?;
        let session = Arc::clone(self.sessions().get(blake3::hash(&secret).as_bytes())?);
        (now_ms < session.ends_ms).then(|| SignedIn { session, csrf: csrf(&secret) })
    }

    /// Ends a session.
    pub(crate) fn end(&self, session: &Session) {
        session.is_ended.store(true, Ordering::Relaxed);
        self.sessions().remove(&session.key);
    }

    fn sessions(&self) -> MutexGuard<'_, BTreeMap<[u8; 32], Arc<Session>>> {
        // Every change is whole before anything can panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn csrf(secret: &[u8; 32]) -> String {
    base64url::encode(&blake3::derive_key(CSRF_CONTEXT, secret))
}

#[cfg(test)]
mod tests {
    use syncline_model::json::Object;

    use super::super::Role;
    use super::*;

    fn token(id: &str, expires_ms: Option<u64>) -> TokenRow {
        TokenRow {
            id: id.into(),
            name: id.into(),
            role: Role::Admin,
            client: None,
            created_ms: 0,
            expires_ms,
            claims: Object::new(),
            hash: None,
        }
    }

    #[test]
    fn a_session_ends_with_its_time_with_its_token_and_when_it_is_ended() {
        let (sessions, day_ms) = (Sessions::default(), SESSION_TIME.as_millis() as u64);
        let (cookie, made) = sessions.make(&token("a", None), 10).unwrap();
        assert_eq!(made.session.ends_ms, 10 + day_ms);
        let found = sessions.find(&cookie, 9 + day_ms).unwrap();
        assert!(found.is_csrf(&made.csrf) && !found.is_csrf(&cookie) && !found.is_csrf(""));
        assert!(sessions.find(&cookie, 10 + day_ms).is_none());
        let (short, made) = sessions.make(&token("b", Some(50)), 10).unwrap();
        assert_eq!((made.session.ends_ms, made.session.token.is_good(50)), (50, false));
        assert!(sessions.find(&short, 49).is_some() && sessions.find(&short, 50).is_none());
        sessions.end(&made.session);
        assert!(made.session.is_ended() && sessions.find(&short, 20).is_none());
        for forged in ["", "a", &cookie[1..], &made.csrf, &format!("{cookie}=")] {
            assert!(sessions.find(forged, 20).is_none(), "{forged}");
        }
    }

    #[test]
    fn one_token_takes_no_room_from_others_and_all_together_are_bounded() {
        let sessions = Sessions::default();
        let (other, _) = sessions.make(&token("other", None), 0).unwrap();
        let (first, made) = sessions.make(&token("a", None), 1).unwrap();
        for at in 0..SESSIONS_OF_TOKEN_MAX as u64 {
            assert!(sessions.make(&token("a", None), 2 + at).is_some());
        }
        assert!(sessions.find(&first, 100).is_none() && made.session.is_ended(), "it made room");
        assert!(sessions.find(&other, 100).is_some());
        let mut made = 0;
        while sessions.make(&token(&made.to_string(), None), 100).is_some() {
            made += 1;
        }
        assert_eq!(made, SESSIONS_MAX - SESSIONS_OF_TOKEN_MAX - 1);
        let later_ms = 200 + SESSION_TIME.as_millis() as u64;
        assert!(sessions.make(&token("late", None), later_ms).is_some(), "what ended is swept");
    }
}
