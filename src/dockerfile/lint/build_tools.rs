//! Compilers in the last stage.

use super::facts::{library_name, quoted, reference};
use super::manager::{Action, Manager, Request, request};
use super::{Context, Lint};
use crate::dockerfile::shell::{Command, Word};
use crate::dockerfile::{Base, Kind, Stage};
use crate::finding::{Finding, Findings};
use crate::rule::{Rule, Severity};

/// What built the program ships with it.
pub(super) static BUILD_TOOLS: Rule = Rule {
    id: "dockerfile/build-tools",
    title: "Build tools ship in the last stage",
    severity: Severity::Low,
    why: "Compilers and headers are hundreds of megabytes that the program does not need to run, more packages \
          with flaws to watch, and tools for whoever breaks in.",
    remediation: "Build in a stage of its own and copy the result: `FROM … AS build`, and in the last stage `COPY \
          --from=build`. Or remove them in the `RUN` that installs them.",
    references: &["https://docs.docker.com/build/building/multi-stage/"],
    bad: "FROM golang:1.25\nWORKDIR /src\nCOPY . .\nRUN go build -o /server .\nUSER 65532\nCMD [\"/server\"]",
    good: "FROM golang:1.25 AS build\nWORKDIR /src\nCOPY . .\nRUN go build -o /server .\nFROM gcr.io/distroless/static-debian12:nonroot\nCOPY --from=build /server /server\nUSER 65532\nCMD [\"/server\"]",
    ..Rule::NEW
};

/// Finds compilers that the last stage installs and keeps, or has from its base, and what is built with them.
pub(super) struct BuildTools;

impl Lint for BuildTools {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&BUILD_TOOLS] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(last) = context.file.last_stage() else { return };
        // an image to develop in is there for its tools
        if context.file.image_of(last.index).is_some_and(|image| image.shown.contains("/devcontainers/")) {
            return;
        }
        let ships = |index: &usize| context.file.instructions.get(*index).is_some_and(|one| context.ships(one));
        let built: Vec<(usize, &Command, Build)> = (0..context.file.instructions.len())
            .filter(ships)
            .filter_map(|index| {
                let calls = context.calls.get(index)?;
                calls.iter().find_map(|call| Some((index, call, build(call)?)))
            })
            .collect();
        if let Some(finding) = toolchain(context, last, &built) {
            findings.push(finding);
            return;
        }
        for (index, _, calls) in context.shipped_calls() {
            let requests: Vec<Request<'_>> = calls.iter().filter_map(request).collect();
            // what is removed in the same layer does not ship; removal by a variable may be of all
            let is_removed = requests.iter().any(|request| {
                request.action == Action::Remove && !matches!(request.verb.text.as_str(), "autoremove" | "auto-remove")
            });
            let system = |request: &&Request<'_>| {
                matches!(request.manager, Manager::Apt | Manager::Apk | Manager::Dnf | Manager::Zypper)
            };
            let installs = requests.iter().filter(system).filter(|request| request.action == Action::Install);
            let packages: Vec<&Word> = installs.flat_map(|request| request.operands.iter().copied()).collect();
            let tools: Vec<&Word> = packages.iter().copied().filter(|word| is_tool(word)).collect();
            let serves_builds_only = packages.iter().all(|word| is_tool(word) || is_header(word));
            let Some(first) = tools.first().filter(|_| !is_removed) else { continue };
            let names: Vec<String> = tools.iter().take(5).map(|word| format!("`{}`", quoted(&word.text))).collect();
            let split = split(context, index, serves_builds_only, &built);
            let message = format!(
                "{} ship{} with the last stage; {split}",
                names.join(", "),
                if names.len() == 1 { "s" } else { "" }
            );
            findings.push(context.finding(&BUILD_TOOLS, first.span, quoted(&first.text), message));
        }
    }
}

/// A package's name without its version.
fn package(word: &Word) -> &str {
    word.text.split(['=', '~', '<']).next().unwrap_or_default()
}

fn is_tool(word: &Word) -> bool {
    TOOLS.contains(&package(word))
}

/// Whether a package holds what compilers read.
fn is_header(word: &Word) -> bool {
    package(word).ends_with("-dev") || package(word).ends_with("-devel")
}

/// Packages that only builds need.
const TOOLS: &[&str] = &[
    "autoconf",
    "automake",
    "bison",
    "build-base",
    "build-essential",
    "cargo",
    "clang",
    "cmake",
    "flex",
    "g++",
    "gcc",
    "gcc-c++",
    "go",
    "golang",
    "golang-go",
    "libtool",
    "llvm",
    "make",
    "maven",
    "meson",
    "musl-dev",
    "ninja-build",
    "rust",
    "rustc",
    "linux-headers",
    "libc6-dev",
    "libc-dev",
    "python3-dev",
    "python3-devel",
    "python-dev",
];

/// Images that are compilers, the names of images to run what they make, and what that is.
const TOOLCHAINS: &[(&str, &str)] = &[
    ("gcc", "debian:…-slim"),
    ("golang", "gcr.io/distroless/static-debian12"),
    ("gradle", "eclipse-temurin:…-jre"),
    ("haskell", "debian:…-slim"),
    ("maven", "eclipse-temurin:…-jre"),
    ("rust", "gcr.io/distroless/cc-debian12"),
    ("swift", "swift:…-slim"),
    ("mcr.microsoft.com/dotnet/sdk", "mcr.microsoft.com/dotnet/aspnet"),
];

/// What a command builds, and where its result lies.
struct Build {
    result: String,
}

fn build(call: &Command) -> Option<Build> {
    let words = call.arguments();
    let first = words.first().map_or("", |word| word.text.as_str());
    let behind = |names: &[&str]| {
        let at = words.iter().position(|word| names.contains(&word.text.as_str()))?;
        words.get(at.saturating_add(1)).map(|word| quoted(&word.text))
    };
    let result = match (call.name(), first) {
        ("go", "build" | "install") => behind(&["-o"]).unwrap_or_else(|| "the program".into()),
        ("cargo", "build" | "install") => "the program under `target/release`".into(),
        ("mvn" | "mvnw", _) => "the archive under `target`".into(),
        ("gradle" | "gradlew", _) => "the archive under `build/libs`".into(),
        ("dotnet", "publish") => behind(&["-o", "--output"]).unwrap_or_else(|| "the folder `publish`".into()),
        ("swift", "build") => "the program under `.build/release`".into(),
        ("make", _) if words.iter().any(|word| word.text.contains("install")) => {
            "what `make install` puts under `/usr/local`".into()
        }
        ("gcc" | "g++" | "cc" | "c++" | "clang" | "rustc" | "ghc", _) => {
            behind(&["-o"]).unwrap_or_else(|| "the program".into())
        }
        ("make" | "ninja", _) => "what it builds".into(),
        ("pip" | "pip3", "install") => "the virtual environment it installs into".into(),
        ("bundle", "install") => "`/usr/local/bundle`".into(),
        ("npm", "ci" | "install") | ("yarn" | "pnpm", _) => "`node_modules`".into(),
        _ => return None,
    };
    let result = if result.starts_with('/') { format!("`{result}`") } else { result };
    Some(Build { result })
}

/// The last stage is built on a compiler and compiles.
fn toolchain(context: &Context<'_>, last: &Stage, built: &[(usize, &Command, Build)]) -> Option<Finding> {
    let lineage = context.file.lineage(last.index);
    let stage = lineage.last()?;
    let Base::Image(resolved) = &stage.base else { return None };
    let (name, _, _) = reference(resolved.text()?);
    let short = library_name(name).unwrap_or(name);
    let (_, runtime) = TOOLCHAINS.iter().find(|(base, _)| *base == short)?;
    let (index, _, made) = built
        .iter()
        .rev()
        .find(|(_, call, _)| !matches!(call.name(), "pip" | "pip3" | "npm" | "yarn" | "pnpm" | "bundle"))?;
    let from = context.file.instructions_of(stage).first()?;
    let Kind::From { image, .. } = &from.kind else { return None };
    let until = context.line(context.file.instructions.get(*index)?);
    let message = format!(
        "the last stage ships the tools of `{}`; name the lines {} to {until} a stage, `AS build`, and go on with `FROM {runtime}` and a `COPY --from=build` of {}",
        quoted(name),
        context.line(from),
        made.result
    );
    Some(context.finding(&BUILD_TOOLS, image.span, quoted(name), message))
}

/// How to split the stage: with the lines only where the last stage loses nothing by it but tools.
fn split(context: &Context<'_>, index: usize, serves_builds_only: bool, built: &[(usize, &Command, Build)]) -> String {
    let line = |index: usize| context.file.instructions.get(index).map_or(0, |one| context.line(one));
    match built.iter().rev().find(|(at, _, _)| *at >= index) {
        Some((at, call, made)) => {
            let between = context.file.instructions.get(index.saturating_add(1)..=*at).unwrap_or_default();
            let has_more = between.iter().any(|one| matches!(one.kind, Kind::Copy(_) | Kind::Add(_)));
            let installs = || call.arguments().iter().any(|word| word.text.contains("install"));
            let is_known = match call.name() {
                "pip" | "pip3" | "ninja" => false,
                "make" => installs(),
                _ => true,
            };
            if !serves_builds_only || has_more || !is_known {
                return "install them in a stage of its own, `AS build`, and take what it builds with \
                        `COPY --from=build`"
                    .to_owned();
            }
            let lines = if line(index) == line(*at) {
                format!("line {}", line(index))
            } else {
                format!("lines {} to {}", line(index), line(*at))
            };
            format!("move {lines} into a stage `AS build`, and take {} with `COPY --from=build`", made.result)
        }
        None => "nothing in the file builds with them".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &BuildTools,
            &[
                ("FROM mcr.microsoft.com/devcontainers/base:bookworm\nRUN apt-get install -y clang cmake\n", &[]),
                (
                    "FROM golang:1\nWORKDIR /b\nCOPY . .\nRUN go build -o /c .\nCMD [\"/c\"]\n",
                    &[
                        "low dockerfile/build-tools 1:6-1:14: the last stage ships the tools of `golang`; name the lines 1 to 4 a stage, `AS build`, and go on with `FROM gcr.io/distroless/static-debian12` and a `COPY --from=build` of `/c`",
                    ],
                ),
                (
                    "FROM a\nRUN apt-get update && apt-get install -y gcc=1 libpq-dev make\nRUN pip install b\n",
                    &[
                        "low dockerfile/build-tools 2:42-2:47: `gcc=1`, `make` ship with the last stage; install them in a stage of its own, `AS build`, and take what it builds with `COPY --from=build`",
                    ],
                ),
                (
                    "FROM a\nRUN apk add gcc zlib-dev\nRUN gcc -o /b c.c\n",
                    &[
                        "low dockerfile/build-tools 2:13-2:16: `gcc` ships with the last stage; move lines 2 to 3 into a stage `AS build`, and take `/b` with `COPY --from=build`",
                    ],
                ),
                (
                    "FROM a\nRUN apk add gcc curl\nRUN gcc -o /b c.c\n",
                    &[
                        "low dockerfile/build-tools 2:13-2:16: `gcc` ships with the last stage; install them in a stage of its own, `AS build`, and take what it builds with `COPY --from=build`",
                    ],
                ),
                (
                    "FROM a\nRUN apk add gcc\nCOPY . /d/\nRUN gcc -o /b /d/c.c\n",
                    &[
                        "low dockerfile/build-tools 2:13-2:16: `gcc` ships with the last stage; install them in a stage of its own, `AS build`, and take what it builds with `COPY --from=build`",
                    ],
                ),
                (
                    "FROM a\nRUN apk add --no-cache --virtual .d gcc && pip install b && apk del .d\nRUN apt-get install -y curl\n",
                    &[],
                ),
                ("FROM golang:1 AS b\nRUN go build\nFROM a\nCOPY --from=b /x /y\n", &[]),
                (
                    "FROM a\nRUN apk add make\n",
                    &[
                        "low dockerfile/build-tools 2:13-2:17: `make` ships with the last stage; nothing in the file builds with them",
                    ],
                ),
            ],
        );
    }
}
