//! Credentials of what builds and runs machines: Terraform, Vault, Ansible, Jenkins, installers.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::cluster::application;
use super::lines::{self, EQUALS, INI};
use super::setting::{Setting, is_password_key, is_secret_key, looks_set};
use super::xml::{self, Met};
use super::{FileFormat, Hit, Reader, hit};
use crate::format::base64;
use crate::secret::value::OwnedValue;

/// Templates of `CloudFormation` ("Parameters"): the default of a parameter whose name says that it is secret.
pub(super) static CLOUD_FORMATION: FileFormat = FileFormat {
    names: &[
        "*.template",
        "cloudformation*.yaml",
        "cloudformation*.yml",
        "stack*.yaml",
        "stack*.yml",
        "template*.yaml",
    ],
    holds: &["AWSTemplateFormatVersion", "Parameters"],
    read: |reader| {
        reader.yaml(|setting| {
            let is_default = setting.key() == b"Default" && setting.above(2) == b"Parameters";
            is_default
                .then(|| application(setting.above(1), setting.value, "cloudformation-parameter-secret"))
                .flatten()
        });
    },
};

/// `Pulumi.<stack>.yaml` ("Configuration", Pulumi): values that are not sealed (`secure:`).
pub(super) static PULUMI: FileFormat = FileFormat {
    names: &["pulumi*.yaml", "pulumi*.yml"],
    holds: &[],
    read: |reader| {
        reader.yaml(|setting| {
            let is_plain = setting.is_under("config") && setting.key() != b"secure";
            is_plain.then(|| application(setting.key(), setting.value, "pulumi-config-secret")).flatten()
        });
    },
};

/// Variables of Ansible in inventories and `group_vars` ("Connection variables", Ansible).
pub(super) static ANSIBLE: FileFormat = FileFormat {
    names: &["hosts", "inventory*", "*.inventory", "hosts.ini", "hosts.yml", "hosts.yaml", "*.yml", "*.yaml", "all"],
    holds: &["ansible_host", "ansible_"],
    read: |reader| {
        let names = [
            "ansible_password",
            "ansible_pass",
            "ansible_ssh_pass",
            "ansible_become_pass",
            "ansible_become_password",
            "ansible_sudo_pass",
            "ansible_winrm_password",
            "ansible_httpapi_pass",
        ];
        if !names.iter().any(|name| reader.holds(name)) {
            return;
        }
        let bytes = reader.bytes;
        for name in names {
            for found in memchr::memmem::find_iter(bytes, name.as_bytes()) {
                let end = found.saturating_add(name.len());
                let rest = bytes.get(end..).unwrap_or_default();
                let line = rest.iter().take(512).position(|b| *b == b'\n').unwrap_or(rest.len().min(512));
                let rest = rest.get(..line).unwrap_or_default();
                let quote = usize::from(matches!(rest.first(), Some(b'"' | b'\'')));
                let rest = rest.get(quote..).unwrap_or_default().trim_ascii();
                if !matches!(rest.first(), Some(b'=' | b':')) {
                    continue;
                }
                let start = end.saturating_add(line).saturating_sub(rest.len()).saturating_add(1);
                let Some(word) = lines::words(bytes, start..end.saturating_add(line)).into_iter().next() else {
                    continue;
                };
                // manuals and examples of modules are full of words
                if looks_set(reader.at(&word), true) {
                    reader.add(&[name.as_bytes()], word, hit("ansible-password"));
                }
            }
        }
    },
};

/// User data of cloud-init ("Module reference", cloud-init).
pub(super) static CLOUD_INIT: FileFormat = FileFormat {
    names: &["user-data", "user-data.txt", "user-data.yml", "user-data.yaml", "cloud-config*"],
    holds: &["#cloud-config"],
    read: |reader| {
        reader.yaml(|setting| match setting.key() {
            b"password" | b"plain_text_passwd" => Some(hit("cloud-init-password")),
            b"passwd" | b"hashed_passwd" => Some(if setting.value.starts_with(b"$") {
                hit("cloud-init-password").low().note("a hash")
            } else {
                hit("cloud-init-password")
            }),
            _ => None,
        });
        // `chpasswd: list: |`, lines of name and password
        let bytes = reader.bytes;
        super::yaml::read(bytes, &mut |setting| {
            if setting.is_under("chpasswd") && (setting.key() == b"list" || setting.is_under("list")) {
                for line in lines::each(setting.value) {
                    let pair = setting.value.get(line.clone()).unwrap_or_default();
                    let Some(colon) = memchr::memchr(b':', pair) else { continue };
                    let password = pair.get(colon.saturating_add(1)..).unwrap_or_default();
                    if !matches!(password, b"R" | b"RANDOM") {
                        let end = setting.span.start.saturating_add(line.end);
                        reader.add(&[b"chpasswd"], end.saturating_sub(password.len())..end, hit("cloud-init-password"));
                    }
                }
            }
        });
    },
};

/// `credentials.xml` and other settings of Jenkins: `{AQAAABAAAA…}` is opened by the keys in `secrets/`.
pub(super) static JENKINS: FileFormat = FileFormat {
    names: &["credentials.xml"],
    holds: &["com.cloudbees.plugins.credentials"],
    read: |reader| {
        let bytes = reader.bytes;
        xml::read(bytes, &mut |met| {
            let Met::Text(setting) = met else { return };
            let names = [
                "password",
                "secret",
                "passphrase",
                "privateKey",
                "secretKey",
                "apiToken",
                "clientSecret",
                "secretBytes",
            ];
            if !setting.key_is(&names) {
                return;
            }
            let is_sealed = setting.value.starts_with(b"{AQAA");
            let hit = hit("jenkins-credential");
            reader.add(
                setting.path,
                setting.span.clone(),
                if is_sealed {
                    // looks like a reference to the placeholder test, which wants the bytes themselves
                    let inner = setting.value.to_vec();
                    Hit {
                        decoded: base64::decode(
                            inner
                                .trim_ascii()
                                .strip_prefix(b"{")
                                .and_then(|t| t.strip_suffix(b"}"))
                                .unwrap_or_default(),
                        )
                        .map(OwnedValue::new),
                        ..hit
                    }
                    .low()
                    .note("sealed by the keys in Jenkins' folder `secrets`")
                } else {
                    hit
                },
            );
        });
    },
};

/// `secrets/master.key` and `secrets/hudson.util.Secret` of Jenkins, which open its credentials.
pub(super) static JENKINS_KEY: FileFormat = FileFormat {
    names: &["master.key", "hudson.util.secret", "initialadminpassword", "org.jenkinsci.*.key"],
    holds: &[],
    read: |reader| {
        let span = reader.trimmed();
        let value = reader.at(&span);
        let is_hex = value.iter().all(u8::is_ascii_hexdigit);
        if reader.name == b"hudson.util.secret" && value.len() >= 128 {
            reader.add(&[], 0..16, hit("jenkins-key").decoded(reader.bytes.to_vec()));
        } else if is_hex && (value.len() == 256 || reader.name == b"initialadminpassword" && value.len() == 32) {
            reader.add(&[], span, hit("jenkins-key"));
        }
    },
};

/// Kickstart of Anaconda ("Kickstart commands", Red Hat).
pub(super) static KICKSTART: FileFormat = FileFormat {
    names: &["ks.cfg", "anaconda-ks.cfg", "original-ks.cfg", "*.ks", "kickstart*"],
    holds: &[],
    read: |reader| {
        for line in lines::each(reader.bytes) {
            let words = lines::words(reader.bytes, line);
            let at = |index: usize| words.get(index).map_or(&b""[..], |span| reader.at(span));
            let command = at(0);
            let rule = "kickstart-password";
            let sealed = words.iter().any(|word| reader.at(word) == b"--iscrypted");
            let of = |hit: Hit| if sealed { hit.low().note("a hash") } else { hit };
            match command {
                b"rootpw" | b"sshpw" => {
                    let is_locked = words.iter().any(|word| reader.at(word) == b"--lock");
                    let last = words.last().filter(|last| words.len() > 1 && !reader.at(last).starts_with(b"--"));
                    if let Some(last) = last.filter(|_| !is_locked).cloned() {
                        reader.add(&[command], last, of(hit(rule)));
                    }
                }
                b"user" | b"bootloader" | b"autopart" | b"part" | b"logvol" => {
                    for word in &words {
                        let text = reader.at(word);
                        if let Some(value) =
                            text.strip_prefix(b"--password=").or_else(|| text.strip_prefix(b"--passphrase="))
                        {
                            let is_hash = value.starts_with(b"$") || value.starts_with(b"grub.");
                            let hit = if is_hash { hit(rule).low().note("a hash") } else { of(hit(rule)) };
                            reader.add(&[command, b"--password"], word.end.saturating_sub(value.len())..word.end, hit);
                        }
                    }
                }
                _ => {}
            }
        }
    },
};

/// Preseed of the Debian installer ("Automating the installation using preseeding").
pub(super) static PRESEED: FileFormat = FileFormat {
    names: &["preseed*", "*.preseed", "*.seed"],
    holds: &["d-i passwd/"],
    read: |reader| {
        for line in lines::each(reader.bytes) {
            let words = lines::words(reader.bytes, line);
            let [_, question, kind, value, ..] = words.as_slice() else { continue };
            let question = reader.at(question);
            if reader.at(kind) != b"password" || question.starts_with(b"#") {
                continue;
            }
            let is_hash = question.ends_with(b"crypted");
            let hit = hit("preseed-password");
            reader.add(&[question], value.clone(), if is_hash { hit.low().note("a hash") } else { hit });
        }
    },
};

/// `credentials.tfrc.json`, `.terraformrc`, `terraform.rc` ("CLI Configuration File", Terraform).
pub(super) static TERRAFORM_CLI: FileFormat = FileFormat {
    names: &["credentials.tfrc.json", ".terraformrc", "terraform.rc", "*.tfrc"],
    holds: &[],
    read: |reader| {
        let judge = |setting: &Setting<'_>| setting.key_is(&["token"]).then(|| hit("terraform-cli-token"));
        if reader.name.ends_with(b".json") { reader.json(judge) } else { reader.lines(EQUALS, judge) }
    },
};

/// `terraform.tfstate` ("State", Terraform): attributes of resources and sensitive outputs, in clear.
pub(super) static TERRAFORM_STATE: FileFormat = FileFormat {
    names: &["*.tfstate", "*.tfstate.backup", "terraform.tfstate*"],
    holds: &["\"terraform_version\"", "\"lineage\""],
    read: |reader: &mut Reader<'_>| {
        let bytes = reader.bytes;
        // the value of an output comes before or after what says that it is sensitive
        let mut sensitive: Vec<Vec<u8>> = Vec::new();
        super::json::read(bytes, &mut |setting| {
            if setting.path.first() == Some(&&b"outputs"[..])
                && setting.key() == b"sensitive"
                && setting.value == b"true"
            {
                sensitive.push(setting.above(1).to_vec());
            }
        });
        sensitive.sort();
        reader.json(|setting| {
            let rule = "terraform-state-secret";
            if setting.path.first() == Some(&&b"outputs"[..]) && setting.key() == b"value" {
                let is_sensitive = sensitive.binary_search(&setting.above(1).to_vec()).is_ok();
                return (is_sensitive || is_secret_key(setting.above(1))).then(|| hit(rule));
            }
            let key = setting.key();
            if !setting.is_under("attributes") && !setting.is_under("primary") {
                return None;
            }
            if is_password_key(key)
                || matches!(
                    key,
                    b"private_key_pem"
                        | b"private_key_openssh"
                        | b"b64_std"
                        | b"secret_string"
                        | b"client_key"
                        | b"kube_config_raw"
                )
            {
                return Some(hit(rule));
            }
            if matches!(
                key,
                b"secret"
                    | b"primary_access_key"
                    | b"secondary_access_key"
                    | b"primary_key"
                    | b"secondary_key"
                    | b"auth_token"
                    | b"token"
                    | b"ses_smtp_password_v4"
            ) {
                return (setting.value.len() >= 12).then(|| hit(rule));
            }
            if key.ends_with(b"connection_string") && setting.value.len() >= 24 {
                return Some(hit(rule));
            }
            application(key, setting.value, rule)
        });
    },
};

/// Values of variables ("Variable Definitions (.tfvars) Files", Terraform).
pub(super) static TERRAFORM_VARIABLES: FileFormat = FileFormat {
    names: &["*.tfvars", "*.tfvars.example", "*.auto.tfvars"],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| application(setting.key(), setting.value, "terraform-variable-secret"));
    },
};

/// The same as JSON.
pub(super) static TERRAFORM_VARIABLES_JSON: FileFormat = FileFormat {
    names: &["*.tfvars.json"],
    holds: &[],
    read: |reader| reader.json(|setting| application(setting.key(), setting.value, "terraform-variable-secret")),
};

/// What `vault operator init` prints, as text ("operator init", Vault).
pub(super) static VAULT_INIT: FileFormat =
    FileFormat { names: &["vault-init*", "vault_init*", "unseal*"], holds: &["Unseal Key 1:"], read: vault_keys };

/// The answer of Vault's API to the same.
pub(super) static VAULT_API: FileFormat = FileFormat { names: &[], holds: &["\"keys_base64\""], read: vault_keys };

/// The same as JSON.
pub(super) static VAULT_KEYS: FileFormat = FileFormat {
    names: &[
        "vault-keys*",
        "vault_keys*",
        "vault-cluster*",
        "cluster-keys.json",
        "init-keys.json",
        "init.json",
        "unseal*.json",
    ],
    holds: &["\"unseal_keys_b64\""],
    read: vault_keys,
};

fn vault_keys(reader: &mut Reader<'_>) {
    if reader.bytes.trim_ascii().starts_with(b"{") {
        reader.json(|setting| {
            let names =
                ["unseal_keys_b64", "unseal_keys_hex", "keys", "keys_base64", "recovery_keys_b64", "recovery_keys_hex"];
            if names.iter().any(|name| setting.above(1) == name.as_bytes()) && setting.key() == b"[]" {
                return (setting.value.len() >= 32).then(|| hit("vault-unseal-key"));
            }
            setting.key_is(&["root_token"]).then(|| hit("vault-token-file"))
        });
    } else {
        reader.lines(INI, |setting| {
            let key = setting.key();
            if key.starts_with(b"Unseal Key") || key.starts_with(b"Recovery Key") {
                (setting.value.len() >= 32).then(|| hit("vault-unseal-key"))
            } else {
                (key == b"Initial Root Token").then(|| hit("vault-token-file"))
            }
        });
    }
}

/// `~/.vault-token`: the token alone, of any form ("Commands (CLI)", Vault).
pub(super) static VAULT_TOKEN: FileFormat = FileFormat {
    names: &[".vault-token", "vault-token"],
    holds: &[],
    read: |reader| {
        let span = reader.trimmed();
        let value = reader.at(&span);
        if (16..=2_000).contains(&value.len()) && value.iter().all(u8::is_ascii_graphic) {
            reader.add(&[], span, hit("vault-token-file"));
        }
    },
};
