//! Layers, waste, bases and diffs as the binary tells them, on images built from recipes.

use serde_json::{Value, json};

use crate::support::image::{Built, Packing, Recipe};
use crate::support::raw::RawTar;
use crate::support::run::{TODAY, careen, file_of};
use crate::support::token;

/// An image whose layers do all that layers can do to files.
const RECIPE: &str = r#"
about = "every cause of waste"
config = { User = "1000", Env = ["PATH=/usr/bin:/bin"] }
history = [
    { created_by = "/bin/sh -c #(nop) ADD file:base in / ", created = "2026-01-01T00:00:00Z" },
    { created_by = "/bin/sh -c #(nop)  CMD [\"sh\"]", empty_layer = true },
    { created_by = "RUN /bin/sh -c make # buildkit" },
    { created_by = "RUN /bin/sh -c chmod 600 /opt/copied && rm -r /opt/gone # buildkit" },
]

[[layer]]
members = [
    { path = "bin/", directory = true },
    { path = "bin/tool", text = "tool" },
    { path = "bin/alias", hard_link = "bin/tool" },
    { path = "etc/motd", text = "welcome" },
    { path = "usr/share/doc/tool/README", text = "how to use it" },
]

[[layer]]
members = [
    { path = "opt/copied", zeros = 2000000 },
    { path = "opt/gone/a", text = "aaaa" },
    { path = "opt/gone/b", text = "bb" },
    { path = "opt/tool", text = "tool" },
    { path = "root/.cache/pip/x", text = "cached" },
    { path = "etc/motd", text = "hello there" },
]

[[layer]]
members = [
    { path = "opt/copied", zeros = 2000000, mode = 0o600 },
    { path = "opt/.wh.gone" },
    { path = "root/.cache/.wh.pip" },
]
"#;

fn recipe(text: &str) -> Built {
    toml::from_str::<Recipe>(text).unwrap().build()
}

fn json_of(arguments: &[&str]) -> Value {
    let run = careen(arguments);
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", run.stdout, run.stderr))
}

/// Digests of images hang on how the test's tar is written.
fn without_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown += "DIGEST";
        shown += part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    shown
}

#[test]
fn layers_are_shown_with_what_they_change_and_waste() {
    let file = file_of(&recipe(RECIPE).docker_archive());
    let run = careen(&["layers", file.path().to_str().unwrap(), "--waste"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let text = run.stdout.replace(file.path().to_str().unwrap(), "IMAGE");
    insta::assert_snapshot!(without_digests(&text));
}

#[test]
fn the_causes_add_up_to_what_is_shipped_less_what_is_visible() {
    for packing in [Packing::Plain, Packing::Gzip] {
        let file = file_of(&recipe(RECIPE).oci_archive(packing));
        let layers = json_of(&["history", file.path().to_str().unwrap(), "--json"]);
        let waste = &layers["waste"];
        let bytes = |value: &Value| value["bytes"].as_u64().unwrap();
        let causes: u64 = waste["by_cause"].as_object().unwrap().values().map(bytes).sum();
        // tool, motd of 11 bytes, README, the second copy of `copied`, and `opt/tool`
        assert_eq!(bytes(&waste["visible"]), 4 + 11 + 13 + 2_000_000 + 4);
        assert_eq!(bytes(&waste["shipped"]) - bytes(&waste["visible"]), causes);
        assert_eq!(bytes(&waste["reclaimable"]), causes);
        assert_eq!(bytes(&waste["by_cause"]["deleted"]), 4 + 2 + 6);
        assert_eq!(bytes(&waste["by_cause"]["copied"]), 2_000_000);
        assert_eq!(bytes(&waste["by_cause"]["replaced"]), 7);
        assert_eq!(bytes(&waste["of_kind"]["package-cache"]), 6);
        assert_eq!(bytes(&waste["removable_by_kind"]["documentation"]), 13);
        assert_eq!(bytes(&waste["removable_by_kind"]["duplicate"]), 4);
        let of_layers: u64 = layers["steps"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|step| step["layer"]["waste"]["reclaimable"]["bytes"].as_u64())
            .sum();
        assert_eq!(of_layers, causes);
        let compressed = waste["reclaimable"]["compressed"].as_u64().unwrap();
        assert_eq!(compressed < 100_000, packing == Packing::Gzip, "{compressed}");
    }
}

#[test]
fn files_of_a_layer_and_of_a_path_are_listed() {
    let file = file_of(&recipe(RECIPE).docker_archive());
    let image = file.path().to_str().unwrap();
    let rows = |arguments: &[&str]| -> Vec<String> {
        let layers = json_of(&[&["layers", image, "--json"], arguments].concat());
        let row = |row: &Value| {
            let change = row["change"].as_str().unwrap_or("-");
            format!("{change} {} {} {}", row["path"].as_str().unwrap(), row["kind"].as_str().unwrap(), row["size"])
        };
        layers["files"].as_array().unwrap().iter().map(row).collect()
    };
    assert_eq!(
        rows(&["--layer", "2"]),
        [
            "changed /opt/copied file 2000000",
            "removed /opt/gone/a file 4",
            "removed /opt/gone/b file 2",
            "removed /root/.cache/pip/x file 6",
        ]
    );
    assert_eq!(rows(&["--path", "bin/**"]), ["- /bin/alias file 4", "- /bin/tool hard-link 0"]);
    let wrong = careen(&["layers", image, "--layer", "3"]);
    assert_eq!((wrong.code, wrong.stderr.contains("the image has 3")), (2, true), "{}", wrong.stderr);
}

#[test]
fn rules_of_dive_are_a_gate() {
    let file = file_of(&recipe(RECIPE).docker_archive());
    let image = file.path().to_str().unwrap();
    let cases = [("lowestEfficiency: 0.1", 1), ("highestUserWastedPercent: 1.0\n  lowestEfficiency: 0.1", 0)];
    for (rules, code) in cases {
        let rules = file_of(format!("rules:\n  {rules}\n").as_bytes());
        let run = careen(&["layers", image, "--dive-ci", rules.path().to_str().unwrap()]);
        assert_eq!(run.code, code, "{}", run.stdout);
    }
    let none = careen(&["layers", image, "--dive-ci", "/no/such/file"]);
    assert_eq!(none.code, 2, "{}", none.stderr);
}

/// An image on top of another, whose history tells nothing.
fn on_top() -> (Built, Built) {
    let layers = [
        RawTar::default().file("etc/os-release", "ID=debian\n").file("srv/.git/HEAD", "ref: x\n").end(),
        RawTar::default().file("app/.git/HEAD", "ref: y\n").end(),
    ];
    (Built::of(&layers[..1]), Built::of(&layers))
}

#[test]
fn a_named_base_tells_whose_a_finding_is() {
    let (base, image) = on_top();
    let other = Built::of(&[RawTar::default().file("x", "x").end()]);
    let [base, image, other] = [base, image, other].map(|built| file_of(&built.oci_archive(Packing::Gzip)));
    let image = image.path().to_str().unwrap();
    let policy =
        file_of(b"edition = '2026'\nscope = 'app'\n[[rule]]\nmatch = { rule = 'layer/leftover' }\naction = 'fail'\n");
    let scan = |more: &[&str]| {
        let common = ["scan", image, "--today", TODAY, "-f", "json", "--no-advisories"];
        json_of(&[&common[..], &["-p", policy.path().to_str().unwrap()], more].concat())
    };
    let told = |report: &Value| -> Vec<String> {
        let findings = report["findings"].as_array().unwrap().iter();
        let leftovers = findings.filter(|finding| finding["rule"] == "layer/leftover");
        let tell = |finding: &Value| {
            let word = |key: &str| finding[key].as_str().unwrap().to_owned();
            format!("{} {} {}", word("subject"), word("origin"), word("action"))
        };
        let mut told: Vec<String> = leftovers.map(tell).collect();
        told.sort();
        told
    };
    let unknown = scan(&[]);
    assert_eq!(told(&unknown), ["/app/.git unknown fail", "/srv/.git unknown fail"]);
    let known = scan(&["--base", base.path().to_str().unwrap()]);
    assert_eq!(told(&known), ["/app/.git app fail", "/srv/.git base info"]);
    assert_eq!(known["target"]["base"]["confidence"], json!("high"));
    assert_eq!(
        (&known["target"]["base"]["layers"], &known["target"]["base"]["told_by"]),
        (&json!(1), &json!("layers"))
    );
    let foreign = scan(&["--base", other.path().to_str().unwrap()]);
    assert!(foreign["target"]["base"]["note"].as_str().unwrap().contains("share no layer"), "{foreign}");
    assert_eq!(told(&foreign), told(&unknown));
    let missing = careen(&["scan", image, "--base", "/no/such/file.tar"]);
    assert_eq!((missing.code, missing.stderr.contains("--base")), (2, true), "{}", missing.stderr);
    // the chain ID that `layers` tells names the base in a configuration
    let layers = json_of(&["layers", image, "--json"]);
    let chain = layers["steps"][0]["layer"]["chain_id"].as_str().unwrap();
    let config = file_of(format!("[bases]\n\"{chain}\" = \"golden:1\"\n").as_bytes());
    let known = scan(&["--config", config.path().to_str().unwrap()]);
    assert_eq!(told(&known), ["/app/.git app fail", "/srv/.git base info"]);
    assert_eq!(known["target"]["base"]["name"], json!("golden:1"));
}

/// Rule, subject and origin of the findings of a report that are of these rules, sorted.
fn origins(report: &Value, rules: &[&str]) -> Vec<String> {
    let findings = report["findings"].as_array().unwrap().iter();
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap().to_owned();
    let told = findings.filter(|finding| rules.contains(&finding["rule"].as_str().unwrap()));
    let mut told: Vec<String> =
        told.map(|finding| ["rule", "subject", "origin"].map(|key| word(finding, key)).join(" ")).collect();
    told.sort();
    told
}

#[test]
fn settings_that_the_base_has_too_are_its_own() {
    let layers =
        [RawTar::default().file("etc/os-release", "ID=debian\n").end(), RawTar::default().file("srv/app", "x\n").end()];
    let build = |config: Value, history: Value, layers: &[Vec<u8>]| {
        let history = history.as_array().unwrap().clone();
        file_of(&Built::new(&Recipe { config, history, ..Recipe::default() }, layers).oci_archive(Packing::Gzip))
    };
    let ports = |more: &[&str]| {
        let all = ["22/tcp"].iter().chain(more).map(|port| ((*port).to_owned(), json!({})));
        Value::Object(all.collect())
    };
    let below = json!([{"created_by": "ADD rootfs"}, {"created_by": "ARG A_PASSWORD=x", "empty_layer": true}]);
    let base = build(
        json!({"User": "root", "Env": ["PATH=.:/bin", "NODE_TLS_REJECT_UNAUTHORIZED=0"], "ExposedPorts": ports(&[])}),
        below.clone(),
        &layers[..1],
    );
    let steps = [below.as_array().unwrap().as_slice(), &[json!({"created_by": "COPY app /srv/app"})]].concat();
    let image = build(
        json!({"User": "root", "Env": ["PATH=.:/bin:/usr/bin", "NODE_TLS_REJECT_UNAUTHORIZED=0"], "ExposedPorts": ports(&["80/tcp"])}),
        Value::Array(steps),
        &layers,
    );
    let (base, image) = (base.path().to_str().unwrap(), image.path().to_str().unwrap());
    let rules = ["image/root-user", "image/ssh-port", "image/unsafe-path", "image/unverified-tls"];
    let common = ["scan", image, "--today", TODAY, "-f", "json", "--no-advisories"];
    let unknown = origins(&json_of(&common), &rules);
    assert!(unknown.len() >= 4 && unknown.iter().all(|told| told.ends_with(" unknown")), "{unknown:?}");
    let known = json_of(&[&common[..], &["--base", base]].concat());
    assert_eq!(
        origins(&known, &rules),
        [
            "image/root-user User base",
            "image/ssh-port 22 base",
            "image/unsafe-path PATH . app",
            "image/unverified-tls node_tls_reject_unauthorized base",
        ]
    );
}

#[test]
fn copies_are_told_by_what_they_hold() {
    // of one size and time, so that only the content tells
    let content = |sign: &str| sign.repeat(2 << 20);
    let layers = |upper: &str| {
        [
            RawTar::default().file("srv/model", content("a").as_str()).end(),
            RawTar::default().file("srv/model", content(upper).as_str()).end(),
        ]
    };
    let told = |upper: &str, packing: Packing| {
        let file = file_of(&Built::of(&layers(upper)).oci_archive(packing));
        let report =
            json_of(&["scan", file.path().to_str().unwrap(), "--today", TODAY, "-f", "json", "--no-advisories"]);
        let findings = report["findings"].as_array().unwrap().clone();
        let of = |rule: &str| findings.iter().find(|finding| finding["rule"] == rule).cloned().unwrap_or_default();
        let copied = of("layer/wasted-space")["evidence"]["copied_bytes"].clone();
        (copied, of("layer/second-copy")["confidence"].clone())
    };
    for packing in [Packing::Plain, Packing::Gzip] {
        assert_eq!(told("a", packing), (json!(2 << 20), json!("high")));
        assert_eq!(told("b", packing), (json!(0), Value::Null));
    }
}

/// Two versions of an image.
fn versions() -> [Built; 2] {
    let status = |version: &str| {
        format!("Package: curl\nStatus: install ok installed\nVersion: {version}\nArchitecture: amd64\n\n")
    };
    let build = |version: &str, user: &str, more: &[(&str, &str)]| {
        let mut layer = RawTar::default()
            .file("etc/os-release", "ID=debian\nVERSION_ID=12\n")
            .file("var/lib/dpkg/status", status(version))
            .file("srv/.git/HEAD", "ref: x\n");
        for (path, text) in more {
            layer = layer.file(path, *text);
        }
        let recipe = Recipe { config: json!({"User": user}), ..Recipe::default() };
        Built::new(&recipe, &[layer.end()])
    };
    [
        build("7.88.1-10", "1000", &[("app/old", "1")]),
        build("7.88.1-11", "0", &[("app/new", "22"), ("app/.svn/x", "y")]),
    ]
}

#[test]
fn what_has_become_graver_is_new() {
    let build = |more: &[&str]| {
        let sudoers = "app ALL=(ALL) NOPASSWD: ALL\n";
        let layer = RawTar::default().file("etc/os-release", "ID=debian\nVERSION_ID=12\n").file("etc/sudoers", sudoers);
        let layer = more.iter().fold(layer, |layer, path| layer.file(path, "x"));
        file_of(&Built::new(&Recipe::default(), &[layer.end()]).docker_archive())
    };
    let (before, after) = (build(&[]), build(&["usr/bin/sudo"]));
    let (before, after) = (before.path().to_str().unwrap(), after.path().to_str().unwrap());
    let common = ["--today", TODAY, "--no-advisories", "-f", "json"];
    let new = |first: &str, second: &str| -> Vec<String> {
        let diff = json_of(&[&["diff", first, second], &common[..]].concat());
        let new = diff["findings"]["new"].as_array().unwrap().iter();
        new.map(|finding| finding["rule"].as_str().unwrap().to_owned()).collect()
    };
    assert!(new(before, after).contains(&"image/sudo-without-password".to_owned()), "{:?}", new(before, after));
    assert!(!new(after, before).contains(&"image/sudo-without-password".to_owned()));
}

#[test]
fn a_diff_tells_what_is_new_gone_and_the_same() {
    let [before, after] = versions().map(|built| file_of(&built.docker_archive()));
    let (before, after) = (before.path().to_str().unwrap(), after.path().to_str().unwrap());
    let common = ["diff", before, after, "--today", TODAY, "--no-advisories"];
    let diff = json_of(&[&common[..], &["-f", "json"]].concat());
    let list = |side: &str| -> Vec<String> {
        let findings = diff["findings"][side].as_array().unwrap().iter();
        findings
            .map(|finding| format!("{} {}", finding["rule"].as_str().unwrap(), finding["subject"].as_str().unwrap()))
            .collect()
    };
    assert!(list("new").contains(&"layer/leftover /app/.svn".to_owned()), "{diff}");
    assert!(list("new").iter().any(|finding| finding.starts_with("image/root-user")), "{diff}");
    assert!(diff["findings"]["same"].as_u64().unwrap() > 0);
    assert_eq!(
        diff["packages"],
        json!([{"package": "pkg:deb/debian/curl", "before": ["7.88.1-10"], "after": ["7.88.1-11"]}])
    );
    assert_eq!(diff["settings"], json!([{"key": "User", "before": "1000", "after": "0"}]));
    let files: Vec<String> = diff["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|file| format!("{} {}", file["change"].as_str().unwrap(), file["path"].as_str().unwrap()))
        .collect();
    assert_eq!(files, ["added /app/.svn/x", "added /app/new", "removed /app/old", "content /var/lib/dpkg/status"]);
    let same = json_of(&["diff", before, before, "--today", TODAY, "--no-advisories", "-f", "json"]);
    assert_eq!((&same["findings"]["new"], &same["files"], &same["packages"]), (&json!([]), &json!([]), &json!([])));
    for (more, code) in [
        (&[][..], 0),
        (&["--fail-on", "new"], 1),
        (&["--fail-on", "new:critical"], 0),
        (&["--fail-on", "new:low"], 1),
        (&["--fail-on", "old"], 2),
    ] {
        let run = careen(&[&common[..], more].concat());
        assert_eq!(run.code, code, "{more:?}: {}{}", run.stdout, run.stderr);
    }
    let backwards = careen(&["diff", after, before, "--today", TODAY, "--no-advisories", "--fail-on", "new:low"]);
    assert_eq!(backwards.code, 0, "{}", backwards.stdout);
}

#[test]
fn a_diff_is_written_as_text_and_as_markdown() {
    let [before, after] = versions().map(|built| file_of(&built.docker_archive()));
    let (before, after) = (before.path().to_str().unwrap(), after.path().to_str().unwrap());
    for format in ["text", "markdown"] {
        let run = careen(&["diff", before, after, "--today", TODAY, "--no-advisories", "-f", format]);
        // Markdown has its own spelling of what would mark up
        let escaped = |path: &str| path.replace('_', "\\_");
        let text = run.stdout.replace(before, "BEFORE").replace(after, "AFTER");
        let text = text.replace(&escaped(before), "BEFORE").replace(&escaped(after), "AFTER");
        insta::assert_snapshot!(format!("diff-{format}"), without_digests(&text));
    }
}

#[test]
fn no_secret_is_written() {
    let image = |number: u32| {
        let token = token::github(number);
        let layer = RawTar::default().file("app/.env", format!("token={token}\n")).file(format!("srv/{token}/x"), "x");
        let recipe = Recipe {
            config: json!({"Env": [format!("GITHUB_TOKEN={token}")], "Labels": {"build": format!("by {token}")}}),
            history: vec![json!({"created_by": format!("RUN curl -H 'Authorization: token {token}' x.example")})],
            annotations: [("org.opencontainers.image.base.name".to_owned(), format!("base:{token}"))].into(),
            ..Recipe::default()
        };
        (token, file_of(&Built::new(&recipe, &[layer.end()]).oci_archive(Packing::Plain)))
    };
    let ((one, first), (other, second)) = (image(1), image(2));
    let (first, second) = (first.path().to_str().unwrap(), second.path().to_str().unwrap());
    let common = ["--today", TODAY, "--no-advisories"];
    let runs = [
        careen(&["layers", first, "--files", "--depth", "9"]),
        careen(&["layers", first, "--json", "--layer", "0"]),
        careen(&[&["diff", first, second, "-v"], &common[..]].concat()),
        careen(&[&["diff", first, second, "-f", "json"], &common[..]].concat()),
        careen(&[&["diff", first, second, "-f", "markdown", "-v"], &common[..]].concat()),
    ];
    for run in runs {
        assert!(run.stdout.contains(".env"), "{}{}", run.stdout, run.stderr);
        for token in [&one, &other] {
            assert!(!run.stdout.contains(token.as_str()) && !run.stderr.contains(token.as_str()), "{}", run.stdout);
        }
    }
    let settings = json_of(&[&["diff", first, second, "-f", "json"], &common[..]].concat())["settings"].clone();
    assert_eq!(settings.as_array().map(Vec::len), Some(2), "masked alike, they differ all the same: {settings}");
}
