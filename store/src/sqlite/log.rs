//! The statements on the log. All are sync functions of a connection; what they read together belongs into one
//! transaction of the caller.

use std::sync::Arc;

use bytes::Bytes;
use rusqlite::types::{ToSql, ToSqlOutput, Value, ValueRef};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::range::KeyRange;
use crate::{Event, EventKind, KeyValue, Revision};

type Sql<T> = rusqlite::Result<T>;

impl ToSql for Revision {
    fn to_sql(&self) -> Sql<ToSqlOutput<'_>> {
        // Beyond i64 no row exists; the comparison then still holds.
        Ok(ToSqlOutput::Owned(Value::Integer(i64::try_from(self.0).unwrap_or(i64::MAX))))
    }
}

impl rusqlite::types::FromSql for Revision {
    fn column_result(value: ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        let number = value.as_i64()?;
        u64::try_from(number).map(Revision).map_err(|_| rusqlite::types::FromSqlError::OutOfRange(number))
    }
}

/// How far the log reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Bounds {
    /// History up to here is forgotten.
    pub compacted: Revision,
    /// The newest revision.
    pub head: Revision,
}

/// Reads how far the log reaches.
pub(super) fn bounds(connection: &Connection) -> Sql<Bounds> {
    let mut statement = connection.prepare_cached(
        "SELECT (SELECT value FROM meta WHERE name = 'compacted'),
                max((SELECT value FROM meta WHERE name = 'revision'), ifnull((SELECT max(revision) FROM log), 0))",
    )?;
    statement.query_row([], |row| Ok(Bounds { compacted: row.get(0)?, head: row.get(1)? }))
}

/// Reads the newest state of a key; `None` when it does not exist.
pub(super) fn latest(connection: &Connection, key: &str) -> Sql<Option<KeyValue>> {
    let mut statement = connection.prepare_cached(
        "SELECT value, create_revision, revision, deleted FROM log WHERE key = ?1 ORDER BY revision DESC LIMIT 1",
    )?;
    let found =
        statement.query_row([key], |row| Ok((row.get::<_, bool>(3)?, key_value(key.into(), row)?))).optional()?;
    Ok(found.and_then(|(deleted, kv)| (!deleted).then_some(kv)))
}

fn key_value(key: Arc<str>, row: &Row<'_>) -> Sql<KeyValue> {
    Ok(KeyValue { key, value: blob(row, 0)?, create_revision: row.get(1)?, mod_revision: row.get(2)? })
}

fn blob(row: &Row<'_>, column: usize) -> Sql<Bytes> {
    let value = row.get_ref(column)?;
    let bytes =
        value.as_blob().map_err(|_| rusqlite::Error::InvalidColumnType(column, "value".into(), value.data_type()))?;
    Ok(Bytes::copy_from_slice(bytes))
}

/// A row to append.
pub(super) struct Append<'a> {
    pub revision: Revision,
    pub key: &'a str,
    /// `None` marks a delete.
    pub value: Option<&'a [u8]>,
    pub create_revision: Revision,
    /// The row it replaces; 0 for a create.
    pub prev_revision: Revision,
    /// When the key is to be deleted, Unix milliseconds.
    pub expires: Option<i64>,
    /// Now, Unix milliseconds.
    pub written: i64,
}

/// Appends a revision.
pub(super) fn append(connection: &Connection, row: &Append<'_>) -> Sql<()> {
    let mut statement = connection.prepare_cached(
        "INSERT INTO log (revision, key, value, create_revision, prev_revision, deleted, expires, written)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    statement.execute(params![
        row.revision,
        row.key,
        row.value.unwrap_or_default(),
        row.create_revision,
        row.prev_revision,
        row.value.is_none(),
        row.expires,
        row.written,
    ])?;
    Ok(())
}

/// What [`list`] found.
pub(super) struct Listed {
    pub items: Vec<KeyValue>,
    /// How many keys follow after `items`.
    pub remaining: u64,
}

/// The end of a range as a bound for SQL: any blob sorts after every text.
fn upper(range: &KeyRange) -> Value {
    range.end.clone().map_or(Value::Blob(Vec::new()), Value::Text)
}

/// Lists the keys of a range as they were at `at`, at most `limit` (0: all).
pub(super) fn list(connection: &Connection, range: &KeyRange, at: Revision, limit: usize) -> Sql<Listed> {
    // With max() the bare column comes from the row that has the maximum, and the index covers all three.
    let mut keys = connection.prepare_cached(
        "SELECT key, max(revision), deleted FROM log INDEXED BY log_key
         WHERE key >= ?1 AND key < ?2 AND revision <= ?3 GROUP BY key ORDER BY key",
    )?;
    let mut value =
        connection.prepare_cached("SELECT value, create_revision, revision FROM log WHERE revision = ?1")?;
    let mut listed = Listed { items: Vec::new(), remaining: 0 };
    let mut rows = keys.query(params![range.start, upper(range), at])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, bool>(2)? {
            continue;
        }
        if limit > 0 && listed.items.len() == limit {
            listed.remaining += 1;
            continue;
        }
        let key: Arc<str> = row.get(0)?;
        let revision: Revision = row.get(1)?;
        listed.items.push(value.query_row([revision], |row| key_value(key, row))?);
    }
    Ok(listed)
}

/// Reads at most `limit` changes of a range, after `after` and up to `through`, oldest first.
pub(super) fn events(
    connection: &Connection,
    range: &KeyRange,
    after: Revision,
    through: Revision,
    limit: usize,
) -> Sql<Vec<Event>> {
    let mut statement = connection.prepare_cached(
        "SELECT l.value, l.create_revision, l.revision, l.deleted, l.key, p.value, p.create_revision, p.revision
         FROM log l LEFT JOIN log p ON p.revision = l.prev_revision
         WHERE l.revision > ?1 AND l.revision <= ?2 AND l.key >= ?3 AND l.key < ?4 ORDER BY l.revision LIMIT ?5",
    )?;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = statement.query_map(params![after, through, range.start, upper(range), limit], event)?;
    rows.collect()
}

fn event(row: &Row<'_>) -> Sql<Event> {
    let key: Arc<str> = row.get(4)?;
    let mut kv = key_value(key.clone(), row)?;
    let previous = match row.get::<_, Option<Revision>>(7)? {
        Some(mod_revision) => Some(KeyValue { key, value: blob(row, 5)?, create_revision: row.get(6)?, mod_revision }),
        None => None,
    };
    let kind = if row.get(3)? { EventKind::Delete } else { EventKind::Put };
    if let (EventKind::Delete, Some(previous)) = (kind, &previous) {
        kv.value = previous.value.clone();
    }
    Ok(Event { kind, is_create: kind == EventKind::Put && previous.is_none(), kv, previous })
}

/// A key that is to be deleted at a time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Lease {
    /// Unix milliseconds.
    pub expires: i64,
    /// Only if the key was not written since.
    pub revision: Revision,
    pub key: Arc<str>,
}

/// Reads all leases, those of replaced revisions too.
pub(super) fn leases(connection: &Connection) -> Sql<Vec<Lease>> {
    let mut statement = connection.prepare("SELECT expires, revision, key FROM log WHERE expires IS NOT NULL")?;
    let rows =
        statement.query_map([], |row| Ok(Lease { expires: row.get(0)?, revision: row.get(1)?, key: row.get(2)? }))?;
    rows.collect()
}

/// Reads when the first revision at or after `from` was written: that revision and Unix milliseconds.
pub(super) fn written_at(connection: &Connection, from: Revision) -> Sql<Option<(Revision, i64)>> {
    let mut statement = connection
        .prepare_cached("SELECT revision, written FROM log WHERE revision >= ?1 ORDER BY revision LIMIT 1")?;
    statement.query_row([from], |row| Ok((row.get(0)?, row.get(1)?))).optional()
}

/// Removes what `(from, to]` replaced and its deletes; `from` is what was compacted before.
pub(super) fn compact(connection: &Connection, from: Revision, to: Revision, head: Revision) -> Sql<()> {
    connection
        .prepare_cached(
            "DELETE FROM log WHERE revision IN
             (SELECT prev_revision FROM log WHERE revision > ?1 AND revision <= ?2 AND prev_revision > 0)",
        )?
        .execute(params![from, to])?;
    connection
        .prepare_cached("DELETE FROM log WHERE revision > ?1 AND revision <= ?2 AND deleted = 1")?
        .execute(params![from, to])?;
    let mut meta = connection.prepare_cached("UPDATE meta SET value = ?2 WHERE name = ?1")?;
    meta.execute(params!["compacted", to])?;
    meta.execute(params!["revision", head])?;
    Ok(())
}
