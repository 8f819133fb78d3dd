//! Swift packages: what the Swift Package Manager checked out for a build (`workspace-state.json`, versions 1 to 7).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use serde::Deserialize;

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::size::ByteSize;

use super::ecosystem::SWIFT;
use super::lenient::{Items, Text, json};
use super::purl;
use super::text::{Complaints, complain};

/// Reads every `workspace-state.json`.
pub(super) struct Swift;

static ABOUT: About = About {
    title: "Swift packages",
    ecosystems: &[&SWIFT],
    reads: "Repository and version of each package whose sources were checked out for a build.",
    not_seen: &[
        "programs without the folder they were built in",
        "packages of a branch or a commit without a version, and packages in folders",
    ],
    references: &["https://docs.swift.org/swiftpm/documentation/packagemanagerdocs/"],
};

impl Collector for Swift {
    fn id(&self) -> &'static str {
        "swift"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("workspace-state.json")]
    }

    fn delivery(&self) -> Delivery {
        Delivery::Whole(ByteSize::mib(8))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.bytes.trim_ascii().is_empty() {
            return;
        }
        let state = match json::<Workspace>(file.bytes) {
            // the first version has no object between
            Ok(Workspace { object, dependencies }) => {
                if dependencies.is_list() {
                    State { dependencies }
                } else {
                    object
                }
            }
            Err(error) => return complain(facts, format!("it is no JSON: {error}")),
        };
        let mut complaints = Complaints::default();
        if !state.dependencies.is_list() {
            complaints.add("it holds no list of packages".into());
        }
        for dependency in state.dependencies.read::<Dependency>() {
            match dependency.map_err(|error| format!("a package is no object: {error}")).and_then(Dependency::fact) {
                Ok(Some(package)) => facts.package(package),
                Ok(None) => {}
                Err(what) => complaints.add(what),
            }
        }
        if state.dependencies.beyond() > 0 {
            complaints.add("it lists more packages than any real one; the rest is not read".into());
        }
        complaints.push(facts);
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Workspace {
    object: State,
    dependencies: Items,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct State {
    dependencies: Items,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Dependency {
    #[serde(rename = "packageRef")]
    reference: Reference,
    state: CheckoutState,
    /// What the first version calls the location.
    #[serde(rename = "repositoryURL")]
    repository: Text,
    /// What the first version calls the version.
    #[serde(rename = "currentVersion")]
    version: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Reference {
    identity: Text,
    location: Text,
    /// What older versions call the location.
    path: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CheckoutState {
    #[serde(rename = "checkoutState")]
    checkout: Option<Checkout>,
    /// Of a package from a registry.
    version: Text,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Checkout {
    version: Text,
}

impl Dependency {
    /// The package; nothing if it is a folder, or has no version.
    fn fact(self) -> Result<Option<PackageFact>, String> {
        let checkout = self.state.checkout.and_then(|checkout| checkout.version.0);
        let Some(version) = checkout.or(self.state.version.0).or(self.version.0) else { return Ok(None) };
        let Reference { location, path, identity } = self.reference;
        let location = location.0.or(path.0).or(self.repository.0).or(identity.0);
        let location = location.ok_or("a package has no location")?;
        let fact = purl::qualified(&SWIFT, &repository(&location), &version, &[]);
        fact.map(Some).ok_or_else(|| format!("`{location}` is no address of a repository"))
    }
}

/// `https://user@host/owner/name.git`, `git@host:owner/name.git` as `host/owner/name`; an identity of a registry,
/// `scope.name`, as `scope/name`.
fn repository(location: &str) -> String {
    let (is_scp, rest) = match location.split_once("://") {
        Some((_, rest)) => (false, rest),
        None => (location.contains('@'), location),
    };
    // a user, and a password, if one was written there
    let rest = match (rest.split_once('@'), rest.find('/')) {
        (Some((user, after)), slash) if slash.is_none_or(|slash| user.len() < slash) => after,
        _ => rest,
    };
    let rest = rest.trim_end_matches('/');
    let rest = rest.strip_suffix(".git").unwrap_or(rest);
    if is_scp {
        rest.replacen(':', "/", 1)
    } else if rest.contains('/') {
        rest.to_owned()
    } else {
        rest.replacen('.', "/", 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::testing::{Image, assemble};

    #[test]
    fn repositories_are_named_alike() {
        let cases = [
            ("https://github.com/apple/swift-nio.git", "github.com/apple/swift-nio"),
            ("https://user:secret@github.com/apple/swift-nio/", "github.com/apple/swift-nio"),
            ("git@github.com:apple/swift-nio.git", "github.com/apple/swift-nio"),
            ("ssh://git@github.com/apple/swift-nio", "github.com/apple/swift-nio"),
            ("mona.LinkedList", "mona/LinkedList"),
        ];
        for (location, expected) in cases {
            assert_eq!(repository(location), expected);
        }
    }

    #[test]
    fn checkouts_are_installed() {
        let at = "app/.build/workspace-state.json";
        let state = r#"{"version":6,"object":{"artifacts":[],"dependencies":[
            {"basedOn":null,"packageRef":{"identity":"swift-nio","kind":"remoteSourceControl","location":"https://github.com/apple/swift-nio.git"},
             "state":{"checkoutState":{"revision":"0","version":"2.62.0"},"name":"sourceControlCheckout"},"subpath":"swift-nio"},
            {"packageRef":{"path":"https://github.com/vapor/vapor.git"},"state":{"checkoutState":{"revision":"0","version":"4.1.0"}}},
            {"packageRef":{"location":"https://x.example/a/b"},"state":{"checkoutState":{"branch":"main","revision":"0"}}},
            {"packageRef":{"location":"x"},"state":{"checkoutState":{"version":"1"}}}, 7]}}"#;
        let cases: &[(&str, &[&str], usize)] = &[
            (state, &["pkg:swift/github.com/apple/swift-nio@2.62.0", "pkg:swift/github.com/vapor/vapor@4.1.0"], 2),
            (
                r#"{"dependencies":[{"currentVersion":"1.7.0","repositoryURL":"https://github.com/IBM-Swift/LoggerAPI.git"}],"version":1}"#,
                &["pkg:swift/github.com/IBM-Swift/LoggerAPI@1.7.0"],
                0,
            ),
            ("{}", &[], 1),
            ("{", &[], 1),
            ("", &[], 0),
        ];
        for (text, expected, told) in cases {
            let inventory = assemble(&Image::new().file(at, text));
            let purls: Vec<_> = inventory.packages.iter().map(|package| &*package.purl).collect();
            assert_eq!(purls, *expected);
            assert_eq!(inventory.limitations.len(), *told, "{:?}", inventory.limitations);
        }
    }
}
