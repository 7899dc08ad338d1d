//! The file of a hub's access tokens: hashes only, replaced whole, for its owner only.
//!
//! ```json
//! {"version":1,"tokens":[{"id":"…","name":"phone","role":"client","client":"phone-7",
//!   "created":1763790000000,"expires":1763793600000,"hash":"…64 hexadecimal digits…"}]}
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

use syncline_model::id::ClientId;
use syncline_model::json::{Json, Object, parse};
use thiserror::Error;

use super::role::Role;
use super::token::TokenRow;
use crate::document::object;
use crate::limits::{CLAIMS_BYTES_MAX, TOKENS_MAX};

/// The name of the file.
const FILE: &str = "tokens.json";
/// The version of its format.
const VERSION: u64 = 1;
/// Most bytes that are read of it.
const BYTES_MAX: usize = TOKENS_MAX * (1_024 + CLAIMS_BYTES_MAX);

/// Why the file could not be read or written.
#[derive(Debug, Error)]
pub(crate) enum FileError {
    /// The system refused.
    #[error("the file of the access tokens: {source}")]
    Disk {
        /// What it said.
        #[from]
        source: io::Error,
    },
    /// It is not what this program writes.
    #[error("the file of the access tokens cannot be understood")]
    Damaged,
}

/// Reads the file; nothing where there is none.
pub(super) fn read(folder: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(folder.join(FILE)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        read => Ok(Some(read?)),
    }
}

/// Returns the rows of a file, or of what was kept of one.
pub(super) fn understood(bytes: &[u8]) -> Result<Vec<TokenRow>, FileError> {
    rows(bytes).ok_or(FileError::Damaged)
}

fn rows(bytes: &[u8]) -> Option<Vec<TokenRow>> {
    if bytes.len() > BYTES_MAX {
        return None;
    }
    let document = parse(bytes).ok()?;
    let document = document.as_object()?;
    if number(document, "version")? != Some(VERSION) {
        return None;
    }
    document.get("tokens")?.as_array()?.iter().map(|row| row_of(row.as_object()?)).collect()
}

fn row_of(row: &Object) -> Option<TokenRow> {
    let text = |key: &str| row.get(key).map(|value| value.as_str());
    let client = match text("client") {
        None => None,
        Some(client) => Some(ClientId::new(client?).ok()?),
    };
    Some(TokenRow {
        id: text("id")??.into(),
        name: text("name")??.into(),
        role: Role::from_word(text("role")??)?,
        client,
        created_ms: number(row, "created")??,
        expires_ms: number(row, "expires")?,
        claims: match row.get("claims") {
            None => Object::new(),
            Some(claims) => claims.as_object()?.clone(),
        },
        hash: Some(blake3::Hash::from_hex(text("hash")??).ok()?),
    })
}

/// Returns a number; `Some(None)` if there is none, `None` if it is something else.
fn number(object: &Object, key: &str) -> Option<Option<u64>> {
    let Some(value) = object.get(key) else { return Some(None) };
    let number = value.as_number()?.to_i64()?;
    Some(Some(u64::try_from(number).ok()?))
}

/// Replaces the rows. They are on disk when this returns.
pub(super) fn write<'r>(
    folder: &Path,
    rows: impl Iterator<Item = &'r TokenRow>,
) -> Result<(), FileError> {
    let rows = rows.map(|row| {
        let mut document = Object::new();
        document.insert("id", &*row.id);
        document.insert("name", &*row.name);
        document.insert("role", row.role.as_str());
        if let Some(client) = &row.client {
            document.insert("client", client.as_str());
        }
        document.insert("created", row.created_ms);
        if let Some(expires_ms) = row.expires_ms {
            document.insert("expires", expires_ms);
        }
        if !row.claims.is_empty() {
            document.insert("claims", row.claims.clone());
        }
        if let Some(hash) = row.hash {
            document.insert("hash", hash.to_hex().as_str());
        }
        Json::Object(document)
    });
    let tokens = Json::Array(rows.collect());
    let document = object([("version", VERSION.into()), ("tokens", tokens)]);
    Ok(replace(&folder.join(FILE), document.to_pretty_string().as_bytes())?)
}

/// Writes a secret for the owner of the folder. It is on disk when this returns.
pub(super) fn write_secret(path: &Path, text: &str) -> Result<(), FileError> {
    Ok(replace(path, format!("{text}\n").as_bytes())?)
}

/// Replaces a file by one that only its owner may read: whole, or not at all.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    drop(file);
    fs::rename(&new, path)?;
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_file_is_refused_and_never_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let damaged = [
            "",
            "{}",
            r#"{"version":2,"tokens":[]}"#,
            r#"{"version":1}"#,
            r#"{"version":1,"tokens":[{"id":"a"}]}"#,
            r#"{"version":1,"tokens":[],"tokens":[]}"#,
        ];
        for text in damaged {
            fs::write(folder.path().join(FILE), text).unwrap();
            let read = read(folder.path()).unwrap().unwrap();
            assert!(matches!(understood(&read), Err(FileError::Damaged)), "{text}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        write(folder.path(), std::iter::empty()).unwrap();
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
