//! What a policy knows of an image besides the findings: sizes, settings, base, what is attached.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::inventory::{Attested, Base};
use crate::time::Timestamp;

/// An image, as policies see it. What is not known is `None`, and never counts as fulfilled.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ImageFacts {
    /// As the user named it.
    pub reference: String,
    /// Names that an archive gives it.
    pub tags: Vec<String>,
    /// Digest of its manifest.
    pub digest: Option<String>,
    /// `os/architecture[/variant]`.
    pub platform: Option<String>,
    /// `ID` and `VERSION_ID` of its distribution.
    pub distro: Option<(String, String)>,
    /// When it was made, as its configuration says.
    pub created: Option<Timestamp>,
    /// Uncompressed bytes of its layers.
    pub size: Option<u64>,
    /// Bytes of its layers as stored.
    pub stored: Option<u64>,
    /// Bytes of the files in all layers; `None` where there are no files to look at.
    pub shipped: Option<u64>,
    /// Bytes of the files that a container sees.
    pub visible: Option<u64>,
    /// How many layers it has; a folder and a bill of materials have none.
    pub layers: Option<u32>,
    /// What a container runs with; a folder and a bill of materials do not say.
    pub config: Option<ConfigFacts>,
    /// What is known of the image it is built on.
    pub base: Base,
    /// When the last layer of that was made, as the history says.
    pub base_created: Option<Timestamp>,
    /// What is attached to it in its registry, where that was looked for.
    pub attested: Option<Attested>,
    /// Its packages, where [a policy asks for them](super::PolicySet::asks_for_packages).
    pub packages: Vec<PackageFacts>,
    /// Whether these are known: no case of a policy need say them.
    pub lists_packages: bool,
    /// Age of the advisories that it was compared with, in hours; `None` where there were none.
    pub data_hours: Option<i64>,
}

/// What a container of the image runs with, as its configuration says; secrets are masked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigFacts {
    /// `USER`, as written.
    #[serde(default)]
    pub user: String,
    /// The number of that user, where it can be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<u32>,
    /// Labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Ports, such as `80/tcp`.
    #[serde(default)]
    pub ports: Vec<String>,
    /// Whether it has a health check that is not switched off.
    #[serde(default)]
    pub healthcheck: bool,
    /// Signal that stops it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_signal: Option<String>,
    /// Where it starts.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
}

/// One package.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageFacts {
    /// Package URL.
    pub purl: String,
    /// Id of its ecosystem, such as `deb` or `npm`.
    pub ecosystem: String,
    /// The SPDX expression of its licence; else the text that it declares.
    pub licence: Option<String>,
    /// Whether that is an expression.
    pub is_expression: bool,
    /// Whether it counts: installed, or declared where no installed one stands beside it.
    pub is_counted: bool,
    /// The file that proves it, as reports show it.
    pub path: String,
    /// The layer that brought it.
    pub layer: u32,
}

/// What of an image's facts reports show besides what they show anyway, so that a report can be judged again.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SettingFacts {
    /// Bytes of its layers as stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored_size: Option<u64>,
    /// Bytes of the files in all layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shipped_size: Option<u64>,
    /// Bytes of the files that a container sees.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_size: Option<u64>,
    /// What a container runs with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<ConfigFacts>,
    /// When the last layer of the base was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_created: Option<Timestamp>,
    /// What is attached to it in its registry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attested: Option<Attested>,
    /// Age of the advisories that it was compared with, in hours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data_hours: Option<i64>,
}

impl ImageFacts {
    /// What reports show of it besides.
    pub fn settings(&self) -> SettingFacts {
        SettingFacts {
            stored_size: self.stored,
            shipped_size: self.shipped,
            visible_size: self.visible,
            config: self.config.clone(),
            base_created: self.base_created,
            attested: self.attested,
            data_hours: self.data_hours,
        }
    }

    /// Bytes that are shipped and seen by no container.
    pub fn waste(&self) -> Option<u64> {
        Some(self.shipped?.saturating_sub(self.visible?))
    }
}
