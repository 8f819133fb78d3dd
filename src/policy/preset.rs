//! Policies that come with careen: each one file in `policies/` and one line in [`PRESETS`].

/// A policy that comes with careen.
#[derive(Debug)]
pub struct Preset {
    /// The word after `-p` and in `extends`.
    pub id: &'static str,
    /// A line for lists.
    pub about: &'static str,
    /// The file, every key commented.
    pub text: &'static str,
}

/// What judges when no policy is given.
pub const DEFAULT_PRESET: &str = "careen:2026";

/// All presets, sorted by id.
static PRESETS: &[Preset] = &[
    Preset {
        id: "careen:2026",
        about: "fails on what must not ship; the default",
        text: include_str!("../../policies/careen-2026.toml"),
    },
    Preset {
        id: "careen:cis-docker",
        about: "the CIS Docker Benchmark for images, point by point",
        text: include_str!("../../policies/careen-cis-docker.toml"),
    },
    Preset {
        id: "careen:minimal",
        about: "fails on sure secrets, malware and exploited flaws only",
        text: include_str!("../../policies/careen-minimal.toml"),
    },
    Preset {
        id: "careen:next",
        about: "the default as it is to become; may change with every release",
        text: include_str!("../../policies/careen-next.toml"),
    },
    Preset {
        id: "careen:regulated",
        about: "asks for proofs and owned exceptions, too",
        text: include_str!("../../policies/careen-regulated.toml"),
    },
    Preset {
        id: "careen:report-only",
        about: "warns of everything, fails on nothing",
        text: include_str!("../../policies/careen-report-only.toml"),
    },
    Preset {
        id: "careen:strict",
        about: "fails on everything from medium severity up",
        text: include_str!("../../policies/careen-strict.toml"),
    },
];

/// All presets, sorted by id.
pub fn presets() -> &'static [Preset] {
    PRESETS
}

/// The preset of this short name: `strict` is `careen:strict`.
pub fn named(word: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.id.strip_prefix("careen:") == Some(word))
}

/// The preset with this id.
pub(super) fn preset(id: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.id == id)
}

impl PartialEq for Preset {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_sorted_and_named_after_their_file() {
        assert!(PRESETS.is_sorted_by(|a, b| a.id < b.id));
        assert!(preset(DEFAULT_PRESET).is_some());
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/policies");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .expect("the folder is in the repository")
            .map(|entry| entry.expect("readable"))
            // `examples` are no presets
            .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_file()))
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        files.sort();
        let expected: Vec<String> =
            PRESETS.iter().map(|preset| format!("{}.toml", preset.id.replace(':', "-"))).collect();
        assert_eq!(files, expected);
    }
}
