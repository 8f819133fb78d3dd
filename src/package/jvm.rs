//! Java runtimes: the file `release` that the build of `OpenJDK` puts at the root of each (its versions: JEP 223).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::Ecosystem;
use crate::size::ByteSize;

use super::purl;
use super::text::{complain, field, lines};

/// Java runtimes that no package manager brought.
static JVM: Ecosystem = Ecosystem { id: "jvm", purl_type: "generic", is_system: false };

/// Reads every `release` that says which Java it belongs to.
pub(super) struct Jvm;

static ABOUT: About = About {
    title: "Java runtimes",
    ecosystems: &[&JVM],
    reads: "Version and architecture of each runtime, from the file that every build of Java 7 and later \
                writes at its root. All builds of OpenJDK but Zulu go by the name of OpenJDK, \
                and those that Oracle sells by that of its JDK.",
    not_seen: &["runtimes whose `release` was deleted", "the runtime inside of native images of GraalVM"],
    references: &["https://openjdk.org/jeps/223"],
};

impl Collector for Jvm {
    fn id(&self) -> &'static str {
        "jvm"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Name("release")]
    }

    /// The list of modules is the longest line, of some 3 KiB.
    fn delivery(&self) -> Delivery {
        Delivery::WholeOrNothing(ByteSize::mib(1))
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let value = |key: &str| {
            let mut lines = lines(file.bytes).filter_map(|(_, line)| line.strip_prefix(key.as_bytes()));
            let value = lines.find_map(|rest| rest.strip_prefix(b"="))?;
            field(value.trim_ascii().strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\"")).unwrap_or(value))
        };
        // other programs have files of this name too
        if !lines(file.bytes).any(|(_, line)| line.starts_with(b"JAVA_VERSION=")) {
            return;
        }
        // the first names the build too: `17.0.9+9`, `1.8.0_402-b06`
        let Some(version) = value("JAVA_RUNTIME_VERSION").or_else(|| value("JAVA_VERSION")) else {
            return complain(facts, "it gives no version of Java");
        };
        let vendor = value("IMPLEMENTOR").unwrap_or_default();
        // under these names flaws are published: https://nvd.nist.gov/products/cpe
        let name = if value("BUILD_TYPE").is_some_and(|kind| kind == "commercial") {
            "oracle/jdk"
        } else if vendor.starts_with("Azul") {
            "azul/zulu"
        } else {
            "oracle/openjdk"
        };
        if let Some(fact) = purl::fact(&JVM, name, &version) {
            let name = name.rsplit('/').next().unwrap_or(name).to_owned();
            facts.package(PackageFact { name, architecture: value("OS_ARCH"), ..fact });
        }
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    #[test]
    fn releases_name_their_java() {
        let cases = [
            (
                "IMPLEMENTOR=\"Eclipse Adoptium\"\nJAVA_RUNTIME_VERSION=\"17.0.9+9\"\nJAVA_VERSION=\"17.0.9\"\nOS_ARCH=\"x86_64\"\n",
                &["openjdk 17.0.9+9 x86_64 pkg:generic/oracle/openjdk@17.0.9%2B9"][..],
                0,
            ),
            ("JAVA_VERSION=\"1.8.0_402\"\r\n", &["openjdk 1.8.0_402  pkg:generic/oracle/openjdk@1.8.0_402"], 0),
            (
                "IMPLEMENTOR=\"Azul Systems, Inc.\"\nJAVA_VERSION=\"17.0.10\"",
                &["zulu 17.0.10  pkg:generic/azul/zulu@17.0.10"],
                0,
            ),
            (
                "IMPLEMENTOR=\"Oracle Corporation\"\nBUILD_TYPE=\"commercial\"\nJAVA_VERSION=\"21.0.1\"",
                &["jdk 21.0.1  pkg:generic/oracle/jdk@21.0.1"],
                0,
            ),
            ("JAVA_VERSION=\"\"\n", &[], 1),
            ("Debian release 12\n", &[], 0),
        ];
        for (text, expected, gaps) in cases {
            let inventory = assemble(&Image::new().file("opt/java/release", text));
            let shown: Vec<String> = inventory
                .packages
                .iter()
                .map(|p| format!("{} {} {} {}", p.name, p.version, p.architecture.as_deref().unwrap_or(""), p.purl))
                .collect();
            assert_eq!(shown, expected, "{text}");
            assert_eq!(inventory.limitations.len(), gaps, "{text}");
        }
    }
}
