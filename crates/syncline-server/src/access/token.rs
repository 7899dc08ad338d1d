//! Access tokens: making, finding and revoking them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use syncline_hub::served::Served;
use syncline_model::base64url;
use syncline_model::id::ClientId;
use syncline_model::json::Object;
use thiserror::Error;
use tokio::sync::watch;

use super::file::{self, FileError};
use super::role::Role;
use super::session::SignedIn;
use crate::limits::TOKENS_MAX;
use crate::problem::Refusal;
use crate::writers::is_of_server;

/// What every access token begins with: scanners of secrets find it by that.
const PREFIX: &str = "sk_";
/// Where the first admin token is written for its owner.
pub(super) const ADMIN_FILE: &str = "admin.token";

/// What the hub knows of an access token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TokenRow {
    /// What the token is spoken of by; part of it, and no secret.
    pub(crate) id: Box<str>,
    /// What a person calls it.
    pub(crate) name: Box<str>,
    pub(crate) role: Role,
    /// The only client that it may speak for; `None` for any.
    pub(crate) client: Option<ClientId>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub(crate) created_ms: u64,
    /// From when on it is worth nothing.
    pub(crate) expires_ms: Option<u64>,
    /// What rules of access may ask of its bearer.
    pub(crate) claims: Object,
    /// The hash of all of its text; none of a token that another issuer made, which only its time ends.
    pub(crate) hash: Option<blake3::Hash>,
}

impl TokenRow {
    /// Returns whether it is worth something at a time.
    pub(crate) fn is_good(&self, now_ms: u64) -> bool {
        self.expires_ms.is_none_or(|expires_ms| now_ms < expires_ms)
    }
}

/// Who asks.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) token: Arc<TokenRow>,
    /// The session by which the caller has shown its token, if it is one.
    pub(crate) signed_in: Option<SignedIn>,
}

impl Caller {
    /// Returns whoever has shown the token itself.
    pub(crate) const fn by_token(token: Arc<TokenRow>) -> Self {
        Self { token, signed_in: None }
    }

    /// Refuses whose token or session has ended since the request was let in.
    pub(crate) fn is_still_permitted(&self, tokens: &Tokens) -> Result<(), Refusal> {
        match &self.signed_in {
            _ if !tokens.is_still_good(&self.token) => Err(Refusal::TokenInvalid),
            Some(signed_in) if signed_in.session.is_ended() => Err(Refusal::SessionEnded),
            _ => Ok(()),
        }
    }

    /// Returns whether the caller may speak for a client: the one that its token names, or one of the
    /// names that this client gives itself, `<client>~<word>`. The server's own names are nobody's.
    pub(crate) fn may_be(&self, client: &ClientId) -> bool {
        if is_of_server(client) {
            return false;
        }
        let is_own = |own: &ClientId| {
            let rest = client.as_str().strip_prefix(own.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('~'))
        };
        self.token.client.as_ref().is_none_or(is_own)
    }
}

/// What a new token is to be.
#[derive(Clone, Debug)]
pub(crate) struct NewToken {
    pub(crate) name: Box<str>,
    pub(crate) role: Role,
    pub(crate) client: Option<ClientId>,
    pub(crate) expires_ms: Option<u64>,
    pub(crate) claims: Object,
}

/// Tokens by id.
type Rows = BTreeMap<Box<str>, Arc<TokenRow>>;

/// The access tokens of one hub. Every change of them is on disk before it counts.
pub(crate) struct Tokens {
    folder: PathBuf,
    /// Whose backups they are to be in.
    keeper: Option<Served>,
    /// Held by who changes them.
    writing: Mutex<()>,
    rows: RwLock<Rows>,
    /// Counts revocations; open connections look again once it moves.
    revoked: watch::Sender<u64>,
}

/// Why access tokens could not be read or changed.
#[derive(Debug, Error)]
pub(crate) enum TokensError {
    /// The file of the tokens.
    #[error(transparent)]
    File(#[from] FileError),
    /// There are as many as there may be.
    #[error("there are {TOKENS_MAX} access tokens; revoke some")]
    Full,
    /// The machine gives no random numbers.
    #[error("the machine gives no random numbers")]
    Random,
}

impl Tokens {
    /// Reads the tokens of a hub whose folder is given. Where there is none yet, one of an admin is
    /// made and written beside them for the owner of the folder; its text is answered then.
    ///
    /// The hub keeps them, too, and so do its backups: a hub that was restored still knows its clients. Its
    /// admin is a new one, whose token is beside its store.
    pub(crate) fn open(
        folder: &Path,
        keeper: Option<Served>,
    ) -> Result<(Self, Option<String>), TokensError> {
        let written = file::read(folder)?;
        let kept = keeper.as_ref().and_then(|served| served.kept_tokens().ok().flatten());
        let is_restored = written.is_none() && kept.is_some();
        let known = written.as_ref().or(kept.as_ref());
        let mut rows = known.map_or_else(|| Ok(Vec::new()), |bytes| file::understood(bytes))?;
        rows.retain(|row| !is_restored || row.role != Role::Admin);
        let rows = rows.into_iter().map(|row| (row.id.clone(), Arc::new(row))).collect();
        let tokens = Self {
            folder: folder.to_owned(),
            keeper,
            writing: Mutex::default(),
            rows: RwLock::new(rows),
            revoked: watch::Sender::new(0),
        };
        if !tokens.list().is_empty() && !is_restored {
            if kept != written {
                tokens.keep(written.unwrap_or_default());
            }
            return Ok((tokens, None));
        }
        let first = NewToken {
            name: "admin".into(),
            role: Role::Admin,
            client: None,
            expires_ms: None,
            claims: Object::new(),
        };
        // Its text first: a row whose text nobody has would lock everybody out.
        let (row, text) = Self::make(first)?;
        file::write_secret(&folder.join(ADMIN_FILE), &text)?;
        tokens.insert(row)?;
        Ok((tokens, Some(text)))
    }

    /// Hands them to the hub. What it does not take it is handed with the next start.
    fn keep(&self, written: Vec<u8>) {
        if let Some(served) = &self.keeper {
            let _ = served.keep_tokens(written);
        }
    }

    fn make(new: NewToken) -> Result<(TokenRow, String), TokensError> {
        let id: [u8; 32] = secret().ok_or(TokensError::Random)?;
        let secret = secret().ok_or(TokensError::Random)?;
        let id: String = id.iter().take(6).map(|byte| format!("{byte:02x}")).collect();
        let text = format!("{PREFIX}{id}_{}", base64url::encode(&secret));
        let NewToken { name, role, client, expires_ms, claims } = new;
        let row = TokenRow {
            id: id.into(),
            name,
            role,
            client,
            created_ms: now_ms(),
            expires_ms,
            claims,
            hash: Some(blake3::hash(text.as_bytes())),
        };
        Ok((row, text))
    }

    /// Makes a token; its text is answered once and never again.
    pub(crate) fn add(&self, new: NewToken) -> Result<(Arc<TokenRow>, String), TokensError> {
        let (row, text) = Self::make(new)?;
        Ok((self.insert(row)?, text))
    }

    fn insert(&self, row: TokenRow) -> Result<Arc<TokenRow>, TokensError> {
        let row = Arc::new(row);
        let _writing = self.writing();
        let mut changed = self.rows().clone();
        if changed.len() >= TOKENS_MAX {
            return Err(TokensError::Full);
        }
        changed.insert(row.id.clone(), Arc::clone(&row));
        let written = self.write(changed)?;
        self.keep(written);
        Ok(row)
    }

    /// Revokes a token; answers which one, if there was one. Connections that were opened with it are told.
    pub(crate) fn revoke(&self, id: &str) -> Result<Option<Arc<TokenRow>>, TokensError> {
        let _writing = self.writing();
        let mut changed = self.rows().clone();
        let Some(revoked) = changed.remove(id) else { return Ok(None) };
        let written = self.write(changed)?;
        self.look_again();
        self.keep(written);
        Ok(Some(revoked))
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rows(&self) -> RwLockReadGuard<'_, Rows> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes other tokens in the place of those there are, and answers what is written. Whoever asks for one meanwhile
    /// waits for no disk: a store may hang for long.
    fn write(&self, changed: Rows) -> Result<Vec<u8>, TokensError> {
        let written = file::write(&self.folder, changed.values().map(AsRef::as_ref))?;
        *self.rows.write().unwrap_or_else(PoisonError::into_inner) = changed;
        Ok(written)
    }

    /// Returns all tokens, those that have expired included, by id.
    pub(crate) fn list(&self) -> Vec<Arc<TokenRow>> {
        self.rows().values().map(Arc::clone).collect()
    }

    /// Returns who a token is of, if it is one of this hub and good now.
    pub(crate) fn find(&self, text: &str) -> Option<Caller> {
        let (id, _) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let token = Arc::clone(self.rows().get(id)?);
        // Two hashes are compared in constant time.
        let is_it = token.hash == Some(blake3::hash(text.as_bytes()));
        (is_it && token.is_good(now_ms())).then(|| Caller::by_token(token))
    }

    /// Returns whether a token that was good is still.
    pub(crate) fn is_still_good(&self, token: &TokenRow) -> bool {
        if token.hash.is_none() {
            return token.is_good(now_ms());
        }
        let now_ms = now_ms();
        let rows = self.rows();
        let is_kept =
            rows.get(&token.id).is_some_and(|row| row.hash == token.hash && row.is_good(now_ms));
        // That of a session ends before the token itself.
        is_kept && token.is_good(now_ms)
    }

    /// Has open connections look again whether they may go on.
    pub(crate) fn look_again(&self) {
        self.revoked.send_modify(|count| *count += 1);
    }

    /// Returns what moves whenever a token is revoked or a session ended.
    pub(crate) fn revocations(&self) -> watch::Receiver<u64> {
        self.revoked.subscribe()
    }
}

/// Returns 256 random bits.
pub(super) fn secret() -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Returns 128 random bits as a name: 26 letters and digits.
pub(crate) fn random_id() -> Option<String> {
    let bytes = secret()?;
    let digit = |byte: &u8| char::from_digit(u32::from(byte % 32), 32);
    bytes.iter().take(26).map(digit).collect()
}

/// Returns the time by the wall clock, in milliseconds since the Unix epoch.
pub(crate) fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(name: &str, expires_ms: Option<u64>) -> NewToken {
        let claims = Object::new();
        NewToken { name: name.into(), role: Role::Client, client: None, expires_ms, claims }
    }

    #[test]
    fn the_first_start_makes_an_admin_and_the_second_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, text) = Tokens::open(folder.path(), None).unwrap();
        let text = text.unwrap();
        let caller = tokens.find(&text).unwrap();
        assert_eq!((caller.token.role, &*caller.token.name), (Role::Admin, "admin"));
        let written = std::fs::read_to_string(folder.path().join(ADMIN_FILE)).unwrap();
        assert_eq!(written.trim(), text);
        let (again, none) = Tokens::open(folder.path(), None).unwrap();
        assert!(none.is_none() && again.find(&text).is_some());
    }

    #[test]
    fn only_the_very_text_is_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, admin) = Tokens::open(folder.path(), None).unwrap();
        let admin = admin.unwrap();
        let (_, text) = tokens.add(client("phone", None)).unwrap();
        let (_, expired) = tokens.add(client("old", Some(1))).unwrap();
        assert!(tokens.find(&text).is_some());
        let other = tempfile::tempdir().unwrap();
        let (_, foreign) = Tokens::open(other.path(), None).unwrap();
        let admin_id = admin.split('_').nth(1).unwrap();
        let secret = text.split('_').nth(2).unwrap();
        let forged = [
            String::new(),
            PREFIX.to_owned(),
            "sk__".to_owned(),
            text.to_uppercase(),
            format!("{text} "),
            format!("{text}="),
            text[..text.len() - 1].to_owned(),
            text.replace(PREFIX, "pk_"),
            format!("sk_{admin_id}_{secret}"),
            expired,
            foreign.unwrap(),
            "eyJhbGciOiJub25lIn0.eyJyb2xlIjoiYWRtaW4ifQ.".to_owned(),
        ];
        for text in forged {
            assert!(tokens.find(&text).is_none(), "{text:?}");
        }
    }

    #[test]
    fn claims_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, _) = Tokens::open(folder.path(), None).unwrap();
        let mut claims = Object::new();
        claims.insert("project", "p1");
        let (_, text) =
            tokens.add(NewToken { claims: claims.clone(), ..client("phone", None) }).unwrap();
        let (again, _) = Tokens::open(folder.path(), None).unwrap();
        assert_eq!(again.find(&text).unwrap().token.claims, claims);
    }

    #[test]
    fn what_was_revoked_is_gone_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, _) = Tokens::open(folder.path(), None).unwrap();
        let (row, text) = tokens.add(client("phone", None)).unwrap();
        let mut revocations = tokens.revocations();
        assert!(tokens.is_still_good(&row));
        assert!(
            tokens.revoke(&row.id).unwrap().is_some() && tokens.revoke(&row.id).unwrap().is_none()
        );
        assert!(!tokens.is_still_good(&row) && tokens.find(&text).is_none());
        assert!(revocations.has_changed().unwrap());
        assert_eq!(*revocations.borrow_and_update(), 1);
        let (again, _) = Tokens::open(folder.path(), None).unwrap();
        assert!(again.find(&text).is_none());
        assert_eq!(again.list().len(), 1);
    }
}
