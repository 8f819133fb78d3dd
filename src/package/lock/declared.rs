//! Packages of one lock file, gathered before they become facts.

use std::borrow::Cow;
use std::collections::HashMap;

use crate::collect::{Fact, Facts, PackageFact};
use crate::inventory::{Ecosystem, Need, State};
use crate::package::purl;
use crate::package::text::{Complaints, PACKAGES_PER_FILE, begins_as_version, complain, field};

/// Needs taken of one package; real ones have below 300.
pub(super) const NEEDS: usize = 2_000;

/// One package, as a lock file names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name of the package itself, where the project calls it by another.
    pub(super) name: String,
    /// The exact version.
    pub(super) version: String,
    /// Its licence, where the file tells.
    pub(super) licence: Option<String>,
    /// What it needs. A need without version means the only package of that name in the file.
    pub(super) needs: Vec<Need>,
    /// What its purl has after the version: `?key=value` or `#subpath`, encoded.
    pub(super) purl_tail: String,
    /// The name of which the purl is made, where a purl spells it in another way.
    pub(super) purl_name: Option<String>,
}

impl Entry {
    /// A package of which nothing else is known.
    pub(super) fn new(name: &str, version: &str) -> Self {
        Self { name: name.to_owned(), version: version.to_owned(), ..Self::default() }
    }

    /// Needs packages of these names, of whatever version the file has.
    pub(super) fn needing<'a>(self, names: impl IntoIterator<Item = &'a str>) -> Self {
        let needs = names.into_iter().take(NEEDS).map(|name| Need { name: name.to_owned(), version: None });
        Self { needs: needs.collect(), ..self }
    }
}

/// What one lock file asks for.
#[derive(Debug, Default)]
pub(super) struct Declared {
    packages: Vec<Entry>,
    /// Packages by name, then version with what else tells them apart.
    known: HashMap<String, HashMap<String, usize>>,
    complaints: Complaints,
    notes: Vec<String>,
    left_out: usize,
    is_example: bool,
}

impl Declared {
    /// Adds a package. The same once more adds what it needs there.
    pub(super) fn add(&mut self, entry: Entry) {
        let (Some(name), Some(version)) = (field(entry.name.as_bytes()), field(entry.version.as_bytes())) else {
            let shown: String = entry.name.chars().filter(|sign| !sign.is_control()).take(100).collect();
            return self.complain(format!("`{shown}` has no usable name or version"));
        };
        let known = self.known.entry(name.clone()).or_default();
        let exact = format!("{version}{}", entry.purl_tail);
        if let Some(known) = known.get(&exact).and_then(|index| self.packages.get_mut(*index)) {
            let free = NEEDS.saturating_sub(known.needs.len());
            known.needs.extend(entry.needs.into_iter().take(free));
            return;
        }
        if self.packages.len() >= PACKAGES_PER_FILE {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        known.insert(exact, self.packages.len());
        self.packages.push(Entry { name, version, ..entry });
    }

    /// Notes something that was not understood.
    pub(super) fn complain(&mut self, what: String) {
        self.complaints.add(what);
    }

    /// Says that what is not understood of this file is no gap.
    pub(super) fn hides_nothing(&mut self) {
        self.is_example = true;
    }

    /// Notes something odd that hides nothing, or that cannot be helped. Called a few times for one file.
    pub(super) fn note(&mut self, what: String) {
        self.notes.push(what);
    }

    /// Notes that the file has more packages than are taken.
    pub(super) fn cut(&mut self) {
        self.left_out = self.left_out.saturating_add(1);
    }

    /// What was declared, in the order of the file.
    #[cfg(test)]
    pub(super) fn packages(&self) -> &[Entry] {
        &self.packages
    }

    /// Makes a fact of each package.
    pub(super) fn push(self, ecosystem: &'static Ecosystem, facts: &mut Facts) {
        let Self { packages, known: _, mut complaints, mut notes, left_out, is_example } = self;
        let by_spelling = only_versions(ecosystem, &packages);
        for entry in &packages {
            let purl_name = entry.purl_name.as_deref().unwrap_or(&entry.name);
            let Some(mut fact) = purl::fact(ecosystem, purl_name, &entry.version) else {
                complaints.add(format!("`{}` is no name of a package", entry.name));
                continue;
            };
            if let Some(purl) = &mut fact.purl {
                purl.push_str(&entry.purl_tail);
            }
            let mut needs: Vec<Need> =
                entry.needs.iter().filter_map(|need| meant(ecosystem, &by_spelling, need)).collect();
            needs.sort();
            needs.dedup();
            let licence = entry.licence.as_deref().and_then(|licence| field(licence.as_bytes()));
            facts.package(PackageFact { name: entry.name.clone(), state: State::Declared, licence, needs, ..fact });
        }
        if is_example {
            notes.extend(complaints.into_texts());
        } else {
            complaints.push(facts);
        }
        for note in notes {
            facts.push(Fact::Oddity(note.into()));
        }
        if left_out > 0 {
            complain(facts, format!("it names more than {PACKAGES_PER_FILE} packages; the rest is left out"));
        }
    }
}

/// Which packages a folded name means: the package's own spelling, and its version if there is just one.
type Spellings<'a> = HashMap<Cow<'a, str>, (&'a str, Option<&'a str>)>;

fn only_versions<'a>(ecosystem: &Ecosystem, packages: &'a [Entry]) -> Spellings<'a> {
    let mut spellings: Spellings<'a> = HashMap::new();
    for entry in packages {
        spellings
            .entry(purl::folded(ecosystem, &entry.name))
            .and_modify(|(_, version)| *version = version.filter(|version| *version == entry.version))
            .or_insert((&entry.name, Some(&entry.version)));
    }
    spellings
}

/// The need as the needed package is called; `None` for one that the file does not hold: it is optional, or of
/// another platform.
fn meant(ecosystem: &Ecosystem, spellings: &Spellings<'_>, need: &Need) -> Option<Need> {
    let (name, version) = spellings.get(&purl::folded(ecosystem, &need.name))?;
    let version = need.version.as_deref().or(*version);
    Some(Need { name: (*name).to_owned(), version: version.map(str::to_owned) })
}

/// `text` as a part of a purl.
pub(super) fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b'~');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

/// Whether `text` is a version, and not an address or a range: it begins with a digit.
pub(super) fn is_exact(text: &str) -> bool {
    begins_as_version(text) && !text.contains(['/', ':', ' ', '*'])
}
