//! Changes of owner or mode that copy whole layers.

use super::facts::{joined, lies_in, quoted};
use super::{Context, Lint};
use crate::dockerfile::Kind;
use crate::finding::Findings;
use crate::rule::{Rule, Severity};

/// All files ship twice.
pub(super) static OWNERSHIP: Rule = Rule {
    id: "dockerfile/copied-twice",
    title: "A change of owner or mode copies files a second time",
    severity: Severity::Low,
    why: "A layer holds whole files: changing the owner or the mode of a file that an earlier instruction \
          brought makes a second copy of it.",
    remediation: "Write `COPY --chown=user:group` or `COPY --chmod=755`.",
    references: &["https://docs.docker.com/reference/dockerfile/#copy---chown---chmod"],
    bad: "FROM debian:13\nCOPY app /app\nRUN chown -R 1000:1000 /app\nUSER 65532",
    good: "FROM debian:13\nCOPY --chown=1000:1000 app /app\nUSER 65532",
    ..Rule::NEW
};

/// Compares the paths with those of earlier `COPY` and `ADD` of the stage.
pub(super) struct Ownership;

impl Lint for Ownership {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&OWNERSHIP] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        for stage in
            context.file.stages.iter().filter(|stage| context.shipped.get(stage.index).copied().unwrap_or_default())
        {
            let copies = context.copies(stage);
            if copies.is_empty() {
                continue;
            }
            let mut folder = None;
            for index in stage.instructions.clone() {
                let Some(instruction) = context.file.instructions.get(index) else { continue };
                if let Kind::Workdir(word) = &instruction.kind {
                    let resolved = context.file.scope(index).resolve(word);
                    folder = resolved.text().and_then(|text| joined(folder.as_deref(), text));
                }
                for call in context.calls.get(index).map(Vec::as_slice).unwrap_or_default() {
                    let name = call.name();
                    if !matches!(name, "chown" | "chgrp" | "chmod") || !call.within.is_empty() {
                        continue;
                    }
                    // one file is hardly worth a line
                    if call.flag(&["-R", "--recursive"]).is_none() {
                        continue;
                    }
                    for word in call.operands().skip(1) {
                        let text = word.text.trim_end_matches('*');
                        let Some(path) = Some(text)
                            .filter(|text| !text.contains(['$', '~', '*', '?', '{']))
                            .and_then(|text| joined(folder.as_deref(), text))
                        else {
                            continue;
                        };
                        let found = copies.iter().find(|placed| {
                            let flag = if name == "chmod" { "chmod" } else { "chown" };
                            placed.index < index
                                && lies_in(&placed.path, &path)
                                && placed.instruction.flag(flag).is_none()
                        });
                        if let Some(placed) = found {
                            let (line, what) = (context.line(placed.instruction), placed.instruction.name());
                            let flag = if name == "chmod" { "--chmod" } else { "--chown" };
                            let message = format!(
                                "`{name}` makes a second copy of what line {line} brought; `{what} {flag}` makes one"
                            );
                            findings.push(context.finding(&OWNERSHIP, word.span, quoted(&word.text), message));
                        }
                    }
                }
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
            &Ownership,
            &[
                (
                    "FROM a\nWORKDIR /b\nCOPY . .\nRUN chown -R c:c /b\nRUN chown -R c .\n",
                    &[
                        "low dockerfile/copied-twice 4:18-4:20: `chown` makes a second copy of what line 3 brought; `COPY --chown` makes one",
                        "low dockerfile/copied-twice 5:16-5:17: `chown` makes a second copy of what line 3 brought; `COPY --chown` makes one",
                    ],
                ),
                ("FROM a\nCOPY --chown=c d /b/\nRUN chown -R c /b\nRUN chown c /x && chmod +x /b/d\n", &[]),
                ("FROM a\nRUN chown -R c /b\nCOPY d /b/\n", &[]),
                ("FROM a AS x\nCOPY d /b/\nRUN chown -R c /b\nFROM a\n", &[]),
            ],
        );
    }
}
