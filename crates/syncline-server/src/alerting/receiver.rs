//! Who is told, and of what.

use std::time::Duration;

use syncline_domains::app::{Target, TargetError};
use syncline_engine::alert::{Rules, Severity};
use syncline_protocol::webhook::secret::{Secret, SecretError};
use thiserror::Error;

use super::mail::{MailError, MailSettings};
use crate::application::SecretText;
use crate::limits::{ALERT_LOOK_EVERY, REPORT_HOUR};
use crate::reporting::Period;

/// Who is told of what, and how often it is looked.
#[derive(Clone, Debug)]
pub struct AlertSettings {
    /// What is too bad.
    pub rules: Rules,
    /// Who is told.
    pub receivers: Vec<AlertReceiver>,
    /// How often hubs are looked at.
    pub every: Duration,
    /// At which hour of the day reports are sent, by UTC.
    pub report_hour: u8,
}

impl Default for AlertSettings {
    fn default() -> Self {
        Self {
            rules: Rules::default(),
            receivers: Vec::new(),
            every: ALERT_LOOK_EVERY,
            report_hour: REPORT_HOUR,
        }
    }
}

/// Somebody who is told.
#[derive(Clone, Debug)]
pub struct AlertReceiver {
    /// What it is called in figures and warnings.
    pub name: String,
    /// How it is told.
    pub channel: Channel,
    /// It is told of what is at least so grave.
    pub severity_min: Severity,
    /// Which reports it is sent; only e-mails are.
    pub reports: Vec<Period>,
}

/// How somebody is told.
#[derive(Clone, Debug)]
pub enum Channel {
    /// A webhook, signed as deliveries are.
    Webhook {
        /// Where it is posted to.
        url: SecretText,
        /// What it is signed with.
        secret: SecretText,
    },
    /// An incoming webhook of Slack, or of what understands the same.
    Slack {
        /// Where it is posted to.
        url: SecretText,
    },
    /// PagerDuty's Events API, version 2.
    PagerDuty {
        /// Where it is posted to.
        url: SecretText,
        /// The key of the integration.
        key: SecretText,
    },
    /// A project of Sentry.
    Sentry {
        /// Its DSN, such as `https://key@host/7`.
        dsn: SecretText,
    },
    /// An e-mail.
    Mail(MailSettings),
}

/// Why somebody cannot be told. It names no secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReceiverError {
    /// The address.
    #[error("the address cannot be sent to: {0}")]
    Target(#[from] TargetError),
    /// The secret.
    #[error("the secret cannot be signed with: {0}")]
    Secret(#[from] SecretError),
    /// The DSN of Sentry.
    #[error("the DSN is not of the form https://key@host/project")]
    Dsn,
    /// The e-mail.
    #[error(transparent)]
    Mail(#[from] MailError),
}

impl Channel {
    /// Returns the word for it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Webhook { .. } => "webhook",
            Self::Slack { .. } => "slack",
            Self::PagerDuty { .. } => "pagerduty",
            Self::Sentry { .. } => "sentry",
            Self::Mail(_) => "email",
        }
    }

    /// Looks whether it can be used, without reaching anybody.
    ///
    /// # Errors
    ///
    /// [`ReceiverError`]: what is wrong with it.
    pub fn check(&self) -> Result<(), ReceiverError> {
        match self {
            Self::Webhook { url, secret } => {
                Target::parse(url.expose())?;
                secret_of(secret)?;
            }
            Self::Slack { url } | Self::PagerDuty { url, .. } => {
                Target::parse(url.expose())?;
            }
            Self::Sentry { dsn } => {
                Dsn::parse(dsn.expose()).ok_or(ReceiverError::Dsn)?;
            }
            Self::Mail(mail) => mail.check()?,
        }
        Ok(())
    }
}

/// Reads a secret as that of an endpoint: one that does not begin with `whs` signs as spec 004's.
pub(super) fn secret_of(secret: &SecretText) -> Result<Secret, SecretError> {
    match secret.expose().starts_with("whs") {
        true => Secret::parse(secret.expose()),
        false => Secret::plain(secret.expose()),
    }
}

/// A DSN, taken apart.
pub(super) struct Dsn {
    /// Where envelopes are posted to.
    pub(super) url: String,
    /// The public key.
    pub(super) key: String,
}

impl Dsn {
    /// Reads `https://key@host[:port][/path]/project`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let (key, rest) = rest.split_once('@')?;
        // Old ones have a secret key behind the public one, which nobody reads any more.
        let key = key.split(':').next().filter(|key| !key.is_empty())?;
        let (place, project) = rest.trim_end_matches('/').rsplit_once('/')?;
        let is_project = !project.is_empty() && project.bytes().all(|b| b.is_ascii_digit());
        let is_key = key.bytes().all(|b| b.is_ascii_alphanumeric());
        let (host, path) = place
            .split_once('/')
            .map_or((place, String::new()), |(host, path)| (host, format!("/{path}")));
        let url = format!("{scheme}://{host}{path}/api/{project}/envelope/");
        (is_project && is_key && Target::parse(&url).is_ok())
            .then(|| Self { url, key: key.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dsn_is_taken_apart_or_refused() {
        let told = |text: &str| Dsn::parse(text).map(|dsn| format!("{} {}", dsn.key, dsn.url));
        #[rustfmt::skip]
        let cases = [
            ("https://abc1@o1.ingest.sentry.io/7",      Some("abc1 https://o1.ingest.sentry.io/api/7/envelope/")),
            ("https://abc1:old@sentry.example:8443/x/7", Some("abc1 https://sentry.example:8443/x/api/7/envelope/")),
            ("http://abc1@127.0.0.1:9000/7",            Some("abc1 http://127.0.0.1:9000/api/7/envelope/")),
            ("https://sentry.io/7",                     None),
            ("https://@sentry.io/7",                    None),
            ("https://a@sentry.io/",                    None),
            ("https://a@sentry.io/seven",               None),
            ("https://a b@sentry.io/7",                 None),
            ("sentry",                                  None),
        ];
        for (text, expected) in cases {
            assert_eq!(told(text).as_deref(), expected, "case: {text}");
        }
    }

    #[test]
    fn no_secret_is_shown() {
        let channel = Channel::PagerDuty {
            url: SecretText::new("https://events.pagerduty.com/canary-1").unwrap(),
            key: SecretText::new("canary-2").unwrap(),
        };
        assert!(!format!("{channel:?}").contains("canary"));
    }
}
