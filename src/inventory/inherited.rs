//! Whose the settings of an image are whose base is known: the base's where it says the same, else its own.

use std::collections::BTreeMap;

use crate::image::ImageConfig;
use crate::image::config::ContainerConfig;

use super::Origin;

/// A set of names, as configurations write it.
type Names = BTreeMap<String, serde_json::Value>;

/// Whose the setting `key` is, as findings name it: `User`, `Env.TOKEN`, `Labels[2]`. Of a setting that is a set of
/// names, `member` tells one. What is not set at all is left to whoever built the image.
pub fn of_setting(own: &ImageConfig, base: &ImageConfig, key: &str, member: &str) -> Origin {
    let (run, other) = (&own.config, &base.config);
    let is_same = match key.split_once('.') {
        Some(("Env", name)) => variable(run, name).is_some_and(|value| variable(other, name) == Some(value)),
        Some(("Labels", name)) => run.labels.get(name).is_some_and(|value| other.labels.get(name) == Some(value)),
        Some(_) => return Origin::Unknown,
        None => match key {
            "User" => is_kept(&run.user, &other.user),
            "WorkingDir" => is_kept(&run.working_dir, &other.working_dir),
            "Entrypoint" => is_kept(&run.entrypoint, &other.entrypoint),
            "Cmd" => is_kept(&run.cmd, &other.cmd),
            "OnBuild" => is_kept(&run.on_build, &other.on_build),
            "Shell" => is_kept(&run.shell, &other.shell),
            "StopSignal" => is_kept(&run.stop_signal, &other.stop_signal),
            "Healthcheck" => is_kept(&run.healthcheck, &other.healthcheck),
            "created" => is_kept(&own.created, &base.created),
            "author" => is_kept(&own.author, &base.author),
            "ExposedPorts" => are_kept(&run.exposed_ports, &other.exposed_ports, member),
            "Volumes" => are_kept(&run.volumes, &other.volumes, member),
            _ => match entry(key) {
                Some(("Env", place)) => run.env.get(place).is_some_and(|pair| other.env.contains(pair)),
                Some(("Labels", place)) => {
                    let label = run.labels.iter().nth(place);
                    label.is_some_and(|(name, value)| other.labels.get(name) == Some(value))
                }
                _ => return Origin::Unknown,
            },
        },
    };
    if is_same { Origin::Base } else { Origin::App }
}

/// Whose the build step is that stands at `index` of the history.
pub fn of_step(own: &ImageConfig, base: &ImageConfig, index: u32) -> Origin {
    let index = index as usize;
    let is_same = own.history.get(index).is_some_and(|step| base.history.get(index) == Some(step));
    if is_same { Origin::Base } else { Origin::App }
}

fn is_kept<T: Default + PartialEq>(own: &T, base: &T) -> bool {
    own == base && *own != T::default()
}

/// Whether the base has the named member, `22` of `22/tcp`, or all of them where none is named.
fn are_kept(own: &Names, base: &Names, member: &str) -> bool {
    let is_it = |name: &str| name == member || !member.is_empty() && name.split('/').next() == Some(member);
    if base.keys().any(|name| is_it(name)) {
        return true;
    }
    !own.is_empty() && !own.keys().any(|name| is_it(name)) && own.keys().all(|name| base.contains_key(name))
}

/// The value that counts: of a variable that is set twice, the last.
fn variable<'a>(run: &'a ContainerConfig, name: &str) -> Option<&'a str> {
    let mut pairs = run.env.iter().rev().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// `Labels` and 2 of `Labels[2]`.
fn entry(key: &str) -> Option<(&str, usize)> {
    let (name, place) = key.strip_suffix(']')?.split_once('[')?;
    Some((name, place.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limits;

    fn config(text: &str) -> ImageConfig {
        ImageConfig::parse(text.as_bytes(), &Limits::default()).expect("it parses")
    }

    const BASE: &str = r#"{"created":"2026-01-02T03:04:05Z","config":{"User":"root","Env":["PATH=/bin","A=1","TWICE=1"],
        "Cmd":["sh"],"ExposedPorts":{"22/tcp":{}},"Volumes":{"/var/lib/db":{}},"Labels":{"a":"1","b":"2"},
        "Healthcheck":{"Test":["NONE"]}},"history":[{"created_by":"ADD rootfs"},{"created_by":"ENV A=1","empty_layer":true}]}"#;
    const OWN: &str = r#"{"created":"2026-05-02T03:04:05Z","config":{"User":"root","Env":["PATH=/bin","A=2","TWICE=1","TWICE=2","B=1"],
        "Entrypoint":["x"],"ExposedPorts":{"22/tcp":{},"80/tcp":{}},"Volumes":{"/var/lib/db":{}},"Labels":{"a":"1","b":"3"},
        "Healthcheck":{"Test":["NONE"]}},"history":[{"created_by":"ADD rootfs"},{"created_by":"ENV A=2","empty_layer":true},{"created_by":"RUN x"}]}"#;

    #[test]
    fn what_the_base_says_too_is_its_own() {
        use Origin::{App, Base, Unknown};
        let cases = [
            ("User", "", Base),
            ("WorkingDir", "", App),
            ("Entrypoint", "", App),
            ("Cmd", "", App),
            ("Healthcheck", "", Base),
            ("StopSignal", "", App),
            ("created", "", App),
            ("Env.PATH", "", Base),
            ("Env.A", "", App),
            ("Env.B", "", App),
            ("Env.TWICE", "", App),
            ("Env[0]", "", Base),
            ("Env[1]", "", App),
            ("Labels.a", "", Base),
            ("Labels.b", "", App),
            ("Labels[0]", "", Base),
            ("Labels[1]", "", App),
            ("ExposedPorts", "22", Base),
            ("ExposedPorts", "80", App),
            ("ExposedPorts", "ExposedPorts", App),
            ("Volumes", "/var/lib/db", Base),
            ("Volumes", "Volumes", Base),
            ("annotations.a", "", Unknown),
            ("container_config", "", Unknown),
        ];
        let (own, base) = (config(OWN), config(BASE));
        for (key, member, expected) in cases {
            assert_eq!(of_setting(&own, &base, key, member), expected, "{key} {member}");
        }
        let steps: Vec<Origin> = (0..4).map(|index| of_step(&own, &base, index)).collect();
        assert_eq!(steps, [Base, App, App, App]);
    }
}
