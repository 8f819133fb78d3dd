//! Files of the folder that the Dockerfile copies, where their name says that they hold credentials.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use super::{Search, finding};
use crate::dockerfile::ignore::Ignore;
use crate::dockerfile::lint::{Told, holds_secret, quoted};
use crate::dockerfile::{Instruction, Kind, Span};
use crate::limitation::Limitation;
use crate::lint::remedy;
use crate::rule::Severity;
use crate::secret;
use crate::size::ByteSize;

/// Largest file of the folder that is read.
const LARGEST: ByteSize = ByteSize::mib(1);

/// Most files of the folder that are read for one Dockerfile.
const MOST_FILES: usize = 2_000;

/// Secrets of one copied file that are told.
const MOST_OF_FILE: usize = 20;

impl Search<'_, '_> {
    /// Searches the files of the folder that the Dockerfile copies, where their name says that they hold credentials.
    pub(super) fn copied(&mut self, folder: &Path) {
        let Some(surroundings) = self.context.surroundings else { return };
        let is_copy = |instruction: &Instruction| {
            matches!(instruction.kind, Kind::Copy(_) | Kind::Add(_)) && instruction.flag("from").is_none()
        };
        if !self.context.instructions().any(|(_, instruction)| is_copy(instruction)) {
            return;
        }
        let sent = |path: &str| surroundings.ignore.as_ref().is_none_or(|ignore| !ignore.excludes(path));
        let wanted = |path: &str| {
            secret::is_credential_file(&path.into())
                || holds_secret(path)
                || [".pem", ".key"].iter().any(|end| path.ends_with(end))
        };
        let is_file = |path: &str| !path.ends_with('/') && sent(path) && wanted(path);
        let mut left: Vec<(&str, u64)> = surroundings
            .entries
            .iter()
            .map(|(path, size)| (path.as_str(), *size))
            .filter(|(path, _)| is_file(path))
            .collect();
        let (mut read, mut copies_all) = (0_usize, false);
        let mut large = BTreeSet::new();
        for (index, instruction) in self.context.instructions() {
            let (Kind::Copy(transfer) | Kind::Add(transfer)) = &instruction.kind else { continue };
            if !is_copy(instruction) {
                continue;
            }
            for source in &transfer.sources {
                let resolved = self.context.file.scope(index).resolve(source);
                let Some(text) = resolved.text().filter(|text| !text.contains("://") && !text.starts_with("<<")) else {
                    continue;
                };
                let pattern = text.trim_start_matches("./").trim_matches('/');
                let is_all = matches!(pattern, "" | "." | "*");
                copies_all |= is_all;
                let taken = Ignore::parse(pattern.as_bytes());
                let mut rest = Vec::with_capacity(left.len());
                for (path, size) in left {
                    if !is_all && !taken.excludes(path) {
                        rest.push((path, size));
                    } else if size > LARGEST.bytes() {
                        large.insert(path);
                    } else if read < MOST_FILES {
                        read = read.saturating_add(1);
                        self.copy(folder, path, source.span, self.context.ships(instruction));
                    }
                }
                left = rest;
            }
        }
        let mut note = |what: String| {
            let help = "look at these files by hand, or leave them out with `.dockerignore`";
            let note = Limitation::note("context-not-searched", self.context.name, what);
            self.secrets.limitations.push(note.help(help));
        };
        if let Some(first) = large.first() {
            let shown = secret::masked_path(&quoted(first));
            let more = match large.len().saturating_sub(1) {
                0 => String::new(),
                more => format!("; so are {more} more"),
            };
            note(format!(
                "`{shown}`, which is copied, is larger than {LARGEST} and was not searched for secrets{more}"
            ));
        }
        if read == MOST_FILES {
            note(format!("only the first {MOST_FILES} files with credentials in their name were searched for secrets"));
        }
        if copies_all && surroundings.is_cut {
            note(
                "the folder that is copied has more files than are looked at; the rest were not searched for secrets"
                    .into(),
            );
        }
    }

    /// Searches one file that the word at `span` copies.
    fn copy(&mut self, folder: &Path, path: &str, span: Span, ships: bool) {
        let mut bytes = Vec::new();
        let place = folder.join(path);
        // a link is copied as a link, a device is never read
        let is_plain = std::fs::symlink_metadata(&place).is_ok_and(|metadata| metadata.is_file());
        let read =
            is_plain.then(|| File::open(&place).and_then(|file| file.take(LARGEST.bytes()).read_to_end(&mut bytes)));
        match read {
            Some(Ok(_)) => {}
            Some(Err(error)) => {
                let what = format!(
                    "`{}` is copied and cannot be read ({error}); it was not searched for secrets",
                    quoted(path)
                );
                self.secrets.limitations.push(Limitation::note("context-not-searched", self.context.name, what));
                return;
            }
            None => return,
        }
        let (found, is_cut) = secret::in_file(&path.into(), &bytes);
        self.is_cut |= is_cut;
        let shown = secret::masked_path(&quoted(path));
        for mut one in found.into_iter().take(MOST_OF_FILE) {
            let line =
                memchr::memchr_iter(b'\n', bytes.get(..one.span.start).unwrap_or_default()).count().saturating_add(1);
            if !ships {
                one.severity = one.severity.min(Severity::Low);
            }
            let where_to = if ships { "into the image" } else { "into a stage, whose layers stay in the build cache" };
            let message =
                format!("{} in `{shown}`, line {line}, which is copied {where_to}: {}", one.rule.title, one.masked);
            let instead = remedy::of_file(&shown);
            let finding = finding(self.context, span, &shown, message, one, Some(instead))
                .evidence("copied_file", shown.clone())
                .evidence("copied_line", line);
            self.secrets.told.push(Told { finding, span, variable: None, is_generic: false, is_copied: true });
        }
    }
}
