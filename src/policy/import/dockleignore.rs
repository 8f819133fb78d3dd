//! `.dockleignore` (<https://github.com/goodwithtech/dockle>, "Ignore the specified checkpoints"): a code on each line.

use crate::error::Result;

use super::draft::{Draft, Waived};
use super::names::{Tool, keys};
use super::{File, Kind, has_lines};

pub(super) static KIND: Kind = Kind {
    id: "dockleignore",
    what: "checkpoints that Dockle ignores",
    names: &[".dockleignore"],
    looks: |text| has_lines(text, |line| line.starts_with("CIS-DI-") || line.starts_with("DKL-")),
    read,
};

/// Dockle judges images, not Dockerfiles.
const FAMILIES: &[&str] = &["base", "image", "layer", "secret"];

#[expect(clippy::unnecessary_wraps, reason = "the signature of all readers")]
fn read(file: &File<'_>, draft: &mut Draft<'_>) -> Result<()> {
    let id_of = |line: &str| line.split(|c: char| c == '#' || c.is_whitespace()).next().unwrap_or_default().to_owned();
    let ids: Vec<String> = file.lines().map(|(_, line)| id_of(line)).collect();
    let tool = Tool { families: FAMILIES, also_ignored: &keys(ids.iter().map(String::as_str)) };
    for ((number, _), id) in file.lines().zip(&ids) {
        if !draft.waive_rule(number, id, &tool, &Waived::default()) {
            draft.leave(number, id, "careen has no rule like it, so that there is nothing to accept");
        }
    }
    Ok(())
}
