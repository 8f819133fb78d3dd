//! Secrets of whole Dockerfiles, as a user is told of them.

use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::lint::Surroundings;
use crate::finding::Location;
use crate::limit::Limits;
use crate::lint::{Input, lint};
use crate::policy::PolicySet;

/// A made-up value that is in no list of placeholders.
fn value() -> String {
    ["kQ7vT2", "xwZm9", "Lp3Rt8Yb"].concat()
}

/// The secrets that are told, with the text they point at.
fn told(text: &str) -> Vec<(String, String)> {
    let input = Input { name: "Dockerfile".into(), bytes: text.as_bytes().to_vec(), ..Input::default() };
    let today = "2026-11-21".parse().expect("a date");
    let linted = lint(&[input], &PolicySet::load(&[], &[], false).expect("the default"), today, &Limits::default())
        .expect("no condition");
    let mut told = Vec::new();
    for judged in &linted.report.findings {
        let (finding, lines) = (&judged.finding, text.lines().collect::<Vec<_>>());
        let Location::Dockerfile { start, end, .. } = &finding.location else { continue };
        if !finding.rule.id.starts_with("secret/") && finding.rule.id != "dockerfile/secret-in-variable" {
            continue;
        }
        let line = |number: u64| lines[usize::try_from(number).expect("small") - 1];
        let (from, to) = (usize::try_from(start.1).expect("small") - 1, usize::try_from(end.1).expect("small") - 1);
        let shown = if start.0 == end.0 { line(start.0)[from..to].to_owned() } else { "…".to_owned() };
        told.push((finding.rule.id.to_owned(), shown));
    }
    told
}

#[test]
fn secrets_are_told_wherever_they_stand() {
    let v = value();
    let cases: Vec<(String, &str)> = vec![
        (format!("RUN <<EOF\nmysql -uroot -p{v} -e 'select 1'\nEOF"), "secret/database-client-password"),
        (
            format!("RUN cat <<EOF > /root/.netrc\nmachine h.example login ci password {v}\nEOF"),
            "secret/netrc-password",
        ),
        (format!("COPY <<EOF /root/.npmrc\n//r.example/:_authToken={v}\nEOF"), "secret/npmrc-auth-token"),
        (format!("CMD [\"app\", \"--token\", \"{v}\"]"), "secret/generic-secret"),
        (format!("CMD app --api-key {v}"), "secret/generic-secret"),
        (format!("ENTRYPOINT [\"sh\", \"-c\", \"mysql -uroot -p{v}\"]"), "secret/database-client-password"),
        (format!("HEALTHCHECK CMD curl -u ci:{v} http://localhost/"), "secret/curl-user"),
        (format!("ADD https://{v}@h.example/x.tgz /x/"), "secret/generic-secret"),
        (format!("ADD https://ci:{v}@h.example/x.tgz /x/"), "secret/url-credentials"),
        (format!("ADD https://{v}@git.example/a/b.git /x"), "secret/generic-secret"),
        (format!("RUN export DB_PASSWORD={v}"), "secret/generic-password"),
        (format!("RUN API_TOKEN={v} make"), "secret/generic-secret"),
        (format!("RUN mysql -uroot -p{v} db"), "secret/database-client-password"),
        (format!("RUN curl -u ci:{v} https://h.example/"), "secret/curl-user"),
        (format!("RUN curl \\\n  -u ci:{v} \\\n  https://h.example/"), "secret/curl-user"),
        (format!("RUN curl -H \"Authorization: Bearer {v}{v}\" https://h.example/"), "secret/bearer-authorization"),
        (format!("RUN tool login --password {v}"), "secret/generic-password"),
        (format!("RUN echo {v} > /etc/app/db_password"), "secret/secret-file"),
        (format!("RUN echo \"machine h.example login ci password {v}\" >> ~/.netrc"), "secret/netrc-password"),
        (format!("RUN npm config set //r.example/:_authToken {v}"), "secret/generic-password"),
        (format!("RUN npm config set //r.example/:_authToken={v}"), "secret/npmrc-auth-token"),
        (format!("RUN pip config set global.index-url https://ci:{v}@pypi.example/simple"), "secret/url-credentials"),
        (
            format!("RUN git config --global url.\"https://{v}@git.example/\".insteadOf \"https://git.example/\""),
            "secret/generic-secret",
        ),
        (format!("RUN docker login -u ci -p {v} r.example"), "secret/command-login-password"),
        (format!("RUN aws configure set aws_secret_access_key {v}"), "secret/generic-password"),
        (format!("RUN openssl enc -aes-256-cbc -k {v} -in a -out b"), "secret/generic-password"),
        (format!("RUN useradd -m -p {v} app"), "secret/generic-password"),
        (format!("RUN echo 'root:{v}' | chpasswd"), "secret/account-password"),
        (format!("RUN usermod -p '{}' root", hash()), "secret/useradd-password-hash"),
        (format!("RUN usermod -p \"{}\" root", hash().replace('$', "\\$")), "secret/useradd-password-hash"),
        (format!("RUN echo 'root:{}' | chpasswd -e", hash()), "secret/password-hash"),
        (format!("RUN chpasswd -e <<EOF\nroot:{}\nEOF", hash()), "secret/password-hash"),
        (format!("RUN chpasswd <<EOF\nroot:{v}\nEOF"), "secret/generic-password"),
        (format!("RUN useradd -p \"$(openssl passwd -6 {v})\" app"), "secret/generic-password"),
        (format!("RUN poetry config http-basic.acme ci {v}"), "secret/package-tool-password"),
        (format!("RUN gpg --batch --passphrase {v} -d a.gpg"), "secret/generic-password"),
        (format!("RUN echo {v} | gpg --batch --passphrase-fd 0 -d a.gpg"), "secret/generic-password"),
        (format!("RUN frob --password={v}"), "secret/generic-password"),
        (format!("RUN frob -p {v}"), "secret/generic-secret"),
        (format!("USER admin:{v}"), "secret/generic-password"),
        (format!("ENV DB_PW={v}"), "dockerfile/secret-in-variable"),
        (format!("ARG PW={v}"), "dockerfile/secret-in-variable"),
        ("ARG PW".to_owned(), "dockerfile/secret-in-variable"),
        (format!("ENV A=AKIA{}", "Q3EGRZ7T5WXNPL2M"), "secret/aws-access-key"),
        (format!("ENV A=glpat-{}", "txJTQr1FqXSTs98vPlL2"), "secret/gitlab-pat"),
        (format!("ENV A=https://me:{v}@h.example/a"), "secret/url-credentials"),
        (format!("LABEL token={v}"), "dockerfile/secret-in-variable"),
        (format!("ENV A=1 API_TOKEN={v}"), "dockerfile/secret-in-variable"),
        (format!("ENV DATABASE_URL=postgres://app:{v}@db/x"), "secret/postgres-url"),
        (format!("ONBUILD RUN mysql -uroot -p{v} db"), "secret/database-client-password"),
        (format!("RUN --mount=type=cache,target=/c mysql -uroot -p{v} db"), "secret/database-client-password"),
    ];
    let mut wrong = String::new();
    for (text, rule) in cases {
        let found = told(&format!("FROM debian:13\n{text}\nUSER 65532\n"));
        let is_right = matches!(found.as_slice(), [(id, shown)] if id == rule && (text.contains(shown.as_str()) && shown.len() >= 8 || rule.starts_with("dockerfile/")) && !shown.contains(' '));
        if !is_right {
            wrong += &format!("{text}\n  found {found:?}\n  expected {rule}\n");
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

/// The hash of a password, made up.
fn hash() -> String {
    format!("$6${}${}", "q7Rt2xLm9Vb4", ["kQ7vT2xwZm9Lp3Rt8Yb./"; 5].concat().get(..86).expect("so long"))
}

#[test]
fn keys_that_several_commands_write_are_told() {
    // an Ed25519 key (RFC 8410) of made-up bytes
    let lines = ["MC4CAQAwBQYDK2VwBCIEIAE2Tfw1bQ", "uRRG7+TeNKk8gFunVJXY5KSX9RWrxwPuaY"];
    let (begin, end) = (["-----BEGIN ", "PRIVATE KEY-----"].concat(), ["-----END ", "PRIVATE KEY-----"].concat());
    let [one, two] = lines;
    let cases = [
        (format!("RUN echo '{begin}' > k && \\\n echo '{one}' >> k && \\\n echo {two} >> k && echo '{end}' >> k"), one),
        (format!("RUN echo '{begin}' > k\nRUN echo '{one}' >> k\nRUN echo {two} >> k\nRUN echo '{end}' >> k"), &begin),
    ];
    for (text, shown) in cases {
        let found = told(&format!("FROM debian:13\n{text}\nUSER 65532\n"));
        assert_eq!(found, [("secret/private-key".to_owned(), shown.to_owned())], "{text}");
    }
}

#[test]
fn what_is_no_secret_is_not_told() {
    let texts = [
        "RUN curl -u \"ci:$TOKEN\" https://h.example/",
        "ENV B=AKIAIOSFODNN7EXAMPLE",
        "RUN curl https://me:$P@h.example/a https://h.example/@b:c",
        "RUN curl -H \"Authorization: Bearer ${TOKEN}\" https://h.example/",
        "RUN curl -H \"Authorization: Bearer $(cat /run/secrets/token)\" https://h.example/",
        "RUN --mount=type=secret,id=npm npm config set //r.example/:_authToken $(cat /run/secrets/npm)",
        "RUN --mount=type=secret,id=t,env=TOKEN git clone https://$TOKEN@git.example/a/b",
        "RUN echo \"//r.example/:_authToken=\\${NPM_TOKEN}\" > .npmrc",
        "RUN mysql -uroot -p\"$PW\" db",
        "RUN echo 'root:changeme' | chpasswd",
        "RUN docker run -p 8080:8080 a",
        "RUN mkdir -p aQ7vT2xwZm9Lp3Rt && cp -p aQ7vT2xwZm9Lp3Rt /x && conda create -p aQ7vT2xwZm9Lp3Rt",
        "RUN if true; then mkdir -p aQ7vT2xwZm9Lp3Rt; fi",
        "RUN set -ex\\\n && virtualenv -p python3.12 /venv && frob -p 8080 -p name -p a/b -p release-2024",
        "RUN useradd -p \"$(openssl passwd -6 \"$PW\")\" app && poetry config http-basic.acme ci \"$PW\"",
        "RUN usermod -p '!' root && usermod -p '*' app && chpasswd <<EOF\nroot:$PW\nEOF",
        "ENV PW=changeme PW_FILE=/run/secrets/pw",
        "USER app:Users",
        "USER app:docker-users",
        "USER 1000:1000",
        "RUN npm config set registry https://registry.npmjs.example/",
        "RUN git config --global user.email ci@h.example && git config --global user.name ci",
        "RUN pip install a==1.2.3 --hash=sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        "RUN echo \"deb [signed-by=/k.gpg] https://d.example/debian bookworm main\" > /etc/apt/sources.list.d/a.list",
        "RUN git clone git@git.example:a/b.git && git clone ssh://git@git.example/a/b",
        "RUN useradd -m -p '' app && useradd --password \"$(openssl passwd -6 x)\" b",
        "RUN echo \"$PASSWORD\" > /run/password",
        "RUN passwd -l root && passwd -d app",
        "ADD https://h.example/x.tgz /x/",
        "CMD [\"app\", \"--token-file\", \"/run/secrets/token\"]",
        "ENV SENTRY_DSN=https://0123456789abcdef0123456789abcdef@o1.ingest.sentry.example/1",
        "LABEL org.opencontainers.image.authors=\"a@h.example\"",
        "FROM a@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    ];
    for text in texts {
        assert_eq!(told(&format!("FROM debian:13\n{text}\nUSER 65532\n")), [], "{text}");
    }
}

#[test]
fn files_that_are_copied_are_read() {
    let v = value();
    let folder = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("in the folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    };
    write(".npmrc", format!("registry=https://r.example/\n//r.example/:_authToken={v}\n"));
    write("conf/.netrc", format!("machine h.example login ci password {v}\n"));
    write("other/.netrc", format!("machine h.example login ci password {v}\n"));
    write("clean/.env", "PORT=80\n".to_owned());
    write("large/.env", format!("{}\nDB_PASSWORD={v}\n", "#".repeat(2 << 20)));
    write("ignored/.env", format!("DB_PASSWORD={v}\n"));
    let names = [".npmrc", "clean/.env", "conf/.netrc", "ignored/.env", "large/.env", "other/.netrc"];
    let size = |name: &str| std::fs::metadata(folder.path().join(name)).map_or(0, |metadata| metadata.len());
    let surroundings = Surroundings {
        ignore_name: String::new(),
        ignore: Some(Ignore::parse(b"ignored\n")),
        entries: names.map(|name| (name.to_owned(), size(name))).into(),
        is_cut: true,
    };
    let told = |text: &str| {
        let input = Input {
            name: "Dockerfile".into(),
            bytes: format!("FROM debian:13\n{text}\nUSER 65532\n").into_bytes(),
            surroundings: Some(surroundings.clone()),
            folder: Some(folder.path().to_owned()),
            ..Input::default()
        };
        let today = "2026-11-21".parse().expect("a date");
        let linted = lint(&[input], &PolicySet::load(&[], &[], false).expect("the default"), today, &Limits::default())
            .expect("no condition");
        let all = linted.report.findings.iter().map(|judged| &judged.finding);
        let kept = all.filter(|finding| finding.rule.id.contains("secret"));
        let mut lines: Vec<String> = kept.map(|finding| format!("{} {}", finding.rule.id, finding.message)).collect();
        lines.extend(linted.report.limitations.iter().map(|one| one.what.clone()));
        assert!(!lines.concat().contains(&v));
        lines
    };
    assert_eq!(
        told("COPY .npmrc /root/"),
        [
            "secret/npmrc-auth-token A registry token in an npm configuration in `.npmrc`, line 2, which is copied into the image: ****"
        ]
    );
    let found = told("COPY conf /root/");
    assert!(found.len() == 1 && found[0].contains("in `conf/.netrc`, line 1, which"), "{found:?}");
    assert_eq!(told("COPY --from=b . /root/"), [""; 0]);
    assert_eq!(told("COPY ignored /root/"), [""; 0]);
    assert_eq!(
        told("COPY clean/.env /root/"),
        [
            "dockerfile/secret-copied `clean/.env` is copied into the image; `RUN --mount=type=secret` leaves nothing behind"
        ]
    );
    let all = told("COPY . /root/");
    assert_eq!(all.iter().filter(|line| line.starts_with("secret/")).count(), 3, "{all:?}");
    assert!(all.iter().any(|line| line.contains("`large/.env`, which is copied, is larger than 1.0 MiB")), "{all:?}");
    assert!(all.iter().any(|line| line.contains("more files than are looked at")), "{all:?}");
}

#[test]
fn a_remedy_is_told_for_the_case() {
    let v = value();
    let instead = |text: &str| {
        let input = Input { name: "a".into(), bytes: text.as_bytes().to_vec(), ..Input::default() };
        let linted = lint(
            &[input],
            &PolicySet::load(&[], &[], false).expect("the default"),
            "2026-11-21".parse().expect("a date"),
            &Limits::default(),
        )
        .expect("no condition");
        let evidence = linted.report.findings.iter().find_map(|judged| judged.finding.evidence.get("instead"));
        evidence.and_then(|text| text.as_str()).unwrap_or_default().to_owned()
    };
    let cases = [
        (
            format!("RUN apt-get update && curl \\\n  -u ci:{v} \\\n  https://h.example/ && true"),
            "RUN --mount=type=secret,id=password,env=PASSWORD curl -u ci:${PASSWORD} https://h.example/",
        ),
        (format!("RUN API_TOKEN={v} make all"), "RUN --mount=type=secret,id=api_token,env=API_TOKEN make all"),
        (
            format!("ENV DATABASE_URL=postgres://app:{v}@db/x\nRUN migrate --to $DATABASE_URL"),
            "RUN --mount=type=secret,id=database_url,env=DATABASE_URL migrate --to $DATABASE_URL",
        ),
        (
            format!("ADD https://ci:{v}@h.example/x.tgz /x/"),
            "RUN --mount=type=secret,id=netrc,target=/root/.netrc curl -fsSL -n -o /x/ https://h.example/x.tgz",
        ),
        (
            format!("COPY <<EOF /root/.npmrc\n//r.example/:_authToken={v}\nEOF"),
            "RUN --mount=type=secret,id=npmrc,target=/root/.npmrc …",
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(instead(&format!("FROM debian:13\n{text}\n")), expected, "{text}");
    }
}
