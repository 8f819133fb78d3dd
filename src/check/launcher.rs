//! What tools start that are there to start another program: tini, dumb-init, catatonit, gosu, su-exec, setpriv, nohup,
//! env and shells, by the options that their manuals list.

/// What a tool starts.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next<'a> {
    /// These words, looked for as the tool itself is.
    Command(Vec<&'a str>),
    /// These words, as another user.
    As(&'a str, Vec<&'a str>),
    /// Something with the rights of this user and group, or not at all.
    Becoming(Option<&'a str>, Option<&'a str>),
    /// The first command of a shell's text.
    Text(&'a str),
    /// A script that a shell reads.
    Script(&'a str),
}

/// The program of `#!/usr/bin/env ARGUMENT`, which comes in one piece unless `-S` splits it.
pub(super) fn sought_by_env(argument: &str) -> Option<&str> {
    let words = ["-S", "--split-string="].iter().find_map(|option| argument.strip_prefix(option));
    let Some(words) = words else {
        return (!argument.starts_with('-') && !argument.contains('=')).then_some(argument);
    };
    // quotes, variables and further options are more than is followed
    let word = words.split_ascii_whitespace().find(|word| !word.contains('='))?;
    is_plain(word).then_some(word)
}

/// Whether a word means itself, to a shell too.
fn is_plain(word: &str) -> bool {
    !word.is_empty()
        && !word.starts_with('-')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._+-".contains(&byte))
}

/// What a tool of this name starts when it is given these words; `None` where that is not known.
pub(super) fn next<'a>(name: &str, words: &[&'a str]) -> Option<Next<'a>> {
    let command = match name {
        "tini" | "tini-static" | "docker-init" | "catatonit" => behind_options(words, &["-p", "-e"]),
        "dumb-init" => behind_options(words, &["-r", "--rewrite"]),
        "nohup" => behind_options(words, &[]),
        "gosu" | "su-exec" => {
            let (user, command) = words.split_first()?;
            return (!user.starts_with('-') && !command.is_empty()).then(|| Next::As(user, command.to_vec()));
        }
        "setpriv" => return becoming(words).map(|(user, group)| Next::Becoming(user, group)),
        "env" => {
            let end = words.iter().position(|word| !word.contains('=')).unwrap_or(words.len());
            let (variables, command) = words.split_at_checked(end)?;
            // options, and another `PATH`
            let is_other = command.first().is_some_and(|word| word.starts_with('-'))
                || variables.iter().any(|variable| variable.starts_with('-') || variable.starts_with("PATH="));
            if is_other { &[] } else { command }
        }
        "sh" | "bash" | "ash" | "dash" => {
            let (first, rest) = words.split_first()?;
            let is_text = first.strip_prefix('-').is_some_and(|letters| {
                letters.ends_with('c') && letters.bytes().all(|letter| b"acefluvx".contains(&letter))
            });
            return match rest.first() {
                Some(text) if is_text => Some(Next::Text(text)),
                _ if first.starts_with('/') => Some(Next::Script(first)),
                _ => None,
            };
        }
        _ => return None,
    };
    (!command.is_empty()).then(|| Next::Command(command.to_vec()))
}

/// Options of setpriv(1) without a value.
const SETPRIV_FLAGS: &[&str] =
    &["--clear-groups", "--init-groups", "--keep-groups", "--nnp", "--no-new-privs", "--reset-env"];

/// The user and the group that setpriv(1) is to become, by name or number.
fn becoming<'a>(words: &[&'a str]) -> Option<(Option<&'a str>, Option<&'a str>)> {
    let mut rest = words;
    let (mut user, mut group) = (None, None);
    let mut take = |option: &str, value: &'a str| match option {
        "--reuid" | "--ruid" | "--euid" => user = Some(value),
        "--regid" | "--rgid" | "--egid" => group = Some(value),
        _ => {}
    };
    while let [word, after @ ..] = rest
        && word.starts_with("--")
        && *word != "--"
    {
        rest = after;
        if let Some((option, value)) = word.split_once('=') {
            take(option, value);
        } else if !SETPRIV_FLAGS.contains(word) {
            let (value, after) = after.split_first()?;
            take(word, value);
            rest = after;
        }
    }
    // a dump needs no command, and is not what starts an image
    rest.first().filter(|_| user.is_some() || group.is_some()).map(|_| (user, group))
}

/// The words behind a tool's options; `with_value` are those whose value is the next word.
fn behind_options<'w, 'a>(words: &'w [&'a str], with_value: &[&str]) -> &'w [&'a str] {
    let mut rest = words;
    while let [word, after @ ..] = rest {
        if *word == "--" {
            return after;
        }
        if !word.starts_with('-') {
            break;
        }
        let is_pair = with_value.contains(word);
        rest = if is_pair { after.get(1..).unwrap_or_default() } else { after };
    }
    rest
}

/// The first command of a shell's text, if that is a program by its whole path: `exec /srv/start --port 80`.
pub(super) fn first_command(text: &str) -> Option<Vec<&str>> {
    // a function, a test or a loop may come first, or what makes the file
    let text = text.trim_start();
    let text = text.strip_prefix("exec ").unwrap_or(text).trim_start();
    let end = text.find(|sign: char| sign.is_whitespace() || ";&|<>()".contains(sign)).unwrap_or(text.len());
    let word = text.get(..end)?;
    (word.starts_with('/') && is_plain(word)).then(|| vec![word])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_behind_options_are_the_command() {
        let cases: &[(&str, &str, &str)] = &[
            ("tini", "-- a b", "a b"),
            ("tini", "-vvg -p TERM -e 143 a -x", "a -x"),
            ("tini", "-p", ""),
            ("catatonit", "-P -- a", "a"),
            ("dumb-init", "--single-child --rewrite=15:3 -r 1:2 a", "a"),
            ("nohup", "a", "a"),
            ("env", "A=1 B=2 a", "a"),
            ("env", "-u A a", ""),
            ("server", "a", ""),
        ];
        for (tool, words, expected) in cases {
            let words: Vec<&str> = words.split(' ').collect();
            let command = match next(tool, &words) {
                Some(Next::Command(command)) => command.join(" "),
                _ => String::new(),
            };
            assert_eq!(command, *expected, "{tool} {words:?}");
        }
    }

    #[test]
    fn setpriv_becomes_whom_its_options_name() {
        let cases = [
            ("--reuid=app --regid=staff --init-groups a --reuid=b", Some((Some("app"), Some("staff")))),
            ("--regid 7 --reuid 9 --clear-groups -- a", Some((Some("9"), Some("7")))),
            ("--rgid 7 a", Some((None, Some("7")))),
            ("--no-new-privs a", None),
            ("--reuid app", None),
            ("--reuid", None),
        ];
        for (words, expected) in cases {
            let words: Vec<&str> = words.split(' ').collect();
            assert_eq!(next("setpriv", &words), expected.map(|(user, group)| Next::Becoming(user, group)), "{words:?}");
        }
    }

    #[test]
    fn only_a_whole_path_is_a_shells_first_command() {
        let cases = [
            ("exec /srv/a --x", Some("/srv/a")),
            ("  /srv/a; b", Some("/srv/a")),
            ("/srv/a&&b", Some("/srv/a")),
            ("srv/a", None),
            ("/srv/$X", None),
            ("\"/srv/a\"", None),
            ("A=1 /srv/a", None),
            ("if /srv/a; then b; fi", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(first_command(text), expected.map(|word| vec![word]), "{text}");
        }
    }

    #[test]
    fn env_takes_one_word_unless_told_to_split() {
        let cases = [
            ("node", Some("node")),
            ("python3 -u", Some("python3 -u")),
            ("-S python3 -u", Some("python3")),
            ("-S A=1 python3", Some("python3")),
            ("-S -i python3", None),
            ("-i python3", None),
            ("A=1", None),
        ];
        for (argument, expected) in cases {
            assert_eq!(sought_by_env(argument), expected, "{argument}");
        }
    }
}
