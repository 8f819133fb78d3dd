//! Finds the credentials for one registry: flags, docker's `config.json`, podman's `auth.json`, helper programs.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};

use crate::error::{Error, ErrorKind, Result};

use super::super::{Access, Sensitive};
use super::address::Endpoint;
use super::reference::DOCKER_HUB;

/// Largest configuration file read, in bytes.
const LARGEST_FILE: u64 = 4 << 20;

/// How long all helper programs of one registry may take. One that asks the user for a password takes forever.
pub(super) const HELPER_DEADLINE: Duration = Duration::from_secs(10);

/// How to prove to a registry who asks.
#[derive(Debug, Clone, Default)]
pub(super) enum Credential {
    /// Nobody in particular.
    #[default]
    None,
    /// User name and password.
    Password(String, Sensitive),
    /// A token to be exchanged for tokens (docker's `identitytoken`).
    Identity(Sensitive),
    /// A token used as it is.
    Token(Sensitive),
}

/// What was found, and what to tell the user should it not suffice.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    pub(super) credential: Credential,
    /// Why a configured login could not be used.
    pub(super) trouble: Option<String>,
}

/// The credential that the flags give, for the registry of the target alone.
pub(super) fn from_flags(access: &Access, endpoint: &Endpoint) -> Result<Option<Credential>> {
    if !endpoint.is_target {
        return Ok(None);
    }
    if let Some(token) = &access.registry_token {
        let token = token.0.trim();
        // anything else would not go into a header
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
            return Err(Error::new(ErrorKind::Usage, "the registry token is empty or holds characters no token has"));
        }
        return Ok(Some(Credential::Token(Sensitive(token.to_owned()))));
    }
    match (&access.username, &access.password) {
        (Some(user), Some(password)) => Ok(Some(Credential::Password(user.clone(), password.clone()))),
        (Some(_), None) => {
            Err(Error::new(ErrorKind::Usage, "a user name for the registry is given without a password")
                .help("give the password with `--password-stdin`"))
        }
        (None, Some(_)) => {
            Err(Error::new(ErrorKind::Usage, "a password for the registry is given without a user name")
                .help("give the name with `--username`"))
        }
        (None, None) => Ok(None),
    }
}

/// The credential that configuration files and their helpers hold. Blocks, at most until the deadline.
///
/// A login that cannot be had is told as trouble and not as an error, since most images need none.
pub(super) fn from_files(access: &Access, endpoint: &Endpoint, deadline: Duration) -> Found {
    let start = Instant::now();
    let mut found = Found::default();
    for (path, keys) in places(access, endpoint) {
        let bytes = match read_file(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => continue,
            Err(error) => {
                found.trouble = Some(format!("`{}` cannot be read: {error}", path.display()));
                continue;
            }
        };
        for key in keys {
            let left = deadline.saturating_sub(start.elapsed());
            match look_up(bytes.clone(), key, left) {
                Ok(credential) => return Found { credential, trouble: None },
                Err(None) => {}
                Err(Some(trouble)) => {
                    found.trouble = Some(format!("the login in `{}` is not usable: {trouble}", path.display()));
                }
            }
        }
    }
    found
}

/// Configuration files in the order they are asked, each with the names under which the registry may be in it.
fn places(access: &Access, endpoint: &Endpoint) -> Vec<(PathBuf, Vec<String>)> {
    let docker_keys = if endpoint.name == DOCKER_HUB {
        vec!["https://index.docker.io/v1/".to_owned(), DOCKER_HUB.to_owned()]
    } else {
        vec![endpoint.name.clone()]
    };
    let docker = |path: PathBuf| (path, docker_keys.clone());
    // podman's may name a repository, or a part of its path: the longest name is the most exact
    let mut podman_keys: Vec<String> = Vec::new();
    let mut path = format!("{}/{}", endpoint.name, endpoint.repository);
    while path.len() > endpoint.name.len() {
        podman_keys.push(path.clone());
        path.truncate(path.rfind('/').unwrap_or(0));
    }
    podman_keys.extend(docker_keys.iter().rev().cloned());

    let mut places = Vec::new();
    if let Some(named) = &access.docker_config {
        let is_folder = named.is_dir();
        places.push(docker(if is_folder { named.join("config.json") } else { named.clone() }));
    }
    if let Some(runtime) = &access.runtime_dir {
        places.push((runtime.join("containers/auth.json"), podman_keys.clone()));
    }
    if let Some(home) = &access.home {
        places.push((home.join(".config/containers/auth.json"), podman_keys));
        if access.docker_config.is_none() {
            places.push(docker(home.join(".docker/config.json")));
        }
    }
    places
}

/// The file's bytes; `None` if there is no file.
fn read_file(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    // a named pipe in its place would block
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    file.take(LARGEST_FILE + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > LARGEST_FILE {
        return Err(io::Error::other("it is larger than 4 MiB"));
    }
    Ok(Some(bytes))
}

/// Looks up one name. No login is `Err(None)`, one that cannot be used `Err` with the reason.
///
/// A helper may run for this, so it happens on a thread of its own, left behind when it takes too long.
fn look_up(config: Vec<u8>, key: String, deadline: Duration) -> Result<Credential, Option<String>> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("credentials".into())
        .spawn(move || {
            // nobody listens any more after the deadline
            let _ = sender.send(get_credential_from_reader(config.as_slice(), &key));
        })
        .map_err(|_| Some("no thread could be started".to_owned()))?;
    let answer = receiver.recv_timeout(deadline).map_err(|error| {
        Some(match error {
            mpsc::RecvTimeoutError::Timeout => "the credential helper does not answer in time".to_owned(),
            mpsc::RecvTimeoutError::Disconnected => "it cannot be understood".to_owned(),
        })
    })?;
    match answer {
        Ok(DockerCredential::UsernamePassword(user, password)) if user.is_empty() && password.is_empty() => Err(None),
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(Credential::Password(user, Sensitive(password))),
        Ok(DockerCredential::IdentityToken(token)) if token.is_empty() => Err(None),
        Ok(DockerCredential::IdentityToken(token)) => Ok(Credential::Identity(Sensitive(token))),
        // never what the helper printed: it may be a credential
        Err(CredentialRetrievalError::HelperFailure { stdout, stderr, helper }) => {
            let said = format!("{stdout}{stderr}").to_ascii_lowercase();
            let has_none = said.contains("not found") || said.contains("no credentials");
            Err((!has_none).then(|| format!("`{}` failed", crate::escape::escape(helper))))
        }
        Err(CredentialRetrievalError::NoCredentialConfigured | CredentialRetrievalError::ConfigNotFound) => Err(None),
        Err(error) => Err(Some(
            match error {
                CredentialRetrievalError::HelperCommunicationError => "the credential helper cannot be run",
                CredentialRetrievalError::MalformedHelperResponse => "the credential helper's answer makes no sense",
                CredentialRetrievalError::CredentialMismatchError => "`auth` and `username` contradict each other",
                CredentialRetrievalError::ConfigReadError => "the file is no valid JSON of that kind",
                _ => "`auth` cannot be decoded",
            }
            .to_owned(),
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn endpoint(reference: &str) -> Endpoint {
        Endpoint::target(&reference.parse().expect("a reference"), false).expect("a host")
    }

    fn shown(found: &Found) -> String {
        match &found.credential {
            Credential::None => format!("none, {}", found.trouble.as_deref().unwrap_or("no trouble")),
            Credential::Password(user, password) => format!("{user} {}", password.0),
            Credential::Identity(token) => format!("identity {}", token.0),
            Credential::Token(token) => format!("token {}", token.0),
        }
    }

    #[test]
    fn logins_are_found_where_docker_and_podman_keep_them() {
        // dTpw and aDpx are u:p and h:q
        let cases = [
            (".docker/config.json", r#"{"auths":{"r.example.com":{"auth":"dTpw"}}}"#, "r.example.com/a", "u p"),
            (
                ".docker/config.json",
                r#"{"auths":{"r.example.com":{"auth":"dTpw"}}}"#,
                "q.example.com/a",
                "none, no trouble",
            ),
            (
                ".docker/config.json",
                r#"{"auths":{"r.example.com:5000":{"auth":"dTpw"}}}"#,
                "r.example.com/a",
                "none, no trouble",
            ),
            (".docker/config.json", r#"{"auths":{"https://r.example.com":{"auth":"dTpw"}}}"#, "r.example.com/a", "u p"),
            (".docker/config.json", r#"{"auths":{"https://index.docker.io/v1/":{"auth":"dTpw"}}}"#, "nginx", "u p"),
            (".docker/config.json", r#"{"auths":{"docker.io":{"auth":"dTpw"}}}"#, "nginx", "u p"),
            (
                ".docker/config.json",
                r#"{"auths":{"r.example.com":{"auth":"dTpw","identitytoken":"xyz"}}}"#,
                "r.example.com/a",
                "identity xyz",
            ),
            (".docker/config.json", r#"{"auths":{"r.example.com":{}}}"#, "r.example.com/a", "none, no trouble"),
            (".docker/config.json", "{}", "r.example.com/a", "none, no trouble"),
            (
                "containers/auth.json",
                r#"{"auths":{"r.example.com":{"auth":"dTpw"},"r.example.com/t/a":{"auth":"aDpx"}}}"#,
                "r.example.com/t/a",
                "h q",
            ),
            (
                "containers/auth.json",
                r#"{"auths":{"r.example.com":{"auth":"dTpw"},"r.example.com/t":{"auth":"aDpx"}}}"#,
                "r.example.com/t/a",
                "h q",
            ),
            (
                "containers/auth.json",
                r#"{"auths":{"r.example.com":{"auth":"dTpw"},"r.example.com/t":{"auth":"aDpx"}}}"#,
                "r.example.com/u/a",
                "u p",
            ),
            (".config/containers/auth.json", r#"{"auths":{"docker.io":{"auth":"dTpw"}}}"#, "nginx", "u p"),
        ];
        for (file, text, reference, expected) in cases {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(&path, text).expect("a file");
            let access = Access {
                home: Some(folder.path().into()),
                runtime_dir: Some(folder.path().into()),
                ..Access::default()
            };
            assert_eq!(
                shown(&from_files(&access, &endpoint(reference), HELPER_DEADLINE)),
                expected,
                "{text} {reference}"
            );
        }
    }

    #[test]
    fn a_broken_file_is_trouble_that_shows_nothing_of_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config.json");
        let access = Access { docker_config: Some(folder.path().into()), ..Access::default() };
        for text in ["hunter2", r#"{"auths":{"r.example.com":{"auth":"hunter2!"}}}"#, r#"{"auths":"hunter2"}"#] {
            std::fs::write(&path, text).expect("a file");
            let found = from_files(&access, &endpoint("r.example.com/a"), HELPER_DEADLINE);
            let trouble = found.trouble.expect("trouble");
            assert!(trouble.contains("config.json") && !trouble.contains("hunter2"), "{trouble}");
        }
    }

    /// `docker_credential` looks for `docker-credential-NAME` on the search path, which a test cannot
    /// change for itself: the second test runs in a process of its own.
    #[test]
    fn helpers_are_asked_until_the_deadline_and_their_words_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let helper = |name: &str, script: &str| {
            let path = folder.path().join(format!("docker-credential-{name}"));
            std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a script");
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("permissions");
        };
        helper("good", r#"cat >/dev/null; echo '{"ServerURL":"r","Username":"u","Secret":"p"}'"#);
        helper("token", r#"cat >/dev/null; echo '{"ServerURL":"r","Username":"<token>","Secret":"xyz"}'"#);
        helper("none", "cat >/dev/null; echo 'credentials not found in native keychain'; exit 1");
        helper("bad", "cat >/dev/null; echo hunter2; echo hunter2 >&2; exit 1");
        helper("slow", "exec sleep 5");
        let path = std::env::var("PATH").unwrap_or_default();
        let output = std::process::Command::new(std::env::current_exe().expect("this program"))
            .args(["--ignored", "--exact", "source::registry::credentials::tests::in_a_search_path_with_helpers"])
            .env("PATH", format!("{}:{path}", folder.path().display()))
            .output()
            .expect("this program runs again");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("1 passed"), "{text}");
    }

    #[test]
    #[ignore = "run by the test above, which prepares the search path"]
    fn in_a_search_path_with_helpers() {
        let cases = [
            ("good", "u p"),
            ("token", "identity xyz"),
            ("none", "none, no trouble"),
            ("bad", "failed"),
            ("slow", "in time"),
            ("absent", "cannot be run"),
        ];
        for (name, expected) in cases {
            for text in [
                serde_json::json!({"credHelpers": {"r.example.com": name}}),
                serde_json::json!({"auths": {"r.example.com": {}}, "credsStore": name}),
            ] {
                let answer =
                    look_up(text.to_string().into_bytes(), "r.example.com".into(), Duration::from_millis(1_500));
                let shown = match answer {
                    Ok(credential) => shown(&Found { credential, trouble: None }),
                    Err(trouble) => shown(&Found { credential: Credential::None, trouble }),
                };
                assert!(shown.contains(expected) && !shown.contains("hunter2"), "{name}: {shown}");
            }
        }
    }
}
