//! Credentials of networks and of what fetches from them.
#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::ops::Range;

use super::lines::{self, EQUALS, INI, LOOSE};
use super::{FileFormat, Reader, hit};
use crate::format::base64;

/// Credentials of shares (mount.cifs(8), smbclient(1)).
pub(super) static CIFS: FileFormat = FileFormat {
    names: &[
        ".smbcredentials",
        "*.smb",
        "*.cred",
        "*.creds",
        "*.smbcredentials",
        "*cifs-credentials",
        "*smb-credentials",
        ".cifs*",
        "cifs*",
        ".smbcred*",
        "smbcred*",
    ],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| setting.key_is(&["password", "pass"]).then(|| hit("smb-credentials-password")));
    },
};

/// `.curlrc` (curl(1), "--config"): options without their hyphens.
pub(super) static CURL: FileFormat = FileFormat {
    names: &[".curlrc", "_curlrc", "curlrc"],
    holds: &[],
    read: |reader| {
        let bytes = reader.bytes;
        lines::read(bytes, LOOSE, &mut |setting| {
            let key = setting.key().iter().skip_while(|b| **b == b'-').copied().collect::<Vec<u8>>();
            match key.as_slice() {
                b"user" | b"u" | b"proxy-user" | b"U" => {
                    if let Some(colon) = memchr::memchr(b':', setting.value) {
                        let start = setting.span.start.saturating_add(colon).saturating_add(1);
                        reader.add(&[&key], start..setting.span.end, hit("curl-config-password"));
                    }
                }
                b"pass" | b"proxy-pass" | b"oauth2-bearer" | b"tlspassword" => {
                    reader.add(&[&key], setting.span.clone(), hit("curl-config-password"));
                }
                _ => {}
            }
        });
    },
};

/// `.netrc` ("The .netrc file", inetutils): pairs of keyword and value, over lines at will.
pub(super) static NETRC: FileFormat = FileFormat {
    names: &[".netrc", "_netrc", "netrc", "*.netrc", ".authinfo", "authinfo"],
    holds: &[],
    read: |reader| {
        let mut in_macro = false;
        let mut wants = false;
        for line in lines::each(reader.bytes) {
            if line.is_empty() {
                in_macro = false;
                continue;
            }
            if in_macro || reader.at(&line).starts_with(b"#") {
                continue;
            }
            let mut words = lines::words(reader.bytes, line).into_iter();
            while let Some(word) = words.next() {
                if wants {
                    wants = false;
                    reader.add(&[b"password"], word, hit("netrc-password"));
                    continue;
                }
                match reader.at(&word) {
                    b"password" | b"passwd" => wants = true,
                    b"machine" | b"login" | b"account" | b"port" => {
                        words.next();
                    }
                    b"macdef" => {
                        in_macro = true;
                        break;
                    }
                    _ => {}
                }
            }
        }
    },
};

/// Connections of `NetworkManager` (nm-settings-keyfile(5)).
pub(super) static NETWORK_MANAGER: FileFormat = FileFormat {
    names: &["*.nmconnection"],
    holds: &["[connection]", "uuid="],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let names = [
                "psk",
                "password",
                "wep-key0",
                "wep-key1",
                "wep-key2",
                "wep-key3",
                "leap-password",
                "private-key-password",
                "phase2-private-key-password",
                "private-key",
                "preshared-key",
                "secret",
            ];
            setting.key_is(&names).then(|| hit("network-manager-password"))
        });
    },
};

/// Profiles of `OpenVPN` ("Reference manual"): `<auth-user-pass>` and the shared key in `<tls-auth>`; keys in
/// `<key>` are found by their armour. Files of two lines that `auth-user-pass` names hold user and password.
pub(super) static OPENVPN: FileFormat = FileFormat {
    names: &["*.ovpn", "*.conf"],
    holds: &["<auth-user-pass>"],
    read: |reader| {
        let within = |reader: &Reader<'_>, name: &str| -> Option<Range<usize>> {
            let (open, close) = (format!("<{name}>"), format!("</{name}>"));
            let start = memchr::memmem::find(reader.bytes, open.as_bytes())?.checked_add(open.len())?;
            let length = memchr::memmem::find(reader.bytes.get(start..)?, close.as_bytes())?;
            Some(start..start.checked_add(length)?)
        };
        if let Some(block) = within(reader, "auth-user-pass") {
            let text = reader.at(&block);
            let mut filled = lines::each(text).filter(|line| !line.is_empty());
            if let (Some(_), Some(password)) = (filled.next(), filled.next()) {
                let at = |offset: usize| block.start.saturating_add(offset);
                reader.add(&[b"auth-user-pass"], at(password.start)..at(password.end), hit("openvpn-password"));
            }
        }
        for name in ["tls-auth", "tls-crypt", "tls-crypt-v2", "secret"] {
            let Some(block) = within(reader, name) else { continue };
            let text = reader.at(&block);
            let is_digits = |line: &Range<usize>| {
                line.len() >= 32 && text.get(line.clone()).is_some_and(|line| line.iter().all(u8::is_ascii_hexdigit))
            };
            if !lines::each(text).any(|line| is_digits(&line)) {
                continue;
            }
            let mark = b"-----BEGIN OpenVPN";
            if let Some(start) = memchr::memmem::find(text, mark) {
                let first = block.start.saturating_add(start);
                let key = hit("openvpn-static-key").decoded(text.trim_ascii().to_vec());
                reader.add(&[name.as_bytes()], first..first.saturating_add(mark.len()), key);
            }
        }
    },
};

/// `.wgetrc` ("Wgetrc Commands", Wget).
pub(super) static WGET: FileFormat = FileFormat {
    names: &[".wgetrc", "wgetrc", "wget2rc", ".wget2rc"],
    holds: &[],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let key: Vec<u8> =
                setting.key().iter().filter(|b| !matches!(b, b'_' | b'-')).map(u8::to_ascii_lowercase).collect();
            matches!(
                key.as_slice(),
                b"password"
                    | b"httppassword"
                    | b"httppasswd"
                    | b"ftppassword"
                    | b"ftppasswd"
                    | b"proxypassword"
                    | b"proxypasswd"
            )
            .then(|| hit("wget-config-password"))
        });
    },
};

/// `wg0.conf` (wg(8)): keys are 32 bytes in base64.
pub(super) static WIREGUARD: FileFormat = FileFormat {
    names: &["wg*.conf"],
    holds: &["[Interface]", "PrivateKey"],
    read: |reader| {
        reader.lines(EQUALS, |setting| {
            let is_key = base64::decode(setting.value).is_some_and(|key| key.len() == 32);
            (is_key && setting.key_is(&["PrivateKey", "PresharedKey"])).then(|| {
                if setting.key_is(&["PrivateKey"]) {
                    hit("wireguard-private-key")
                } else {
                    hit("wireguard-preshared-key")
                }
            })
        });
    },
};

/// `wpa_supplicant.conf` (`wpa_supplicant.conf(5)`) and hostapd: the passphrase, or 64 hexadecimal digits.
pub(super) static WPA: FileFormat = FileFormat {
    names: &["wpa_supplicant*.conf", "wpa_supplicant*", "hostapd*.conf", "*.psk"],
    holds: &["network={", "ssid="],
    read: |reader| {
        reader.lines(INI, |setting| {
            let names =
                ["psk", "password", "wep_key0", "wpa_passphrase", "wpa_psk", "private_key_passwd", "sae_password"];
            setting.key_is(&names).then(|| hit("wifi-password"))
        });
    },
};
