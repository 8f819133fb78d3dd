//! Tells the layers of a base image from those built on top, where the history lets it be told.

use crate::image::ImageConfig;

use super::Origin;

/// Whose each of `count` layers is.
///
/// A base image ends with its own `CMD` or `ENTRYPOINT`, a step without a layer; steps after it are
/// the user's. That is a guess by history, so an image whose history says nothing of the kind, or
/// not as many layers as there are, has layers of unknown origin.
pub fn origins(config: Option<&ImageConfig>, count: usize) -> Vec<Origin> {
    let unknown = vec![Origin::Unknown; count];
    let Some(config) = config else { return unknown };
    let makers = config.history_of_layers(count);
    let Some(last_maker) = makers.iter().flatten().next_back() else { return unknown };
    let starts = (0u32..).zip(&config.history).filter(|(_, entry)| {
        let instruction = entry.instruction();
        entry.empty_layer && (instruction.starts_with("CMD") || instruction.starts_with("ENTRYPOINT"))
    });
    // the last start command that still has layers after it
    let Some((base_end, _)) = starts.filter(|(index, _)| index < last_maker).last() else { return unknown };
    let origin =
        |maker: &Option<u32>| if maker.is_some_and(|index| index < base_end) { Origin::Base } else { Origin::App };
    makers.iter().map(origin).collect()
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
}
