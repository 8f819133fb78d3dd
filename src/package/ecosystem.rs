//! Ecosystems that more than one collector finds packages of.

use crate::inventory::Ecosystem;

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

/// What a bill of materials may name, sorted by id: all that collectors find, and a few more.
pub(super) static NAMED: &[Ecosystem] = &[
    system("alpm"),
    system("apk"),
    other("bitnami"),
    other("cargo"),
    other("cocoapods"),
    other("composer"),
    other("conan"),
    system("conda"),
    other("cpan"),
    generic("cpan"),
    other("cran"),
    system("deb"),
    system("ebuild"),
    other("gem"),
    other("generic"),
    other("github"),
    other("golang"),
    other("hackage"),
    other("hex"),
    other("julia"),
    generic("jvm"),
    other("k8s"),
    other("luarocks"),
    other("maven"),
    other("npm"),
    other("nuget"),
    system("opkg"),
    other("otp"),
    other("pear"),
    other("pub"),
    other("pypi"),
    system("rpm"),
    other("swift"),
    generic("wordpress"),
    other("wordpress-plugin"),
    other("wordpress-theme"),
];

const fn system(id: &'static str) -> Ecosystem {
    Ecosystem { id, purl_type: id, is_system: true }
}

const fn other(id: &'static str) -> Ecosystem {
    Ecosystem { id, purl_type: id, is_system: false }
}

const fn generic(id: &'static str) -> Ecosystem {
    Ecosystem { id, purl_type: "generic", is_system: false }
}
