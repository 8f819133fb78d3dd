//! `ADD` where `COPY` does the same without its surprises.

use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::escape::escape;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// `ADD` of plain files.
pub(super) static ADD_NOT_COPY: Rule = Rule {
    id: "dockerfile/add-not-copy",
    title: "`ADD` copies plain files",
    severity: Severity::Low,
    why: "`ADD` unpacks archives and fetches addresses without being asked, so the same line does something else once \
          the file has another name. `COPY` only copies.",
    remediation: "Write `COPY`. Keep `ADD` for archives that shall be unpacked, and for addresses, with `--checksum`.",
    references: &["https://docs.docker.com/build/building/best-practices/#add-or-copy"],
    also: &["AVD-DS-0005", "CIS-DI-0009", "DL3020", "DS-0005", "DS005"],
    bad: "FROM debian:bookworm\nADD server.conf /etc/\nUSER 65532",
    good: "FROM debian:bookworm\nCOPY server.conf /etc/\nUSER 65532",
    ..Rule::NEW
};

/// Ends of the names of archives that `ADD` unpacks.
const ARCHIVES: &[&str] = &[
    ".tar",
    ".tar.gz",
    ".tgz",
    ".tar.bz2",
    ".tbz2",
    ".tbz",
    ".tb2",
    ".tar.xz",
    ".txz",
    ".tar.zst",
    ".tzst",
    ".tar.lzma",
    ".tlz",
    ".gz",
    ".bz2",
    ".xz",
    ".zst",
    ".lz",
    ".lzma",
    ".Z",
];

/// Judges what `ADD` adds.
pub(super) struct AddNotCopy;

impl Lint for AddNotCopy {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ADD_NOT_COPY] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let Kind::Add(transfer) = &instruction.kind else { continue };
            let scope = context.file.scope(index);
            // a pattern may match an archive; what is unknown may be one
            let is_plain = |text: &str| {
                let is_remote = text.contains("://") || text.starts_with("git@");
                !is_remote && !text.contains(['*', '?', '[']) && !ARCHIVES.iter().any(|end| text.ends_with(end))
            };
            let sources: Option<Vec<String>> = transfer
                .sources
                .iter()
                .map(|source| scope.resolve(source).text().filter(|text| is_plain(text)).map(str::to_owned))
                .collect();
            let Some(first) = sources.as_ref().and_then(|sources| sources.first()) else { continue };
            let message = format!("`ADD` copies `{}` as `COPY` would", escape(first));
            findings.push(context.finding(&ADD_NOT_COPY, instruction.keyword.span, escape(first), message));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::shown;
    use super::*;

    #[test]
    fn plain_files_are_told_and_what_only_add_can_do_is_not() {
        let cases = [
            ("ADD a b /c/", "low dockerfile/add-not-copy 2:1-2:4: `ADD` copies `a` as `COPY` would"),
            ("onbuild add a /c/", "low dockerfile/add-not-copy 2:9-2:12: `ADD` copies `a` as `COPY` would"),
            ("ADD [\"a b\", \"/c\"]", "low dockerfile/add-not-copy 2:1-2:4: `ADD` copies `a b` as `COPY` would"),
            ("ARG F=a\nADD $F /c", "low dockerfile/add-not-copy 3:1-3:4: `ADD` copies `a` as `COPY` would"),
            ("ADD https://example.com/a /", ""),
            ("ADD git@git.example:a.git /", ""),
            ("ADD a.tar.gz /", ""),
            ("ADD rootfs.tar.xz a /", ""),
            ("ADD $ARCHIVE /", ""),
            ("ADD *.t* /", ""),
        ];
        for (text, expected) in cases {
            let expected: Vec<&str> = Some(expected).filter(|text| !text.is_empty()).into_iter().collect();
            assert_eq!(shown(&AddNotCopy, &format!("FROM a\n{text}\n")), expected, "{text}");
        }
    }
}
