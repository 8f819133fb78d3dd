//! Which sort of text a file is, by its name: how far its settings are trusted.

use crate::path::ImagePath;

/// Sorts of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Settings: `.env`, `.ini`, `.yaml`, scripts, the image's own configuration.
    Settings,
    /// Source code.
    Source,
    /// Documentation, translations, generated code, everything else. Only what identifies itself counts.
    Other,
}

const SETTINGS: &[&[u8]] = &[
    b"cfg",
    b"cnf",
    b"conf",
    b"config",
    b"credentials",
    b"env",
    b"envrc",
    b"history",
    b"ini",
    b"json",
    b"netrc",
    b"npmrc",
    b"plist",
    b"properties",
    b"pypirc",
    b"sh",
    b"tf",
    b"tfstate",
    b"tfvars",
    b"toml",
    b"xml",
    b"yaml",
    b"yml",
    b"bash",
    b"zsh",
    b"dockerfile",
    b"service",
    b"local",
    b"production",
    b"development",
    b"staging",
    b"prod",
    b"dev",
    b"secrets",
    b"auth",
    b"settings",
    b"ovpn",
    b"sql",
    b"boto",
    b"s3cfg",
    b"rc",
    b"bak",
    b"old",
    b"orig",
    b"save",
    b"txt",
    b"log",
];

const SOURCE: &[&[u8]] = &[
    b"py", b"js", b"ts", b"jsx", b"tsx", b"mjs", b"cjs", b"php", b"rb", b"go", b"java", b"kt", b"cs", b"rs", b"pl",
    b"lua", b"scala", b"groovy", b"gradle", b"c", b"cc", b"cpp", b"h", b"swift", b"ex", b"exs", b"ps1", b"ipynb",
    b"vue", b"clj", b"dart", b"r", b"jl",
];

/// Names of texts for people, whatever follows a dot or hyphen.
const PROSE: &[&[u8]] = &[
    b"authors",
    b"changelog",
    b"changes",
    b"contributing",
    b"contributors",
    b"copying",
    b"copyright",
    b"licence",
    b"license",
    b"news",
    b"notice",
    b"readme",
    b"thanks",
    b"todo",
];

/// The sort of a file by its name.
pub(super) fn of(path: &ImagePath) -> Kind {
    let name = path.file_name().to_ascii_lowercase();
    if name.ends_with(b".min.js")
        || name.ends_with(b".d.ts")
        || name.ends_with(b"-lock.json")
        || name.ends_with(b".schema.json")
    {
        return Kind::Other;
    }
    let mut parts = name.rsplitn(2, |b| *b == b'.');
    let last = parts.next().unwrap_or_default();
    // `.env.production`, `Dockerfile.dev`, `config`, `.bash_history`
    let starts = [&b".env"[..], b"dockerfile", b"containerfile", b".bash", b".zsh", b"makefile"];
    // `copyright`, `README.Debian`, `LICENSE-MIT`, `NEWS.txt`
    let stem = name.split(|b| matches!(b, b'.' | b'-')).next().unwrap_or_default();
    if PROSE.contains(&stem) {
        return Kind::Other;
    }
    if parts.next().is_none() {
        let programs: [&[u8]; 9] = [
            b"bin",
            b"sbin",
            b"lib",
            b"usr/bin",
            b"usr/sbin",
            b"usr/lib",
            b"usr/libexec",
            b"usr/share",
            b"usr/local/bin",
        ];
        let is_known_shape = !programs.iter().any(|folder| path.is_under(folder));
        return if is_known_shape { Kind::Settings } else { Kind::Other };
    }
    if starts.iter().any(|start| name.starts_with(start))
        || SETTINGS.contains(&last)
        || last.ends_with(b"rc")
        || last.ends_with(b"history")
    {
        Kind::Settings
    } else if SOURCE.contains(&last) {
        Kind::Source
    } else {
        Kind::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_name() {
        let cases = [
            ("app/.env", Kind::Settings),
            ("app/.env.production", Kind::Settings),
            ("etc/app/config", Kind::Settings),
            ("root/.bash_history", Kind::Settings),
            ("root/.npmrc", Kind::Settings),
            ("app/settings.py", Kind::Source),
            ("app/README.md", Kind::Other),
            ("app/x.min.js", Kind::Other),
            ("app/package-lock.json", Kind::Other),
            ("usr/bin/ls", Kind::Other),
            ("usr/share/doc/bash/copyright", Kind::Other),
            ("app/LICENSE-MIT", Kind::Other),
            ("app/readme.txt", Kind::Other),
            ("app/news_settings.json", Kind::Settings),
        ];
        for (path, kind) in cases {
            assert_eq!(of(&path.into()), kind, "{path}");
        }
    }
}
