//! The bounds of a configuration, each with its unit and its reason.

/// Most bytes in a configuration file. A thousand rules take a tenth of it.
pub(super) const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Most bytes in the name of a domain, an entity or a link: it becomes part of file names.
pub(super) const NAME_BYTES_MAX: usize = 64;

/// Most bytes in the file name of an entity. Source: the usual `NAME_MAX` of file systems, less
/// room for the suffix of the temporary file beside it.
pub(super) const FILE_NAME_BYTES_MAX: usize = 200;

/// Most domains, entities or links. Each link of each entity costs a pass over its records.
pub(super) const PARTS_MAX: usize = 256;

/// Most elements that an `append` list can be told to keep.
pub(super) const KEEP_MAX: u32 = 1_000_000;

/// Records per entity above which one run would no longer fit into a few gigabytes of memory.
pub(super) const ITEMS_SENSIBLE_MAX: u64 = 5_000_000;

/// Bytes per run above which one run would no longer fit into a few gigabytes of memory.
pub(super) const BYTES_SENSIBLE_MAX: u64 = 4_000_000_000;

/// Duration of a run above which it is taken for a typing mistake, in milliseconds: one day.
pub(super) const RUN_MS_SENSIBLE_MAX: u64 = 24 * 60 * 60 * 1_000;

/// Most fields by which a record is recognised under another id. Every record is held against all
/// of them.
pub(super) const IDENTIFY_MAX: usize = 8;

/// Most users and roles that a role or an approval names.
pub(super) const PEOPLE_MAX: usize = 1_000;

/// Most other issuers of access tokens. A token is held against all of them.
pub(super) const ISSUERS_MAX: usize = 16;

/// Most bytes of the beginning of a figure's name, or of the name of a region: every line of the figures holds both.
pub(super) const METRICS_NAME_BYTES_MAX: usize = 64;

/// Most rules of access. A token is bound to those of its role with every request.
pub(super) const ACCESS_RULES_MAX: usize = 1_000;

/// Most patterns of fields of one view or rule of access.
pub(super) const FIELD_PATTERNS_MAX: usize = 1_000;

/// Most kinds of field that the policies of two domains may tell apart, where they are held against
/// each other. A thousand rules without wildcards make a thousand.
pub(super) const FIELD_KINDS_MAX: usize = 4_096;
