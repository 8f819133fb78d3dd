//! Files with secrets that `COPY` brings into the image.

use super::copy_ignored::leaves_out;
use super::facts::{has_ending, quoted};
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};

/// A file with secrets.
pub(super) static SECRET_COPIED: Rule = Rule {
    id: "dockerfile/secret-copied",
    title: "A file with secrets is copied into the image",
    severity: Severity::High,
    why: "The file is in a layer for good: everybody who may pull the image reads it, even when a later line \
          deletes it.",
    remediation: "Mount it for the one command that needs it: `RUN --mount=type=secret,id=npmrc,target=/root/.npmrc \
          npm ci`, built with `--secret id=npmrc,src=.npmrc`. For the running program, mount it when the \
          container starts.",
    references: &["https://docs.docker.com/build/building/secrets/"],
    bad: "FROM debian:13\nCOPY .env /app/\nUSER 65532",
    good: "FROM debian:13\nRUN --mount=type=secret,id=env,target=/app/.env make\nUSER 65532",
    ..Rule::NEW
};

/// Judges the names of what is copied from the context.
pub(super) struct SecretCopied;

impl Lint for SecretCopied {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SECRET_COPIED] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let (Kind::Copy(transfer) | Kind::Add(transfer)) = &instruction.kind else { continue };
            if instruction.flag("from").is_some() {
                continue;
            }
            for source in &transfer.sources {
                let resolved = context.file.scope(index).resolve(source);
                let Some(text) = resolved.text().filter(|text| !text.contains("://") && !text.starts_with("<<")) else {
                    continue;
                };
                let ignore = context.surroundings.and_then(|surroundings| surroundings.ignore.as_ref());
                // what stays behind is no secret of the image: the build stops
                if ignore.is_some_and(|ignore| leaves_out(ignore, text)) {
                    continue;
                }
                // what is in the file says more than its name
                if !holds_secret(text) || context.is_told(source.span) {
                    continue;
                }
                let shown = quoted(text);
                let (severity, where_to) = if context.ships(instruction) {
                    (Severity::High, "into the image")
                } else {
                    (Severity::Low, "into a stage, whose layers stay in the build cache")
                };
                let message =
                    format!("`{shown}` is copied {where_to}; `RUN --mount=type=secret` leaves nothing behind");
                let finding = context.finding(&SECRET_COPIED, source.span, shown, message);
                findings.push(Finding { severity, ..finding });
            }
        }
    }
}

/// Whether a file of this name holds secrets by what it is for.
pub fn holds_secret(path: &str) -> bool {
    let path = path.trim_end_matches('/').to_ascii_lowercase();
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_sample = ["example", "sample", "template", "dist", "test", "schema", "tpl"]
        .iter()
        .any(|word| name.ends_with(&format!(".{word}")));
    let is_env = name == ".env" || name.starts_with(".env.") || (has_ending(name, "env") && name.contains("secret"));
    let is_key = matches!(name, "id_rsa" | "id_dsa" | "id_ecdsa" | "id_ed25519")
        || (has_ending(name, "pem") || has_ending(name, "key")) && name.contains("priv")
        || [".p12", ".pfx", ".jks", ".ppk", ".keystore"].iter().any(|end| name.ends_with(end))
        || has_ending(name, "key") && !name.contains("pub");
    let is_login =
        matches!(
            name,
            ".netrc" | ".git-credentials" | ".pgpass" | ".my.cnf" | ".htpasswd" | ".pypirc" | ".npmrc.secret"
        ) || [".aws/credentials", ".docker/config.json", ".kube/config"].iter().any(|end| path.ends_with(end))
            || matches!(name, ".aws" | ".ssh" | ".gnupg" | ".kube");
    !is_sample && (is_env || is_key || is_login)
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn what_is_left_out_is_not_told() {
        let run = |ignore: &str| {
            super::super::testing::beside("FROM a\nCOPY .env /x/\n", Some(ignore), &[], &SecretCopied).len()
        };
        assert_eq!((run(".env\n"), run("dist\n")), (0, 1));
    }

    #[test]
    fn findings_are_as_expected() {
        expect(
            &SecretCopied,
            &[
                (
                    "FROM a\nCOPY .env .env.production deploy/id_rsa /x/\n",
                    &[
                        "high dockerfile/secret-copied 2:6-2:10: `.env` is copied into the image; `RUN --mount=type=secret` leaves nothing behind",
                        "high dockerfile/secret-copied 2:11-2:26: `.env.production` is copied into the image; `RUN --mount=type=secret` leaves nothing behind",
                        "high dockerfile/secret-copied 2:27-2:40: `deploy/id_rsa` is copied into the image; `RUN --mount=type=secret` leaves nothing behind",
                    ],
                ),
                (
                    "FROM a\nCOPY .env.example id_rsa.pub ca.pem keys.pub .npmrc env.js a/.env.test /x/\nCOPY --from=b .env /x\n",
                    &[],
                ),
                (
                    "FROM a AS b\nCOPY server.key /k\nFROM a\n",
                    &[
                        "low dockerfile/secret-copied 2:6-2:16: `server.key` is copied into a stage, whose layers stay in the build cache; `RUN --mount=type=secret` leaves nothing behind",
                    ],
                ),
            ],
        );
    }
}
