//! `.dockerignore`: which files of the folder are not sent to the builder.
//!
//! The rules are those of "`.dockerignore` files" in Docker's build documentation (moby/patternmatcher): one pattern a
//! line, `#` begins a comment, `!` takes files back in, `**` stands for any folders, and the last pattern that matches
//! decides; a pattern that matches a folder matches what is in it.

use regex::Regex;

use crate::escape::escape;

/// Largest file that is read, in bytes.
pub const LARGEST: usize = 256 * 1024;

/// Most patterns; what comes later does not count, and [`Ignore::is_complete`] says so.
const MOST_PATTERNS: usize = 2_000;

/// Most patterns that are told of as wrong.
const MOST_FAULTS: usize = 100;

/// Longest pattern, in bytes.
const LONGEST_PATTERN: usize = 1_024;

/// The patterns of a file.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
    /// Whether every pattern was understood.
    pub is_complete: bool,
    /// Patterns that Docker refuses, and with them the build.
    pub faults: Vec<Fault>,
}

/// A pattern that is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its line, from 1.
    pub line: u64,
    /// Its first column and the one behind its last, from 1, in characters.
    pub columns: (u64, u64),
    /// What is wrong, in a sentence without a full stop; it quotes nothing unescaped.
    pub message: String,
}

#[derive(Debug, Clone)]
struct Pattern {
    takes_back: bool,
    regex: Regex,
    /// The pattern as it is written, cleaned.
    text: String,
}

impl Ignore {
    /// Reads a file.
    pub fn parse(bytes: &[u8]) -> Self {
        let mut ignore = Self { is_complete: bytes.len() <= LARGEST, ..Self::default() };
        let text = String::from_utf8_lossy(bytes.get(..bytes.len().min(LARGEST)).unwrap_or_default());
        for (number, whole) in (1_u64..).zip(text.trim_start_matches('\u{feff}').lines()) {
            // a comment begins in the first column
            let line = if whole.starts_with('#') { "" } else { whole.trim() };
            if line.is_empty() {
                continue;
            }
            if let Some(message) = fault(line).filter(|_| ignore.faults.len() < MOST_FAULTS) {
                let blanks = whole.chars().count().saturating_sub(whole.trim_start().chars().count()) as u64;
                let start = blanks.saturating_add(1);
                let columns = (start, start.saturating_add(line.chars().count() as u64));
                ignore.faults.push(Fault { line: number, columns, message });
            }
            let (takes_back, pattern) = match line.strip_prefix('!') {
                Some(rest) => (true, rest.trim()),
                None => (false, line),
            };
            let cleaned = clean(pattern);
            let regex = Some(&cleaned).filter(|cleaned| cleaned.len() <= LONGEST_PATTERN).and_then(|it| expression(it));
            match regex {
                Some(regex) if ignore.patterns.len() < MOST_PATTERNS && !cleaned.is_empty() => {
                    ignore.patterns.push(Pattern { takes_back, regex, text: cleaned });
                }
                _ => ignore.is_complete = false,
            }
        }
        ignore
    }

    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.patterns.is_empty()
    }

    /// Whether the file or folder at `path`, relative to the folder and without `./`, is left out.
    pub fn excludes(&self, path: &str) -> bool {
        let path = clean(path);
        let mut excluded = false;
        for pattern in &self.patterns {
            // only a pattern that changes something is asked
            if pattern.takes_back == excluded && pattern.matches(&path) {
                excluded = !pattern.takes_back;
            }
        }
        excluded
    }

    /// Whether some pattern takes files back in below a folder, so that it may be sent in part.
    pub fn takes_back_below(&self, folder: &str) -> bool {
        let folder = format!("{}/", clean(folder));
        self.patterns
            .iter()
            .any(|pattern| pattern.takes_back && (pattern.text.starts_with(&folder) || pattern.text.starts_with("**")))
    }
}

impl Pattern {
    /// Whether it matches the path or a folder above it.
    fn matches(&self, path: &str) -> bool {
        let above = path.match_indices('/').filter_map(|(at, _)| path.get(..at));
        std::iter::once(path).chain(above).any(|path| self.regex.is_match(path))
    }
}

/// What Go's `filepath.Match` refuses of a pattern, as Docker calls it.
fn fault(line: &str) -> Option<String> {
    let pattern = line.strip_prefix('!').map_or(line, str::trim);
    if pattern.is_empty() {
        return Some("in `.dockerignore`, `!` wants a pattern behind it".into());
    }
    let shown = escape(pattern.chars().take(60).collect::<String>());
    let mut characters = pattern.chars().peekable();
    let no_end = |shown: &str| Some(format!("in `.dockerignore`, nothing closes the `[` of `{shown}`"));
    while let Some(c) = characters.next() {
        match c {
            '\\' if characters.next().is_none() => {
                return Some(format!("in `.dockerignore`, nothing stands behind the `\\` of `{shown}`"));
            }
            '[' => {
                characters.next_if_eq(&'^');
                let mut is_empty = true;
                loop {
                    if !is_empty && characters.next_if_eq(&']').is_some() {
                        break;
                    }
                    is_empty = false;
                    // one end of a range, and the other
                    for is_end in [false, true] {
                        match characters.next() {
                            None => return no_end(&shown),
                            Some('-' | ']') => {
                                let message = "is empty or a range in it wants an end";
                                return Some(format!("in `.dockerignore`, the set of `{shown}` {message}"));
                            }
                            Some('\\') if characters.next().is_none() => return no_end(&shown),
                            Some(_) => {}
                        }
                        if is_end || characters.next_if_eq(&'-').is_none() {
                            break;
                        }
                    }
                    if characters.peek().is_none() {
                        return no_end(&shown);
                    }
                }
            }
            _ => {}
        }
    }
    None
}

/// The path without `.`, `..`, doubled and outer slashes.
fn clean(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The pattern as an expression: `*` and `?` stay in one folder, `**` does not.
fn expression(pattern: &str) -> Option<Regex> {
    let mut text = String::from("^");
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        match c {
            '*' if characters.next_if_eq(&'*').is_some() => {
                let is_folder = characters.next_if_eq(&'/').is_some();
                text += if characters.peek().is_none() {
                    ".*"
                } else if is_folder {
                    "(?:.*/)?"
                } else {
                    ".*"
                };
            }
            '*' => text += "[^/]*",
            '?' => text += "[^/]",
            '\\' => text += &regex::escape(&characters.next()?.to_string()),
            '[' => {
                text.push('[');
                if characters.next_if_eq(&'^').is_some() {
                    text.push('^');
                }
                loop {
                    match characters.next()? {
                        ']' => break,
                        '-' => text.push('-'),
                        '\\' => text += &escaped(characters.next()?),
                        c => text += &escaped(c),
                    }
                }
                text.push(']');
            }
            c => text += &regex::escape(&c.to_string()),
        }
    }
    text.push('$');
    Regex::new(&text).ok()
}

/// A character in a set.
fn escaped(c: char) -> String {
    if c.is_ascii_alphanumeric() || !c.is_ascii() { c.to_string() } else { format!("\\{c}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_pattern_that_matches_decides() {
        let cases: &[(&str, &[&str], &[&str])] = &[
            ("", &[], &["a", ".git"]),
            ("# comment\n.git\n", &[".git", ".git/config"], &["a/.git", ".gitignore"]),
            ("**/.env", &[".env", "a/.env", "a/b/.env"], &["a.env", ".env.sample"]),
            ("*.md\n!README.md", &["a.md"], &["README.md", "docs/a.md"]),
            ("*.md\n!README*.md\nREADME-secret.md", &["README-secret.md", "a.md"], &["README-x.md"]),
            ("*/temp*", &["a/temp.txt", "a/temp/x"], &["temp.txt", "a/b/temp"]),
            ("*/*/temp*", &["a/b/temp"], &["a/temp"]),
            ("temp?", &["tempa", "temp1/x"], &["temp", "tempab"]),
            ("*\n!src\n!go.*", &["a", ".git", "node_modules/x"], &["src/main.rs", "go.mod", "src"]),
            ("/foo/bar/\n./x", &["foo/bar", "foo/bar/y", "x"], &["foo"]),
            ("a/**", &["a/b", "a/b/c"], &["b"]),
            ("**", &["a", "a/b"], &[]),
            ("docs/**/*.pdf", &["docs/a.pdf", "docs/b/c/a.pdf"], &["a.pdf"]),
            ("[a-c]x\n[^d]y", &["ax", "cx", "ay"], &["dx", "dy"]),
            ("\\*x", &["*x"], &["ax"]),
            (" a \r\n", &["a"], &[]),
            (" # no comment", &["# no comment"], &[]),
            ("node_modules/\n", &["node_modules", "node_modules/a"], &["b/node_modules"]),
        ];
        for (text, excluded, sent) in cases {
            let ignore = Ignore::parse(text.as_bytes());
            assert!(ignore.is_complete && ignore.faults.is_empty(), "{text}");
            for path in *excluded {
                assert!(ignore.excludes(path), "{text:?} sends {path}");
            }
            for path in *sent {
                assert!(!ignore.excludes(path), "{text:?} leaves out {path}");
            }
        }
        assert!(!Ignore::parse(b"[a").is_complete);
        for bad in
            ["[", "a[", "[a", "[]", "[]a]", "[^]", "[a-]", "[-a]", "[a-b-]", "a\\", "[\\", "!", "! ", "![", "x/[a"]
        {
            assert_eq!(Ignore::parse(bad.as_bytes()).faults.len(), 1, "{bad}");
        }
        for good in [
            "]", "a]", "[a]", "[^a]", "[^^]", "[\\]]", "[\\-a]", "[a-c0-9]", "\\[", "!a", "# [", "{a,b}", "a-b",
            "[a][b]",
        ] {
            assert_eq!(Ignore::parse(good.as_bytes()).faults, [], "{good}");
        }
        assert!(Ignore::parse(b"node_modules\n!node_modules/a").takes_back_below("node_modules"));
    }
}
