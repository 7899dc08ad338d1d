//! What `syncline serve` takes.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;

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
    /// Keep the folders of the configuration equal with the hub, as `syncline watch` does
    #[arg(long)]
    pub watch: bool,
    /// Listen beyond this machine without TLS: something in front of it encrypts
    #[arg(long)]
    pub allow_plaintext: bool,
    /// Serve from a folder that other users of the machine can enter
    #[arg(long)]
    pub allow_exposed_state: bool,
}
