//! Plans of fixes, and fixed images, as the binary makes them from recipes.

use std::path::Path;

use serde_json::{Value, json};

use crate::support::image::{Built, Packing, Recipe, gzip};
use crate::support::run::{Run, TODAY, careen, command, file_of, run};
use crate::support::token;

/// An image with something for most fixers.
const RECIPE: &str = r#"
about = "habits that can be mended"
config = { Env = ["PATH=/usr/bin:/bin", "BUILD_ID=7"], WorkingDir = "/srv/app", ExposedPorts = { "80/tcp" = {} }, Labels = { "ci.job" = "7" }, Cmd = ["/usr/bin/tool"] }
annotations = { "org.opencontainers.image.base.name" = "registry.example/base:1" }
history = [
    { created_by = "/bin/sh -c #(nop) ADD file:base in / ", created = "2026-01-01T00:00:00Z" },
    { created_by = "/bin/sh -c #(nop)  CMD [\"sh\"]", empty_layer = true },
    { created_by = "RUN |1 WORD=opensesame /bin/sh -c make # buildkit" },
    { created_by = "RUN /bin/sh -c rm -r /opt/gone # buildkit" },
]

[[layer]]
members = [
    { path = "etc/", directory = true },
    { path = "etc/passwd", text = "root:x:0:0:root:/root:/bin/sh\nopen::7:7::/:/bin/sh\n" },
    { path = "etc/group", text = "root:x:0:\n" },
    { path = "etc/shadow", text = "root:!:19000::::::\n", mode = 0o640 },
    { path = "usr/bin/", directory = true },
    { path = "usr/bin/tool", text = "tool", mode = 0o755 },
    { path = "var/lib/apt/lists/base_Packages", zeros = 30000 },
]

[[layer]]
members = [
    { path = "srv/app/", directory = true },
    { path = "srv/app/.git/HEAD", text = "ref: refs/heads/main\n" },
    { path = "srv/app/main.py~", text = "old\n" },
    { path = "usr/local/bin/helper", text = "helper", mode = 0o4755 },
    { path = "srv/app/open.conf", text = "a=1\n", mode = 0o666 },
    { path = "root/.cache/pip/http/a", zeros = 20000 },
    { path = "opt/gone/a", text = "aaaa" },
]

[[layer]]
members = [
    { path = "opt/.wh.gone" },
]
"#;

fn built() -> Built {
    toml::from_str::<Recipe>(RECIPE).unwrap().build()
}

fn fix(arguments: &[&str]) -> Run {
    careen(&[&["fix", "--today", TODAY, "--no-progress"], arguments].concat())
}

/// Digests of images hang on how the test's tar is written.
fn stable(text: &str, image: &Path) -> String {
    let mut parts = text.split("sha256:");
    let mut shown = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        shown += "DIGEST";
        shown += part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
    }
    shown.replace(image.to_str().unwrap(), "IMAGE")
}

fn json_of(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", run.stdout, run.stderr))
}

const ASKED: &[&str] =
    &["--redact", "opensesame", "--remove", "/opt/gone/a", "--set-label", "team=shop", "--unset-env", "BUILD_ID"];

#[test]
fn plans_are_shown_as_text_markdown_and_json() {
    let file = file_of(&built().docker_archive());
    let image = file.path().to_str().unwrap();
    for format in ["text", "markdown", "json"] {
        let run = fix(&[&[image, "--dry-run", "-f", format], ASKED].concat());
        assert_eq!(run.code, 0, "{}", run.stderr);
        insta::assert_snapshot!(format!("plan_as_{format}"), stable(&run.stdout, file.path()));
        let is_told = run.stdout.contains("opensesame");
        assert!(!is_told, "{format} tells what is to be redacted");
    }
}

#[test]
fn plans_keep_their_schema_and_hold_no_secret() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/formats/fix-plan.schema.json");
    let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let secret = token::github(1);
    let recipe = RECIPE.replace("BUILD_ID=7", &format!("TOKEN={secret}")).replace("opensesame", &secret);
    let built = toml::from_str::<Recipe>(&recipe).unwrap().build();
    for archive in [built.docker_archive(), built.oci_archive(Packing::Zstd)] {
        let file = file_of(&archive);
        let image = file.path().to_str().unwrap();
        let run = fix(&[image, "--dry-run", "-f", "json", "--yes", "--waste", "--clear-setid", "--redact", &secret]);
        let plan = json_of(&run);
        let errors: Vec<String> =
            validator.iter_errors(&plan).map(|error| format!("{}: {error}", error.instance_path())).collect();
        assert!(errors.is_empty(), "{errors:#?}");
        assert!(!run.stdout.contains(&secret) && !run.stderr.contains(&secret), "{}", run.stdout);
        assert!(plan["images"][0]["actions"].as_array().unwrap().len() > 5, "{plan:#}");
    }
}

#[test]
fn a_plan_is_applied_to_its_own_image_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (image, other, plan, out) = (path("a.tar"), path("b.tar"), path("plan.json"), path("out.tar"));
    std::fs::write(&image, built().docker_archive()).unwrap();
    let changed = toml::from_str::<Recipe>(&RECIPE.replace("BUILD_ID=7", "BUILD_ID=8")).unwrap().build();
    std::fs::write(&other, changed.docker_archive()).unwrap();
    let made = fix(&[&image, "--dry-run", "--plan", &plan]);
    assert_eq!(made.code, 0, "{}", made.stderr);
    let output = format!("docker-archive:{out}");
    let refused = fix(&[&other, "--apply", &plan, "-o", &output]);
    assert!(refused.code == 2 && refused.stderr.contains("of another image"), "{refused:?}");
    let both = fix(&[&image, "--apply", &plan, "-o", &output, "--user", "7"]);
    assert!(both.code == 2 && both.stderr.contains("nothing else"), "{both:?}");
    for flag in ["--waste", "--touch-base", "--redact-in-place", "--clear-setid"] {
        let both = fix(&[&image, "--apply", &plan, "-o", &output, flag]);
        assert!(both.code == 2 && both.stderr.contains("nothing else"), "{flag}: {both:?}");
    }
    let text = std::fs::read_to_string(&plan).unwrap();
    let broken = [
        ("unknown", text.replacen("\"schema\"", "\"more\": 1, \"schema\"", 1)),
        ("schema", text.replacen("careen.fix-plan/1", "careen.fix-plan/9", 1)),
        ("no JSON", "{".to_owned()),
    ];
    for (what, text) in broken {
        std::fs::write(&plan, text).unwrap();
        let run = fix(&[&image, "--apply", &plan, "-o", &output]);
        assert_eq!(run.code, 2, "{what}: {run:?}");
    }
    assert!(!Path::new(&out).exists());
}

#[test]
fn a_link_stays_and_what_it_leads_to_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::create_dir(path("far")).unwrap();
    std::fs::write(path("far/image"), built().oci_archive(Packing::Gzip)).unwrap();
    std::os::unix::fs::symlink("far/image", path("image")).unwrap();
    std::os::unix::fs::symlink("far/plan", path("plan")).unwrap();
    let before = std::fs::read(path("far/image")).unwrap();
    let (image, output) = (path("image"), format!("oci-archive:{}", path("image")));
    let run = fix(&[&image, "-o", &output, "--no-fail"]);
    assert!(run.code == 2 && run.stderr.contains("--in-place"), "{run:?}");
    let run = fix(&[&image, "-o", &output, "--in-place", "--plan", &path("plan"), "--no-fail"]);
    assert_eq!(run.code, 0, "{run:?}");
    for link in ["image", "plan"] {
        assert!(std::fs::symlink_metadata(path(link)).unwrap().is_symlink(), "{link}");
        assert!(std::fs::symlink_metadata(path(&format!("far/{link}"))).unwrap().is_file(), "{link}");
    }
    assert_ne!(std::fs::read(path("far/image")).unwrap(), before);
    let left = |place: &str| std::fs::read_dir(path(place)).unwrap().count();
    assert_eq!((left("far"), left(".")), (2, 4), "nothing but the statement beside the link");
}

#[test]
fn one_file_is_not_written_twice_whatever_it_is_called() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("image"), built().oci_archive(Packing::Gzip)).unwrap();
    std::fs::hard_link(path("image"), path("twin")).unwrap();
    std::os::unix::fs::symlink("out", path("link")).unwrap();
    std::os::unix::fs::symlink(".", path("here")).unwrap();
    let image = std::fs::read(path("image")).unwrap();
    let output = format!("oci-archive:{}", path("out"));
    for plan in ["./out", "link", "here/out", "out.provenance.json", "here/link", "image", "twin"] {
        let run = fix(&[&path("image"), "-o", &output, "--plan", &path(plan), "--no-fail"]);
        assert_eq!(run.code, 2, "{plan}: {run:?}");
        assert!(!Path::new(&path("out")).exists() && std::fs::read(path("image")).unwrap() == image, "{plan}");
    }
    let run = fix(&[&path("image"), "-o", &format!("oci-archive:{}", path("twin")), "--no-fail"]);
    assert!(run.code == 2 && run.stderr.contains("--in-place"), "{run:?}");
    assert_eq!(fix(&[&path("image"), "--dry-run", "--plan", &path("plan")]).code, 0);
    let over = fix(&[&path("image"), "-o", &format!("oci-archive:{}", path("here/plan")), "--apply", &path("plan")]);
    assert!(over.code == 2 && over.stderr.contains("one file"), "{over:?}");
}

#[test]
fn a_statement_takes_no_other_files_place_and_is_of_the_image_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("image"), built().oci_archive(Packing::Gzip)).unwrap();
    let (output, statement) = (format!("oci-archive:{}", path("out")), path("out.provenance.json"));
    let is_there = |name: &str| Path::new(&path(name)).exists();
    // the image itself, or any other file
    std::fs::copy(path("image"), &statement).unwrap();
    for image in ["image", "out.provenance.json"] {
        let run = fix(&[&path(image), "-o", &output, "--no-fail"]);
        assert!(run.code == 2 && run.stderr.contains("provenance") && !is_there("out"), "{run:?}");
        assert_eq!(std::fs::read(&statement).unwrap(), std::fs::read(path("image")).unwrap());
    }
    std::fs::remove_file(&statement).unwrap();
    for _ in 0..2 {
        let run = fix(&[&path("image"), "-o", &output, "--no-fail"]);
        assert!(run.code == 0 && is_there("out.provenance.json"), "{run:?}");
    }
    // an image that needs nothing: the same, then another one
    let run = fix(&[&path("out"), "-o", &output, "--in-place", "--only", "healthcheck", "--no-fail"]);
    assert!(run.code == 0 && is_there("out.provenance.json"), "{run:?}");
    let run = fix(&[&path("image"), "-o", &output, "--only", "healthcheck", "--no-fail"]);
    assert!(run.code == 0 && is_there("out") && !is_there("out.provenance.json"), "{run:?}");
}

#[test]
fn flags_choose_what_is_planned() {
    let file = file_of(&built().docker_archive());
    let image = file.path().to_str().unwrap();
    let actions = |arguments: &[&str]| -> Vec<String> {
        let plan = json_of(&fix(&[&[image, "--dry-run", "-f", "json"], arguments].concat()));
        let text = |action: &Value| {
            format!("{} {} {}", action["id"].as_str().unwrap(), action["path"].as_str().unwrap(), action["approved"])
        };
        plan["images"][0]["actions"].as_array().unwrap().iter().map(text).collect()
    };
    assert_eq!(actions(&["--only", "caches"]), ["caches-1 /root/.cache/pip true"]);
    assert_eq!(actions(&["--only", "user"]), ["user-1 User false", "user-2 /srv/app false"]);
    assert_eq!(actions(&["--only", "user", "--yes"]), ["user-1 User true", "user-2 /srv/app true"]);
    let both = fix(&[image, "--dry-run", "--only", "caches", "--skip", "caches"]);
    assert!(both.code == 2 && both.stderr.contains("`caches` stands behind"), "{both:?}");
    let policy = tempfile::NamedTempFile::with_suffix(".toml").unwrap();
    let text = "[fix]\nallow = [\"leftovers\"]\nkeep = \"/srv/app/main.py~\"\nlabels = { remove = \"ci.*\" }\nuser = \"9:9\"\n";
    std::fs::write(policy.path(), text).unwrap();
    let with = ["-p", policy.path().to_str().unwrap(), "--only", "leftovers,labels,user"];
    assert_eq!(
        actions(&with),
        ["labels-1 Labels.ci.job true", "leftovers-1 /srv/app/.git true", "user-1 User true", "user-2 /srv/app false",]
    );
}

#[test]
fn streams_are_copied_first() {
    let archive = gzip(&built().docker_archive());
    let file = file_of(&archive);
    let image = file.path().to_str().unwrap();
    let arguments = ["fix", "--today", TODAY, "--dry-run", "--only", "caches", "-f", "json"];
    let compressed = careen(&[&arguments[..], &[image]].concat());
    let piped = run(command(&[&arguments[..], &["-"]].concat()), &archive);
    assert!(compressed.code == 0 && piped.code == 0, "{compressed:?} {piped:?}");
    let (a, b) = (json_of(&compressed), json_of(&piped));
    assert_eq!(a["images"], b["images"]);
    assert_eq!((&a["input"]["reference"], &b["input"]["reference"]), (&json!(image), &json!("-")));
}

#[test]
fn an_image_is_fixed_and_fixing_it_again_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (image, once, twice) = (path("a.tar"), path("once.tar"), path("twice.tar"));
    std::fs::write(&image, built().docker_archive()).unwrap();
    let flags = ["--yes", "--waste", "--no-fail", "-f", "json"];
    let first = fix(&[&[&*image, "-o", &format!("docker-archive:{once}")], &flags[..], ASKED].concat());
    assert_eq!(first.code, 0, "{}", first.stderr);
    let done = json_of(&first);
    assert_eq!(done["is_changed"], true);
    let bytes = std::fs::read(&once).unwrap();
    for gone in ["opensesame", "BUILD_ID", ".cache/pip/http/a", "main.py~"] {
        let is_there = bytes.windows(gone.len()).any(|window| window == gone.as_bytes());
        assert!(!is_there, "{gone}");
    }
    let second = fix(&[&[&*once, "-o", &format!("docker-archive:{twice}")], &flags[..]].concat());
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert_eq!(json_of(&second)["is_changed"], false, "{}", second.stdout);
    let mut again = fix(&[&[&*image, "-o", &format!("docker-archive:{twice}")], &flags[..], ASKED].concat());
    assert_eq!(again.code, 0, "{}", again.stderr);
    assert_eq!(std::fs::read(&twice).unwrap(), bytes, "the same input and plan give the same bytes");
    again = fix(&[&image, "-o", &format!("docker-archive:{image}"), "--yes"]);
    assert!(again.code == 2, "{again:?}");
}

/// A program of the base, a folder above it by way of a link, which all may write, and a machine id that is a link to the other.
const LINKED: &str = r#"
about = "folders by way of links"
config = { WorkingDir = "/srv", Cmd = ["/usr/bin/tool"] }
history = [
    { created_by = "/bin/sh -c #(nop) ADD file:base in / ", created = "2026-01-01T00:00:00Z" },
    { created_by = "/bin/sh -c #(nop)  CMD [\"sh\"]", empty_layer = true },
    { created_by = "RUN /bin/sh -c make # buildkit" },
]

[[layer]]
members = [
    { path = "etc/", directory = true },
    { path = "etc/passwd", text = "root:x:0:0:root:/root:/bin/sh\n" },
    { path = "etc/group", text = "root:x:0:\n" },
    { path = "etc/machine-id", text = "0123456789abcdef0123456789abcdef\n", mode = 0o666 },
    { path = "var/lib/dbus/", directory = true },
    { path = "var/lib/dbus/machine-id", symlink = "/etc/machine-id" },
    { path = "usr/", directory = true },
    { path = "usr/lib/", directory = true },
    { path = "lib", symlink = "usr/lib" },
    { path = "usr/lib/tool/", directory = true },
    { path = "usr/lib/tool/helper", text = "helper", mode = 0o4755 },
]

[[layer]]
members = [
    { path = "lib/tool/", directory = true, mode = 0o777 },
    { path = "lib/tool/a", text = "a" },
    { path = "etc/group", text = "root:x:0:\n", mode = 0o666 },
]
"#;

#[test]
fn a_plan_makes_the_image_that_its_flags_make() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (image, plan) = (path("a.tar"), path("plan.json"));
    std::fs::write(&image, toml::from_str::<Recipe>(LINKED).unwrap().build().oci_archive(Packing::Gzip)).unwrap();
    let flags: [&[&str]; 3] =
        [&["--yes"], &["--remove", "etc/passwd", "--user", "1001:1001", "--only", "user"], &["--drop-empty-layers"]];
    for flags in flags {
        let (by_flags, by_plan, twice) = (path("flags.tar"), path("plan.tar"), path("twice.tar"));
        let output = format!("oci-archive:{by_flags}");
        let made = fix(&[&[&*image, "-o", &output, "--plan", &plan, "--no-fail"], flags].concat());
        assert_eq!(made.code, 0, "{flags:?}: {}", made.stderr);
        let applied = fix(&[&image, "-o", &format!("oci-archive:{by_plan}"), "--apply", &plan, "--no-fail"]);
        assert_eq!(applied.code, 0, "{flags:?}: {}", applied.stderr);
        assert!(std::fs::read(&by_flags).unwrap() == std::fs::read(&by_plan).unwrap(), "{flags:?}");
        let second = fix(&[&by_flags, "-o", &format!("oci-archive:{twice}"), "--yes", "--no-fail", "-f", "json"]);
        assert_eq!(second.code, 0, "{flags:?}: {}", second.stderr);
        let is_changed = json_of(&second)["is_changed"] == true;
        assert_eq!(is_changed, flags != ["--yes"], "{flags:?}: {}", second.stdout);
        for made in [by_flags, by_plan, twice] {
            std::fs::remove_file(&made).unwrap();
            std::fs::remove_file(made + ".provenance.json").unwrap_or_default();
        }
        std::fs::remove_file(&plan).unwrap();
    }
}

#[test]
fn a_wish_that_comes_to_nothing_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (image, out) = (path("a.tar"), format!("oci-archive:{}", path("out.tar")));
    std::fs::write(&image, built().docker_archive()).unwrap();
    let cases: &[(&[&str], i32)] = &[
        (&["--remove", "nothing/**"], 3),
        (&["--unset-env", "NOPE"], 3),
        (&["--redact", "stands nowhere"], 3),
        (&["--clear-setid", "nothing"], 3),
        (&["--remove", "nothing/**", "--set-label", "a=b"], 3),
        (&["--remove", "nothing/**", "--allow-partial"], 0),
        (&["--remove", "nothing/**", "--dry-run"], 0),
        (&["--set-label", "a=b"], 0),
        // all of them, however many there are
        (&["--clear-setid"], 0),
    ];
    for (flags, code) in cases {
        let run = fix(&[&[&*image, "-o", &out, "--no-fail", "--only", "healthcheck"], *flags].concat());
        assert_eq!(run.code, *code, "{flags:?}: {run:?}");
        assert_eq!(run.stdout.contains("Not done"), flags.contains(&"nothing/**") || *code == 3, "{flags:?}: {run:?}");
        assert_eq!(Path::new(&path("out.tar")).exists(), !flags.contains(&"--dry-run"), "{flags:?}: {run:?}");
        let _ = std::fs::remove_file(path("out.tar"));
    }
}

#[test]
fn a_dry_run_reads_all_flags() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("a.tar").to_str().unwrap().to_owned();
    std::fs::write(&image, built().docker_archive()).unwrap();
    let wrong = fix(&[&image, "--dry-run", "-o", "garbage:x"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("garbage"), "{wrong:?}");
    let wrong = fix(&[&image, "--dry-run", "--plan", "-"]);
    assert!(wrong.code == 2 && wrong.stderr.contains("--dry-run -f json"), "{wrong:?}");
}
