//! Erlang and Elixir: applications by their resource files (Erlang/OTP `app(4)`), and the release of OTP itself.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::{Ecosystem, Need, Proof};
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::size::ByteSize;

use super::ecosystem::{HEX, OTP};
use super::literal::split_at;
use super::purl;
use super::text::{complain, field};

/// Erlang/OTP as a whole.
static ERLANG: Ecosystem = Ecosystem { id: "generic", purl_type: "generic", is_system: false };

/// Reads every `ebin/NAME.app` and `OTP_VERSION`.
pub(super) struct Erlang;

/// Applications of OTP 25 to 28 and of Elixir 1.18, sorted.
const OF_OTP: &[&str] = &[
    "asn1",
    "common_test",
    "compiler",
    "crypto",
    "debugger",
    "dialyzer",
    "diameter",
    "edoc",
    "eex",
    "eldap",
    "elixir",
    "erl_docgen",
    "erl_interface",
    "erts",
    "et",
    "eunit",
    "ex_unit",
    "ftp",
    "iex",
    "inets",
    "jinterface",
    "kernel",
    "logger",
    "megaco",
    "mix",
    "mnesia",
    "observer",
    "odbc",
    "os_mon",
    "parsetools",
    "public_key",
    "reltool",
    "runtime_tools",
    "sasl",
    "snmp",
    "ssh",
    "ssl",
    "stdlib",
    "syntax_tools",
    "tftp",
    "tools",
    "wx",
    "xmerl",
];

/// Needs taken of one application; real ones have below 50.
const NEEDS: usize = 1_000;

static ABOUT: About = About {
    title: "Erlang and Elixir applications",
    ecosystems: &[&HEX, &OTP, &ERLANG],
    reads: "Name, version and needs of each compiled application. Those of OTP and Elixir are known by name; others \
                are taken for packages of Hex of the same name, with less confidence. The release of OTP.",
    not_seen: &[
        "applications packed into an escript or an archive `.ez`",
        "whether an application is a package of Hex, or the image's own",
    ],
    references: &["https://www.erlang.org/doc/system/applications.html"],
};

impl Collector for Erlang {
    fn id(&self) -> &'static str {
        "erlang"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(".app"), Select::Name(RELEASE)]
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(4))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        if file.path.file_name() == RELEASE.as_bytes() {
            match field(file.bytes).and_then(|version| purl::fact(&ERLANG, "erlang", &version)) {
                Some(fact) => facts.package(fact),
                None => complain(facts, "it gives no version of Erlang/OTP"),
            }
            return;
        }
        match parse(file.bytes) {
            Ok(package) => facts.package(package),
            Err(what) => complain(facts, what),
        }
    }

    /// `ebin/NAME.app`, from where Erlang loads; and `releases/NUMBER/OTP_VERSION`.
    fn accepts(&self, path: &ImagePath) -> bool {
        let mut above = path.components().rev().skip(1);
        if path.file_name() == RELEASE.as_bytes() {
            above.nth(1) == Some(b"releases")
        } else {
            above.next() == Some(b"ebin")
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

const RELEASE: &str = "OTP_VERSION";

/// `{application, NAME, [{vsn, "VERSION"}, {applications, [NAME, …]}, …]}.`
fn parse(bytes: &[u8]) -> Result<PackageFact, String> {
    let text = without_comments(bytes);
    let (_, rest) = split_at(&text, b"application").ok_or("it is no resource file of an application")?;
    let name = rest.split(|b| *b == b',').nth(1).map(atom).and_then(field).ok_or("it names no application")?;
    let version = value(&text, b"vsn", b"\"").and_then(|rest| field(rest.split(|b| *b == b'"').next()?));
    let version = version.ok_or_else(|| format!("it gives no version of `{name}`"))?;
    let needs = [&b"applications"[..], b"included_applications"].into_iter().filter_map(|key| value(&text, key, b"["));
    let needs =
        needs.flat_map(|list| list.split(|b| *b == b']').next().unwrap_or_default().split(|b| *b == b',').take(NEEDS));
    let needs = needs.filter_map(|name| Some(Need { name: field(atom(name))?, version: None })).collect();
    let is_of_otp = OF_OTP.binary_search(&&*name).is_ok();
    let fact = purl::fact(if is_of_otp { &OTP } else { &HEX }, &name, &version);
    let fact = fact.ok_or_else(|| format!("`{name}` is no name of an application"))?;
    Ok(if is_of_otp {
        PackageFact { needs, ..fact }
    } else {
        let proof = Proof::Name(format!("{name}.app").into());
        PackageFact { needs, confidence: Some(Confidence::Medium), proof, ..fact }
    })
}

/// What follows the `opening` of the value of `{key, value}`, up to the end of the text. In a string, where the like may
/// stand, a quote has a backslash before it.
fn value<'a>(text: &'a [u8], key: &[u8], opening: &[u8]) -> Option<&'a [u8]> {
    let mut rest = text;
    while let Some((before, after)) = split_at(rest, key) {
        let before = before.strip_suffix(b"'").unwrap_or(before).trim_ascii_end();
        let value = after.strip_prefix(b"'").unwrap_or(after).trim_ascii_start().strip_prefix(b",");
        if before.ends_with(b"{")
            && let Some(value) = value.and_then(|value| value.trim_ascii_start().strip_prefix(opening))
        {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// An atom without its quotes.
fn atom(text: &[u8]) -> &[u8] {
    let text = text.trim_ascii();
    text.strip_prefix(b"'").and_then(|text| text.strip_suffix(b"'")).unwrap_or(text)
}

/// The text without what follows `%` in a line, outside of strings.
fn without_comments(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let (mut in_string, mut in_comment, mut is_escaped) = (false, false, false);
    for byte in bytes {
        match byte {
            b'\n' => in_comment = false,
            b'%' if !in_string => in_comment = true,
            b'"' if !in_comment && !is_escaped => in_string = !in_string,
            _ => {}
        }
        is_escaped = in_string && *byte == b'\\' && !is_escaped;
        if !in_comment {
            kept.push(*byte);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble};

    #[test]
    fn resource_files_name_applications() {
        let cowboy = "%% made by a tool: {vsn, \"9\"}\n{application,cowboy,\n [{description,\"A 100% {vsn, } \\\" server\"},\n\
            {vsn,\"2.10.0\"},\n  {modules,['cowboy_app']},{registered,[cowboy_sup]},{applications,[kernel,stdlib,'ranch']}]}.\n";
        let ranch = "{application, 'ranch', [{'vsn', \"1.8.0\"}]}.";
        let kernel = "{application, kernel, [{vsn, \"8.5.4\"}, {applications, []}]}.";
        let cases: &[(Image, &[&str], usize)] = &[
            (
                Image::new()
                    .file("app/lib/cowboy-2.10.0/ebin/cowboy.app", cowboy)
                    .file("app/lib/ranch-1.8.0/ebin/ranch.app", ranch)
                    .file("usr/lib/erlang/lib/kernel-8.5.4/ebin/kernel.app", kernel),
                &["pkg:hex/cowboy@2.10.0 Medium 1", "pkg:hex/ranch@1.8.0 Medium 0", "pkg:otp/kernel@8.5.4 High 0"],
                0,
            ),
            (
                Image::new().file("usr/lib/erlang/releases/26/OTP_VERSION", "26.2.1\n").file("OTP_VERSION", "27"),
                &["pkg:generic/erlang@26.2.1 High 0"],
                0,
            ),
            (Image::new().file("app/src/cowboy.app", cowboy), &[], 0),
            (Image::new().file("a/ebin/a.app", "{application, a, []}."), &[], 1),
            (Image::new().file("a/ebin/a.app", "nonsense"), &[], 1),
            (Image::new().file("a/ebin/a.app", ""), &[], 0),
        ];
        for (image, expected, told) in cases {
            let inventory = assemble(image);
            let seen: Vec<_> = inventory
                .packages
                .iter()
                .map(|p| format!("{} {:?} {}", p.purl, p.confidence, p.dependencies.len()))
                .collect();
            assert_eq!(seen, *expected);
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
        assert!(OF_OTP.is_sorted());
    }
}
