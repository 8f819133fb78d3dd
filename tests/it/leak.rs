//! No output shows a secret: the examples of every rule, in every place of an image, and no part of one anywhere.
//!
//! Each kind of place has an image of its own, so that none is masked only because another place gave its value away.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use careen::output::FORMATS;
use careen::report::Report;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::support::image::{Built, DockerStyle, Packing, Recipe, docker_archive};
use crate::support::raw::RawTar;
use crate::support::run::{careen, file_of, rendered, scan_within};

#[derive(Deserialize)]
struct RuleFile {
    rule: Vec<RuleExamples>,
}

#[derive(Deserialize)]
struct RuleExamples {
    id: String,
    examples: Vec<Vec<String>>,
    /// Rules that the format of a file alone matches have these and no pattern; their examples begin with its name.
    #[serde(default)]
    files: Vec<String>,
    pattern: Option<String>,
}

/// An example of a rule.
struct Planted {
    id: String,
    /// With what stands round the value.
    text: String,
    /// The part that nobody may see.
    secret: String,
    /// Whether the value is known without what stands round it.
    is_bare: bool,
}

/// Shortest part of a secret that must not be seen.
const PART: usize = 12;

/// Shortest password that is looked for as a whole; shorter ones are parts of words.
const SHORTEST: usize = 7;

static PLANTED: LazyLock<Vec<Planted>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/secret/rules");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut examples = Vec::new();
    for file in files {
        let file: RuleFile = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        for rule in file.rule.into_iter().filter(|rule| rule.files.is_empty() || rule.pattern.is_some()) {
            examples.extend(rule.examples.iter().map(|parts| (format!("secret/{}", rule.id), parts.concat())));
        }
    }
    // where each value is in its example, as the scanner finds it
    let texts: Vec<&str> = examples.iter().map(|(_, text)| text.as_str()).collect();
    let found = values_of(&texts);
    let values: Vec<&str> = found.iter().map(|found| found.as_ref().map_or("", |(value, _)| value.as_str())).collect();
    let bare = values_of(&values);
    let planted: Vec<Planted> = examples
        .iter()
        .zip(found.iter().zip(bare))
        .filter_map(|((id, text), (found, bare))| {
            let (value, masked) = found.as_ref()?;
            let secret = hidden_part(value, masked);
            Some(Planted { id: id.clone(), text: text.clone(), secret, is_bare: bare.is_some() })
        })
        .collect();
    // some are known only in files of their own name
    assert!(planted.len() * 10 > examples.len() * 8, "{} of {} are found", planted.len(), examples.len());
    planted
});

/// Examples of rules that the format of a file alone matches, whose text is the file's name and its content.
static IN_FILES: LazyLock<Vec<Planted>> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/secret/rules");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut examples: Vec<(String, String, String)> = Vec::new();
    for file in files {
        let file: RuleFile = toml::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        for rule in file.rule.into_iter().filter(|rule| !rule.files.is_empty() && rule.pattern.is_none()) {
            for parts in rule.examples {
                let (name, content) = parts.split_first().unwrap();
                let content = content.concat();
                // what is no text has no words to be seen
                if !content.starts_with("hex:") {
                    examples.push((format!("secret/{}", rule.id), name.clone(), content));
                }
            }
        }
    }
    let named: Vec<(&str, &str)> = examples.iter().map(|(_, name, text)| (name.as_str(), text.as_str())).collect();
    let found = values_in(&named);
    let planted: Vec<Planted> = examples
        .iter()
        .zip(found)
        .filter_map(|((id, name, text), found)| {
            let (value, masked) = found?;
            let secret = hidden_part(&value, &masked);
            Some(Planted { id: id.clone(), text: format!("{name}\0{text}"), secret, is_bare: false })
        })
        .collect();
    assert!(planted.len() * 10 > examples.len() * 9, "{} of {} are found", planted.len(), examples.len());
    planted
});

/// Of each text the first value in it and its masked form, where it is found in a file of settings.
fn values_of(texts: &[&str]) -> Vec<Option<(String, String)>> {
    values_in(&texts.iter().map(|text| (".env", *text)).collect::<Vec<_>>())
}

/// The same, where it is found in a file of that name.
fn values_in(files: &[(&str, &str)]) -> Vec<Option<(String, String)>> {
    let texts: Vec<&str> = files.iter().map(|(_, text)| *text).collect();
    let mut tar = RawTar::default();
    for (index, (name, text)) in files.iter().enumerate() {
        tar = tar.file(format!("p/{index}/{name}"), text);
    }
    let report = scan(&Built::of(&[tar.end()]).docker_archive());
    let mut found: Vec<Option<(String, String)>> = vec![None; texts.len()];
    for judged in &report.findings {
        let evidence = serde_json::to_value(&judged.finding.evidence).unwrap();
        let index = judged.finding.subject.split('/').nth(2).and_then(|part| part.parse::<usize>().ok());
        let (Some(index), Some(offset), Some(masked)) =
            (index, evidence["offset"].as_u64(), evidence["masked"].as_str())
        else {
            continue;
        };
        let start = usize::try_from(offset).unwrap();
        let length = usize::try_from(evidence["bytes"].as_u64().unwrap()).unwrap();
        if let Some(value) = texts[index].get(start..start + length) {
            found[index].get_or_insert_with(|| (value.to_owned(), masked.to_owned()));
        }
    }
    found
}

/// The value without what is public: the provider's prefix; of a URL all but the password.
fn hidden_part(value: &str, masked: &str) -> String {
    if masked.contains("://")
        && let Some((_, rest)) = value.split_once("://")
        && let Some((credentials, _)) = rest.rsplit_once('@')
    {
        return credentials.split_once(':').map_or(credentials, |(_, password)| password).to_owned();
    }
    let prefix = masked.split("****").next().unwrap_or_default();
    value.strip_prefix(prefix).unwrap_or(value).to_owned()
}

/// What must not be seen, for one pass over each output.
struct Watch {
    parts: HashMap<[u8; PART], usize>,
    short: Vec<(String, usize)>,
}

static WATCH: LazyLock<Watch> = LazyLock::new(|| Watch::of(&PLANTED));

static WATCH_OF_FILES: LazyLock<Watch> = LazyLock::new(|| Watch::of(&IN_FILES));

impl Watch {
    fn of(all: &[Planted]) -> Self {
        // what the rules' own pages say, such as a prefix in base64
        let pages: Vec<String> =
            careen::scan::rules().iter().map(|rule| format!("{}\n{}\n{}", rule.why, rule.bad, rule.title)).collect();
        let pages = pages.join("\n");
        let mut watch = Watch { parts: HashMap::new(), short: Vec::new() };
        for (index, planted) in all.iter().enumerate() {
            // the lines round a key say nothing
            let lines = planted.secret.lines().filter(|line| !line.starts_with("----") && !line.contains(": "));
            for line in lines {
                if line.len() < PART {
                    if line.len() >= SHORTEST {
                        watch.short.push((line.to_owned(), index));
                    }
                    continue;
                }
                for part in line.as_bytes().windows(PART) {
                    // words, such as the names of fields in JSON, are no secret
                    let is_word = part.iter().all(|b| b.is_ascii_lowercase() || b"_\": ,{}-".contains(b));
                    let is_public = memchr::memmem::find(pages.as_bytes(), part).is_some();
                    if !is_word && !is_public {
                        watch.parts.insert(part.try_into().unwrap(), index);
                    }
                }
            }
        }
        watch
    }
}

/// What of the planted is in `output`: rule, and the part.
fn leaks(watch: &Watch, planted: &[Planted], output: &[u8]) -> Vec<String> {
    let mut leaks: BTreeMap<usize, String> = BTreeMap::new();
    for (at, part) in output.windows(PART).enumerate() {
        if let Some(index) = watch.parts.get(part) {
            let around = output.get(at.saturating_sub(60)..(at + 60).min(output.len())).unwrap();
            leaks.entry(*index).or_insert_with(|| String::from_utf8_lossy(around).into_owned());
        }
    }
    for (word, index) in &watch.short {
        if let Some(at) = memchr::memmem::find(output, word.as_bytes()) {
            let around = output.get(at.saturating_sub(60)..(at + 60).min(output.len())).unwrap();
            leaks.entry(*index).or_insert_with(|| String::from_utf8_lossy(around).into_owned());
        }
    }
    leaks.into_iter().map(|(index, around)| format!("{}: …{around}…", planted[index].id)).collect()
}

#[track_caller]
fn assert_none(place: &str, output: &[u8]) {
    let mut leaks = leaks(&WATCH, &PLANTED, output);
    leaks.extend(self::leaks(&WATCH_OF_FILES, &IN_FILES, output));
    assert!(leaks.is_empty(), "{place}: {} leaks\n{}", leaks.len(), leaks.join("\n"));
}

fn scan(archive: &[u8]) -> Report {
    // every finding listed
    let limits = careen::limit::Limits { findings_per_rule: 100_000, ..Default::default() };
    let file = file_of(archive);
    scan_within(file.path().to_str().unwrap(), careen::source::PlatformChoice::Host, 2, &limits).report()
}

/// Every format of what is said of an image, in short and in full; fails if one of them shows a secret.
#[track_caller]
fn check(place: &str, archive: &[u8]) -> Report {
    let reports = [scan(archive)];
    for format in FORMATS {
        // only the text has more to say
        let styles = if format.id() == "text" { &[false, true][..] } else { &[false] };
        for verbose in styles {
            assert_none(&format!("{place}, {}", format.id()), rendered(&reports, format.id(), *verbose).as_bytes());
        }
    }
    // not in what no format shows either
    let mut all = format!("{:?}", reports[0]);
    let _ = write!(all, "{}", reports[0].verdict.reason);
    assert_none(&format!("{place}, the report itself"), all.as_bytes());
    let [report] = reports;
    report
}

/// Findings about secrets in a report.
fn secrets(report: &Report) -> usize {
    report.findings.iter().filter(|judged| judged.finding.rule.family() == "secret").count()
}

fn image(config: &Value, history: &[Value]) -> Built {
    let layer = RawTar::default().file("etc/nothing", "nothing").end();
    let recipe = Recipe { config: config.clone(), history: history.to_vec(), ..Recipe::default() };
    Built::new(&recipe, &[layer])
}

/// A step that made the only layer, and after it steps that made none.
fn steps(created_by: impl Iterator<Item = String>) -> Vec<Value> {
    let first = json!({"created_by": "COPY . / # buildkit"});
    let steps = created_by.map(|text| json!({"created_by": text, "empty_layer": true}));
    std::iter::once(first).chain(steps).collect()
}

#[test]
fn files_live_deleted_and_overwritten() {
    let (mut lower, mut upper) = (RawTar::default(), RawTar::default());
    for (index, planted) in PLANTED.iter().enumerate() {
        lower = lower.file(format!("a/{index}.env"), &planted.text).file(format!("b/{index}.env"), &planted.text);
        lower = lower.file(format!("c/{index}.bin"), format!("\0\x01{}\0", planted.text));
        upper = upper.file(format!("a/.wh.{index}.env"), "").file(format!("b/{index}.env"), "nothing");
    }
    let report = check("files", &Built::of(&[lower.end(), upper.end()]).docker_archive());
    assert!(secrets(&report) >= 2 * PLANTED.len(), "{} of {}", secrets(&report), PLANTED.len());
    let hidden = report.findings.iter().filter(|judged| judged.finding.removed_in_layer == Some(1));
    assert!(hidden.count() >= 2 * PLANTED.len());
}

#[test]
fn credential_files() {
    let (mut lower, mut upper) = (RawTar::default(), RawTar::default());
    for (index, planted) in IN_FILES.iter().enumerate() {
        let (name, text) = planted.text.split_once('\0').unwrap();
        lower = lower.file(format!("a/{index}/{name}"), text).file(format!("b/{index}/{name}"), text);
        upper = upper.file(format!("b/{index}/{name}"), "nothing");
    }
    let report = check("credential files", &Built::of(&[lower.end(), upper.end()]).docker_archive());
    assert!(secrets(&report) >= 2 * IN_FILES.len(), "{} of {}", secrets(&report), IN_FILES.len());
}

#[test]
fn environment_and_labels() {
    let env: Vec<String> =
        PLANTED.iter().enumerate().map(|(index, planted)| format!("PLANT{index}={}", planted.text)).collect();
    let report = check("Env", &image(&json!({"User": "1", "Env": env}), &[]).docker_archive());
    assert!(secrets(&report) * 10 >= PLANTED.len() * 9, "{} of {}", secrets(&report), PLANTED.len());
    let env: Vec<String> =
        PLANTED.iter().filter(|planted| planted.text.contains('=')).map(|p| p.text.clone()).collect();
    check("Env as it stands", &image(&json!({"User": "1", "Env": env}), &[]).docker_archive());
    let env: Vec<String> = PLANTED
        .iter()
        .enumerate()
        .map(|(index, planted)| format!("CFG{index}={}", json!({"settings": {"text": planted.text}})))
        .collect();
    let report = check("Env with JSON", &image(&json!({"User": "1", "Env": env}), &[]).docker_archive());
    assert!(secrets(&report) * 10 >= PLANTED.len() * 8, "{} of {}", secrets(&report), PLANTED.len());
    let labels: BTreeMap<String, &str> =
        PLANTED.iter().enumerate().map(|(index, p)| (format!("io.acme.x{index}"), p.text.as_str())).collect();
    check("Labels", &image(&json!({"User": "1", "Labels": labels}), &[]).docker_archive());
    let keys: BTreeMap<&str, &str> =
        PLANTED.iter().filter(|planted| planted.is_bare).map(|planted| (planted.text.as_str(), "x")).collect();
    check("names of labels", &image(&json!({"User": "1", "Labels": keys}), &[]).docker_archive());
}

#[test]
fn build_steps() {
    type Form = fn(usize, &str) -> String;
    let config = json!({"User": "1"});
    let forms: [(&str, Form); 6] = [
        ("RUN", |_, text| format!("RUN /bin/sh -c curl -H '{text}' https://x.example # buildkit")),
        ("RUN bare", |_, text| format!("RUN /bin/sh -c echo {text} && make # buildkit")),
        ("RUN of old", |_, text| format!("/bin/sh -c echo \"{text}\" > /x")),
        ("ARG", |index, text| format!("RUN |1 ARG{index}={text} /bin/sh -c npm ci # buildkit")),
        ("nop", |index, text| format!("/bin/sh -c #(nop)  ENV PLANT{index}={text}")),
        ("heredoc", |_, text| format!("RUN /bin/sh -c <<EOF (cat > /x...)\ncat > /x <<X\n{text}\nX\nEOF # buildkit")),
    ];
    for (place, form) in forms {
        let history = steps(PLANTED.iter().enumerate().map(|(index, planted)| form(index, &planted.text)));
        let report = check(place, &image(&config, &history).docker_archive());
        assert!(secrets(&report) * 10 >= PLANTED.len() * 7, "{place}: {} of {}", secrets(&report), PLANTED.len());
    }
    // the steps of layers, which every report shows
    let bare: Vec<&Planted> = PLANTED.iter().filter(|planted| planted.is_bare).collect();
    for chunk in bare.chunks(100) {
        let step = |planted: &&Planted| json!({"created_by": format!("RUN |1 A={0} /bin/sh -c x {0} # buildkit", planted.text)});
        let layers: Vec<Vec<u8>> =
            (0..chunk.len()).map(|index| RawTar::default().file(format!("etc/{index}"), "x").end()).collect();
        let recipe = Recipe { config: config.clone(), history: chunk.iter().map(step).collect(), ..Recipe::default() };
        check("layers", &Built::new(&recipe, &layers).docker_archive());
    }
    let history: Vec<Value> = PLANTED
        .iter()
        .map(|planted| json!({"created_by": "RUN x", "comment": planted.text, "author": planted.text, "empty_layer": true}))
        .collect();
    check("comments", &image(&config, &history).docker_archive());
}

#[test]
fn commands() {
    for (place, config) in [
        ("Entrypoint", (|words| json!({"User": "1", "Entrypoint": words})) as fn(Vec<&str>) -> Value),
        ("Cmd", |words| json!({"User": "1", "Cmd": words})),
        ("Healthcheck", |words| json!({"User": "1", "Healthcheck": {"Test": words}})),
        ("OnBuild", |words| json!({"User": "1", "OnBuild": words})),
        ("Shell", |words| json!({"User": "1", "Shell": words})),
    ] {
        let words = ["run"].into_iter().chain(PLANTED.iter().flat_map(|planted| ["--option", planted.text.as_str()]));
        check(place, &image(&config(words.collect()), &[]).docker_archive());
    }
    let (name, value) = (["pass", "word"].concat(), ["q7Rt2", "xLm9"].concat());
    for words in [[format!("--{name}"), value.clone()], ["-p".to_owned(), value.clone()]] {
        let built = image(&json!({"User": "1", "Entrypoint": ["/app/run", words[0], words[1]]}), &[]);
        let report = check("arguments", &built.docker_archive());
        let all = rendered(&[report], "json", true);
        assert!(all.contains("\"key\": \"Entrypoint\"") && !all.contains(&value), "{words:?}: {all}");
    }
}

#[test]
fn annotations_and_tags() {
    let annotations: BTreeMap<String, String> =
        PLANTED.iter().enumerate().map(|(index, p)| (format!("io.acme.x{index}"), p.text.clone())).collect();
    let layer = RawTar::default().file("etc/nothing", "nothing").end();
    let recipe = Recipe { config: json!({"User": "1"}), annotations, ..Recipe::default() };
    let built = Built::new(&recipe, std::slice::from_ref(&layer));
    let report = check("annotations", &built.oci_archive(Packing::Gzip));
    assert!(secrets(&report) * 10 >= PLANTED.len() * 9, "{} of {}", secrets(&report), PLANTED.len());
    let built = Built::of(&[layer]);
    let is_tag =
        |text: &str| text.len() < 120 && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b));
    for planted in PLANTED.iter().filter(|planted| planted.is_bare && is_tag(&planted.text)).step_by(11) {
        let tag = format!("shop/{0}:{0}", planted.text);
        check("tag", &docker_archive(&[(&tag, &built)], DockerStyle::Old, Packing::Plain));
    }
}

#[test]
fn names_of_files_and_packages() {
    let is_name = |text: &str| text.len() < 90 && !text.contains(['/', '\n', '\0']);
    let names: Vec<&str> = PLANTED
        .iter()
        .filter(|planted| planted.is_bare && is_name(&planted.text) && !planted.text.contains([' ', '"', '\'']))
        .map(|planted| planted.text.as_str())
        .collect();
    assert!(names.len() > 100, "{}", names.len());
    let key = ["-----BEGIN ", "PRIVATE KEY-----"].concat();
    let (mut tar, mut status) = (RawTar::default(), String::new());
    for (index, name) in names.iter().enumerate() {
        let _ = write!(status, "Package: {name}\nStatus: install ok installed\nVersion: {name}\nArchitecture: all\n\n");
        tar = tar
            .file(name, format!("TOKEN={}\n{key}", names[0]))
            .file(format!("etc/{name}"), "x")
            .long(b'L', format!("app/node_modules/{name}/package.json").as_bytes())
            .file("app/package.json", json!({"name": name, "version": name}).to_string())
            .long(b'L', format!("var/cache/apt/archives/{name}.deb").as_bytes())
            .file("x.deb", "not an archive")
            .long(b'L', format!("usr/lib/python3/x{index}-1.dist-info/METADATA").as_bytes())
            .file("METADATA", format!("Name: {name}\nVersion: {name}\nLicense: {name}\n"));
    }
    // a colon would end the name
    let users = names.iter().filter(|name| !name.contains(':'));
    let passwd: String = users.map(|name| format!("{name}:x:0:0:{name}:/{name}:/bin/sh\n")).collect();
    let tar = tar
        .file("var/lib/dpkg/status", status)
        .file("etc/passwd", passwd)
        .file("etc/os-release", format!("ID=debian\nVERSION_ID=12\nPRETTY_NAME=\"{}\"\n", names[1]));
    check("names", &Built::of(&[tar.end()]).docker_archive());
}

#[test]
fn what_the_program_writes() {
    let bare: Vec<&Planted> = PLANTED.iter().filter(|planted| planted.is_bare).collect();
    let env: Vec<String> = bare.iter().enumerate().map(|(index, p)| format!("PLANT{index}={}", p.text)).collect();
    let history = steps(bare.iter().map(|planted| format!("RUN /bin/sh -c x {}", planted.text)));
    let built = image(&json!({"User": "1", "Env": env}), &history);
    let archive = built.docker_archive();
    let file = file_of(&archive);
    let path = file.path().to_str().unwrap();
    let scratch = tempfile::tempdir().unwrap();
    let written = |arguments: &[&str]| {
        let run = careen(arguments);
        assert_none(&arguments.join(" "), [run.stdout.as_bytes(), run.stderr.as_bytes()].concat().as_slice());
        run
    };
    let run = written(&["scan", path, "-v", "--no-advisories", "--show-packaged", "--show-waived"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    written(&["sbom", path, "-v"]);
    written(&["explain", &bare[0].id]);

    // inputs that are refused, and quote what they hold
    let token = bare.iter().find(|planted| planted.id == "secret/github-pat").unwrap().text.as_str();
    let broken = |name: &str, bytes: &[u8]| {
        let place = scratch.path().join(name);
        fs::write(&place, bytes).unwrap();
        place.to_str().unwrap().to_owned()
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let config = text(&built.config);
    for (name, config) in [
        ("type", config.replacen("\"Env\":[", &format!("\"Env\":\"{token}\",\"x\":["), 1)),
        ("enum", config.replacen("\"os\":\"linux\"", &format!("\"os\":{{\"{token}\":1}}"), 1)),
        ("twice", config.replacen("\"os\":", &format!("\"os\":\"{token}\",\"os\":"), 1)),
        ("digest", config.replacen("\"diff_ids\":[", &format!("\"diff_ids\":[\"{token}\","), 1)),
    ] {
        let built = Built { config: config.into_bytes(), layers: built.layers.clone(), annotations: BTreeMap::new() };
        written(&["scan", &broken(name, &built.docker_archive()), "-v", "-f", "json", "--no-advisories"]);
    }
    for cut in [archive.len() / 3, archive.len() / 2, archive.len() - 1100] {
        written(&["scan", &broken("cut", &archive[..cut]), "-v", "-f", "json", "--no-advisories"]);
    }
    let odd = RawTar::default().file(format!("a/{token}"), "x").bytes([0x41; 700]).end();
    written(&["scan", &broken("odd", &Built::of(&[odd]).docker_archive()), "-v", "--no-advisories"]);

    // what the user wrote comes back in errors, and goes into logs
    written(&["scan", &format!("/nowhere/{token}.tar"), "-v"]);
    written(&["scan", &format!("{path}:{token}"), "-v"]);
    written(&["scan", path, "--no-advisories", "-p", &broken("a.toml", format!("name = {token}").as_bytes())]);
    let waiver = format!(
        "extends = \"careen:2026\"\n[[waiver]]\nrule = \"secret/*\"\nreason = \"it was {token}\"\nowner = \"{token}\"\nexpires = 2099-01-01\n"
    );
    let policy = broken("b.toml", waiver.as_bytes());
    written(&["scan", path, "--no-advisories", "-p", &policy, "-f", "json"]);
    written(&["scan", path, "--no-advisories", "-p", &policy, "-v", "--show-waived"]);
    written(&["policy", "check", &broken("c.toml", format!("{token} = 1\n[[rule]]\nname = \"{token}\"").as_bytes())]);
}

/// The hook for what is found inside of other files.
#[test]
fn archives_in_layers() {
    let mut inner = RawTar::default();
    for (index, planted) in PLANTED.iter().enumerate() {
        inner = inner.file(format!("in/{index}.env"), &planted.text);
    }
    let inner = inner.end();
    let packed = crate::support::image::gzip(&inner);
    let layer = RawTar::default().file("srv/a.tar", inner).file("srv/a.tar.gz", packed).end();
    check("archives", &Built::of(&[layer]).docker_archive());
}

#[test]
fn the_test_itself_would_notice() {
    let planted = PLANTED.iter().find(|planted| planted.secret.len() > 30).unwrap();
    let part = &planted.secret[5..5 + PART];
    assert_eq!(leaks(&WATCH, &PLANTED, format!("see {part} here").as_bytes()).len(), 1);
    assert!(leaks(&WATCH, &PLANTED, b"nothing to see").is_empty());
}
