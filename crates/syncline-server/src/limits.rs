//! The bounds of the server, each with its unit and its reason.

use std::time::Duration;

use syncline_protocol::limits::{MESSAGE_BYTES_MAX, PULL_WAIT_MS_MAX};

/// Longest body of a request, in bytes, as it comes and decompressed. As long as a message.
pub const BODY_BYTES_MAX: usize = MESSAGE_BYTES_MAX;

/// How many times as long as it came a body may become when it is decompressed. Text of records
/// shrinks to a tenth, seldom to a fiftieth.
pub const BODY_RATIO_MAX: usize = 200;

/// Decompressed bytes that are no matter whatever the ratio.
pub const BODY_RATIO_FREE_BYTES: usize = 64 << 10;

/// Shortest answer that is compressed, in bytes. Below it headers and checksums eat the gain.
pub const COMPRESSED_BYTES_MIN: u16 = 256;

/// Longest time for the head of a request, and for the handshake of TLS.
pub const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// Longest time until a request is answered, its body included. What it has begun goes on until it ends.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(60);

/// Longest time for the body of a request: less than until it is answered, so that one that has not come whole is
/// told from one that was begun.
pub const BODY_TIME_MAX: Duration = Duration::from_secs(50);

/// How long requests under way may go on once the server stops. Source: rolling restarts wait 30 s.
pub const STOP_TIME_MAX: Duration = Duration::from_secs(10);

/// Most connections at once, open sockets of clients included.
pub const CONNECTIONS_MAX: usize = 12_000;

/// Most requests at once that read or write, those included that nobody waits for any more; those that wait for changes
/// do not count. One hub has half of them at most.
pub const REQUESTS_MAX: usize = 2_048;

/// Most requests at once on one connection of HTTP/2.
pub const STREAMS_MAX: u32 = 128;

/// Longest head of a request, in bytes: a token of a record in a header fits.
pub const HEAD_BYTES_MAX: usize = 96 << 10;

/// Buffer for reading from an open socket, in bytes: ten thousand idle ones cost little.
pub const SOCKET_BUFFER_BYTES: usize = 2 << 10;

/// Most access tokens of one hub.
pub const TOKENS_MAX: usize = 10_000;

/// Longest claims of an access token, as JSON, in bytes.
pub const CLAIMS_BYTES_MAX: usize = 4 << 10;

/// Longest name of an access token, in bytes.
pub const TOKEN_NAME_BYTES_MAX: usize = 128;

/// How long a ticket may be used. Source: protocol §5.
pub const TICKET_TIME: Duration = Duration::from_secs(30);

/// How long a browser may take it for granted that a page of a listed site may ask. Without it each request of a page is
/// two: a browser remembers for 5 s only. It is no right: every request is judged by its token.
pub const CORS_TIME: Duration = Duration::from_secs(600);

/// Most tickets of one hub that were not used yet.
pub const TICKETS_MAX: usize = 16_384;

/// Longest time that one is signed in to the dashboard: a working day. Source: OWASP, 4 to 8 hours of a day's use and
/// some more for who is on call.
pub const SESSION_TIME: Duration = Duration::from_secs(12 * 3_600);

/// Most sessions of one hub.
pub const SESSIONS_MAX: usize = 4_096;

/// Most sessions of one access token, so that no token keeps others from signing in. One more ends the oldest.
pub const SESSIONS_OF_TOKEN_MAX: usize = 16;

/// Most hubs of one server. Each is a store that is open.
pub const HUBS_MAX: usize = 256;

/// Most commands at once that work through the server, those included that wait for their turn.
pub const LOANS_MAX: usize = 16;

/// Longest name of a hub, in bytes: it is the name of a folder.
pub const HUB_NAME_BYTES_MAX: usize = 63;

/// Requests that one token may make in [`RATE_WINDOW`].
pub const RATE_REQUESTS: u32 = 600_000;

/// The stretch of time that [`RATE_REQUESTS`] is counted over.
pub const RATE_WINDOW: Duration = Duration::from_secs(60);

/// How often a stream of events says that it is alive. Source: protocol §4.
pub const EVENTS_PING: Duration = Duration::from_secs(15);

/// How long a read waits until the hub holds what another answer showed.
pub const READ_WAIT_MAX: Duration = Duration::from_secs(2);

/// Records in one page of a list, unless another number is asked for.
pub const LIST_DEFAULT: usize = 50;

/// Most records in one page of a list.
pub const LIST_MAX: usize = 1_000;

/// Most domains in one page of their list: of each that does not do well the latest deliveries are looked at.
pub const DOMAINS_LISTED_MAX: usize = 100;

/// Runs that are looked at for how the folders do that a hub is kept equal with.
pub const DOMAIN_RUNS_LOOKED_AT_MAX: usize = 1_000;

/// Deliveries of an endpoint that are looked at for its latest failure.
pub const DOMAIN_ATTEMPTS_LOOKED_AT_MAX: usize = 20;

/// For how long the oldest event of an endpoint may wait before it is said to be behind, in milliseconds.
pub const ENDPOINT_BEHIND_MS: u64 = 300_000;

/// Most bytes that are shown of the body of a delivery: as much as a person looks at. The rest is in its data.
pub const BODY_SHOWN_BYTES_MAX: usize = 64 << 10;

/// Longest `Idempotency-Key`, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// How long a request is known by its `Idempotency-Key`, in milliseconds: a week, so that what is sent again by who was
/// off over days is known still. Source: Stripe keeps keys for a day and more, others for hours.
pub const IDEMPOTENCY_KEPT_MS: u64 = 7 * 86_400_000;

/// Longest time that the revocation of a token waits until the audit says so. Source: a commit takes milliseconds, and
/// who revokes a token that was stolen must not wait for a disk that hangs.
pub const NOTED_BEFORE_MAX: Duration = Duration::from_secs(2);

/// Longest answer that is kept of a request with an `Idempotency-Key`, in bytes: a receiver with all its entities.
pub const IDEMPOTENT_ANSWER_BYTES_MAX: usize = 1 << 20;

/// Most events that one request emits: as many as one group of the writer holds.
pub const EMITTED_AT_ONCE_MAX: usize = 1_000;

/// Most attempts to deliver that one hub makes at once. Each hub has as many connections.
pub const SENDS_MAX: usize = 1_024;

/// Most notices of one hub that are kept to be looked at; all are in the audit.
pub const NOTICES_KEPT_MAX: usize = 1_024;

/// How long attempts that are under way have to end when the server stops (requirement H22).
pub const DELIVERY_STOP_MAX: Duration = Duration::from_secs(10);

/// Most filters and transformations of events that are computed at once, of all hubs; one hub has half of them at most:
/// others have processors, too.
pub const TRANSFORMED_AT_ONCE: usize = 4;

/// How long deliveries rest after the store has failed, before what it holds is read anew.
pub const DELIVERY_RESTART_PAUSE: Duration = Duration::from_secs(1);

/// How long a secret signs beside the one that has taken its place, in milliseconds, unless another time is
/// asked for: a day, for receivers that are changed by hand.
pub const SECRET_OVERLAP_MS: u64 = 86_400_000;

/// Longest such time, in milliseconds: a week, as others bound it.
pub const SECRET_OVERLAP_MS_MAX: u64 = 7 * 86_400_000;

/// Records of one hub that may be read and then written at once; others wait for their turn.
pub const TURNS: usize = 64;

/// How often it is looked what a hub has done. A page that shows it asks as often. Source: spec 002, a dashboard that is
/// refreshed every 5 s.
pub const ACTIVITY_EVERY: Duration = Duration::from_secs(5);

/// Most samples that are kept of one hub: ten minutes, some 20 kilobytes.
pub const ACTIVITY_SAMPLES_MAX: usize = 120;

/// Up to how many open conflicts are counted for an overview; of more it is said that there are more. To count
/// them is to read their keys.
pub const CONFLICTS_COUNTED_MAX: usize = 1_000;

/// Below which share of copies that are what the hub shows an overview warns. Source: spec 002, 99.9 %.
pub const CONSISTENCY_MIN: f64 = 0.999;

const _: () = assert!(REQUEST_TIME_MAX.as_millis() > READ_WAIT_MAX.as_millis());
const _: () = assert!(REQUEST_TIME_MAX.as_millis() > BODY_TIME_MAX.as_millis());
const _: () = assert!(REQUEST_TIME_MAX.as_millis() > PULL_WAIT_MS_MAX as u128);
const _: () = assert!(SESSIONS_OF_TOKEN_MAX < SESSIONS_MAX);
const _: () = assert!(LIST_DEFAULT <= LIST_MAX);
const _: () = assert!(SOCKET_BUFFER_BYTES < BODY_BYTES_MAX);

/// How far a backup may be behind before the health warns: what is lost with the machine is to be less
/// than a minute.
pub const BACKUP_BEHIND_MAX: Duration = Duration::from_secs(60);

/// How long a change waits at most, about, until it is in the backup, unless another time is asked for.
pub const BACKUP_EVERY: Duration = Duration::from_secs(5);

/// Longest such time: with the machine less than a minute is to be lost.
pub const BACKUP_EVERY_MAX: Duration = Duration::from_secs(30);

/// Most copies of one hub of which it is remembered what is known of them.
pub const REPLICAS_MAX: usize = 65_536;

/// How long what came of a comparison is known, in milliseconds: clients compare every ten minutes.
pub const REPLICA_FRESH_MS: u64 = 3_600_000;

/// How long what was noted of copies for a command is that of now, in milliseconds: the longest that a command
/// looks before it reads it.
pub const REPLICAS_NOTED_MS: u64 = 60_000;

/// How long a copy is missed whose holder is not there, in milliseconds: 30 days.
pub const REPLICA_FORGOTTEN_MS: u64 = 30 * 86_400_000;

/// How often hubs forget what their log tells of longer ago than it is kept, and write down which copies
/// there are.
pub const LOOK_AFTER_EVERY: Duration = Duration::from_secs(60);

/// How long it is waited for one hub that is looked after before the next one is: a store that hangs is left alone.
pub const LOOK_AFTER_WAIT_MAX: Duration = Duration::from_secs(10);

/// How often final deliveries are looked for that are kept no longer. They are kept for days.
pub const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// How long others have the writer between two pieces that are forgotten.
pub const FORGET_PAUSE: Duration = Duration::from_millis(100);

/// Most decisions of one hub that wait to be in a figure: as many as are decided within the longest time between two
/// looks. Further ones are in none.
pub const DECIDED_NOTED_MAX: usize = 10_000;

/// How often it is looked whether a hub does badly: shorter than any time after which somebody is told.
pub const ALERT_LOOK_EVERY: Duration = Duration::from_secs(10);

/// Most reads of stores for requests at once, of all hubs; one hub has half of them at most. Less than the threads of a
/// process that may block, of which some are left to names of hosts and to commands that work through the server.
pub const READS_AT_ONCE_MAX: usize = 64;

/// Most looks at one hub that have not ended, by alerts and figures: a store that hangs takes no more threads.
pub const LOOKS_AT_ONCE_MAX: usize = 3;

/// Longest look at one hub, and longest time that is waited until what was told is on disk: a disk that hangs is itself
/// to be told.
pub const ALERT_LOOK_MAX: Duration = Duration::from_secs(5);

/// How long a look at what waits for deliveries or decisions waits itself while that is busy: with many hubs on a store
/// that hangs the others are looked at all the same.
pub const LOOK_WAIT_MAX: Duration = Duration::from_millis(250);

/// For how long nothing can be delivered before that is a warning: a turn on a slow disk takes less.
pub const DELIVERIES_STOPPED_AFTER: Duration = Duration::from_secs(10);

/// Longest try to tell somebody of an alert.
pub const ALERT_SEND_TIME_MAX: Duration = Duration::from_secs(15);

/// How long it is waited before each further try; behind the last one it is given up, and the alert is told again
/// after the time for repeats if it lasts.
pub const ALERT_RETRY_WAITS: [Duration; 4] = [
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(120),
    Duration::from_secs(600),
];

/// Most receivers of alerts. Each has a queue of its own.
pub const ALERT_RECEIVERS_MAX: usize = 32;

/// Most alerts that wait for one receiver that is away.
pub const ALERTS_QUEUED_MAX: usize = 256;

/// Most sentences about receivers that could not be told that wait for the terminal; the oldest give way.
pub const ALERT_PROBLEMS_MAX: usize = 100;

/// Longest time until one address of a mail server is connected to; then the next one is tried.
pub const MAIL_CONNECT_TIME_MAX: Duration = Duration::from_secs(5);

/// At which hour of the day reports are sent unless another one is given, by UTC: before the day's work in Europe and
/// after it in America.
pub const REPORT_HOUR: u8 = 6;

/// How often it is looked whether a report is due.
pub const REPORT_LOOK_EVERY: Duration = Duration::from_secs(60);

/// Most hubs that one report tells of, in some 100 kilobytes; of more it is said that there are more.
pub const REPORT_HUBS_MAX: usize = 100;

/// Most addresses of one e-mail: more belong into a list of the mail server.
pub const MAIL_RECEIVERS_MAX: usize = 50;

const _: () = assert!(BACKUP_EVERY_MAX.as_millis() < BACKUP_BEHIND_MAX.as_millis());

/// Most receivers of one hub, beside those of spec 004: one for each application that tells something.
pub const RECEIVERS_MAX: usize = 64;

/// Longest name of a receiver, in bytes: it stands in a path, and before the name of a client.
pub const RECEIVER_NAME_BYTES_MAX: usize = 48;

/// Shortest text that is taken as a plain secret of spec 004, in bytes: whoever guesses it writes records. That of the
/// examples in spec 004 has 24.
pub const PLAIN_SECRET_BYTES_MIN: usize = 16;

/// Most secrets of a receiver: as many as are verified with.
pub const RECEIVER_SECRETS_MAX: usize = syncline_protocol::limits::WEBHOOK_SECRETS_MAX;

/// Most types of events, and most words for deletion, that are named of a receiver.
pub const RECEIVER_WORDS_MAX: usize = 64;

/// Most entities that a receiver gives other names.
pub const RECEIVER_ENTITIES_MAX: usize = 64;

/// Longest body of a webhook, in bytes: four times as long as the longest that a hub sends. Whoever sends one has
/// no token, and may be anybody until it was read.
pub const RECEIVED_BYTES_MAX: usize = 1 << 20;

/// Longest time for the body of a webhook. Source: spec 004's time-out of webhooks.
pub const RECEIVED_TIME_MAX: Duration = Duration::from_secs(10);

/// Most webhooks at once that are read and verified: with the longest bodies a quarter of a gigabyte. They have
/// no part of the places that other requests have.
pub const RECEIVED_AT_ONCE_MAX: usize = 256;

const _: () = assert!(syncline_protocol::limits::WEBHOOK_BODY_BYTES < RECEIVED_BYTES_MAX);
const _: () = assert!(RECEIVED_TIME_MAX.as_millis() < REQUEST_TIME_MAX.as_millis());

/// How far ahead of the hub's clock a webhook may say that it is, in milliseconds. As far as the time of a signature
/// may be. What is further ahead would make everything look old that a sender with the right time says until then.
pub const RECEIVED_AHEAD_MS_MAX: u64 = syncline_protocol::limits::WEBHOOK_TOLERANCE_S * 1_000;

/// Most times at which the fields of one record were edited that a hub tells of: each is an operation of its own. A change has
/// one, or few where a client's clock was behind.
pub(crate) const RECEIVED_TIMES_MAX: usize = 256;

/// Longest cookie of an application's sign-in that is looked at, in bytes: a browser keeps no longer one.
pub const APP_SESSION_BYTES_MAX: usize = 4 << 10;

/// Most cookies that one session is joined of: what is longer fits in no header that is taken.
pub const APP_SESSION_PARTS_MAX: usize = 8;

/// How soon something is due that a nudge has tried at once, in milliseconds: nudges come every minute (spec 004). So
/// they use up no attempts of an application that is away for long; of the preset of spec 004 all is due sooner.
pub const HASTENED_WITHIN_MS: u64 = 60_000;

/// Most deliveries that one nudge has tried at once.
pub const HASTENED_AT_ONCE_MAX: usize = 1_000;

/// Most dead letters of an endpoint that are counted for the monitoring of spec 004.
pub const FAILED_COUNTED_MAX: usize = 10_000;

/// Deliveries that are looked at for their health, all endpoints together.
pub const HEALTH_ROWS_MAX: usize = 2_000;

/// Over which time attempts count for it, in milliseconds.
pub const HEALTH_WINDOW_MS: u64 = 3_600_000;

/// Fewest attempts in that time for deliveries to be said to fail.
pub const HEALTH_ATTEMPTS_MIN: u64 = 10;

/// Which part of these has failed then, at least, in per cent.
pub const HEALTH_FAILED_PERCENT: u64 = 50;

/// From which part on it is warned, in per cent.
pub const HEALTH_WARN_PERCENT: u64 = 10;

/// Most failures that are told.
pub const FAILURES_TOLD_MAX: usize = 50;
