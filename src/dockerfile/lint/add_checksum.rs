//! `ADD` of an address without a checksum.

use super::facts::{has_ending, quoted};
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::Rule;

/// Nobody checks what comes.
pub(super) static ADD_CHECKSUM: Rule = Rule {
    id: "dockerfile/add-without-checksum",
    title: "A file is fetched without a checksum",
    why: "Whoever controls the server, or the way to it, decides what goes into the image, and a build next \
          month may get another file.",
    remediation: "Write `ADD --checksum=sha256:… URL target`.",
    references: &["https://docs.docker.com/reference/dockerfile/#add---checksum"],
    bad: "FROM debian:13\nADD https://example.com/tool.tar.gz /opt/\nUSER 65532",
    good: "FROM debian:13\nADD --checksum=sha256:2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae https://example.com/tool.tar.gz /opt/\nUSER 65532",
    ..Rule::NEW
};

/// Looks at addresses of files; a git repository has its own checksum.
pub(super) struct AddChecksum;

impl Lint for AddChecksum {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&ADD_CHECKSUM] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for (index, instruction) in context.instructions() {
            let Kind::Add(transfer) = &instruction.kind else { continue };
            if instruction.flag("checksum").is_some() {
                continue;
            }
            for source in &transfer.sources {
                let resolved = context.file.scope(index).resolve(source);
                let text = resolved.shown.as_str();
                let path = text.split(['?', '#']).next().unwrap_or_default();
                if !(text.starts_with("http://") || text.starts_with("https://")) || has_ending(path, "git") {
                    continue;
                }
                let message = format!("`{}` is taken without a checksum", quoted(text));
                findings.push(context.finding(&ADD_CHECKSUM, source.span, quoted(text), message));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::expect;
    use super::*;

    #[test]
    fn findings_are_as_expected() {
        expect(
            &AddChecksum,
            &[
                (
                    "FROM a\nARG V=1\nADD https://e.example/$V.tgz /\n",
                    &[
                        "medium dockerfile/add-without-checksum 3:5-3:29: `https://e.example/1.tgz` is taken without a checksum",
                    ],
                ),
                (
                    "FROM a\nADD --checksum=sha256:0 https://e.example/a /\nADD https://e.example/a.git#v1 /\nADD a.tgz /\n",
                    &[],
                ),
            ],
        );
    }
}
