//! The tables of a client's file.

/// Marks the file as that of a client of this program: `SYNK` in ASCII.
pub(super) const APPLICATION_ID: i64 = 0x5359_4e4b;

/// The format of the tables. Raise it with every change of them; older programs then refuse.
pub(super) const FORMAT: i64 = 1;

/// Contents (fields, operations, texts) are blobs: text, or sealed text.
pub(super) const SCHEMA: &str = "
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- What the hub has confirmed. A record without fields is not there.
CREATE TABLE records (
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    fields BLOB,
    token TEXT,
    position INTEGER NOT NULL,
    conflicts TEXT NOT NULL DEFAULT '[]',
    snapshot INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (entity, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX records_gone ON records (position) WHERE fields IS NULL;
CREATE INDEX records_contested ON records (entity, id) WHERE conflicts <> '[]';

-- How far each view has come. While a snapshot is under way: its number and where it began.
CREATE TABLE views (
    view INTEGER PRIMARY KEY,
    entities TEXT NOT NULL,
    cursor TEXT,
    snapshot INTEGER,
    began INTEGER
) STRICT;

-- Operations that the hub has not answered, or has refused. Counters are never used again.
CREATE TABLE queue (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    client TEXT NOT NULL,
    counter INTEGER NOT NULL,
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    operation BLOB NOT NULL,
    priority INTEGER NOT NULL DEFAULT 0,
    code TEXT,
    detail TEXT,
    texts BLOB,
    -- Whether the hub may have applied it although its lane stands: it is sent until it is answered.
    asked INTEGER NOT NULL DEFAULT 0,
    -- Whether a former life of the hub has applied it: what was confirmed then holds it already.
    resent INTEGER NOT NULL DEFAULT 0,
    UNIQUE (client, counter)
) STRICT;

CREATE INDEX queue_records ON queue (entity, id, sequence);
CREATE INDEX queue_aside ON queue (entity, id, sequence) WHERE code IS NOT NULL;

-- Operations that the hub has applied and that no backup of it holds yet, as far as it has said.
CREATE TABLE kept (
    sequence INTEGER PRIMARY KEY,
    client TEXT NOT NULL,
    counter INTEGER NOT NULL,
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    operation BLOB NOT NULL,
    texts BLOB,
    incarnation TEXT NOT NULL,
    position INTEGER NOT NULL
) STRICT;

CREATE INDEX kept_position ON kept (position);

-- The text that waiting edits of a field were made for, and the token that it came with.
CREATE TABLE anchors (
    entity TEXT NOT NULL,
    id TEXT NOT NULL,
    path TEXT NOT NULL,
    token TEXT,
    value BLOB,
    PRIMARY KEY (entity, id, path)
) STRICT, WITHOUT ROWID;
";
