//! What is lent for a scan, kept so that the store alone gives nothing away: AES-256-GCM (NIST SP 800-38D) under a key
//! in a file of its own, bound to the image for which it was lent.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use ring::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};

use crate::error::{Error, ErrorKind, Result};
use crate::server::random;
use crate::source::Sensitive;

/// Bytes of the key.
const KEY: usize = 32;

/// A key, and what it does.
pub(super) struct Vault(LessSafeKey);

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vault")
    }
}

impl Vault {
    /// Reads the key; makes one where there is none. A file that others can read is an error.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let place = path.display().to_string();
        let cannot = |e| Error::io("cannot make the key for what Harbor lends", e).at(place.clone());
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
            Ok(mut file) => {
                let key: [u8; KEY] = random::bytes()?;
                file.write_all(&key).and_then(|()| file.sync_all()).map_err(cannot)?;
            }
            Err(error) if error.kind() == IoErrorKind::AlreadyExists => {}
            Err(error) => return Err(cannot(error)),
        }
        let wrong = |what: &str| {
            Error::new(ErrorKind::Config, what.to_owned())
                .at(path.display().to_string())
                .help("remove the file: a new key is made, and Harbor asks again for what waits")
        };
        let file = File::open(path).map_err(cannot)?;
        if file.metadata().map_err(cannot)?.permissions().mode() & 0o077 != 0 {
            return Err(wrong("others can read the key for what Harbor lends"));
        }
        let mut key = Vec::with_capacity(KEY + 1);
        file.take(KEY as u64 + 1).read_to_end(&mut key).map_err(cannot)?;
        if key.len() != KEY {
            return Err(wrong("the key for what Harbor lends is damaged"));
        }
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(|_| wrong("the key for what Harbor lends is none"))?;
        Ok(Self(LessSafeKey::new(key)))
    }

    /// Encrypts for one image.
    pub(super) fn seal(&self, image: &str, text: &[u8]) -> Result<Vec<u8>> {
        // at random: a key would have to be used four thousand million times before one came twice
        let nonce: [u8; NONCE_LEN] = random::bytes()?;
        let mut sealed = text.to_vec();
        let failed = |_| Error::new(ErrorKind::Internal, "cannot encrypt what Harbor lends");
        let (unique, image) = (Nonce::assume_unique_for_key(nonce), Aad::from(image.as_bytes()));
        self.0.seal_in_place_append_tag(unique, image, &mut sealed).map_err(failed)?;
        Ok([nonce.as_slice(), &sealed].concat())
    }

    /// Decrypts what was encrypted for this image.
    pub(super) fn open_sealed(&self, image: &str, sealed: &[u8]) -> Result<Sensitive> {
        let failed = || Error::new(ErrorKind::Io, "what Harbor lent cannot be decrypted: the key is another one");
        let (nonce, sealed) = sealed.split_at_checked(NONCE_LEN).ok_or_else(failed)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| failed())?;
        let mut sealed = sealed.to_vec();
        let text = self.0.open_in_place(nonce, Aad::from(image.as_bytes()), &mut sealed).map_err(|_| failed())?;
        String::from_utf8(text.to_vec()).map(Sensitive).map_err(|_| failed())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_opens_for_its_image_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("harbor.key");
        let vault = Vault::open(&path).expect("a new key");
        assert_eq!(std::fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
        let sealed = vault.seal("main/shop/api@sha256:1", b"Basic cm9ib3Q6cHc=").expect("sealed");
        assert!(!sealed.windows(8).any(|window| window == b"cm9ib3Q6"));
        assert_ne!(sealed, vault.seal("main/shop/api@sha256:1", b"Basic cm9ib3Q6cHc=").expect("sealed"));
        let again = Vault::open(&path).expect("the same key");
        assert_eq!(again.open_sealed("main/shop/api@sha256:1", &sealed).expect("opened").0, "Basic cm9ib3Q6cHc=");
        assert!(again.open_sealed("main/shop/api@sha256:2", &sealed).is_err());
        let other = Vault::open(&folder.path().join("other.key")).expect("another key");
        assert!(other.open_sealed("main/shop/api@sha256:1", &sealed).is_err());
        for length in [0, 5, NONCE_LEN, sealed.len() - 1] {
            assert!(again.open_sealed("main/shop/api@sha256:1", &sealed[..length]).is_err(), "{length}");
        }
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).expect("changed");
        assert!(Vault::open(&path).is_err(), "others can read it");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("changed");
        std::fs::write(&path, b"short").expect("written");
        assert!(Vault::open(&path).is_err());
    }
}
