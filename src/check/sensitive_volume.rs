//! Volumes over folders that belong to the system.

use super::{Check, Context, field};
use crate::escape::escape;
use crate::finding::{Finding, Findings};
use crate::path::ImagePath;
use crate::rule::{Place, Rule, Severity};

/// A volume lies over a folder of the system.
pub(super) static SENSITIVE_VOLUME: Rule = Rule {
    id: "image/sensitive-volume",
    title: "A volume covers a folder of the system",
    severity: Severity::Medium,
    why: "A volume keeps its content when the image is updated, so old programs, accounts or keys stay in use. A volume \
          over `/proc`, `/sys` or `/dev` hides what the kernel shows there, or invites a mount from the host.",
    remediation: "Declare volumes only for folders that hold the application's own data, such as `/var/lib/app`.",
    references: &["https://docs.docker.com/reference/dockerfile/#volume"],
    also: &["DKL-DI-0002"],
    bad: "VOLUME /etc",
    good: "VOLUME /var/lib/app",
    places: &[Place::Config],
    ..Rule::NEW
};

/// Folders no volume should cover, nor any folder below.
const WITH_CONTENT: &[&[u8]] = &[b"proc", b"sys", b"dev", b"boot", b"bin", b"sbin", b"lib", b"lib64"];

/// Folders no volume should cover themselves; below them there is room for data.
const THEMSELVES: &[&[u8]] =
    &[b"", b"etc", b"usr", b"usr/bin", b"usr/sbin", b"usr/lib", b"usr/local/bin", b"root", b"var", b"run", b"var/run"];

/// Judges the declared volumes.
pub(super) struct SensitiveVolume;

impl Check for SensitiveVolume {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&SENSITIVE_VOLUME] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let Some(config) = context.image.config.as_ref().filter(|config| config.os != "windows") else { return };
        for volume in config.config.volumes.keys() {
            let path = ImagePath::from(volume.as_str());
            let is_socket = path.file_name() == b"docker.sock" || path.file_name() == b"containerd.sock";
            if is_socket || is_of_the_system(&path) {
                let location = field("Volumes");
                let message = format!("declares `{}` a volume", escape(volume));
                findings.push(Finding::new(&SENSITIVE_VOLUME, path.to_string(), location, message));
            }
        }
    }
}

fn is_of_the_system(path: &ImagePath) -> bool {
    // memory for shared use is mounted there on purpose
    let is_shared_memory = path.is_under(b"dev/shm");
    THEMSELVES.contains(&path.as_bytes()) || WITH_CONTENT.iter().any(|f| path.is_under(f) && !is_shared_memory)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{image, shown};
    use super::*;

    #[test]
    fn folders_of_the_system_are_told_from_data() {
        for (volume, found) in [
            ("/", 1),
            ("/etc", 1),
            ("/etc/", 1),
            ("/proc", 1),
            ("/sys/fs/cgroup", 1),
            ("/usr/bin/../bin", 1),
            ("/var/run/docker.sock", 1),
            ("/etc/app", 0),
            ("/var/lib/postgresql/data", 0),
            ("/dev/shm", 0),
            ("/data", 0),
            ("/root/.local", 0),
        ] {
            let image = image(&format!(r#"{{"config":{{"Volumes":{{"{volume}":{{}}}}}}}}"#));
            assert_eq!(shown(&SensitiveVolume, &image).len(), found, "{volume}");
        }
    }
}
