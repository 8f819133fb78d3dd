//! Credentials of Kubernetes and Compose.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::setting::{Setting, is_password_key, is_secret_key, looks_set};
use super::{FileFormat, Hit, Reader, hit, yaml};
use crate::format::base64;
use crate::secret::{entropy, placeholder};

/// A kubeconfig, whatever its name ("Organizing Cluster Access Using kubeconfig Files", Kubernetes).
pub(super) static KUBECONFIG: FileFormat = FileFormat {
    names: &[
        "config",
        "kubeconfig",
        "*.kubeconfig",
        "kubeconfig*",
        "admin.conf",
        "kubelet.conf",
        "controller-manager.conf",
        "scheduler.conf",
    ],
    holds: &["kind: Config", "users:"],
    read: |reader| {
        if !reader.holds("users") {
            return;
        }
        reader.yaml(|setting| {
            if !setting.is_under("users") || !setting.is_under("user") {
                return None;
            }
            match setting.key() {
                b"token" | b"id-token" | b"refresh-token" | b"access-token" | b"client-secret" => {
                    Some(hit("kubeconfig-token"))
                }
                b"password" => Some(hit("kubeconfig-password")),
                b"client-key-data" => {
                    let key = base64::decode(setting.value)?;
                    let is_key = memchr::memmem::find(&key, b"PRIVATE KEY").is_some();
                    let hit = hit("kubeconfig-client-key").decoded(key.clone());
                    let is_sealed = memchr::memmem::find(&key, b"ENCRYPTED").is_some();
                    is_key.then(|| if is_sealed { hit.low().note("encrypted with a passphrase") } else { hit })
                }
                _ => None,
            }
        });
    },
};

/// A manifest of secrets ("Secrets", Kubernetes): `data` in base64, `stringData` plain. What a controller or `sops` has
/// encrypted is of another kind, or marked.
pub(super) static MANIFEST: FileFormat = FileFormat {
    names: &["*.yaml", "*.yml", "*.json"],
    holds: &["apiVersion:", "kind: Secret"],
    read: |reader| {
        if !["kind: Secret", "\"Secret\"", "kind: 'Secret'", "kind: \"Secret\""].iter().any(|text| reader.holds(text))
            || reader.holds("kind: SealedSecret") && !reader.holds("kind: Secret\n")
            || (reader.holds("\nsops:") || reader.holds("\"sops\""))
        {
            return;
        }
        let (starts, is_secret) = documents(reader.bytes);
        let within = |span: &Range<usize>| {
            let index = starts.partition_point(|start| *start <= span.start).checked_sub(1);
            index.and_then(|index| is_secret.get(index)).copied().unwrap_or(false)
        };
        reader.yaml(|setting| {
            let parent = setting.above(1);
            if !within(&setting.span) || !(parent == b"data" || parent == b"stringData") {
                return None;
            }
            if parent == b"stringData" {
                return wanted(setting.key(), setting.value).then(|| hit("kubernetes-secret-value"));
            }
            let value = base64::decode(setting.value)?;
            let hit = hit("kubernetes-secret-value").note("in base64");
            wanted(setting.key(), &value).then(|| hit.decoded(value))
        });
    },
};

/// Whether a value of a secret is one: they hold user names, addresses and certificates, too.
fn wanted(key: &[u8], value: &[u8]) -> bool {
    let text = value.trim_ascii();
    if text.len() < 4 || text.len() > 64 << 10 {
        return false;
    }
    let holds = |part: &[u8]| memchr::memmem::find(text, part).is_some();
    if holds(b"PRIVATE KEY-----") || (key == b".dockerconfigjson" && (holds(b"\"auth\"") || holds(b"\"password\""))) {
        return true;
    }
    if text.starts_with(b"-----BEGIN") {
        return false;
    }
    if is_secret_key(key) {
        return true;
    }
    // `https://user:password@host`
    let host = memchr::memmem::find(text, b"://").and_then(|at| text.get(at..)).unwrap_or_default();
    if memchr::memchr(b'@', host).is_some_and(|at| memchr::memrchr(b':', host.get(3..at).unwrap_or_default()).is_some())
    {
        return true;
    }
    text.len() >= 16
        && looks_set(text, false)
        && entropy::shannon(text) >= 3.5
        && !text.contains(&b'.')
        && !text.contains(&b' ')
}

/// Where the documents of a manifest begin, and whether each is of kind `Secret`.
fn documents(bytes: &[u8]) -> (Vec<usize>, Vec<bool>) {
    let (mut starts, mut kinds) = (vec![0_usize], vec![false]);
    let mut at = 0_usize;
    let mut is_list = false;
    for line in bytes.split(|b| *b == b'\n') {
        let text = line.trim_ascii();
        let item = text.strip_prefix(b"- ").unwrap_or(text).trim_ascii();
        // an item of a list begins as a document does
        if line.starts_with(b"---") || (is_list && line.starts_with(b"- ")) {
            starts.push(at);
            kinds.push(false);
        }
        if let Some(kind) = item.strip_prefix(b"kind:").or_else(|| item.strip_prefix(b"\"kind\":")) {
            let kind: Vec<u8> = kind.iter().copied().filter(u8::is_ascii_alphanumeric).collect();
            is_list |= kind == b"List";
            if kind == b"Secret"
                && let Some(last) = kinds.last_mut()
            {
                *last = true;
            }
        }
        at = at.saturating_add(line.len()).saturating_add(1);
    }
    // a JSON document in one line
    if starts.len() == 1 && bytes.trim_ascii().starts_with(b"{") {
        kinds = vec![true];
    }
    (starts, kinds)
}

/// `compose.yaml` and stacks: literals in `environment` (Compose specification, "environment").
pub(super) static COMPOSE: FileFormat = FileFormat {
    names: &[
        "docker-compose*.yml",
        "docker-compose*.yaml",
        "compose*.yml",
        "compose*.yaml",
        "*stack.yml",
        "stack*.yml",
    ],
    holds: &["services:", "environment:", "image:"],
    read: |reader| {
        let bytes = reader.bytes;
        yaml::read(bytes, &mut |setting| {
            if !setting.is_under("environment") && !setting.is_under("args") {
                return;
            }
            // `- NAME=value`, or `NAME: value`
            let (key, value, start) = match memchr::memchr(b'=', setting.value).filter(|_| setting.key() == b"[]") {
                Some(sign) => {
                    let value = setting.value.get(sign.saturating_add(1)..).unwrap_or_default();
                    (setting.value.get(..sign).unwrap_or_default(), value, setting.span.end.saturating_sub(value.len()))
                }
                None => (setting.key(), setting.value, setting.span.start),
            };
            if let Some(hit) = application(key, value, "compose-environment-secret") {
                reader.add(&[b"environment", key], start..start.saturating_add(value.len()), hit);
            }
        });
    },
};

/// Values of Helm charts ("Values Files", Helm).
pub(super) static HELM_VALUES: FileFormat = FileFormat {
    names: &["values*.yaml", "values*.yml", "*values.yaml"],
    holds: &[],
    read: |reader: &mut Reader<'_>| {
        reader.yaml(|setting: &Setting<'_>| application(setting.key(), setting.value, "helm-values-secret"));
    },
};

/// A setting of an application whose key says what it is, and whose value looks as if somebody set it.
pub(super) fn application(key: &[u8], value: &[u8], rule: &'static str) -> Option<Hit> {
    let is_password = is_password_key(key);
    // a weak word is judged with the file it stands in
    let is_value = looks_set(value, is_password) || placeholder::is_weak_word(value);
    ((is_password || is_secret_key(key)) && is_value).then(|| hit(rule).medium())
}
