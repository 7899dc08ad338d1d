//! How a server is started, and what is refused unless it is asked for by name.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use axum::http::HeaderValue;
use syncline_domains::app::Guard;
use syncline_engine::operate::Entities;
use syncline_hub::Retention;
use syncline_hub::served::deliver::DeliveryRetention;
use syncline_policy::PushLimits;
use syncline_policy::view::Access;
use thiserror::Error;

use crate::access::IssuerSettings;
use crate::alerting::AlertSettings;
use crate::application::{AppError, AppSettings};
use crate::limits::{BACKUP_EVERY, CONNECTIONS_MAX, RATE_REQUESTS, RATE_WINDOW, REQUEST_TIME_MAX};
use crate::rate::Rate;

/// How a server is started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The folder of the default hub; other hubs are below it.
    pub data: PathBuf,
    /// The folder that all hubs are backed up to, each below it; none are without one.
    pub backup_to: Option<PathBuf>,
    /// How long a change waits at most, about, until it is in the backup.
    pub backup_every: Duration,
    /// What of the log is kept.
    pub keep: Retention,
    /// How long final deliveries are kept.
    pub keep_deliveries: DeliveryRetention,
    /// How many records of an entity one client may delete and change before an operator is asked.
    pub pushes: PushLimits,
    /// The entities that clients may write, with their rules.
    pub entities: Entities,
    /// The views that clients follow by name, and the rules of who may see and write what; without a
    /// rule everybody may do what the routes allow.
    pub access: Access,
    /// Certificate and key; without them nothing is encrypted.
    pub tls: Option<TlsFiles>,
    /// Sites whose pages may ask, such as `https://app.example`.
    pub origins: Vec<String>,
    /// Others whose tokens are taken.
    pub issuers: Vec<IssuerSettings>,
    /// The users who have each role of an approval, by the names of their tokens.
    pub roles: BTreeMap<String, Vec<String>>,
    /// How many connections may be open; the system's bound of open files must allow for more.
    pub connections: usize,
    /// How many requests one token may make.
    pub rate: Rate,
    /// How long anybody waits for an answer at most. What a request has begun goes on.
    pub request_time: Duration,
    /// Where events may be delivered to.
    pub sending: Guard,
    /// The application that the environment names.
    pub application: AppSettings,
    /// Who is told that a hub does badly, and of what.
    pub alerts: AlertSettings,
    /// What figures are called.
    pub metrics: MetricsNames,
    /// What is allowed although it is unsafe.
    pub allowed: Allowed,
}

/// What the figures of a server are called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MetricsNames {
    /// What each name begins with, before an underscore.
    pub prefix: String,
    /// The region that each figure is of, as its label `region`; without one there is no such label.
    pub region: Option<String>,
}

impl Default for MetricsNames {
    fn default() -> Self {
        Self { prefix: "syncline".to_owned(), region: None }
    }
}

/// Files in the PEM format.
#[derive(Clone, Debug)]
pub struct TlsFiles {
    /// The certificate, and those that vouch for it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// What is allowed although it is unsafe.
#[derive(Clone, Copy, Debug, Default)]
pub struct Allowed {
    /// Tokens and records cross a network that others can listen to.
    pub plaintext: bool,
    /// Other users of the machine can enter the folder of the state.
    pub exposed_state: bool,
}

/// A setting that is refused.
#[derive(Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum UnsafeSetting {
    /// Anyone on the network could read along.
    #[error("{address} is reached from other machines, and nothing is encrypted")]
    Plaintext {
        /// Where it would have listened.
        address: SocketAddr,
    },
    /// Anyone on the machine could read the state.
    #[error("other users can enter {}", folder.display())]
    StateExposed {
        /// The folder.
        folder: PathBuf,
    },
    /// Anyone on the machine could read the key.
    #[error("other users can read {}", file.display())]
    KeyExposed {
        /// The file.
        file: PathBuf,
    },
    /// An origin that is none, or stands for any.
    #[error("`{origin}` is not the origin of one site")]
    Origin {
        /// What was given.
        origin: String,
    },
    /// What the environment says of an application is not understood.
    #[error(transparent)]
    Application(#[from] AppError),
}

impl UnsafeSetting {
    /// Returns the stable code of the error.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Plaintext { .. } => "SERVE_PLAINTEXT",
            Self::StateExposed { .. } => "SERVE_STATE_EXPOSED",
            Self::KeyExposed { .. } => "SERVE_KEY_EXPOSED",
            Self::Origin { .. } => "SERVE_ORIGIN_INVALID",
            Self::Application(error) => error.code(),
        }
    }

    /// Returns how to go on.
    pub const fn next(&self) -> &'static str {
        match self {
            Self::Plaintext { .. } => {
                "give --tls-cert and --tls-key, or say --allow-plaintext where something in front encrypts"
            }
            Self::StateExposed { .. } => "chmod 700 the folder, or say --allow-exposed-state",
            Self::KeyExposed { .. } => "chmod 600 the file",
            Self::Origin { .. } => "name each site whole, such as https://app.example",
            Self::Application(error) => error.next(),
        }
    }
}

impl Settings {
    /// Returns the settings of a server that nobody configured: on this machine only.
    pub fn new(data: PathBuf, entities: Entities) -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8787)),
            data,
            backup_to: None,
            backup_every: BACKUP_EVERY,
            keep: Retention::default(),
            keep_deliveries: DeliveryRetention::default(),
            pushes: PushLimits::default(),
            entities,
            access: Access::default(),
            tls: None,
            origins: Vec::new(),
            issuers: Vec::new(),
            roles: BTreeMap::new(),
            connections: CONNECTIONS_MAX,
            rate: Rate { requests: RATE_REQUESTS, window: RATE_WINDOW },
            request_time: REQUEST_TIME_MAX,
            sending: Guard::default(),
            application: AppSettings::default(),
            alerts: AlertSettings::default(),
            metrics: MetricsNames::default(),
            allowed: Allowed::default(),
        }
    }

    /// Refuses what is unsafe and was not allowed by name.
    ///
    /// # Errors
    ///
    /// [`UnsafeSetting`], the first that was found.
    pub fn check(&self) -> Result<(), UnsafeSetting> {
        if self.tls.is_none() && !self.listen.ip().is_loopback() && !self.allowed.plaintext {
            return Err(UnsafeSetting::Plaintext { address: self.listen });
        }
        // A backup holds all that the state does.
        for folder in [Some(&self.data), self.backup_to.as_ref()].into_iter().flatten() {
            if !self.allowed.exposed_state && is_open_to_others(folder) {
                return Err(UnsafeSetting::StateExposed { folder: folder.clone() });
            }
        }
        if let Some(tls) = &self.tls
            && is_open_to_others(&tls.key)
        {
            return Err(UnsafeSetting::KeyExposed { file: tls.key.clone() });
        }
        self.application.check()?;
        self.origin_values().map(drop)
    }

    /// Returns the origins as they stand in the header.
    pub(crate) fn origin_values(&self) -> Result<Vec<HeaderValue>, UnsafeSetting> {
        let value = |origin: &String| {
            let refused = || UnsafeSetting::Origin { origin: origin.clone() };
            let host = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
            let is_host =
                |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.:[]".contains(&b);
            let is_origin = host.is_some_and(|host| !host.is_empty() && host.bytes().all(is_host));
            if !is_origin {
                return Err(refused());
            }
            HeaderValue::from_str(origin).map_err(|_| refused())
        };
        self.origins.iter().map(value).collect()
    }
}

/// Returns whether other users of the machine may read it. What is not there is not.
#[cfg(unix)]
fn is_open_to_others(path: &std::path::Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_open_to_others(_path: &std::path::Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unsafe_is_refused_unless_it_is_allowed_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let settings = |listen: &str| {
            let data = folder.path().join("none");
            let settings = Settings::new(data, Entities::open(Default::default()));
            Settings { listen: listen.parse().unwrap(), ..settings }
        };
        for address in ["127.0.0.1:0", "127.8.8.8:1", "[::1]:0"] {
            assert_eq!(settings(address).check(), Ok(()), "{address}");
        }
        for address in ["0.0.0.0:0", "[::]:0", "192.168.0.2:1", "[::ffff:127.0.0.1]:0"] {
            let mut settings = settings(address);
            assert_eq!(settings.check().unwrap_err().code(), "SERVE_PLAINTEXT", "{address}");
            settings.allowed.plaintext = true;
            assert_eq!(settings.check(), Ok(()), "{address}");
        }
        for origin in
            ["*", "null", "", "app.example", "https://", "https://a/", "https://A.example"]
        {
            let settings = Settings { origins: vec![origin.to_owned()], ..settings("127.0.0.1:0") };
            assert_eq!(settings.check().unwrap_err().code(), "SERVE_ORIGIN_INVALID", "{origin}");
        }
    }
}
