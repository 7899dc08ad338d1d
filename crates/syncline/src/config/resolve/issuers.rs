//! Others whose access tokens a hub that is served takes.

use std::path::PathBuf;

use syncline_server::{IssuerSettings, Role};

use super::super::document::IssuerText;
use super::super::error::{At, Refusal};
use super::super::limits::ISSUERS_MAX;
use super::super::profile::Start;
use super::super::settings::Issuer;
use super::{unknown_word, within};

pub(super) fn resolve(texts: &[IssuerText], start: Start<'_>) -> Result<Vec<Issuer>, Refusal> {
    within(texts.len(), ISSUERS_MAX, &At::new("issuers"))?;
    let mut issuers: Vec<Issuer> = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let at = At::new("issuers").index(index);
        for (key, value) in [("name", &text.name), ("audience", &text.audience)] {
            if value.is_empty() {
                let why = "a token is taken only if it says from whom and for whom it is";
                return Err(Refusal::new(at.key(key), "is empty", why, "write what tokens say"));
            }
        }
        if text.audience.ends_with('/') {
            let why = "the audience of another hub has /h/<name> behind it";
            return Err(Refusal::new(at.key("audience"), "ends with /", why, "leave it out"));
        }
        if issuers.iter().any(|other| other.settings.name == text.name) {
            let why = "every issuer has one set of keys";
            return Err(Refusal::new(at.key("name"), "stands twice", why, "leave one of them out"));
        }
        let roles = match &text.roles {
            None => vec![Role::Client],
            Some(words) => roles(words, &at.key("roles"))?,
        };
        let address = address(text, &at.key("keys"))?;
        let keys = match &address {
            None => start.place(&text.keys, &at.key("keys"))?,
            Some(_) => PathBuf::new(),
        };
        let (name, audience) = (text.name.clone(), text.audience.clone());
        issuers.push(Issuer { settings: IssuerSettings { name, audience, keys, roles }, address });
    }
    Ok(issuers)
}

/// Returns where keys are fetched from, if that is no file.
fn address(text: &IssuerText, at: &At) -> Result<Option<String>, Refusal> {
    let Some(keys) = text.keys.to_str().filter(|keys| keys.contains("://")) else {
        return Ok(None);
    };
    let is_plain = keys.starts_with("http://");
    if is_plain && !text.allow_plaintext {
        let why = "whoever listens in could put keys of their own in their place";
        let next = "write https://, or say allow_plaintext = true";
        return Err(Refusal::new(at.clone(), "is fetched without encryption", why, next));
    }
    if !is_plain && !keys.starts_with("https://") {
        let why = "keys are in a file, or fetched with https://";
        return Err(Refusal::new(at.clone(), "is no such address", why, "write https://"));
    }
    Ok(Some(keys.to_owned()))
}

fn roles(words: &[String], at: &At) -> Result<Vec<Role>, Refusal> {
    if words.is_empty() {
        let why = "whoever has no role may do nothing";
        return Err(Refusal::new(at.clone(), "is empty", why, "name roles, or leave it out"));
    }
    let role = |(index, word): (usize, &String)| {
        let unknown = || {
            let known = Role::ALL.map(Role::as_str).join(", ");
            unknown_word(at.index(index), "role", &known)
        };
        Role::from_word(word).ok_or_else(unknown)
    };
    words.iter().enumerate().map(role).collect()
}
