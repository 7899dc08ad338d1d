//! Access tokens: making, finding and revoking them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard, TryLockError,
};
use std::time::{SystemTime, UNIX_EPOCH};

use syncline_hub::Actor;
use syncline_hub::served::{ServeError, Served};
use syncline_model::base64url;
use syncline_model::id::ClientId;
use syncline_model::json::Object;
use syncline_protocol::time::format_time;
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

    /// Returns what the audit says of it: its id and what it may do, never its text.
    pub(crate) fn details(&self) -> Object {
        let mut details = Object::new();
        details.insert("token", &*self.id);
        details.insert("name", &*self.name);
        details.insert("role", self.role.as_str());
        if let Some(client) = &self.client {
            details.insert("client", client.as_str());
        }
        if let Some(expires_ms) = self.expires_ms {
            details.insert("expires", format_time(expires_ms));
        }
        details
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

/// What is known of the tokens of a hub.
#[derive(Clone, Default)]
struct Known {
    /// Those that there are.
    rows: Rows,
    /// Those that were revoked, and are still on disk.
    ended: Rows,
}

/// The access tokens of one hub. A new one is on disk before it counts; one that is revoked is worth nothing from then
/// on, whatever the disk does.
pub(crate) struct Tokens {
    folder: PathBuf,
    /// Whose backups they are to be in.
    keeper: Option<Served>,
    known: RwLock<Known>,
    /// Held by who writes them into their file.
    writing: Mutex<()>,
    /// Held by who hands them to the hub.
    keeping: Mutex<()>,
    /// Whether the hub has still to be handed what is in the file.
    is_unkept: AtomicBool,
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
    /// The audit cannot tell of one that would be made.
    #[error(transparent)]
    Audit(#[from] ServeError),
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
    ///
    /// - `maker`: who makes an admin where there is none, for the audit.
    pub(crate) fn open(
        folder: &Path,
        keeper: Option<Served>,
        maker: &Actor,
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
            known: RwLock::new(Known { rows, ended: Rows::new() }),
            writing: Mutex::default(),
            keeping: Mutex::default(),
            is_unkept: AtomicBool::new(kept != written),
            revoked: watch::Sender::new(0),
        };
        if !tokens.list().is_empty() && !is_restored {
            tokens.keep();
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
        if let Some(served) = &tokens.keeper {
            // What a crash cuts off here the audit knows of, and never less than was made: the next start makes another.
            served.note_access("TOKEN_CREATED", maker, row.details())?;
        }
        tokens.insert(row)?;
        tokens.keep();
        Ok((tokens, Some(text)))
    }

    /// Hands the hub what is in the file, if that has changed; blocks. Where somebody does so already it is handed that
    /// by them. What it does not take it is handed with the next start.
    pub(crate) fn keep(&self) {
        let Some(served) = &self.keeper else { return };
        while self.is_unkept.load(Ordering::SeqCst) {
            let _keeping = match self.keeping.try_lock() {
                Ok(keeping) => keeping,
                Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => return,
            };
            self.is_unkept.store(false, Ordering::SeqCst);
            if let Ok(Some(written)) = file::read(&self.folder) {
                let _ = served.keep_tokens(written);
            }
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

    /// Makes a token; its text is answered once and never again. Blocks.
    pub(crate) fn add(&self, new: NewToken) -> Result<(Arc<TokenRow>, String), TokensError> {
        let (row, text) = Self::make(new)?;
        let row = self.insert(row)?;
        self.keep();
        Ok((row, text))
    }

    fn insert(&self, row: TokenRow) -> Result<Arc<TokenRow>, TokensError> {
        let row = Arc::new(row);
        let _writing = self.writing();
        let mut changed = self.known().clone();
        if changed.rows.len() >= TOKENS_MAX {
            return Err(TokensError::Full);
        }
        changed.rows.insert(row.id.clone(), Arc::clone(&row));
        self.write(&changed)?;
        self.known_mut().rows.insert(row.id.clone(), Arc::clone(&row));
        Ok(row)
    }

    /// Ends a token, and answers which one, if there is one: it is worth nothing from now on, and connections that were
    /// opened with it are told. Waits for nothing; [`Tokens::settle`] has it end for good.
    pub(crate) fn end(&self, id: &str) -> Option<Arc<TokenRow>> {
        let mut known = self.known_mut();
        let Some(row) = known.rows.remove(id) else {
            // It has ended before, and the disk does not know.
            return known.ended.get(id).map(Arc::clone);
        };
        known.ended.insert(row.id.clone(), Arc::clone(&row));
        drop(known);
        self.look_again();
        Some(row)
    }

    /// Takes off the disk what has ended; blocks.
    pub(crate) fn settle(&self) -> Result<(), TokensError> {
        let _writing = self.writing();
        let known = self.known().clone();
        // Who came before may have done it.
        if known.ended.is_empty() { Ok(()) } else { self.write(&known) }
    }

    /// Revokes a token; blocks.
    pub(crate) fn revoke(&self, id: &str) -> Result<Option<Arc<TokenRow>>, TokensError> {
        let Some(revoked) = self.end(id) else { return Ok(None) };
        self.settle()?;
        self.keep();
        Ok(Some(revoked))
    }

    fn writing(&self) -> MutexGuard<'_, ()> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_mut(&self) -> RwLockWriteGuard<'_, Known> {
        self.known.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes the tokens there are into their file. Whoever asks for one meanwhile waits for no disk: it may hang for
    /// long.
    fn write(&self, known: &Known) -> Result<(), TokensError> {
        file::write(&self.folder, known.rows.values().map(AsRef::as_ref))?;
        self.is_unkept.store(true, Ordering::SeqCst);
        self.known_mut().ended.retain(|id, _| !known.ended.contains_key(id));
        Ok(())
    }

    /// Returns all tokens, those that have expired included, by id.
    pub(crate) fn list(&self) -> Vec<Arc<TokenRow>> {
        self.known().rows.values().map(Arc::clone).collect()
    }

    /// Returns who a token is of, if it is one of this hub and good now.
    pub(crate) fn find(&self, text: &str) -> Option<Caller> {
        let (id, _) = text.strip_prefix(PREFIX)?.split_once('_')?;
        let token = Arc::clone(self.known().rows.get(id)?);
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
        let known = self.known();
        let row = known.rows.get(&token.id);
        let is_kept = row.is_some_and(|row| row.hash == token.hash && row.is_good(now_ms));
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

    fn opened(folder: &Path) -> Result<(Tokens, Option<String>), TokensError> {
        Tokens::open(folder, None, &Actor::default())
    }

    #[test]
    fn the_first_start_makes_an_admin_and_the_second_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, text) = opened(folder.path()).unwrap();
        let text = text.unwrap();
        let caller = tokens.find(&text).unwrap();
        assert_eq!((caller.token.role, &*caller.token.name), (Role::Admin, "admin"));
        let written = std::fs::read_to_string(folder.path().join(ADMIN_FILE)).unwrap();
        assert_eq!(written.trim(), text);
        let (again, none) = opened(folder.path()).unwrap();
        assert!(none.is_none() && again.find(&text).is_some());
    }

    #[test]
    fn only_the_very_text_is_a_token() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, admin) = opened(folder.path()).unwrap();
        let admin = admin.unwrap();
        let (_, text) = tokens.add(client("phone", None)).unwrap();
        let (_, expired) = tokens.add(client("old", Some(1))).unwrap();
        assert!(tokens.find(&text).is_some());
        let other = tempfile::tempdir().unwrap();
        let (_, foreign) = opened(other.path()).unwrap();
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
        let (tokens, _) = opened(folder.path()).unwrap();
        let mut claims = Object::new();
        claims.insert("project", "p1");
        let (_, text) =
            tokens.add(NewToken { claims: claims.clone(), ..client("phone", None) }).unwrap();
        let (again, _) = opened(folder.path()).unwrap();
        assert_eq!(again.find(&text).unwrap().token.claims, claims);
    }

    #[test]
    fn what_was_revoked_is_gone_for_good() {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, _) = opened(folder.path()).unwrap();
        let (row, text) = tokens.add(client("phone", None)).unwrap();
        let mut revocations = tokens.revocations();
        assert!(tokens.is_still_good(&row));
        assert!(
            tokens.revoke(&row.id).unwrap().is_some() && tokens.revoke(&row.id).unwrap().is_none()
        );
        assert!(!tokens.is_still_good(&row) && tokens.find(&text).is_none());
        assert!(revocations.has_changed().unwrap());
        assert_eq!(*revocations.borrow_and_update(), 1);
        let (again, _) = opened(folder.path()).unwrap();
        assert!(again.find(&text).is_none());
        assert_eq!(again.list().len(), 1);
    }

    #[test]
    fn what_was_revoked_is_worth_nothing_also_where_the_disk_does_not_take_it_and_can_be_revoked_again()
     {
        let folder = tempfile::tempdir().unwrap();
        let (tokens, _) = opened(folder.path()).unwrap();
        let (row, text) = tokens.add(client("phone", None)).unwrap();
        let (other, _) = tokens.add(client("tablet", None)).unwrap();
        // What is to be written first is a folder that is in the way.
        let in_the_way = folder.path().join("tokens.new");
        std::fs::create_dir_all(in_the_way.join("held")).unwrap();
        for _ in 0..2 {
            assert!(matches!(tokens.revoke(&row.id), Err(TokensError::File(_))));
            assert!(tokens.find(&text).is_none() && !tokens.is_still_good(&row));
            assert_eq!(tokens.list().len(), 2);
        }
        assert!(opened(folder.path()).unwrap().0.find(&text).is_some(), "the disk does not know");
        std::fs::remove_dir_all(&in_the_way).unwrap();
        // Whatever is written next takes it off.
        assert!(tokens.revoke(&other.id).unwrap().is_some());
        assert!(opened(folder.path()).unwrap().0.find(&text).is_none());
        assert!(tokens.revoke(&row.id).unwrap().is_none());
    }
}
