//! Challenges and tokens (RFC 9110 section 11, distribution's token and `OAuth2` specifications).
//!
//! Credentials belong to one registry. They go to its own host, and to a token service only on that
//! host, or where the two are known to belong together, or where the user said so.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::BTreeMap;

use reqwest::{StatusCode, Url};
use serde::Deserialize;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;

use super::super::Sensitive;
use super::address::{Endpoint, authority_of, check_destination, crop, describe, is_this_machine};
use super::credentials::Credential;
use super::transport::{Ask, Failure, FailureKind, Transport};

/// Largest answer of a token service, in bytes.
const TOKEN_ANSWER: u64 = 1 << 20;

/// Longest token, in bytes; longer ones would not fit the header of common servers anyway.
const LONGEST_TOKEN: usize = 64 * 1024;

/// Challenges looked at, and parameters of each.
const MOST_CHALLENGES: usize = 8;
const MOST_PARAMETERS: usize = 16;

/// Longest realm, service or scope, in bytes.
const LONGEST_PARAMETER: usize = 4_096;

/// What a registry asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password.
    Basic,
    /// A token from the service at `realm`.
    Bearer {
        /// URL of the token service.
        realm: String,
        /// What the token service calls the registry.
        service: Option<String>,
        /// What the token has to allow.
        scope: Option<String>,
    },
}

/// The best of the challenges in the `WWW-Authenticate` headers of an answer: a token before a password.
pub(super) fn choose_challenge<'a>(headers: impl Iterator<Item = &'a str>) -> Option<Challenge> {
    let mut basic = None;
    for (scheme, parameters) in headers.flat_map(parse_challenges).take(MOST_CHALLENGES) {
        let parameter = |name: &str| {
            parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.clone())
        };
        if scheme.eq_ignore_ascii_case("bearer") {
            if let Some(realm) = parameter("realm") {
                return Some(Challenge::Bearer { realm, service: parameter("service"), scope: parameter("scope") });
            }
        } else if scheme.eq_ignore_ascii_case("basic") {
            basic = Some(Challenge::Basic);
        }
    }
    basic
}

type Parameters = Vec<(String, String)>;

/// Splits a `WWW-Authenticate` header into schemes with their parameters. What cannot be understood is left out.
fn parse_challenges(header: &str) -> Vec<(String, Parameters)> {
    let mut challenges: Vec<(String, Parameters)> = Vec::new();
    let mut rest = header;
    while challenges.len() <= MOST_CHALLENGES {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let (word, after) = split_token(rest);
        if word.is_empty() {
            break;
        }
        let Some(value) = after.trim_start().strip_prefix('=').map(str::trim_start) else {
            challenges.push((word.to_owned(), Vec::new()));
            rest = after;
            continue;
        };
        let Some((value, after)) = split_value(value) else { break };
        if let Some((_, parameters)) = challenges.last_mut()
            && parameters.len() < MOST_PARAMETERS
            && value.len() <= LONGEST_PARAMETER
        {
            parameters.push((word.to_owned(), value));
        }
        rest = after;
    }
    challenges
}

/// A token of RFC 9110 section 5.6.2 and what follows it.
fn split_token(text: &str) -> (&str, &str) {
    let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()))
}

/// A quoted string or a bare value, and what follows it. Bare values may hold more than a token, as some servers write URLs so.
fn split_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (value, rest) = text.split_at(text.find([',', ' ', '\t']).unwrap_or(text.len()));
        return Some((value.to_owned(), rest));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some((value, quoted.get(at.saturating_add(1)..).unwrap_or_default())),
            '\\' => value.push(characters.next()?.1),
            c => value.push(c),
        }
    }
    None
}

/// What a request is sent with.
#[derive(Debug, Clone)]
pub(super) enum Authorization {
    Anonymous,
    /// A user and a password.
    Basic(String, Sensitive),
    Bearer(Sensitive),
}

/// Answers a challenge: says with what the request is to be sent again.
pub(super) async fn answer(
    challenge: &Challenge,
    endpoint: &Endpoint,
    credential: &Credential,
    trusted: &BTreeMap<String, Vec<String>>,
    transport: &Transport,
    url: &Url,
) -> Result<Authorization, Failure> {
    if !matches!(credential, Credential::None) {
        check_encrypted(endpoint, url)?;
    }
    match (challenge, credential) {
        (_, Credential::Token(token)) => Ok(Authorization::Bearer(token.clone())),
        (Challenge::Basic, Credential::Password(user, password)) => {
            Ok(Authorization::Basic(user.clone(), password.clone()))
        }
        (Challenge::Basic, Credential::Identity(_)) => {
            Err(auth_error(endpoint, "the registry wants a password, but the login holds an identity token").into())
        }
        (Challenge::Basic, Credential::None) => {
            Err(auth_error(endpoint, "the registry wants a user name and password").into())
        }
        (Challenge::Bearer { realm, service, scope }, _) => {
            let realm = check_realm(realm, endpoint, credential, trusted, url)?;
            let scope = scope
                .clone()
                .filter(|scope| is_read_only(scope))
                .unwrap_or_else(|| format!("repository:{}:pull", endpoint.repository));
            // only who pushes asks for more than reading, and says itself for what
            let scopes = if endpoint.scopes.is_empty() { vec![scope] } else { endpoint.scopes.clone() };
            fetch_token(realm, service.as_deref(), &scopes, endpoint, credential, transport).await
        }
    }
}

/// Whether a scope asks for no more than reading. A registry's wish to write is not passed on.
fn is_read_only(scope: &str) -> bool {
    !scope.is_empty()
        && scope.split_ascii_whitespace().all(|part| match part.rsplit_once(':') {
            Some((_, actions)) => actions.split(',').all(|action| action == "pull"),
            // such as the `aws` of Amazon's public registry
            None => true,
        })
}

/// Refuses a token service that must not be asked, or not with these credentials.
fn check_realm(
    realm: &str,
    endpoint: &Endpoint,
    credential: &Credential,
    trusted: &BTreeMap<String, Vec<String>>,
    url: &Url,
) -> Result<Url> {
    let invalid = || Error::new(ErrorKind::Auth, "the registry names no valid token service").at(endpoint.name.clone());
    let mut realm = Url::parse(realm).map_err(|_| invalid())?;
    if !matches!(realm.scheme(), "http" | "https") || !realm.has_host() {
        return Err(invalid());
    }
    if !realm.username().is_empty() || realm.password().is_some() {
        return Err(invalid());
    }
    realm.set_fragment(None);
    check_destination(&realm)?;
    let host = escape(authority_of(&realm).unwrap_or_default());
    let is_anonymous = matches!(credential, Credential::None);
    let is_plain = realm.scheme() == "http";
    if is_plain && (url.scheme() == "https" || !(is_anonymous || endpoint.may_carry_credentials(&realm))) {
        return Err(auth_error(endpoint, &format!("its token service at `{}` is not encrypted", crop(&host, 260))));
    }
    if is_this_machine(&realm) && !is_this_machine(url) {
        return Err(auth_error(endpoint, "it names this very machine as its token service"));
    }
    if !is_anonymous && !endpoint.trusts_realm(&realm, trusted) {
        return Err(Error::new(
            ErrorKind::Auth,
            format!(
                "the registry `{}` wants its credentials sent to another host, `{}`, which is not known to be its own",
                escape(&endpoint.name),
                crop(&host, 260)
            ),
        )
        .at(endpoint.authority.clone())
        .help(
            "if both have the same operator, list that host as a trusted realm of the registry in the configuration",
        ));
    }
    Ok(realm)
}

fn check_encrypted(endpoint: &Endpoint, url: &Url) -> Result<()> {
    if endpoint.may_carry_credentials(url) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Auth, "refused to send credentials over plain HTTP")
        .at(describe(url))
        .help("use HTTPS, or allow it for this registry with `--insecure`"))
}

/// Fetches a token: with `GET` and a password or nothing, or an `OAuth2` exchange of an identity token.
async fn fetch_token(
    mut realm: Url,
    service: Option<&str>,
    scopes: &[String],
    endpoint: &Endpoint,
    credential: &Credential,
    transport: &Transport,
) -> Result<Authorization, Failure> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<String>,
        access_token: Option<String>,
    }
    let mut form = None;
    let mut auth = Authorization::Anonymous;
    if let Credential::Identity(identity) = credential {
        transport.keep_secret(&identity.0);
        let scope = scopes.join(" ");
        let mut pairs = vec![("grant_type", "refresh_token"), ("client_id", "careen"), ("scope", &scope)];
        pairs.extend(service.map(|service| ("service", service)));
        pairs.push(("refresh_token", &identity.0));
        form = Some(encode_form(&pairs));
    } else {
        let mut query = realm.query_pairs_mut();
        if let Some(service) = service {
            query.append_pair("service", service);
        }
        for scope in scopes {
            query.append_pair("scope", scope);
        }
    }
    if let Credential::Password(user, password) = credential {
        transport.keep_secret(&password.0);
        auth = Authorization::Basic(user.clone(), password.clone());
    }
    let insecure = endpoint.insecure && endpoint.owns(&realm);
    let ask = Ask {
        url: realm.clone(),
        auth: &auth,
        accept: "application/json",
        from: 0,
        form,
        insecure,
        headers: Vec::new(),
    };
    let response = transport.send(&ask).await?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN | StatusCode::BAD_REQUEST => {
            let failure = transport.refuse("a token", response).await;
            let what = if matches!(credential, Credential::None) {
                "gives no anonymous token"
            } else {
                "refuses the credentials"
            };
            let mut error =
                auth_error(endpoint, &format!("its token service {what}")).because(failure.error.to_string());
            error.place = failure.error.place;
            return Err(error.into());
        }
        _ => {
            let mut failure = transport.refuse("a token", response).await;
            if failure.kind == FailureKind::Lasting {
                failure.error.kind = ErrorKind::Auth;
            }
            return Err(failure);
        }
    }
    let body = transport.read_capped("the token service's answer", response, TOKEN_ANSWER).await?;
    let no_token =
        || Error::new(ErrorKind::Auth, "the token service's answer holds no usable token").at(describe(&realm));
    let answer: Answer = serde_json::from_slice(&body).map_err(|_| no_token())?;
    let token = [answer.token, answer.access_token]
        .into_iter()
        .flatten()
        .find(|token| !token.is_empty())
        .filter(|token| token.len() <= LONGEST_TOKEN && token.bytes().all(|b| b.is_ascii_graphic()))
        .ok_or_else(no_token)?;
    transport.keep_secret(&token);
    Ok(Authorization::Bearer(Sensitive(token)))
}

/// `application/x-www-form-urlencoded`.
fn encode_form(pairs: &[(&str, &str)]) -> String {
    let encoded = Url::parse_with_params("http://form.invalid/", pairs);
    encoded.ok().and_then(|url| url.query().map(str::to_owned)).unwrap_or_default()
}

/// Access was refused; says how to log in.
pub(super) fn auth_error(endpoint: &Endpoint, message: &str) -> Error {
    let name = escape(&endpoint.name);
    Error::new(ErrorKind::Auth, format!("no access to `{name}`: {message}")).at(endpoint.authority.clone()).help(
        format!(
            "log in with `docker login {name}`, or give `--username` and `--password-stdin`, or `--registry-token`"
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bearer(realm: &str, service: Option<&str>, scope: Option<&str>) -> Challenge {
        let own = |text: Option<&str>| text.map(str::to_owned);
        Challenge::Bearer { realm: realm.to_owned(), service: own(service), scope: own(scope) }
    }

    #[test]
    fn challenges_are_parsed_as_servers_write_them() {
        let cases: &[(&[&str], Option<Challenge>)] = &[
            (&[r#"Basic realm="x""#], Some(Challenge::Basic)),
            (&["basic"], Some(Challenge::Basic)),
            (
                &[r#"Bearer realm="https://a.b/token",service="a.b",scope="repository:x/y:pull""#],
                Some(bearer("https://a.b/token", Some("a.b"), Some("repository:x/y:pull"))),
            ),
            (
                &[r#"bearer  Realm = "https://a.b/t" , scope="repository:x:pull,push""#],
                Some(bearer("https://a.b/t", None, Some("repository:x:pull,push"))),
            ),
            (&["Bearer realm=https://a.b/t, service=s"], Some(bearer("https://a.b/t", Some("s"), None))),
            (
                &[r#"Basic realm="a, Bearer realm=x", Bearer realm="https://q/\"t""#],
                Some(bearer("https://q/\"t", None, None)),
            ),
            (
                &[r#"Negotiate, Basic realm="x""#, r#"Bearer realm="https://a/t""#],
                Some(bearer("https://a/t", None, None)),
            ),
            (&[r#"Bearer realm="unfinished"#], None),
            (&[r#"Bearer service="no realm""#], None),
            (&["", ",,,", "=", "\"", "Digest qop=1"], None),
        ];
        for (headers, expected) in cases {
            assert_eq!(choose_challenge(headers.iter().copied()), *expected, "{headers:?}");
        }
        let endless = "a, ".repeat(100_000);
        assert!(parse_challenges(&endless).len() <= MOST_CHALLENGES + 1);
    }

    #[test]
    fn only_reading_is_asked_for() {
        let cases = [
            ("repository:a/b:pull", true),
            ("aws", true),
            ("repository:a:pull repository:b:pull", true),
            ("repository:a/b:pull,push", false),
            ("repository:a/b:*", false),
            ("registry:catalog:*", false),
            ("", false),
        ];
        for (scope, expected) in cases {
            assert_eq!(is_read_only(scope), expected, "{scope}");
        }
    }

    #[test]
    fn forms_are_encoded() {
        assert_eq!(encode_form(&[("a", "x y&z=/+"), ("b", "")]), "a=x+y%26z%3D%2F%2B&b=");
    }
}
