//! `careen lint` as a user runs it.

use std::fs;
use std::io::Write as _;
use std::process::{Output, Stdio};

use serde_json::{Value, json};

use crate::support::image::{Built, Recipe};
use crate::support::raw::RawTar;
use crate::support::run::command;
use crate::support::token;

const FILE: &str = "FROM debian:bookworm-20250101\nADD server.conf /etc/\n# careen:allow dockerfile/add-not-copy the name will change\n\
                    ADD other.conf /etc/\nCMD [\"first\"]\nCMD [\"second\"]\nUSER 65532\n";

fn lint(folder: &std::path::Path, arguments: &[&str], input: Option<&str>) -> Output {
    let all: Vec<&str> = std::iter::once("lint").chain(arguments.iter().copied()).collect();
    let mut child = command(&all)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.unwrap_or_default().as_bytes()).unwrap();
    drop(stdin);
    child.wait_with_output().unwrap()
}

#[test]
fn files_are_found_and_judged() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    fs::create_dir_all(path.join("api/node_modules/x")).unwrap();
    fs::write(path.join("Dockerfile"), FILE).unwrap();
    fs::write(path.join("api/web.Dockerfile"), "FROM scratch\nRUM x\n").unwrap();
    fs::write(path.join("api/node_modules/x/Dockerfile"), "not looked at\n").unwrap();
    fs::write(path.join("Dockerfile.dockerignore"), "*\n").unwrap();

    let output = lint(path, &["-f", "json"], None);
    assert_eq!(output.status.code(), Some(4), "a file that Docker refuses never ends well");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["target"]["source"], "dockerfile");
    let places: Vec<String> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            let place = &finding["location"];
            let status = &finding["status"];
            format!("{} {} {}:{} {status}", finding["rule"], place["path"], place["start_line"], place["start_column"])
        })
        .collect();
    for expected in [
        "\"dockerfile/add-not-copy\" \"Dockerfile\" 2:1 \"open\"",
        "\"dockerfile/add-not-copy\" \"Dockerfile\" 4:1 \"waived\"",
        "\"dockerfile/repeated-command\" \"Dockerfile\" 5:1 \"open\"",
        "\"dockerfile/syntax\" \"api/web.Dockerfile\" 2:1 \"open\"",
    ] {
        assert!(places.iter().any(|place| place == expected), "{expected} is not in {places:#?}");
    }
    assert!(!places.iter().any(|place| place.contains("node_modules")));

    for (arguments, code) in [
        (&["Dockerfile"][..], 0),
        (&["Dockerfile", "--fail-on", "medium"], 1),
        (&["Dockerfile", "--fail-on", "medium,dockerfile", "--exit-code", "7"], 7),
        (&["Dockerfile", "--fail-on", "medium", "--no-fail"], 0),
        (&["api", "--no-fail"], 4),
        (&["api", "-p", "careen:strict"], 1),
        (&["nothing-here"], 2),
        (&["-f", "cyclonedx"], 2),
    ] {
        assert_eq!(lint(path, arguments, None).status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn text_shows_the_line_and_sarif_the_columns() {
    let folder = tempfile::tempdir().unwrap();
    let text = lint(folder.path(), &["-"], Some("FROM scratch\nADD \\\n  a b\n"));
    let shown = String::from_utf8(text.stdout).unwrap();
    assert!(shown.contains("--> -:2:1") && shown.contains("2 | ADD \\") && shown.contains("| ^^^"), "{shown}");
    assert_eq!(text.status.code(), Some(0));
    let sarif = lint(folder.path(), &["-", "-f", "sarif"], Some("FROM scratch\n  ADD a b\n"));
    let log: Value = serde_json::from_slice(&sarif.stdout).unwrap();
    let results = log["runs"][0]["results"].as_array().unwrap();
    let added = results.iter().find(|result| result["ruleId"] == "dockerfile/add-not-copy").unwrap();
    let region = &added["locations"][0]["physicalLocation"]["region"];
    assert_eq!(region, &json!({"startLine": 2, "startColumn": 3, "endLine": 2, "endColumn": 6}));
}

#[test]
fn no_value_that_is_a_secret_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    let value = ["q7Rt2xLm9", "Vb4Kp8Zs"].concat();
    let file = format!("FROM scratch\nRUM --pass{}={value}\nADD a pass{}={value}\n", "word", "word");
    for format in ["text", "json", "sarif"] {
        let output = lint(folder.path(), &["-", "-v", "-f", format], Some(&file));
        assert!(!String::from_utf8_lossy(&output.stdout).contains(&value), "{format}");
    }
}

#[test]
fn weak_values_of_secret_names_are_not_shown_either() {
    let folder = tempfile::tempdir().unwrap();
    let file = "FROM debian:13\nENV JWT_SECRET=mysupersecretjwt\nENV DB_PASS=hunter2 A=shown\nENV APP_PASSWORD piUfq ygB18AIY\n\
                ENV X_PASSWORD=\"TimzO RZbgmKRw\" Z=$X_PASSWORD\nARG API_TOKEN=P@ssw0rd!\nLABEL password CHZtDuoz97U5Hp\n";
    let output = lint(folder.path(), &["-", "-v"], Some(file));
    let shown = String::from_utf8_lossy(&output.stdout);
    for value in ["mysuper", "hunter2", "piUfq", "AIY", "Timz", "RZb", "ssw0rd", "CHZt"] {
        assert!(!shown.contains(value), "{value}: {shown}");
    }
    assert!(shown.contains("ENV DB_PASS=******* A=shown"), "{shown}");
}

#[test]
fn no_text_of_a_lint_shows_a_secret() {
    let v = ["kQ7vT2", "xwZm9"].concat();
    let long = ["kQ7vT2", "xwZm9", "Lp3Rt8Yb"].concat();
    let texts = [
        format!("ADD https://ci:{v}@h.example/x.tgz /x"),
        format!("ADD https://{long}@h.example/x.tgz /x"),
        format!("ADD git@h.example:a/b.git?token={long} /x"),
        format!("USER admin:{v}"),
        format!("USER {v}:root\nUSER a"),
        format!("# careen:allow dockerfile/add-not-copy password={v}\nADD a /b"),
        format!("# careen:allow dockerfile/add-not-copy https://ci:{v}@h.example/\nADD a /b"),
        format!("# hadolint ignore=DL3020 # token: {long}\nADD a /b"),
        format!("RUN openssl enc -aes-256-cbc -k {v} -in a -out b"),
        format!("RUN openssl enc -aes-256-cbc -pass pass:{v} -in a -out b"),
        format!("RUN cd /x && sudo useradd -m -p {v} app"),
        format!("RUN useradd --password {v} app"),
        format!("RUN echo 'app:{v}' | chpasswd"),
        format!("RUN echo 'app:{v}' | sudo chpasswd -e"),
        format!("RUN printf 'app:%s' {v} | chpasswd"),
        format!("RUN chpasswd <<EOF\nroot:{v}\nEOF"),
        format!("RUN bash -c \"echo app:{v} | chpasswd\""),
        format!("RUN cd /x; mysql -uroot -p{v}"),
        format!("RUN curl -u ci:{v} https://h.example/install.sh | sh"),
        format!("RUN wget https://ci:{v}@h.example/install.sh"),
        format!("RUN git clone https://{long}@git.example/a/b && cd b"),
        format!("RUN pip install git+https://{long}@git.example/a/b"),
        format!("RUN pip install --index-url https://ci:{v}@pypi.example/simple a"),
        format!("RUN npm install https://ci:{v}@h.example/a.tgz"),
        format!("RUN apt-get install -y curl && export DB_PASSWORD={v}"),
        format!("RUN DB_PASSWORD={v} apt-get install curl"),
        format!("ARG BASE=https://ci:{v}@h.example/a\nADD $BASE /x"),
        format!("ARG DB_PASSWORD={v}\nRUN mysql -p$DB_PASSWORD"),
        format!("ENV DB_PASSWORD {v}"),
        format!("ENV DB_PASSWORD=\"{v} more words\""),
        format!("ENV URL=postgres://app:{v}@db/x"),
        format!("LABEL password={v}"),
        format!("COPY <<EOF /root/.netrc\nmachine h.example login ci password {v}\nEOF"),
        format!("CMD mysql -uroot -p{v}"),
        format!("ENTRYPOINT [\"mysql\", \"-uroot\", \"-p{v}\"]"),
        format!("HEALTHCHECK CMD curl -u ci:{v} http://localhost/"),
        format!("WORKDIR https://ci:{v}@h.example/"),
        format!("SHELL [\"mysql\", \"-p{v}\"]"),
        format!("VOLUME [\"https://ci:{v}@h.example/\"]"),
        format!("MAINTAINER https://ci:{v}@h.example/"),
        format!("FROM ci:{v}@r.example/a AS b"),
        format!("EXPOSE password={v}"),
        format!("RUNN mysql -uroot -p{v}"),
        format!("RUN --password={v} true"),
        format!("COPY --token={v} a /b"),
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("all.toml"),
        "[[rule]]\nname = \"all\"\nmatch.severity = \">=info\"\naction = \"warn\"\n",
    )
    .unwrap();
    for (number, text) in texts.iter().enumerate() {
        fs::write(folder.path().join(format!("Dockerfile.{number}")), format!("FROM debian\n{text}\n")).unwrap();
    }
    let mut shown = String::new();
    for format in ["text", "json", "sarif"] {
        let output = lint(folder.path(), &[".", "-v", "--show-waived", "-f", format, "-p", "all.toml"], None);
        assert!(output.stdout.len() > 10_000, "{format}: {}", String::from_utf8_lossy(&output.stderr));
        let out = String::from_utf8_lossy(&output.stdout);
        shown.extend(out.lines().filter(|line| line.contains(&v)).map(|line| format!("{format}: {line}\n")));
    }
    assert!(shown.is_empty(), "\n{shown}");
}

#[test]
fn findings_of_an_image_name_the_line_that_made_them() {
    let history = |step: &str, empty: bool| json!({"created_by": step, "empty_layer": empty});
    let recipe = Recipe {
        config: json!({"User": "0", "Env": ["A=1"]}),
        history: vec![
            history("/bin/sh -c #(nop) ADD file:0123 in / ", false),
            history("ENV A=1", true),
            history("RUN /bin/sh -c make install # buildkit", false),
            history("COPY a.js /srv/ # buildkit", false),
            history("USER 0", true),
        ],
        ..Recipe::default()
    };
    let layers = [
        RawTar::default().file("etc/motd", "x").end(),
        RawTar::default().file("usr/bin/x", "x").end(),
        RawTar::default().file("srv/a.js", format!("x = '{}';\n", token::github(3))).end(),
    ];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("image.tar"), Built::new(&recipe, &layers).docker_archive()).unwrap();
    let places = |dockerfile: &str| {
        fs::write(folder.path().join("Dockerfile"), dockerfile).unwrap();
        let arguments = ["scan", "image.tar", "-f", "json", "--dockerfile", "Dockerfile"];
        let output = command(&arguments).current_dir(folder.path()).output().unwrap();
        let report: Value = serde_json::from_slice(&output.stdout).unwrap();
        let of = |rule: &str| {
            let all = report["findings"].as_array().unwrap();
            let found = all.iter().find(|finding| finding["rule"].as_str().unwrap().starts_with(rule)).unwrap();
            let evidence = &found["evidence"];
            format!("{} {}", evidence["dockerfile"], evidence["dockerfile_confidence"])
        };
        let told = report["limitations"].as_array().unwrap().iter().any(|one| one["code"] == "dockerfile-not-aligned");
        (of("secret/"), of("image/root-user"), told)
    };
    let own = "FROM golang:1 AS build\nRUN go build\nFROM base\nENV A=1\nRUN make \\\n  install\n# why\nCOPY a.js /srv/\nUSER 0\n";
    let high = |line: u32| format!("\"Dockerfile:{line}\" \"high\"");
    assert_eq!(places(own), (high(8), high(9), false));
    let other = "FROM base\nCOPY . /app\nRUN npm ci\nRUN npm test\nUSER 0\n";
    let none = "null null".to_owned();
    assert_eq!(places(other), (none.clone(), none, true));
    // what was changed since keeps its line, and every format says so
    let changed = own.replace("COPY a.js", "COPY a.js b.js").replace("USER 0", "USER app");
    let unsure = |line: u32, word: &str| format!("\"Dockerfile:{line}\" \"{word}\"");
    assert_eq!(places(&changed), (unsure(8, "low"), unsure(9, "low"), false));
    let shown = |format: &str| {
        let arguments = ["scan", "image.tar", "--no-advisories", "-f", format, "--dockerfile", "Dockerfile"];
        let output = command(&arguments).current_dir(folder.path()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(shown("text").contains("Dockerfile:8 (changed since)"), "{}", shown("text"));
    let (sarif, json) = (shown("sarif"), shown("json"));
    assert!(
        sarif.contains("the instruction was changed since") && !sarif.contains("\"made by this instruction\""),
        "{sarif}"
    );
    assert!(json.contains("\"dockerfile_changed\": true") || json.contains("\"dockerfile_changed\":true"), "{json}");
    places(own);
    assert!(!shown("text").contains("(changed since)") && shown("sarif").contains("\"made by this instruction\""));
}

#[test]
fn names_of_the_build_are_no_images() {
    let folder = tempfile::tempdir().unwrap();
    let digest = "0".repeat(64);
    let text = format!("FROM base\nCOPY --from=shared a /srv/a\nUSER 65532\nCMD [\"a\"]\n# {digest}\n");
    fs::write(folder.path().join("Dockerfile"), text).unwrap();
    let floating = |arguments: &[&str]| {
        let output = lint(folder.path(), &[&["Dockerfile", "-f", "json"], arguments].concat(), None);
        String::from_utf8_lossy(&output.stdout).matches("\"dockerfile/floating-base\"").count()
    };
    let image = format!("base=docker-image://debian:13@sha256:{digest}");
    assert_eq!(floating(&[]), 2);
    assert_eq!(floating(&["--build-context", "shared=../lib"]), 1);
    assert_eq!(floating(&["--build-context", "shared", "--build-context", &image]), 0);
    let wrong = lint(folder.path(), &["Dockerfile", "--build-context", "=x"], None);
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn secrets_of_history_and_configuration_name_their_line() {
    let token = token::github(4);
    let history = |step: String, empty: bool| json!({"created_by": step, "empty_layer": empty});
    let password = ["q7Rt2xLm9", "Vb4Kp8Zs"].concat();
    let recipe = Recipe {
        config: json!({
            "Env": [format!("DB_PASSWORD={password}")],
            "Labels": {"a.token": token},
            "Cmd": ["app", "--token", token::github(5)],
        }),
        history: vec![
            history("/bin/sh -c #(nop) ADD file:0123 in / ".into(), false),
            history(format!("ARG GH_TOKEN={}", token::github(6)), true),
            history(format!("ENV DB_PASSWORD={password}"), true),
            history(format!("RUN /bin/sh -c curl -u ci:{password} https://h.example/ # buildkit"), false),
            history(format!("LABEL a.token={token}"), true),
            history(format!("CMD [\"app\" \"--token\" \"{}\"]", token::github(5)), true),
        ],
        ..Recipe::default()
    };
    let layers = [RawTar::default().file("etc/motd", "x").end(), RawTar::default().file("x", "x").end()];
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("image.tar"), Built::new(&recipe, &layers).docker_archive()).unwrap();
    let file = format!(
        "FROM base\nARG GH_TOKEN={}\nENV DB_PASSWORD={password}\nRUN curl \\\n  -u ci:{password} https://h.example/\n\
         LABEL a.token={token}\nCMD [\"app\", \"--token\", \"{}\"]\n",
        token::github(6),
        token::github(5)
    );
    fs::write(folder.path().join("Dockerfile"), file).unwrap();
    let arguments = ["scan", "image.tar", "-f", "json", "--dockerfile", "Dockerfile"];
    let output = command(&arguments).current_dir(folder.path()).output().unwrap();
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut places: Vec<String> = Vec::new();
    for finding in report["findings"].as_array().unwrap() {
        let rule = finding["rule"].as_str().unwrap();
        if rule.starts_with("secret/") || rule == "image/root-user" {
            let evidence = &finding["evidence"];
            places.push(format!("{rule} {} {}", finding["location"]["key"], evidence["dockerfile_line"]));
        }
    }
    places.sort();
    let expected = [
        "image/root-user \"User\" 1",
        "secret/curl-user \"created_by\" 4",
        "secret/generic-password \"Env.DB_PASSWORD\" 3",
        "secret/generic-password \"created_by\" 3",
        "secret/github-pat \"Cmd\" 7",
        "secret/github-pat \"Labels.a.token\" 6",
        "secret/github-pat \"created_by\" 2",
        "secret/github-pat \"created_by\" 6",
        "secret/github-pat \"created_by\" 7",
    ];
    assert_eq!(places, expected);
}

#[test]
fn a_dockerfile_that_makes_no_image_points_at_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let recipe: Recipe = serde_json::from_value(json!({
        "about": "anything",
        "layer": [{ "members": [{ "path": "app/run", "text": "x" }] }],
    }))
    .unwrap();
    fs::write(folder.path().join("image.tar"), recipe.build().docker_archive()).unwrap();
    fs::write(folder.path().join("Dockerfile"), "FRM debian:13\nCOPY . /app\n").unwrap();
    let output = command(&["scan", "image.tar", "--no-advisories", "--dockerfile", "Dockerfile"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stderr).contains("careen lint"), "{output:?}");
}
