//! What Maven writes of an artifact into its archive: `pom.properties` (Maven Archiver) and `pom.xml` (POM reference 4.0.0).

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::HashMap;

use crate::format::xml::{self, Met};
use crate::inventory::Need;

use super::super::text::{field, lines};

/// Dependencies of one artifact; real ones have below 500.
const NEEDS: usize = 2_000;

/// Licences of one artifact.
const LICENCES: usize = 10;

/// How often the value of a property may lead to another.
const HOPS: usize = 8;

/// Longest value, in bytes, with its properties put in.
const VALUE: usize = 512;

/// What is said of an artifact.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pom {
    pub(super) group: Option<String>,
    pub(super) artifact: Option<String>,
    pub(super) version: Option<String>,
    pub(super) licence: Option<String>,
    pub(super) needs: Vec<Need>,
}

impl Pom {
    /// Fills in what is missing.
    pub(super) fn complete(self, other: Self) -> Self {
        Self {
            group: self.group.or(other.group),
            artifact: self.artifact.or(other.artifact),
            version: self.version.or(other.version),
            licence: self.licence.or(other.licence),
            needs: if self.needs.is_empty() { other.needs } else { self.needs },
        }
    }
}

/// Reads a `pom.properties`: `key=value` lines as `java.util.Properties` has them.
pub(super) fn parse_properties(bytes: &[u8]) -> Pom {
    let mut pom = Pom::default();
    for (_, line) in lines(bytes) {
        let line = line.trim_ascii();
        let Some(end) = line.iter().position(|b| matches!(b, b'=' | b':')) else { continue };
        let Some((key, value)) = line.split_at_checked(end) else { continue };
        let wanted = match key.trim_ascii() {
            b"groupId" => &mut pom.group,
            b"artifactId" => &mut pom.artifact,
            b"version" => &mut pom.version,
            _ => continue,
        };
        let value: Vec<u8> = value.iter().skip(1).copied().filter(|b| *b != b'\\').collect();
        // the last counts; what a build has not filled in is as good as nothing
        *wanted = field(&value).filter(|value| !value.contains("${"));
    }
    pom
}

/// A dependency while it is read.
#[derive(Default)]
struct Dependency {
    group: String,
    artifact: String,
    version: String,
    is_left_out: bool,
}

/// Reads a `pom.xml`. What it does not give is inherited from the parent it names; values in properties of its own are
/// put in, and one that stays unknown is as good as none.
pub(super) fn parse_project(bytes: &[u8]) -> Result<Pom, String> {
    let mut known: HashMap<String, String> = HashMap::new();
    let mut licences: Vec<String> = Vec::new();
    let mut dependencies: Vec<Dependency> = Vec::new();
    let mut current = Dependency::default();
    let mut is_project = false;
    xml::walk(bytes, |met| {
        let (path, text) = match met {
            Met::Start([root], _) => {
                is_project = root == "project";
                return;
            }
            Met::Start(..) => return,
            Met::End(path, text) => (path, text),
        };
        let names: Vec<&str> = path.iter().skip(1).map(String::as_str).collect();
        match *names {
            [own @ ("groupId" | "artifactId" | "version")] => {
                known.insert(format!("project.{own}"), text.to_owned());
            }
            ["parent", own @ ("groupId" | "artifactId" | "version")] => {
                known.insert(format!("project.parent.{own}"), text.to_owned());
            }
            ["properties", own] => {
                known.entry(own.to_owned()).or_insert_with(|| text.to_owned());
            }
            ["licenses", "license", "name"] if licences.len() < LICENCES => licences.extend(field(text.as_bytes())),
            ["dependencies", "dependency", "groupId"] => text.clone_into(&mut current.group),
            ["dependencies", "dependency", "artifactId"] => text.clone_into(&mut current.artifact),
            ["dependencies", "dependency", "version"] => text.clone_into(&mut current.version),
            ["dependencies", "dependency", "scope"] => {
                current.is_left_out |= matches!(text, "test" | "provided" | "system" | "import");
            }
            ["dependencies", "dependency", "optional"] => current.is_left_out |= text == "true",
            ["dependencies", "dependency"] => {
                let dependency = std::mem::take(&mut current);
                if !dependency.is_left_out && dependencies.len() < NEEDS {
                    dependencies.push(dependency);
                }
            }
            _ => {}
        }
    })?;
    if !is_project {
        return Err("its root is no `project`".to_owned());
    }
    for own in ["groupId", "version"] {
        if let Some(parent) = known.get(&format!("project.parent.{own}")).cloned() {
            known.entry(format!("project.{own}")).or_insert(parent);
        }
    }
    let value = |text: &str| interpolate(text, &known);
    let own = |key: &str| known.get(key).and_then(|text| value(text));
    let needs = dependencies.iter().filter_map(|dependency| {
        let name = format!("{}:{}", value(&dependency.group)?, value(&dependency.artifact)?);
        Some(Need { name, version: value(&dependency.version).filter(|version| !version.contains([',', '[', '('])) })
    });
    Ok(Pom {
        group: own("project.groupId"),
        artifact: own("project.artifactId"),
        version: own("project.version"),
        // "If multiple licenses are listed, it is assumed that the user can select any of them"
        licence: (!licences.is_empty()).then(|| licences.join(" OR ")),
        needs: needs.collect(),
    })
}

/// The text with the values of properties put in for their names; `None` if one is not known.
fn interpolate(text: &str, known: &HashMap<String, String>) -> Option<String> {
    let mut text = text.to_owned();
    for _ in 0..HOPS {
        let mut rest = text.as_str();
        let mut out = String::new();
        while let Some((before, after)) = rest.split_once("${") {
            let (name, after) = after.split_once('}')?;
            // names of Maven 2, which the archives of then still have
            let name = match name {
                "version" | "pom.version" => "project.version",
                "groupId" | "pom.groupId" => "project.groupId",
                "artifactId" | "pom.artifactId" => "project.artifactId",
                "parent.version" => "project.parent.version",
                "parent.groupId" => "project.parent.groupId",
                name => name,
            };
            out.push_str(before);
            out.push_str(known.get(name)?);
            rest = after;
            if out.len() > VALUE {
                return None;
            }
        }
        if out.is_empty() && rest.len() == text.len() {
            return field(text.as_bytes());
        }
        out.push_str(rest);
        text = out;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pom: &Pom) -> String {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "?".to_owned());
        let needs = pom.needs.iter().map(|need| match &need.version {
            Some(version) => format!(" {}:{version}", need.name),
            None => format!(" {}", need.name),
        });
        let licence = pom.licence.as_ref().map(|licence| format!(" [{licence}]")).unwrap_or_default();
        format!(
            "{}:{}:{}{licence}{}",
            text(&pom.group),
            text(&pom.artifact),
            text(&pom.version),
            needs.collect::<String>()
        )
    }

    #[test]
    fn properties_are_read_as_java_does() {
        let cases: &[(&[u8], &str)] = &[
            (b"#Generated by Maven\n#Mon\nversion=1.0\r\ngroupId=g\nartifactId=a\n", "g:a:1.0"),
            (b" groupId : g \nartifactId=a-b\nversion=1\\:2\nversion=3", "g:a-b:3"),
            (b"groupId=g\nartifactId=a\nversion=${project.version}\n", "g:a:?"),
            (b"artifactId=\nnothing\n=\n", "?:?:?"),
            (b"groupId=\x1b[2J\nartifactId=caf\xff\n", "?:caf\u{fffd}:?"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(shown(&parse_properties(bytes)), *expected);
        }
    }

    #[test]
    fn projects_inherit_and_interpolate() {
        let cases = [
            ("<project><groupId>g</groupId><artifactId>a</artifactId><version>1</version></project>", "g:a:1"),
            (
                "<project xmlns='http://maven.apache.org/POM/4.0.0'><parent><groupId>g</groupId><artifactId>p</artifactId>
                 <version>2</version></parent><artifactId>a</artifactId></project>",
                "g:a:2",
            ),
            (
                "<project><parent><groupId>g</groupId><version>2</version></parent><artifactId>a</artifactId>
                 <version>${revision}${changelist}</version>
                 <properties><revision>${parent.version}.1</revision><changelist>-rc</changelist></properties>
                 <licenses><license><name>MIT</name></license><license><name>Apache-2.0</name></license></licenses>
                 <dependencyManagement><dependencies><dependency><groupId>no</groupId><artifactId>no</artifactId></dependency></dependencies></dependencyManagement>
                 <dependencies><dependency><groupId>${project.groupId}</groupId><artifactId>b</artifactId><version>${project.version}</version>
                   <exclusions><exclusion><groupId>x</groupId><artifactId>x</artifactId></exclusion></exclusions></dependency>
                 <dependency><groupId>t</groupId><artifactId>t</artifactId><version>1</version><scope>test</scope></dependency>
                 <dependency><groupId>o</groupId><artifactId>o</artifactId><optional>true</optional></dependency>
                 <dependency><groupId>m</groupId><artifactId>m</artifactId></dependency></dependencies></project>",
                "g:a:2.1-rc [MIT OR Apache-2.0] g:b:2.1-rc m:m",
            ),
            (
                "<project><groupId>g</groupId><artifactId>a</artifactId><version>${unknown}</version></project>",
                "g:a:?",
            ),
            (
                "<project><groupId>${a}</groupId><artifactId>${b}</artifactId><properties><a>${b}${b}</a><b>${a}${a}</b></properties></project>",
                "?:?:?",
            ),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_project(text.as_bytes()).map(|pom| shown(&pom)), Ok(expected.to_owned()), "{text}");
        }
        for text in ["<project><groupId>g</groupId>", "<other/>", ""] {
            assert!(parse_project(text.as_bytes()).is_err(), "{text}");
        }
    }
}
