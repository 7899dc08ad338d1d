//! Other issuers whose tokens a server takes, and what they may say.
//!
//! A token is for one hub: its audience is that of the issuer's setting for the default hub, and that
//! with `/h/<hub>` behind it for another. Its claim `role` gives a role among those that the issuer may
//! give (without it `client`), its claim `client` the only client that it speaks for.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use syncline_model::id::ClientId;
use syncline_model::json::Json;
use thiserror::Error;

use super::jwt::{Issuer, JWT_SKEW_S, KeysError, Refused, Verified};
use super::role::Role;
use super::token::{Caller, TokenRow};
use crate::limits::TOKEN_NAME_BYTES_MAX;

/// Longest file of keys that is read, in bytes.
const KEYS_BYTES_MAX: u64 = 256 << 10;
/// How often at most the file of the keys is looked at.
const LOOK: Duration = Duration::from_secs(5);

/// Somebody else whose tokens are taken: JSON Web Tokens signed with ES256, EdDSA or RS256.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IssuerSettings {
    /// What stands in `iss`.
    pub name: String,
    /// What stands in `aud` of tokens for the default hub.
    pub audience: String,
    /// The file of its keys, a JSON Web Key Set. It is read again when it changes.
    pub keys: PathBuf,
    /// The roles that its tokens may claim.
    pub roles: Vec<Role>,
}

/// Why the keys of an issuer cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IssuerError {
    /// The file.
    #[error("the keys of the issuer {issuer} in {file}: {source}")]
    File {
        /// Whose keys.
        issuer: String,
        /// Where they should be.
        file: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// What stands in it.
    #[error("the keys of the issuer {issuer} in {file}: {source}")]
    Keys {
        /// Whose keys.
        issuer: String,
        /// Where they are.
        file: PathBuf,
        /// What is wrong.
        #[source]
        source: KeysError,
    },
}

impl IssuerError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::File { .. } => "ISSUER_KEYS_INVALID",
            Self::Keys { source, .. } => source.code(),
        }
    }
}

/// The other issuers of a server.
#[derive(Default)]
pub(crate) struct Issuers {
    all: Vec<Watched>,
    /// How many tokens have named a key that none of them has.
    keys_unknown: AtomicU64,
}

/// One of them, and its keys.
struct Watched {
    settings: IssuerSettings,
    keys: Mutex<Keys>,
}

struct Keys {
    issuer: Arc<Issuer>,
    modified: Option<SystemTime>,
    looked: Instant,
}

impl Issuers {
    /// Reads the keys of all.
    pub(crate) fn open(settings: &[IssuerSettings]) -> Result<Self, IssuerError> {
        let watched = settings.iter().map(|settings| {
            let (issuer, modified) = read(settings)?;
            let keys = Keys { issuer: Arc::new(issuer), modified, looked: Instant::now() };
            Ok(Watched { settings: settings.clone(), keys: Mutex::new(keys) })
        });
        Ok(Self { all: watched.collect::<Result<_, _>>()?, keys_unknown: AtomicU64::new(0) })
    }

    /// Returns whether a text looks as tokens of other issuers do, and there are such issuers.
    pub(crate) fn may_know(&self, token: &str) -> bool {
        !self.all.is_empty() && token.bytes().filter(|byte| *byte == b'.').count() == 2
    }

    /// Returns who a token is of.
    ///
    /// - `hub`: the hub that is asked; `None` for the default one.
    pub(crate) fn find(
        &self,
        token: &str,
        hub: Option<&str>,
        now_ms: u64,
    ) -> Result<Caller, Refused> {
        let mut why = Refused::KeyUnknown;
        for watched in &self.all {
            match watched.find(token, hub, now_ms) {
                Ok(caller) => return Ok(caller),
                // Of several issuers, that is told which came furthest.
                Err(refused) => why = why.max(refused),
            }
        }
        if why == Refused::KeyUnknown {
            self.keys_unknown.fetch_add(1, Ordering::Relaxed);
        }
        Err(why)
    }

    /// Returns how many tokens have named a key that none of them has.
    pub(crate) fn keys_unknown(&self) -> u64 {
        self.keys_unknown.load(Ordering::Relaxed)
    }
}

/// Checks that a text is a set of keys of an issuer, as its file is to hold one.
///
/// # Errors
///
/// [`KeysError`] says what is wrong.
pub fn check_keys(issuer: &str, keys: &[u8]) -> Result<(), KeysError> {
    Issuer::new(issuer, keys).map(drop)
}

impl Watched {
    fn find(&self, token: &str, hub: Option<&str>, now_ms: u64) -> Result<Caller, Refused> {
        let audience = match hub {
            None => self.settings.audience.clone(),
            Some(hub) => format!("{}/h/{hub}", self.settings.audience),
        };
        let Verified { subject, expires_s, claims } =
            self.keys().verify(token, &audience, now_ms / 1_000)?;
        let fits = subject.len() <= TOKEN_NAME_BYTES_MAX && !subject.chars().any(char::is_control);
        if !fits {
            return Err(Refused::Subject);
        }
        let role = match claims.get("role") {
            None => Some(Role::Client),
            Some(role) => role.as_str().and_then(Role::from_word),
        };
        let role = role.filter(|role| self.settings.roles.contains(role)).ok_or(Refused::Claims)?;
        let client = match claims.get("client").map(Json::as_str) {
            None => None,
            Some(client) => {
                let client = client.and_then(|client| ClientId::new(client).ok());
                Some(client.ok_or(Refused::Claims)?)
            }
        };
        let row = TokenRow {
            id: self.id(&subject),
            name: subject.into(),
            role,
            client,
            created_ms: 0,
            expires_ms: Some(expires_s.saturating_add(JWT_SKEW_S).saturating_mul(1_000)),
            claims,
            hash: None,
        };
        Ok(Caller::by_token(Arc::new(row)))
    }

    /// Returns what all tokens about one subject are spoken of by.
    fn id(&self, subject: &str) -> Box<str> {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&(self.settings.name.len() as u64).to_le_bytes());
        hasher.update(self.settings.name.as_bytes()).update(subject.as_bytes());
        let hash = hasher.finalize().to_hex();
        format!("jwt-{}", hash.get(..16).unwrap_or_default()).into()
    }

    /// Returns the keys, read again if their file has changed. One that cannot be read is on its way,
    /// or a mistake: the keys from before stay good.
    fn keys(&self) -> Arc<Issuer> {
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        if keys.looked.elapsed() >= LOOK {
            keys.looked = Instant::now();
            let modified = modified(&self.settings);
            if modified != keys.modified
                && let Ok((issuer, modified)) = read(&self.settings)
            {
                (keys.issuer, keys.modified) = (Arc::new(issuer), modified);
            }
        }
        Arc::clone(&keys.issuer)
    }
}

fn modified(settings: &IssuerSettings) -> Option<SystemTime> {
    fs::metadata(&settings.keys).and_then(|metadata| metadata.modified()).ok()
}

fn read(settings: &IssuerSettings) -> Result<(Issuer, Option<SystemTime>), IssuerError> {
    // Before the reading: what changes meanwhile is read once more.
    let modified = modified(settings);
    let (issuer, file) = (settings.name.clone(), settings.keys.clone());
    let keys = bounded(settings).map_err(|source| IssuerError::File {
        issuer: issuer.clone(),
        file: file.clone(),
        source,
    })?;
    let read = Issuer::new(&settings.name, &keys);
    Ok((read.map_err(|source| IssuerError::Keys { issuer, file, source })?, modified))
}

fn bounded(settings: &IssuerSettings) -> io::Result<Vec<u8>> {
    let size = fs::metadata(&settings.keys)?.len();
    if size > KEYS_BYTES_MAX {
        let text = format!("{size} bytes; at most {KEYS_BYTES_MAX} are read");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, text));
    }
    fs::read(&settings.keys)
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair};
    use syncline_model::base64url;

    use super::*;

    fn set(key: &Ed25519KeyPair) -> String {
        let x = base64url::encode(key.public_key().as_ref());
        format!(r#"{{"keys":[{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}]}}"#)
    }

    fn token(key: &Ed25519KeyPair) -> String {
        let claims = r#"{"iss":"i","aud":"a","sub":"ann","exp":2000}"#;
        let part = |text: &str| base64url::encode(text.as_bytes());
        let text = format!("{}.{}", part(r#"{"alg":"EdDSA"}"#), part(claims));
        format!("{text}.{}", base64url::encode(key.sign(text.as_bytes()).as_ref()))
    }

    /// Writes the file as if at another time, and lets it be looked at.
    fn replace(issuers: &Issuers, text: &str, at_s: u64) {
        let watched = &issuers.all[0];
        fs::write(&watched.settings.keys, text).unwrap();
        let file = fs::File::open(&watched.settings.keys).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(at_s)).unwrap();
        watched.keys.lock().unwrap().looked = Instant::now().checked_sub(LOOK).unwrap();
    }

    #[test]
    fn keys_are_read_again_when_they_change_and_kept_while_the_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys.json");
        let settings = IssuerSettings {
            name: "i".to_owned(),
            audience: "a".to_owned(),
            keys: keys.clone(),
            roles: vec![Role::Client],
        };
        let error = |settings: &IssuerSettings| {
            Issuers::open(std::slice::from_ref(settings)).err().unwrap().code()
        };
        assert_eq!(error(&settings), "ISSUER_KEYS_INVALID");
        let (old, new) = (Ed25519KeyPair::generate().unwrap(), Ed25519KeyPair::generate().unwrap());
        fs::write(&keys, vec![b' '; 300 << 10]).unwrap();
        assert_eq!(error(&settings), "ISSUER_KEYS_INVALID");
        fs::write(&keys, set(&old)).unwrap();
        let issuers = Issuers::open(&[settings]).unwrap();
        let is_good = |key| issuers.find(&token(key), None, 1_000_000).is_ok();
        assert!(is_good(&old) && !is_good(&new));
        replace(&issuers, "{", 1);
        assert!(is_good(&old) && !is_good(&new));
        replace(&issuers, &set(&new), 2);
        assert!(!is_good(&old) && is_good(&new));
        fs::remove_file(&keys).unwrap();
        assert!(is_good(&new));
    }
}
