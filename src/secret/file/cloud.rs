//! Credentials of clouds: AWS, Google Cloud, Azure, object stores.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use super::lines::{EQUALS, INI};
use super::setting::Setting;
use super::{FileFormat, Hit, hit};
use crate::format::sqlite::{Database, MAGIC, Value};

/// `~/.aws/credentials` and `~/.aws/config` ("Configuration and credential file settings", AWS CLI user guide).
pub(super) static AWS: FileFormat = FileFormat {
    names: &["credentials", "config", "credentials.*", "*.credentials"],
    holds: &["aws_secret_access_key"],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let is_base64 = setting.value.iter().all(|b| b.is_ascii_alphanumeric() || b"+/=".contains(b));
            if setting.key_is(&["aws_secret_access_key"]) {
                (is_base64 && setting.value.len() == 40).then(|| hit("aws-secret-access-key"))
            } else if setting.key_is(&["aws_session_token", "aws_security_token"]) {
                (is_base64 && setting.value.len() >= 100).then(|| hit("aws-session-token"))
            } else {
                None
            }
        });
    },
};

/// `~/.aws/sso/cache/*.json` and `~/.aws/cli/cache/*.json`, as botocore writes them.
pub(super) static AWS_CACHE: FileFormat = FileFormat {
    names: &["*.json"],
    holds: &[],
    read: |reader| {
        let is_session = reader.holds("\"SecretAccessKey\"");
        let is_sign_on = reader.holds("\"accessToken\"")
            && (reader.holds("\"startUrl\"") || reader.holds("\"region\""))
            || reader.holds("\"clientSecret\"") && reader.holds("\"registrationExpiresAt\"")
            || reader.holds("\"clientId\"") && reader.holds("\"clientSecret\"") && reader.is_in("cache");
        if !is_session && !is_sign_on || reader.bytes.len() > 256 << 10 {
            return;
        }
        reader.json(move |setting| match setting.key() {
            b"SecretAccessKey" if is_session => Some(hit("aws-secret-access-key")),
            b"SessionToken" if is_session => Some(hit("aws-session-token")),
            // descriptions of the service have them deeper
            b"accessToken" | b"refreshToken" | b"clientSecret" if is_sign_on && setting.path.len() == 1 => {
                Some(hit("aws-sso-token"))
            }
            _ => None,
        });
    },
};

/// `~/.azure/msal_token_cache.json`, `accessTokens.json` and `service_principal_entries.json`, as Azure CLI writes them.
pub(super) static AZURE: FileFormat = FileFormat {
    names: &["msal_token_cache.json", "accesstokens.json", "service_principal_entries.json", "azureprofile.json"],
    holds: &["home_account_id", "credential_type"],
    read: |reader| {
        reader.json(|setting| match setting.key() {
            b"secret" => {
                let is_identity = setting.is_under("IdToken");
                (!is_identity).then(|| hit("azure-msal-token"))
            }
            b"refreshToken" | b"accessToken" => Some(hit("azure-msal-token")),
            b"client_secret" | b"servicePrincipalKey" => Some(hit("azure-service-principal-secret")),
            _ => None,
        });
    },
};

/// `.boto` of gsutil and boto.
pub(super) static BOTO: FileFormat = FileFormat {
    names: &[".boto", "boto.cfg", "*.boto"],
    holds: &[],
    read: |reader| {
        reader.lines(INI, |setting| {
            let is_secret = setting.key_is(&[
                "aws_secret_access_key",
                "gs_secret_access_key",
                "gs_oauth2_refresh_token",
                "proxy_pass",
            ]);
            is_secret.then(|| hit("boto-secret"))
        });
    },
};

/// `application_default_credentials.json` and `adc.json` ("How Application Default Credentials works", Google Cloud).
pub(super) static GCLOUD: FileFormat = FileFormat {
    names: &["application_default_credentials.json", "adc.json"],
    holds: &["\"authorized_user\"", "\"refresh_token\""],
    read: |reader| {
        reader.json(|setting| match setting.key() {
            b"refresh_token" => Some(hit("gcloud-refresh-token")),
            b"client_secret" => Some(hit("gcloud-client-secret")),
            _ => None,
        });
    },
};

/// `credentials.db` and `access_tokens.db` of gcloud: `SQLite`, tables `credentials` and `access_tokens`.
pub(super) static GCLOUD_DATABASE: FileFormat = FileFormat {
    names: &["credentials.db", "access_tokens.db"],
    holds: &[],
    read: |reader| {
        if !reader.bytes.starts_with(MAGIC) {
            return;
        }
        let Ok(database) = Database::new(reader.bytes) else { return };
        for (table, column, key) in [("credentials", 1, &b"refresh_token"[..]), ("access_tokens", 1, b"access_token")] {
            let Ok(Some(root)) = database.table(table) else { continue };
            for row in database.rows(root).flatten().take(100) {
                let columns = row.columns();
                let Some(Value::Text(text) | Value::Blob(text)) = columns.get(column) else { continue };
                let mut secrets: Vec<Vec<u8>> = Vec::new();
                if text.starts_with(b"{") {
                    super::json::read(text, &mut |setting: &Setting<'_>| {
                        if setting.key() == key || setting.key() == b"private_key" {
                            secrets.push(setting.value.to_vec());
                        }
                    });
                } else {
                    secrets.push(text.to_vec());
                }
                for secret in secrets {
                    // the place of the value itself, where no page's end cuts it
                    let Some(start) = memchr::memmem::find(reader.bytes, &secret) else { continue };
                    let span = start..start.saturating_add(secret.len());
                    reader.add(&[table.as_bytes(), key], span, hit("gcloud-refresh-token"));
                }
            }
        }
    },
};

/// `rclone.conf`: passwords are obscured by a key that is in rclone's source, so anyone can read them.
pub(super) static RCLONE: FileFormat = FileFormat {
    names: &["rclone.conf"],
    holds: &[],
    read: |reader| {
        reader.lines(INI, |setting| match setting.key() {
            b"pass" | b"password" | b"password2" | b"key_file_pass" => {
                Some(hit("rclone-password").note("obscured by a known key: anyone can read it"))
            }
            b"secret_access_key"
            | b"client_secret"
            | b"sas_url"
            | b"service_account_credentials"
            | b"bearer_token"
            | b"api_key"
            | b"account_key"
            | b"access_token" => Some(hit("rclone-secret")),
            b"key" => (setting.value.len() > 20).then(|| hit("rclone-secret")),
            b"token" => token_of_json(setting),
            _ => None,
        });
    },
};

/// rclone's `token = {"access_token":"…"}`.
fn token_of_json(setting: &Setting<'_>) -> Option<Hit> {
    let mut token = None;
    super::json::read(setting.value, &mut |part| {
        if matches!(part.key(), b"refresh_token" | b"access_token") && !part.value.is_empty() {
            token = Some(part.value.to_vec());
        }
    });
    token.map(|token| hit("rclone-secret").decoded(token))
}

/// `.s3cfg` of s3cmd.
pub(super) static S3CFG: FileFormat = FileFormat {
    names: &[".s3cfg", "*.s3cfg", "s3cfg"],
    holds: &[],
    read: |reader| {
        reader.lines(INI, |setting| match setting.key() {
            b"secret_key" | b"gpg_passphrase" | b"access_token" => Some(hit("s3cfg-secret-key")),
            _ => None,
        });
    },
};
