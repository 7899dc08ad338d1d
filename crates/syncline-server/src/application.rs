//! The application that the environment of a server names: what spec 004 sets in `.env`.

use std::fmt;

use syncline_domains::app::Target;
use syncline_protocol::limits::WEBHOOK_PLAIN_SECRET_BYTES_MAX;
use syncline_protocol::webhook::secret::{Secret, SecretError, SecretKind};
use thiserror::Error;

use crate::limits::{PLAIN_SECRET_BYTES_MIN, RECEIVER_SECRETS_MAX};

/// A secret text. `Debug` does not show it.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Box<str>);

impl SecretText {
    /// Takes a text; `None` if it is empty: then nothing is set.
    pub fn new(text: &str) -> Option<Self> {
        let text = text.trim();
        (!text.is_empty()).then(|| Self(text.into()))
    }

    /// Returns the secret itself.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretText")
    }
}

/// What the environment says of the application that a hub works with. Nothing of it is set by itself.
#[derive(Clone, Debug, Default)]
pub struct AppSettings {
    /// Which hub; the default one without a name.
    pub hub: Option<String>,
    /// What its webhooks are signed with, both ways. Several while one takes the place of another.
    pub webhook_secrets: Vec<SecretText>,
    /// Where its events are delivered to.
    pub webhook_urls: Vec<String>,
    /// What opens `/api/sync/process`.
    pub cron_secret: Option<SecretText>,
    /// What its sign-in encrypts sessions with.
    pub session_secret: Option<SecretText>,
}

/// Why the environment is not understood.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AppError {
    /// A secret of webhooks is none.
    #[error("WEBHOOK_SECRET: {0}")]
    Secret(Box<str>),
    /// An address is none.
    #[error("SYNC_WEBHOOK_URLS, address {number}: {why}")]
    Url {
        /// Which one, counted from 1.
        number: usize,
        /// What is wrong.
        why: Box<str>,
    },
    /// There is nothing to sign with what is sent there.
    #[error("SYNC_WEBHOOK_URLS is set, and WEBHOOK_SECRET is not")]
    Unsigned,
}

impl AppError {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Secret(_) => "WEBHOOK_SECRET_INVALID",
            Self::Url { .. } => "SERVE_WEBHOOK_URL_INVALID",
            Self::Unsigned => "SERVE_WEBHOOK_SECRET_UNSET",
        }
    }

    /// Returns how to go on.
    pub const fn next(&self) -> &'static str {
        match self {
            Self::Secret(_) => "set one secret, or several with commas between them",
            Self::Url { .. } => {
                "name whole addresses with commas between them, such as https://admin.example/api/webhooks/sync"
            }
            Self::Unsigned => "set WEBHOOK_SECRET to what the receivers verify with",
        }
    }
}

impl AppSettings {
    /// Reads the environment, as `variable` gives it.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let list = |name| {
            let text: String = variable(name).unwrap_or_default();
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(str::to_owned).collect::<Vec<_>>()
        };
        let one = |name| variable(name).and_then(|text| SecretText::new(&text));
        Self {
            hub: None,
            webhook_secrets: list("WEBHOOK_SECRET")
                .iter()
                .filter_map(|text| SecretText::new(text))
                .collect(),
            webhook_urls: list("SYNC_WEBHOOK_URLS"),
            cron_secret: one("CRON_SECRET"),
            session_secret: one("NEXTAUTH_SECRET"),
        }
    }

    /// Checks what can be said before a hub is opened.
    ///
    /// # Errors
    ///
    /// [`AppError`], the first that was found.
    pub fn check(&self) -> Result<(), AppError> {
        let refused = |why: &dyn fmt::Display| AppError::Secret(why.to_string().into());
        if self.webhook_secrets.len() > RECEIVER_SECRETS_MAX {
            return Err(refused(&format!("at most {RECEIVER_SECRETS_MAX} are used")));
        }
        for secret in &self.webhook_secrets {
            hard_secret_of(secret.expose()).map_err(|error| refused(&error))?;
        }
        for (index, url) in self.webhook_urls.iter().enumerate() {
            let number = index + 1;
            let error =
                |error: &dyn fmt::Display| AppError::Url { number, why: error.to_string().into() };
            Target::parse(url).map_err(|why| error(&why))?;
        }
        match self.webhook_urls.is_empty() || !self.webhook_secrets.is_empty() {
            true => Ok(()),
            false => Err(AppError::Unsigned),
        }
    }
}

/// Reads a secret as it is written: with a prefix of Standard Webhooks, or any other text.
pub(crate) fn secret_of(text: &str) -> Result<Secret, SecretError> {
    let prefixes = ["whsec_", "whsk_", "whpk_"];
    match prefixes.iter().any(|prefix| text.starts_with(prefix)) {
        true => Secret::parse(text),
        false => Secret::plain(text),
    }
}

/// As [`secret_of`], for one that is set now: what could be guessed is none.
pub(crate) fn hard_secret_of(text: &str) -> Result<Secret, SecretError> {
    let secret = secret_of(text)?;
    let found = text.trim().len();
    match secret.kind() {
        SecretKind::Plain if found < PLAIN_SECRET_BYTES_MIN => Err(SecretError::Length {
            found,
            min: PLAIN_SECRET_BYTES_MIN,
            max: WEBHOOK_PLAIN_SECRET_BYTES_MAX,
        }),
        _ => Ok(secret),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> AppSettings {
        AppSettings::from_environment(|name| {
            let found = pairs.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_environment_is_read_and_its_secrets_are_not_shown() {
        let settings = read(&[
            ("WEBHOOK_SECRET", "one of sixteen letters, two of sixteen letters,"),
            ("SYNC_WEBHOOK_URLS", "https://a.example/x,https://b.example/y"),
            ("CRON_SECRET", " canary "),
            ("NEXTAUTH_SECRET", ""),
        ]);
        let secrets: Vec<&str> = settings.webhook_secrets.iter().map(SecretText::expose).collect();
        assert_eq!(secrets, ["one of sixteen letters", "two of sixteen letters"]);
        assert_eq!(settings.webhook_urls.len(), 2);
        assert_eq!(settings.cron_secret.as_ref().unwrap().expose(), "canary");
        assert_eq!((settings.session_secret.as_ref(), settings.check()), (None, Ok(())));
        assert!(!format!("{settings:?}").contains("canary"));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_before_anything_is_opened() {
        #[rustfmt::skip]
        let cases = [
            (&[("WEBHOOK_SECRET", "whsec_!")][..],                          "WEBHOOK_SECRET_INVALID"),
            (&[("WEBHOOK_SECRET", "a,b,c,d,e,f,g,h,i")],                    "WEBHOOK_SECRET_INVALID"),
            (&[("WEBHOOK_SECRET", "fifteen letters")],                      "WEBHOOK_SECRET_INVALID"),
            (&[("SYNC_WEBHOOK_URLS", "https://a.example")],                 "SERVE_WEBHOOK_SECRET_UNSET"),
            (&[("SYNC_WEBHOOK_URLS", "a.example"), ("WEBHOOK_SECRET", "a secret of sixteen")], "SERVE_WEBHOOK_URL_INVALID"),
        ];
        for (pairs, code) in cases {
            let error = read(pairs).check().unwrap_err();
            assert_eq!(error.code(), code, "{pairs:?}");
            assert!(!error.next().is_empty());
        }
    }
}
