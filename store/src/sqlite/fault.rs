use rusqlite::{ErrorCode, ffi};

use crate::Error;

/// What can go wrong inside a read or a transaction, before it is known whose file it was.
#[derive(Debug)]
pub(super) enum Fault {
    /// SQLite refused.
    Sql(rusqlite::Error),
    /// The request cannot be served.
    Store(Error),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    /// Turns the fault into the crate's error; `place` names the file.
    pub(super) fn at(self, place: &str) -> Error {
        match self {
            Self::Store(error) => error,
            Self::Sql(error) => classify(error, place),
        }
    }

    /// Tells whether the device failed while writing, after which nothing is known of what is on it.
    pub(super) fn is_device_failure(&self) -> bool {
        matches!(self, Self::Sql(error) if error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) && !is_full(error))
    }
}

fn classify(error: rusqlite::Error, place: &str) -> Error {
    if is_full(&error) {
        return Error::Full { place: place.to_owned() };
    }
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => {
            Error::Corrupt { place: place.to_owned(), detail: error.to_string() }
        }
        _ => match error {
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::Utf8Error(..) => Error::Corrupt { place: place.to_owned(), detail: error.to_string() },
            error => Error::unavailable(place, error),
        },
    }
}

/// A full disk shows as `SQLITE_FULL`, or as a failure to grow the shared memory file.
fn is_full(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DiskFull)
        || error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_IOERR_SHMSIZE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure(code: i32) -> Fault {
        Fault::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None))
    }

    #[test]
    fn tells_a_full_disk_from_damage_and_from_a_failing_device() {
        assert!(matches!(failure(ffi::SQLITE_FULL).at("f"), Error::Full { .. }));
        assert!(matches!(failure(ffi::SQLITE_IOERR_SHMSIZE).at("f"), Error::Full { .. }));
        assert!(matches!(failure(ffi::SQLITE_CORRUPT).at("f"), Error::Corrupt { .. }));
        assert!(matches!(failure(ffi::SQLITE_NOTADB).at("f"), Error::Corrupt { .. }));
        assert!(matches!(failure(ffi::SQLITE_IOERR_FSYNC).at("f"), Error::Unavailable { .. }));
        assert!(failure(ffi::SQLITE_IOERR_FSYNC).is_device_failure());
        assert!(!failure(ffi::SQLITE_IOERR_SHMSIZE).is_device_failure());
    }
}
