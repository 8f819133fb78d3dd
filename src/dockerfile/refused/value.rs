//! Values of flags and instructions: durations, ports, modes, platforms, signals, addresses.

/// A duration as Go writes it, `1h30m`, `500ms`, `-.5s`, in nanoseconds; `None` if it is none.
pub(super) fn duration(text: &str) -> Option<i128> {
    let (sign, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Some(0);
    }
    let mut total: i128 = 0;
    if rest.is_empty() || rest.len() > 64 {
        return None;
    }
    while !rest.is_empty() {
        let (whole, behind) = digits(rest);
        let (fraction, behind) = behind.strip_prefix('.').map_or(("", behind), digits);
        if whole.is_empty() && fraction.is_empty() {
            return None;
        }
        let length = behind.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, behind) = behind.split_at_checked(length)?;
        let unit: i128 = match unit {
            "ns" => 1,
            "us" | "µs" | "μs" => 1_000,
            "ms" => 1_000_000,
            "s" => 1_000_000_000,
            "m" => 60_000_000_000,
            "h" => 3_600_000_000_000,
            _ => return None,
        };
        let whole = if whole.is_empty() { 0 } else { whole.parse::<i128>().ok()? };
        total = total.checked_add(whole.checked_mul(unit)?)?;
        // what is less than a nanosecond does not count
        let fraction = fraction.get(..fraction.len().min(15)).unwrap_or_default();
        if !fraction.is_empty() {
            let scale = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
            total = total.checked_add(fraction.parse::<i128>().ok()?.checked_mul(unit)?.checked_div(scale)?)?;
        }
        rest = behind;
    }
    (total <= i128::from(i64::MAX)).then(|| total.saturating_mul(sign))
}

fn digits(text: &str) -> (&str, &str) {
    let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    text.split_at_checked(length).unwrap_or_default()
}

/// `80`, `80/tcp`, `8000-8010/udp`, `127.0.0.1:80:80`.
pub(super) fn is_port(text: &str) -> bool {
    let mut parts = text.rsplit(':');
    let (port, protocol) = parts.next().map_or(("", ""), |part| part.split_once('/').unwrap_or((part, "")));
    let is_known = matches!(protocol.to_ascii_lowercase().as_str(), "" | "tcp" | "udp" | "sctp");
    let host = parts.next().filter(|host| !host.is_empty());
    is_known && ports(port).is_some() && host.is_none_or(|host| ports(host).is_some())
}

fn ports(text: &str) -> Option<(u16, u16)> {
    let number = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_digit()).then_some(text).and_then(|text| text.parse::<u16>().ok())
    };
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    let (first, last) = (number(first)?, number(last)?);
    (first <= last).then_some((first, last))
}

/// `0755`, `u=rwX,go+r`.
pub(super) fn is_mode(text: &str) -> bool {
    if text.starts_with(|c: char| c.is_ascii_digit()) {
        return text.len() <= 16 && u32::from_str_radix(text, 8).is_ok_and(|mode| mode <= 0o7777);
    }
    text.split(',').all(|clause| {
        let actions = clause.trim_start_matches(['u', 'g', 'o', 'a']);
        let is_action = |c: char| matches!(c, '+' | '-' | '=' | 'r' | 'w' | 'x' | 'X' | 's' | 't' | 'u' | 'g' | 'o');
        actions.starts_with(['+', '-', '=']) && actions.chars().all(is_action)
    })
}

/// Systems and architectures that stand alone in a platform (containerd/platforms).
const PLATFORMS: &[&str] = &[
    "386",
    "aarch64",
    "aix",
    "amd64",
    "amd64p32",
    "android",
    "arm",
    "arm64",
    "arm64be",
    "armbe",
    "armel",
    "armhf",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "i386",
    "illumos",
    "ios",
    "js",
    "linux",
    "loong64",
    "macos",
    "mips",
    "mips64",
    "mips64le",
    "mips64p32",
    "mips64p32le",
    "mipsle",
    "nacl",
    "netbsd",
    "openbsd",
    "plan9",
    "ppc",
    "ppc64",
    "ppc64le",
    "riscv",
    "riscv64",
    "s390",
    "s390x",
    "solaris",
    "sparc",
    "sparc64",
    "wasip1",
    "wasm",
    "windows",
    "x86-64",
    "x86_64",
    "zos",
];

/// `linux`, `linux/arm64`, `linux/arm/v7`, `windows(10.0.17763)/amd64`.
pub(super) fn is_platform(text: &str) -> bool {
    let parts: Vec<&str> = text.split('/').take(5).collect();
    let is_part = |part: &&str| {
        !part.is_empty()
            && part.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-' | '(' | ')' | '+'))
    };
    match parts.as_slice() {
        // a system may tell its version in parentheses
        [only] => only.contains('(') || PLATFORMS.contains(&only.to_ascii_lowercase().as_str()),
        parts => parts.len() <= 3 && parts.iter().all(is_part),
    }
}

/// Names of Linux's signals without `SIG` (signal(7)).
const SIGNALS: &[&str] = &[
    "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
    "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "UNUSED", "URG",
    "USR1", "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
];

/// `SIGTERM`, `quit`, `RTMIN+3`.
pub(super) fn is_signal(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    let real_time = |start: &str, sign: char, most: u8| {
        let Some(rest) = name.strip_prefix(start) else { return false };
        let number =
            rest.strip_prefix(sign).filter(|rest| !rest.starts_with('0')).and_then(|rest| rest.parse::<u8>().ok());
        rest.is_empty() || number.is_some_and(|number| number <= most)
    };
    SIGNALS.contains(&name) || real_time("RTMIN", '+', 15) || real_time("RTMAX", '-', 14)
}

/// Where a source of `ADD` comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Address {
    /// A file of the context.
    None,
    /// A repository.
    Git,
    /// An address.
    Web,
}

/// What kind of source this is; where it may be a repository, it is one.
pub(super) fn address(text: &str) -> Address {
    let path = text.split(['?', '#']).next().unwrap_or_default();
    let is_web = text.starts_with("http://") || text.starts_with("https://");
    let is_git = ["git@", "git://", "ssh://", "github.com/"].iter().any(|start| text.starts_with(start))
        || is_web && path.rsplit_once('.').is_some_and(|(_, end)| end == "git")
        || text.contains(".git#")
        || text.contains(".git?");
    match (is_git, is_web) {
        (true, _) => Address::Git,
        (false, true) => Address::Web,
        // `user@host:path`
        _ if text.split_once('@').is_some_and(|(_, host)| host.contains(':')) => Address::Git,
        _ => Address::None,
    }
}
