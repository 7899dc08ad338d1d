//! The tables: how a key lies in columns, and the statements over them.

use std::fmt::Write as _;
use std::sync::LazyLock;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use syncline_engine::rows::{ConflictId, Key, MetaName, Table};
use syncline_model::id::{ClientId, DomainName, EndpointId, EntityName, Position, RecordId, RunId};

/// One part of a key, as SQL holds it.
#[derive(Clone, Copy)]
pub(super) enum Part<'a> {
    Text(&'a str),
    Number(u64),
}

impl ToSql for Part<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match *self {
            Self::Text(text) => text.into(),
            // Callers check `Key::fits` first; a number beyond is no row of any table.
            Self::Number(number) => i64::try_from(number).unwrap_or(i64::MAX).into(),
        })
    }
}

/// Most parts of a key.
const PARTS_MAX: usize = 4;

/// The parts of a key.
pub(super) struct Parts<'a> {
    parts: [Part<'a>; PARTS_MAX],
    len: usize,
}

impl<'a> Parts<'a> {
    fn new<const N: usize>(given: [Part<'a>; N]) -> Self {
        let mut parts = [Part::Number(0); PARTS_MAX];
        for (slot, part) in parts.iter_mut().zip(given) {
            *slot = part;
        }
        Self { parts, len: N.min(PARTS_MAX) }
    }

    /// Takes a key apart, in the order of its columns.
    pub(super) fn of(key: &'a Key) -> Self {
        use Part::{Number, Text};
        match key {
            Key::Record { entity, id } => Self::new([Text(entity.as_str()), Text(id.as_str())]),
            Key::Log(Position(number)) | Key::Audit(number) => Self::new([Number(*number)]),
            Key::Result { client, counter } => Self::new([Text(client.as_str()), Number(*counter)]),
            Key::Client(client) => Self::new([Text(client.as_str())]),
            Key::Base { domain, entity, id } => {
                Self::new([Text(domain.as_str()), Text(entity.as_str()), Text(id.as_str())])
            }
            Key::Conflict { entity, id, conflict } | Key::OpenConflict { entity, id, conflict } => {
                Self::new([Text(entity.as_str()), Text(id.as_str()), Text(conflict.as_str())])
            }
            Key::Run(run) => Self::new([Text(run.as_str())]),
            Key::Domain { domain, entity } => {
                let entity = entity.as_ref().map_or("", EntityName::as_str);
                Self::new([Text(domain.as_str()), Text(entity)])
            }
            Key::Journal { run, domain, entity } => {
                Self::new([Text(run.as_str()), Text(domain.as_str()), Text(entity.as_str())])
            }
            Key::Undo { run, entity, id } => {
                Self::new([Text(run.as_str()), Text(entity.as_str()), Text(id.as_str())])
            }
            Key::Schema { entity, version } => {
                Self::new([Text(entity.as_str()), Number(u64::from(*version))])
            }
            Key::Meta(name) => Self::new([Text(name.as_str())]),
            Key::Endpoint(endpoint) | Key::Cursor(endpoint) => Self::new([Text(endpoint.as_str())]),
            Key::Delivery { endpoint, position } | Key::DeadLetter { endpoint, position } => {
                Self::new([Text(endpoint.as_str()), Number(position.0)])
            }
            Key::Lane { endpoint, entity, id, position } => Self::new([
                Text(endpoint.as_str()),
                Text(entity.as_str()),
                Text(id.as_str()),
                Number(position.0),
            ]),
            Key::Due { due_ms, endpoint, position } => {
                Self::new([Number(*due_ms), Text(endpoint.as_str()), Number(position.0)])
            }
            Key::Received { receiver, entity, id } => {
                Self::new([Text(receiver.as_str()), Text(entity.as_str()), Text(id.as_str())])
            }
        }
    }

    /// Returns the parts, in the order of their columns.
    pub(super) fn as_slice(&self) -> &[Part<'a>] {
        self.parts.get(..self.len).unwrap_or(&[])
    }
}

/// Puts a key together from its columns, which start at `row`'s first; `None` if they hold none.
pub(super) fn key(table: Table, row: &rusqlite::Row<'_>) -> Option<Key> {
    let text = |index| match row.get_ref(index) {
        Ok(ValueRef::Text(bytes)) => std::str::from_utf8(bytes).ok(),
        _ => None,
    };
    let number = |index| match row.get_ref(index) {
        Ok(ValueRef::Integer(number)) => u64::try_from(number).ok(),
        _ => None,
    };
    let entity = |index| EntityName::new(text(index)?).ok();
    let domain = |index| DomainName::new(text(index)?).ok();
    let id = |index| RecordId::new(text(index)?).ok();
    let endpoint = |index| EndpointId::new(text(index)?).ok();
    let position = |index| number(index).map(Position);
    Some(match table {
        Table::Records => Key::Record { entity: entity(0)?, id: id(1)? },
        Table::Log => Key::Log(Position(number(0)?)),
        Table::Results => {
            Key::Result { client: ClientId::new(text(0)?).ok()?, counter: number(1)? }
        }
        Table::Clients => Key::Client(ClientId::new(text(0)?).ok()?),
        Table::Bases => Key::Base { domain: domain(0)?, entity: entity(1)?, id: id(2)? },
        Table::Conflicts => Key::Conflict {
            entity: entity(0)?,
            id: id(1)?,
            conflict: ConflictId::new(text(2)?).ok()?,
        },
        Table::OpenConflicts => Key::OpenConflict {
            entity: entity(0)?,
            id: id(1)?,
            conflict: ConflictId::new(text(2)?).ok()?,
        },
        Table::Runs => Key::Run(RunId::new(text(0)?).ok()?),
        Table::Domains => Key::Domain {
            domain: domain(0)?,
            entity: if text(1)?.is_empty() { None } else { Some(entity(1)?) },
        },
        Table::Journal => {
            Key::Journal { run: RunId::new(text(0)?).ok()?, domain: domain(1)?, entity: entity(2)? }
        }
        Table::Undo => {
            Key::Undo { run: RunId::new(text(0)?).ok()?, entity: entity(1)?, id: id(2)? }
        }
        Table::Audit => Key::Audit(number(0)?),
        Table::Schemas => {
            Key::Schema { entity: entity(0)?, version: u32::try_from(number(1)?).ok()? }
        }
        Table::Meta => Key::Meta(MetaName::new(text(0)?).ok()?),
        Table::Endpoints => Key::Endpoint(endpoint(0)?),
        Table::Cursors => Key::Cursor(endpoint(0)?),
        Table::Deliveries => Key::Delivery { endpoint: endpoint(0)?, position: position(1)? },
        Table::Lanes => Key::Lane {
            endpoint: endpoint(0)?,
            entity: entity(1)?,
            id: id(2)?,
            position: position(3)?,
        },
        Table::Due => {
            Key::Due { due_ms: number(0)?, endpoint: endpoint(1)?, position: position(2)? }
        }
        Table::DeadLetters => Key::DeadLetter { endpoint: endpoint(0)?, position: position(1)? },
        Table::Received => Key::Received { receiver: domain(0)?, entity: entity(1)?, id: id(2)? },
    })
}

/// Returns the columns of a table's key, with their types, and the column of its value.
const fn columns(table: Table) -> (&'static [(&'static str, &'static str)], &'static str) {
    match table {
        Table::Records => (&[("entity", "TEXT"), ("id", "TEXT")], "state"),
        Table::Log => (&[("position", "INTEGER")], "entry"),
        Table::Results => (&[("client", "TEXT"), ("counter", "INTEGER")], "outcome"),
        Table::Clients => (&[("client", "TEXT")], "state"),
        Table::Bases => (&[("domain", "TEXT"), ("entity", "TEXT"), ("id", "TEXT")], "base"),
        Table::Conflicts | Table::OpenConflicts => {
            (&[("entity", "TEXT"), ("id", "TEXT"), ("conflict", "TEXT")], "state")
        }
        Table::Runs => (&[("run", "TEXT")], "report"),
        Table::Domains => (&[("domain", "TEXT"), ("entity", "TEXT")], "state"),
        Table::Journal => (&[("run", "TEXT"), ("domain", "TEXT"), ("entity", "TEXT")], "entry"),
        Table::Undo => (&[("run", "TEXT"), ("entity", "TEXT"), ("id", "TEXT")], "found"),
        Table::Audit => (&[("number", "INTEGER")], "entry"),
        Table::Schemas => (&[("entity", "TEXT"), ("version", "INTEGER")], "schema"),
        Table::Meta => (&[("name", "TEXT")], "value"),
        Table::Endpoints => (&[("endpoint", "TEXT")], "settings"),
        Table::Cursors => (&[("endpoint", "TEXT")], "state"),
        Table::Deliveries => (&[("endpoint", "TEXT"), ("position", "INTEGER")], "state"),
        Table::Lanes => (
            &[("endpoint", "TEXT"), ("entity", "TEXT"), ("id", "TEXT"), ("position", "INTEGER")],
            "state",
        ),
        Table::Due => {
            (&[("due_ms", "INTEGER"), ("endpoint", "TEXT"), ("position", "INTEGER")], "state")
        }
        Table::DeadLetters => (&[("endpoint", "TEXT"), ("position", "INTEGER")], "reason"),
        Table::Received => (&[("receiver", "TEXT"), ("entity", "TEXT"), ("id", "TEXT")], "taken"),
    }
}

/// Returns whether the rows of a table carry sums. The audit proves itself and the log, and names the
/// entry that was changed; single facts are checked by those who use them.
const fn is_summed(table: Table) -> bool {
    !matches!(table, Table::Audit | Table::Log | Table::Meta)
}

/// Returns the sum of a row: the first 64 bits of BLAKE3 over its table, key and value. It tells a row
/// that was changed beneath SQLite, or put in the place of another.
pub(super) fn sum(key: &Key, value: &[u8]) -> i64 {
    let mut text = Vec::with_capacity(64 + key.bytes() + value.len());
    text.extend_from_slice(key.table().name().as_bytes());
    for part in Parts::of(key).as_slice() {
        text.push(0);
        match part {
            Part::Text(part) => text.extend_from_slice(part.as_bytes()),
            Part::Number(number) => text.extend_from_slice(&number.to_be_bytes()),
        }
    }
    text.push(0);
    text.extend_from_slice(value);
    let digest = blake3::hash(&text);
    let head = digest.as_bytes().first_chunk::<8>().copied();
    i64::from_be_bytes(head.unwrap_or_default())
}

/// How many rows one statement writes at once. In order of key each row goes where the one before it went,
/// so that the way there through the table's tree is not gone again. With sixteen writing rows takes a quarter less
/// than with one, with fifty hardly less than that.
pub(super) const ROWS_AT_ONCE: usize = 16;

/// The statements over one table. `?1` is the partition, then come the parts of the key.
pub(super) struct Statements {
    pub(super) create: String,
    pub(super) get: String,
    /// Writes one row.
    pub(super) put: String,
    /// Writes [`ROWS_AT_ONCE`] rows, whose parameters follow one another; `?1` is that of all.
    pub(super) put_many: String,
    pub(super) delete: String,
    table: Table,
    names: Vec<&'static str>,
    value: &'static str,
    /// Whether each row carries a sum of its key and value.
    pub(super) summed: bool,
}

impl Statements {
    fn new(table: Table) -> Self {
        let (key, value) = columns(table);
        let name = table.name();
        let names: Vec<&str> = key.iter().map(|(column, _)| *column).collect();
        let list = names.join(", ");
        let typed: String = key.iter().fold(String::new(), |mut text, (column, kind)| {
            let _ = write!(text, "\n  {column} {kind} NOT NULL,");
            text
        });
        let summed = is_summed(table);
        let columns_put =
            if summed { format!("{list}, {value}, sum") } else { format!("{list}, {value}") };
        let marks = 1 + key.len() + usize::from(summed);
        let values = |rows: usize| -> String {
            let row = |row: usize| -> String {
                let marks = (0..marks).map(|index| format!(", ?{}", row * marks + index + 2));
                format!("(?1{})", marks.collect::<String>())
            };
            (0..rows).map(row).collect::<Vec<_>>().join(", ")
        };
        let (sum_typed, sum_read, sum_set) = match summed {
            true => ("\n  sum INTEGER NOT NULL,", "sum", ", sum = excluded.sum"),
            false => ("", "0", ""),
        };
        let equals: String =
            names.iter().enumerate().fold(String::new(), |mut text, (i, column)| {
                let _ = write!(text, " AND {column} = ?{}", i + 2);
                text
            });
        let put = |rows: usize| {
            format!(
                "INSERT INTO {name} (partition, {columns_put}) VALUES {} \
                 ON CONFLICT (partition, {list}) DO UPDATE SET {value} = excluded.{value}{sum_set}",
                values(rows)
            )
        };
        Self {
            create: format!(
                "CREATE TABLE {name} (\n  partition INTEGER NOT NULL,{typed}\n  \
                 {value} BLOB NOT NULL,{sum_typed}\n  PRIMARY KEY (partition, {list})\n) STRICT, WITHOUT ROWID"
            ),
            get: format!("SELECT {value}, {sum_read} FROM {name} WHERE partition = ?1{equals}"),
            put: put(1),
            put_many: put(ROWS_AT_ONCE),
            delete: format!("DELETE FROM {name} WHERE partition = ?1{equals}"),
            table,
            names,
            value,
            summed,
        }
    }

    /// Returns a statement over the rows on one side of a key, in key order or backward.
    ///
    /// - `fixed`: how many leading parts of the key are the same in every row.
    /// - `comparison`: how the rest compares with the given key; nothing for all rows.
    ///
    /// The parameter behind the key's parts is the limit.
    pub(super) fn scan(&self, fixed: usize, comparison: Option<&str>, backward: bool) -> String {
        let (same, rest) = self.names.split_at(fixed.min(self.names.len()));
        let mut text = format!(
            "SELECT {}, {}, {} FROM {} WHERE partition = ?1",
            self.names.join(", "),
            self.value,
            if self.summed { "sum" } else { "0" },
            self.table.name(),
        );
        for (index, column) in same.iter().enumerate() {
            let _ = write!(text, " AND {column} = ?{}", index + 2);
        }
        if let Some(comparison) = comparison {
            let marks: Vec<String> =
                (0..rest.len()).map(|index| format!("?{}", fixed + index + 2)).collect();
            let _ = write!(text, " AND ({}) {comparison} ({})", rest.join(", "), marks.join(", "));
        }
        let order = if backward { " DESC" } else { "" };
        let sorted: Vec<String> = rest.iter().map(|column| format!("{column}{order}")).collect();
        let _ = write!(text, " ORDER BY {} LIMIT ?{}", sorted.join(", "), self.names.len() + 2);
        text
    }

    /// Returns how many columns the key has, the partition left aside.
    pub(super) const fn key_columns(&self) -> usize {
        self.names.len()
    }
}

static STATEMENTS: LazyLock<Vec<Statements>> =
    LazyLock::new(|| Table::ALL.into_iter().map(Statements::new).collect());

/// Returns the statements over one table.
pub(super) fn statements(table: Table) -> &'static Statements {
    let found = STATEMENTS.iter().find(|statements| statements.table == table);
    found.expect("invariant: every table has its statements")
}

/// How many tables, of the first in [`Table::ALL`], a store of each format has; format 1 comes first.
const TABLES_BY_FORMAT: [usize; 2] = [14, 21];

/// The newest format of the tables. Raise it with every change of them; older programs then refuse.
pub(super) const FORMAT: i64 = 2;

const _: () = assert!(TABLES_BY_FORMAT.len() == FORMAT as usize);
const _: () = assert!(TABLES_BY_FORMAT[TABLES_BY_FORMAT.len() - 1] == Table::ALL.len());

/// Returns the statements that make a new store's tables.
pub(super) fn schema() -> String {
    let epochs = "CREATE TABLE epochs (\n  partition INTEGER PRIMARY KEY,\n  epoch INTEGER NOT NULL\n) STRICT;\n";
    format!("{epochs}{}", tables(0))
}

/// Returns the statements that make the tables which a store of an older format lacks.
pub(super) fn tables_since(format: i64) -> String {
    let index = usize::try_from(format - 1).unwrap_or_default();
    tables(TABLES_BY_FORMAT.get(index).copied().unwrap_or_default())
}

/// Returns the statements that make all tables but the first.
fn tables(first: usize) -> String {
    let mut text = String::new();
    for table in Table::ALL.into_iter().skip(first) {
        let _ = writeln!(text, "{};", statements(table).create);
    }
    text
}
