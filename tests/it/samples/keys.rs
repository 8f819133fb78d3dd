//! Keys and tokens that have a structure, with random numbers in it. None opens anything.

use super::random::{Random, base64};

/// A DER element (ITU-T X.690).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut bytes = vec![tag];
    match length {
        0..0x80 => bytes.push(u8::try_from(length).unwrap()),
        0x80..0x100 => bytes.extend([0x81, u8::try_from(length).unwrap()]),
        _ => bytes.extend([0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 0xff).unwrap()]),
    }
    bytes.extend(content);
    bytes
}

fn integer(random: &mut Random, bytes: usize) -> Vec<u8> {
    let mut number = random.bytes(bytes);
    number[0] = number[0] & 0x7f | 0x40;
    *number.last_mut().unwrap() |= 1;
    der(2, &number)
}

/// The numbers of an RSA key of 2048 bits (RFC 8017, A.1.2); they do not fit one another.
pub(crate) fn rsa(random: &mut Random) -> Vec<u8> {
    let mut numbers = der(2, &[0]);
    numbers.extend(integer(random, 256));
    numbers.extend(der(2, &[1, 0, 1]));
    numbers.extend(integer(random, 256));
    for _ in 0..5 {
        numbers.extend(integer(random, 128));
    }
    der(0x30, &numbers)
}

/// A key on the curve P-256 (RFC 5915), without its public half.
pub(crate) fn elliptic(random: &mut Random) -> Vec<u8> {
    let mut scalar = random.bytes(32);
    scalar[0] &= 0x7f;
    let mut parts = der(2, &[1]);
    parts.extend(der(4, &scalar));
    parts.extend(der(0xa0, &der(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7])));
    der(0x30, &parts)
}

/// An Ed25519 key in PKCS #8 (RFC 8410).
pub(crate) fn ed25519(random: &mut Random) -> Vec<u8> {
    let mut parts = der(2, &[0]);
    parts.extend(der(0x30, &der(6, &[0x2b, 0x65, 0x70])));
    parts.extend(der(4, &der(4, &random.bytes(32))));
    der(0x30, &parts)
}

/// An RSA key in PKCS #8 (RFC 5208).
pub(crate) fn pkcs8(random: &mut Random) -> Vec<u8> {
    let mut algorithm = der(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1]);
    algorithm.extend(der(5, &[]));
    let mut parts = der(2, &[0]);
    parts.extend(der(0x30, &algorithm));
    parts.extend(der(4, &rsa(random)));
    der(0x30, &parts)
}

/// PEM (RFC 7468), lines of 64.
pub(crate) fn pem(label: &str, bytes: &[u8]) -> String {
    let text = base64(bytes, false);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----{} {label}-----\n{}\n-----END {label}-----\n", "BEGIN", lines.join("\n"))
}

fn field(bytes: &[u8]) -> Vec<u8> {
    let mut text = u32::try_from(bytes.len()).unwrap().to_be_bytes().to_vec();
    text.extend(bytes);
    text
}

/// OpenSSH's own form (PROTOCOL.key of OpenSSH), not encrypted.
pub(crate) fn openssh(random: &mut Random) -> String {
    let public = random.bytes(32);
    let check = random.bytes(4);
    let public_blob = [field(b"ssh-ed25519"), field(&public)].concat();
    let mut private = [check.clone(), check, public_blob.clone()].concat();
    private.extend(field(&[random.bytes(32), public].concat()));
    private.extend(field(b"deploy@build-7"));
    private.extend((1_u8..).take((8 - private.len() % 8) % 8));
    let file = [
        b"openssh-key-v1\0".to_vec(),
        field(b"none"),
        field(b"none"),
        field(b""),
        1_u32.to_be_bytes().to_vec(),
        field(&public_blob),
        field(&private),
    ]
    .concat();
    pem("OPENSSH PRIVATE KEY", &file)
}

/// `PuTTY`'s form, version 3, not encrypted.
pub(crate) fn putty(random: &mut Random) -> String {
    let public = base64([field(b"ssh-ed25519"), field(&random.bytes(32))].concat(), false);
    let private = base64(field(&random.bytes(32)), false);
    format!(
        "PuTTY-User-Key-{}-3: ssh-ed25519\nEncryption: none\nComment: ops\nPublic-Lines: 1\n{public}\nPrivate-Lines: 1\n{private}\nPrivate-MAC: {}\n",
        "File",
        random.text("hex", 64)
    )
}

/// A JSON web token (RFC 7519) with these claims.
pub(crate) fn jwt(random: &mut Random, claims: &str) -> String {
    let header = random.pick(&[r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"alg":"RS256","kid":"a7","typ":"JWT"}"#]);
    [base64(header, true), base64(claims, true), random.text("b64u", 43)].join(".")
}

/// `PyPI`'s macaroon: version, location, identifier with a random id, an empty section, and the signature.
pub(crate) fn pypi(random: &mut Random) -> String {
    let id = random.uuid();
    let mut bytes = vec![2, 1, 8];
    bytes.extend(["pypi", ".org"].concat().bytes());
    bytes.extend([2, 0x24]);
    bytes.extend(id.bytes());
    bytes.extend([0, 2, 0x2c]);
    bytes.extend(format!("[3,\"{}\"]", random.uuid()).bytes().chain([b' '; 2]).take(0x2c));
    bytes.extend([0, 0, 6, 0x20]);
    bytes.extend(random.bytes(32));
    format!("pypi-{}", base64(bytes, true))
}

/// A `WireGuard` key: 32 bytes with the bits that Curve25519 clamps.
pub(crate) fn wireguard(random: &mut Random) -> String {
    let mut bytes = random.bytes(32);
    bytes[0] &= 0b1111_1000;
    bytes[31] = bytes[31] & 0b0111_1111 | 0b0100_0000;
    base64(bytes, false)
}
