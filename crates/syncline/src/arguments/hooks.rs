//! What `syncline hooks` takes.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::value;

/// What to do with events, and with what becomes of them.
#[derive(Debug, Subcommand)]
pub enum HooksCommand {
    /// Addresses of applications that are told of events
    #[command(subcommand)]
    Endpoint(EndpointCommand),
    /// Events: emit one, list them, see where one went
    #[command(subcommand)]
    Event(EventCommand),
    /// What became of events at an endpoint
    #[command(subcommand)]
    Delivery(DeliveryCommand),
    /// Deliver again what an endpoint has had, or has missed
    Replay(Replay),
    /// Forward events to an application on this machine as they come, until Ctrl-C
    Listen(Listen),
    /// Sign a body, as a hub would
    Sign(Sign),
    /// Check the signature of a body
    Verify(VerifyHook),
}

/// Which hub is asked.
#[derive(Args, Clone, Debug)]
pub struct RemoteHub {
    /// The server [default: SYNCLINE_SERVER, else http://127.0.0.1:8787]
    #[arg(long, value_name = "URL")]
    pub server: Option<String>,
    /// One of its hubs [default: the first one]
    #[arg(long, value_name = "NAME")]
    pub hub: Option<String>,
    /// File with the access token [default: what SYNCLINE_TOKEN holds]
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Send the token without TLS to a server that is not on this machine
    #[arg(long)]
    pub allow_plaintext: bool,
}

/// What to do with endpoints.
#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// List them, and how each does
    List {
        /// Which hub.
        #[command(flatten)]
        at: RemoteHub,
    },
    /// Show one
    Show(EndpointNamed),
    /// Make one, which gets the events from then on; its secret is printed once
    Add(EndpointAdd),
    /// Change what is settled of one; what is not named stays as it is
    Change(EndpointChange),
    /// Remove one, with what is known of its deliveries
    Remove(EndpointNamed),
    /// Send nothing more to one
    Disable(EndpointNamed),
    /// Send to one again that a test has reached
    Enable {
        /// Which one.
        #[command(flatten)]
        named: EndpointNamed,
        /// Leave out what came while it was disabled
        #[arg(long)]
        skip_backlog: bool,
    },
    /// Send one a test, and say what came of it
    Test(EndpointNamed),
    /// Give one a new secret; the former ones sign too for a while
    Rotate {
        /// Which one.
        #[command(flatten)]
        named: EndpointNamed,
        /// How long the former ones sign too [default: 24h]
        #[arg(long, value_name = "TIME", value_parser = value::millis)]
        overlap: Option<u64>,
    },
}

/// One endpoint.
#[derive(Args, Clone, Debug)]
pub struct EndpointNamed {
    /// Which hub.
    #[command(flatten)]
    pub at: RemoteHub,
    /// The endpoint
    pub endpoint: String,
}

/// An endpoint to be made.
#[derive(Args, Clone, Debug)]
pub struct EndpointAdd {
    /// Which hub.
    #[command(flatten)]
    pub at: RemoteHub,
    /// Where events are sent to
    pub url: String,
    /// Its name [default: one of random letters]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Types of events with commas, such as `enrollment.*,tasks.deleted` [default: all]
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    pub events: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Spec 004's way: three tries, ten at once
    #[arg(long)]
    pub preset: Option<PresetWord>,
    /// Most requests a second
    #[arg(long, value_name = "N")]
    pub per_second: Option<u32>,
    /// File with a secret, instead of one that the hub makes; repeat it for more
    #[arg(long, value_name = "FILE")]
    pub secret_file: Vec<PathBuf>,
    /// What events it is sent, and how long they are kept.
    #[command(flatten)]
    pub chosen: EndpointChoice,
}

/// Which events an endpoint is sent, and how long what became of them is kept.
#[derive(Args, Clone, Debug)]
pub struct EndpointChoice {
    /// Only events for which this is true, an expression in CEL over `event`; `none` for all
    #[arg(long, value_name = "CEL")]
    pub filter: Option<String>,
    /// Keep deliveries that have ended for this long, at most as the hub does; `hub` for as long as that
    #[arg(long, value_name = "TIME", value_parser = kept)]
    pub keep: Option<Kept>,
    /// The same of dead letters
    #[arg(long, value_name = "TIME", value_parser = kept)]
    pub keep_dead: Option<Kept>,
}

/// How long something is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// As long as the hub keeps it.
    AsHub,
    /// In milliseconds.
    For(u64),
}

fn kept(text: &str) -> Result<Kept, String> {
    if text == "hub" { Ok(Kept::AsHub) } else { value::long_millis(text).map(Kept::For) }
}

/// What is changed of an endpoint.
#[derive(Args, Clone, Debug)]
pub struct EndpointChange {
    /// Which one.
    #[command(flatten)]
    pub named: EndpointNamed,
    /// Where events are sent to
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Types of events with commas
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    pub events: Vec<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub description: Option<String>,
    /// Most requests a second
    #[arg(long, value_name = "N")]
    pub per_second: Option<u32>,
    /// What events it is sent, and how long they are kept.
    #[command(flatten)]
    pub chosen: EndpointChoice,
}

/// Settings under one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PresetWord {
    /// Those of spec 004.
    Anywheredoor,
}

/// What to do with events.
#[derive(Debug, Subcommand)]
pub enum EventCommand {
    /// Tell what happened
    Emit(Emit),
    /// List events in the order of the log
    List {
        /// Which hub.
        #[command(flatten)]
        at: RemoteHub,
        /// Only those types, with commas; `*` stands for any text
        #[arg(long, value_name = "TYPES")]
        types: Option<String>,
        /// Go on behind this place, `next` of a list before
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 50)]
        #[arg(value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: u16,
    },
    /// Show where an event went, endpoint by endpoint
    Show {
        /// Which hub.
        #[command(flatten)]
        at: RemoteHub,
        /// The event: its id
        event: String,
    },
}

/// An event to be emitted.
#[derive(Args, Clone, Debug)]
pub struct Emit {
    /// Which hub.
    #[command(flatten)]
    pub at: RemoteHub,
    /// What happened, such as enrollment.created
    #[arg(value_name = "TYPE")]
    pub kind: String,
    /// To which record, such as enrollment/enrollment-123
    #[arg(long, value_name = "TYPE/ID")]
    pub resource: String,
    /// What is said of it, as JSON
    #[arg(long, value_name = "JSON", conflicts_with = "data_file")]
    pub data: Option<String>,
    /// The same from a file; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    pub data_file: Option<PathBuf>,
    /// Its id: emitted again under it, it is one event [default: a new one]
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
}

/// What to do with deliveries.
#[derive(Debug, Subcommand)]
pub enum DeliveryCommand {
    /// List those of an endpoint with their attempts, the latest first
    List {
        /// Which endpoint.
        #[command(flatten)]
        named: EndpointNamed,
        /// Those before this sequence
        #[arg(long, value_name = "N")]
        before: Option<u64>,
        /// Only those that are so: waiting, parked, sending, retrying, delivered, dead, cancelled; with commas
        #[arg(long, value_name = "STATES")]
        state: Option<String>,
        /// Events since this time, such as 2026-11-20T08:00:00Z
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Events before this time
        #[arg(long, value_name = "TIME")]
        to: Option<String>,
        /// How many at most
        #[arg(long, value_name = "N", default_value_t = 20)]
        #[arg(value_parser = clap::value_parser!(u16).range(1..=1_000))]
        limit: u16,
    },
    /// Try one at once that waits for its time, or is dead
    Retry(DeliveryNamed),
    /// Print what the event of one says
    Data(DeliveryNamed),
}

/// One delivery.
#[derive(Args, Clone, Debug)]
pub struct DeliveryNamed {
    /// Which endpoint.
    #[command(flatten)]
    pub named: EndpointNamed,
    /// Its sequence
    pub sequence: u64,
}

/// What is delivered again.
#[derive(Args, Clone, Debug)]
pub struct Replay {
    /// Which hub.
    #[command(flatten)]
    pub at: RemoteHub,
    /// The endpoints
    #[arg(required = true, value_name = "ENDPOINT")]
    pub endpoints: Vec<String>,
    /// Events since this time, such as 2026-11-20T08:00:00Z
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Events before this time [default: now]
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// Only these types, with commas; `*` stands for any text
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    pub types: Vec<String>,
    /// Only what has become this of them, with commas [default: dead]
    #[arg(long, value_name = "STATUS", value_delimiter = ',')]
    pub status: Vec<PastWord>,
    /// Count what would be delivered, and deliver nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// What has become of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PastWord {
    /// It has arrived.
    Delivered,
    /// It was given up.
    Dead,
    /// It was never tried, as before the endpoint was made or where it was left out.
    Missed,
    /// It was cancelled.
    Cancelled,
}

/// Where events are forwarded to.
#[derive(Args, Clone, Debug)]
pub struct Listen {
    /// Which hub.
    #[command(flatten)]
    pub at: RemoteHub,
    /// The application, on this machine
    #[arg(long, value_name = "URL")]
    pub forward: String,
    /// Types of events with commas [default: all]
    #[arg(long, value_name = "TYPES")]
    pub events: Option<String>,
    /// Begin behind this place instead of with what comes; 0 begins with the first event that is kept
    #[arg(long, value_name = "PLACE")]
    pub after: Option<String>,
    /// File with the secret to sign with; repeat it for more [default: one that is made and printed]
    #[arg(long, value_name = "FILE")]
    pub secret_file: Vec<PathBuf>,
    /// End after so many events
    #[arg(long, value_name = "N")]
    pub count: Option<u64>,
}

/// What is signed.
#[derive(Args, Clone, Debug)]
pub struct Sign {
    /// File with the secret to sign with; repeat it for more
    #[arg(long, value_name = "FILE", required = true)]
    pub secret_file: Vec<PathBuf>,
    /// The event's id
    #[arg(long, value_name = "ID")]
    pub id: String,
    /// When it is sent, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS")]
    pub timestamp: Option<u64>,
    /// The body; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub body: PathBuf,
}

/// What is verified.
#[derive(Args, Clone, Debug)]
pub struct VerifyHook {
    /// File with a secret; repeat it for more
    #[arg(long, value_name = "FILE", required = true)]
    pub secret_file: Vec<PathBuf>,
    /// A header of the request, such as `webhook-id: event-123`; repeat it for more
    #[arg(short = 'H', long, value_name = "HEADER", required = true)]
    pub header: Vec<String>,
    /// When it came, in seconds since 1970 [default: now]
    #[arg(long, value_name = "SECONDS")]
    pub now: Option<u64>,
    /// The body, byte for byte as it came; `-` reads standard input
    #[arg(value_name = "FILE")]
    pub body: PathBuf,
}
