//! Installing behind a copy of everything.

use super::facts::mounts;
use super::manager::{Action, Manager, request};
use super::{Context, Lint};
use crate::dockerfile::shell::Command;
use crate::dockerfile::{Instruction, Kind, Word};
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// Every change installs all again.
pub(super) static CACHE_ORDER: Rule = Rule {
    id: "dockerfile/cache-order",
    title: "Dependencies are installed behind a copy of all sources",
    severity: Severity::Low,
    why: "An instruction is taken from the cache only while all before it are unchanged. Behind `COPY . .` \
          every change of any file installs everything again.",
    remediation: "Copy the lists of dependencies first, install, and then copy the rest.",
    references: &["https://docs.docker.com/build/cache/optimize/#order-your-layers"],
    bad: "FROM node:22-slim\nWORKDIR /app\nCOPY . .\nRUN npm ci && npm cache clean --force\nUSER 65532",
    good: "FROM node:22-slim\nWORKDIR /app\nCOPY package.json package-lock.json ./\nRUN npm ci && npm cache clean --force\nCOPY . .\nUSER 65532",
    ..Rule::NEW
};

/// Looks for the first install of each kind behind a copy of the whole context.
pub(super) struct CacheOrder;

impl Lint for CacheOrder {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&CACHE_ORDER] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let mut copied: Option<&Instruction> = None;
        let mut done: Vec<&str> = Vec::new();
        let mut stage = None;
        for (index, instruction) in context.instructions() {
            if instruction.stage != stage {
                (stage, copied) = (instruction.stage, None);
                done.clear();
            }
            if let Kind::Copy(transfer) | Kind::Add(transfer) = &instruction.kind {
                let is_whole = |source: &Word| matches!(source.text.as_str(), "." | "./" | "/" | "*" | "./*");
                if copied.is_none() && instruction.flag("from").is_none() && transfer.sources.iter().any(is_whole) {
                    copied = Some(instruction);
                }
            }
            if !matches!(instruction.kind, Kind::Run(_)) {
                continue;
            }
            // a cache of the packages makes installing again cheap
            let has_cache = mounts(instruction).any(|mount| mount.contains("type=cache"));
            for call in context.calls.get(index).map(Vec::as_slice).unwrap_or_default() {
                let Some((kind, what, lists)) = install(call) else { continue };
                if done.contains(&kind) {
                    continue;
                }
                done.push(kind);
                let Some(copy) = copied.filter(|_| !has_cache) else { continue };
                let line = context.line(copy);
                let hint = match lists {
                    "" => "put it above the copy".to_owned(),
                    lists => format!("copy {lists} first, and the rest behind it"),
                };
                let message = format!(
                    "`{what}` runs again after every change of a file, for line {line} copies them all; {hint}"
                );
                findings.push(context.finding(&CACHE_ORDER, call.span, what, message));
            }
        }
    }
}

/// What a command installs: the kind, its words, and the files it needs for that; none of those that need the sources.
fn install(call: &Command) -> Option<(&'static str, String, &'static str)> {
    let first = call.arguments().first().map_or("", |word| word.text.as_str());
    let second = call.arguments().get(1).map_or("", |word| word.text.as_str());
    let named = |kind, lists| Some((kind, format!("{} {first}", call.name()), lists));
    if let Some(request) = request(call) {
        let what = format!("{} {}", request.name, request.verb.text);
        let what = if request.verb.text == request.name { request.name.to_owned() } else { what };
        let is_local = request.operands.iter().any(|word| word.text.starts_with(['.', '/']) || word.text.contains('$'));
        let asks_for_local = call.flag(&["-e", "--editable"]).is_some();
        return match (request.manager, request.action) {
            (Manager::Apt | Manager::Apk | Manager::Dnf | Manager::Zypper, Action::Install) if !is_local => {
                Some(("system", what, ""))
            }
            (Manager::Npm, Action::Install) if request.is_of_project() => {
                Some(("node", what, "`package.json` and `package-lock.json`"))
            }
            (Manager::Yarn, Action::Install) if request.is_of_project() => {
                Some(("node", what, "`package.json` and `yarn.lock`"))
            }
            (Manager::Pnpm, Action::Install) if request.is_of_project() => {
                Some(("node", what, "`package.json` and `pnpm-lock.yaml`"))
            }
            (Manager::Pip, Action::Install) if request.is_of_project() && !is_local && !asks_for_local => {
                Some(("python", what, "the requirements"))
            }
            (Manager::Pip, Action::Install) if !request.operands.is_empty() && !is_local && !asks_for_local => {
                Some(("pip", what, ""))
            }
            (Manager::Go, _) => (first == "mod" && second == "download")
                .then(|| ("go", "go mod download".to_owned(), "`go.mod` and `go.sum`")),
            _ => None,
        };
    }
    match (call.name(), first) {
        ("go", "mod") if second == "download" => Some(("go", "go mod download".to_owned(), "`go.mod` and `go.sum`")),
        ("bundle", "install") => named("ruby", "`Gemfile` and `Gemfile.lock`"),
        ("composer", "install") if call.flag(&["--no-scripts", "--no-autoloader"]).is_some() => {
            named("php", "`composer.json` and `composer.lock`")
        }
        ("poetry", "install") if call.flag(&["--no-root"]).is_some() => {
            named("poetry", "`pyproject.toml` and `poetry.lock`")
        }
        ("uv", "sync") if call.flag(&["--no-install-project"]).is_some() => {
            named("uv", "`pyproject.toml` and `uv.lock`")
        }
        ("cargo", "fetch") => named("cargo", "`Cargo.toml` and `Cargo.lock`"),
        ("dotnet", "restore") => named("dotnet", "the project files"),
        ("mvn" | "mvnw", "dependency:go-offline" | "dependency:resolve") => named("maven", "`pom.xml`"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &CacheOrder,
            &[
                (
                    "FROM a\nCOPY . .\nRUN npm ci\n",
                    &[
                        "low dockerfile/cache-order 3:5-3:11: `npm ci` runs again after every change of a file, for line 2 copies them all; copy `package.json` and `package-lock.json` first, and the rest behind it",
                    ],
                ),
                (
                    "FROM a\nCOPY . /b\nRUN cd b && pip install --no-cache-dir -r requirements.txt && apt-get install -y c\n",
                    &[
                        "low dockerfile/cache-order 3:13-3:59: `pip install` runs again after every change of a file, for line 2 copies them all; copy the requirements first, and the rest behind it",
                        "low dockerfile/cache-order 3:63-3:83: `apt-get install` runs again after every change of a file, for line 2 copies them all; put it above the copy",
                    ],
                ),
                (
                    "FROM a\nCOPY package*.json ./\nRUN npm ci\nCOPY . .\nRUN npm ci --omit=dev\nFROM a\nRUN npm ci\n",
                    &[],
                ),
                (
                    "FROM a\nCOPY . .\nRUN pip install .\nRUN --mount=type=cache,target=/root/.npm npm ci\nRUN npm run build\nRUN go build ./...\n",
                    &[],
                ),
                (
                    "FROM a\nCOPY . .\nRUN go mod download\n",
                    &[
                        "low dockerfile/cache-order 3:5-3:20: `go mod download` runs again after every change of a file, for line 2 copies them all; copy `go.mod` and `go.sum` first, and the rest behind it",
                    ],
                ),
                ("FROM a\nCOPY --from=b . .\nRUN npm ci\n", &[]),
            ],
        );
    }
}
