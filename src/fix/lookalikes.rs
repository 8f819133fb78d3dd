//! What looks like a secret and is only information, such as a token with a wrong checksum: nothing is done about it, and the plan
//! says so.

use std::collections::{BTreeMap, BTreeSet};

use crate::finding::{Finding, Location};
use crate::inventory::{Inventory, SecretPlace};
use crate::path::ImagePath;
use crate::rule::Severity;
use crate::secret::masked_path;
use crate::tree::Node;

use super::plan::Refused;
use super::secrets::SECRETS;

/// What a finding carries that was told to be no secret, or that a package's authors publish: nobody asks why that stays.
const KNOWN: &[&str] = &["allowed_by", "allowed_in", "packaged_by"];

/// Refuses the findings that are information, but those in files that go anyway.
pub(super) fn refused(image: &Inventory, findings: &[&Finding], dropped: &BTreeSet<Node>) -> Vec<Refused> {
    let is_meant = |finding: &&&Finding| {
        finding.rule.family() == "secret"
            && finding.severity == Severity::Info
            && !KNOWN.iter().any(|key| finding.evidence.contains_key(*key))
    };
    let mut refused = Vec::new();
    let mut nodes: Option<BTreeMap<(&ImagePath, u32), Node>> = None;
    for finding in findings.iter().filter(is_meant) {
        let (path, hint) = match &finding.location {
            Location::File { path, layer, .. } => {
                let nodes = nodes.get_or_insert_with(|| places(image));
                let Some(node) = nodes.get(&(path, *layer)) else { continue };
                if dropped.contains(node) {
                    continue;
                }
                let outer = masked_path(&image.tree.entry(*node).path.to_string());
                (path.to_string(), format!("`--remove {outer}` takes the file out all the same"))
            }
            Location::Config { key } => (key.clone(), "`--redact TEXT` takes it out all the same".into()),
            Location::History { index, .. } => {
                (format!("history {index}"), "`--redact TEXT` takes it out all the same".into())
            }
            _ => continue,
        };
        let written = finding.evidence.get("notes").and_then(|list| list.as_array()).into_iter().flatten();
        let reasons: Vec<&str> = written.filter_map(|note| note.as_str()).collect();
        let why = if reasons.is_empty() { "no rule takes it for a secret in use".into() } else { reasons.join("; ") };
        refused.push(Refused {
            fixer: SECRETS.id.to_owned(),
            finding: Some(finding.fingerprint()),
            rule: Some(finding.rule.id.to_owned()),
            path: masked_path(&path),
            reason: format!("it is information: {why}"),
            hint,
        });
    }
    refused
}

/// The members that hold secrets, by the paths that findings have.
fn places(image: &Inventory) -> BTreeMap<(&ImagePath, u32), Node> {
    let files = image.secrets.iter().filter_map(|secret| match &secret.place {
        SecretPlace::File { node, path, .. } => Some(((path, node.layer), *node)),
        _ => None,
    });
    files.collect()
}
