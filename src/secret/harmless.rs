//! Text that can hold no secret, told without the rules: loading these takes longer than judging a Dockerfile.

/// Parts of words next to which a value may be a secret, lower case.
const WORDS: &[&str] = &[
    "auth",
    "bearer",
    "clave",
    "conn",
    "contrasena",
    "cred",
    "crypt",
    "dsn",
    "hash",
    "haslo",
    "heslo",
    "hook",
    "jwt",
    "kennwort",
    "key",
    "login",
    "mnemonic",
    "motdepasse",
    "mot_de_passe",
    "parola",
    "pass",
    "_pat",
    "phrase",
    "pin=",
    "pin:",
    "_pin",
    "priv",
    "psk",
    "pswd",
    "pw",
    "salt",
    "secret",
    "seed",
    "senha",
    "sign",
    "sig=",
    "sudo",
    "token",
    "--user",
    "user=",
    "user:",
    "user\"",
    "useradd",
    "usermod",
    "wachtwoord",
    "://",
    "@",
    " -p",
    " -u",
    "-----",
];

/// Shortest run of letters and digits that may be a token.
const LEAST_RUN: usize = 12;

/// Whether no rule can find anything in a text. It errs on the other side: most texts of which it says no are harmless.
pub fn is_harmless(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    if !text.is_ascii() || text.len() > 4_096 || WORDS.iter().any(|word| lower.contains(word)) {
        return false;
    }
    let is_run = |run: &str| {
        let has_digit = run.bytes().any(|byte| byte.is_ascii_digit());
        let is_mixed =
            run.bytes().any(|byte| byte.is_ascii_uppercase()) && run.bytes().any(|byte| byte.is_ascii_lowercase());
        run.len() >= LEAST_RUN && (has_digit || is_mixed || run.len() >= 2 * LEAST_RUN)
    };
    !text
        .split(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ';' | '|' | '&' | '/' | '=' | ','))
        .any(is_run)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::mask_text;

    #[test]
    fn what_is_harmless_holds_nothing_that_is_masked() {
        for text in ["RUN apt-get update && apt-get install -y curl", "COPY a.conf /etc/", "CMD [\"app\", \"-v\"]"] {
            assert!(is_harmless(text), "{text}");
            assert_eq!(mask_text(text), text);
        }
        let token = ["ghp", "_", "16C7e42F292c6912E7710c838347Ae178B4a"].concat();
        for text in [token.as_str(), "ENV PASSWORD=x", "curl -u a:b", "https://a:b@c.example"] {
            assert!(!is_harmless(text), "{text}");
        }
    }
}
