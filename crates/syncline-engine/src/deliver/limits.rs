//! The bounds of deliveries, each with its unit and its reason.

/// Milliseconds: of a span, or since the Unix epoch where a moment is meant.
pub type Millis = u64;

const SECOND: Millis = 1_000;
const MINUTE: Millis = 60 * SECOND;
const HOUR: Millis = 60 * MINUTE;
const DAY: Millis = 24 * HOUR;

/// Most endpoints of one hub. Each takes some 2 kB while it is idle.
pub const ENDPOINTS_MAX: usize = 10_000;

/// Most deliveries of one endpoint that are in memory. Beyond, the endpoint reads no further: it lags,
/// and the log holds the rest. It is also how many records may fail at once at one endpoint before the
/// others wait for them.
pub const PENDING_MAX: usize = 10_000;

/// Most deliveries of all endpoints in memory: some 64 MB.
pub const PENDING_TOTAL_MAX: usize = 250_000;

/// Deliveries that each endpoint may hold in memory however many others hold, so that none is locked out.
pub const PENDING_OWN_MIN: usize = 16;

/// Deliveries of all endpoints in memory beyond which no further page is read for all together while any of
/// them can be sent, or can be soon.
pub const AHEAD_MAX: usize = 8_192;

/// Most entries of the log read at once.
pub const READ_ENTRIES_MAX: usize = 512;

/// Most deliveries of one lane that wait in memory. Beyond, they wait on disk, so that one busy record
/// does not take the memory of the others.
pub const LANE_WAITING_MAX: usize = 256;

/// Most deliveries of a lane that are read from disk at once.
pub const LANE_LOAD_MAX: usize = 32;

/// Most deliveries that are due of one endpoint whose rows are read at once.
pub const DUE_LOAD_MAX: usize = 32;

/// Most positions behind a cursor that wait without a row. They are part of each cursor's row, which is
/// written with every batch of sends.
pub const CURSOR_WAITING_MAX: usize = 512;

/// Most entries of the log between what is settled and what was read. They are read again after a crash.
pub const SPAN_MAX: u64 = 10_000;

/// How far an endpoint that nothing concerns goes on before its cursor is written, in entries of the log.
pub const IDLE_SPAN_MAX: u64 = 100_000;

/// Most sends of one endpoint in a row before the next one has its turn.
pub const TURN_SENDS_MAX: usize = 8;

/// Most attempts of one endpoint that wait, counted, until the sender has room for them, about: behind them no more of
/// it are counted.
pub const WAITING_OWN_MAX: u32 = 8;

/// Most attempts of all endpoints that wait so, about. Beyond, each endpoint may have one.
pub const WAITING_MAX: u32 = 1_024;

/// Most bytes of payloads that are being sent at once: what a sender holds in memory for them. An endpoint takes as
/// much as it leaves for the others.
pub const FLYING_BYTES_MAX: u64 = 64 << 20;

/// Most attempts in one schedule.
pub const SCHEDULE_ATTEMPTS_MAX: usize = 64;

/// Longest wait before an attempt: a week.
pub const SCHEDULE_WAIT_MS_MAX: Millis = 7 * DAY;

/// The waits before each attempt unless settled otherwise: 75 hours and 12 attempts in all. It outlasts a
/// weekend. Source: the example of Standard Webhooks, with shorter steps at the beginning.
#[rustfmt::skip]
pub const SCHEDULE_DEFAULT: [Millis; 12] = [
    0, 5 * SECOND, 30 * SECOND, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE,
    2 * HOUR, 5 * HOUR, 10 * HOUR, 14 * HOUR, 20 * HOUR, 24 * HOUR,
];

/// Which part of a step, in per cent, a retry waits at least.
///
/// Full jitter draws a wait between nothing and the whole step (Brooker, "Exponential Backoff And Jitter",
/// AWS 2015), to spread the clients of one service. Here one sender tries one receiver, and a draw close
/// to nothing would spend an attempt at once: twelve attempts could be over in seconds. A tenth keeps the
/// order of the steps, and nine tenths of the spread.
pub const JITTER_FLOOR_PERCENT: u64 = 10;

/// How long the head of a lane may fail while the lane waits in memory. Behind it the lane is parked.
pub const BLOCK_MS_DEFAULT: Millis = 5 * MINUTE;

/// Longest that a receiver can tell us to wait: `Retry-After` of more counts as this much.
pub const RETRY_AFTER_MS_MAX: Millis = DAY;

/// How long an endpoint rests that answers 429 and does not say how long.
pub const THROTTLED_MS: Millis = 10 * SECOND;

/// Time from the send to the end of the answer, unless settled otherwise.
pub const TIMEOUT_MS_DEFAULT: Millis = 30 * SECOND;

/// Longest time-out that can be settled.
pub const TIMEOUT_MS_MAX: Millis = 5 * MINUTE;

/// Sends of one endpoint at once, unless settled otherwise.
pub const IN_FLIGHT_DEFAULT: u32 = 64;

/// Most sends of one endpoint at once that can be settled.
pub const IN_FLIGHT_MAX: u32 = 1_024;

/// Most sends to one host at once, over all its endpoints. A sender has as many connections to a host.
pub const HOST_FLYING_MAX: u32 = 512;

/// Most sends at once to all hosts whose latest attempt was not answered, or that had none yet: half of what a
/// sender takes. However many of them hang, the others have the rest.
pub const UNPROVEN_FLYING_MAX: u32 = 512;

/// Most sends at once to one such host: until it answers there is no use in more.
pub const HOST_UNPROVEN_MAX: u32 = 8;

/// How long nothing more is read for all together, beyond [`AHEAD_MAX`], for the sake of a host that has all it may
/// have under way and has just answered: a host that hangs from then on holds up the others for no longer.
pub const HOST_LIVELY_MS: Millis = SECOND;

/// Most attempts in a row that the end of the hub may cut off before a delivery is given up that has no
/// attempt left: what nobody knows the outcome of is sent again, and what ends the hub each time is not, for
/// ever.
pub const CUT_OFF_MAX: usize = 10;

/// Time of nothing but failures after which an endpoint is disabled, unless settled otherwise. Source:
/// Svix disables after five days.
pub const DISABLE_AFTER_MS_DEFAULT: Millis = 5 * DAY;

/// Fewest failures in a row before an endpoint is disabled: an endpoint that is asked twice a week is not
/// disabled for two failures.
pub const DISABLE_FAILURES_MIN: u32 = 10;

/// At which parts of that time, in per cent, the operator is warned.
pub const WARNINGS_PERCENT: [u8; 3] = [50, 70, 90];

/// How long a successful test counts when an endpoint is enabled again.
pub const TEST_MS_MAX: Millis = 10 * MINUTE;

/// Payloads above this are not sent whole, unless settled otherwise: the receiver fetches them.
pub const THIN_ABOVE_BYTES_DEFAULT: u32 = 256 << 10;

/// Replays sent per second, unless settled otherwise: they must not push what is new aside.
pub const REPLAYS_PER_SECOND_DEFAULT: u32 = 50;

/// Most deliveries taken for a replay at once.
pub const REPLAY_TAKEN_MAX: usize = 1_000;

/// Most attempts that a row keeps; the oldest go first. The longest schedule has 64 of one round.
pub const ATTEMPTS_KEPT_MAX: usize = 32;

/// Most bytes of an answer that an attempt keeps.
pub const EXCERPT_BYTES_MAX: usize = 1_024;

/// Most bytes of the code that says why an attempt failed.
pub const CODE_BYTES_MAX: usize = 48;

/// Most bytes of an endpoint's address.
pub const URL_BYTES_MAX: usize = 2_048;

/// Most bytes of what an operator says of an endpoint.
pub const DESCRIPTION_BYTES_MAX: usize = 1_024;

/// Most patterns of a filter.
pub const PATTERNS_MAX: usize = 64;

/// Longest that an endpoint can say its deliveries are kept: ten years. The hub keeps them less long.
pub const KEEP_MS_MAX: Millis = 3_650 * DAY;

/// Most bytes of the source of a transformation, and of a filter.
pub const TRANSFORMATION_BYTES_MAX: usize = 16 << 10;

/// Most secrets of one endpoint: of each kind one that counts and one that ends, and some to spare.
pub const SECRETS_MAX: usize = 8;

/// Most bytes of one secret.
pub const SECRET_BYTES_MAX: usize = 512;

/// Most notices that wait for somebody to take them; the oldest are counted and dropped.
pub const NOTICES_MAX: usize = 1_024;

/// Most event types of which it is remembered whom they concern.
pub const ROUTES_MAX: usize = 4_096;

const _: () = assert!(LANE_WAITING_MAX < PENDING_MAX && READ_ENTRIES_MAX < PENDING_MAX);
const _: () = assert!(AHEAD_MAX < PENDING_TOTAL_MAX && (AHEAD_MAX as u64) < SPAN_MAX);
const _: () = assert!(PENDING_MAX < PENDING_TOTAL_MAX);
const _: () = assert!(CUT_OFF_MAX < ATTEMPTS_KEPT_MAX && IN_FLIGHT_DEFAULT <= HOST_FLYING_MAX);
const _: () = assert!(ENDPOINTS_MAX * PENDING_OWN_MIN <= PENDING_TOTAL_MAX);
const _: () = assert!(SCHEDULE_DEFAULT.len() <= SCHEDULE_ATTEMPTS_MAX);
const _: () = assert!(CURSOR_WAITING_MAX as u64 * 2 < SPAN_MAX && SPAN_MAX < IDLE_SPAN_MAX);
