//! Tells the layers of a base image from those built on top, where the history lets it be told.

use crate::image::ImageConfig;

use super::Origin;

/// Whose each of `count` layers is.
///
/// Buildah notes at the first step on a base which base that is. Elsewhere a base image ends with
/// its own `CMD` or `ENTRYPOINT`; steps after it are the user's. That is a guess by history, so an
/// image whose history says nothing of the kind, or not as many layers as there are, has layers of
/// unknown origin.
pub fn origins(config: Option<&ImageConfig>, count: usize) -> Vec<Origin> {
    let unknown = vec![Origin::Unknown; count];
    let Some(config) = config else { return unknown };
    let makers = config.history_of_layers(count);
    let Some(last_maker) = makers.iter().flatten().next_back() else { return unknown };
    let first_named = named_base(config).map(|(index, _)| index);
    let following = config.history.iter().skip(1).map(Some).chain([None]);
    let starts = (0u32..).zip(config.history.iter().zip(following)).filter(|(index, (entry, next))| {
        let instruction = entry.instruction();
        let is_start = instruction.starts_with("CMD") || instruction.starts_with("ENTRYPOINT");
        // on top of a named base only another builder's steps are the next image
        let is_other = next.is_none_or(|next| !next.comment.trim().starts_with("FROM "));
        is_start && first_named.is_none_or(|named| *index >= named && is_other)
    });
    // the last start command that still has layers after it; without `--layers`, buildah gives it the layer of all steps
    let first_after_start =
        starts.map(|(index, _)| index).filter(|index| index < last_maker).last().map(|index| index.saturating_add(1));
    let Some(first_own) = first_after_start.or(first_named) else { return unknown };
    let origin =
        |maker: &Option<u32>| if maker.is_some_and(|index| index < first_own) { Origin::Base } else { Origin::App };
    makers.iter().map(origin).collect()
}

/// The base that the history names, which may be `scratch`, and the index of the first step on top of it.
///
/// Buildah writes `FROM name` as the comment of that step, and `FROM` with the id of its own last
/// step as the comment of those after it.
pub fn named_base(config: &ImageConfig) -> Option<(u32, &str)> {
    let steps = (0u32..).zip(&config.history).collect::<Vec<_>>();
    steps.into_iter().rev().find_map(|(index, step)| {
        let name = step.comment.trim().strip_prefix("FROM ")?.trim();
        (!name.is_empty() && !name.contains(' ') && !is_image_id(name)).then_some((index, name))
    })
}

fn is_image_id(name: &str) -> bool {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    matches!(hex.len(), 12 | 64) && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::HistoryEntry;

    #[test]
    fn layers_are_told_apart_by_the_start_command_of_the_base() {
        use Origin::{App, Base, Unknown};
        // a leading `-` marks a step without a layer
        let cases: &[(&[&str], usize, &[Origin])] = &[
            (&["ADD rootfs", "-CMD [\"bash\"]", "RUN make", "COPY . ."], 3, &[Base, App, App]),
            (
                &["ADD rootfs", "-CMD [\"bash\"]", "RUN a", "-ENTRYPOINT [\"x\"]", "RUN b", "-CMD [\"y\"]"],
                3,
                &[Base, Base, App],
            ),
            (&["ADD rootfs", "-CMD [\"bash\"]"], 1, &[Unknown]),
            (&["ADD rootfs", "RUN make"], 2, &[Unknown, Unknown]),
            (&["ADD rootfs", "-CMD [\"bash\"]", "RUN make"], 3, &[Unknown, Unknown, Unknown]),
        ];
        for (steps, count, expected) in cases {
            let entry = |step: &&str| HistoryEntry {
                created_by: step.trim_start_matches('-').into(),
                empty_layer: step.starts_with('-'),
                ..HistoryEntry::default()
            };
            let config = ImageConfig { history: steps.iter().map(entry).collect(), ..ImageConfig::default() };
            assert_eq!(origins(Some(&config), *count), *expected, "{steps:?}");
        }
    }

    #[test]
    fn layers_are_told_apart_by_the_base_that_buildah_notes() {
        use Origin::{App, Base, Unknown};
        /// Step and comment.
        type Steps = &'static [(&'static str, &'static str)];
        let cases: &[(Steps, usize, &[Origin])] = &[
            // with layers, on a base without
            (
                &[
                    ("-ADD rootfs", ""),
                    ("CMD [\"bash\"]", ""),
                    ("RUN a", "FROM localhost/debian:bookworm"),
                    ("RUN b", "FROM 90abfaaf0839"),
                    ("-CMD [\"x\"]", "FROM 8ef07ba86990"),
                ],
                3,
                &[Base, App, App],
            ),
            // a start command amid the user's own steps
            (
                &[
                    ("ADD rootfs", ""),
                    ("RUN a", "FROM debian:13"),
                    ("-CMD [\"x\"]", "FROM 90abfaaf0839"),
                    ("RUN b", "FROM 8ef07ba86990"),
                ],
                3,
                &[Base, App, App],
            ),
            // a base of buildah's, under an image of another builder's
            (
                &[
                    ("ADD rootfs", ""),
                    ("RUN a", "FROM debian:13"),
                    ("-CMD [\"x\"]", "FROM 90abfaaf0839"),
                    ("RUN b", "buildkit.dockerfile.v0"),
                ],
                3,
                &[Base, Base, App],
            ),
            // without layers throughout
            (&[("-ADD rootfs", ""), ("CMD [\"bash\"]", ""), ("-RUN a", ""), ("CMD [\"x\"]", "")], 2, &[Base, App]),
            (&[("COPY a", "FROM scratch"), ("RUN b", "FROM 90abfaaf0839")], 2, &[App, App]),
            (&[("COPY a", ""), ("RUN b", "FROM 90abfaaf0839")], 2, &[Unknown, Unknown]),
        ];
        for (steps, count, expected) in cases {
            let entry = |(step, comment): &(&str, &str)| HistoryEntry {
                created_by: step.trim_start_matches('-').into(),
                empty_layer: step.starts_with('-'),
                comment: (*comment).into(),
                ..HistoryEntry::default()
            };
            let config = ImageConfig { history: steps.iter().map(entry).collect(), ..ImageConfig::default() };
            assert_eq!(origins(Some(&config), *count), *expected, "{steps:?}");
        }
    }
}
