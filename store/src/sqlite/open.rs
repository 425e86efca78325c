use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use super::fault::Fault;
use crate::{Error, Result};

/// Marks the file as ours ("CrvS"), so that another program's database is not written to.
const APPLICATION_ID: i32 = 0x4372_7653;
/// The layout below. A file with a higher number was written by a newer version.
const LAYOUT: i32 = 1;
/// How long SQLite waits for a lock, which only recovery after a crash holds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// One row per revision. `prev_revision` is the row it replaces (0 for a create), `expires` and `written` are Unix
/// milliseconds. The one index finds the newest row of a key, and lists keys at any revision without touching rows.
/// `meta.revision` keeps the counter when compaction removes the newest rows.
const SCHEMA: &str = "
CREATE TABLE log (
    revision        INTEGER PRIMARY KEY,
    key             TEXT    NOT NULL,
    value           BLOB    NOT NULL,
    create_revision INTEGER NOT NULL,
    prev_revision   INTEGER NOT NULL,
    deleted         INTEGER NOT NULL,
    expires         INTEGER,
    written         INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX log_key ON log (key, revision, deleted);
CREATE INDEX log_expires ON log (expires) WHERE expires IS NOT NULL;
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('revision', 0), ('compacted', 0);
";

/// Opens the writer's connection; makes the tables in a new file.
pub(super) fn writer(path: &Path) -> Result<Connection> {
    let place = path.display().to_string();
    let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE).map_err(|fault| fault.at(&place))?;
    set_up(&connection, &place).map_err(|fault| fault.at(&place))?;
    Ok(connection)
}

/// Opens a connection that only reads.
pub(super) fn reader(path: &Path) -> Result<Connection, Fault> {
    connect(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

fn connect(path: &Path, access: OpenFlags) -> Result<Connection, Fault> {
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // KiB per connection; the file system's cache holds the rest.
    connection.pragma_update(None, "cache_size", -2048)?;
    Ok(connection)
}

fn set_up(connection: &Connection, place: &str) -> Result<(), Fault> {
    let application: i32 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
    let layout: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let fresh = tables == 0 && layout == 0;
    if !fresh && application != APPLICATION_ID {
        return Err(unusable(format!("{place} is another program's database: use another data directory")));
    }
    if layout > LAYOUT {
        return Err(unusable(format!(
            "{place} was written by a newer version (layout {layout}, this one knows {LAYOUT})"
        )));
    }
    let mode: String = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(unusable(format!(
            "{place} is on a file system without shared memory, which write-ahead logging needs"
        )));
    }
    // FULL syncs the log before a commit returns: that is the durability promise.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "journal_size_limit", 64 * 1024 * 1024)?;
    if fresh {
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", LAYOUT)?;
        transaction.commit()?;
    }
    Ok(())
}

fn unusable(context: String) -> Fault {
    Fault::Store(Error::Configuration { context, cause: None })
}
