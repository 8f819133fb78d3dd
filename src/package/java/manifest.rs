//! What `META-INF/MANIFEST.MF` (JAR File Specification, "JAR Manifest") and the name of an archive tell of it.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::rule::Confidence;

use super::super::text::{field, is_version, lines};
use super::group;

/// Headers of the main section that name the archive (`OSGi` Core 3.2.1; Jenkins plugins; Java extensions).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Manifest {
    title: Option<String>,
    version: Option<String>,
    vendor: Option<String>,
    bundle: Option<String>,
    bundle_version: Option<String>,
    pub(super) licence: Option<String>,
    group: Option<String>,
    short_name: Option<String>,
    plugin_version: Option<String>,
}

impl Manifest {
    /// Reads the main section. Lines that begin with a blank go on with the one before.
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let mut manifest = Self::default();
        let mut header: Vec<u8> = Vec::new();
        for (_, line) in lines(bytes) {
            if let Some(more) = line.strip_prefix(b" ") {
                header.extend_from_slice(more);
                continue;
            }
            manifest.take(&header);
            header.clear();
            if line.is_empty() {
                break;
            }
            header.extend_from_slice(line);
        }
        manifest.take(&header);
        manifest
    }

    fn take(&mut self, header: &[u8]) {
        let Some(end) = header.iter().position(|b| *b == b':') else { return };
        let Some((name, value)) = header.split_at_checked(end) else { return };
        let wanted = match name.to_ascii_lowercase().as_slice() {
            b"implementation-title" => &mut self.title,
            b"implementation-version" => &mut self.version,
            b"implementation-vendor-id" => &mut self.vendor,
            b"bundle-symbolicname" => &mut self.bundle,
            b"bundle-version" => &mut self.bundle_version,
            b"bundle-license" | b"plugin-license-name" => &mut self.licence,
            b"group-id" => &mut self.group,
            b"short-name" => &mut self.short_name,
            b"plugin-version" => &mut self.plugin_version,
            _ => return,
        };
        // directives follow a semicolon
        let value = value.get(1..).unwrap_or_default().split(|b| *b == b';').next().unwrap_or_default();
        if wanted.is_none() {
            *wanted = field(value).filter(|value| !value.contains("${"));
        }
    }

    /// The version it gives, the one of the implementation first.
    pub(super) fn version(&self) -> Option<&str> {
        let versions = [&self.version, &self.plugin_version, &self.bundle_version];
        versions.into_iter().flatten().map(String::as_str).find(|version| is_version(version, SIGNS))
    }

    /// Whether it names this artifact.
    pub(super) fn names(&self, artifact: &str) -> bool {
        let names = [&self.title, &self.short_name, &self.bundle].into_iter().flatten();
        names.into_iter().any(|name| name == artifact || name.ends_with(&format!(".{artifact}")))
    }
}

/// What an archive without a record of Maven is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guess {
    /// `group:artifact`, or the artifact alone.
    pub(super) name: String,
    /// Version.
    pub(super) version: String,
    /// Medium where name, manifest and what is known of the artifact agree.
    pub(super) confidence: Confidence,
}

/// Guesses from the name of a file, without its ending, and its manifest; `None` where nothing gives a version.
pub(super) fn guess(stem: &str, manifest: &Manifest) -> Option<Guess> {
    let (in_name, version_in_name) = split_name(stem);
    let version = version_in_name.or_else(|| manifest.version())?;
    let is_word = |text: &&str| text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    let artifact = match version_in_name {
        Some(_) => in_name,
        // the file may have been renamed
        None => [&manifest.title, &manifest.short_name]
            .into_iter()
            .find_map(|name| name.as_deref().filter(is_word))
            .unwrap_or(in_name),
    };
    let tomcat = manifest.title.as_deref() == Some("Apache Tomcat");
    let artifact = match artifact {
        "catalina" | "catalina-ant" | "catalina-ha" | "jasper" | "jasper-el" if tomcat => format!("tomcat-{artifact}"),
        artifact => artifact.to_owned(),
    };
    if let Some(group) = group::of(&artifact) {
        let is_agreed = match (version_in_name, manifest.version()) {
            (Some(a), Some(b)) => a == b || a.starts_with(b) || b.starts_with(a),
            _ => version_in_name.is_some() || tomcat,
        };
        let confidence = if is_agreed { Confidence::Medium } else { Confidence::Low };
        return Some(Guess { name: format!("{group}:{artifact}"), version: version.to_owned(), confidence });
    }
    let bundle = manifest.bundle.as_deref().filter(is_word).and_then(|bundle| {
        let (group, _) = bundle
            .strip_suffix(&artifact)
            .and_then(|group| group.split_at_checked(group.len().checked_sub(1)?))
            .or_else(|| bundle.rsplit_once('.'))?;
        group.contains('.').then_some(group)
    });
    let group = [manifest.vendor.as_deref(), manifest.group.as_deref()].into_iter().flatten().find(is_word).or(bundle);
    let name = group.map_or_else(|| artifact.clone(), |group| format!("{group}:{artifact}"));
    Some(Guess { name, version: version.to_owned(), confidence: Confidence::Low })
}

/// What may follow the version in the name of a file: Maven's classifiers.
const CLASSIFIERS: &[&str] = &[
    "-all",
    "-boot",
    "-exec",
    "-fat",
    "-jar-with-dependencies",
    "-javadoc",
    "-linux-aarch_64",
    "-linux-x86_64",
    "-no_aop",
    "-osx-aarch_64",
    "-osx-x86_64",
    "-plain",
    "-shaded",
    "-sources",
    "-tests",
    "-uber",
    "-windows-x86_64",
];

/// Artifact and version of a file's name without its ending: `log4j-1.2-api-2.17.1` is `log4j-1.2-api` and `2.17.1`.
pub(super) fn split_name(stem: &str) -> (&str, Option<&str>) {
    let stem = CLASSIFIERS.iter().find_map(|classifier| stem.strip_suffix(classifier)).unwrap_or(stem);
    let mut start = None;
    // from behind: the parts that begin with a digit, and those after them
    for (at, _) in stem.rmatch_indices('-') {
        let part = stem.get(at.saturating_add(1)..).unwrap_or_default();
        if is_version(part, SIGNS) {
            start = Some(at);
        } else if start.is_some() {
            break;
        }
    }
    let parts = start.filter(|at| *at > 0).and_then(|at| stem.split_at_checked(at));
    match parts.and_then(|(artifact, version)| Some((artifact, version.strip_prefix('-')?))) {
        // the version of what is specified, not of the artifact: `log4j-1.2-api`
        Some((_, version)) if version.ends_with("-api") || version.ends_with("-spec") => (stem, None),
        Some((artifact, version)) => (artifact, Some(version)),
        None => (stem, None),
    }
}

/// What versions of artifacts hold besides letters and digits: `1.0`, `v20181008`, `2.0-b1`.
const SIGNS: &str = ".-_+~";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_files_give_artifact_and_version() {
        let cases = [
            ("commons-io-2.4", ("commons-io", Some("2.4"))),
            ("log4j-1.2-api-2.17.1", ("log4j-1.2-api", Some("2.17.1"))),
            ("log4j-1.2-api", ("log4j-1.2-api", None)),
            ("guava-29.0-jre", ("guava", Some("29.0-jre"))),
            ("spark-core_2.12-3.1.2", ("spark-core_2.12", Some("3.1.2"))),
            ("bcprov-jdk15on-1.68", ("bcprov-jdk15on", Some("1.68"))),
            ("a-1.0-20200101.120000-1", ("a", Some("1.0-20200101.120000-1"))),
            ("closure-compiler-v20181008", ("closure-compiler", Some("v20181008"))),
            ("netty-epoll-4.1.0.Final-linux-x86_64", ("netty-epoll", Some("4.1.0.Final"))),
            ("hadoop-guava-1.1.0-SNAPSHOT", ("hadoop-guava", Some("1.1.0-SNAPSHOT"))),
            ("tabula-1.0.4-jar-with-dependencies", ("tabula", Some("1.0.4"))),
            ("catalina", ("catalina", None)),
            ("-1.0", ("-1.0", None)),
            ("a-", ("a-", None)),
            ("", ("", None)),
        ];
        for (stem, expected) in cases {
            assert_eq!(split_name(stem), expected, "{stem}");
        }
    }

    #[test]
    fn manifests_and_names_make_guesses() {
        let cases = [
            (
                "spring-core-5.3.3",
                "Implementation-Title: spring-core\nImplementation-Version: 5.3.3\n",
                "org.springframework:spring-core 5.3.3 Medium",
            ),
            ("spring-core-5.3.3", "Implementation-Version: 4.0\n", "org.springframework:spring-core 5.3.3 Low"),
            ("commons-lang-2.6", "", "commons-lang:commons-lang 2.6 Medium"),
            (
                "catalina",
                "Implementation-Title: Apache Tomcat\r\nImplementation-Version: 9.0.8\r\n 3\r\n",
                "org.apache.tomcat:tomcat-catalina 9.0.83 Medium",
            ),
            (
                "plugin",
                "Implementation-Vendor-Id: com.example\nImplementation-Title: jenkins-plugin\nImplementation-Version: 1.0\n",
                "com.example:jenkins-plugin 1.0 Low",
            ),
            (
                "git",
                "Group-Id: org.jenkins-ci.plugins\nShort-Name: git\nPlugin-Version: 4.1 (private)\nBundle-Version: 4.1\n",
                "org.jenkins-ci.plugins:git 4.1 Low",
            ),
            ("x-y-1.2", "Bundle-SymbolicName: org.example.x-y;singleton:=true\n", "org.example:x-y 1.2 Low"),
            ("x-y-1.2", "Bundle-SymbolicName: y\n", "x-y 1.2 Low"),
            ("heuristic-1.0.0-SNAPSHOT", "Manifest-Version: 1.0\n", "heuristic 1.0.0-SNAPSHOT Low"),
            (
                "x",
                "Implementation-Title: Some Words\nBundle-Version: 3\n\nName: a/\nImplementation-Version: 4\n",
                "x 3 Low",
            ),
            ("app", "Main-Class: x\nImplementation-Version: ${version}\n", ""),
        ];
        for (stem, manifest, expected) in cases {
            let guess = guess(stem, &Manifest::parse(manifest.as_bytes()));
            let shown = guess.map(|guess| format!("{} {} {:?}", guess.name, guess.version, guess.confidence));
            assert_eq!(shown.unwrap_or_default(), expected, "{stem}");
        }
    }
}
