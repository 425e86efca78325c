//! Where the last lines of a file begin.

use std::io::{self, Read, Seek, SeekFrom};

/// How much is read at a time, from the end backwards.
const BLOCK: u64 = 8 * 1024;

/// Finds the offset behind which the file has exactly `lines` line ends, or 0 when it has fewer. A last line without
/// end comes on top, as upstream counts (`staging/src/k8s.io/cri-client/pkg/util/log: FindTailLineStartIndex @ v1.36`).
///
/// # Errors
/// Of reading the file.
pub fn start(file: &mut (impl Read + Seek), lines: u64) -> io::Result<u64> {
    let end = file.seek(SeekFrom::End(0))?;
    if lines == 0 {
        return Ok(end);
    }
    let mut seen = 0;
    let mut right = end;
    let mut block = Vec::new();
    while right > 0 {
        let left = right.saturating_sub(BLOCK);
        file.seek(SeekFrom::Start(left))?;
        block.clear();
        file.by_ref().take(right - left).read_to_end(&mut block)?;
        for (index, byte) in block.iter().enumerate().rev() {
            if *byte != b'\n' {
                continue;
            }
            seen += 1;
            if seen > lines {
                return Ok(left.saturating_add(index as u64).saturating_add(1));
            }
        }
        right = left;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn tail(text: &str, lines: u64) -> String {
        let start = start(&mut io::Cursor::new(text), lines).unwrap();
        text[usize::try_from(start).unwrap()..].to_owned()
    }

    #[test]
    fn whole_lines_are_counted_from_the_end() {
        assert_eq!(tail("a\nb\nc\n", 2), "b\nc\n");
        assert_eq!(tail("a\nb\nc\n", 9), "a\nb\nc\n");
        assert_eq!(tail("a\nb\nc\n", 0), "");
        assert_eq!(tail("a\nb\nc", 1), "b\nc");
        assert_eq!(tail("", 1), "");
    }

    proptest! {
        #[test]
        fn the_rest_has_that_many_line_ends(
            lengths in prop::collection::vec(0_usize..900, 0..60),
            last in 0_usize..5,
            lines in 0_u64..70,
        ) {
            let whole: String = lengths.iter().map(|length| "x".repeat(*length) + "\n").collect();
            let text = whole + &"x".repeat(last);
            let rest = tail(&text, lines);
            let all = text.matches('\n').count() as u64;
            if lines == 0 {
                prop_assert_eq!(rest, "");
            } else {
                prop_assert_eq!(rest.matches('\n').count() as u64, lines.min(all));
                let before = &text[..text.len() - rest.len()];
                prop_assert!(before.is_empty() || before.ends_with('\n'));
            }
        }
    }
}
