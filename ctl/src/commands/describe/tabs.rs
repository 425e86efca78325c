//! Elastic tab stops: a column is as wide as the widest cell among adjoining lines that have it, plus two blanks.
//!
//! Follows Go's `text/tabwriter` with padding 2, as kubectl uses it: a cell ends with a tab, what follows the last tab of a line
//! belongs to no column.

/// Blanks between columns.
const PADDING: usize = 2;

/// Turns tabs into blanks.
pub fn align(raw: &str) -> String {
    let lines: Vec<Vec<&str>> = raw.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut out = String::with_capacity(raw.len() * 2);
    format(&lines, &mut Vec::new(), &mut out);
    // The text after the last line feed is no line.
    out.pop();
    out
}

/// Writes `lines`, whose first `widths.len()` columns are known.
fn format(lines: &[Vec<&str>], widths: &mut Vec<usize>, out: &mut String) {
    let column = widths.len();
    let has = |line: &Vec<&str>| line.len() > column + 1;
    let mut rest = lines;
    while !rest.is_empty() {
        let without = rest.iter().position(has).unwrap_or(rest.len());
        let (plain, tail) = rest.split_at(without);
        plain.iter().for_each(|line| write(line, widths, out));
        let with = tail.iter().position(|line| !has(line)).unwrap_or(tail.len());
        let (block, tail) = tail.split_at(with);
        if !block.is_empty() {
            let widest = block.iter().filter_map(|line| line.get(column)).map(|cell| cell.chars().count()).max();
            widths.push(widest.unwrap_or(0) + PADDING);
            format(block, widths, out);
            widths.pop();
        }
        rest = tail;
    }
}

fn write(line: &[&str], widths: &[usize], out: &mut String) {
    for (i, cell) in line.iter().enumerate() {
        out.push_str(cell);
        if let Some(width) = widths.get(i) {
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.chars().count())));
        }
    }
    out.push('\n');
}

#[cfg(test)]
mod tests {
    use super::align;

    #[test]
    fn columns_fit_adjoining_lines_only() {
        let rows = [
            ("a:\tb\nlonger:\tc\n", "a:       b\nlonger:  c\n"),
            ("a:\tb\nbreak\nlonger:\tc\n", "a:  b\nbreak\nlonger:  c\n"),
            ("x:\t\n", "x:  \n"),
            ("a\tb\tc\nlong\td\n\te\n", "a     b  c\nlong  d\n      e\n"),
            ("a\t\t1\nbb\tc\t2\n", "a      1\nbb  c  2\n"),
            ("é:\tb\nab:\tc\n", "é:   b\nab:  c\n"),
            ("", ""),
            ("no end", "no end"),
        ];
        for (raw, expected) in rows {
            assert_eq!(align(raw), expected, "{raw:?}");
        }
    }
}
