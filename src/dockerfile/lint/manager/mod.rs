//! Package managers: what a command asks of one, and for which packages.

mod words;

use self::words::MANAGERS;
use crate::dockerfile::Span;
use crate::dockerfile::shell::{Command, Word};

/// A package manager, or a family of those that share their words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Manager {
    /// `apt-get`, `apt`, `aptitude`.
    Apt,
    /// `apk`.
    Apk,
    /// `dnf`, `yum`, `microdnf`, `tdnf`.
    Dnf,
    /// `zypper`.
    Zypper,
    /// `pip`, also as `python -m pip`.
    Pip,
    /// `npm`.
    Npm,
    /// `yarn`.
    Yarn,
    /// `pnpm`.
    Pnpm,
    /// `gem`.
    Gem,
    /// `go`.
    Go,
}

/// What it is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// Fetch lists of packages.
    Update,
    /// Install packages.
    Install,
    /// Bring installed packages up to date.
    Upgrade,
    /// Remove packages.
    Remove,
    /// Delete what it keeps.
    Clean,
    /// Anything else.
    Other,
}

/// A command of a package manager.
#[derive(Debug, Clone)]
pub(super) struct Request<'c> {
    /// Whom it is for.
    pub(super) manager: Manager,
    /// What is asked.
    pub(super) action: Action,
    /// The command.
    pub(super) command: &'c Command,
    /// The manager's name as written, without the folder.
    pub(super) name: &'c str,
    /// The word that says what to do; where there is none, the manager's name.
    pub(super) verb: &'c Word,
    /// Words behind it that are no flags and no values of flags.
    pub(super) operands: Vec<&'c Word>,
}

/// Reads a command; `None` where it is none of a package manager.
pub(super) fn request(command: &Command) -> Option<Request<'_>> {
    let mut name = command.name();
    let mut arguments = command.arguments();
    let mut head = command.words.first()?;
    if name.starts_with("python") || name == "py" {
        let [module, pip, rest @ ..] = arguments else { return None };
        if module.text != "-m" || pip.text != "pip" {
            return None;
        }
        (name, head, arguments) = ("pip", pip, rest);
    }
    let words = MANAGERS.iter().find(|words| {
        let versioned = words.manager == Manager::Pip
            && name.strip_prefix("pip3.").is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()));
        words.names.contains(&name) || versioned
    })?;
    let mut operands = operands(arguments, words.values);
    let mut verb = (!operands.is_empty()).then(|| operands.remove(0));
    // `yarn global add`, `dnf module install`
    let goes_on = match words.manager {
        Manager::Yarn => verb.is_some_and(|verb| verb.text == "global"),
        Manager::Dnf => verb.is_some_and(|verb| matches!(verb.text.as_str(), "module" | "group" | "groups")),
        _ => false,
    };
    if goes_on && !operands.is_empty() {
        verb = Some(operands.remove(0));
    }
    let action = match verb {
        None if words.manager == Manager::Yarn && !arguments.iter().any(|word| is_question(&word.text)) => {
            Action::Install
        }
        None => Action::Other,
        Some(verb) => {
            let lists = [
                (words.update, Action::Update),
                (words.install, Action::Install),
                (words.upgrade, Action::Upgrade),
                (words.remove, Action::Remove),
                (words.clean, Action::Clean),
            ];
            let found = lists.iter().find(|(list, _)| list.contains(&verb.text.as_str()));
            found.map_or(Action::Other, |(_, action)| *action)
        }
    };
    Some(Request { manager: words.manager, action, command, name, verb: verb.unwrap_or(head), operands })
}

fn is_question(text: &str) -> bool {
    matches!(text, "--version" | "-v" | "--help" | "-h")
}

/// Words that are no flags and no values of flags.
fn operands<'c>(arguments: &'c [Word], values: &[&str]) -> Vec<&'c Word> {
    let mut operands = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let text = word.text.as_str();
        if text == "--" {
            operands.extend(words);
            break;
        }
        if values.contains(&text) {
            words.next();
        } else if !text.starts_with('-') || text == "-" {
            operands.push(word);
        }
    }
    operands
}

/// From the manager's name to the word that says what to do.
pub(super) fn head(request: &Request<'_>) -> Span {
    let first = request.command.words.first().map_or(request.verb.span, |word| word.span);
    first.to(request.verb.span)
}

impl Request<'_> {
    /// Whether it installs what a file of the project lists: `npm ci`, `pip install -r`, `yarn`.
    pub(super) fn is_of_project(&self) -> bool {
        self.action == Action::Install
            && match self.manager {
                Manager::Npm | Manager::Pnpm => {
                    self.operands.is_empty() && self.command.flag(&["-g", "--global"]).is_none()
                }
                Manager::Yarn => self.operands.is_empty() && self.verb.text != "add",
                Manager::Pip => self.command.flag(&["-r", "--requirement"]).is_some(),
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::Text;
    use crate::dockerfile::shell::{Interpreter, read};

    #[test]
    fn commands_are_read_as_their_managers_do() {
        let cases = [
            ("apt-get -qq -o Dpkg::Use-Pty=0 install -y -t sid a b=1", "Apt Install install: a b=1"),
            ("apt update", "Apt Update update:"),
            ("apk --no-cache add -t .deps a", "Apk Install add: a"),
            ("yum module install a", "Dnf Install install: a"),
            ("microdnf update", "Dnf Upgrade update:"),
            ("zypper -n in a", "Zypper Install in: a"),
            ("python3 -m pip install -r r.txt --no-cache-dir a==1", "Pip Install install: a==1"),
            ("pip3.11 install a", "Pip Install install: a"),
            ("npm ci --omit=dev", "Npm Install ci:"),
            ("yarn", "Yarn Install yarn:"),
            ("yarn --version", "Yarn Other yarn:"),
            ("yarn global add a", "Yarn Install add: a"),
            ("yarn build", "Yarn Other build:"),
            ("go install -v -tags x a@latest", "Go Install install: a@latest"),
            ("gem install -N a -v 1.2", "Gem Install install: a"),
        ];
        for (text, expected) in cases {
            let script = read(&Text::of(text, 0), Interpreter::Default);
            let request = request(&script.commands[0]).expect("it is one");
            let operands: String = request.operands.iter().map(|word| format!(" {}", word.text)).collect();
            let shown = format!("{:?} {:?} {}:{operands}", request.manager, request.action, request.verb.text);
            assert_eq!(shown, expected, "{text}");
        }
        for text in ["python setup.py install", "pipx install a", "echo apt-get install a", "$APT install a"] {
            let script = read(&Text::of(text, 0), Interpreter::Default);
            assert!(request(&script.commands[0]).is_none(), "{text}");
        }
    }
}
