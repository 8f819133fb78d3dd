//! Ruby gems: the specification of each, as `RubyGems` and Bundler write it at installation (`RubyGems` "Specification
//! Reference", `Gem::StubSpecification`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::{Need, Proof};
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::size::ByteSize;

use super::ecosystem::GEM;
use super::literal::{assigned, split_at, string, strings};
use super::purl;
use super::text::{complain, field, is_version, lines};

/// Reads every `.gemspec` that Ruby loads gems by.
pub(super) struct Gem;

/// Needs and licences taken of one gem; the most of a real one is about 100.
const MOST: usize = 1_000;

static ABOUT: About = About {
    title: "Ruby gems",
    ecosystems: &[&GEM],
    reads: "Name, version, platform, licences and needs of each gem that is installed, comes with Ruby, or was \
                checked out by Bundler.",
    not_seen: &[
        "gems unpacked without their specification, such as a `vendor` folder of sources",
        "archives `cache/*.gem`, which are what the installed gems were made of",
        "values that are expressions; such a gem is listed by the name of its file, with less confidence",
    ],
    references: &["https://github.com/ruby/rubygems/blob/master/lib/rubygems/specification.rb"],
};

impl Collector for Gem {
    fn id(&self) -> &'static str {
        "gem"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(SUFFIX)]
    }

    /// Old ones list all files of the gem; the largest have 200 KiB.
    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(4))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return; // how a later layer takes a gem away
        }
        match parse(file.bytes).or_else(|what| by_name(file.path).ok_or(what)) {
            Ok(package) => facts.package(package),
            Err(what) => complain(facts, what),
        }
    }

    /// Those that `Gem.path` leads to: `specifications/NAME.gemspec`, `specifications/default/NAME.gemspec`, and
    /// `bundler/gems/NAME-COMMIT/NAME.gemspec`, which Bundler replaces by its result. Others are sources.
    fn accepts(&self, path: &ImagePath) -> bool {
        let mut above = path.components().rev().skip(1);
        matches!(
            (above.next(), above.next(), above.next()),
            (Some(b"specifications"), ..)
                | (Some(b"default"), Some(b"specifications"), _)
                | (Some(_), Some(b"gems"), Some(b"bundler"))
        )
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

const SUFFIX: &str = ".gemspec";

/// What the specification says by the comment that `RubyGems` itself finds gems by, or by the literals assigned.
fn parse(bytes: &[u8]) -> Result<PackageFact, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let mut stub = None;
    let (mut name, mut version, mut platform) = (None, None, None);
    let mut licences: Vec<&[u8]> = Vec::new();
    let mut needs: Vec<Need> = Vec::new();
    let mut receiver: Option<&[u8]> = None;
    for (_, line) in lines(bytes) {
        let line = line.trim_ascii();
        if let Some(words) = line.strip_prefix(b"# stub: ") {
            stub.get_or_insert(words);
            continue;
        }
        if receiver.is_none() {
            receiver = memchr::memmem::find(line, b"Gem::Specification.new")
                .and_then(|_| split_at(line, b"|"))
                .and_then(|(_, rest)| split_at(rest, b"|"))
                .map(|(variable, _)| variable.trim_ascii());
            continue;
        }
        let Some(call) = receiver.and_then(|receiver| line.strip_prefix(receiver)?.strip_prefix(b".")) else {
            continue;
        };
        if let Some(value) = assigned(call, b"name") {
            name = name.or_else(|| string(value));
        } else if let Some(value) = assigned(call, b"version") {
            let value = value.strip_prefix(b"Gem::Version.new").map_or(value, |call| call.trim_start_matches_open());
            version = version.or_else(|| string(value));
        } else if let Some(value) = assigned(call, b"platform") {
            platform = platform.or_else(|| string(value));
        } else if let Some(value) = assigned(call, b"licenses").or_else(|| assigned(call, b"license")) {
            licences = strings(value.strip_prefix(b"[").unwrap_or(value), MOST);
        } else if let Some(need) = need(call).filter(|_| needs.len() < MOST) {
            needs.push(need);
        }
    }
    let mut words = stub.into_iter().flat_map(|stub| stub.split(|b| *b == b' '));
    let (stub_name, stub_version, stub_platform) = (words.next(), words.next(), words.next());
    let text =
        |stub: Option<&[u8]>, literal: Option<(&[u8], &[u8])>| stub.or(literal.map(|(text, _)| text)).and_then(field);
    let name = text(stub_name, name).ok_or("it gives no name as a literal")?;
    let version = text(stub_version, version).filter(|version| is_of_gem(version));
    let version = version.ok_or_else(|| format!("it gives no version of `{name}` as a literal"))?;
    let platform = text(stub_platform, platform).unwrap_or_default();
    let licence = licences.iter().filter_map(|licence| field(licence)).collect::<Vec<_>>().join(", ");
    needs.sort();
    needs.dedup();
    let fact = fact(&name, &version, &platform).ok_or_else(|| format!("`{name}` is no name of a gem"))?;
    Ok(PackageFact { licence: Some(licence).filter(|licence| !licence.is_empty()), needs, ..fact })
}

/// The gem that `add_dependency` or `add_runtime_dependency` names.
fn need(call: &[u8]) -> Option<Need> {
    let call = call.strip_prefix(b"add_runtime_dependency").or_else(|| call.strip_prefix(b"add_dependency"))?;
    let (name, _) = string(call.trim_start_matches_open())?;
    Some(Need { name: field(name)?, version: None })
}

/// The gem that a file's name tells, `NAME-VERSION[-PLATFORM].gemspec`: what is calculated is in the name all the same.
fn by_name(path: &ImagePath) -> Option<PackageFact> {
    let name = field(path.file_name())?;
    let name = name.strip_suffix(SUFFIX)?;
    let is_start = |at: &usize| {
        name.get(at.saturating_add(1)..).is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    // the version is what follows the first hyphen before a digit; the names of gems have no such hyphen but by mistake
    let (at, _) = name.match_indices('-').find(|(at, _)| is_start(at))?;
    let (base, rest) = (name.get(..at)?, name.get(at.checked_add(1)?..)?);
    let (version, platform) = rest.split_once('-').unwrap_or((rest, ""));
    let fact = fact(base, version, platform).filter(|_| is_of_gem(version) && !base.is_empty())?;
    Some(PackageFact { confidence: Some(Confidence::Medium), proof: Proof::Name(name.into()), ..fact })
}

fn fact(name: &str, version: &str, platform: &str) -> Option<PackageFact> {
    let is_of_platform = !platform.is_empty() && platform != "ruby";
    let qualifiers: &[(&str, &str)] = if is_of_platform { &[("platform", platform)] } else { &[] };
    purl::qualified(&GEM, name, version, qualifiers)
}

/// Digits, letters and dots, a digit first (`Gem::Version::VERSION_PATTERN`).
fn is_of_gem(version: &str) -> bool {
    !version.starts_with('v') && is_version(version, ".-")
}

/// Arguments of a call, with or without its parenthesis.
trait Arguments {
    fn trim_start_matches_open(&self) -> &Self;
}

impl Arguments for [u8] {
    fn trim_start_matches_open(&self) -> &Self {
        let code = self.trim_ascii_start();
        code.strip_prefix(b"(").unwrap_or(code)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble, packages};

    const WRITTEN: &str = "# -*- encoding: utf-8 -*-\n# stub: nokogiri 1.13.10 x86_64-linux lib\n\n\
        Gem::Specification.new do |s|\n  s.name = \"nokogiri\".freeze\n  s.version = \"1.13.10\"\n\
        \x20 s.licenses = [\"MIT\".freeze]\n  s.required_ruby_version = \">= 2.6\".freeze\n\
        \x20 s.add_runtime_dependency(%q<racc>.freeze, [\"~> 1.4\".freeze])\n\
        \x20 s.add_development_dependency(%q<rake>.freeze, [\"~> 13\".freeze])\nend\n";

    #[test]
    fn specifications_yield_gems() {
        let block = |body: &str| format!("Gem::Specification.new do |spec|\n{body}end\n");
        let cases: &[(String, Result<&str, &str>)] = &[
            (WRITTEN.into(), Ok("pkg:gem/nokogiri@1.13.10?platform=x86_64-linux MIT racc")),
            (block("spec.name = 'a'\n\tspec.version  =  '1.0.rc1'\n"), Ok("pkg:gem/a@1.0.rc1  ")),
            (block("spec.name = 'a' # b\nspec.version = Gem::Version.new(\"1.0\")\n"), Ok("pkg:gem/a@1.0  ")),
            (
                block(
                    "spec.name = %q{a}\nspec.version = '1'\nspec.licenses = ['MIT', 'Ruby']\nspec.platform = 'java'\n",
                ),
                Ok("pkg:gem/a@1?platform=java MIT, Ruby "),
            ),
            (
                block(
                    "spec.name = 'a'\nspec.version = '1'\nspec.add_dependency 'b'\nspec.add_dependency('b', '~> 1')\n",
                ),
                Ok("pkg:gem/a@1  b"),
            ),
            (block("s.name = 'a'\ns.version = '1'\n"), Err("it gives no name as a literal")),
            (block("spec.name = 'a'\nspec.version = A::VERSION\n"), Err("it gives no version of `a` as a literal")),
            (block("spec.name = 'a'\nspec.version = \"#{V}\"\n"), Err("it gives no version of `a` as a literal")),
            (block("spec.name = 'a'\n"), Err("it gives no version of `a` as a literal")),
        ];
        for (text, expected) in cases {
            let read = parse(text.as_bytes()).map(|gem| {
                let needs: Vec<_> = gem.needs.iter().map(|need| &*need.name).collect();
                format!("{} {} {}", gem.purl.unwrap(), gem.licence.unwrap_or_default(), needs.join(","))
            });
            assert_eq!(read.as_deref().map_err(String::as_str), *expected, "{text}");
        }
    }

    #[test]
    fn gems_are_where_ruby_looks_for_them() {
        let at = "usr/lib/ruby/gems/3.1.0/specifications/nokogiri-1.13.10-x86_64-linux.gemspec";
        let opaque = "Gem::Specification.new do |s|\ns.name = 'x-y'\ns.version = V\nend\n";
        let cases: &[(Image, &[&str], usize)] = &[
            (Image::new().file(at, WRITTEN), &[&format!("nokogiri 1.13.10 /{at}")], 0),
            (Image::new().file(at, WRITTEN).layer().file(at, ""), &[], 0),
            (
                Image::new().file("g/specifications/default/x-y-1.2.3-java.gemspec", opaque),
                &["x-y 1.2.3 /g/specifications/default/x-y-1.2.3-java.gemspec"],
                0,
            ),
            (
                Image::new().file("b/bundler/gems/nokogiri-0123abc/nokogiri.gemspec", WRITTEN),
                &["nokogiri 1.13.10 /b/bundler/gems/nokogiri-0123abc/nokogiri.gemspec"],
                0,
            ),
            (Image::new().file("g/gems/nokogiri-1.13.10/nokogiri.gemspec", WRITTEN), &[], 0),
            (Image::new().file("g/gems/a-1/a.gemspec", opaque), &[], 0),
            (Image::new().file("g/specifications/odd.gemspec", "nonsense"), &[], 1),
        ];
        for (image, expected, told) in cases {
            let inventory = assemble(image);
            assert_eq!(packages(&inventory), *expected, "{image:?}");
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
    }
}
