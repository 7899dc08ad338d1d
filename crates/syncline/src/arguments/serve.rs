//! What `syncline serve` takes.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;
use syncline_domains::app::Network;
use syncline_policy::Threshold;
use syncline_server::limits::BACKUP_EVERY_MAX;

use crate::config::units::{long_millis, millis};

/// How the hub is served.
#[derive(Args, Clone, Debug)]
pub struct Serve {
    /// Where to listen; port 0 takes a free one
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8787")]
    pub listen: SocketAddr,
    /// Folder of the hub; made where there is none [default: `state` of the configuration, else .syncline]
    #[arg(long, visible_alias = "data", value_name = "FOLDER")]
    pub state: Option<PathBuf>,
    /// Back all hubs up to this folder, all the time; it is made where there is none
    #[arg(long, value_name = "FOLDER")]
    pub backup_to: Option<PathBuf>,
    /// How long a change waits until it is in the backup: 100ms to 30s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = backup_every)]
    pub backup_every: u64,
    /// Forget what the log tells of longer ago, such as 90d; devices that were away longer read
    /// everything anew [default: nothing is forgotten]
    #[arg(long, value_name = "TIME", value_parser = keep_log)]
    pub keep_log: Option<u64>,
    /// Forget all but the latest changes, so many, even if they are younger
    #[arg(long, value_name = "N")]
    pub keep_changes: Option<u64>,
    /// Forget deliveries that have ended longer ago, such as 30d; those that were given up stay three times as
    /// long
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = keep_deliveries)]
    pub keep_deliveries: u64,
    /// Certificate, and those that vouch for it, in the PEM format
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Its private key, in the PEM format
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Pages of this site may ask, such as https://app.example; repeat it for more
    #[arg(long, value_name = "ORIGIN")]
    pub origin: Vec<String>,
    /// Most requests a minute with one access token
    #[arg(long, value_name = "N", default_value_t = 600_000)]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: u32,
    /// Records of an entity that one client may delete within ten minutes before an operator is asked:
    /// a number, or a share such as 20% [default: the greater of 100 and 20 %]
    #[arg(long, value_name = "N|P%")]
    pub max_delete: Option<Threshold>,
    /// Records that it may change [default: the greater of 10000 and 50 %]
    #[arg(long, value_name = "N|P%")]
    pub max_change: Option<Threshold>,
    /// Keep the folders of the configuration equal with the hub, as `syncline watch` does
    #[arg(long)]
    pub watch: bool,
    /// Tell somebody of conflicts that wait for a person: a command, or an http address [default: as
    /// configured]
    #[arg(long, value_name = "COMMAND|URL")]
    pub notify: Option<String>,
    /// Deliver events to addresses that are not public, with https or http: `loopback`, or a network such as
    /// 10.0.0.0/8, with a port such as 10.0.0.0/8:3000 unless it is a usual one; repeat it for more
    #[arg(long, value_name = "loopback|NETWORK[:PORT]")]
    pub deliver_to: Vec<Reached>,
    /// The hub that WEBHOOK_SECRET, SYNC_WEBHOOK_URLS, CRON_SECRET and NEXTAUTH_SECRET are for; the default one
    /// without it
    #[arg(long, value_name = "HUB")]
    pub app_hub: Option<String>,
    /// Listen beyond this machine without TLS: something in front of it encrypts
    #[arg(long)]
    pub allow_plaintext: bool,
    /// Serve from a folder that other users of the machine can enter
    #[arg(long)]
    pub allow_exposed_state: bool,
}

/// Addresses that are not public, and that events may be delivered to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// This machine.
    Loopback,
    /// A network.
    Network(Network),
}

impl FromStr for Reached {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "loopback" {
            return Ok(Self::Loopback);
        }
        let network = text.parse().map(Self::Network);
        network.map_err(|_| {
            "`loopback`, or a network such as 10.0.0.0/8, or with a port 10.0.0.0/8:3000".to_owned()
        })
    }
}

fn backup_every(text: &str) -> Result<u64, String> {
    let bounds = 100..=u64::try_from(BACKUP_EVERY_MAX.as_millis()).unwrap_or(u64::MAX);
    let every = millis(text).filter(|every| bounds.contains(every));
    every.ok_or_else(|| "a time from 100ms to 30s".to_owned())
}

fn keep_log(text: &str) -> Result<u64, String> {
    let kept = long_millis(text).filter(|kept| *kept >= LOG_KEPT_MS_MIN);
    kept.ok_or_else(|| "a time of at least 1h, such as 90d".to_owned())
}

fn keep_deliveries(text: &str) -> Result<u64, String> {
    let kept = long_millis(text).filter(|kept| *kept >= LOG_KEPT_MS_MIN);
    kept.ok_or_else(|| "a time of at least 1h, such as 30d".to_owned())
}

/// Shortest time for which a log is kept: a device that is offline over lunch does not begin anew.
const LOG_KEPT_MS_MIN: u64 = 3_600_000;
