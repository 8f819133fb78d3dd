//! The page of documentation of one ecosystem, made from its collector.

use std::fmt::Write as _;

use crate::collect::{Collector, Select};

/// Renders what a collector reads and does not see as Markdown; `None` for one that lists no packages.
///
/// Ends in one line feed.
pub fn page(collector: &dyn Collector) -> Option<String> {
    let about = collector.about()?;
    let mut out = format!("# {}\n\n{}\n\n", about.title, about.reads);
    if !about.ecosystems.is_empty() {
        let mut types: Vec<String> = about.ecosystems.iter().map(|kind| format!("`pkg:{}`", kind.purl_type)).collect();
        types.dedup();
        let _ = writeln!(out, "Package URLs: {}\n", types.join(", "));
    }
    out.push_str("## Files\n\n");
    for select in collector.select() {
        let _ = writeln!(out, "- {}", shown(select));
    }
    out.push_str("\n## Not seen\n\n");
    for gap in about.not_seen {
        let _ = writeln!(out, "- {gap}");
    }
    if !about.references.is_empty() {
        out.push_str("\n## Read on\n\n");
        for url in about.references {
            let _ = writeln!(out, "- <{url}>");
        }
    }
    Some(out)
}

fn shown(select: &Select) -> String {
    match *select {
        Select::Path(path) => format!("`/{path}`"),
        Select::Under(folder, suffix) => format!("`/{folder}/*{suffix}`"),
        Select::In(folder, suffix) => format!("`**/{folder}/*{suffix}`"),
        Select::Name(name) => format!("`**/{name}`"),
        Select::Prefix(prefix) => format!("`**/{prefix}*`"),
        Select::Suffix(suffix) => format!("`**/*{}`", suffix.strip_prefix('/').unwrap_or(suffix)),
        Select::MagicAt(at, magic) => format!("every file with the bytes `{}` at {at}", magic.escape_ascii()),
        Select::Magic(magic) => format!("every file that begins with the bytes `{}`", magic.escape_ascii()),
        Select::Text => "every text file".to_owned(),
        Select::Member(path) => format!("`/{path}`, no link"),
        Select::Privileged => "every file with the setuid or setgid bit, or capabilities".to_owned(),
        Select::Everything => "every file".to_owned(),
    }
}
