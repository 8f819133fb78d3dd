//! Installing behind a copy of everything.

use super::dependencies::{Fetch, fetch};
use super::facts::mounts;
use super::{Context, Lint};
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
        context.handed_down(|state: &mut [State<'_>; 2], index, instruction| {
            // what stands behind `ONBUILD` is of another build
            let (own, on_build) = state.split_at_mut(1);
            let (instruction, states) = match &instruction.kind {
                Kind::OnBuild(inner) => (&**inner, on_build),
                _ => (instruction, own),
            };
            let Some(state) = states.first_mut() else { return };
            if let Kind::Copy(transfer) | Kind::Add(transfer) = &instruction.kind {
                let scope = context.file.scope(index);
                let is_whole = |source: &Word| {
                    scope.resolve(source).text().is_some_and(|text| matches!(text, "." | "./" | "/" | "*" | "./*"))
                };
                let is_own = instruction.flag("from").is_none();
                if state.copied.is_none() && is_own && transfer.sources.iter().any(is_whole) {
                    state.copied = Some(instruction);
                }
            }
            if !matches!(instruction.kind, Kind::Run(_)) {
                return;
            }
            // a cache of the packages makes installing again cheap
            let has_cache = mounts(instruction).any(|mount| mount.contains("type=cache"));
            for call in context.calls.get(index).map(Vec::as_slice).unwrap_or_default() {
                let Some(fetch) = fetch(call).filter(|fetch| is_of_use(context, fetch)) else { continue };
                if state.done.contains(&fetch.kind) {
                    continue;
                }
                state.done.push(fetch.kind);
                let Some(copy) = state.copied.filter(|_| !has_cache) else { continue };
                let (line, what) = (context.line(copy), fetch.what);
                let hint = match (fetch.lists, fetch.way) {
                    ("", _) => "put it above the copy".to_owned(),
                    (lists, "") => format!("copy {lists} first, and the rest behind it"),
                    (lists, way) => format!("copy {lists} first, {way}, and copy the rest behind it"),
                };
                let message = format!(
                    "`{what}` runs again after every change of a file, for line {line} copies them all; {hint}"
                );
                findings.push(context.finding(&CACHE_ORDER, call.span, what, message));
            }
        });
    }
}

/// What is known at an instruction.
#[derive(Debug, Clone, Default)]
struct State<'a> {
    /// The first copy of everything.
    copied: Option<&'a Instruction>,
    /// The kinds that were fetched.
    done: Vec<&'static str>,
}

/// Whether something is fetched at all: a Go module without `go.sum`, or with `vendor`, has all it needs.
fn is_of_use(context: &Context<'_>, fetch: &Fetch) -> bool {
    let Some(surroundings) = context.surroundings.filter(|_| fetch.kind == "go") else { return true };
    let has = |name: &str| surroundings.entries.iter().any(|(path, _)| path == name);
    has("go.sum") && !has("vendor/")
}

#[cfg(test)]
mod tests {
    use super::super::testing::{beside, expect};
    use super::*;

    #[test]
    fn go_fetches_what_its_sums_list() {
        let file = "FROM a\nCOPY . .\nRUN go build\n";
        let found = |entries: &[(&str, u64)]| beside(file, Some(".git"), entries, &CacheOrder).len();
        assert_eq!(found(&[("go.mod", 9), ("go.sum", 9), ("main.go", 9)]), 1);
        assert_eq!(found(&[("go.mod", 9), ("main.go", 9)]), 0);
        assert_eq!(found(&[("go.mod", 9), ("go.sum", 9), ("vendor/", 0)]), 0);
    }

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
                    "FROM a\nCOPY . .\nRUN pip install .\nRUN --mount=type=cache,target=/root/.npm npm ci\nRUN npm run build\nRUN cargo build --offline\n",
                    &[],
                ),
                (
                    "FROM a\nCOPY . .\nRUN go mod download\n",
                    &[
                        "low dockerfile/cache-order 3:5-3:20: `go mod download` runs again after every change of a file, for line 2 copies them all; copy `go.mod` and `go.sum` first, and the rest behind it",
                    ],
                ),
                ("FROM a\nCOPY --from=b . .\nRUN npm ci\n", &[]),
                (
                    "FROM a AS b\nARG S=.\nCOPY $S /app\nFROM b\nRUN ./mvnw -B package\nRUN mvn verify\n",
                    &[
                        "low dockerfile/cache-order 5:5-5:22: `mvnw package` runs again after every change of a file, for line 3 copies them all; copy `pom.xml` first, fetch what it lists with `mvn dependency:go-offline`, and copy the rest behind it",
                    ],
                ),
                (
                    "FROM a AS b\nCOPY go.mod ./\nRUN go mod download\nCOPY . .\nRUN go build ./...\nFROM a\nRUN cargo chef cook\nCOPY . .\nRUN cargo build\nFROM a\nONBUILD COPY . .\nRUN npm ci\n",
                    &[],
                ),
                (
                    "FROM a\nONBUILD COPY . .\nONBUILD RUN <<EOF\nset -e\npoetry install\nEOF\n",
                    &[
                        "low dockerfile/cache-order 5:1-5:15: `poetry install` runs again after every change of a file, for line 2 copies them all; copy `pyproject.toml` and `poetry.lock` first, install with `--no-root`, and copy the rest behind it",
                    ],
                ),
            ],
        );
    }
}
