//! Proofs against good and bad requests, with public vectors where there are some.
#![expect(clippy::arithmetic_side_effects, reason = "numbers of the tests' own")]

use std::fs;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;

use crate::source::Sensitive;
use crate::time::Timestamp;

use super::{
    Fetch, Fetched, Form, GITHUB, GOOGLE_ISSUERS, Hash, HttpFetch, Identity, JFROG, Keys, NEXUS, Presented, Proof,
    Refused, Signature,
};

const WRONG: &str = "the secret or signature is not one of the source";
const MISSING: &str = "the header field of its proof is missing or empty";
const TWICE: &str = "the header field of its proof is there twice";

fn secrets(secrets: &[&str]) -> Vec<Sensitive> {
    secrets.iter().map(|secret| Sensitive((*secret).to_owned())).collect()
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

/// What a proof says of a request: an empty text where it is good.
fn answer(proof: &Proof, fields: &[(&str, &str)], path_token: Option<&str>, body: &[u8]) -> &'static str {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        let name: HeaderName = name.parse().expect("a name");
        headers.append(name, HeaderValue::from_str(value).expect("a value"));
    }
    match proof.check(&Presented { headers: &headers, path_token, body, now: now() }) {
        Ok(()) => "",
        Err(Refused { why, is_transient }) => {
            assert_eq!(is_transient, why.contains("yet") || why.contains("fetched"), "{why}");
            why
        }
    }
}

#[test]
fn a_secret_in_a_header_field_is_compared_as_a_whole() {
    let proof = Proof::header("Authorization", &secrets(&["Bearer the-old-one", "Bearer the-new-one"])).expect("fits");
    let other = "Bearer of-another-source";
    for (fields, why) in [
        (&[("Authorization", "Bearer the-old-one")][..], ""),
        (&[("authorization", "Bearer the-new-one")], ""),
        (&[("Authorization", "the-new-one")], WRONG),
        (&[("Authorization", "Bearer the-new-on")], WRONG),
        (&[("Authorization", "Bearer the-new-one2")], WRONG),
        (&[("Authorization", "bearer the-new-one")], WRONG),
        (&[("Authorization", other)], WRONG),
        (&[("Authorization", "")], MISSING),
        (&[("X-Secret", "Bearer the-new-one")], MISSING),
        (&[], MISSING),
        (&[("Authorization", "Bearer the-new-one"), ("Authorization", other)], TWICE),
        (&[("Authorization", other), ("Authorization", "Bearer the-new-one")], TWICE),
    ] {
        assert_eq!(answer(&proof, fields, None, b"{}"), why, "{fields:?}");
    }
    let good = [("Authorization", "Bearer the-old-one")];
    assert_eq!(answer(&proof, &good, Some("x"), b"{}"), "its path goes on behind the name of the source");
}

#[test]
fn a_secret_in_the_path_is_compared_as_a_whole() {
    let token = "0123456789abcdef-._~";
    let proof = Proof::path(&secrets(&[token, "fedcba9876543210"])).expect("fits");
    let none = "there is no secret in the path";
    for (shown, why) in [
        (Some(token), ""),
        (Some("fedcba9876543210"), ""),
        (Some("fedcba9876543211"), WRONG),
        (Some("fedcba987654321"), WRONG),
        (Some("fedcba9876543210/"), WRONG),
        (Some(""), none),
        (None, none),
    ] {
        assert_eq!(answer(&proof, &[("Authorization", token)], shown, b"{}"), why, "{shown:?}");
    }
}

#[test]
fn user_name_and_password_are_those_of_rfc_7617() {
    // the example of section 2
    let proof = Proof::basic("Aladdin", &secrets(&["open sesame", "closed sesame"])).expect("fits");
    let scheme = "its credentials are of another scheme";
    for (value, why) in [
        ("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ""),
        ("basic  QWxhZGRpbjpvcGVuIHNlc2FtZQ==", ""),
        ("Basic QWxhZGRpbjpvcGVuIHNlc2Ft", WRONG),
        ("Basic QWxhZGRpbg==", WRONG),
        ("Basic ", WRONG),
        ("Basic ????", "its credentials are no base64"),
        ("BasicQWxhZGRpbjpvcGVuIHNlc2FtZQ==", scheme),
        ("Bearer QWxhZGRpbjpvcGVuIHNlc2FtZQ==", scheme),
        ("B", scheme),
    ] {
        assert_eq!(answer(&proof, &[("Authorization", value)], None, b"{}"), why, "{value}");
    }
}

#[test]
fn signatures_are_those_of_the_senders() {
    // GitHub's own vector, of "Validating webhook deliveries"
    let key = "It's a Secret to Everybody";
    let body = b"Hello, World!";
    let digits = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let good = format!("sha256={digits}");
    let form = "its signature is of another form";
    let field = "X-Hub-Signature-256";
    let alone = Proof::signature(&GITHUB, &secrets(&[key])).expect("fits");
    let rotated = Proof::signature(&GITHUB, &secrets(&["another secret", key])).expect("fits");
    let others = Proof::signature(&GITHUB, &secrets(&["another secret"])).expect("fits");
    for (proof, why) in [(&alone, ""), (&rotated, ""), (&others, WRONG)] {
        assert_eq!(answer(proof, &[(field, &good)], None, body), why);
    }
    assert_eq!(answer(&alone, &[(field, &format!("sha256={}", digits.to_uppercase()))], None, body), "");
    for (value, body, why) in [
        (good.as_str(), &b"Hello, World"[..], WRONG),
        (&good, b" Hello, World!", WRONG),
        (&good, b"", WRONG),
        (digits, body, form),
        (&format!("sha1={digits}"), body, form),
        (&format!("sha256={}", &digits[..63]), body, form),
        (&format!("sha256={}", &digits[..62]), body, WRONG),
        (&format!("sha256={digits}00"), body, WRONG),
        (&format!("sha256={}", digits.replace('7', "z")), body, form),
        ("sha256=", body, form),
        ("", body, MISSING),
    ] {
        assert_eq!(answer(&alone, &[(field, value)], None, body), why, "{value}");
    }
    assert_eq!(answer(&alone, &[("X-Hub-Signature", &good)], None, body), MISSING);
    assert_eq!(answer(&alone, &[(field, &good), (field, &good)], None, body), TWICE);
}

/// Test case 1 of RFC 2202 and RFC 4231, whose key is twenty bytes of 0x0b.
#[test]
fn known_vectors_hold() {
    let key = secrets(&["\u{b}".repeat(20).as_str()]);
    for (hash, digits) in [
        (Hash::Sha1, "b617318655057264e28bc0b6fb378c8ef146be00"),
        (Hash::Sha256, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    ] {
        let signature = Signature::new("x-signature", "", hash, false, &key).expect("fits");
        assert_eq!(signature.is_of(digits.as_bytes(), b"Hi There"), Ok(true));
    }
}

#[test]
fn nexus_signs_the_text_without_spaces() {
    let key = "a shared secret";
    let proof = Proof::signature(&NEXUS, &secrets(&[key])).expect("fits");
    // HMAC-SHA1 of the compact text
    let compact = br#"{"action":"CREATED","component":{"format":"docker","name":"team/a b"}}"#;
    let tag =
        ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, key.as_bytes()), compact);
    let digits = crate::digest::hex(tag.as_ref());
    let field = [("X-Nexus-Webhook-Signature", digits.as_str())];
    let spaced =
        b"{ \"action\" : \"CREATED\",\r\n\t\"component\" : { \"format\" : \"docker\", \"name\" : \"team/a b\" } }\n";
    assert_eq!(answer(&proof, &field, None, compact), "");
    assert_eq!(answer(&proof, &field, None, spaced), "");
    for changed in ["team/ab", "team/a  b", "team/a b\",\"x\":\""] {
        let body = String::from_utf8_lossy(compact).replace("team/a b", changed);
        assert_eq!(answer(&proof, &field, None, body.as_bytes()), WRONG, "{body}");
    }
    // whoever signs the bytes themselves gives no such room
    let strict = Proof::signature(&Form { is_compact: false, ..NEXUS }, &secrets(&[key])).expect("fits");
    assert_eq!(answer(&strict, &field, None, spaced), WRONG);
    assert_eq!(answer(&strict, &field, None, compact), "");
    assert_eq!(JFROG.header, "x-jfrog-event-auth");
}

#[test]
fn what_can_never_fit_is_refused_when_it_is_configured() {
    let nine: Vec<&str> = vec!["12345678"; 9];
    for (about, made) in [
        ("no secret", Proof::header("authorization", &[])),
        ("an empty one", Proof::header("authorization", &secrets(&[""]))),
        ("one of two empty", Proof::header("authorization", &secrets(&["12345678", ""]))),
        ("a short one", Proof::header("authorization", &secrets(&["1234567"]))),
        ("too many", Proof::header("authorization", &secrets(&nine))),
        ("a space at the end", Proof::header("authorization", &secrets(&["12345678 "]))),
        ("a line break", Proof::header("authorization", &secrets(&["1234\n5678"]))),
        ("a field that is none", Proof::header("x secret", &secrets(&["12345678"]))),
        ("a short one in the path", Proof::path(&secrets(&["123456789012345"]))),
        ("a slash in the path", Proof::path(&secrets(&["1234567890123456/"]))),
        ("a colon in the user name", Proof::basic("a:b", &secrets(&["12345678"]))),
        ("an empty password", Proof::basic("careen", &secrets(&[""]))),
        ("an empty key", Proof::signature(&GITHUB, &secrets(&[""]))),
    ] {
        let why = made.map(|_| ()).expect_err(about);
        assert!(!why.contains("1234"), "{why}");
    }
}

#[test]
fn nothing_of_a_secret_is_shown() {
    let secret = "hunter2-and-more";
    let proofs = [
        Proof::header("authorization", &secrets(&[secret])),
        Proof::path(&secrets(&[secret])),
        Proof::basic("careen", &secrets(&[secret])),
        Proof::signature(&GITHUB, &secrets(&[secret])),
    ];
    let digest = crate::digest::sha256_bytes(secret.as_bytes());
    for proof in proofs {
        let shown = format!("{:?} {:#?}", proof.as_ref().expect("fits"), proof);
        assert!(!shown.contains("hunter2") && !shown.contains(&format!("{:?}", &digest[..4])), "{shown}");
    }
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("hunter2-and-more"));
    let presented = Presented { headers: &headers, path_token: Some(secret), body: secret.as_bytes(), now: now() };
    assert!(!format!("{presented:?}").contains("hunter2"));
}

#[test]
fn only_an_open_proof_takes_everything() {
    assert_eq!(answer(&Proof::Nothing, &[], None, b""), "");
    assert!(Proof::Nothing.is_open());
    assert!(!Proof::path(&secrets(&["0123456789abcdef"])).expect("fits").is_open());
}

#[derive(Deserialize)]
struct Token {
    about: String,
    why: String,
    header: String,
    claims: String,
    signature: String,
}

fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/identity").join(name)).expect(name)
}

fn tokens() -> Vec<Token> {
    serde_json::from_slice(&fixture("tokens.json")).expect("tokens")
}

impl Token {
    fn text(&self) -> String {
        format!("{}.{}.{}", base64url(self.header.as_bytes()), base64url(self.claims.as_bytes()), self.signature)
    }
}

/// RFC 4648, section 5, without padding.
fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0_u32, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            text.push(char::from(DIGITS[(word >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

fn later(seconds: i64) -> Timestamp {
    Timestamp::from_unix(now().to_unix() + seconds)
}

fn keys(fetched: Timestamp) -> Arc<Keys> {
    let keys = Keys::default();
    keys.take(&Fetched { body: fixture("keys.json"), max_age: Some(3_600) }, fetched).expect("a set");
    Arc::new(keys)
}

fn identity(keys: Arc<Keys>) -> Proof {
    let issuers = GOOGLE_ISSUERS.iter().map(|issuer| (*issuer).to_owned()).collect();
    let audience = "https://careen.example/hooks/gar".to_owned();
    let emails = vec!["push@project.iam.example".to_owned()];
    Proof::Identity(Identity::new(issuers, audience, emails, vec!["7000".to_owned()], keys).expect("fits"))
}

fn bearer(proof: &Proof, token: &str) -> &'static str {
    answer(proof, &[("Authorization", &format!("Bearer {token}"))], None, b"{}")
}

#[test]
fn tokens_are_checked_in_every_part() {
    let tokens = tokens();
    assert!(tokens.len() > 30);
    for token in &tokens {
        // keys that are fresh, but not just fetched
        let proof = identity(keys(later(-600)));
        assert_eq!(bearer(&proof, &token.text()), token.why, "a token {}", token.about);
    }
}

#[test]
fn a_token_changed_anywhere_is_refused() {
    let proof = identity(keys(now()));
    let good = tokens()[0].text();
    assert_eq!(bearer(&proof, &good), "");
    for at in 0..good.len() {
        let mut changed = good.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'Q' } else { b'A' };
        let changed = String::from_utf8(changed).expect("ASCII");
        // the last digit of a part has bits that mean nothing
        let is_last = good[at + 1..].is_empty() || good[at + 1..].starts_with('.');
        assert!(is_last || !bearer(&proof, &changed).is_empty(), "{at}");
        assert_ne!(bearer(&proof, &good[..at]), "", "cut at {at}");
    }
    let form = "its token is of another form";
    let long = format!("{good}{}", "A".repeat(8_192));
    for (token, why) in [
        (String::new(), form),
        ("..".to_owned(), form),
        (format!("{good}."), form),
        (format!("{good}.x"), form),
        (good.replace('.', ""), form),
        (format!("{good}="), form),
        (good.replacen('.', " .", 1), form),
        (long, "its token is too long"),
    ] {
        assert_eq!(bearer(&proof, &token), why, "{token}");
    }
    // what only signed tokens say is not said of unsigned ones
    let (signed, _) = good.rsplit_once('.').expect("three parts");
    assert_eq!(bearer(&proof, &format!("{signed}.")), form);
    assert_eq!(answer(&proof, &[("Authorization", &good)], None, b""), "its credentials are of another scheme");
    assert_eq!(answer(&proof, &[], None, b""), MISSING);
}

/// RFC 7515, appendix A.2.
#[test]
fn the_signature_of_the_specification_is_good() {
    #[derive(Deserialize)]
    struct Vector {
        signature: String,
    }
    let set = fixture("keys-rfc7515.json");
    let vector: Vector = serde_json::from_slice(&set).expect("a vector");
    let keys = Keys::default();
    keys.take(&Fetched { body: set, max_age: None }, now()).expect("a set");
    let claims = "{\"iss\":\"joe\",\r\n \"exp\":1300819380,\r\n \"http://example.com/is_root\":true}";
    let text = format!("{}.{}", base64url(b"{\"alg\":\"RS256\"}"), base64url(claims.as_bytes()));
    let signature = crate::format::base64::decode(vector.signature.as_bytes()).expect("base64");
    assert_eq!(keys.verify("rfc7515", text.as_bytes(), &signature, now()), Ok(()));
    assert!(keys.verify("rfc7515", b"another text", &signature, now()).is_err());
}

/// Answers from a list, and counts.
struct Listed {
    answers: Vec<Result<Fetched, String>>,
    asked: AtomicUsize,
}

impl Fetch for Listed {
    fn fetch(&self) -> Pin<Box<dyn Future<Output = Result<Fetched, String>> + Send + '_>> {
        let at = self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answers.get(at).cloned().unwrap_or_else(|| Err("no more answers".to_owned()));
        Box::pin(async move { answer })
    }
}

#[test]
fn keys_are_fetched_when_they_are_due_and_kept_while_they_cannot_be() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let set = Fetched { body: fixture("keys.json"), max_age: Some(3_600) };
    let no_keys = Fetched { body: b"{\"keys\": []}".to_vec(), max_age: None };
    let fetch = Listed {
        answers: vec![Err("refused".to_owned()), Ok(set.clone()), Err("refused".to_owned()), Ok(no_keys)],
        asked: AtomicUsize::new(0),
    };
    let all = tokens();
    let good = all[0].text();
    let unknown = all.iter().find(|token| token.about == "by an unknown key").expect("there").text();
    let keys = Arc::new(Keys::default());
    let refresh = |now| runtime.block_on(keys.refresh(&fetch, now));
    let proof = identity(Arc::clone(&keys));
    let headers = |token: &str| {
        let value = HeaderValue::from_str(&format!("Bearer {token}")).expect("a value");
        HeaderMap::from_iter([(HeaderName::from_static("authorization"), value)])
    };
    let check = |token: &str, now| {
        let headers = headers(token);
        proof.check(&Presented { headers: &headers, path_token: None, body: b"", now })
    };

    assert!(keys.is_due(now()));
    assert!(check(&good, now()).is_err_and(|refused| refused.is_transient), "no keys yet");
    assert!(refresh(now()).is_err());
    assert!(!keys.is_due(later(59)), "not at once again");
    assert!(keys.is_due(later(60)));
    assert!(keys.is_due(later(-3_600)), "a clock that was set back does not stop it");
    refresh(later(60)).expect("fetched");
    assert_eq!(check(&good, later(61)), Ok(()));
    assert!(!keys.is_due(later(3_659)));
    assert!(keys.is_due(later(3_660)), "no longer fresh");

    // an unknown key makes it fetch, but not more than once a minute
    assert!(check(&unknown, later(90)).is_err_and(|refused| !refused.is_transient));
    assert!(!keys.is_due(later(90)));
    assert!(keys.is_due(later(120)));
    assert!(check(&unknown, later(120)).is_err_and(|refused| refused.is_transient));
    assert!(refresh(later(120)).is_err());
    assert!(check(&unknown, later(121)).is_err_and(|refused| !refused.is_transient));
    assert_eq!(check(&good, later(121)), Ok(()), "those that are there are kept");

    // a set without keys takes none away, until they are too old
    assert!(refresh(later(3_000)).is_err());
    assert_eq!(check(&good, later(3_001)), Ok(()));
    let refused = check(&good, later(60 + 2 * 86_400)).expect_err("too old");
    assert!(refused.is_transient && refused.why.contains("fetched"), "{refused:?}");
    assert_eq!(fetch.asked.load(Ordering::Relaxed), 4);
}

#[test]
fn sets_of_keys_are_bounded() {
    let keys = Keys::default();
    let many = format!("{{\"keys\":[{}]}}", vec![r#"{"kty":"RSA","kid":"a","n":"AQAB","e":"AQAB"}"#; 65].join(","));
    let long =
        format!("{{\"keys\":[{{\"kty\":\"RSA\",\"kid\":\"a\",\"n\":\"{}\",\"e\":\"AQAB\"}}]}}", "A".repeat(2_000));
    for (body, why) in [
        (String::new(), "the set of keys cannot be read: line 1, column 0"),
        ("[".repeat(1_000), "the set of keys cannot be read: line 1, column 3"),
        ("{\"keys\": 1}".to_owned(), "the set of keys cannot be read: line 1, column 10"),
        ("{\"keys\":[{\"kty\":\"EC\",\"kid\":\"a\"}]}".to_owned(), "the set has no RSA key for signatures"),
        (
            "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}]}".to_owned(),
            "the set has no RSA key for signatures",
        ),
        (many, "the set has more than 64 keys"),
        (long, "the set has no RSA key for signatures"),
        (" ".repeat(300 << 10), "the set of keys is larger than 262144 bytes"),
    ] {
        let fetched = Fetched { body: body.into_bytes(), max_age: None };
        assert_eq!(keys.take(&fetched, now()), Err(why.to_owned()));
    }
    assert!(keys.is_due(now()), "nothing was taken");
}

#[test]
fn an_identity_needs_an_account() {
    // fails when a provider is set already, which then serves as well
    let _ = rustls::crypto::ring::default_provider().install_default();
    let some = |text: &str| vec![text.to_owned()];
    let keys = || Arc::new(Keys::default());
    for (issuers, audience, emails, subjects) in [
        (some("i"), "a", vec![], vec![]),
        (vec![], "a", some("e"), vec![]),
        (some("i"), "", some("e"), vec![]),
        (some("i"), "a", some(""), vec![]),
        (some(""), "a", some("e"), vec![]),
    ] {
        assert!(Identity::new(issuers, audience.to_owned(), emails, subjects, keys()).is_err());
    }
    let client = || reqwest::Client::builder().tls_certs_only([]).build();
    if let Ok(client) = client() {
        assert!(HttpFetch::new(client.clone(), "http://keys.example/").is_err());
        assert!(HttpFetch::new(client, "keys").is_err());
    }
}
