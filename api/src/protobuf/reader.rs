//! Reads the wire format: keys, variable-length numbers, lengths.

use super::error::{Error, Result};

/// How a value is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    Varint,
    Fixed64,
    Bytes,
    StartGroup,
    EndGroup,
    Fixed32,
}

impl Wire {
    /// Returns the number on the wire.
    pub(super) const fn number(self) -> u8 {
        match self {
            Self::Varint => 0,
            Self::Fixed64 => 1,
            Self::Bytes => 2,
            Self::StartGroup => 3,
            Self::EndGroup => 4,
            Self::Fixed32 => 5,
        }
    }
}

/// The unread rest of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads a key, `None` at the end.
    pub(super) fn key(&mut self) -> Result<Option<(u32, Wire)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = self.varint()?;
        let illegal = || Error::IllegalTag(key);
        let number = u32::try_from(key >> 3).ok().filter(|n| *n > 0).ok_or_else(illegal)?;
        let wire = match key & 7 {
            0 => Wire::Varint,
            1 => Wire::Fixed64,
            2 => Wire::Bytes,
            3 => Wire::StartGroup,
            4 => Wire::EndGroup,
            5 => Wire::Fixed32,
            _ => return Err(illegal()),
        };
        Ok(Some((number, wire)))
    }

    pub(super) fn varint(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for (at, byte) in self.0.iter().enumerate() {
            if at == 10 {
                return Err(Error::Overflow);
            }
            value |= u64::from(byte & 0x7f).checked_shl(7 * u32::try_from(at).unwrap_or(u32::MAX)).unwrap_or(0);
            if byte & 0x80 == 0 {
                self.advance(at + 1)?;
                return Ok(value);
            }
        }
        Err(if self.0.len() >= 10 { Error::Overflow } else { Error::Truncated })
    }

    pub(super) fn bytes(&mut self) -> Result<&'a [u8]> {
        let length = self.varint()?;
        self.take(usize::try_from(length).map_err(|_| Error::Overflow)?)
    }

    pub(super) fn fixed64(&mut self) -> Result<u64> {
        let bytes = self.take(8)?;
        Ok(u64::from_le_bytes(bytes.try_into().map_err(|_| Error::Truncated)?))
    }

    /// Skips the value of an unknown field; of groups down to `depth`.
    pub(super) fn skip(&mut self, wire: Wire, depth: usize) -> Result<()> {
        match wire {
            Wire::Varint => self.varint().map(drop),
            Wire::Fixed64 => self.take(8).map(drop),
            Wire::Bytes => self.bytes().map(drop),
            Wire::Fixed32 => self.take(4).map(drop),
            Wire::StartGroup => {
                let depth = depth.checked_sub(1).ok_or(Error::TooDeep)?;
                loop {
                    match self.key()? {
                        None => return Err(Error::Truncated),
                        Some((_, Wire::EndGroup)) => return Ok(()),
                        Some((_, wire)) => self.skip(wire, depth)?,
                    }
                }
            }
            Wire::EndGroup => Err(Error::IllegalTag(u64::from(wire.number()))),
        }
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or(Error::Truncated)?;
        self.0 = rest;
        Ok(taken)
    }

    fn advance(&mut self, length: usize) -> Result<()> {
        self.take(length).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn varints_are_bounded() {
        let read = |bytes: &[u8]| Reader::new(bytes).varint();
        assert_eq!(read(&[0x96, 0x01]), Ok(150));
        assert_eq!(read(&[0xff; 9]), Err(Error::Truncated));
        assert_eq!(read(&[0xff; 11]), Err(Error::Overflow));
        let mut most = [0xff; 10];
        most[9] = 1;
        assert_eq!(read(&most), Ok(u64::MAX));
    }

    #[test]
    fn unknown_fields_are_skipped() {
        let skip = |bytes: &[u8]| {
            let mut reader = Reader::new(bytes);
            let (_, wire) = reader.key()?.ok_or(Error::Truncated)?;
            reader.skip(wire, 3)?;
            Ok(reader.is_empty())
        };
        assert_eq!(skip(&[0x08, 0x96, 0x01]), Ok(true));
        assert_eq!(skip(&[0x0a, 2, 1, 2]), Ok(true));
        assert_eq!(skip(&[0x0d, 1, 2, 3, 4]), Ok(true));
        assert_eq!(skip(&[0x0b, 0x08, 1, 0x0c]), Ok(true));
        assert_eq!(skip(&[0x0b, 0x0b, 0x0b, 0x0b, 0x0c]), Err(Error::TooDeep));
        assert_eq!(skip(&[0x0b, 0x08, 1]), Err(Error::Truncated));
        assert_eq!(skip(&[0x0a, 9, 1]), Err(Error::Truncated));
        assert_eq!(skip(&[0x00, 1]), Err(Error::IllegalTag(0)));
        assert_eq!(skip(&[0x0f, 1]), Err(Error::IllegalTag(15)));
    }
}
