//! A value that is taken out in one place and stays in another: the plan says so, and the image is fixed as far as it can be.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::image::{Built, Member, Packing, Recipe, tar_of};
use crate::support::layout::{INDEX, Layout, MANIFEST};
use crate::support::registry::Registry;
use crate::support::run::{Run, TODAY, careen};
use crate::support::token;

/// An image of these layers, each with names and texts, and this configuration.
fn image(config: &Value, history: &[String], layers: &[&[(&str, &str)]]) -> Built {
    let mut recipe: Recipe = toml::from_str("about = \"secrets in several places\"\n").unwrap();
    recipe.config = config.clone();
    recipe.history = history.iter().map(|step| json!({"created_by": step})).collect();
    let texts: Vec<Vec<u8>> = layers.iter().map(|members| tar(members)).collect();
    Built::new(&recipe, &texts)
}

fn tar(members: &[(&str, &str)]) -> Vec<u8> {
    let member = |(path, text): &(&str, &str)| -> Member {
        let member = toml::from_str::<Member>(&format!("path = {path:?}")).unwrap();
        Member { text: Some((*text).to_owned()), ..member }
    };
    tar_of(&members.iter().map(member).collect::<Vec<_>>())
}

/// How a fix ended, what it says, and the bytes of its output.
struct Fixed {
    run: Run,
    said: Value,
    bytes: Vec<u8>,
}

impl Fixed {
    /// `layer path of rule` of each place that keeps a value.
    fn remains(&self) -> Vec<String> {
        let remains = self.said["plan"]["images"][0]["remains"].as_array().unwrap();
        let line = |one: &Value| {
            let of: Vec<&str> = one["of"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
            let layer = one["layer"].as_u64().map_or_else(|| "-".to_owned(), |layer| layer.to_string());
            let rule = one["rule"].as_str().unwrap_or("unknown");
            format!("{layer} {} of {}: {rule}", one["path"].as_str().unwrap(), of.join(" "))
        };
        remains.iter().map(line).collect()
    }

    fn reason(&self, place: usize) -> &str {
        self.said["plan"]["images"][0]["remains"][place]["reason"].as_str().unwrap()
    }

    /// How often a text stands in the output, whose layers are not compressed.
    fn count(&self, text: &str) -> usize {
        self.bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
    }
}

fn fixed(image: &Built, flags: &[&str]) -> Fixed {
    fixed_of(&image.oci_archive(Packing::Plain), flags)
}

/// The same of an image in a layout in a tar.
fn fixed_of(archive: &[u8], flags: &[&str]) -> Fixed {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("in.tar"), archive).unwrap();
    let output = format!("oci-archive:{}", path("out.tar"));
    let arguments = ["fix", "--today", TODAY, "--no-progress", "-f", "json", "--only", "secrets"];
    let source = path("in.tar");
    let run = careen(&[&arguments[..], &[&source, "-o", &output], flags].concat());
    let bytes = std::fs::read(path("out.tar")).unwrap_or_default();
    let said = serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {run:?}"));
    Fixed { run, said, bytes }
}

/// A value that no rule knows by its form.
fn word() -> String {
    ["kQ7vT2", "xwZm9", "Lp4"].concat()
}

#[test]
fn what_can_be_mended_is_and_what_stays_is_told() {
    let secret = token::github(3);
    let config = json!({"Env": [format!("API_TOKEN={secret}")], "Cmd": ["run", "--token", &secret]});
    let history = [format!("ARG API_TOKEN={secret}"), "RUN make".to_owned()];
    let built = image(&config, &history, &[&[("srv/a", "a")], &[("srv/b", "b")]]);
    let safe = fixed(&built, &[]);
    assert_eq!(safe.run.code, 1, "{:?}", safe.run);
    let id = "secret-settings-2";
    assert_eq!(
        safe.remains(),
        [format!("- /config/Cmd/2 of {id}: secret/github-pat"), format!("- /config/Env/0 of {id}: secret/github-pat")]
    );
    assert!(safe.reason(0).contains("is what the image runs"), "{}", safe.reason(0));
    assert!(safe.reason(1).contains("waits for a look"), "{}", safe.reason(1));
    assert_eq!(safe.count(&secret), 2);
    let all = fixed(&built, &["--yes"]);
    assert_eq!(all.run.code, 1, "{:?}", all.run);
    assert_eq!(all.remains(), [format!("- /config/Cmd/2 of secret-settings-1 {id}: secret/github-pat")]);
    assert_eq!(all.count(&secret), 1);
    assert!(!all.run.stdout.contains(&secret) && !all.run.stderr.contains(&secret));
    let quiet = fixed(&built, &["--yes", "--no-fail"]);
    assert_eq!((quiet.run.code, quiet.bytes == all.bytes), (0, true));
}

#[test]
fn a_value_that_two_settings_hold_goes_from_one_and_is_told_of_the_other() {
    let secret = token::github(8);
    let env = || json!([format!("API_TOKEN={secret}")]);
    let labels = json!({(secret.as_str()): "x", "b.token": &secret});
    let cases = [
        (json!({"Env": env(), "WorkingDir": format!("/srv/{secret}")}), "- /config/WorkingDir"),
        (json!({"Env": env(), "User": &secret}), "- /config/User"),
        (json!({"Env": env(), "Volumes": {format!("/{secret}"): {}}}), "- /config/Volumes/(a name that holds it)"),
        (json!({"Env": env(), "Labels": {secret.as_str(): "x"}}), "- /config/Labels/(a name that holds it)"),
        (json!({"Labels": labels}), "- /config/Labels/(a name that holds it)"),
        (json!({"Env": env(), "StopSignal": &secret}), "- /config/StopSignal"),
    ];
    for (config, place) in cases {
        let built = image(&config, &[], &[&[("srv/a", "a")]]);
        let made = fixed(&built, &["--yes"]);
        assert_eq!(made.run.code, 1, "{:?}", made.run);
        let remains = made.remains();
        assert!(
            remains.len() == 1 && remains[0].starts_with(&format!("{place} of secret-settings-1: ")),
            "{remains:?}"
        );
        assert_eq!(made.count(&secret), 1, "{place}");
        assert!(!made.run.stdout.contains(&secret) && !made.run.stderr.contains(&secret));
        // what a flag asks for leaves other settings as they are
        let labelled = fixed(&built, &["--set-label", "a=b"]);
        assert_eq!(labelled.run.code, 1, "{:?}", labelled.run);
    }
}

#[test]
fn a_value_that_no_rule_knows_elsewhere_is_found_there() {
    let word = word();
    let env = format!("DB_PASSWORD={word}\n");
    let note = format!("the word is {word}, keep it\n");
    let layers: [&[(&str, &str)]; 2] =
        [&[("srv/.env", &env), ("opt/note", &note)], &[("srv/.wh..env", ""), ("usr/lib/x", "x")]];
    let built = image(&json!({"Cmd": ["run"]}), &[], &layers);
    let made = fixed(&built, &[]);
    assert_eq!(made.run.code, 1, "{:?}", made.run);
    assert_eq!(made.remains(), ["0 /opt/note of secrets-1: unknown"]);
    assert!(made.reason(0).contains("--remove"), "{}", made.reason(0));
    assert_eq!((made.count(&word), made.count("DB_PASSWORD")), (1, 0));
    let clean = fixed(&built, &["--remove", "/opt/note"]);
    assert_eq!((clean.run.code, clean.remains().len(), clean.count(&word)), (0, 0, 0), "{:?}", clean.run);
}

#[test]
fn values_in_archives_are_sought_too() {
    let word = word();
    let inner = String::from_utf8(tar(&[("conf/.env", &format!("DB_PASSWORD={word}\n"))])).unwrap();
    let outer = String::from_utf8(tar(&[("in.tar", &inner)])).unwrap();
    let note = format!("the word is {word}\n");
    let copy = String::from_utf8(tar(&[("note", &note)])).unwrap();
    for archive in [&inner, &outer] {
        let built = image(&json!({}), &[], &[&[("srv/a.tar", archive), ("opt/note", &note), ("opt/b.tar", &copy)]]);
        let made = fixed(&built, &["--yes"]);
        assert_eq!(made.run.code, 1, "{:?}", made.run);
        let places = ["/opt/b.tar", "/opt/b.tar!note", "/opt/note"];
        assert_eq!(made.remains(), places.map(|place| format!("0 {place} of secrets-1: unknown")));
        assert_eq!(made.count(&word), 2);
    }
}

#[test]
fn a_file_is_blanked_at_each_place_of_the_value() {
    let secret = token::github(4);
    let text = format!("TOKEN={secret}\nAGAIN={secret}\nlevel=info\n");
    let built = image(&json!({}), &[], &[&[("srv/.env", &text)]]);
    let made = fixed(&built, &["--yes", "--redact-in-place"]);
    assert_eq!((made.run.code, made.remains().len(), made.count(&secret)), (0, 0, 0), "{:?}", made.run);
    assert_eq!(made.count("level=info"), 1);
}

#[test]
fn a_text_of_the_user_that_stands_in_a_file_is_told() {
    let built = image(&json!({"Labels": {"note": "say opensesame"}}), &[], &[&[("opt/door", "opensesame\n")]]);
    let made = fixed(&built, &["--redact", "opensesame"]);
    assert_eq!(
        (made.run.code, made.remains()),
        (1, vec!["0 /opt/door of redact-1: unknown".to_owned()]),
        "{:?}",
        made.run
    );
}

#[test]
fn an_annotation_with_a_secret_has_its_value_sought() {
    let secret = token::github(5);
    let mut recipe: Recipe = toml::from_str("about = \"an annotation\"\n").unwrap();
    recipe.annotations.insert("ci.token".into(), secret.clone());
    let note = format!("base64 is {}\n", "none");
    let built = Built::new(&recipe, &[tar(&[("opt/a", &note)])]);
    let made = fixed(&built, &[]);
    assert_eq!((made.run.code, made.count(&secret), made.remains().len()), (0, 0, 0), "{:?}", made.run);
    let edits = made.said["plan"]["images"][0]["actions"][0]["edits"].clone();
    assert_eq!(
        edits,
        json!([{"op": "remove-annotation", "key": "ci.token", "secrets": [{"offset": 0, "length": 40}]}])
    );
}

/// A plan with these actions approved and no others, applied.
fn applied(source: &str, out: &Path, plan: &Path, approved: &[&str]) -> Run {
    let mut text: Value = serde_json::from_str(&std::fs::read_to_string(plan).unwrap()).unwrap();
    for action in text["images"][0]["actions"].as_array_mut().unwrap() {
        action["approved"] = json!(approved.contains(&action["id"].as_str().unwrap()));
    }
    std::fs::write(plan, serde_json::to_vec(&text).unwrap()).unwrap();
    let (plan, output) = (plan.to_str().unwrap(), format!("oci-archive:{}", out.display()));
    careen(&[
        "fix",
        source,
        "--apply",
        plan,
        "-o",
        &output,
        "--today",
        TODAY,
        "--no-progress",
        "--no-fail",
        "-f",
        "json",
    ])
}

#[test]
fn a_part_of_a_plan_is_applied_whole_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let source = path("in.tar").to_str().unwrap().to_owned();
    let layers: [&[(&str, &str)]; 2] = [&[("srv/x/a", "old"), ("srv/b", "b")], &[("srv/x/a", "new")]];
    std::fs::write(&source, image(&json!({}), &[], &layers).oci_archive(Packing::Plain)).unwrap();
    let planned = |flags: &[&str]| {
        let plan = path("plan.json");
        let arguments = ["fix", &source, "--dry-run", "--today", TODAY, "--only", "caches", "--plan"];
        let run = careen(&[&arguments[..], &[plan.to_str().unwrap()], flags].concat());
        assert_eq!(run.code, 0, "{run:?}");
        plan
    };
    // the upper of two files goes: the lower one is hidden
    let plan = planned(&["--remove", "/srv/x/a"]);
    let run = applied(&source, &path("one.tar"), &plan, &["remove-2"]);
    assert_eq!(run.code, 0, "{run:?}");
    let said: Value = serde_json::from_str(&run.stdout).unwrap();
    let edits = said["plan"]["images"][0]["actions"][1]["edits"].as_array().unwrap();
    assert!(edits.contains(&json!({"op": "whiteout", "path": "srv/x/a"})), "{edits:?}");
    // another member than the plan has it
    let text = std::fs::read_to_string(&plan).unwrap().replace("\"member\":0,", "\"member\":70,");
    std::fs::write(&plan, text).unwrap();
    let run = applied(&source, &path("two.tar"), &plan, &["remove-1"]);
    assert!(run.code == 2 && run.stderr.contains("of another image"), "{run:?}");
    assert!(!path("two.tar").exists());
}

#[test]
fn a_folder_is_not_taken_out_by_halves() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("in.tar").to_str().unwrap().to_owned();
    let text = "about = \"x\"\n[[layer]]\nmembers = [{ path = \"srv/x/\", directory = true }, { path = \"srv/x/a\", text = \"a\" }]\n\
                [[layer]]\nmembers = [{ path = \"srv/x/\", directory = true }, { path = \"srv/x/b\", text = \"b\" }]\n";
    let built = toml::from_str::<Recipe>(text).unwrap().build();
    std::fs::write(&source, built.oci_archive(Packing::Plain)).unwrap();
    let plan = folder.path().join("plan.json");
    let to = plan.to_str().unwrap();
    let run = careen(&["fix", &source, "--dry-run", "--today", TODAY, "--remove", "/srv/x", "--plan", to]);
    assert_eq!(run.code, 0, "{run:?}");
    let out = folder.path().join("out.tar");
    let run = applied(&source, &out, &plan, &["remove-2"]);
    assert!(run.code == 2 && run.stderr.contains("`remove-1`, which is not approved"), "{run:?}");
    let run = applied(&source, &out, &plan, &["remove-1", "remove-2"]);
    assert_eq!(run.code, 0, "{run:?}");
}

#[test]
fn other_platforms_are_told_of_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let secret = token::github(6);
    let mut layout = Layout::new();
    let manifests: Vec<Value> = ["amd64", "arm64"]
        .iter()
        .map(|architecture| {
            let config = json!({"Env": [format!("API_TOKEN={secret}"), format!("ON={architecture}")]});
            let built = image(&config, &[], &[&[("srv/a", architecture)]]);
            let mut entry = built.put_into(&mut layout, Packing::Gzip);
            entry["platform"] = json!({"os": "linux", "architecture": architecture});
            entry
        })
        .collect();
    let index = layout.put_json(INDEX, &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}));
    layout.list(&[index]);
    let source = folder.path().join("in").to_str().unwrap().to_owned();
    layout.write_to(Path::new(&source));
    let fix = |out: &str, flags: &[&str]| {
        let output = format!("oci-dir:{}", folder.path().join(out).display());
        let arguments =
            ["fix", &source, "-o", &output, "--today", TODAY, "--no-progress", "--yes", "--only", "secrets"];
        careen(&[&arguments[..], flags].concat())
    };
    let one = fix("one", &["--platform", "linux/amd64"]);
    // what was written still holds the value that was taken out of the image that was asked for
    assert_eq!(one.code, 1, "{one:?}");
    for told in ["note: linux/arm64 stands beside it", "--platform all", "\n  linux/arm64, field config.Env\n"] {
        assert!(one.stdout.contains(told), "{told}: {one:?}");
    }
    let all = fix("all", &["--platform", "all"]);
    assert!(all.code == 0 && !all.stdout.contains("stands beside"), "{all:?}");
    // a folder is never written over, nor into
    for (out, what) in
        [("in", "the output is the input"), ("one", "is there already"), ("in/blobs/new", "in the folder of the input")]
    {
        let run = fix(out, &["--in-place", "--platform", "all"]);
        assert!(run.code == 2 && run.stderr.contains(what), "{out}: {run:?}");
    }
    assert_eq!(std::fs::read_dir(&source).unwrap().count(), 3, "nothing is left in the folder of the input");
}

#[test]
fn a_changed_image_gets_its_provenance() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let secret = token::github(7);
    let built = image(&json!({"Labels": {"token": secret}}), &[], &[&[("srv/a", "a")]]);
    std::fs::write(path("in.tar"), built.docker_archive()).unwrap();
    let fix = |from: &str, to: &str| {
        careen(&[
            "fix",
            from,
            "-o",
            to,
            "--today",
            TODAY,
            "--no-progress",
            "--only",
            "secrets",
            "--no-fail",
            "-f",
            "json",
        ])
    };
    let (source, once) = (path("in.tar"), format!("oci-dir:{}", path("once")));
    let run = fix(&source, &once);
    assert_eq!(run.code, 0, "{run:?}");
    let said: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(said["provenance"], json!(path("once.provenance.json")));
    let statement: Value = serde_json::from_slice(&std::fs::read(path("once.provenance.json")).unwrap()).unwrap();
    let of = |digest: &Value| digest.as_str().unwrap().trim_start_matches("sha256:").to_owned();
    assert_eq!(statement["subject"][0]["digest"]["sha256"], json!(of(&said["images"][0]["after"]["manifest"])));
    let inputs = &statement["predicate"]["buildDefinition"]["resolvedDependencies"];
    assert_eq!(inputs[0]["digest"]["sha256"], json!(of(&said["images"][0]["before"]["config"])));
    assert_eq!(inputs[0]["uri"], "docker-archive:in.tar");
    assert!(!statement.to_string().contains(folder.path().to_str().unwrap()), "{statement}");
    let run = fix(&once, &format!("oci-dir:{}", path("twice")));
    assert_eq!(run.code, 0, "{run:?}");
    assert_eq!(serde_json::from_str::<Value>(&run.stdout).unwrap()["provenance"], Value::Null);
    assert!(!Path::new(&path("twice.provenance.json")).exists());
}

#[test]
fn a_pushed_image_has_its_provenance_attached() {
    for lists_referrers in [true, false] {
        let registry = Registry::start(lists_referrers);
        let folder = tempfile::tempdir().unwrap();
        let source = folder.path().join("in.tar");
        let secret = token::github(8);
        let built = image(&json!({"Labels": {"token": secret}}), &[], &[&[("srv/a", "a")]]);
        std::fs::write(&source, built.oci_archive(Packing::Gzip)).unwrap();
        let (source, output) = (source.to_str().unwrap(), registry.reference("shop/api:2"));
        let flags = ["--today", TODAY, "--no-progress", "--only", "secrets", "--no-fail", "-f", "json"];
        let run = careen(&[&["fix", source, "-o", &output], &flags[..]].concat());
        assert_eq!(run.code, 0, "{run:?}");
        let said: Value = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!((&said["provenance"], &said["notices"]), (&json!("attached"), &json!([])));
        let digest = said["images"][0]["after"]["manifest"].as_str().unwrap().to_owned();
        let kind = "application/vnd.in-toto+json";
        let attached: Vec<Value> = {
            let kept = registry.kept.lock().unwrap();
            let manifests = kept.manifests.iter().filter(|(name, _)| name.starts_with("sha256:"));
            let parsed = manifests.map(|(_, (_, bytes))| serde_json::from_slice::<Value>(bytes).unwrap());
            parsed.filter(|manifest| manifest["artifactType"] == kind && manifest["subject"].is_object()).collect()
        };
        assert_eq!(attached.len(), 1, "{attached:?}");
        assert_eq!(attached[0]["subject"]["digest"], json!(digest));
        let layer = &attached[0]["layers"][0];
        assert_eq!((&layer["mediaType"], attached[0]["layers"].as_array().unwrap().len()), (&json!(kind), 1));
        let statement: Value = {
            let kept = registry.kept.lock().unwrap();
            serde_json::from_slice(&kept.blobs[layer["digest"].as_str().unwrap()]).unwrap()
        };
        assert_eq!(statement["predicateType"], "https://slsa.dev/provenance/v1");
        assert_eq!(statement["subject"][0]["digest"]["sha256"], json!(digest.trim_start_matches("sha256:")));
        if !lists_referrers {
            let list = registry.manifest(&digest.replace(':', "-"));
            assert_eq!(list["manifests"][0]["artifactType"], kind);
        }
        // the tag comes last of all
        let puts: Vec<String> =
            registry.server.seen().into_iter().filter(|seen| seen.method == "PUT").map(|seen| seen.path).collect();
        assert!(puts.last().unwrap().ends_with("/manifests/2"), "{puts:?}");
        // a scan that is asked to look for what is attached finds it
        let scanned =
            careen(&["scan", &output, "--signatures", "--today", TODAY, "--no-progress", "-f", "json", "--no-fail"]);
        assert!(!scanned.stdout.contains("image/no-provenance"), "{scanned:?}");
    }
}

/// An image of one layer with a secret in a file, in a layout in a tar; `more` stands in its manifest as it is written here.
fn with_manifest(built: &Built, more: &str) -> Vec<u8> {
    let mut layout = Layout::new();
    let entry = built.put_into(&mut layout, Packing::Plain);
    let digest: careen::digest::Digest = entry["digest"].as_str().unwrap().parse().unwrap();
    let manifest = layout.blob(&digest).to_vec();
    layout.remove(&entry);
    let text = String::from_utf8(manifest).unwrap().replacen('{', &format!("{{{more},"), 1);
    let mut entry = layout.put(MANIFEST, text.into_bytes());
    entry["annotations"] = json!({"org.opencontainers.image.ref.name": "latest"});
    layout.list(&[entry]);
    layout.archive()
}

#[test]
fn documents_are_searched_as_they_are_read_and_as_they_are_stored() {
    let secret = token::github(3);
    let env = format!("GITHUB_TOKEN={secret}\n");
    let built = image(&json!({"Cmd": ["run"]}), &[], &[&[("srv/.env", &env), ("srv/a", "a")]]);
    let escaped = secret.replacen("ghp", "gh\\u0070", 1);
    for (more, expected) in [
        (format!("\"x\":\"{escaped}\""), "field x"),
        (format!("\"annotations\":{{\"q\":\"{secret}\",\"q\":\"clean\"}}"), "a key that stands twice"),
        ("\"x\":\"clean\"".to_owned(), ""),
    ] {
        let fixed = fixed_of(&with_manifest(&built, &more), &["--yes"]);
        let remains = fixed.remains();
        let places: Vec<&str> =
            remains.iter().filter_map(|line| line.strip_prefix("- ")?.split(" of ").next()).collect();
        assert_eq!((fixed.run.code, places.concat()), (i32::from(!expected.is_empty()), expected.to_owned()), "{more}");
        assert_eq!(fixed.count(&secret), usize::from(expected.starts_with('a')), "{more}");
    }
}

#[test]
fn a_layer_that_is_not_what_the_image_says_is_not_written_anew() {
    let secret = token::github(3);
    let env = format!("GITHUB_TOKEN={secret}\n");
    let mut built = image(&json!({"Cmd": ["run"]}), &[], &[&[("srv/a", "a")], &[("srv/.env", &env)]]);
    let mut config: Value = serde_json::from_slice(&built.config).unwrap();
    for wrong in [0, 1] {
        let right = config["rootfs"]["diff_ids"][wrong].take();
        config["rootfs"]["diff_ids"][wrong] = json!(format!("sha256:{}", "1".repeat(64)));
        built.config = serde_json::to_vec(&config).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        std::fs::write(path("in.tar"), built.oci_archive(Packing::Plain)).unwrap();
        let output = format!("oci-archive:{}", path("out.tar"));
        for last in [["-o", output.as_str()], ["--dry-run", "--yes"]] {
            let input = path("in.tar");
            let run = careen(&[&["fix", &input, "--today", TODAY, "--no-progress"][..], &last].concat());
            assert!(run.code == 4 && run.stderr.contains("what is damaged is not written anew"), "{wrong}: {run:?}");
        }
        assert!(!Path::new(&path("out.tar")).exists());
        config["rootfs"]["diff_ids"][wrong] = right;
    }
}

#[test]
fn a_text_of_a_time_is_not_redacted() {
    let mut recipe: Recipe = toml::from_str("about = \"a time\"\n").unwrap();
    recipe.config = json!({"Cmd": ["run"], "Labels": {"year": "2024"}});
    recipe.history = vec![json!({"created": "2024-05-06T07:08:09Z", "created_by": "RUN make"})];
    let built = Built::new(&recipe, &[tar(&[("srv/a", "a")])]);
    let fixed = fixed(&built, &["--redact", "2024"]);
    assert!(fixed.count("2024-05-06T07:08:09Z") == 1 && fixed.count("\"year\":\"[REDACTED]\"") == 1);
}

#[test]
fn what_stands_below_a_name_that_is_not_shown_is_told_as_not_done() {
    let (name, secret) = (token::github(4), token::github(3));
    let path = format!("srv/{name}/a.env");
    let built = image(&json!({"Cmd": ["run"]}), &[], &[&[(&path, &format!("GITHUB_TOKEN={secret}\n"))]]);
    let fixed = fixed(&built, &["--yes"]);
    let refused = fixed.said["plan"]["images"][0]["refused"].as_array().unwrap();
    let reasons: Vec<&str> = refused.iter().map(|one| one["reason"].as_str().unwrap()).collect();
    assert!(reasons.iter().any(|reason| reason.starts_with("the file's name holds a secret")), "{reasons:?}");
    assert!(fixed.run.code == 1 && !fixed.run.stdout.contains(&secret) && !fixed.run.stdout.contains(&name));
}

/// What becomes of a plan with these flags once `change` was at the edits of its first action.
fn applied_with(built: &Built, flags: &[&str], change: &dyn Fn(&mut Value)) -> Run {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (source, plan, output) = (path("in.tar"), path("plan.json"), format!("oci-archive:{}", path("out.tar")));
    std::fs::write(&source, built.oci_archive(Packing::Plain)).unwrap();
    let common = ["fix", &source, "--today", TODAY, "--no-progress", "--no-fail", "-f", "json"];
    let run = careen(&[&common[..], &["--only", "secrets", "--yes", "--dry-run", "--plan", &plan], flags].concat());
    assert_eq!(run.code, 0, "{run:?}");
    let mut text: Value = serde_json::from_str(&std::fs::read_to_string(&plan).unwrap()).unwrap();
    change(&mut text["images"][0]["actions"][0]["edits"]);
    std::fs::write(&plan, text.to_string()).unwrap();
    let run = careen(&[&common[..], &["--apply", &plan, "-o", &output]].concat());
    assert_eq!(Path::new(&path("out.tar")).exists(), run.code == 0, "{run:?}");
    run
}

/// What is changed, in which image, the flags of the plan, the change of its first edits, and whether it is applied then.
type Case<'c> = (&'c str, Built, &'c [&'c str], Box<dyn Fn(&mut Value)>, bool);

#[test]
fn which_bytes_are_secrets_the_scan_says_and_not_the_plan() {
    let secret = token::github(9);
    let text = format!("TOKEN={secret}\nAGAIN={secret}\nlevel=information\n");
    let inner = String::from_utf8(tar(&[("conf/.env", &text)])).unwrap();
    let file = |name: &str, content: &str| image(&json!({}), &[], &[&[(name, content), ("srv/a", "a")]]);
    let env = || image(&json!({"Env": [format!("API_TOKEN={secret}")]}), &[], &[&[("srv/a", "a")]]);
    let span = |offset: u64, length: u64| json!({"offset": offset, "length": length});
    let in_place: &[&str] = &["--redact-in-place"];
    let level = text.find("information").unwrap() as u64;
    let cases: Vec<Case<'_>> = vec![
        ("nothing", file("srv/.env", &text), &[], Box::new(|_| {}), true),
        ("nothing, in place", file("srv/.env", &text), in_place, Box::new(|_| {}), true),
        ("nothing, in an archive", file("srv/a.tar", &inner), &[], Box::new(|_| {}), true),
        ("nothing, in the environment", env(), &[], Box::new(|_| {}), true),
        ("no secret", file("srv/.env", &text), &[], Box::new(|edits| edits[0]["secrets"] = json!([])), false),
        (
            "one less",
            file("srv/.env", &text),
            &[],
            Box::new(|edits| drop(edits[0]["secrets"].as_array_mut().unwrap().pop())),
            false,
        ),
        ("a part", file("srv/.env", &text), &[], Box::new(|edits| edits[0]["secrets"][0]["length"] = json!(9)), false),
        (
            "another text",
            file("srv/.env", &text),
            &[],
            Box::new(move |edits| edits[0]["secrets"] = json!([span(level, 11)])),
            false,
        ),
        (
            "one more",
            file("srv/.env", &text),
            &[],
            Box::new(move |edits| edits[0]["secrets"].as_array_mut().unwrap().push(span(level, 11))),
            false,
        ),
        ("none in place", file("srv/.env", &text), in_place, Box::new(|edits| edits[0]["spans"] = json!([])), false),
        (
            "one more in place",
            file("srv/.env", &text),
            in_place,
            Box::new(move |edits| edits[0]["spans"].as_array_mut().unwrap().push(span(level, 11))),
            false,
        ),
        ("none in an archive", file("srv/a.tar", &inner), &[], Box::new(|edits| edits[0]["inside"] = json!([])), false),
        (
            "another file of an archive",
            file("srv/a.tar", &inner),
            &[],
            Box::new(|edits| edits[0]["inside"][0]["file"] = json!("conf/other")),
            false,
        ),
        ("another part of a variable", env(), &[], Box::new(|edits| edits[0]["spans"][0]["offset"] = json!(11)), false),
        ("less of a variable", env(), &[], Box::new(|edits| edits[0]["spans"][0]["length"] = json!(8)), false),
    ];
    for (what, built, flags, change, is_applied) in cases {
        let run = applied_with(&built, flags, &*change);
        assert_eq!(run.code, if is_applied { 0 } else { 2 }, "{what}: {run:?}");
        assert!(is_applied || run.stderr.contains("--dry-run --plan"), "{what}: {run:?}");
    }
}
