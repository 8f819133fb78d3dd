//! Commands that fetch what a project is built on, and the files that list it, as their tools' manuals say.

use super::manager::{Action, Manager, Request, request};
use crate::dockerfile::shell::Command;

/// Something that a command fetches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fetch {
    /// Commands of one kind do the same work; the first of them does most of it.
    pub(super) kind: &'static str,
    /// The words that say so, such as `npm ci`.
    pub(super) what: String,
    /// The files it needs; empty where it needs none.
    pub(super) lists: &'static str,
    /// How to fetch with these files alone, where the command itself needs the sources.
    pub(super) way: &'static str,
}

/// A tool whose commands are told by words among its arguments.
struct Tool {
    names: &'static [&'static str],
    verbs: &'static [&'static str],
    kind: &'static str,
    lists: &'static str,
    way: &'static str,
    /// Flags with which it needs no way.
    flags: &'static [&'static str],
}

static TOOLS: &[Tool] = &[
    Tool {
        names: &["bundle"],
        verbs: &["install"],
        kind: "ruby",
        lists: "`Gemfile` and `Gemfile.lock`",
        way: "",
        flags: &[],
    },
    Tool {
        names: &["bun"],
        verbs: &["install", "i", "ci"],
        kind: "node",
        lists: "`package.json` and `bun.lock`",
        way: "",
        flags: &[],
    },
    Tool { names: &["pnpm"], verbs: &["fetch"], kind: "node", lists: "`pnpm-lock.yaml`", way: "", flags: &[] },
    Tool {
        names: &["cargo"],
        verbs: &["fetch"],
        kind: "cargo",
        lists: "`Cargo.toml` and `Cargo.lock`",
        way: "",
        flags: &[],
    },
    Tool {
        names: &["cargo"],
        verbs: &["build", "b", "test", "rustc"],
        kind: "cargo",
        lists: "`Cargo.toml` and `Cargo.lock`",
        way: "build what they list with `cargo chef cook`",
        flags: &[],
    },
    Tool {
        names: &["composer"],
        verbs: &["install"],
        kind: "php",
        lists: "`composer.json` and `composer.lock`",
        way: "install with `--no-scripts --no-autoloader`",
        flags: &["--no-scripts", "--no-autoloader"],
    },
    Tool {
        names: &["conda", "mamba"],
        verbs: &["create", "update"],
        kind: "conda",
        lists: "`environment.yml`",
        way: "",
        flags: &[],
    },
    Tool { names: &["dotnet"], verbs: &["restore"], kind: "dotnet", lists: "the project files", way: "", flags: &[] },
    Tool {
        names: &["dotnet"],
        verbs: &["build", "publish", "test"],
        kind: "dotnet",
        lists: "the project files",
        way: "fetch what they list with `dotnet restore`",
        flags: &[],
    },
    Tool {
        names: &["gradle", "gradlew"],
        verbs: &[
            "assemble",
            "bootJar",
            "bootWar",
            "build",
            "buildFatJar",
            "check",
            "dependencies",
            "distTar",
            "installDist",
            "jar",
            "nativeCompile",
            "shadowJar",
            "test",
            "war",
        ],
        kind: "gradle",
        lists: "`settings.gradle`, `build.gradle` and `gradle/`",
        way: "fetch what they list with `gradle dependencies`",
        flags: &[],
    },
    Tool {
        names: &["mvn", "mvnw"],
        verbs: &[
            "compile",
            "deploy",
            "dependency:copy-dependencies",
            "dependency:go-offline",
            "dependency:resolve",
            "install",
            "package",
            "spring-boot:build-image",
            "test",
            "verify",
        ],
        kind: "maven",
        lists: "`pom.xml`",
        way: "fetch what it lists with `mvn dependency:go-offline`",
        flags: &[],
    },
    Tool {
        names: &["mix"],
        verbs: &["deps.get", "deps.get,"],
        kind: "mix",
        lists: "`mix.exs` and `mix.lock`",
        way: "",
        flags: &[],
    },
    Tool {
        names: &["pdm"],
        verbs: &["install", "sync"],
        kind: "pdm",
        lists: "`pyproject.toml` and `pdm.lock`",
        way: "install with `--no-self`",
        flags: &["--no-self"],
    },
    Tool {
        names: &["pipenv"],
        verbs: &["install", "sync"],
        kind: "pipenv",
        lists: "`Pipfile` and `Pipfile.lock`",
        way: "",
        flags: &[],
    },
    Tool {
        names: &["poetry"],
        verbs: &["install", "sync"],
        kind: "poetry",
        lists: "`pyproject.toml` and `poetry.lock`",
        way: "install with `--no-root`",
        flags: &["--no-root"],
    },
    Tool {
        names: &["sbt"],
        verbs: &["assembly", "compile", "dist", "package", "stage", "update", "Universal/stage"],
        kind: "sbt",
        lists: "`build.sbt` and `project/`",
        way: "fetch what they list with `sbt update`",
        flags: &[],
    },
    Tool {
        names: &["swift"],
        verbs: &["build"],
        kind: "swift",
        lists: "`Package.swift` and `Package.resolved`",
        way: "fetch what they list with `swift package resolve`",
        flags: &[],
    },
    Tool {
        names: &["uv"],
        verbs: &["sync"],
        kind: "uv",
        lists: "`pyproject.toml` and `uv.lock`",
        way: "install with `--no-install-project`",
        flags: &["--no-install-project", "--no-install-workspace"],
    },
];

/// What a command fetches; `None` of those that fetch nothing.
pub(super) fn fetch(call: &Command) -> Option<Fetch> {
    let first = call.arguments().first().map_or("", |word| word.text.as_str());
    let second = call.arguments().get(1).map_or("", |word| word.text.as_str());
    let fetch = |kind, what: &str, lists, way| Some(Fetch { kind, what: what.to_owned(), lists, way });
    match (call.name(), first, second) {
        ("go", "mod", "download") => {
            return fetch("go", "go mod download", "`go.mod` and `go.sum`", "");
        }
        ("go", "build" | "install" | "run" | "test", _) if call.operands().all(|word| !word.text.contains('@')) => {
            let vendored = call.arguments().iter().any(|word| word.text == "-mod=vendor");
            let way = "fetch what they list with `go mod download`";
            return if vendored { None } else { fetch("go", &format!("go {first}"), "`go.mod` and `go.sum`", way) };
        }
        // what cooks has read what the planner wrote, not the sources
        ("cargo", "chef", "cook") => return fetch("cargo", "cargo chef cook", "`recipe.json`", ""),
        ("cargo", "install", _) if call.flag(&["--path", "--git"]).is_none() => {
            return fetch("cargo-program", "cargo install", "", "");
        }
        ("uv", "pip", "install" | "sync") => {
            let has_list = call.flag(&["-r", "--requirement"]).is_some() || second == "sync";
            return if has_list { fetch("python", "uv pip", "the requirements", "") } else { None };
        }
        ("swift", "package", "resolve" | "update") => {
            return fetch("swift", "swift package", "`Package.swift` and `Package.resolved`", "");
        }
        ("bundle", "", _) => return fetch("ruby", "bundle", "`Gemfile` and `Gemfile.lock`", ""),
        _ => {}
    }
    of_tool(call).or_else(|| of_manager(&request(call)?))
}

fn of_tool(call: &Command) -> Option<Fetch> {
    let mut tools = TOOLS.iter().filter(|tool| tool.names.contains(&call.name()));
    let (tool, verb) = tools.find_map(|tool| Some((tool, verb(tool, call)?)))?;
    // with a name behind it, one package is added
    let adds = matches!(tool.kind, "node" | "pipenv") && call.operands().count() > 1;
    let is_offline = call.flag(&["--offline", "--no-restore"]).is_some()
        || tool.kind == "maven" && call.arguments().iter().any(|word| word.text == "-o");
    if adds || is_offline || tool.kind == "conda" && call.flag(&["-f", "--file"]).is_none() {
        return None;
    }
    let way = if call.flag(tool.flags).is_some()
        || matches!(verb, "dependencies" | "update")
        || verb.starts_with("dependency:")
    {
        ""
    } else {
        tool.way
    };
    Some(Fetch { kind: tool.kind, what: format!("{} {verb}", call.name()), lists: tool.lists, way })
}

/// The word that says what is done; tasks of gradle may stand behind the name of a project, `:app:build`.
fn verb<'c>(tool: &Tool, call: &'c Command) -> Option<&'c str> {
    let is_gradle = tool.kind == "gradle";
    let bare = |text: &'c str| if is_gradle { text.rsplit(':').next().unwrap_or(text) } else { text };
    // where a tool takes several, they may stand anywhere
    let most = if matches!(tool.kind, "gradle" | "maven" | "sbt" | "mix" | "conda") { usize::MAX } else { 1 };
    let words = call.operands().take(most).map(|word| word.text.as_str());
    words.into_iter().find(|text| tool.verbs.contains(&bare(text)))
}

fn of_manager(request: &Request<'_>) -> Option<Fetch> {
    let named = format!("{} {}", request.name, request.verb.text);
    let what = if request.verb.text == request.name { request.name.to_owned() } else { named };
    let is_local = request.operands.iter().any(|word| {
        let text = word.text.as_str();
        text.starts_with(['.', '/']) || text.contains('$') || text.contains('*')
    });
    let asks_for_local = request.command.flag(&["-e", "--editable"]).is_some();
    let fetch = |kind, lists| Some(Fetch { kind, what, lists, way: "" });
    if request.action != Action::Install || is_local {
        return None;
    }
    let is_of_project = request.is_of_project();
    match request.manager {
        Manager::Apt | Manager::Apk | Manager::Dnf | Manager::Zypper => fetch("system", ""),
        Manager::Npm if is_of_project => fetch("node", "`package.json` and `package-lock.json`"),
        Manager::Yarn if is_of_project => fetch("node", "`package.json` and `yarn.lock`"),
        Manager::Pnpm if is_of_project => fetch("node", "`package.json` and `pnpm-lock.yaml`"),
        Manager::Pip if asks_for_local => None,
        Manager::Pip if is_of_project => fetch("python", "the requirements"),
        Manager::Pip if !request.operands.is_empty() => fetch("pip", ""),
        Manager::Npm | Manager::Pnpm if request.command.flag(&["-g", "--global"]).is_some() => {
            fetch("node-program", "")
        }
        Manager::Gem if !request.operands.is_empty() => fetch("gem", ""),
        Manager::Go if request.operands.iter().all(|word| word.text.contains('@')) => fetch("go-program", ""),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::Text;
    use crate::dockerfile::shell::{Interpreter, read};

    #[test]
    fn commands_fetch_by_these_lists() {
        let cases = [
            ("npm ci", "node|npm ci|`package.json` and `package-lock.json`|"),
            ("swift package resolve --skip-update", "swift|swift package|`Package.swift` and `Package.resolved`|"),
            ("npm i -g pnpm", "node-program|npm i||"),
            ("yarn", "node|yarn|`package.json` and `yarn.lock`|"),
            ("bun install --frozen-lockfile", "node|bun install|`package.json` and `bun.lock`|"),
            ("pnpm fetch", "node|pnpm fetch|`pnpm-lock.yaml`|"),
            ("pip install -r r.txt", "python|pip install|the requirements|"),
            ("uv pip install --system -r r.txt", "python|uv pip|the requirements|"),
            ("uv sync --locked", "uv|uv sync|`pyproject.toml` and `uv.lock`|install with `--no-install-project`"),
            ("uv sync --no-install-project", "uv|uv sync|`pyproject.toml` and `uv.lock`|"),
            (
                "poetry install --only main",
                "poetry|poetry install|`pyproject.toml` and `poetry.lock`|install with `--no-root`",
            ),
            ("pdm sync", "pdm|pdm sync|`pyproject.toml` and `pdm.lock`|install with `--no-self`"),
            ("pipenv install --deploy", "pipenv|pipenv install|`Pipfile` and `Pipfile.lock`|"),
            ("bundle", "ruby|bundle|`Gemfile` and `Gemfile.lock`|"),
            ("bundle install -j4", "ruby|bundle install|`Gemfile` and `Gemfile.lock`|"),
            (
                "composer install --no-dev",
                "php|composer install|`composer.json` and `composer.lock`|install with `--no-scripts --no-autoloader`",
            ),
            ("./mvnw -B dependency:go-offline", "maven|mvnw dependency:go-offline|`pom.xml`|"),
            (
                "mvn -q -B clean package -DskipTests",
                "maven|mvn package|`pom.xml`|fetch what it lists with `mvn dependency:go-offline`",
            ),
            (
                "./gradlew :app:bootJar --no-daemon",
                "gradle|gradlew :app:bootJar|`settings.gradle`, `build.gradle` and `gradle/`|fetch what they list with `gradle dependencies`",
            ),
            (
                "gradle build",
                "gradle|gradle build|`settings.gradle`, `build.gradle` and `gradle/`|fetch what they list with `gradle dependencies`",
            ),
            ("cargo fetch --locked", "cargo|cargo fetch|`Cargo.toml` and `Cargo.lock`|"),
            (
                "cargo build --release",
                "cargo|cargo build|`Cargo.toml` and `Cargo.lock`|build what they list with `cargo chef cook`",
            ),
            ("cargo chef cook --release", "cargo|cargo chef cook|`recipe.json`|"),
            ("cargo install ripgrep", "cargo-program|cargo install||"),
            ("go mod download -x", "go|go mod download|`go.mod` and `go.sum`|"),
            ("go build -o /a ./cmd/a", "go|go build|`go.mod` and `go.sum`|fetch what they list with `go mod download`"),
            ("go install a.example/b@v1", "go-program|go install||"),
            ("dotnet restore a.csproj", "dotnet|dotnet restore|the project files|"),
            (
                "dotnet publish -c Release",
                "dotnet|dotnet publish|the project files|fetch what they list with `dotnet restore`",
            ),
            ("mix do deps.get, compile", "mix|mix deps.get,|`mix.exs` and `mix.lock`|"),
            (
                "sbt clean assembly",
                "sbt|sbt assembly|`build.sbt` and `project/`|fetch what they list with `sbt update`",
            ),
            ("conda env create -f environment.yml", "conda|conda create|`environment.yml`|"),
            ("apt-get install -y a", "system|apt-get install||"),
        ];
        for (text, expected) in cases {
            let script = read(&Text::of(text, 0), Interpreter::Default);
            let Some(found) = fetch(&script.commands[0]) else { panic!("{text}: nothing") };
            assert_eq!(format!("{}|{}|{}|{}", found.kind, found.what, found.lists, found.way), expected);
        }
        for text in [
            "bun add x",
            "bun install x",
            "pipenv install requests",
            "cargo chef prepare",
            "cargo install --path .",
            "cargo build --offline",
            "go build -mod=vendor ./...",
            "go version",
            "mvn -version",
            "mvn -o package",
            "gradle wrapper",
            "dotnet build --no-restore",
            "conda install x",
            "pip install .",
            "pip install dist/*.whl",
            "uv pip install .",
            "mix compile",
            "npm run build",
            "poetry export",
        ] {
            let script = read(&Text::of(text, 0), Interpreter::Default);
            assert_eq!(fetch(&script.commands[0]), None, "{text}");
        }
    }
}
