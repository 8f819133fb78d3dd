//! Lua rocks: the rockspec that `LuaRocks` keeps of each rock in its tree (`LuaRocks` "Rockspec format").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::{Ecosystem, Need};
use crate::path::ImagePath;
use crate::size::ByteSize;

use super::literal::{assigned, string};
use super::purl;
use super::text::{complain, field, lines};

/// Rocks of `LuaRocks`.
static LUAROCKS: Ecosystem = Ecosystem { id: "luarocks", purl_type: "luarocks", is_system: false };

/// Reads every `.rockspec` of a tree of installed rocks.
pub(super) struct LuaRocks;

/// Needs taken of one rock; real ones have below 20.
const NEEDS: usize = 200;

static ABOUT: About = About {
    title: "Lua rocks",
    ecosystems: &[&LUAROCKS],
    reads: "Name, version, licence and needs of each rock that is installed.",
    not_seen: &["modules that were copied without LuaRocks", "values that are expressions"],
    references: &["https://github.com/luarocks/luarocks/blob/main/docs/rockspec_format.md"],
};

impl Collector for LuaRocks {
    fn id(&self) -> &'static str {
        "luarocks"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(SUFFIX)]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(1))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        match parse(file.bytes) {
            Ok(package) => facts.package(package),
            Err(what) => complain(facts, what),
        }
    }

    /// `rocks-5.1/NAME/VERSION/NAME-VERSION.rockspec`; in old trees the folder is `rocks`. Others are sources.
    fn accepts(&self, path: &ImagePath) -> bool {
        let mut above = path.components().rev();
        let (Some(file), Some(version), Some(name), Some(tree)) =
            (above.next(), above.next(), above.next(), above.next())
        else {
            return false;
        };
        let is_tree = tree == b"rocks" || tree.starts_with(b"rocks-");
        is_tree && file.strip_suffix(SUFFIX.as_bytes()) == Some(&[name, version].join(&b'-'))
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

const SUFFIX: &str = ".rockspec";

/// A rockspec is Lua that assigns; it is read line by line and not run.
fn parse(bytes: &[u8]) -> Result<PackageFact, String> {
    let (mut name, mut version, mut licence) = (None, None, None);
    let mut needs: Vec<Need> = Vec::new();
    let mut in_needs = false;
    for (_, line) in lines(bytes) {
        let line = line.trim_ascii();
        if line.starts_with(b"--") {
            continue;
        }
        let literal = |key: &[u8]| assigned(line, key).and_then(string).and_then(|(text, _)| field(text));
        name = name.or_else(|| literal(b"package"));
        version = version.or_else(|| literal(b"version"));
        // one field of a table, which may stand in one line with others
        let place = memchr::memmem::find(line, b"license");
        licence = licence.or_else(|| field(string(assigned(line.get(place?..)?, b"license")?)?.0));
        let mut rest = line;
        if let Some(list) = assigned(line, b"dependencies") {
            (in_needs, rest) = (true, list);
        }
        while in_needs && needs.len() < NEEDS {
            let Some((first, after)) = rest.split_first() else { break };
            match (first, string(rest)) {
                (b'}', _) => in_needs = false,
                (_, Some((text, after))) => {
                    // `lpeg >= 1.0`; Lua itself is no rock
                    let word = text.split(|b| matches!(b, b' ' | b'<' | b'>' | b'=' | b'~')).next().and_then(field);
                    needs.extend(
                        word.filter(|name| name != "lua")
                            .map(|name| Need { name: name.to_ascii_lowercase(), version: None }),
                    );
                    rest = after;
                    continue;
                }
                _ => {}
            }
            rest = after;
        }
    }
    let name = name.ok_or("it gives no name as a literal")?.to_ascii_lowercase();
    let version = version.ok_or_else(|| format!("it gives no version of `{name}` as a literal"))?;
    let fact = purl::fact(&LUAROCKS, &name, &version).ok_or_else(|| format!("`{name}` is no name of a rock"))?;
    Ok(PackageFact { licence, needs, ..fact })
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    #[test]
    fn rockspecs_of_a_tree_are_installed_rocks() {
        let socket = "package = \"LuaSocket\"\nversion = \"3.1.0-1\"\nsource = {\n  url = \"x\"\n}\n\
            description = {\n  summary = \"Network\",\n  license = \"MIT\"\n}\ndependencies = {\n  \"lua >= 5.1\",\n  'lpeg ~> 1'\n}\n\
            build = { type = \"builtin\" }\n";
        let at = "usr/local/lib/luarocks/rocks-5.4/luasocket/3.1.0-1/luasocket-3.1.0-1.rockspec";
        let lpeg = "-- package = \"no\"\npackage='lpeg' version='1.0-1'\nversion = '1.0-1'\ndescription = { license = [[MIT/X11]] }";
        let cases: &[(Image, &[&str], usize)] = &[
            (
                Image::new().file(at, socket).file("t/rocks/lpeg/1.0-1/lpeg-1.0-1.rockspec", lpeg),
                &["pkg:luarocks/lpeg@1.0-1 MIT/X11 0", "pkg:luarocks/luasocket@3.1.0-1 MIT 1"],
                0,
            ),
            (Image::new().file("src/luasocket-3.1.0-1.rockspec", socket), &[], 0),
            (Image::new().file(at, "package = 'luasocket'\nversion = v"), &[], 1),
            (Image::new().file(at, "version = '1'"), &[], 1),
            (Image::new().file(at, ""), &[], 0),
        ];
        for (image, expected, told) in cases {
            let inventory = assemble(image);
            let seen: Vec<_> = inventory
                .packages
                .iter()
                .map(|p| format!("{} {} {}", p.purl, p.licence.as_ref().unwrap().declared, p.dependencies.len()))
                .collect();
            assert_eq!(seen, *expected);
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
    }
}
