//! CycloneDX in JSON (ECMA-424; specification 1.5, 1.6 and 1.7, <https://cyclonedx.org/docs/1.6/json/>).
//!
//! The types here are its wire form, as far as careen has something to say.

use std::borrow::Cow;
use std::io::{self, Write};

use serde::{Serialize, Serializer};

use super::bom::{self, Image};
use super::json::write_json;
use super::{Format, Style};
use crate::digest::{Algorithm, Digest, hex};
use crate::format::sbom::word;
use crate::inventory::{Licence, Package, Proof, State};
use crate::report::Report;
use crate::rule::Confidence;

/// CycloneDX in the version that most programs read.
pub(super) static DEFAULT: CycloneDx = CycloneDx { id: "cyclonedx", version: Version::V1_6 };
/// Version 1.5.
pub(super) static V1_5: CycloneDx = CycloneDx { id: "cyclonedx-1.5", version: Version::V1_5 };
/// Version 1.6, whatever the default is.
pub(super) static V1_6: CycloneDx = CycloneDx { id: "cyclonedx-1.6", version: Version::V1_6 };
/// Version 1.7.
pub(super) static V1_7: CycloneDx = CycloneDx { id: "cyclonedx-1.7", version: Version::V1_7 };

/// The format in one version.
pub(super) struct CycloneDx {
    id: &'static str,
    version: Version,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    V1_5,
    V1_6,
    V1_7,
}

impl Version {
    fn number(self) -> &'static str {
        match self {
            Self::V1_5 => "1.5",
            Self::V1_6 => "1.6",
            Self::V1_7 => "1.7",
        }
    }
}

impl Format for CycloneDx {
    fn id(&self) -> &'static str {
        self.id
    }

    fn about(&self) -> &'static str {
        match (self.id, self.version) {
            ("cyclonedx", _) => "Bill of materials: CycloneDX 1.6, JSON",
            (_, Version::V1_5) => "CycloneDX 1.5",
            (_, Version::V1_6) => "CycloneDX 1.6",
            (_, Version::V1_7) => "CycloneDX 1.7",
        }
    }

    fn render(&self, reports: &[Report], _: &Style, out: &mut dyn Write) -> io::Result<()> {
        let images = Image::all(reports);
        write_json(&Document::new(&images, reports, self.version), out)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    #[serde(rename = "$schema")]
    schema: String,
    bom_format: &'static str,
    spec_version: &'static str,
    serial_number: String,
    version: u32,
    metadata: Metadata<'a>,
    components: Components<'a>,
    dependencies: Dependencies<'a>,
    compositions: Vec<Composition<'a>>,
}

impl<'a> Document<'a> {
    fn new(images: &'a [Image<'a>], reports: &[Report], version: Version) -> Self {
        let number = version.number();
        let component = match images {
            [image] => Component::of_image(image),
            _ => Component { r#type: "container", bom_ref: SEVERAL, name: "images", ..Component::default() },
        };
        Self {
            schema: format!("http://cyclonedx.org/schema/bom-{number}.schema.json"),
            bom_format: "CycloneDX",
            spec_version: number,
            serial_number: format!("urn:uuid:{}", bom::identity("cyclonedx", reports)),
            version: 1,
            metadata: Metadata {
                timestamp: bom::stamp(reports),
                lifecycles: [Lifecycle { phase: "post-build" }],
                tools: Tools {
                    components: [Component {
                        r#type: "application",
                        name: "careen",
                        version: Some(reports.first().map_or("", |report| report.version).into()),
                        ..Component::default()
                    }],
                },
                component,
            },
            components: Components(images, version),
            dependencies: Dependencies(images),
            compositions: images
                .iter()
                .map(|image| Composition {
                    aggregate: if image.has_gaps() { "incomplete" } else { "unknown" },
                    assemblies: [&image.reference],
                })
                .collect(),
        }
    }
}

/// Reference of what a document of several images is about.
const SEVERAL: &str = "images";

#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<String>,
    lifecycles: [Lifecycle; 1],
    tools: Tools<'a>,
    component: Component<'a>,
}

#[derive(Serialize)]
struct Lifecycle {
    phase: &'static str,
}

#[derive(Serialize)]
struct Tools<'a> {
    components: [Component<'a>; 1],
}

#[derive(Serialize, Default)]
#[serde(rename_all = "camelCase")]
struct Component<'a> {
    r#type: &'static str,
    #[serde(rename = "bom-ref", skip_serializing_if = "str::is_empty")]
    bom_ref: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<Cow<'a, str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Option::is_none")]
    licenses: Option<[WireLicence<'a>; 1]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    purl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<Evidence<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    properties: Vec<Property>,
}

impl<'a> Component<'a> {
    fn of_image(image: &'a Image<'_>) -> Self {
        let digest = image.report.target.digest.as_ref();
        Self {
            r#type: "container",
            bom_ref: &image.reference,
            name: image.name,
            version: image.version().map(Cow::from),
            hashes: digest.into_iter().map(Hash::of).collect(),
            properties: image.facts().into_iter().map(|(name, value)| Property { name, value }).collect(),
            ..Self::default()
        }
    }

    fn of_package(image: &'a Image<'_>, package: &'a Package, bom_ref: &'a str, version: Version) -> Self {
        let sha1 = package.sha1.map(|digest| Hash { alg: "SHA-1", content: hex(&digest) });
        let properties = image.facts_of(package).into_iter();
        Self {
            r#type: "library",
            bom_ref,
            name: &package.name,
            version: Some(package.version.as_str().into()),
            description: None,
            // the specification's words for optional: not capable of being called due to not being installed
            scope: Some(if package.state == State::Declared { "optional" } else { "required" }),
            hashes: sha1.into_iter().collect(),
            licenses: package.licence.as_ref().and_then(|licence| WireLicence::new(licence, version)).map(|one| [one]),
            purl: Some(bom::purl(package)),
            evidence: Some(Evidence::new(package, version)),
            properties: properties.map(|(name, value)| Property { name: name.to_owned(), value }).collect(),
        }
    }
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

impl Hash {
    fn of(digest: &Digest) -> Self {
        let alg = match digest.algorithm() {
            Algorithm::Sha256 => "SHA-256",
            Algorithm::Sha512 => "SHA-512",
        };
        Self { alg, content: digest.hex().to_owned() }
    }
}

#[derive(Serialize)]
struct Property {
    name: String,
    value: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum WireLicence<'a> {
    Expression {
        expression: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        acknowledgement: Option<&'static str>,
    },
    Named {
        license: Named<'a>,
    },
}

#[derive(Serialize)]
struct Named<'a> {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    acknowledgement: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<Text<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    content_type: &'static str,
    content: &'a str,
}

impl<'a> WireLicence<'a> {
    fn new(licence: &'a Licence, version: Version) -> Option<Self> {
        let acknowledgement = (version >= Version::V1_6).then_some("declared");
        if let Some(expression) = &licence.expression {
            return Some(Self::Expression { expression, acknowledgement });
        }
        let (name, is_whole) = bom::licence_name(&licence.declared);
        let text = (!is_whole).then_some(Text { content_type: "text/plain", content: &licence.declared });
        (!name.is_empty()).then_some(Self::Named { license: Named { name, acknowledgement, text } })
    }
}

#[derive(Serialize)]
struct Evidence<'a> {
    identity: Identities<'a>,
    occurrences: Vec<Occurrence>,
}

/// One in version 1.5, a list since.
#[derive(Serialize)]
#[serde(untagged)]
enum Identities<'a> {
    One(Identity<'a>),
    List([Identity<'a>; 1]),
}

#[derive(Serialize)]
struct Identity<'a> {
    field: &'static str,
    confidence: f32,
    methods: [Method<'a>; 1],
}

#[derive(Serialize)]
struct Method<'a> {
    technique: &'static str,
    confidence: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Occurrence {
    location: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    additional_context: Option<String>,
}

impl<'a> Evidence<'a> {
    fn new(package: &'a Package, version: Version) -> Self {
        let confidence = match package.confidence {
            Confidence::High => 1.0,
            Confidence::Medium => 0.7,
            Confidence::Low => 0.3,
        };
        let (technique, value) = match &package.proof {
            Proof::Record => ("manifest-analysis", None),
            Proof::Name(text) => ("filename", Some(&**text)),
            Proof::VersionString(text) => ("binary-analysis", Some(&**text)),
        };
        let methods = [Method { technique, confidence, value }];
        let identity = Identity { field: "purl", confidence, methods };
        Self {
            identity: if version == Version::V1_5 { Identities::One(identity) } else { Identities::List([identity]) },
            occurrences: package
                .locations
                .iter()
                .map(|place| Occurrence {
                    location: word::file(&place.path.to_string(), place.inside.as_deref()),
                    additional_context: (version >= Version::V1_6).then(|| format!("layer {}", place.added_by)),
                })
                .collect(),
        }
    }
}

/// The images where there are several, then each one's distribution and packages.
struct Components<'a>(&'a [Image<'a>], Version);

impl Serialize for Components<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(images, version) = *self;
        let containers = images.iter().filter(|_| images.len() > 1).map(Component::of_image);
        let distros = images.iter().filter_map(|image| {
            let distro = image.report.target.distro.as_ref()?;
            Some(Component {
                r#type: "operating-system",
                bom_ref: &image.system_reference,
                name: if distro.id.is_empty() { "unknown" } else { &distro.id },
                version: Some(distro.version_id.as_str().into()),
                description: Some(&distro.name),
                ..Component::default()
            })
        });
        let packages = images.iter().flat_map(|image| {
            let packages = image.report.packages.iter().zip(&image.references);
            packages.map(move |(package, reference)| Component::of_package(image, package, reference, version))
        });
        serializer.collect_seq(containers.chain(distros).chain(packages))
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency<'a> {
    r#ref: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    depends_on: Vec<&'a str>,
}

/// Who needs whom: all images, an image its distribution and the packages that no other one needs.
struct Dependencies<'a>(&'a [Image<'a>]);

impl Serialize for Dependencies<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let several = (self.0.len() > 1).then(|| Dependency {
            r#ref: SEVERAL,
            depends_on: self.0.iter().map(|image| image.reference.as_str()).collect(),
        });
        let images = self.0.iter().flat_map(|image| {
            let system = image.report.target.distro.as_ref().map(|_| image.system_reference.as_str());
            let roots = image.roots();
            let roots = roots.iter().filter_map(|index| image.references.get(*index)).map(String::as_str);
            let depends_on = system.into_iter().chain(roots).collect();
            let packages = image.report.packages.iter().zip(&image.references);
            [Dependency { r#ref: &image.reference, depends_on }]
                .into_iter()
                .chain(system.map(|system| Dependency { r#ref: system, depends_on: Vec::new() }))
                .chain(packages.map(|(package, reference)| Dependency {
                    r#ref: reference,
                    depends_on: image.needs(package).into_iter().filter(|needed| needed != reference).collect(),
                }))
        });
        serializer.collect_seq(several.into_iter().chain(images))
    }
}

#[derive(Serialize)]
struct Composition<'a> {
    aggregate: &'static str,
    assemblies: [&'a str; 1],
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::super::sample;
    use super::*;

    fn render(format: &CycloneDx, reports: &[Report]) -> Value {
        let mut out = Vec::new();
        format.render(reports, &sample::style(), &mut out).expect("memory can be written");
        serde_json::from_slice(&out).expect("JSON")
    }

    #[test]
    fn documents_keep_the_schemas() {
        let json = |text: &str| serde_json::from_str::<Value>(text).expect("JSON");
        let registry = jsonschema::Registry::new()
            .extend([
                (
                    "http://cyclonedx.org/schema/spdx.schema.json",
                    json(include_str!("../../fixtures/schemas/spdx.schema.json")),
                ),
                (
                    "http://cyclonedx.org/schema/jsf-0.82.schema.json",
                    json(include_str!("../../fixtures/schemas/jsf-0.82.schema.json")),
                ),
                (
                    "http://cyclonedx.org/schema/cryptography-defs.schema.json",
                    json(include_str!("../../fixtures/schemas/cryptography-defs.schema.json")),
                ),
            ])
            .expect("schemas")
            .prepare()
            .expect("schemas");
        for (format, schema) in [
            (&V1_5, include_str!("../../fixtures/schemas/bom-1.5.schema.json")),
            (&V1_6, include_str!("../../fixtures/schemas/bom-1.6.schema.json")),
            (&V1_7, include_str!("../../fixtures/schemas/bom-1.7.schema.json")),
        ] {
            let schema = json(schema);
            let validator = jsonschema::options().with_registry(&registry).build(&schema).expect("a schema");
            for reports in [
                vec![sample::report()],
                vec![sample::hostile()],
                vec![sample::empty()],
                vec![sample::report(), sample::hostile()],
            ] {
                let document = render(format, &reports);
                let errors: Vec<String> =
                    validator.iter_errors(&document).map(|e| format!("{}: {e}", e.instance_path())).collect();
                assert!(errors.is_empty(), "{}: {errors:#?}", format.id);
            }
            let mut wrong = render(format, &[sample::report()]);
            wrong["components"][0]["type"] = "package".into();
            assert!(!validator.is_valid(&wrong), "the schema is looked at");
        }
    }

    #[test]
    fn what_was_not_read_makes_a_document_incomplete() {
        let document = render(&DEFAULT, &[sample::report()]);
        assert_eq!(document["compositions"][0]["aggregate"], "incomplete");
        let properties = document["metadata"]["component"]["properties"].as_array().expect("a list");
        let gaps: Vec<&Value> = properties.iter().filter(|one| one["name"] == "careen:gap").collect();
        assert_eq!(gaps.len(), 1);
        assert_eq!(gaps[0]["value"], "layer-truncated layer 1: gzip data ends early, after 41.2 MiB");
        assert_eq!(render(&DEFAULT, &[sample::empty()])["compositions"][0]["aggregate"], "unknown");
    }

    #[test]
    fn a_document_has_the_time_that_is_asked_for() {
        let mut dated = sample::report();
        dated.source_date = Some(crate::time::Timestamp::from_unix(1));
        assert_eq!(render(&DEFAULT, &[dated])["metadata"]["timestamp"], "1970-01-01T00:00:01Z");
    }

    #[test]
    fn a_package_says_where_it_is_and_who_owns_it() {
        let mut report = sample::report();
        report.packages[1].state = State::Declared;
        report.packages[1].dependencies = vec![0];
        let document = render(&DEFAULT, &[report]);
        let components = document["components"].as_array().expect("a list");
        let six = components.iter().find(|one| one["name"] == "six").expect("it is there");
        assert_eq!(six["scope"], "optional", "declared is not installed");
        assert_eq!(six["licenses"][0]["expression"], "MIT");
        let property = |name: &str| {
            let found = six["properties"].as_array()?.iter().find(|one| one["name"] == name)?;
            found["value"].as_str().map(str::to_owned)
        };
        assert_eq!(property("careen:state").as_deref(), Some("declared"));
        assert_eq!(
            property("careen:owned-by").as_deref(),
            Some("pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12")
        );
        assert_eq!(
            property("careen:location").as_deref(),
            Some("layer 0, now 1: /usr/lib/python3/dist-packages/six.egg-info")
        );
        let dependencies = document["dependencies"].as_array().expect("a list");
        let of = |name: &str| dependencies.iter().find(|one| one["ref"] == name).expect("it is there");
        assert_eq!(of("image")["dependsOn"], serde_json::json!(["system", "pkg:pypi/six@1.16.0"]));
        assert_eq!(of("pkg:pypi/six@1.16.0")["dependsOn"].as_array().map(Vec::len), Some(1));
    }

    #[test]
    fn long_licences_are_texts() {
        let long = format!("Copyright\n{}", "All rights reserved. ".repeat(100));
        let licence = Licence { declared: long.clone(), expression: None };
        let Some(WireLicence::Named { license }) = WireLicence::new(&licence, Version::V1_6) else {
            panic!("a named licence")
        };
        assert_eq!((license.name.as_str(), license.text.map(|text| text.content)), ("Copyright", Some(long.as_str())));
        assert!(WireLicence::new(&Licence { declared: " ".into(), expression: None }, Version::V1_6).is_none());
    }
}
