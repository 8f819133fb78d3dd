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
    /// Its name has no ending: [`by_content`] tells.
    Unnamed,
    /// Its ending is known to none of the lists: [`by_content`] tells, but it may be a language of its own.
    Unlisted,
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
    b"bat",
    b"cmd",
    b"csh",
    b"fish",
    b"hcl",
    b"har",
    b"http",
    b"kdl",
    b"ksh",
    b"mk",
    b"nomad",
    b"psd1",
    b"props",
    b"pubxml",
    b"reg",
    b"csproj",
    b"targets",
    b"user",
    b"json5",
    b"jsonc",
    b"jsonl",
    b"ndjson",
    b"webmanifest",
    b"env_file",
    b"inf",
    b"ldif",
    b"test",
    b"qa",
    b"uat",
    b"stage",
    b"backup",
    b"desktop",
    b"nmconnection",
    b"socket",
    b"timer",
    b"mount",
    b"network",
    b"tfplan",
    b"hocon",
    b"iss",
    b"cf",
    b"sls",
    b"remmina",
];

const SOURCE: &[&[u8]] = &[
    b"py",
    b"js",
    b"ts",
    b"jsx",
    b"tsx",
    b"mjs",
    b"cjs",
    b"php",
    b"rb",
    b"go",
    b"java",
    b"kt",
    b"cs",
    b"rs",
    b"pl",
    b"lua",
    b"scala",
    b"groovy",
    b"gradle",
    b"c",
    b"cc",
    b"cpp",
    b"h",
    b"swift",
    b"ex",
    b"exs",
    b"ps1",
    b"ipynb",
    b"vue",
    b"clj",
    b"dart",
    b"r",
    b"jl",
    b"asp",
    b"aspx",
    b"cljs",
    b"coffee",
    b"cr",
    b"cshtml",
    b"cts",
    b"cxx",
    b"d",
    b"edn",
    b"ejs",
    b"el",
    b"elm",
    b"erl",
    b"fs",
    b"fsx",
    b"hbs",
    b"hh",
    b"hpp",
    b"hrl",
    b"hs",
    b"ino",
    b"jsp",
    b"kts",
    b"libsonnet",
    b"jsonnet",
    b"lisp",
    b"m",
    b"ml",
    b"mli",
    b"mm",
    b"mts",
    b"nim",
    b"nix",
    b"php5",
    b"phtml",
    b"pm",
    b"pp",
    b"proto",
    b"psm1",
    b"pyi",
    b"pyw",
    b"rake",
    b"rkt",
    b"sbt",
    b"scm",
    b"sol",
    b"svelte",
    b"tcl",
    b"vb",
    b"vba",
    b"vbs",
    b"zig",
    b"gemspec",
    b"bicep",
    b"cue",
    b"pas",
    b"cls",
    b"bzl",
    b"star",
    b"rego",
    b"astro",
];

/// Endings of texts for people, of translations, of what programs made, and of what holds digests.
const OTHER: &[&[u8]] = &[
    b"adoc",
    b"asc",
    b"asciidoc",
    b"cat",
    b"crt",
    b"css",
    b"csv",
    b"diff",
    b"dtd",
    b"eml",
    b"ent",
    b"ftl",
    b"gmo",
    b"gpg",
    b"hlp",
    b"htm",
    b"html",
    b"info",
    b"latex",
    b"less",
    b"list",
    b"lock",
    b"man",
    b"map",
    b"markdown",
    b"md",
    b"mdx",
    b"mo",
    b"org",
    b"patch",
    b"pdf",
    b"pem",
    b"po",
    b"pod",
    b"pot",
    b"ps",
    b"pub",
    b"rdoc",
    b"rng",
    b"rst",
    b"rtf",
    b"sass",
    b"scss",
    b"sig",
    b"snap",
    b"strings",
    b"styl",
    b"sum",
    b"svg",
    b"tex",
    b"texi",
    b"texinfo",
    b"textile",
    b"tsv",
    b"wsdl",
    b"xhtml",
    b"xlf",
    b"xliff",
    b"xsd",
    b"xsl",
    b"xslt",
];

/// Endings behind the ending that tells: of templates, and of files to be copied.
const TEMPLATES: &[&[u8]] = &[
    b"default",
    b"dist",
    b"dpkg-dist",
    b"dpkg-new",
    b"dpkg-old",
    b"epp",
    b"erb",
    b"example",
    b"gotmpl",
    b"in",
    b"j2",
    b"jinja",
    b"jinja2",
    b"rpmnew",
    b"rpmsave",
    b"sample",
    b"swp",
    b"template",
    b"tmpl",
    b"tpl",
];

/// Most endings of templates that are looked through.
const MOST_TEMPLATES: usize = 3;

/// Names of files that hold commands.
const FILES: &[&[u8]] = &[
    b"dockerfile",
    b"containerfile",
    b"crontab",
    b"jenkinsfile",
    b"justfile",
    b"makefile",
    b"procfile",
    b"vagrantfile",
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
    if is_prose(path) {
        return Kind::Other;
    }
    if FILES.contains(&name.as_slice()) {
        return Kind::Settings;
    }
    let mut name = name.as_slice();
    for _ in 0..MOST_TEMPLATES {
        let Some((before, last)) = ending(name) else { return Kind::Unnamed };
        // `.env.production`, `Dockerfile.dev`, `.bash_history`
        let starts = [&b".env"[..], b"dockerfile", b"containerfile", b".bash", b".zsh", b"makefile"];
        let is_turned = !last.is_empty() && last.len() <= 2 && last.iter().all(u8::is_ascii_digit);
        if starts.iter().any(|start| name.starts_with(start))
            || SETTINGS.contains(&last)
            || last.ends_with(b"rc")
            || last.ends_with(b"history")
        {
            return Kind::Settings;
        } else if SOURCE.contains(&last) {
            return Kind::Source;
        } else if OTHER.contains(&last) {
            return Kind::Other;
        } else if is_turned {
            // `app.log.1`; not the page `printf.3` of a manual, and no library
            let kept = ending(before).is_some_and(|(_, last)| SETTINGS.contains(&last) && last != b"so");
            return if kept { Kind::Settings } else { Kind::Other };
        } else if !TEMPLATES.contains(&last) {
            return Kind::Unlisted;
        }
        name = before;
    }
    Kind::Unlisted
}

/// Whether a file is a text for people by its name: `copyright`, `README.Debian`, `LICENSE-MIT`, `NEWS.txt`.
pub(super) fn is_prose(path: &ImagePath) -> bool {
    let name = path.file_name().to_ascii_lowercase();
    PROSE.contains(&name.split(|b| matches!(b, b'.' | b'-')).next().unwrap_or_default())
}

/// A name's last ending, and what stands before its dot.
fn ending(name: &[u8]) -> Option<(&[u8], &[u8])> {
    let dot = name.iter().rposition(|b| *b == b'.')?;
    Some((name.get(..dot)?, name.get(dot + 1..)?))
}

/// Bytes of a text that are looked at.
const HEAD: usize = 8 << 10;

/// The sort of a text by how it begins: `#!`, `{`, `<?xml`, or lines that are settings for the most part.
///
/// What has an unlisted ending is taken for source unless it is plainly something else.
pub(super) fn by_content(bytes: &[u8], is_unlisted: bool) -> Kind {
    let head = bytes.get(..HEAD).unwrap_or(bytes);
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head).trim_ascii_start();
    if let Some(program) = head.strip_prefix(b"#!") {
        let line = program.split(|b| *b == b'\n').next().unwrap_or_default();
        let languages: [&[u8]; 8] = [b"python", b"perl", b"ruby", b"node", b"php", b"lua", b"tclsh", b"Rscript"];
        let is_source = languages.iter().any(|language| memchr::memmem::find(line, language).is_some());
        return if is_source { Kind::Source } else { Kind::Settings };
    }
    // pages of manuals and of the web
    let pages: [&[u8]; 7] = [b".\\\"", b"'\\\"", b".TH ", b".Dd ", b".so ", b"<!DOCTYPE html", b"<html"];
    if pages.iter().any(|start| head.starts_with(start)) {
        return Kind::Other;
    }
    let starts: [&[u8]; 5] = [b"{", b"[", b"<?xml", b"---\n", b"FROM "];
    if starts.iter().any(|start| head.starts_with(start)) {
        return Kind::Settings;
    }
    let (mut settings, mut sentences, mut lines) = (0_usize, 0_usize, 0_usize);
    for line in head.split(|b| *b == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        lines += usize::from(!matches!(line.first(), Some(b'#' | b';')));
        if is_setting(line) {
            settings += 1;
        } else if line.split(|b| *b == b' ').filter(|word| !word.is_empty()).count() > 5 && !line.starts_with(b"#") {
            sentences += 1;
        }
    }
    if is_unlisted && settings >= sentences && settings * 2 < lines.max(1) {
        return Kind::Source;
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
            ("app/Dockerfile", Kind::Settings),
            ("app/Jenkinsfile", Kind::Settings),
            ("etc/crontab", Kind::Settings),
            ("app/start.bat", Kind::Settings),
            ("app/Web.csproj.user", Kind::Settings),
            ("app/jobs/api.nomad", Kind::Settings),
            ("app/build.gradle.kts", Kind::Source),
            ("app/deploy.psm1", Kind::Source),
            ("app/main.zig", Kind::Source),
            ("app/database.yml.erb", Kind::Settings),
            ("app/settings.py.j2", Kind::Source),
            ("app/app.conf.example.in", Kind::Settings),
            ("app/page.html.tpl", Kind::Other),
            ("app/config.example", Kind::Unnamed),
            ("app/app.log.1", Kind::Settings),
            ("usr/share/man/man3/printf.3", Kind::Other),
            ("app/app.js.map", Kind::Other),
            ("app/de.po", Kind::Other),
            ("app/types.d.ts", Kind::Other),
            ("app/data.frobnicate", Kind::Unlisted),
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
            assert_eq!(by_content(text.as_bytes(), false), kind, "{text}");
        }
    }

    #[test]
    fn sorts_unlisted_endings_by_content() {
        let cases = [
            ("#!/bin/sh\nset -e\n", Kind::Settings),
            ("DB_HOST=db\nDB_PASSWORD=x\n", Kind::Settings),
            ("module x\nlet a = 1\nprint a\nprint b\n", Kind::Source),
            (".TH PRINTF 3\npassword: x\n", Kind::Other),
            ("This text tells of many things, and sets none.\nNor does its second line do so at all.\n", Kind::Other),
        ];
        for (text, kind) in cases {
            assert_eq!(by_content(text.as_bytes(), true), kind, "{text}");
        }
    }
}
