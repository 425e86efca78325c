use bytes::Bytes;

use crate::{Error, Result};

/// The largest value by default, bytes: as etcd's `--max-request-bytes` default.
pub(crate) const MAX_VALUE: usize = 1536 * 1024;

/// Refuses a value that is too large.
pub(crate) fn check_size(key: &str, value: &Bytes, limit: usize) -> Result<()> {
    if value.len() > limit {
        return Err(Error::TooLarge { key: key.to_owned(), size: value.len(), limit });
    }
    Ok(())
}
