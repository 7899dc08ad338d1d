//! Others whose access tokens a hub that is served takes.

use syncline_server::{IssuerSettings, Role};

use super::super::document::IssuerText;
use super::super::error::{At, Refusal};
use super::super::limits::ISSUERS_MAX;
use super::super::profile::Start;
use super::{unknown_word, within};

pub(super) fn resolve(
    texts: &[IssuerText],
    start: Start<'_>,
) -> Result<Vec<IssuerSettings>, Refusal> {
    within(texts.len(), ISSUERS_MAX, &At::new("issuers"))?;
    let mut issuers: Vec<IssuerSettings> = Vec::new();
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
        if issuers.iter().any(|other| other.name == text.name) {
            let why = "every issuer has one set of keys";
            return Err(Refusal::new(at.key("name"), "stands twice", why, "leave one of them out"));
        }
        let roles = match &text.roles {
            None => vec![Role::Client],
            Some(words) => roles(words, &at.key("roles"))?,
        };
        issuers.push(IssuerSettings {
            name: text.name.clone(),
            audience: text.audience.clone(),
            keys: start.place(&text.keys, &at.key("keys"))?,
            roles,
        });
    }
    Ok(issuers)
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
