/** The bounds of the protocol that a client keeps or relies on, each with its unit (`docs/protocol.md`). */

/** The version of the protocol that is spoken. */
export const PROTOCOL_VERSION = 1;
/** Most operations in one push. */
export const PUSH_OPERATIONS_MAX = 1_000;
/** Longest message that is sent, in bytes of UTF-8. */
export const MESSAGE_BYTES_MAX = 8 << 20;
/** Longest answer that is read, in bytes once it is decompressed: one change is sent whatever its size. */
export const ANSWER_BYTES_MAX = 2 * MESSAGE_BYTES_MAX;
/** Most operations that one may come after. */
export const AFTER_MAX = 100;
/** Most fields and elements that one operation writes. */
export const FIELD_OPERATIONS_MAX = 10_000;
/** Most members of keyed arrays inside one another that an operation writes into. */
export const MEMBER_LEVELS_MAX = 32;
/** Most changes of one page. */
export const PAGE_CHANGES_MAX = 1_000;
/** Most conflicts of one record, or of one operation, that are told. */
export const CONFLICTS_MAX = FIELD_OPERATIONS_MAX;
/** Longest token, in characters. */
export const TOKEN_CHARACTERS_MAX = 64 << 10;
/** Longest cursor, in characters. */
export const CURSOR_CHARACTERS_MAX = 8 << 10;
/** Most names that one side of a connection gives an index; beyond it names stand as themselves. */
export const NAMES_MAX = 4_096;
/** Longest name that is given an index, in bytes of UTF-8. */
export const NAME_BYTES_MAX = 256;
/** Longest name of a type of record or of a client, in bytes of UTF-8. */
export const ENTITY_BYTES_MAX = 128;
/** Longest id of a record, in bytes of UTF-8. */
export const RECORD_ID_BYTES_MAX = 512;
/** Longest text of which edits are made, in characters. */
export const TEXT_CHARACTERS_MAX = 10_000_000;
/** Most parts of one edit of a text. */
export const EDIT_PARTS_MAX = 1 << 18;
/** Most stretches in which a client says what it holds of a view. */
export const STRETCHES_MAX = 2_048;
/** Most bytes of their names together. */
export const STRETCH_NAMES_BYTES_MAX = 256 << 10;
/** Fewest records of a stretch but the last: a stretch takes about a hundred bytes itself. */
export const STRETCH_RECORDS_MIN = 16;
