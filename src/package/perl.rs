//! Perl distributions: what `cpanm` keeps of each one it installed, and the log of `make install`
//! (`App::cpanminus` `.meta`, `ExtUtils::Install` `perllocal.pod`).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, PackageFact, Select, View};
use crate::inventory::{Ecosystem, Inventory, Licence, Need};
use crate::path::ImagePath;
use crate::rule::Confidence;
use crate::size::ByteSize;

use super::lenient::{Entries, Items, Text, json};
use super::literal::split_at;
use super::purl;
use super::text::{Complaints, PACKAGES_PER_FILE, begins_as_version, complain, field, lines};

/// Distributions of CPAN.
static CPAN: Ecosystem = Ecosystem { id: "cpan", purl_type: "cpan", is_system: false };

/// Modules of which no author is known, without whom there is no purl of CPAN's.
static MODULE: Ecosystem = Ecosystem { id: "cpan", purl_type: "generic", is_system: false };

/// Reads `install.json`, `MYMETA.json` and `perllocal.pod`.
pub(super) struct Perl;

/// Modules that one distribution provides or needs; real ones have below 500.
const MODULES: usize = 5_000;

static ABOUT: About = About {
    title: "Perl distributions",
    ecosystems: &[&CPAN, &MODULE],
    reads: "Name, version, author, licence, modules and needs of each distribution that `cpanm` installed; name and \
                version of each module that another client installed by `make install`, as its log says.",
    not_seen: &[
        "modules that come with Perl",
        "distributions installed by `Module::Build` through other clients than `cpanm`, which leave no version",
        "modules deleted without mending the log",
    ],
    references: &["https://metacpan.org/pod/App::cpanminus", "https://metacpan.org/pod/CPAN::Meta::Spec"],
};

impl Collector for Perl {
    fn id(&self) -> &'static str {
        "perl"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("install.json"), Select::Name("MYMETA.json"), Select::Name("perllocal.pod")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(8))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        match file.path.file_name() {
            b"perllocal.pod" => log(file.bytes, facts),
            // of programs that have nothing to do with Perl, nothing is told
            _ if !self.accepts(file.path) => {}
            b"install.json" => match json::<Install>(file.bytes) {
                Ok(install) => {
                    tell_cut(&install.provides, "provides", facts);
                    match install.fact() {
                        Ok(package) => facts.package(package),
                        Err(what) => complain(facts, what),
                    }
                }
                Err(error) => complain(facts, format!("it is no JSON: {error}")),
            },
            _ => match json::<Meta>(file.bytes) {
                Ok(meta) => {
                    let licences: Vec<String> =
                        meta.license.read::<Text>().flatten().take(MODULES).filter_map(|text| spdx(&text.0?)).collect();
                    if !licences.is_empty() {
                        facts.push(Fact::Text { key: "licence", text: licences.join(" OR ").into() });
                    }
                    let requires = meta.prereqs.runtime.requires;
                    tell_cut(&requires, "needs", facts);
                    let needs = requires.into_names().take(MODULES);
                    let needs: Vec<String> = needs.filter(|name| name != "perl").collect();
                    if !needs.is_empty() {
                        facts.push(Fact::Text { key: "needs", text: needs.join("\n").into() });
                    }
                }
                Err(error) => facts.push(Fact::Oddity(format!("it is no JSON: {error}").into())),
            },
        }
    }

    /// What `cpanm` installed is also in the log; there it has no author.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        let start = inventory.packages.len();
        let taken = view.take_packages(self, inventory);
        let mut beside: HashMap<ImagePath, Vec<&Fact>> = HashMap::new();
        for (path, _, fact) in view.live() {
            if matches!(fact, Fact::Text { .. }) {
                beside.entry(path.parent()).or_default().push(fact);
            }
        }
        let found = inventory.packages.split_off(start);
        let known: HashSet<(&str, &str)> = taken
            .iter()
            .filter(|taken| taken.fact.ecosystem == Some(&CPAN))
            .flat_map(|taken| taken.fact.provides.iter().map(|module| (module.as_str(), taken.fact.version.as_str())))
            .collect();
        for (mut package, taken) in found.into_iter().zip(&taken) {
            let mut modules = taken.fact.provides.iter();
            let is_known = modules.any(|module| known.contains(&(module.as_str(), package.version.as_str())));
            if *package.ecosystem == MODULE && is_known {
                continue;
            }
            if *package.ecosystem == CPAN {
                for fact in beside.get(taken.path.parent_bytes()).into_iter().flatten() {
                    match fact {
                        Fact::Text { key: "licence", text } => package.licence = Some(Licence::new(&**text)),
                        Fact::Text { text, .. } => {
                            package.needs =
                                text.lines().map(|name| Need { name: name.into(), version: None }).collect();
                        }
                        _ => {}
                    }
                }
            }
            inventory.packages.push(package);
        }
    }

    /// `.meta/NAME-VERSION/install.json`, and the log by its name.
    fn accepts(&self, path: &ImagePath) -> bool {
        path.file_name() == b"perllocal.pod" || path.components().rev().nth(2) == Some(b".meta")
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// What `cpanm` writes: `pathname` is `A/AU/AUTHOR/Dist-Name-1.0.tar.gz`.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Install {
    name: Text,
    version: Text,
    dist: Text,
    pathname: Text,
    provides: Entries<serde::de::IgnoredAny>,
}

impl Install {
    fn fact(self) -> Result<PackageFact, String> {
        let module = self.name.0.ok_or("it gives no name")?;
        // the version beside is the module's, which may be another
        let (name, version) = match self.dist.0.as_deref().and_then(split_version) {
            Some((name, version)) => (name.to_owned(), version.to_owned()),
            None => {
                (module.replace("::", "-"), self.version.0.ok_or_else(|| format!("it gives no version of `{module}`"))?)
            }
        };
        let provides: Vec<String> = [module].into_iter().chain(self.provides.into_names().take(MODULES)).collect();
        let author = self.pathname.0.as_deref().and_then(|path| path.split('/').nth(2)).map(str::to_owned);
        let fact = match &author {
            Some(author) => purl::fact(&CPAN, &format!("{}/{name}", author.to_ascii_uppercase()), &version),
            None => purl::fact(&MODULE, &name, &version),
        };
        let fact = fact.ok_or_else(|| format!("`{name}` is no name of a distribution"))?;
        Ok(PackageFact { name, provides, ..fact })
    }
}

/// `Dist-Name-1.0` parted before its version, which begins with a digit, or with `v` and a digit.
fn split_version(dist: &str) -> Option<(&str, &str)> {
    let mut places =
        dist.rmatch_indices('-').filter_map(|(at, _)| Some((dist.get(..at)?, dist.get(at.checked_add(1)?..)?)));
    places.find(|(name, version)| !name.is_empty() && begins_as_version(version))
}

/// What is wanted of a distribution's own metadata.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Meta {
    license: Items,
    prereqs: Prereqs,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Prereqs {
    runtime: Phase,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Phase {
    requires: Entries<serde::de::IgnoredAny>,
}

/// Says that only so many modules are taken of a list.
fn tell_cut(modules: &Entries<serde::de::IgnoredAny>, what: &str, facts: &mut Facts) {
    if modules.beyond() > 0 || modules.list.len() > MODULES {
        complain(facts, format!("it {what} more than {MODULES} modules; the rest is not read"));
    }
}

/// CPAN's own words for licences (`CPAN::Meta::Spec`).
fn spdx(word: &str) -> Option<String> {
    let known = match word {
        "perl_5" => "Artistic-1.0-Perl OR GPL-1.0-or-later",
        "apache_2_0" => "Apache-2.0",
        "apache_1_1" => "Apache-1.1",
        "artistic_1" => "Artistic-1.0",
        "artistic_2" => "Artistic-2.0",
        "agpl_3" => "AGPL-3.0-only",
        "bsd" => "BSD-3-Clause",
        "freebsd" => "BSD-2-Clause",
        "gpl_1" => "GPL-1.0-only",
        "gpl_2" => "GPL-2.0-only",
        "gpl_3" => "GPL-3.0-only",
        "lgpl_2_1" => "LGPL-2.1-only",
        "lgpl_3_0" => "LGPL-3.0-only",
        "mit" => "MIT",
        "mozilla_1_1" => "MPL-1.1",
        "zlib" => "Zlib",
        "unknown" | "" => return None,
        other => other,
    };
    Some(known.to_owned())
}

/// One entry for each installation: `=head2 …: C<Module> L<Foo::Bar|Foo::Bar>`, and among its items `C<VERSION: 1.2>`.
/// Of several of one module the last counts.
fn log(bytes: &[u8], facts: &mut Facts) {
    let mut complaints = Complaints::default();
    let mut versions: Vec<(String, String)> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    let mut module: Option<String> = None;
    for (number, line) in lines(bytes) {
        if line.starts_with(b"=head2 ") {
            module = split_at(line, b"C<Module>")
                .and_then(|(_, rest)| split_at(rest, b"L<"))
                .and_then(|(_, name)| field(name.split(|b| matches!(b, b'|' | b'>')).next()?));
        } else if let Some((_, rest)) = split_at(line, b"C<VERSION:") {
            let version = rest.split(|b| *b == b'>').next().and_then(field);
            match (module.take(), version) {
                (Some(name), Some(version)) => {
                    if let Some((_, known)) = places.get(&name).and_then(|place| versions.get_mut(*place)) {
                        *known = version;
                    } else if versions.len() < PACKAGES_PER_FILE {
                        places.insert(name.clone(), versions.len());
                        versions.push((name, version));
                    } else {
                        complaints.add(format!("it lists more than {PACKAGES_PER_FILE} modules; `{name}` is not read"));
                    }
                }
                (Some(name), None) => complaints.add(format!("the entry of `{name}` at line {number} has no version")),
                (None, _) => {}
            }
        }
    }
    for (name, version) in versions {
        // most distributions are called as their first module is
        if let Some(fact) = purl::fact(&MODULE, &name.replace("::", "-"), &version) {
            facts.package(PackageFact { provides: vec![name], confidence: Some(Confidence::Medium), ..fact });
        }
    }
    complaints.push(facts);
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    const META: &str = "usr/local/lib/perl5/5.38.2/x86_64-linux-gnu/.meta/";

    fn seen(image: &Image) -> (Vec<String>, usize) {
        let inventory = assemble(image);
        let shown = |p: &crate::inventory::Package| {
            let licence = p.licence.as_ref().and_then(|licence| licence.expression.clone()).unwrap_or_default();
            format!("{} {} {:?} {licence} {}", p.purl, p.name, p.confidence, p.dependencies.len())
        };
        (inventory.packages.iter().map(shown).collect(), inventory.limitations.len())
    }

    #[test]
    fn distributions_and_modules_are_read() {
        let uri = r#"{"name":"URI","version":"5.2","dist":"URI-5.27","pathname":"O/OA/OALDERS/URI-5.27.tar.gz","target":"URI",
            "provides":{"URI::Escape":{"file":"x","version":"5.27"}}}"#;
        let http = r#"{"name":"HTTP::Tiny","version":"0.088","dist":"HTTP-Tiny-0.088","pathname":"D/DA/DAGOLDEN/HTTP-Tiny-0.088.tar.gz"}"#;
        let needs = r#"{"license":["perl_5"],"prereqs":{"runtime":{"requires":{"URI::Escape":"0","perl":"5.6"}}}}"#;
        let pod = "=head2 Tue Jan  2 00:00:00 2024: C<Module> L<URI|URI>\n\n=over 4\n\n=item *\n\nC<installed into: /x>\n\n\
            =item *\n\nC<VERSION: 5.27>\n\n=back\n\n=head2 Tue: C<Module> L<JSON::XS|JSON::XS>\n\nC<VERSION: 4.02>\n\n\
            =head2 Wed: C<Module> L<JSON::XS|JSON::XS>\n\nC<VERSION: 4.03>\n\n=head2 Wed: C<Module> L<X|X>\n\nC<VERSION: >\n";
        let image = Image::new()
            .file(&format!("{META}URI-5.27/install.json"), uri)
            .file(&format!("{META}HTTP-Tiny-0.088/install.json"), http)
            .file(&format!("{META}HTTP-Tiny-0.088/MYMETA.json"), needs)
            .file("usr/local/lib/perl5/5.38.2/x86_64-linux-gnu/perllocal.pod", pod);
        let expected = [
            "pkg:cpan/DAGOLDEN/HTTP-Tiny@0.088 HTTP-Tiny High Artistic-1.0-Perl OR GPL-1.0-or-later 1",
            "pkg:cpan/OALDERS/URI@5.27 URI High  0",
            "pkg:generic/JSON-XS@4.03 JSON-XS Medium  0",
        ];
        assert_eq!(seen(&image), (expected.map(str::to_owned).to_vec(), 1));
    }

    #[test]
    fn what_an_older_log_says_is_not_gone() {
        let log = "=head2 x: C<Module> L<HTTP::Tiny|HTTP::Tiny>\nC<VERSION: 0.088>\n";
        let (at, other) = ("lib/perllocal.pod", log.replace("HTTP::Tiny", "X::Y"));
        let http = r#"{"name":"HTTP::Tiny","version":"0.088","dist":"HTTP-Tiny-0.088","pathname":"D/DA/DAGOLDEN/HTTP-Tiny-0.088.tar.gz"}"#;
        let image = Image::new().file(at, log).file(&format!("{META}HTTP-Tiny-0.088/install.json"), http);
        let inventory = assemble(&image.layer().file(at, format!("{log}{other}")));
        assert_eq!((inventory.packages.len(), inventory.removed.len()), (2, 0), "{:?}", inventory.removed);
    }

    #[test]
    fn distributions_are_parted_from_their_versions() {
        let cases = [
            ("libwww-perl-6.72", Some(("libwww-perl", "6.72"))),
            ("Foo-v1.2.3", Some(("Foo", "v1.2.3"))),
            ("Foo-Bar-1.0-TRIAL", Some(("Foo-Bar", "1.0-TRIAL"))),
            ("Net-SSH2-0.73", Some(("Net-SSH2", "0.73"))),
            ("Foo-Bar", None),
            ("-1", None),
        ];
        for (dist, expected) in cases {
            assert_eq!(super::split_version(dist), expected, "{dist}");
        }
    }

    #[test]
    fn broken_and_foreign_files_are_told_apart() {
        let cases = [
            (format!("{META}a-1/install.json"), "{", 1),
            (format!("{META}a-1/install.json"), r#"{"name":"a"}"#, 1),
            (format!("{META}a-1/install.json"), "", 0),
            ("srv/install.json".into(), "{", 0),
            ("srv/perllocal.pod".into(), "anything", 0),
        ];
        for (path, text, told) in cases {
            assert_eq!(seen(&Image::new().file(&path, text)), (Vec::new(), told), "{path} {text}");
        }
    }
}
