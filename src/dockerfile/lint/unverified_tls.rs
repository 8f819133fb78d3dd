//! Commands and variables that leave out the check of certificates, as the manuals of curl, wget, git, pip, npm, go, conda,
//! composer, gem, yarn, aws, helm and podman name them.

use std::collections::HashSet;

use super::facts::quoted;
use super::piped_script::is_local;
use super::settings::written;
use super::{Context, Lint};
use crate::dockerfile::shell::{Command, Word};
use crate::dockerfile::{Kind, Span};
use crate::finding::Findings;
use crate::image::verification::{is_own_machine, is_switched_off};
use crate::rule::Rule;

/// Certificates are not checked.
pub(super) static UNVERIFIED_TLS: Rule = Rule {
    id: "dockerfile/unverified-tls",
    title: "The check of certificates is switched off",
    why: "Whoever stands between the build and the server answers in its place: what is downloaded, and what is sent \
          along, is anybody's. What is set for good, by `ENV` or a setting, holds for the running program too.",
    remediation: "Add the authority that signed the certificate: `ca-certificates`, or that of a proxy for the one command \
          by `RUN --mount=type=bind,source=proxy.crt,target=/proxy.crt` with `--cacert`, `SSL_CERT_FILE`, \
          `NODE_EXTRA_CA_CERTS` or `PIP_CERT`.",
    references: &[
        "https://curl.se/docs/sslcerts.html",
        "https://git-scm.com/docs/git-config#Documentation/git-config.txt-httpsslVerify",
        "https://nodejs.org/api/cli.html#node_tls_reject_unauthorizedvalue",
    ],
    bad: "FROM debian:13\nRUN curl --insecure -fsSLO https://example.com/data.json\nUSER 65532",
    good: "FROM debian:13\nRUN --mount=type=bind,source=proxy.crt,target=/proxy.crt curl --cacert /proxy.crt -fsSLO https://example.com/data.json\nUSER 65532",
    ..Rule::NEW
};

/// Looks at flags, settings and variables.
pub(super) struct UnverifiedTls;

impl Lint for UnverifiedTls {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&UNVERIFIED_TLS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let mut told: HashSet<usize> = HashSet::new();
        let mut tell = |span: Span, what: &str, whose: &str| {
            // what a flag says may look like a setting too
            if !told.insert(span.end) {
                return;
            }
            let message = format!("`{}` switches the check of certificates off{whose}", quoted(what));
            findings.push(context.finding(&UNVERIFIED_TLS, span, quoted(what), message));
        };
        for (index, instruction) in context.instructions() {
            let scope = context.file.scope(index);
            match &instruction.kind {
                Kind::Env(pairs) => {
                    for pair in pairs {
                        if is_switched_off(&pair.name.text, &scope.resolve(&pair.value).shown) {
                            tell(pair.name.span, &pair.name.text, ", for the running program too");
                        }
                    }
                }
                Kind::Arg(arguments) => {
                    for argument in arguments {
                        let value = argument.default.as_ref().map(|value| scope.resolve(value).shown);
                        if value.is_some_and(|value| is_switched_off(&argument.name.text, &value)) {
                            tell(argument.name.span, &argument.name.text, "");
                        }
                    }
                }
                _ => {}
            }
        }
        // runners are left on: `env A=b` sets what is looked for
        for (_, commands) in context.runs() {
            for command in commands {
                let sets = matches!(command.name(), "env" | "export" | "declare" | "sudo");
                let variables = command.assignments.iter().chain(command.arguments().iter().filter(|_| sets));
                for word in variables {
                    if let Some((name, value)) = word.text.split_once('=')
                        && is_switched_off(name, value)
                    {
                        tell(word.span, &word.text, "");
                    }
                }
            }
        }
        for (_, _, calls) in context.calls() {
            for call in calls {
                if let Some(word) = switch(call) {
                    let name = call.words.first().map(|word| word.text.as_str()).unwrap_or_default();
                    tell(word.span, &word.text, &format!(" for `{}`", quoted(name)));
                }
            }
        }
        for (_, instruction) in context.instructions() {
            if matches!(instruction.kind, Kind::Run(_) | Kind::Copy(_) | Kind::Add(_)) {
                for span in written(context, instruction, SETTINGS) {
                    tell(span, context.file.source(span), ", for all that reads the setting");
                }
            }
        }
    }
}

/// Settings that files of programs may hold, in lower case.
const SETTINGS: &[&str] = &[
    "strict-ssl=false",
    "strict-ssl = false",
    "sslverify=0",
    "sslverify=false",
    "sslverify = 0",
    "sslverify = false",
    "check_certificate = off",
    "check_certificate=off",
    "verify-peer \"false\"",
    "verify-peer false",
    "ssl_verify: false",
    "ssl_verify_mode: 0",
];

/// Flags that switch it off whatever the command; with `=`, the value says so.
const FLAGS: &[&str] = &[
    "--insecure-skip-tls-verify",
    "--insecure-skip-tls-verify=true",
    "--insecure-skip-verify",
    "--no-check-certificate",
    "--no-check-certificates",
    "--no-strict-ssl",
    "--no-verify-ssl",
    "--strict-ssl=false",
    "--tls-verify=false",
    "--check-certificate=false",
    "--allow-insecure-host",
];

/// Letters of curl's short flags that take a value: what is behind them in a word is no flag.
const CURL_VALUES: &str = "ACDEFHKPQTUXYbcdehmortuwxyz";

/// The word that switches it off.
fn switch(call: &Command) -> Option<&Word> {
    let words = call.arguments();
    let word = |texts: &[&str]| words.iter().find(|word| texts.contains(&word.text.as_str()));
    let behind = |texts: &[&str]| {
        let at = words.iter().position(|word| texts.contains(&word.text.as_str()))?;
        words.get(at.saturating_add(1))
    };
    // `config set key value`, `config --global key value`, `key=value`
    let setting = |key: &str, values: &[&str]| {
        let is_key = |text: &str| text.rsplit(['.', ':']).next().is_some_and(|last| last.eq_ignore_ascii_case(key));
        words.iter().enumerate().find_map(|(nth, word)| {
            let text = word.text.trim_start_matches('-');
            let value = match text.split_once('=') {
                Some((left, value)) if is_key(left) => value,
                None if is_key(text) => words.get(nth.saturating_add(1))?.text.as_str(),
                _ => return None,
            };
            values.iter().any(|off| value.eq_ignore_ascii_case(off)).then_some(word)
        })
    };
    let found = match call.name() {
        "curl" => {
            let mut urls = call.operands().filter(|word| word.text.contains("://")).peekable();
            if urls.peek().is_some() && urls.all(|word| is_local(&word.text)) {
                return None;
            }
            let has_letter = |text: &str| {
                let letters = text.strip_prefix('-').filter(|rest| !rest.starts_with('-')).unwrap_or_default();
                letters.chars().take_while(|c| !CURL_VALUES.contains(*c)).any(|c| c == 'k')
            };
            words
                .iter()
                .find(|word| has_letter(&word.text) || matches!(word.text.as_str(), "--insecure" | "--proxy-insecure"))
        }
        "git" => setting("sslVerify", &["false", "0", "no", "off"]),
        "npm" | "pnpm" | "yarn" => {
            setting("strict-ssl", &["false", "0"]).or_else(|| setting("enableStrictSsl", &["false"]))
        }
        "conda" | "mamba" => setting("ssl_verify", &["false", "no", "0"]).or_else(|| word(&["--insecure"])),
        "composer" => setting("disable-tls", &["true", "1"]).or_else(|| setting("secure-http", &["false", "0"])),
        "bundle" => setting("ssl_verify_mode", &["0"]),
        "gem" => words.iter().find(|word| word.text.starts_with("http://") && !is_local(&word.text)),
        "go" => word(&["-insecure", "--insecure"]).or_else(|| {
            let is_off =
                |word: &&Word| word.text.split_once('=').is_some_and(|(name, value)| is_switched_off(name, value));
            words.iter().find(is_off)
        }),
        "apt-get" | "apt" => words.iter().find(|word| {
            let text = word.text.to_ascii_lowercase();
            (text.contains("verify-peer=") || text.contains("verify-host="))
                && ["=false", "=0", "=no"].iter().any(|end| text.trim_end_matches('"').ends_with(end))
        }),
        name if name.starts_with("pip") || name.starts_with("python") || name == "uv" => {
            let flag = word(&["--trusted-host", "global.trusted-host", "trusted-host"]);
            let host = behind(&["--trusted-host", "global.trusted-host", "trusted-host"]);
            let joined = words
                .iter()
                .find(|word| word.text.strip_prefix("--trusted-host=").is_some_and(|host| !is_own_machine(host)));
            flag.filter(|_| host.is_some_and(|host| !is_own_machine(&host.text))).or(joined)
        }
        _ => None,
    };
    // what is shown or looked for switches nothing
    if matches!(call.name(), "echo" | "printf" | "grep" | "sed") {
        return None;
    }
    found.or_else(|| word(FLAGS)).or_else(|| {
        let is_allowed = |word: &&Word| word.text.starts_with("--allow-insecure-host=");
        words.iter().find(is_allowed)
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{expect, shown};
    use super::*;

    #[test]
    fn commands_that_switch_it_off_are_found() {
        for (text, switch) in [
            ("curl -k https://a.example/b", "-k"),
            ("curl -fsSLk https://a.example/b -o c", "-fsSLk"),
            ("curl --insecure https://a.example/b", "--insecure"),
            ("sudo curl -sk \"$URL\"", "-sk"),
            ("wget --no-check-certificate https://a.example/b", "--no-check-certificate"),
            ("git config --global http.sslVerify false", "http.sslVerify"),
            ("git -c http.sslVerify=false clone https://a.example/b", "http.sslVerify=false"),
            ("git config --global http.https://a.example/.sslverify 0", "http.https://a.example/.sslverify"),
            ("pip install --trusted-host a.example b", "--trusted-host"),
            ("pip3 install --trusted-host=a.example b", "--trusted-host=a.example"),
            ("python3 -m pip install --trusted-host a.example b", "--trusted-host"),
            ("pip config set global.trusted-host a.example", "global.trusted-host"),
            ("uv pip install --allow-insecure-host a.example b", "--allow-insecure-host"),
            ("npm config set strict-ssl false", "strict-ssl"),
            ("npm config set strict-ssl=false", "strict-ssl=false"),
            ("npm --strict-ssl=false ci", "--strict-ssl=false"),
            ("yarn config set enableStrictSsl false", "enableStrictSsl"),
            ("NODE_TLS_REJECT_UNAUTHORIZED=0 npm ci", "NODE_TLS_REJECT_UNAUTHORIZED=0"),
            ("export GIT_SSL_NO_VERIFY=1", "GIT_SSL_NO_VERIFY=1"),
            ("env PYTHONHTTPSVERIFY=0 a", "PYTHONHTTPSVERIFY=0"),
            ("go env -w GOSUMDB=off", "GOSUMDB=off"),
            ("go env -w GOFLAGS=-insecure", "GOFLAGS=-insecure"),
            ("gem install -s http://a.example b", "http://a.example"),
            ("gem sources --add http://a.example", "http://a.example"),
            ("conda config --set ssl_verify false", "ssl_verify"),
            ("composer config -g disable-tls true", "disable-tls"),
            ("apt-get -o Acquire::https::Verify-Peer=false update", "Acquire::https::Verify-Peer=false"),
            ("helm repo add --insecure-skip-tls-verify a https://a.example", "--insecure-skip-tls-verify"),
            ("skopeo copy --tls-verify=false a b", "--tls-verify=false"),
            ("echo strict-ssl=false >> /root/.npmrc", "strict-ssl=false"),
            ("printf '[a]\\nsslverify=0\\n' > /etc/yum.repos.d/a.repo", "sslverify=0"),
            ("echo 'check_certificate = off' >> ~/.wgetrc", "check_certificate = off"),
            ("aws --no-verify-ssl s3 cp a b", "--no-verify-ssl"),
        ] {
            let found = shown(&UnverifiedTls, &format!("FROM a\nRUN {text}\n"));
            let is_it = matches!(found.as_slice(), [one] if one.contains(&format!(": `{switch}` switches")));
            assert!(is_it, "{text}: {found:?}");
        }
    }

    #[test]
    fn others_are_let_be() {
        for text in [
            "curl -fsSL https://a.example/k",
            "curl -o kk https://a.example/b",
            "curl -okk https://a.example/b",
            "curl -Hk:k https://a.example/b",
            "curl -k https://localhost:8443/health",
            "wget -q https://a.example/no-check-certificate",
            "git config --global http.sslVerify true",
            "git config --global user.name false",
            "pip install --trusted-host localhost b",
            "pip install trusted",
            "npm config set strict-ssl true",
            "NODE_TLS_REJECT_UNAUTHORIZED=1 npm ci",
            "go env -w GOPRIVATE=*.a.example",
            "go env -w GONOSUMDB=*.a.example",
            "gem install b",
            "gem sources --add http://localhost:8808",
            "conda config --set ssl_verify /etc/ssl/a.crt",
            "echo curl -k",
            "echo --tls-verify=false --no-check-certificate",
            "tar -k x",
        ] {
            let found = shown(&UnverifiedTls, &format!("FROM a\nRUN {text}\n"));
            assert!(found.is_empty(), "{text}: {found:?}");
        }
    }

    #[test]
    fn findings_are_as_expected() {
        expect(
            &UnverifiedTls,
            &[
                (
                    "FROM a\nARG OFF=0\nENV A=b NODE_TLS_REJECT_UNAUTHORIZED=$OFF\nARG GIT_SSL_NO_VERIFY=true\nENV PIP_TRUSTED_HOST=localhost\n",
                    &[
                        "medium dockerfile/unverified-tls 3:9-3:37: `NODE_TLS_REJECT_UNAUTHORIZED` switches the check of certificates off, for the running program too",
                        "medium dockerfile/unverified-tls 4:5-4:22: `GIT_SSL_NO_VERIFY` switches the check of certificates off",
                    ],
                ),
                (
                    "FROM a\nONBUILD RUN <<EOF\nset -e\nwget -q \\\n  --no-check-certificate https://a.example/b\nEOF\n",
                    &[
                        "medium dockerfile/unverified-tls 5:3-5:25: `--no-check-certificate` switches the check of certificates off for `wget`",
                    ],
                ),
                (
                    "FROM mcr.microsoft.com/windows/servercore:ltsc2022\nRUN curl -k https://a.example/b\nSHELL [\"powershell\", \"-Command\"]\nRUN curl -k https://a.example/b\n",
                    &[],
                ),
            ],
        );
    }
}
