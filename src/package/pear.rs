//! Packages of PEAR and PECL: the registry, one serialized PHP value for each package (PEAR `PEAR_Registry`, PHP
//! `serialize`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::Ecosystem;
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::literal::split_at;
use super::purl;
use super::text::{complain, field};

/// Packages of PEAR's channels.
static PEAR: Ecosystem = Ecosystem { id: "pear", purl_type: "pear", is_system: false };

/// Reads every `.reg` of a registry.
pub(super) struct Pear;

static ABOUT: About = About {
    title: "PHP packages of PEAR and PECL",
    ecosystems: &[&PEAR],
    reads: "Name, channel, release and licence of each package that `pear` or `pecl` installed.",
    not_seen: &["extensions compiled by `docker-php-ext-install`, which are part of PHP's sources"],
    references: &["https://pear.php.net/manual/en/guide.users.concepts.channel.php"],
};

impl Collector for Pear {
    fn id(&self) -> &'static str {
        "pear"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(".reg")]
    }

    /// PEAR's own has 100 KiB.
    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(16))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        // other programs have files of this ending, too: of those nothing is told
        if !file.bytes.starts_with(b"a:") {
            if self.accepts(file.path) && !file.bytes.is_empty() {
                complain(facts, "it is no serialized array");
            }
            return;
        }
        match parse(file.bytes) {
            Ok(package) => facts.package(package),
            Err(what) => complain(facts, what),
        }
    }

    /// `.registry/NAME.reg`, or `.registry/.channel.CHANNEL/NAME.reg`.
    fn accepts(&self, path: &ImagePath) -> bool {
        let mut above = path.components().rev().skip(1);
        match above.next() {
            Some(b".registry") => true,
            Some(channel) => channel.starts_with(b".channel.") && above.next() == Some(b".registry"),
            None => false,
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// Arrays in arrays; a dependency list of PEAR's own format has 8.
const DEPTH: usize = 64;

/// The fields wanted of a registered package. `release` and `text` are one level down in packages of format 2.
#[derive(Debug, Default)]
struct Record<'a> {
    name: Option<&'a [u8]>,
    package: Option<&'a [u8]>,
    channel: Option<&'a [u8]>,
    version: Option<&'a [u8]>,
    licence: Option<&'a [u8]>,
}

fn parse(bytes: &[u8]) -> Result<PackageFact, String> {
    let record = read(bytes).ok_or("it is cut short, or no serialized array")?;
    let name = record.name.or(record.package).and_then(field).ok_or("it gives no name")?;
    let version = record.version.and_then(field).ok_or_else(|| format!("it gives no version of `{name}`"))?;
    // the first format of packages knew no channels
    let channel = record.channel.and_then(field).unwrap_or_else(|| "pear.php.net".into());
    let fact = purl::fact(&PEAR, &format!("{channel}/{name}"), &version);
    let fact = fact.ok_or_else(|| format!("`{name}` is no name of a package"))?;
    Ok(PackageFact { licence: record.licence.and_then(field), ..fact })
}

/// Walks a serialized array from its beginning to its end, without recursion.
fn read(bytes: &[u8]) -> Option<Record<'_>> {
    let mut record = Record::default();
    // for each array that is open, the key of which it is the value, and whether a key comes next
    let mut open: Vec<(Option<&[u8]>, bool)> = Vec::new();
    let mut key: Option<&[u8]> = None;
    let mut rest = bytes;
    loop {
        if let Some(after) = rest.strip_prefix(b"}") {
            open.pop()?;
            rest = after;
            if open.is_empty() {
                return Some(record);
            }
            continue;
        }
        let (text, is_array, after) = value(rest)?;
        rest = after;
        if let Some((_, is_key)) = open.last_mut() {
            *is_key = !*is_key;
            if !*is_key {
                key = text;
                // a number is a key, too; an array is none
                if is_array {
                    return None;
                }
                continue;
            }
        }
        if is_array {
            if open.len() == DEPTH {
                return None;
            }
            open.push((key.take(), true));
            continue;
        }
        let above = match open.as_slice() {
            [] => return None,
            [_] => None,
            [_, (above, _)] => *above,
            _ => continue,
        };
        let wanted = match (above, key) {
            (None, Some(b"name")) => &mut record.name,
            (None, Some(b"package")) => &mut record.package,
            (None, Some(b"channel")) => &mut record.channel,
            (None, Some(b"version")) | (Some(b"version"), Some(b"release")) => &mut record.version,
            (None, Some(b"license" | b"release_license")) | (Some(b"license"), Some(b"_content")) => {
                &mut record.licence
            }
            _ => continue,
        };
        *wanted = wanted.or(text);
    }
}

/// Of a value: the text of a string, whether it opens an array, and what follows.
type Value<'a> = (Option<&'a [u8]>, bool, &'a [u8]);

/// The value that `bytes` begin with.
fn value(bytes: &[u8]) -> Option<Value<'_>> {
    match bytes.split_at_checked(2)? {
        (b"s:", rest) => {
            let (length, rest) = split_at(rest, b":\"")?;
            let length: usize = std::str::from_utf8(length).ok()?.parse().ok()?;
            let (text, rest) = rest.split_at_checked(length)?;
            Some((Some(text), false, rest.strip_prefix(b"\";")?))
        }
        (b"a:", rest) => Some((None, true, split_at(rest, b":{")?.1)),
        (b"i:" | b"b:" | b"d:", rest) => Some((None, false, split_at(rest, b";")?.1)),
        (b"N;", rest) => Some((None, false, rest)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    fn text(text: &str) -> String {
        format!("s:{}:\"{text}\";", text.len())
    }

    fn array(pairs: &[(&str, String)]) -> String {
        let inner: String = pairs.iter().map(|(key, value)| text(key) + value).collect();
        format!("a:{}:{{{inner}}}", pairs.len())
    }

    #[test]
    fn records_of_both_formats_are_read() {
        let second = array(&[
            ("attribs", array(&[("version", text("2.0")), ("name", text("no"))])),
            ("name", text("redis")),
            ("channel", text("pecl.php.net")),
            ("lead", format!("a:1:{{i:0;{}}}", array(&[("name", text("A"))]))),
            ("version", array(&[("release", text("6.0.2")), ("api", text("6.0.0"))])),
            ("license", array(&[("attribs", array(&[])), ("_content", text("PHP"))])),
            ("old", "N;".into()),
            ("_lastmodified", "i:1648087081;".into()),
        ]);
        let first =
            array(&[("package", text("Archive_Tar")), ("version", text("1.4")), ("release_license", text("PHP"))]);
        let cases = [
            (second.clone(), Ok("pkg:pear/pecl.php.net/redis@6.0.2 PHP")),
            (first, Ok("pkg:pear/pear.php.net/Archive_Tar@1.4 PHP")),
            (array(&[("name", text("x"))]), Err("it gives no version of `x`")),
            (array(&[("version", text("1"))]), Err("it gives no name")),
            (second[..second.len() - 1].to_owned(), Err("it is cut short, or no serialized array")),
            ("a:1:{s:99:\"x\";}".into(), Err("it is cut short, or no serialized array")),
            ("a:1:{s:1:\"a\";".repeat(100_000), Err("it is cut short, or no serialized array")),
            ("a:1:{a:0:{}i:1;}".into(), Err("it is cut short, or no serialized array")),
        ];
        for (bytes, expected) in cases {
            let read = parse(bytes.as_bytes());
            let read = read.map(|package| format!("{} {}", package.purl.unwrap(), package.licence.unwrap()));
            assert_eq!(read.as_deref().map_err(String::as_str), expected, "{bytes:.200}");
        }
    }

    #[test]
    fn only_registries_hold_packages() {
        let record = array(&[("name", text("redis")), ("channel", text("pecl.php.net")), ("version", text("6"))]);
        let cases = [
            ("usr/local/lib/php/.registry/.channel.pecl.php.net/redis.reg", &*record, 1, 0),
            ("usr/share/php/.registry/redis.reg", &record, 1, 0),
            ("usr/share/php/.channels/redis.reg", &record, 0, 0),
            ("usr/share/php/.registry/redis.reg", "nonsense", 0, 1),
            ("usr/share/php/.registry/redis.reg", "", 0, 0),
            ("win/settings.reg", "nonsense", 0, 0),
        ];
        for (path, content, found, told) in cases {
            let inventory = assemble(&Image::new().file(path, content));
            assert_eq!((packages(&inventory).len(), inventory.limitations.len()), (found, told), "{path} {content}");
        }
    }
}
