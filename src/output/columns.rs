//! Text in columns of a terminal: where lines break, and what gives way.

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// The first line of a text, and all the rest of it.
pub(super) fn split(text: &str, width: usize) -> (String, String) {
    let first = wrap(text, width).into_iter().next().unwrap_or_default();
    // blanks were evened out, so what follows is told by counting the others
    let taken = first.chars().filter(|c| *c != ' ').count();
    let mut seen = 0;
    let rest = text.trim_start_matches(|c| {
        seen += usize::from(c != ' ');
        seen <= taken
    });
    (first, rest.trim_start().to_owned())
}

/// Breaks at blanks, and within words that are wider than a line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = 0;
    for word in text.split(' ').filter(|word| !word.is_empty()) {
        let needed = word.width();
        if used > 0 && used + 1 + needed > width {
            lines.push(std::mem::take(&mut line));
            used = 0;
        }
        if used > 0 {
            line.push(' ');
            used += 1;
        }
        for c in word.chars() {
            let columns = c.width().unwrap_or(0);
            if used + columns > width && used > 0 {
                lines.push(std::mem::take(&mut line));
                used = 0;
            }
            line.push(c);
            used += columns;
        }
    }
    lines.push(line);
    lines
}

/// The beginning, with `…` for what does not fit.
pub(super) fn cut_end(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = beginning(text.chars(), width.saturating_sub(1));
    cut.push('…');
    cut
}

/// Beginning and end, with `…` for what does not fit between; the end, a file's name, gets more.
pub(super) fn cut_middle(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let room = width.saturating_sub(1);
    let head = beginning(text.chars(), room / 3);
    let tail: String = beginning(text.chars().rev(), room - room / 3);
    format!("{head}…{}", tail.chars().rev().collect::<String>())
}

fn beginning(characters: impl Iterator<Item = char>, width: usize) -> String {
    let mut used = 0;
    characters
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= width
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_columns() {
        assert_eq!(cut_end("abcdef", 6), "abcdef");
        assert_eq!(cut_end("abcdefg", 6), "abcde…");
        assert_eq!(cut_end("中中中中", 6), "中中…");
        assert_eq!(cut_middle("/usr/lib/python3/dist-packages/six.py", 20), "/usr/l…ckages/six.py");
        assert_eq!(wrap("a bb ccc", 4), ["a bb", "ccc"]);
        assert_eq!(wrap("abcdefghij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(split("a  bb ccc", 4), ("a bb".into(), "ccc".into()));
        assert_eq!(split("abcdef g", 4), ("abcd".into(), "ef g".into()));
    }
}
