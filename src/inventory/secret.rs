//! Secrets, which never show themselves.

use crate::path::ImagePath;
use crate::rule::{Confidence, Rule, Severity};
use crate::tree::Node;

/// A secret in a file or in the configuration. It holds no part of the value but what may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secret {
    /// What it is.
    pub rule: &'static Rule,
    /// May differ from the rule's: lookalikes and test keys are `info`.
    pub severity: Severity,
    /// May differ from the rule's.
    pub confidence: Confidence,
    /// Where it is.
    pub place: SecretPlace,
    /// The value masked: the public prefix and at most the last four characters.
    pub masked: String,
    /// A keyed hash of rule and value, 16 hexadecimal digits: the same secret anywhere has the same.
    pub id: String,
    /// Length of the value in bytes.
    pub length: u64,
    /// Offset and length of all the text that says it, where its file has it in base64, escapes or wide characters.
    pub coded: Option<(u64, u64)>,
    /// What else is known, such as `checksum valid`, `expired 2024-01-01`, `encrypted`.
    pub notes: Vec<String>,
}

impl Secret {
    /// Offset and length of what must go for it to be gone from its file; nothing of a secret of the documents.
    pub fn extent(&self) -> Option<(u64, u64)> {
        match &self.place {
            SecretPlace::File { offset, .. } => Some(self.coded.unwrap_or((*offset, self.length))),
            _ => None,
        }
    }
}

/// Where a secret is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretPlace {
    /// In a file.
    File {
        /// The file.
        node: Node,
        /// Its name: a live one if there is any, else that of the tar member. Where it is an archive, the files inside
        /// follow, each behind a `!`: `app/a.war!lib/b.jar!c.yml`; lines and offset are in the last of them.
        path: ImagePath,
        /// First and last line, from 1; `None` in binary files.
        lines: Option<(u64, u64)>,
        /// Offset of the value in the file, in bytes.
        offset: u64,
    },
    /// In the configuration: `Env`, `Labels`, `Cmd`, `Entrypoint`, `Healthcheck`, `OnBuild`.
    Config {
        /// `Env.TOKEN`, `Labels.key`, `Cmd`.
        key: String,
    },
    /// In the history.
    History {
        /// Index of the entry.
        index: u32,
        /// Name of the build argument, or `created_by`, `comment`, `author`.
        key: String,
    },
}
