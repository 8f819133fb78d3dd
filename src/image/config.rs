//! The image configuration, with Docker's own fields (image-spec config.md, Docker image spec 1.2).

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::digest::DiffId;
use crate::error::{Error, Result};
use crate::limit::Limits;
use crate::limitation::Limitation;

use super::Platform;
use super::history::HistoryEntry;
use super::manifest::null_is_default;
use super::spelling;
use super::texts::Texts;

/// An image's configuration document.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ImageConfig {
    /// RFC 3339, as written.
    #[serde(default)]
    pub created: Option<String>,
    /// Who made it.
    #[serde(default)]
    pub author: Option<String>,
    /// Operating system.
    #[serde(default, deserialize_with = "null_is_default")]
    pub os: String,
    /// Architecture.
    #[serde(default, deserialize_with = "null_is_default")]
    pub architecture: String,
    /// Variant of the architecture.
    #[serde(default, deserialize_with = "null_is_default")]
    pub variant: String,
    /// What a container runs with.
    #[serde(default, deserialize_with = "null_is_default")]
    pub config: ContainerConfig,
    /// The layers.
    #[serde(default, deserialize_with = "null_is_default")]
    pub rootfs: RootFs,
    /// Build steps, oldest first.
    #[serde(default, deserialize_with = "null_is_default")]
    pub history: Vec<HistoryEntry>,
    /// Texts of all other fields, which nothing uses.
    #[serde(skip)]
    pub unused: Texts,
}

/// What a container of the image runs with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContainerConfig {
    /// `USER`, as written: empty, a name or number, with or without `:group`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub user: String,
    /// `NAME=value` each.
    #[serde(default, deserialize_with = "null_is_default")]
    pub env: Vec<String>,
    /// Start command, first part.
    #[serde(default, deserialize_with = "null_is_default")]
    pub entrypoint: Vec<String>,
    /// Start command, second part, or its arguments.
    #[serde(default, deserialize_with = "null_is_default")]
    pub cmd: Vec<String>,
    /// Where it starts.
    #[serde(default, deserialize_with = "null_is_default")]
    pub working_dir: String,
    /// `port/protocol` keys.
    #[serde(default, deserialize_with = "null_is_default")]
    pub exposed_ports: BTreeMap<String, serde_json::Value>,
    /// Mount points.
    #[serde(default, deserialize_with = "null_is_default")]
    pub volumes: BTreeMap<String, serde_json::Value>,
    /// Labels.
    #[serde(default, deserialize_with = "null_is_default")]
    pub labels: BTreeMap<String, String>,
    /// Signal that stops it.
    #[serde(default)]
    pub stop_signal: Option<String>,
    /// Docker's health check.
    #[serde(default)]
    pub healthcheck: Option<Healthcheck>,
    /// Triggers for images built on top.
    #[serde(default, deserialize_with = "null_is_default")]
    pub on_build: Vec<String>,
    /// Shell of the shell form.
    #[serde(default, deserialize_with = "null_is_default")]
    pub shell: Vec<String>,
}

/// Docker's health check.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Healthcheck {
    /// `CMD` or `CMD-SHELL` and its arguments, or `NONE`.
    #[serde(default, deserialize_with = "null_is_default")]
    pub test: Vec<String>,
}

/// The layers of a configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct RootFs {
    /// Oldest first.
    #[serde(default, deserialize_with = "null_is_default")]
    pub diff_ids: Vec<DiffId>,
}

impl ImageConfig {
    /// Parses a configuration; a key twice, or twice but for its letters' case, or a field
    /// of the wrong type is refused.
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self> {
        if bytes.len() as u64 > limits.config.bytes() {
            return Err(Error::limit(format!("the image configuration is larger than {}", limits.config)));
        }
        let mut config: Self = serde_json::from_slice(bytes)
            .map_err(|e| Error::malformed("cannot parse the image configuration").because(e))?;
        spelling::check(bytes, &spelling::CONFIG, "the image configuration")?;
        if config.rootfs.diff_ids.len() > limits.layers {
            return Err(Error::limit(format!("the image has more than {} layers", limits.layers)));
        }
        config.unused = Texts::of(bytes);
        Ok(config)
    }

    /// Operating system and architecture, where the configuration states them.
    pub fn platform(&self) -> Option<Platform> {
        let stated = !self.os.is_empty() && !self.architecture.is_empty();
        stated.then(|| Platform {
            os: self.os.clone(),
            architecture: self.architecture.clone(),
            variant: self.variant.clone(),
        })
    }

    /// For each layer the history entry that made it, where history and layers agree in number.
    pub fn history_of_layers(&self, layers: usize) -> Vec<Option<u32>> {
        let mut makers = (0u32..).zip(&self.history).filter(|(_, entry)| !entry.empty_layer).map(|(index, _)| index);
        let filled = self.history.iter().filter(|entry| !entry.empty_layer).count();
        (0..layers).map(|_| if filled == layers { makers.next() } else { None }).collect()
    }

    /// That history and layers disagree in number, so that no layer can be given its build step.
    pub fn history_note(&self, layers: usize) -> Option<Limitation> {
        let filled = self.history.iter().filter(|entry| !entry.empty_layer).count();
        (!self.history.is_empty() && filled != layers).then(|| {
            let what = format!(
                "the history tells of {filled} steps that made a layer, but there are {layers} layers; which step made which cannot be told"
            );
            Limitation::note("history-mismatch", "config history", what)
        })
    }

    /// Environment variables, split at the first `=`.
    pub fn environment(&self) -> impl Iterator<Item = (&str, &str)> {
        self.config.env.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_history_that_does_not_fit_the_layers_is_told() {
        let entry = |empty_layer| HistoryEntry { empty_layer, ..HistoryEntry::default() };
        let cases: [(&[bool], usize, bool); 5] = [
            (&[], 2, false),
            (&[false, true], 1, false),
            (&[false, true], 2, true),
            (&[false, false], 1, true),
            (&[true], 0, false),
        ];
        for (steps, layers, is_told) in cases {
            let history = steps.iter().copied().map(entry).collect();
            let note = ImageConfig { history, ..ImageConfig::default() }.history_note(layers);
            assert_eq!(note.is_some(), is_told, "{steps:?} {layers}");
            assert!(note.is_none_or(|note| !note.is_gap && note.code == "history-mismatch"));
        }
    }
}
