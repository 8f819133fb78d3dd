//! Patterns of other tools as globs of careen: regular expressions (RE2) over names, and doublestar's globs over paths
//! (<https://github.com/bmatcuk/doublestar>, "Patterns").
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use regex_syntax::hir::{Class, Hir, HirKind, Look};

/// Most globs that one expression becomes.
const MOST: usize = 64;

/// Largest set of characters that is written out.
const LARGEST_CLASS: u32 = 16;

/// Longest expression, in bytes.
const LONGEST: usize = 512;

/// Globs that take what the expression takes when it must take the whole text. `literal` writes plain text of it.
pub(super) fn globs_of_regex(source: &str, literal: &dyn Fn(&str) -> String) -> Result<Vec<String>, String> {
    if source.len() > LONGEST {
        return Err(format!("the pattern is longer than {LONGEST} bytes"));
    }
    let parsed = regex_syntax::ParserBuilder::new().nest_limit(32).build().parse(source);
    let hir = parsed.map_err(|_| "the pattern is no regular expression".to_owned())?;
    let mut globs = walk(&hir, literal)?;
    globs.sort();
    globs.dedup();
    Ok(globs)
}

fn walk(hir: &Hir, literal: &dyn Fn(&str) -> String) -> Result<Vec<String>, String> {
    let not_so = |what: &str| Err(format!("the pattern has {what}, which no glob can say"));
    match hir.kind() {
        HirKind::Empty | HirKind::Look(Look::Start | Look::End) => Ok(vec![String::new()]),
        HirKind::Look(_) => not_so("a boundary"),
        HirKind::Literal(text) => match std::str::from_utf8(&text.0) {
            Ok(text) => Ok(vec![literal(text)]),
            Err(_) => not_so("bytes that are no text"),
        },
        HirKind::Class(class) if is_any(class) => Ok(vec!["?".into()]),
        HirKind::Class(class) => match members(class) {
            Some(members) => Ok(members.iter().map(|c| literal(&c.to_string())).collect()),
            None => not_so("a set of characters"),
        },
        HirKind::Capture(capture) => walk(&capture.sub, literal),
        HirKind::Repetition(repetition) => {
            let takes_any = matches!(repetition.sub.kind(), HirKind::Class(class) if is_any(class));
            match (repetition.min, repetition.max) {
                (0, Some(1)) => {
                    let mut globs = walk(&repetition.sub, literal)?;
                    globs.push(String::new());
                    Ok(globs)
                }
                (least @ 0..=8, most) if takes_any && most.is_none_or(|most| most == least) => {
                    let signs = "?".repeat(usize::try_from(least).unwrap_or(0));
                    Ok(vec![if most.is_none() { signs + "*" } else { signs }])
                }
                _ => not_so("a repetition"),
            }
        }
        HirKind::Concat(parts) => {
            let mut globs = vec![String::new()];
            for part in parts {
                let ends = walk(part, literal)?;
                if globs.len().saturating_mul(ends.len()) > MOST {
                    return Err(format!("the pattern stands for more than {MOST} globs"));
                }
                globs = globs.iter().flat_map(|start| ends.iter().map(move |end| format!("{start}{end}"))).collect();
            }
            Ok(globs)
        }
        HirKind::Alternation(parts) => {
            let mut globs = Vec::new();
            for part in parts {
                globs.extend(walk(part, literal)?);
                if globs.len() > MOST {
                    return Err(format!("the pattern stands for more than {MOST} globs"));
                }
            }
            Ok(globs)
        }
    }
}

/// Whether it is `.`: any character, that of a line's end perhaps apart.
fn is_any(class: &Class) -> bool {
    match class {
        Class::Unicode(class) => ['\0', ' ', 'a', '/', '~', 'ü', '\u{10ffff}']
            .iter()
            .all(|c| class.iter().any(|range| (range.start()..=range.end()).contains(c))),
        Class::Bytes(_) => false,
    }
}

fn members(class: &Class) -> Option<Vec<char>> {
    let Class::Unicode(class) = class else { return None };
    let mut count: u32 = 0;
    for range in class.iter() {
        count = count.saturating_add(u32::from(range.end()).saturating_sub(u32::from(range.start()))).saturating_add(1);
    }
    (count <= LARGEST_CLASS).then(|| class.iter().flat_map(|range| range.start()..=range.end()).collect())
}

/// A glob of doublestar as one of careen's: sets are negated by `!`, signs are escaped by brackets.
pub(super) fn path_glob(source: &str) -> Result<String, String> {
    let mut glob = String::new();
    let mut signs = source.chars().peekable();
    let mut in_set = false;
    while let Some(sign) = signs.next() {
        match sign {
            '\\' => match signs.next() {
                Some(sign @ ('*' | '?' | '[')) if !in_set => glob.extend(['[', sign, ']']),
                Some('{' | '}' | ']' | '-' | '!') | None => {
                    return Err("the pattern escapes a sign that no glob of careen can".into());
                }
                Some(sign) => glob.push(sign),
            },
            '[' if !in_set => {
                in_set = true;
                glob.push('[');
                if signs.next_if_eq(&'^').is_some() || signs.next_if_eq(&'!').is_some() {
                    glob.push('!');
                }
            }
            ']' => {
                in_set = false;
                glob.push(']');
            }
            sign => glob.push(sign),
        }
    }
    // `./a` and `a` are one; a leading `/` means nothing to careen
    Ok(glob.strip_prefix("./").unwrap_or(&glob).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_become_globs_or_say_why_not() {
        let cases: &[(&str, Result<&[&str], &str>)] = &[
            ("libc6", Ok(&["libc6"])),
            ("linux-.*-headers", Ok(&["linux-*-headers"])),
            ("linux(-.*)?-headers-.*", Ok(&["linux-*-headers-*", "linux-headers-*"])),
            ("^python3\\.1[12]$", Ok(&["python3.11", "python3.12"])),
            ("a|b.+|", Ok(&["", "a", "b?*"])),
            ("lib..", Ok(&["lib??"])),
            ("g\\+\\+", Ok(&["g%+%+"])),
            ("(?i)ab", Ok(&["AB", "Ab", "aB", "ab"])),
            ("[a-z]+", Err("a repetition")),
            ("[a-z]", Err("a set of characters")),
            ("a\\b", Err("a boundary")),
            ("(", Err("no regular expression")),
            ("[ab][ab][ab][ab][ab][ab][ab]", Err("more than 64")),
            ("(a|bb|ccc|dddd|eeeee).{2}x.*[^/]", Err("a set of characters")),
            ("x{3}", Err("a repetition")),
            (".{2,3}", Err("a repetition")),
            (".{2}", Ok(&["??"])),
            (".{8}", Ok(&["????????"])),
            (".{9}", Err("a repetition")),
            ("(a|b){2,3}", Err("a repetition")),
        ];
        let literal = |text: &str| text.replace('+', "%+");
        for (source, expected) in cases {
            match (globs_of_regex(source, &literal), expected) {
                (Ok(globs), Ok(expected)) => assert_eq!(globs, *expected, "{source}"),
                (Err(why), Err(said)) => assert!(why.contains(said), "{source}: {why}"),
                (found, _) => unreachable!("{source}: {found:?}"),
            }
        }
        assert!(globs_of_regex(&"(".repeat(10_000), &literal).is_err());
        // the most that is taken, and the first that is not
        let count = |source: &str| globs_of_regex(source, &literal).map(|globs| globs.len()).ok();
        assert_eq!((count("[ab][ab][ab][ab][ab][ab]"), count("[ab][ab][ab][ab][ab][abc]")), (Some(64), None));
        let words =
            |count: usize| (0..count).map(|n| format!("w{}x{n}", "y".repeat(n % 7))).collect::<Vec<_>>().join("|");
        assert_eq!((count(&format!("a.*({})", words(64))), count(&format!("a.*({})", words(65)))), (Some(64), None));
        assert_eq!((count("[a-p]"), count("[a-q]")), (Some(16), None));
        assert_eq!((count(&"x".repeat(512)), count(&"x".repeat(513))), (Some(1), None));
        assert!(globs_of_regex(&format!("{}a{}", "(".repeat(200), ")".repeat(200)), &literal).is_err());
    }

    #[test]
    fn globs_keep_their_meaning() {
        let cases = [
            ("usr/**/*.py", Ok("usr/**/*.py")),
            ("./a/{b,c}", Ok("a/{b,c}")),
            ("a[^x]b[!y]", Ok("a[!x]b[!y]")),
            ("a\\*b", Ok("a[*]b")),
            ("[[]a", Ok("[[]a")),
            ("[a[b]c", Ok("[a[b]c")),
            ("[a[^b]", Ok("[a[^b]")),
            ("[\\*]", Ok("[*]")),
            ("[a]\\*", Ok("[a][*]")),
            ("a\\b", Ok("ab")),
            ("a\\{b", Err(())),
            ("a\\", Err(())),
        ];
        for (source, expected) in cases {
            assert_eq!(path_glob(source).map_err(|_| ()), expected.map(ToOwned::to_owned), "{source}");
        }
    }
}
