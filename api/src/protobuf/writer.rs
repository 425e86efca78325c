//! Writes the wire format back to front, so that a length is known when it is written.

use super::reader::Wire;

/// Bytes in reverse order. What is written last comes first on the wire.
#[derive(Debug, Default)]
pub(super) struct Writer(Vec<u8>);

impl Writer {
    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns the bytes in their order on the wire.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.0.reverse();
        self.0
    }

    pub(super) fn raw(&mut self, bytes: &[u8]) {
        self.0.extend(bytes.iter().rev());
    }

    pub(super) fn varint(&mut self, mut number: u64) {
        if number < 0x80 {
            self.0.push(low(number));
            return;
        }
        let mut digits = [0_u8; 10];
        let mut used = 0;
        for digit in &mut digits {
            *digit = low(number) | 0x80;
            number >>= 7;
            used += 1;
            if number == 0 {
                *digit &= 0x7f;
                break;
            }
        }
        self.raw(digits.get(..used).unwrap_or_default());
    }

    pub(super) fn key(&mut self, number: u32, wire: Wire) {
        self.varint(u64::from(number) << 3 | u64::from(wire.number()));
    }

    /// Writes a length-delimited field.
    pub(super) fn bytes(&mut self, number: u32, bytes: &[u8]) {
        self.raw(bytes);
        self.varint(bytes.len() as u64);
        self.key(number, Wire::Bytes);
    }

    pub(super) fn number(&mut self, number: u32, value: i64) {
        self.varint(value.cast_unsigned());
        self.key(number, Wire::Varint);
    }

    /// Writes length and key of a message whose content was written when `len()` was `start`.
    pub(super) fn close(&mut self, number: u32, start: usize) {
        self.varint((self.0.len() - start) as u64);
        self.key(number, Wire::Bytes);
    }
}

fn low(number: u64) -> u8 {
    let [low, ..] = number.to_le_bytes();
    low & 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        for value in [0, 1, 127, 128, 300, i64::MAX, -1, i64::MIN] {
            let mut writer = Writer::default();
            writer.bytes(2, b"text");
            writer.number(1, value);
            let bytes = writer.finish();
            let mut reader = super::super::reader::Reader::new(&bytes);
            assert_eq!(reader.key(), Ok(Some((1, Wire::Varint))));
            assert_eq!(reader.varint().map(u64::cast_signed), Ok(value));
            assert_eq!(reader.key(), Ok(Some((2, Wire::Bytes))));
            assert_eq!(reader.bytes(), Ok(&b"text"[..]));
            assert_eq!(reader.key(), Ok(None));
        }
    }
}
