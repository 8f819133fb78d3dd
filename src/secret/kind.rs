//! Which sort of text a file is, by the ending of its name, else by how it begins: how far its settings are trusted.
//!
//! Folders tell nothing: whoever hides a file would put it into a folder that is passed over.

use crate::path::ImagePath;

/// Sorts of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// Settings: `.env`, `.ini`, `.yaml`, scripts, the image's own configuration.
    Settings,
    /// Source code.
    Source,
    /// Documentation, translations, generated code, everything else. Only what identifies itself counts.
    Other,
    /// Its name tells nothing: [`by_content`] does.
    Unnamed,
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
        return Kind::Unnamed;
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

/// Bytes of a text that are looked at.
const HEAD: usize = 8 << 10;

/// The sort of a text by how it begins: `#!`, `{`, `<?xml`, or lines that are settings for the most part.
pub(super) fn by_content(bytes: &[u8]) -> Kind {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if let Some(program) = head.strip_prefix(b"#!") {
        let line = program.split(|b| *b == b'\n').next().unwrap_or_default();
        let languages: [&[u8]; 8] = [b"python", b"perl", b"ruby", b"node", b"php", b"lua", b"tclsh", b"Rscript"];
        let is_source = languages.iter().any(|language| memchr::memmem::find(line, language).is_some());
        return if is_source { Kind::Source } else { Kind::Settings };
    }
    let starts: [&[u8]; 5] = [b"{", b"[", b"<?xml", b"---\n", b"FROM "];
    if starts.iter().any(|start| head.starts_with(start)) {
        return Kind::Settings;
    }
    let (mut settings, mut sentences) = (0_usize, 0_usize);
    for line in head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if is_setting(line) {
            settings += 1;
        } else if line.split(|b| *b == b' ').filter(|word| !word.is_empty()).count() > 5 && !line.starts_with(b"#") {
            sentences += 1;
        }
    }
    // a list of commands, or a single value, has neither
    if settings >= sentences { Kind::Settings } else { Kind::Other }
}

/// Whether a line sets something: `key = value`, `export KEY=value`, `key: value`, `[section]`.
fn is_setting(line: &[u8]) -> bool {
    let line = line.strip_prefix(b"export ").unwrap_or(line);
    if line.starts_with(b"[") && line.ends_with(b"]") {
        return true;
    }
    let Some(sign) = line.iter().position(|b| matches!(b, b'=' | b':')) else { return false };
    let key = line.get(..sign).unwrap_or_default().trim_ascii();
    let is_key = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.' | b'"' | b'/');
    !key.is_empty() && key.len() <= 64 && key.iter().all(is_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorts_by_name() {
        let cases = [
            ("app/.env", Kind::Settings),
            ("app/.env.production", Kind::Settings),
            ("etc/app/config", Kind::Unnamed),
            ("root/.bash_history", Kind::Settings),
            ("root/.npmrc", Kind::Settings),
            ("app/settings.py", Kind::Source),
            ("app/README.md", Kind::Other),
            ("app/x.min.js", Kind::Other),
            ("app/package-lock.json", Kind::Other),
            ("usr/bin/ls", Kind::Unnamed),
            ("usr/share/doc/bash/copyright", Kind::Other),
            ("app/LICENSE-MIT", Kind::Other),
            ("app/readme.txt", Kind::Other),
            ("app/news_settings.json", Kind::Settings),
        ];
        for (path, kind) in cases {
            assert_eq!(of(&path.into()), kind, "{path}");
        }
    }

    #[test]
    fn sorts_by_content() {
        let cases = [
            ("#!/bin/sh\nset -e\n", Kind::Settings),
            ("#!/usr/bin/env python3\nimport os\n", Kind::Source),
            ("{\"a\": 1}", Kind::Settings),
            ("\u{feff}<?xml version=\"1.0\"?>", Kind::Settings),
            ("# the database\nDB_HOST=db\nDB_PASSWORD=x\n", Kind::Settings),
            ("[client]\nuser = app\n", Kind::Settings),
            ("server:\n  port: 80\n", Kind::Settings),
            ("mysql -u root shop\nls -l\n", Kind::Settings),
            ("This text tells of many things, and sets none.\nNor does its second line do so at all.\n", Kind::Other),
            ("", Kind::Settings),
        ];
        for (text, kind) in cases {
            assert_eq!(by_content(text.as_bytes()), kind, "{text}");
        }
    }
}
