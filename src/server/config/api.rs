//! Who may ask the server besides the holders of tokens: people whom a proxy in front has let in, and Harbor.

use std::net::IpAddr;

use serde::Deserialize;
use toml::Spanned;

use crate::error::Result;

use super::SecretPlace;
use super::place::Text;
use crate::server::token::Scope;

/// `[api]`: people who come through a proxy that knows them.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Api {
    /// The header field in which the proxy names them.
    pub user_header: Option<Spanned<String>>,
    /// What they may do.
    pub user_scope: Scope,
    /// Addresses of the proxy; from elsewhere the field means nothing.
    pub trusted_proxies: Vec<Network>,
}

/// `[harbor]`: the interface by which Harbor has images scanned.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Harbor {
    /// The source on whose behalf its scans are: whose policies judge them, whose turn they take.
    #[serde(default = "harbor")]
    pub source: Spanned<String>,
    /// How Harbor proves who it is.
    pub auth: HarborAuth,
}

/// How Harbor proves who it is: as its page "Interrogation Services" offers.
#[derive(Debug, Clone, Deserialize)]
#[serde(tag = "by", deny_unknown_fields, rename_all = "kebab-case", rename_all_fields = "kebab-case")]
pub enum HarborAuth {
    /// Name and password.
    Basic {
        /// The name.
        username: String,
        /// The password.
        secret: SecretPlace,
    },
    /// `Authorization: Bearer …`.
    Bearer {
        /// The token.
        secret: SecretPlace,
    },
    /// `X-ScannerAdapter-API-Key: …`.
    ApiKey {
        /// The key.
        secret: SecretPlace,
    },
}

fn harbor() -> Spanned<String> {
    Spanned::new(0..0, "harbor".to_owned())
}

impl Api {
    pub(super) fn check(&self, text: Text<'_>) -> Result<()> {
        let Some(header) = &self.user_header else {
            return if self.trusted_proxies.is_empty() {
                Ok(())
            } else {
                let place = text.value(&["api", "trusted-proxies"]);
                Err(text
                    .wrong(place, "these are trusted with nothing")
                    .help("`user-header` names the field that they set"))
            };
        };
        if axum::http::HeaderName::try_from(header.get_ref().as_str()).is_err() {
            return Err(text.wrong(header.span(), "this is no name of a header field"));
        }
        if self.trusted_proxies.is_empty() {
            return Err(text
                .wrong(header.span(), "anybody could claim to be anybody by this field")
                .help("say whose it is: `trusted-proxies = [\"127.0.0.1\"]`, and let the proxy overwrite the field"));
        }
        Ok(())
    }
}

/// Addresses: one, or those that begin alike, as `10.0.0.0/8`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// Whether every address is among them.
    pub(super) fn is_everything(&self) -> bool {
        self.bits == 0
    }

    /// Whether the address is among them. One of IPv4 that came in as IPv6 is one of IPv4.
    pub fn contains(&self, address: IpAddr) -> bool {
        let differ = |own: u128, other: u128, width: u32| {
            let shift = width.saturating_sub(u32::from(self.bits));
            (own ^ other).checked_shr(shift).unwrap_or(0) != 0
        };
        match (self.address.to_canonical(), address.to_canonical()) {
            (IpAddr::V4(own), IpAddr::V4(other)) => !differ(own.to_bits().into(), other.to_bits().into(), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => !differ(own.to_bits(), other.to_bits(), 128),
            _ => false,
        }
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let read = || {
            let (address, bits) = text.split_once('/').map_or((text.as_str(), None), |(a, bits)| (a, Some(bits)));
            let address: IpAddr = address.parse().ok()?;
            let width = if address.is_ipv4() { 32 } else { 128 };
            let bits = bits.map_or(Some(width), |bits| bits.parse().ok().filter(|bits| *bits <= width))?;
            Some(Self { address, bits })
        };
        read().ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no address such as `10.0.0.0/8`")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_proxy_are_known() {
        let cases = [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("10.0.0.0/8", "10.255.3.4", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:1::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ];
        let of = |text: &str| {
            toml::from_str::<Api>(&format!("trusted-proxies = [\"{text}\"]")).map(|api| api.trusted_proxies[0])
        };
        for (network, address, expected) in cases {
            let network = of(network).expect(network);
            assert_eq!(network.contains(address.parse().expect(address)), expected, "{network:?} {address}");
        }
        for wrong in ["", "localhost", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0/8"] {
            assert!(of(wrong).is_err(), "{wrong}");
        }
    }
}
