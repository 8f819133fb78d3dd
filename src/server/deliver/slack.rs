//! A message to an incoming webhook of Slack, or of what takes the same (Mattermost, Rocket.Chat, Discord at `/slack`).
//! Its address is a secret, and stands in the place of one.

use serde_json::json;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::{escape, is_hidden};

use super::super::config::action;
use super::told::Told;
use super::{Action, Adapter, Doing, Outgoing, check_url};

/// New findings that are named.
const MOST_FINDINGS: usize = 5;

/// Characters of one text of somebody else's.
const LONGEST: usize = 200;

pub(super) struct Slack;

impl Adapter for Slack {
    fn kind(&self) -> &'static str {
        "slack"
    }

    fn needs(&self) -> &'static [&'static str] {
        &["secret"]
    }

    fn may_have(&self) -> &'static [&'static str] {
        &[]
    }

    fn check_secret(&self, secret: &str, action: &action::Action) -> Result<(), String> {
        let wrong = |what| format!("its secret is the address of the incoming webhook, as a whole: {what}");
        check_url(secret, action.allow_private).map(drop).map_err(wrong)
    }

    fn prepare(&self, action: &Action, told: &Told) -> Result<Doing> {
        let wrong = |what: String| Error::new(ErrorKind::Config, what);
        let address = action.secret.as_ref().ok_or_else(|| wrong("there is no secret".into()))?;
        let url = check_url(&address.0, action.allow_private).map_err(wrong)?;
        let body = json!({"text": message(told), "unfurl_links": false}).to_string();
        Ok(Doing::Request(Box::new(Outgoing::post(url, body.into_bytes()))))
    }
}

fn message(told: &Told) -> String {
    let mark = match told.outcome.as_str() {
        "passed" => ":white_check_mark:",
        "failed" => ":x:",
        _ => ":warning:",
    };
    let mut text = format!("{mark} *{}* {}: {}", plain(&told.outcome), plain(&told.image()), told.counted());
    if let Some(before) = told.before.as_ref().filter(|before| before.outcome != told.outcome) {
        text.push_str(&format!("; it was {} before", plain(&before.outcome)));
    }
    if told.new_count > 0 {
        let words = if told.before.is_some() { "new since the report before" } else { "in the first report" };
        text.push_str(&format!("\n{} {words}", told.new_count));
        for finding in told.new_findings.iter().take(MOST_FINDINGS) {
            let about = finding.package.as_ref().or(finding.path.as_ref()).unwrap_or(&finding.rule);
            let fixed = finding.fixed.as_ref().map(|fixed| format!(", mended by {}", plain(fixed))).unwrap_or_default();
            let message = plain(&finding.message);
            text.push_str(&format!("\n• {}: {} ({}{fixed})", finding.severity.as_str(), message, plain(about)));
        }
    }
    if let Some(link) = &told.link {
        text.push_str(&format!("\n<{link}|Report>"));
    }
    text
}

/// Text of an image's made plain: no link, no mention, no sign that steers anything ("Formatting text for app surfaces").
fn plain(text: &str) -> String {
    // what was escaped where it was read stays as it is
    let steers = |c: char| c.is_control() || is_hidden(c);
    let text: String = text.chars().map(|c| if steers(c) { escape(c.to_string()) } else { c.to_string() }).collect();
    let text: String = text.chars().take(LONGEST).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('@', "@\u{200b}").replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_an_image_steer_nothing() {
        assert_eq!(
            plain("<!channel> & <http://evil.example|x>"),
            "&lt;!channel&gt; &amp; &lt;http://evil.example|x&gt;"
        );
        assert_eq!(plain("\\x1b[2J"), "\\x1b[2J", "not escaped twice");
        assert_eq!(plain("@all `x`\n\x1b[2J\u{202e}"), "@\u{200b}all 'x'\\n\\x1b[2J\\u{202e}");
    }
}
