//! Reading rows over one connection.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use rusqlite::types::ValueRef;
use rusqlite::{CachedStatement, Connection, Row};
use syncline_engine::rows::{Key, Scan, Table};
use syncline_model::id::PartitionId;

use super::open::failed;
use super::tables::{Parts, key, statements, sum};
use crate::{Read, StoreError};

/// The rows of one partition, seen over one connection.
#[derive(Debug)]
pub(super) struct Rows {
    pub(super) connection: Connection,
    pub(super) partition: PartitionId,
    pub(super) path: PathBuf,
}

/// Where a scan starts.
enum Start {
    /// At the first row of the stretch.
    First,
    /// Behind this key.
    Behind(Key),
    /// Nowhere: no row of the stretch comes after the given key.
    Nowhere,
}

impl Rows {
    pub(super) fn new(connection: Connection, partition: PartitionId, path: &Path) -> Self {
        connection.set_prepared_statement_cache_capacity(STATEMENTS_CACHED);
        Self { connection, partition, path: path.to_owned() }
    }

    /// Returns a statement with the partition and the key bound.
    pub(super) fn bound(&self, sql: &str, key: &Key) -> rusqlite::Result<CachedStatement<'_>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        self.bind(&mut statement, key)?;
        Ok(statement)
    }

    /// Binds the partition and the parts of a key; returns the number of the next parameter.
    pub(super) fn bind(
        &self,
        statement: &mut CachedStatement<'_>,
        key: &Key,
    ) -> rusqlite::Result<usize> {
        self.bind_at(statement, 2, key)
    }

    /// As [`Rows::bind`], where the key's parts are the parameters from `index` on.
    pub(super) fn bind_at(
        &self,
        statement: &mut CachedStatement<'_>,
        mut index: usize,
        key: &Key,
    ) -> rusqlite::Result<usize> {
        statement.raw_bind_parameter(1, self.partition.0)?;
        for part in Parts::of(key).as_slice() {
            statement.raw_bind_parameter(index, part)?;
            index += 1;
        }
        Ok(index)
    }

    /// Reads several things as of one moment, and takes the database's read lock only once.
    fn in_one_moment<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if !self.connection.is_autocommit() {
            return read(self);
        }
        let run = |sql| {
            let mut statement = self.connection.prepare_cached(sql)?;
            statement.execute(()).map(|_| ())
        };
        run("BEGIN").map_err(|source| self.failed(source))?;
        let answer = read(self);
        run("COMMIT").map_err(|source| self.failed(source))?;
        answer
    }

    fn failed(&self, source: rusqlite::Error) -> StoreError {
        failed(&self.path, "read rows", source)
    }

    fn damaged(&self, table: &'static str) -> StoreError {
        let reason = format!("table {table} holds a row that this program never writes");
        StoreError::Damaged { path: self.path.clone(), reason }
    }

    /// Checks that a row is as it was written.
    fn check_sum(&self, key: &Key, value: &[u8], found: i64) -> Result<(), StoreError> {
        let table = statements(key.table());
        if !table.summed || sum(key, value) == found {
            return Ok(());
        }
        let name = key.table().name();
        let reason =
            format!("a row of table {name} was changed by something else than this program");
        Err(StoreError::Damaged { path: self.path.clone(), reason })
    }

    /// Reads one row with the prepared statement of its table.
    fn read_row(
        &self,
        statement: &mut CachedStatement<'_>,
        key: &Key,
    ) -> Result<Option<Vec<u8>>, StoreError> {
        if !key.fits() {
            return Ok(None);
        }
        let fail = |source| self.failed(source);
        self.bind(statement, key).map_err(fail)?;
        let mut found = statement.raw_query();
        let Some(row) = found.next().map_err(fail)? else {
            return Ok(None);
        };
        let value: Vec<u8> = row.get(0).map_err(fail)?;
        self.check_sum(key, &value, row.get(1).map_err(fail)?)?;
        Ok(Some(value))
    }

    fn statement_of(&self, table: Table) -> Result<CachedStatement<'_>, StoreError> {
        let statement = self.connection.prepare_cached(&statements(table).get);
        statement.map_err(|source| self.failed(source))
    }

    /// Reads every row that carries a sum.
    pub(super) fn check_all(&self) -> Result<(), StoreError> {
        let fail = |source| self.failed(source);
        for table in Table::ALL.into_iter().filter(|table| statements(*table).summed) {
            let statements = statements(table);
            let sql = statements.scan(0, None, false);
            let mut statement = self.connection.prepare_cached(&sql).map_err(fail)?;
            statement.raw_bind_parameter(1, self.partition.0).map_err(fail)?;
            let limit = statements.key_columns() + 2;
            statement.raw_bind_parameter(limit, i64::MAX).map_err(fail)?;
            let mut found = statement.raw_query();
            while let Some(columns) = found.next().map_err(fail)? {
                self.row(table, columns)?;
            }
        }
        Ok(())
    }

    /// Returns the key and the value of a row that is as it was written.
    fn row<'r>(&self, table: Table, columns: &'r Row<'_>) -> Result<(Key, &'r [u8]), StoreError> {
        let fail = |source| self.failed(source);
        let at = statements(table).key_columns();
        let value = columns.get_ref(at).map_err(fail)?;
        let (Some(key), ValueRef::Blob(value)) = (key(table, columns), value) else {
            return Err(self.damaged(table.name()));
        };
        self.check_sum(&key, value, columns.get(at + 1).map_err(fail)?)?;
        Ok((key, value))
    }

    fn start(scan: &Scan, after: Option<&Key>) -> Start {
        let Some(after) = after else {
            return Start::First;
        };
        if scan.contains(after) {
            return match (after.fits(), scan.is_backward()) {
                (true, _) => Start::Behind(after.clone()),
                // No row has a number that does not fit: the key stands behind all of them.
                (false, true) => Start::First,
                (false, false) => Start::Nowhere,
            };
        }
        // The rows of a stretch lie side by side, so the key is before all of them or behind all.
        if (*after < scan.first_key()) == scan.is_backward() {
            Start::Nowhere
        } else {
            Start::First
        }
    }
}

/// Statements kept prepared: get, put, delete and a few scans of every table.
const STATEMENTS_CACHED: usize = 144;

impl Read for Rows {
    fn get(&self, key: &Key) -> Result<Option<Vec<u8>>, StoreError> {
        self.read_row(&mut self.statement_of(key.table())?, key)
    }

    fn get_many(&self, keys: &[Key]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.in_one_moment(|rows| {
            let mut values = Vec::with_capacity(keys.len());
            for of_table in keys.chunk_by(|a, b| a.table() == b.table()) {
                let Some(first) = of_table.first() else {
                    continue;
                };
                let mut statement = rows.statement_of(first.table())?;
                for key in of_table {
                    values.push(rows.read_row(&mut statement, key)?);
                }
            }
            Ok(values)
        })
    }

    fn scan(
        &self,
        scan: &Scan,
        after: Option<&Key>,
        limit: usize,
        row: &mut dyn FnMut(&Key, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let (bound, comparison) = match (Self::start(scan, after), scan.is_backward()) {
            (Start::Nowhere, _) => return Ok(()),
            (Start::First, true) => (scan.first_key(), None),
            (Start::First, false) => (scan.first_key(), Some(">=")),
            (Start::Behind(key), true) => (key, Some("<")),
            (Start::Behind(key), false) => (key, Some(">")),
        };
        if !bound.fits() {
            return Ok(());
        }
        let table = statements(scan.table());
        let sql = table.scan(fixed_parts(scan), comparison, scan.is_backward());
        let fail = |source| self.failed(source);
        let mut statement = self.bound(&sql, &bound).map_err(fail)?;
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        statement.raw_bind_parameter(table.key_columns() + 2, limit).map_err(fail)?;
        let mut found = statement.raw_query();
        while let Some(columns) = found.next().map_err(fail)? {
            let (key, value) = self.row(scan.table(), columns)?;
            if row(&key, value).is_break() {
                break;
            }
        }
        Ok(())
    }

    fn together(&self, reads: &mut dyn FnMut()) -> Result<(), StoreError> {
        self.in_one_moment(|_| {
            reads();
            Ok(())
        })
    }
}

/// Returns how many leading parts of the key are the same in every row of the stretch.
const fn fixed_parts(scan: &Scan) -> usize {
    match scan {
        Scan::Records { .. }
        | Scan::Results { .. }
        | Scan::OpenConflicts { .. }
        | Scan::Schemas { .. }
        | Scan::Deliveries { .. }
        | Scan::DeliveriesLatest { .. }
        | Scan::Lanes { .. }
        | Scan::DeadLetters { .. }
        | Scan::DeadLettersLatest { .. } => 1,
        Scan::Bases { .. } | Scan::ConflictsOf { .. } => 2,
        Scan::Lane { .. } => 3,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sqlite::open::plan_once;
    use crate::sqlite::tables::schema;
    use rusqlite::StatementStatus;
    use syncline_model::id::{ClientId, DomainName, EndpointId, EntityName, Position, RecordId};

    #[test]
    fn a_scan_is_planned_once_whatever_it_looks_for() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&schema()).unwrap();
        let planned_again = |connection: &Connection| {
            let sql = statements(Table::Results).scan(1, Some(">="), false);
            let mut again = 0;
            for client in ["phone", "tablet", "desk"] {
                let mut statement = connection.prepare_cached(&sql).unwrap();
                statement.raw_bind_parameter(1, 0).unwrap();
                statement.raw_bind_parameter(2, client).unwrap();
                statement.raw_bind_parameter(3, 0).unwrap();
                statement.raw_bind_parameter(4, i64::MAX).unwrap();
                assert!(statement.raw_query().next().unwrap().is_none());
                again += statement.reset_status(StatementStatus::RePrepare);
            }
            again
        };
        assert!(planned_again(&connection) > 0, "as SQLite is by itself");
        connection.flush_prepared_statement_cache();
        plan_once(&connection).unwrap();
        assert_eq!(planned_again(&connection), 0);
    }

    /// A scan that sorted, or walked the table, would take the longer the more rows there are.
    #[test]
    fn every_scan_walks_its_stretch_by_the_key() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(&schema()).unwrap();
        let entity = || EntityName::new("contacts").unwrap();
        let endpoint = || EndpointId::new("shop").unwrap();
        let scans = [
            Scan::Records { entity: entity() },
            Scan::AllRecords,
            Scan::Log { from: Position(1) },
            Scan::LogLatest,
            Scan::Results { client: ClientId::new("phone").unwrap() },
            Scan::Bases { domain: DomainName::new("personal").unwrap(), entity: entity() },
            Scan::Conflicts,
            Scan::ConflictsOf { entity: entity(), id: RecordId::new("a").unwrap() },
            Scan::OpenConflicts { entity: entity() },
            Scan::Runs,
            Scan::RunsLatest,
            Scan::Domains,
            Scan::Journal,
            Scan::Audit { from: 1 },
            Scan::AuditLatest,
            Scan::Schemas { entity: entity() },
            Scan::Meta,
            Scan::Endpoints,
            Scan::Deliveries { endpoint: endpoint(), from: Position(1) },
            Scan::DeliveriesLatest { endpoint: endpoint() },
            Scan::Lanes { endpoint: endpoint() },
            Scan::Lane { endpoint: endpoint(), entity: entity(), id: RecordId::new("a").unwrap() },
            Scan::Due,
            Scan::DeadLetters { endpoint: endpoint() },
            Scan::DeadLettersLatest { endpoint: endpoint() },
        ];
        let scans = scans.into_iter().chain(Table::ALL.map(Scan::Whole));
        for scan in &scans.collect::<Vec<_>>() {
            let comparisons: &[Option<&str>] =
                if scan.is_backward() { &[None, Some("<")] } else { &[Some(">="), Some(">")] };
            for comparison in comparisons {
                let backward = scan.is_backward();
                let sql = statements(scan.table()).scan(fixed_parts(scan), *comparison, backward);
                let sql = format!("EXPLAIN QUERY PLAN {sql}");
                let mut statement = connection.prepare(&sql).unwrap();
                let mut steps: Vec<String> = Vec::new();
                let mut found = statement.raw_query();
                while let Some(row) = found.next().unwrap() {
                    steps.push(row.get(3).unwrap());
                }
                let expected = format!("SEARCH {} USING PRIMARY KEY", scan.table().name());
                assert!(steps.len() == 1 && steps[0].starts_with(&expected), "{scan:?}: {steps:?}");
            }
        }
    }
}
