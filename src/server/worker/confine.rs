//! Takes from this process what it does not need: memory and time by limits (setrlimit(2)), files and connections by
//! Landlock (landlock(7)), where the kernel has it.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, NetPort, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetError,
    Scope, path_beneath_rules,
};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::error::{Error, ErrorKind, Result};
use crate::source::registry::{ImageReference, PROXIES};

use super::summary::Confinement;
use super::task::Task;

/// Address space beyond the memory that may be used: code, stacks that are never filled, arenas of the allocator.
const ADDRESS_ROOM: u64 = 2 << 30;

/// What looking up names and verifying certificates reads, and the libraries for that.
const READ: &[&str] = &[
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/ld.so.cache",
    "/etc/ssl",
    "/etc/pki",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/usr/share/ca-certificates",
    "/usr/share/pki",
    "/usr/local/share/ca-certificates",
    "/usr/lib",
    "/usr/lib64",
    "/lib",
    "/lib64",
    "/dev/null",
    "/dev/urandom",
];

/// Variables that name certificates.
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// The variables that the server hands on to its workers, if it has them itself.
pub(super) fn variables() -> impl Iterator<Item = &'static str> {
    CERTIFICATES.into_iter().chain(PROXIES).chain(["NO_PROXY", "no_proxy"])
}

/// Limits memory, time and files of this process for good.
pub(super) fn limit(task: &Task) -> Result<()> {
    let caps = &task.caps;
    let limits = [
        (Resource::Core, 0),
        // pipes are no files: no report is cut by it
        (Resource::Fsize, task.cache.as_ref().map_or(0, |cache| cache.largest)),
        (Resource::Nofile, caps.files),
        (Resource::Cpu, caps.cpu_seconds),
        (Resource::Data, caps.memory),
        (Resource::As, caps.memory.saturating_add(ADDRESS_ROOM)),
    ];
    for (resource, most) in limits {
        // a lower limit that is there already stays
        let most = getrlimit(resource).maximum.map_or(most, |maximum| maximum.min(most));
        // what ignores the first signal for used up time gets the last one a second later
        let hard = if resource == Resource::Cpu { most.saturating_add(1) } else { most };
        let hard = getrlimit(resource).maximum.map_or(hard, |maximum| maximum.min(hard));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(hard) }).map_err(|error| {
            Error::new(ErrorKind::Io, "cannot limit what the worker uses").because(std::io::Error::from(error))
        })?;
    }
    Ok(())
}

/// Gives up reading all but what the rest of the task needs, writing, and connecting to other ports, for this thread and
/// all that it will start. A kernel without Landlock takes nothing; what was taken is found out by trying.
pub(super) fn confine(task: &Task) -> Confinement {
    // an error leaves the process as it was, which the trial tells
    let written = task.cache.as_ref().map(|cache| &cache.folder);
    let _ = restrict(&readable(task), written, &ports(task));
    Confinement { files: is_denied(std::fs::read_dir("/").map(drop)), network: is_denied(connect()) }
}

fn restrict(files: &[PathBuf], written: Option<&PathBuf>, ports: &BTreeSet<u16>) -> Result<(), RulesetError> {
    // what newer kernels know besides is left out where the kernel is older
    let abi = ABI::V6;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let write = AccessFs::WriteFile | AccessFs::Truncate | AccessFs::MakeReg | AccessFs::RemoveFile;
    let connect = ports.iter().map(|port| Ok::<_, RulesetError>(NetPort::new(*port, AccessNet::ConnectTcp)));
    Ruleset::default()
        .handle_access(AccessFs::from_all(abi))?
        .handle_access(AccessNet::from_all(abi))?
        .scope(Scope::from_all(abi))?
        .create()?
        .add_rules(path_beneath_rules(files, read))?
        .add_rules(path_beneath_rules(written, read | write))?
        .add_rules(connect)?
        .restrict_self()?;
    Ok(())
}

fn is_denied(tried: std::io::Result<()>) -> bool {
    tried.is_err_and(|error| error.kind() == std::io::ErrorKind::PermissionDenied)
}

/// Connects to a port of this machine on which nobody listens, and which is none of a registry (tcpmux).
fn connect() -> std::io::Result<()> {
    let nobody = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
    TcpStream::connect_timeout(&nobody, Duration::from_millis(200)).map(drop)
}

/// What is read after everything else was.
fn readable(task: &Task) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = READ.iter().map(PathBuf::from).collect();
    paths.extend(task.advisories.clone());
    paths.extend(task.registry.ca_certificate.clone());
    for value in CERTIFICATES.into_iter().filter_map(std::env::var_os) {
        paths.extend(std::env::split_paths(&value));
    }
    paths
}

/// None where a stored report is judged; else ports of the registry, its mirrors and whoever gives tokens for it; HTTPS, where it may redirect to; names by TCP.
fn ports(task: &Task) -> BTreeSet<u16> {
    if task.stored.is_some() {
        return BTreeSet::new();
    }
    let registry = &task.registry;
    let mut ports: BTreeSet<u16> = [53, 443].into();
    ports.extend(&registry.ports);
    let host = task.reference.parse::<ImageReference>().map(|reference| reference.host).unwrap_or_default();
    ports.extend(ports_of(&host, registry.insecure));
    let mirrors = registry.mirrors.values().flatten();
    ports.extend(mirrors.chain(registry.trusted_realms.values().flatten()).flat_map(|host| ports_of(host, false)));
    let proxies =
        PROXIES.into_iter().filter_map(std::env::var_os).filter_map(|value: OsString| value.into_string().ok());
    ports.extend(proxies.flat_map(|proxy| ports_of(&proxy, true)));
    ports
}

/// Ports of a host as it is written: `r.example:5000`, `http://m.example/prefix`, `[::1]:5000`.
fn ports_of(written: &str, insecure: bool) -> Vec<u16> {
    let (scheme, rest) = written.split_once("://").unwrap_or(("", written));
    let authority = rest.split('/').next().unwrap_or_default();
    let after_address = authority.rsplit_once(']').map_or(authority, |(_, after)| after);
    let port = after_address.rsplit_once(':').and_then(|(_, port)| port.parse().ok());
    let is_here = ["localhost", "127.", "[::1]"].iter().any(|here| authority.starts_with(here));
    match (port, scheme) {
        (Some(port), _) => vec![port],
        (None, "http") => vec![80],
        (None, _) if insecure || is_here => vec![80, 443],
        (None, _) => vec![443],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_those_that_are_written_or_the_usual_ones() {
        let cases: &[(&str, bool, &[u16])] = &[
            ("r.example", false, &[443]),
            ("r.example", true, &[80, 443]),
            ("r.example:5000", true, &[5000]),
            ("localhost", false, &[80, 443]),
            ("localhost:5000", false, &[5000]),
            ("[::1]:5000", false, &[5000]),
            ("[2001:db8::1]", false, &[443]),
            ("http://m.example/prefix", false, &[80]),
            ("https://m.example:8443/prefix:1", false, &[8443]),
            ("http://user:word@proxy.example:3128", true, &[3128]),
        ];
        for (written, insecure, expected) in cases {
            assert_eq!(ports_of(written, *insecure), *expected, "{written}");
        }
        let mut task = Task::new("r.example:5000/a@sha256:00", crate::time::Timestamp::from_unix(0));
        task.reference = format!("r.example:5000/a@{}", crate::digest::Digest::sha256(b""));
        task.registry.ports = vec![9000];
        task.registry.mirrors.insert("r.example:5000".into(), vec!["http://m.example:81".into()]);
        let ports = ports(&task);
        assert!([53, 81, 443, 5000, 9000].iter().all(|port| ports.contains(port)), "{ports:?}");
        assert!(!ports.contains(&80) && !ports.contains(&1));
    }

    #[test]
    fn what_was_given_up_is_denied_to_the_thread_that_gave_it_up() {
        use std::fs;
        use std::net::TcpListener;

        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir(path("data")).expect("a folder");
        for name in ["data/file", "policy.toml"] {
            fs::write(path(name), "text").expect("a file");
        }
        std::os::unix::fs::symlink(path("policy.toml"), path("data/link")).expect("a link");
        let listener = || TcpListener::bind("127.0.0.1:0").expect("a port");
        let (registry, other) = (listener(), listener());
        let place = |listener: &TcpListener| listener.local_addr().expect("bound");
        let (registry, other) = (place(&registry), place(&other));
        let mut task = Task::new("r.example/a", crate::time::Timestamp::from_unix(0));
        task.reference = format!("{registry}/a@{}", crate::digest::Digest::sha256(b""));
        task.advisories = Some(path("data"));
        // read before, as policies are
        fs::read(path("policy.toml")).expect("nothing is given up yet");
        let files = ["data/file", "data/link", "policy.toml", "data/new"].map(path);
        let held = std::thread::spawn(move || {
            let confinement = confine(&task);
            let [data, link, policy, new] = files;
            let reads = [&data, &link, &policy].map(|file| is_denied(fs::read(file).map(drop)));
            let writes =
                [is_denied(fs::write(&new, "x")), is_denied(fs::write(&data, "x")), is_denied(fs::remove_file(&data))];
            let program = is_denied(std::process::Command::new("/bin/true").status().map(drop));
            let goes = [registry, other].map(|place| is_denied(TcpStream::connect(place).map(drop)));
            let listens = is_denied(TcpListener::bind("127.0.0.1:0").map(drop));
            (confinement, reads, writes, program, goes, listens)
        });
        let (Confinement { files, network }, reads, writes, program, goes, listens) = held.join().expect("no panic");
        // on a kernel without Landlock nothing is denied, and nothing is said to be
        assert_eq!(reads, [false, files, files]);
        assert_eq!((writes, program), ([files; 3], files));
        assert_eq!((goes, listens), ([false, network], network));
        fs::read(path("policy.toml")).expect("other threads keep what they have");
    }
}
