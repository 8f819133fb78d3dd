//! Platforms: operating system, architecture, variant (image-spec image-index.md, `platform`).

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize, Serializer};

/// An operating system on an architecture. Shown as `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Platform {
    /// Go's `GOOS`.
    pub os: String,
    /// Go's `GOARCH`.
    pub architecture: String,
    /// Variant of the architecture, such as `v7`; empty when there is none.
    #[serde(default)]
    pub variant: String,
}

impl Platform {
    /// The platform this binary was built for, always with Linux, since images of other systems are rare.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            "powerpc64" => "ppc64le",
            "loongarch64" => "loong64",
            other => other,
        };
        Self { os: "linux".into(), architecture: architecture.into(), variant: String::new() }
    }

    /// Whether an image for `self` is what somebody wants who asks for `wanted`: equal, an empty
    /// variant in `wanted` taking any. `arm64` and `arm64/v8` are the same.
    pub fn satisfies(&self, wanted: &Self) -> bool {
        let variant =
            |p: &Self| if p.architecture == "arm64" && p.variant == "v8" { String::new() } else { p.variant.clone() };
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (variant(wanted).is_empty() || variant(self) == variant(wanted))
    }

    /// Whether this is the `unknown/unknown` of attestation manifests.
    pub fn is_unknown(&self) -> bool {
        self.os == "unknown" || self.architecture == "unknown"
    }
}

impl FromStr for Platform {
    type Err = String;

    /// Reads `os/arch` or `os/arch/variant`; `x86_64` and `aarch64` are taken as `amd64` and `arm64`.
    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts.as_slice() {
            [os, architecture] => (*os, *architecture, ""),
            [os, architecture, variant] => (*os, *architecture, *variant),
            _ => return Err(format!("`{text}` is no platform; write it as `linux/amd64` or `linux/arm/v7`")),
        };
        if os.is_empty() || architecture.is_empty() {
            return Err(format!("`{text}` is no platform; write it as `linux/amd64` or `linux/arm/v7`"));
        }
        let architecture = match architecture {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Ok(Self {
            os: os.to_ascii_lowercase(),
            architecture: architecture.to_ascii_lowercase(),
            variant: variant.into(),
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

impl Serialize for Platform {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platforms_are_matched_by_variant_only_when_one_is_named() {
        let platform = |text: &str| text.parse::<Platform>().expect("a platform");
        let cases = [
            ("linux/amd64", "linux/amd64", true),
            ("linux/arm/v7", "linux/arm", true),
            ("linux/arm/v6", "linux/arm/v7", false),
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/aarch64", true),
            ("windows/amd64", "linux/amd64", false),
        ];
        for (have, wanted, expected) in cases {
            assert_eq!(platform(have).satisfies(&platform(wanted)), expected, "{have} for {wanted}");
        }
        assert!("linux".parse::<Platform>().is_err() && "a/b/c/d".parse::<Platform>().is_err());
    }
}
