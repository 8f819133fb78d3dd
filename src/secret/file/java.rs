//! Credentials in settings of Java's and .NET's world.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::cluster::application;
use super::lines::INI;
use super::setting::is_password_key;
use super::xml::{self, Met};
use super::{FileFormat, Reader, hit};

/// `gradle.properties` ("Build Environment", Gradle).
pub(super) static GRADLE: FileFormat = FileFormat {
    names: &["gradle.properties", "local.properties", "keystore.properties", "key.properties", "signing.properties"],
    holds: &[],
    read: |reader| {
        reader.lines(INI, |setting| {
            if is_password_key(setting.key()) {
                Some(hit("gradle-credential"))
            } else {
                application(setting.key(), setting.value, "gradle-credential")
            }
        });
    },
};

/// `settings.xml` and `settings-security.xml` ("Settings Reference" and "Password Encryption", Maven).
pub(super) static MAVEN: FileFormat = FileFormat {
    names: &["settings.xml", "settings-security.xml", "toolchains.xml"],
    holds: &[],
    read: |reader| {
        let bytes = reader.bytes;
        xml::read(bytes, &mut |met| {
            let Met::Text(setting) = met else { return };
            let is_sealed =
                setting.value.starts_with(b"{") && setting.value.ends_with(b"}") && setting.value.len() > 20;
            if setting.is_under("settingsSecurity") && setting.key_is(&["master"]) {
                let hit = hit("maven-master-password").decoded(unwrapped(setting.value));
                reader.add(
                    setting.path,
                    setting.span.clone(),
                    hit.note("encrypted by a known key: anyone can read it"),
                );
            } else if setting.is_under("settings") && setting.key_is(&["password", "passphrase"]) {
                let hit = hit("maven-server-password");
                reader.add(
                    setting.path,
                    setting.span.clone(),
                    if is_sealed {
                        hit.decoded(unwrapped(setting.value))
                            .low()
                            .note("sealed by the password in settings-security.xml")
                    } else {
                        hit
                    },
                );
            }
        });
    },
};

/// What stands between the braces that mark a sealed value, which would look like a template.
fn unwrapped(value: &[u8]) -> Vec<u8> {
    value.strip_prefix(b"{").and_then(|text| text.strip_suffix(b"}")).unwrap_or(value).to_vec()
}

/// `application*.properties` ("Externalized Configuration", Spring Boot).
pub(super) static SPRING: FileFormat = FileFormat {
    names: &["application*.properties", "bootstrap*.properties"],
    holds: &[],
    read: |reader| {
        reader.lines(INI, |setting| application(setting.key(), setting.value, "spring-property-secret"));
    },
};

/// The same as YAML.
pub(super) static SPRING_YAML: FileFormat = FileFormat {
    names: &["application*.yml", "application*.yaml", "bootstrap*.yml", "bootstrap*.yaml"],
    holds: &[],
    read: |reader| reader.yaml(|setting| application(setting.key(), setting.value, "spring-property-secret")),
};

/// `appsettings.json` ("Configuration in ASP.NET Core") and user secrets.
pub(super) static DOTNET_SETTINGS: FileFormat = FileFormat {
    names: &["appsettings*.json", "secrets.json", "local.settings.json"],
    holds: &["\"ConnectionStrings\""],
    read: |reader| {
        let bytes = reader.bytes;
        super::json::read(bytes, &mut |setting| {
            if !connection(reader, setting.path, setting.span.clone())
                && let Some(hit) = application(setting.key(), setting.value, "dotnet-setting-secret")
            {
                reader.add(setting.path, setting.span.clone(), hit);
            }
        });
    },
};

/// `web.config` and `app.config` ("machineKey Element", "connectionStrings Element", .NET Framework).
pub(super) static DOTNET_WEB: FileFormat = FileFormat {
    names: &[
        "web.config",
        "app.config",
        "web.*.config",
        "app.*.config",
        "connectionstrings.config",
        "*.exe.config",
        "*.dll.config",
        "appsettings.config",
    ],
    holds: &["<connectionStrings>"],
    read: |reader: &mut Reader<'_>| {
        let bytes = reader.bytes;
        xml::read(bytes, &mut |met| {
            let Met::Start(path, attributes) = met else { return };
            let value = |name: &str| xml::attribute(attributes, name);
            let element = path.last().copied().unwrap_or_default();
            if element == b"machineKey" {
                for name in ["validationKey", "decryptionKey"] {
                    if let Some(span) = value(name) {
                        let is_key =
                            reader.at(&span).get(..32).is_some_and(|text| text.iter().all(u8::is_ascii_hexdigit));
                        if is_key {
                            reader.add(&[element, name.as_bytes()], span, hit("dotnet-machine-key"));
                        }
                    }
                }
            } else if let Some(span) = value("connectionString") {
                connection(reader, path, span);
            } else if let (Some(key), Some(span)) = (value("key"), value("value")) {
                let key = bytes.get(key).unwrap_or_default();
                if !connection(reader, path, span.clone())
                    && let Some(hit) =
                        application(key, bytes.get(span.clone()).unwrap_or_default(), "dotnet-setting-secret")
                {
                    reader.add(&[key], span, hit);
                }
            } else if let Some(span) = value("password") {
                reader.add(&[element, b"password"], span, hit("dotnet-setting-secret"));
            }
        });
    },
};

/// The password in a connection string, `Server=…;Password=…;`, if it is one.
fn connection(reader: &mut Reader<'_>, path: &[&[u8]], span: Range<usize>) -> bool {
    let text = reader.at(&span);
    if memchr::memchr(b';', text).is_none() || memchr::memchr(b'=', text).is_none() {
        return false;
    }
    let mut at = span.start;
    let mut is_one = false;
    for part in text.split(|b| *b == b';') {
        let end = at.saturating_add(part.len());
        if let Some(sign) = memchr::memchr(b'=', part) {
            let key = part.get(..sign).unwrap_or_default().trim_ascii().to_ascii_lowercase();
            if matches!(key.as_slice(), b"password" | b"pwd" | b"accountkey" | b"sharedaccesskey") {
                is_one = true;
                let start = end.saturating_sub(part.len()).saturating_add(sign).saturating_add(1);
                let value = super::lines::value(reader.bytes, start..end).start..end;
                reader.add(path, value, hit("dotnet-connection-string"));
            }
        }
        at = end.saturating_add(1);
    }
    is_one
}
