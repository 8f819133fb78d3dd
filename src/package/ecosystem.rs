//! Ecosystems that more than one collector finds packages of.

use crate::inventory::Ecosystem;

use super::COLLECTORS;

/// Rust crates.
pub(super) static CARGO: Ecosystem = Ecosystem { id: "cargo", purl_type: "cargo", is_system: false };

/// Pods of Apple's platforms.
pub(super) static COCOAPODS: Ecosystem = Ecosystem { id: "cocoapods", purl_type: "cocoapods", is_system: false };

/// PHP packages.
pub(super) static COMPOSER: Ecosystem = Ecosystem { id: "composer", purl_type: "composer", is_system: false };

/// C and C++ packages of Conan.
pub(super) static CONAN: Ecosystem = Ecosystem { id: "conan", purl_type: "conan", is_system: false };

/// Ruby gems.
pub(super) static GEM: Ecosystem = Ecosystem { id: "gem", purl_type: "gem", is_system: false };

/// Go modules.
pub(super) static GOLANG: Ecosystem = Ecosystem { id: "golang", purl_type: "golang", is_system: false };

/// Erlang and Elixir packages.
pub(super) static HEX: Ecosystem = Ecosystem { id: "hex", purl_type: "hex", is_system: false };

/// Java artifacts.
pub(super) static MAVEN: Ecosystem = Ecosystem { id: "maven", purl_type: "maven", is_system: false };

/// Applications that come with Erlang/OTP or Elixir.
pub(super) static OTP: Ecosystem = Ecosystem { id: "otp", purl_type: "otp", is_system: false };

/// Dart packages.
pub(super) static PUB: Ecosystem = Ecosystem { id: "pub", purl_type: "pub", is_system: false };

/// Swift packages.
pub(super) static SWIFT: Ecosystem = Ecosystem { id: "swift", purl_type: "swift", is_system: false };

/// Kinds that no collector finds, and a bill of materials may name.
static OTHERS: &[Ecosystem] = &[
    Ecosystem { id: "github", purl_type: "github", is_system: false },
    Ecosystem { id: "hackage", purl_type: "hackage", is_system: false },
    Ecosystem { id: "k8s", purl_type: "k8s", is_system: false },
];

/// The kind of this id whose purls have this type.
pub(super) fn of(id: &str, purl_type: &str) -> Option<&'static Ecosystem> {
    all().find(|known| known.id == id && known.purl_type == purl_type)
}

/// The kind that a purl means. Several have the same type: then the one that is called so, or of generic purls the one
/// that is named by the [namespace].
pub(super) fn of_purl(purl: &str) -> Option<&'static Ecosystem> {
    let (purl_type, rest) = purl.strip_prefix("pkg:")?.split_once('/')?;
    if purl_type == GENERIC {
        let path = rest.split(['@', '?', '#']).next().unwrap_or_default();
        let is_of = |known: &Ecosystem| path.strip_prefix(&*namespace(known)).is_some_and(|name| name.starts_with('/'));
        let named = all().filter(|known| known.purl_type == GENERIC && is_of(known));
        if let Some(kind) = named.max_by_key(|known| known.id.len()) {
            return Some(kind);
        }
    }
    of(purl_type, purl_type).or_else(|| all().find(|known| known.purl_type == purl_type))
}

/// The type of purls of what has no type of its own (purl-spec, "generic").
pub(super) const GENERIC: &str = "generic";

/// Namespace of the generic purls of a kind for which purl-spec registers no type: `wordpress/plugin`.
pub(super) fn namespace(kind: &Ecosystem) -> String {
    kind.id.replace('-', "/")
}

/// Types that package URLs may have, sorted.
pub fn purl_types() -> Vec<&'static str> {
    sorted(all().map(|known| known.purl_type))
}

/// Ids of all kinds, sorted.
pub fn ids() -> Vec<&'static str> {
    sorted(all().map(|known| known.id))
}

fn sorted(words: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    words.collect::<std::collections::BTreeSet<_>>().into_iter().collect()
}

/// All kinds: those that collectors say they find, and the others.
fn all() -> impl Iterator<Item = &'static Ecosystem> {
    let found = COLLECTORS.iter().filter_map(|collector| collector.about()).flat_map(|about| about.ecosystems);
    found.copied().chain(OTHERS)
}
