CREATE TABLE audit (
  partition INTEGER NOT NULL,
  number INTEGER NOT NULL,
  entry BLOB NOT NULL,
  PRIMARY KEY (partition, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE bases (
  partition INTEGER NOT NULL,
  domain TEXT NOT NULL,
  entity TEXT NOT NULL,
  id TEXT NOT NULL,
  base BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, domain, entity, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE clients (
  partition INTEGER NOT NULL,
  client TEXT NOT NULL,
  state BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, client)
) STRICT, WITHOUT ROWID;
CREATE TABLE conflicts (
  partition INTEGER NOT NULL,
  entity TEXT NOT NULL,
  id TEXT NOT NULL,
  conflict TEXT NOT NULL,
  state BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, entity, id, conflict)
) STRICT, WITHOUT ROWID;
CREATE TABLE domains (
  partition INTEGER NOT NULL,
  domain TEXT NOT NULL,
  entity TEXT NOT NULL,
  state BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, domain, entity)
) STRICT, WITHOUT ROWID;
CREATE TABLE epochs (
  partition INTEGER PRIMARY KEY,
  epoch INTEGER NOT NULL
) STRICT;
CREATE TABLE journal (
  partition INTEGER NOT NULL,
  run TEXT NOT NULL,
  domain TEXT NOT NULL,
  entity TEXT NOT NULL,
  entry BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, run, domain, entity)
) STRICT, WITHOUT ROWID;
CREATE TABLE log (
  partition INTEGER NOT NULL,
  position INTEGER NOT NULL,
  entry BLOB NOT NULL,
  PRIMARY KEY (partition, position)
) STRICT, WITHOUT ROWID;
CREATE TABLE meta (
  partition INTEGER NOT NULL,
  name TEXT NOT NULL,
  value BLOB NOT NULL,
  PRIMARY KEY (partition, name)
) STRICT, WITHOUT ROWID;
CREATE TABLE open_conflicts (
  partition INTEGER NOT NULL,
  entity TEXT NOT NULL,
  id TEXT NOT NULL,
  conflict TEXT NOT NULL,
  state BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, entity, id, conflict)
) STRICT, WITHOUT ROWID;
CREATE TABLE records (
  partition INTEGER NOT NULL,
  entity TEXT NOT NULL,
  id TEXT NOT NULL,
  state BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, entity, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE results (
  partition INTEGER NOT NULL,
  client TEXT NOT NULL,
  counter INTEGER NOT NULL,
  outcome BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, client, counter)
) STRICT, WITHOUT ROWID;
CREATE TABLE runs (
  partition INTEGER NOT NULL,
  run TEXT NOT NULL,
  report BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, run)
) STRICT, WITHOUT ROWID;
CREATE TABLE schemas (
  partition INTEGER NOT NULL,
  entity TEXT NOT NULL,
  version INTEGER NOT NULL,
  schema BLOB NOT NULL,
  sum INTEGER NOT NULL,
  PRIMARY KEY (partition, entity, version)
) STRICT, WITHOUT ROWID;

