//! The keys of `[[test]]` and of what stands in it.

use super::super::key::{CONFIDENCES, SEVERITIES, Table, Takes, VISIBILITIES, key};

/// A `[[test]]`.
pub static TEST: Table = Table {
    name: "[[test]]",
    about: "A case: findings or a report, and what the policy must make of them",
    keys: &[
        key("expect", Takes::Table(&EXPECT), "{ outcome = \"failed\" }", "{}", "required: what must come of it"),
        key(
            "findings",
            Takes::Tables(&FINDING),
            "[{ rule = \"image/root-user\" }]",
            "[{ rule = \"image/rot-user\" }]",
            "what is found; `[]` for nothing",
        ),
        key(
            "image",
            Takes::Table(&IMAGE),
            "{ user = \"app\" }",
            "{ size = \"5 stone\" }",
            "the image, for `[limits]`, `[base]`, `[licences]`, `[require]`, `[data]` and for `image`, `platform` and `licence` in `match`. Without it nothing is asked of an image; what it does not say is not known",
        ),
        key("name", Takes::Text, "\"root fails\"", "\"\"", "required: what the case is about"),
        key(
            "report",
            Takes::Source,
            "\"report.json\"",
            "\"\"",
            "in place of `findings` and `image`: a JSON report, from the folder of the file",
        ),
        key(
            "today",
            Takes::Day,
            "2026-06-15",
            "\"soon\"",
            "the day on which it plays, for waivers and the age of flaws; else today",
        ),
    ],
};

/// A finding of a case.
pub static FINDING: Table = Table {
    name: "[[test.findings]]",
    about: "A finding of a case",
    keys: &[
        key("confidence", Takes::Word(CONFIDENCES), "\"low\"", "\"sure\"", "else that of the rule"),
        key("cvss", Takes::Number(10.0), "9.8", "\"9.8\"", "score of the flaw"),
        key("ended", Takes::Day, "2026-01-31", "\"long ago\"", "day on which support of the distribution ended"),
        key("epss", Takes::Number(1.0), "0.5", "\"0.5\"", "how likely it is exploited, from 0 to 1"),
        key("exploited", Takes::Boolean, "true", "", "whether somebody was seen exploiting it"),
        key(
            "fingerprint",
            Takes::Source,
            "\"0123456789abcdef0123456789abcdef\"",
            "\"0123\"",
            "else one is made of rule, subject and place",
        ),
        key("fixable", Takes::Boolean, "true", "", "whether a known action mends it"),
        key("ids", Takes::Sources, "[\"CVE-2024-3094\", \"GHSA-rxwq-x6h5-x525\"]", "[]", "ids of the flaw"),
        key(
            "origin",
            Takes::Word(&["app", "base", "unknown"]),
            "\"base\"",
            "\"mine\"",
            "whose the layer is; needs `path` or `purl`, since what is in no layer has none. Else `unknown`",
        ),
        key(
            "path",
            Takes::Source,
            "\"/app/.env\"",
            "\"\"",
            "the file; `config` for the configuration, which need not be said where all findings of the rule lie there",
        ),
        key("published", Takes::Day, "2026-05-01", "\"soon\"", "day on which the flaw was published"),
        key("purl", Takes::Source, "\"pkg:npm/left@1.0.0\"", "\"left\"", "the package"),
        key("rule", Takes::Source, "\"image/root-user\"", "\"image/rot-user\"", "required: the whole id"),
        key("severity", Takes::Word(SEVERITIES), "\"high\"", "\"hihg\"", "else that of the rule"),
        key(
            "subject",
            Takes::Source,
            "\"CVE-2024-3094\"",
            "\"\"",
            "what it is about, such as the id of a flaw; else the first of `ids`, the path, or the package",
        ),
        key(
            "visibility",
            Takes::Word(VISIBILITIES),
            "\"deleted\"",
            "\"gone\"",
            "whether a container sees it; else `live`",
        ),
    ],
};

/// The image of a case.
pub static IMAGE: Table = Table {
    name: "[test.image]",
    about: "The image of a case",
    keys: &[
        key("base", Takes::Source, "\"docker.io/library/debian:13\"", "\"\"", "name of its base"),
        key("base-created", Takes::Day, "2026-05-01", "\"soon\"", "day on which the base was made"),
        key(
            "base-digest",
            Takes::Source,
            "\"sha256:abababababababababababababababababababababababababababababababab\"",
            "\"\"",
            "digest of its base",
        ),
        key("created", Takes::Day, "2026-05-01", "\"soon\"", "day on which it was made"),
        key("data-age", Takes::Time, "\"3d\"", "\"old\"", "age of the advisories that it was compared with"),
        key("healthcheck", Takes::Boolean, "true", "", "whether it has a health check"),
        key("labels", Takes::Texts, "{ version = \"1.4\" }", "{ version = 1 }", "its labels"),
        key("layers", Takes::Count, "12", "-1", "how many layers it has"),
        key("packages", Takes::Tables(&PACKAGE), "[{ purl = \"pkg:npm/left@1.0.0\" }]", "[{}]", "its packages"),
        key("platform", Takes::Source, "\"linux/amd64\"", "\"\"", "`os/architecture[/variant]`"),
        key("ports", Takes::Sources, "\"80/tcp\"", "[]", "ports that it exposes"),
        key("provenance", Takes::Boolean, "true", "", "whether a statement of how it was built is attached"),
        key("reference", Takes::Source, "\"registry.example/shop/api:1.4\"", "\"\"", "as it is named"),
        key("sbom", Takes::Boolean, "true", "", "whether a bill of materials is attached"),
        key("shipped-size", Takes::Bytes, "\"90 MB\"", "\"some\"", "bytes of the files in all layers"),
        key("signature", Takes::Boolean, "true", "", "whether a signature is attached"),
        key("size", Takes::Bytes, "\"100 MB\"", "\"5 stone\"", "bytes of all layers"),
        key("stop-signal", Takes::Source, "\"SIGTERM\"", "\"\"", "signal that stops it"),
        key("stored-size", Takes::Bytes, "\"40 MB\"", "\"some\"", "bytes of all layers as they are stored"),
        key("tags", Takes::Sources, "\"shop/api:1.4\"", "[]", "names that an archive gives it"),
        key("user", Takes::Source, "\"65532\"", "1", "`USER`, as written; empty for none"),
        key("visible-size", Takes::Bytes, "\"80 MB\"", "\"some\"", "bytes of the files that a container sees"),
        key("working-dir", Takes::Source, "\"/app\"", "\"\"", "where it starts"),
    ],
};

/// A package of such an image.
pub static PACKAGE: Table = Table {
    name: "[[test.image.packages]]",
    about: "A package of the image of a case",
    keys: &[
        key("licence", Takes::Source, "\"MIT\"", "\"\"", "its licence, as the package declares it"),
        key("purl", Takes::Source, "\"pkg:npm/left@1.0.0\"", "\"left\"", "required: its package URL"),
    ],
};

/// What must come of a case.
pub static EXPECT: Table = Table {
    name: "[test.expect]",
    about: "What must come of a case",
    keys: &[
        key(
            "exact",
            Takes::Boolean,
            "true",
            "",
            "`true`: nothing that is not named may fail, warn, be ignored or be waived; nor be shown, where `info` is given",
        ),
        key("fail", Takes::Sources, "\"image/root-user\"", "\"image/rot-user\"", "findings that fail"),
        key("ignore", Takes::Sources, "\"secret/*\"", "\"scret/*\"", "findings that are ignored"),
        key("info", Takes::Sources, "\"CVE-2024-3094\"", "\"image/rot-user\"", "findings that are shown only"),
        key("outcome", Takes::Word(&["failed", "incomplete", "passed"]), "\"passed\"", "\"fine\"", "the outcome"),
        key("waived", Takes::Sources, "\"image/root-user *\"", "\"image/rot-user *\"", "findings that waivers accept"),
        key("warn", Takes::Sources, "\"0123456789abcdef0123456789abcdef\"", "\"0123\"", "findings that are warned of"),
    ],
};
