//! The small part of the tar format that image archives need: writing plain files, and finding small ones.

use std::io::{self, Read};

/// Size of headers and of the padding of contents.
const BLOCK: usize = 512;

/// Appends a regular file with the given permission bits; owner root, time 0, so that equal input gives equal bytes.
pub(super) fn append(out: &mut Vec<u8>, name: &str, mode: u32, content: &[u8]) {
    out.extend_from_slice(&header(name, mode, content.len() as u64));
    out.extend_from_slice(content);
    out.resize(out.len().next_multiple_of(BLOCK), 0);
}

/// Ends an archive.
pub(super) fn finish(out: &mut Vec<u8>) {
    out.resize(out.len() + 2 * BLOCK, 0);
}

/// A ustar header of a regular file. Names over 100 bytes are cut: the callers' are shorter.
pub(super) fn header(name: &str, mode: u32, size: u64) -> [u8; BLOCK] {
    let mut block = [0u8; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| {
        for (slot, byte) in block.iter_mut().skip(at).zip(bytes) {
            *slot = *byte;
        }
    };
    put(0, name.as_bytes().get(..100).unwrap_or(name.as_bytes()));
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    // Eight gigabytes and more do not fit eleven octal digits: the binary form marks itself by the first bit.
    if size < 1 << 33 {
        put(124, format!("{size:011o}").as_bytes());
    } else {
        put(124, &[0x80, 0, 0, 0]);
        put(128, &size.to_be_bytes());
    }
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, b"0ustar\x0000");
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    for (slot, byte) in block.iter_mut().skip(148).zip(format!("{sum:06o}\0 ").bytes()) {
        *slot = byte;
    }
    block
}

/// Something to read that can pass over bytes quickly.
pub(super) trait Source: Read {
    /// Passes over `count` bytes.
    fn skip(&mut self, count: u64) -> io::Result<()>;
}

/// Reads the contents of the files whose names are `wanted`, each at most `limit` bytes; others are passed over.
///
/// # Errors
/// `InvalidData` when it is not a tar archive; `UnexpectedEof` when it is cut short.
pub(super) fn read_files(source: &mut dyn Source, wanted: &[&str], limit: u64) -> io::Result<Vec<(String, Vec<u8>)>> {
    let mut found = Vec::new();
    let mut block = [0u8; BLOCK];
    loop {
        match source.read_exact(&mut block) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof && !found.is_empty() => return Ok(found),
            other => other?,
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(found);
        }
        let (name, size) = parse_header(&block)?;
        let padded = size.checked_next_multiple_of(BLOCK as u64).ok_or_else(|| invalid("a size overflows"))?;
        let name = name.trim_start_matches("./").to_owned();
        if wanted.contains(&name.as_str()) && size <= limit {
            let mut content = Vec::new();
            (&mut *source).take(size).read_to_end(&mut content)?;
            if content.len() as u64 != size {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            source.skip(padded - size)?;
            found.push((name, content));
        } else {
            source.skip(padded)?;
        }
    }
}

/// Name and size of an entry.
fn parse_header(block: &[u8; BLOCK]) -> io::Result<(String, u64)> {
    let field = |from: usize, to: usize| block.get(from..to).unwrap_or_default();
    let text = |bytes: &[u8]| -> String {
        let end = bytes.iter().position(|byte| *byte == 0).unwrap_or(bytes.len());
        String::from_utf8_lossy(bytes.get(..end).unwrap_or_default()).trim().to_owned()
    };
    let sum: u32 =
        block.iter().enumerate().map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) }).sum();
    if u32::from_str_radix(&text(field(148, 156)), 8) != Ok(sum) {
        return Err(invalid("not a tar archive"));
    }
    let size = field(124, 136);
    let size = if size.first().is_some_and(|byte| byte & 0x80 != 0) {
        size.iter().rev().take(8).rev().fold(0, |value, byte| (value << 8) | u64::from(*byte))
    } else {
        u64::from_str_radix(&text(size), 8).map_err(|_| invalid("a size is not octal"))?
    };
    Ok((text(field(0, 100)), size))
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Source for io::Cursor<Vec<u8>> {
        fn skip(&mut self, count: u64) -> io::Result<()> {
            self.set_position(self.position().saturating_add(count));
            Ok(())
        }
    }

    #[test]
    fn what_is_written_is_found_again_and_tar_agrees() {
        let mut archive = Vec::new();
        append(&mut archive, "big", 0o644, &vec![7; 1000]);
        append(&mut archive, "index.json", 0o600, b"{}");
        finish(&mut archive);
        let found = read_files(&mut io::Cursor::new(archive.clone()), &["index.json", "x"], 100).unwrap();
        assert_eq!(found, [("index.json".to_owned(), b"{}".to_vec())]);

        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.tar");
        std::fs::write(&file, &archive).unwrap();
        let listed = std::process::Command::new("tar").arg("tf").arg(&file).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&listed.stdout), "big\nindex.json\n");
    }

    #[test]
    fn sizes_beyond_eight_gigabytes_use_the_binary_form() {
        for size in [0, 1, (1 << 33) - 1, 1 << 33, 1 << 40] {
            assert_eq!(parse_header(&header("x", 0o644, size)).unwrap(), ("x".to_owned(), size));
        }
    }

    #[test]
    fn rubbish_and_cut_archives_are_errors() {
        let read = |bytes: Vec<u8>| read_files(&mut io::Cursor::new(bytes), &["index.json"], 100);
        assert_eq!(read(vec![1; 600]).expect_err("no tar").kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(vec![1; 6]).expect_err("short").kind(), io::ErrorKind::UnexpectedEof);
        let cut = [header("index.json", 0o644, 10).to_vec(), b"12345".to_vec()].concat();
        assert_eq!(read(cut).expect_err("cut").kind(), io::ErrorKind::UnexpectedEof);
    }
}
