//! The single facts of a hub that stand in the table `meta`.

use crate::rows::MetaName;

/// The hub's site: 8 bytes, big end first.
pub const SITE: MetaName = MetaName::literal("site");
/// The hub's clock, above every clock in its store: 8 bytes, big end first.
pub const CLOCK: MetaName = MetaName::literal("clock");
/// The last position of the log: 8 bytes, big end first.
pub const POSITION: MetaName = MetaName::literal("position");
/// The frontier of the audit's tree.
pub const AUDIT_FRONTIER: MetaName = MetaName::literal("audit.frontier");
/// The head of the audit, as text.
pub const AUDIT_HEAD: MetaName = MetaName::literal("audit.head");
/// Where the store was when the site was given: a copy elsewhere gets a site of its own.
pub const PLACE: MetaName = MetaName::literal("place");
/// The cursor's incarnation: 16 bytes. New with every site, once the hub is served.
pub const INCARNATION: MetaName = MetaName::literal("incarnation");
/// What the hub's first life signs the tokens with that it gives to clients: 32 bytes. Drawn with its site,
/// so that whoever restores anything of it has both.
pub const TOKEN_KEY: MetaName = MetaName::literal("token.key");
/// What the keys of later lives are made of: the key of the first one, 32 bytes. It is in all that is made of
/// the hub, so that each understands the tokens of all others.
pub const TOKEN_ROOT: MetaName = MetaName::literal("token.root");
/// The sites that the store has had before, each with its key of tokens, the latest last: 8 and 32 bytes
/// each. What was seen of them and is not here was lost with a state that was put back.
pub const PAST: MetaName = MetaName::literal("past");
/// Stands while no run has told yet that the bases were forgotten, since the store was copied or put
/// back; empty.
pub const BASES_FORGOTTEN: MetaName = MetaName::literal("bases.forgotten");
/// The last position of the log that is forgotten: 8 bytes, big end first.
pub const HORIZON: MetaName = MetaName::literal("log.horizon");
/// All changes that the log does not tell of any more, each site's latest: site and clock, 8 bytes each. A
/// record that is not there and was seen below that was forgotten.
pub const FLOOR: MetaName = MetaName::literal("floor");
/// The hub's access tokens, as hashes, as they stand in the file beside the store: so that they are in its
/// backups.
pub const ACCESS_TOKENS: MetaName = MetaName::literal("access.tokens");
/// Whether only catalogued types of events are taken: one byte.
pub const EVENT_TYPES_STRICT: MetaName = MetaName::literal("event_types.strict");
/// Who receives webhooks, and their secrets.
pub const RECEIVERS: MetaName = MetaName::literal("receivers");
/// Which clients delete or change so much that they are held until an operator says otherwise.
pub const PUSH_HOLDS: MetaName = MetaName::literal("push.holds");
/// Which store this is to its backups, through all restores, and which opening of it wrote to one last:
/// 8 bytes each, big end first.
pub const BACKUP: MetaName = MetaName::literal("backup");
