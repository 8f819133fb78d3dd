//! The images and stages that instructions name: `FROM`, `COPY --from`, `RUN --mount=from=`.

use super::Context;
use super::build_context::Given;
use super::copy_from::wrong;
use super::facts::mounts;
use crate::dockerfile::{Base, Instruction, Kind, Resolved, Span};

/// The images that an instruction names, and not a stage, with the place of each.
pub(super) fn images(context: &Context<'_>, index: usize, instruction: &Instruction) -> Vec<(Resolved, Span)> {
    let Some(own) = instruction.stage else { return Vec::new() };
    if let Kind::From { image, .. } = &instruction.kind {
        return match context.file.stages.get(own).map(|stage| &stage.base) {
            Some(Base::Image(resolved)) => given(context, resolved.clone(), image.span).into_iter().collect(),
            _ => Vec::new(),
        };
    }
    let scope = context.file.scope(index);
    taken_from(context, instruction)
        .into_iter()
        .map(|(name, span)| (scope.expand(name), span))
        .filter(|(resolved, _)| {
            let name = resolved.shown.as_str();
            // a bare word may be a stage misspelt, which is another lint's, or, before the last stage, a folder that
            // `--build-context` names: whoever builds without that gets a stranger's image
            let is_image = name.contains([':', '/', '@']) || TAKEN_FROM.contains(&name);
            let may_be_image = is_image || resolved.unknown.is_empty() && context.ships(instruction);
            may_be_image && context.stages_named(name, own).0.is_none() && wrong(context, name, own).is_none()
        })
        .filter_map(|(resolved, span)| given(context, resolved, span))
        .collect()
}

/// The image that the build has in the place of a name, or the name; `None` where it is no image.
fn given(context: &Context<'_>, resolved: Resolved, span: Span) -> Option<(Resolved, Span)> {
    match context.contexts.get(&resolved.shown) {
        None => Some((resolved, span)),
        Some(Given::Files) => None,
        Some(Given::Image(image)) => Some((Resolved { shown: image.clone(), ..Resolved::default() }, span)),
    }
}

/// Whether a name that files are taken from may be a folder that `--build-context` names, as no image of Docker's own
/// library has it.
pub(super) fn may_be_context(instruction: &Instruction, name: &str) -> bool {
    let is_bare = !name.is_empty() && !name.contains([':', '/', '@']) && !TAKEN_FROM.contains(&name);
    is_bare && !matches!(instruction.kind, Kind::From { .. })
}

/// Images of Docker's own library that others take programs from.
const TAKEN_FROM: &[&str] = &[
    "alpine",
    "bash",
    "busybox",
    "caddy",
    "composer",
    "debian",
    "docker",
    "eclipse-temurin",
    "elixir",
    "erlang",
    "golang",
    "gradle",
    "haproxy",
    "httpd",
    "maven",
    "mysql",
    "nginx",
    "node",
    "openjdk",
    "perl",
    "php",
    "postgres",
    "python",
    "redis",
    "registry",
    "ruby",
    "rust",
    "swift",
    "traefik",
    "ubuntu",
    "vault",
];

/// The stages or images that an instruction takes files from, with the place of each name.
pub(super) fn taken_from<'i>(context: &Context<'_>, instruction: &'i Instruction) -> Vec<(&'i str, Span)> {
    match &instruction.kind {
        Kind::Copy(_) => {
            let value = instruction.flag("from").and_then(|flag| flag.value.as_ref());
            value.map(|value| (value.text.as_str(), value.span)).into_iter().collect()
        }
        Kind::Run(_) => {
            let spans = instruction.flags.iter().filter(|flag| flag.name == "mount").map(|flag| flag.span);
            let names = mounts(instruction).map(|mount| mount.split(',').find_map(|part| part.strip_prefix("from=")));
            names.zip(spans).filter_map(|(name, span)| name.map(|name| (name, place_of(context, name, span)))).collect()
        }
        _ => Vec::new(),
    }
}

/// Where the name stands in the flag.
fn place_of(context: &Context<'_>, name: &str, flag: Span) -> Span {
    const KEY: &str = "from=";
    let at = context.file.source(flag).find(&format!("{KEY}{name}"));
    let start = at.map(|at| flag.start.saturating_add(at).saturating_add(KEY.len()));
    start.map_or(flag, |start| Span::new(start, start.saturating_add(name.len())))
}
