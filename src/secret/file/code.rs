//! Settings in programs: the strings that PHP, Python and Ruby give to variables, keys of maps and constants.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::closing;
use super::setting::Setting;

/// Brackets inside one another; deeper ones are not read.
const DEPTH: usize = 64;

/// Quotes that nothing closes; a file of more is no program.
const UNCLOSED: u8 = 16;

/// Meets each literal that is given to a name: `NAME = 'x'`, `'name' => 'x'`, `'name': 'x'`, `define('NAME', 'x')`,
/// `$a['name'] = 'x'`.
pub(super) fn read(bytes: &[u8], meet: &mut dyn FnMut(&Setting<'_>)) {
    // the names of the brackets that are open
    let mut path: Vec<&[u8]> = Vec::new();
    let mut last: &[u8] = b"";
    let mut key: Option<&[u8]> = None;
    let mut unclosed = 0_u8;
    let mut at = 0_usize;
    while let Some(byte) = bytes.get(at).copied() {
        let rest = bytes.get(at..).unwrap_or_default();
        let next = at.saturating_add(1);
        match byte {
            b'#' => at = at.saturating_add(line(rest)),
            b'/' if rest.starts_with(b"//") => at = at.saturating_add(line(rest)),
            b'/' if rest.starts_with(b"/*") => {
                at = memchr::memmem::find(rest, b"*/").map_or(bytes.len(), |n| at.saturating_add(n).saturating_add(2));
            }
            b'"' | b'\'' => {
                let triple = [byte; 3];
                if rest.starts_with(&triple) {
                    let inner = rest.get(3..).unwrap_or_default();
                    at = memchr::memmem::find(inner, &triple)
                        .map_or(bytes.len(), |n| at.saturating_add(n).saturating_add(6));
                    continue;
                }
                let Some(length) = closing(rest.get(1..).unwrap_or_default(), byte) else {
                    // each looks to the end of the file
                    unclosed = unclosed.saturating_add(1);
                    if unclosed > UNCLOSED {
                        return;
                    }
                    at = next;
                    continue;
                };
                let end = next.saturating_add(length);
                let value = bytes.get(next..end).unwrap_or_default();
                if let Some(name) = key.take() {
                    path.push(name);
                    meet(&Setting { path: &path, value, span: next..end });
                    path.pop();
                }
                last = value;
                at = end.saturating_add(1);
            }
            b'=' => {
                let signs = rest.iter().take_while(|b| matches!(b, b'=' | b'>' | b'~')).count();
                let is_given = signs == 1 || rest.starts_with(b"=>") && signs == 2;
                key = is_given.then_some(last);
                at = at.saturating_add(signs);
            }
            b'!' | b'<' | b'>' if rest.get(1) == Some(&b'=') => at = at.saturating_add(2),
            b':' => {
                key = (!rest.starts_with(b"::")).then_some(last);
                at = at.saturating_add(if key.is_none() { 2 } else { 1 });
            }
            b'(' | b'[' | b'{' => {
                if path.len() >= DEPTH {
                    return;
                }
                path.push(key.take().unwrap_or(last));
                at = next;
            }
            b')' | b']' | b'}' => {
                path.pop();
                key = None;
                at = next;
            }
            b',' => {
                // the second argument of `define('NAME', …)`
                let is_constant = path.last().is_some_and(|name| name.eq_ignore_ascii_case(b"define"));
                key = (is_constant && !last.is_empty()).then_some(last);
                at = next;
            }
            b';' => {
                key = None;
                at = next;
            }
            byte if byte.is_ascii_alphabetic() || matches!(byte, b'_' | b'$') => {
                let length = rest.iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$')).count();
                let word = rest.get(..length).unwrap_or_default();
                // a prefix of a string, as in `r'x'`, is no name
                if !(length <= 2 && matches!(rest.get(length), Some(b'"' | b'\''))) {
                    // what is given is no literal but the result of a call or another name; `array(` opens a map
                    if !word.eq_ignore_ascii_case(b"array") && !word.eq_ignore_ascii_case(b"dict") {
                        key = None;
                        last = word.strip_prefix(b"$").unwrap_or(word);
                    }
                }
                at = at.saturating_add(length);
            }
            _ => at = next,
        }
    }
}

fn line(rest: &[u8]) -> usize {
    memchr::memchr(b'\n', rest).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;

    #[test]
    fn literals_with_their_names() {
        let cases: &[(&str, &[&str])] = &[
            (
                "<?php define('DB_PASSWORD', 'x'); // no\ndefine( \"A\" , \"b\" );",
                &["define/DB_PASSWORD=x", "define/A=b"],
            ),
            ("class J { public $password = 'x'; }", &["J/password=x"]),
            ("$db['default']['x'] = array('password' => 'y', 'a' => env('B', 'c'));", &["x/password=y"]),
            ("return ['db' => ['c' => ['password' => 'x']]];", &["return/db/c/password=x"]),
            (
                "D = {\n 'default': {'PASSWORD': 'x', 'N': os.environ['Y']},\n}\nSECRET_KEY = r'z'",
                &["D/default/PASSWORD=x", "SECRET_KEY=z"],
            ),
            ("$cfg['Servers'][$i]['password'] = 'x';", &["password=x"]),
            ("if a == 'x' or b != 'y': c('d')\nK = get('e')", &[]),
            ("\"\"\"p = 'x'\"\"\"\n# p = 'y'\np = 'z'", &["p=z"]),
        ];
        for (text, expected) in cases {
            assert_eq!(shown(text, read), *expected, "{text}");
        }
    }
}
