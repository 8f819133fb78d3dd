//! Reads the rule files into rules, once.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;

use crate::rule::{Confidence, Rule};

use super::charset::Charset;
use super::check::{self, Check};

/// One file for each provider, sorted: its name and its text.
pub(super) static RULE_FILES: &[(&str, &str)] = &[
    ("ably", include_str!("rules/ably.toml")),
    ("abuseipdb", include_str!("rules/abuseipdb.toml")),
    ("activecampaign", include_str!("rules/activecampaign.toml")),
    ("adafruit", include_str!("rules/adafruit.toml")),
    ("adobe", include_str!("rules/adobe.toml")),
    ("adyen", include_str!("rules/adyen.toml")),
    ("age", include_str!("rules/age.toml")),
    ("aikido", include_str!("rules/aikido.toml")),
    ("airbrake", include_str!("rules/airbrake.toml")),
    ("airtable", include_str!("rules/airtable.toml")),
    ("aiven", include_str!("rules/aiven.toml")),
    ("akamai", include_str!("rules/akamai.toml")),
    ("alchemy", include_str!("rules/alchemy.toml")),
    ("algolia", include_str!("rules/algolia.toml")),
    ("alibaba", include_str!("rules/alibaba.toml")),
    ("alienvault", include_str!("rules/alienvault.toml")),
    ("amplitude", include_str!("rules/amplitude.toml")),
    ("anthropic", include_str!("rules/anthropic.toml")),
    ("anypoint", include_str!("rules/anypoint.toml")),
    ("apify", include_str!("rules/apify.toml")),
    ("apollo", include_str!("rules/apollo.toml")),
    ("appcenter", include_str!("rules/appcenter.toml")),
    ("appsflyer", include_str!("rules/appsflyer.toml")),
    ("appwrite", include_str!("rules/appwrite.toml")),
    ("arcgis", include_str!("rules/arcgis.toml")),
    ("arcjet", include_str!("rules/arcjet.toml")),
    ("asaas", include_str!("rules/asaas.toml")),
    ("asana", include_str!("rules/asana.toml")),
    ("assemblyai", include_str!("rules/assemblyai.toml")),
    ("atera", include_str!("rules/atera.toml")),
    ("atlassian", include_str!("rules/atlassian.toml")),
    ("auth0", include_str!("rules/auth0.toml")),
    ("authress", include_str!("rules/authress.toml")),
    ("aws", include_str!("rules/aws.toml")),
    ("axiom", include_str!("rules/axiom.toml")),
    ("azure", include_str!("rules/azure.toml")),
    ("baidu", include_str!("rules/baidu.toml")),
    ("beamer", include_str!("rules/beamer.toml")),
    ("betterstack", include_str!("rules/betterstack.toml")),
    ("binance", include_str!("rules/binance.toml")),
    ("bip39", include_str!("rules/bip39.toml")),
    ("bitbucket", include_str!("rules/bitbucket.toml")),
    ("bitcoin", include_str!("rules/bitcoin.toml")),
    ("bitfinex", include_str!("rules/bitfinex.toml")),
    ("bitly", include_str!("rules/bitly.toml")),
    ("bitrise", include_str!("rules/bitrise.toml")),
    ("bittrex", include_str!("rules/bittrex.toml")),
    ("bitwarden", include_str!("rules/bitwarden.toml")),
    ("blockfrost", include_str!("rules/blockfrost.toml")),
    ("blockprotocol", include_str!("rules/blockprotocol.toml")),
    ("box", include_str!("rules/box.toml")),
    ("braze", include_str!("rules/braze.toml")),
    ("brevo", include_str!("rules/brevo.toml")),
    ("brex", include_str!("rules/brex.toml")),
    ("browserbase", include_str!("rules/browserbase.toml")),
    ("browserstack", include_str!("rules/browserstack.toml")),
    ("bugsnag", include_str!("rules/bugsnag.toml")),
    ("builderio", include_str!("rules/builderio.toml")),
    ("buildkite", include_str!("rules/buildkite.toml")),
    ("bunny", include_str!("rules/bunny.toml")),
    ("bybit", include_str!("rules/bybit.toml")),
    ("calcom", include_str!("rules/calcom.toml")),
    ("calendly", include_str!("rules/calendly.toml")),
    ("canva", include_str!("rules/canva.toml")),
    ("cargo", include_str!("rules/cargo.toml")),
    ("cartesia", include_str!("rules/cartesia.toml")),
    ("censys", include_str!("rules/censys.toml")),
    ("cerebras", include_str!("rules/cerebras.toml")),
    ("chargebee", include_str!("rules/chargebee.toml")),
    ("chatwork", include_str!("rules/chatwork.toml")),
    ("checkly", include_str!("rules/checkly.toml")),
    ("checkout", include_str!("rules/checkout.toml")),
    ("chief", include_str!("rules/chief.toml")),
    ("circleci", include_str!("rules/circleci.toml")),
    ("civo", include_str!("rules/civo.toml")),
    ("clarifai", include_str!("rules/clarifai.toml")),
    ("clearbit", include_str!("rules/clearbit.toml")),
    ("clerk", include_str!("rules/clerk.toml")),
    ("clickhouse", include_str!("rules/clickhouse.toml")),
    ("clickup", include_str!("rules/clickup.toml")),
    ("clockify", include_str!("rules/clockify.toml")),
    ("clojars", include_str!("rules/clojars.toml")),
    ("close", include_str!("rules/close.toml")),
    ("cloudconvert", include_str!("rules/cloudconvert.toml")),
    ("cloudflare", include_str!("rules/cloudflare.toml")),
    ("cloudinary", include_str!("rules/cloudinary.toml")),
    ("cloudsmith", include_str!("rules/cloudsmith.toml")),
    ("cockroach", include_str!("rules/cockroach.toml")),
    ("coda", include_str!("rules/coda.toml")),
    ("codacy", include_str!("rules/codacy.toml")),
    ("codeclimate", include_str!("rules/codeclimate.toml")),
    ("codecov", include_str!("rules/codecov.toml")),
    ("cohere", include_str!("rules/cohere.toml")),
    ("cohesity", include_str!("rules/cohesity.toml")),
    ("coinbase", include_str!("rules/coinbase.toml")),
    ("commercetools", include_str!("rules/commercetools.toml")),
    ("composio", include_str!("rules/composio.toml")),
    ("configcat", include_str!("rules/configcat.toml")),
    ("confluent", include_str!("rules/confluent.toml")),
    ("contentful", include_str!("rules/contentful.toml")),
    ("contentstack", include_str!("rules/contentstack.toml")),
    ("convex", include_str!("rules/convex.toml")),
    ("copper", include_str!("rules/copper.toml")),
    ("courier", include_str!("rules/courier.toml")),
    ("coveralls", include_str!("rules/coveralls.toml")),
    ("crossmint", include_str!("rules/crossmint.toml")),
    ("crowdin", include_str!("rules/crowdin.toml")),
    ("cryptocompare", include_str!("rules/cryptocompare.toml")),
    ("cursor", include_str!("rules/cursor.toml")),
    ("customerio", include_str!("rules/customerio.toml")),
    ("cypress", include_str!("rules/cypress.toml")),
    ("dagster", include_str!("rules/dagster.toml")),
    ("databento", include_str!("rules/databento.toml")),
    ("databricks", include_str!("rules/databricks.toml")),
    ("datadog", include_str!("rules/datadog.toml")),
    ("datastax", include_str!("rules/datastax.toml")),
    ("daytona", include_str!("rules/daytona.toml")),
    ("dbt", include_str!("rules/dbt.toml")),
    ("deepgram", include_str!("rules/deepgram.toml")),
    ("deepl", include_str!("rules/deepl.toml")),
    ("deepseek", include_str!("rules/deepseek.toml")),
    ("definednetworking", include_str!("rules/definednetworking.toml")),
    ("deno", include_str!("rules/deno.toml")),
    ("depot", include_str!("rules/depot.toml")),
    ("devcycle", include_str!("rules/devcycle.toml")),
    ("dify", include_str!("rules/dify.toml")),
    ("digitalocean", include_str!("rules/digitalocean.toml")),
    ("discord", include_str!("rules/discord.toml")),
    ("discourse", include_str!("rules/discourse.toml")),
    ("dnsimple", include_str!("rules/dnsimple.toml")),
    ("docker", include_str!("rules/docker.toml")),
    ("docusign", include_str!("rules/docusign.toml")),
    ("dojah", include_str!("rules/dojah.toml")),
    ("doppler", include_str!("rules/doppler.toml")),
    ("drone", include_str!("rules/drone.toml")),
    ("dropbox", include_str!("rules/dropbox.toml")),
    ("dub", include_str!("rules/dub.toml")),
    ("duffel", include_str!("rules/duffel.toml")),
    ("dust", include_str!("rules/dust.toml")),
    ("dwolla", include_str!("rules/dwolla.toml")),
    ("dynatrace", include_str!("rules/dynatrace.toml")),
    ("e2b", include_str!("rules/e2b.toml")),
    ("easypost", include_str!("rules/easypost.toml")),
    ("elastic", include_str!("rules/elastic.toml")),
    ("elevenlabs", include_str!("rules/elevenlabs.toml")),
    ("endorlabs", include_str!("rules/endorlabs.toml")),
    ("env0", include_str!("rules/env0.toml")),
    ("ethereum", include_str!("rules/ethereum.toml")),
    ("etherscan", include_str!("rules/etherscan.toml")),
    ("etsy", include_str!("rules/etsy.toml")),
    ("eventbrite", include_str!("rules/eventbrite.toml")),
    ("exa", include_str!("rules/exa.toml")),
    ("expo", include_str!("rules/expo.toml")),
    ("facebook", include_str!("rules/facebook.toml")),
    ("fal", include_str!("rules/fal.toml")),
    ("fastly", include_str!("rules/fastly.toml")),
    ("fibery", include_str!("rules/fibery.toml")),
    ("figma", include_str!("rules/figma.toml")),
    ("finicity", include_str!("rules/finicity.toml")),
    ("finnhub", include_str!("rules/finnhub.toml")),
    ("firebase", include_str!("rules/firebase.toml")),
    ("firecrawl", include_str!("rules/firecrawl.toml")),
    ("fireworks", include_str!("rules/fireworks.toml")),
    ("fivetran", include_str!("rules/fivetran.toml")),
    ("flagsmith", include_str!("rules/flagsmith.toml")),
    ("flickr", include_str!("rules/flickr.toml")),
    ("float", include_str!("rules/float.toml")),
    ("flutterwave", include_str!("rules/flutterwave.toml")),
    ("fly", include_str!("rules/fly.toml")),
    ("formbricks", include_str!("rules/formbricks.toml")),
    ("frameio", include_str!("rules/frameio.toml")),
    ("freemius", include_str!("rules/freemius.toml")),
    ("freshbooks", include_str!("rules/freshbooks.toml")),
    ("freshdesk", include_str!("rules/freshdesk.toml")),
    ("friendli", include_str!("rules/friendli.toml")),
    ("fullstory", include_str!("rules/fullstory.toml")),
    ("gemfury", include_str!("rules/gemfury.toml")),
    ("generic", include_str!("rules/generic.toml")),
    ("geoapify", include_str!("rules/geoapify.toml")),
    ("getstream", include_str!("rules/getstream.toml")),
    ("giphy", include_str!("rules/giphy.toml")),
    ("gitbook", include_str!("rules/gitbook.toml")),
    ("gitea", include_str!("rules/gitea.toml")),
    ("gitguardian", include_str!("rules/gitguardian.toml")),
    ("github", include_str!("rules/github.toml")),
    ("gitlab", include_str!("rules/gitlab.toml")),
    ("gitter", include_str!("rules/gitter.toml")),
    ("gocardless", include_str!("rules/gocardless.toml")),
    ("godaddy", include_str!("rules/godaddy.toml")),
    ("google", include_str!("rules/google.toml")),
    ("gradle", include_str!("rules/gradle.toml")),
    ("grafana", include_str!("rules/grafana.toml")),
    ("greenhouse", include_str!("rules/greenhouse.toml")),
    ("groq", include_str!("rules/groq.toml")),
    ("gumroad", include_str!("rules/gumroad.toml")),
    ("harness", include_str!("rules/harness.toml")),
    ("hashicorp", include_str!("rules/hashicorp.toml")),
    ("heap", include_str!("rules/heap.toml")),
    ("helicone", include_str!("rules/helicone.toml")),
    ("helpscout", include_str!("rules/helpscout.toml")),
    ("here", include_str!("rules/here.toml")),
    ("heroku", include_str!("rules/heroku.toml")),
    ("hetzner", include_str!("rules/hetzner.toml")),
    ("hex", include_str!("rules/hex.toml")),
    ("highlevel", include_str!("rules/highlevel.toml")),
    ("holistics", include_str!("rules/holistics.toml")),
    ("honeybadger", include_str!("rules/honeybadger.toml")),
    ("honeycomb", include_str!("rules/honeycomb.toml")),
    ("hookdeck", include_str!("rules/hookdeck.toml")),
    ("hubspot", include_str!("rules/hubspot.toml")),
    ("huggingface", include_str!("rules/huggingface.toml")),
    ("hunter", include_str!("rules/hunter.toml")),
    ("ibm", include_str!("rules/ibm.toml")),
    ("imagekit", include_str!("rules/imagekit.toml")),
    ("imgbb", include_str!("rules/imgbb.toml")),
    ("infisical", include_str!("rules/infisical.toml")),
    ("influxdb", include_str!("rules/influxdb.toml")),
    ("infracost", include_str!("rules/infracost.toml")),
    ("infura", include_str!("rules/infura.toml")),
    ("inngest", include_str!("rules/inngest.toml")),
    ("instagram", include_str!("rules/instagram.toml")),
    ("intercom", include_str!("rules/intercom.toml")),
    ("intra42", include_str!("rules/intra42.toml")),
    ("ionic", include_str!("rules/ionic.toml")),
    ("ipgeolocation", include_str!("rules/ipgeolocation.toml")),
    ("ipinfo", include_str!("rules/ipinfo.toml")),
    ("ipstack", include_str!("rules/ipstack.toml")),
    ("iterable", include_str!("rules/iterable.toml")),
    ("jenkins", include_str!("rules/jenkins.toml")),
    ("jetbrains", include_str!("rules/jetbrains.toml")),
    ("jfrog", include_str!("rules/jfrog.toml")),
    ("jina", include_str!("rules/jina.toml")),
    ("jotform", include_str!("rules/jotform.toml")),
    ("jumpcloud", include_str!("rules/jumpcloud.toml")),
    ("jwk", include_str!("rules/jwk.toml")),
    ("jwt", include_str!("rules/jwt.toml")),
    ("kagi", include_str!("rules/kagi.toml")),
    ("keygen", include_str!("rules/keygen.toml")),
    ("kickbox", include_str!("rules/kickbox.toml")),
    ("klaviyo", include_str!("rules/klaviyo.toml")),
    ("knock", include_str!("rules/knock.toml")),
    ("kraken", include_str!("rules/kraken.toml")),
    ("kubernetes", include_str!("rules/kubernetes.toml")),
    ("kucoin", include_str!("rules/kucoin.toml")),
    ("lambda", include_str!("rules/lambda.toml")),
    ("langfuse", include_str!("rules/langfuse.toml")),
    ("langsmith", include_str!("rules/langsmith.toml")),
    ("lark", include_str!("rules/lark.toml")),
    ("launchdarkly", include_str!("rules/launchdarkly.toml")),
    ("lemonsqueezy", include_str!("rules/lemonsqueezy.toml")),
    ("letta", include_str!("rules/letta.toml")),
    ("line", include_str!("rules/line.toml")),
    ("linear", include_str!("rules/linear.toml")),
    ("linkedin", include_str!("rules/linkedin.toml")),
    ("linode", include_str!("rules/linode.toml")),
    ("litellm", include_str!("rules/litellm.toml")),
    ("liveblocks", include_str!("rules/liveblocks.toml")),
    ("livekit", include_str!("rules/livekit.toml")),
    ("llamaindex", include_str!("rules/llamaindex.toml")),
    ("lob", include_str!("rules/lob.toml")),
    ("localstack", include_str!("rules/localstack.toml")),
    ("loggly", include_str!("rules/loggly.toml")),
    ("logzio", include_str!("rules/logzio.toml")),
    ("lokalise", include_str!("rules/lokalise.toml")),
    ("looker", include_str!("rules/looker.toml")),
    ("loops", include_str!("rules/loops.toml")),
    ("luma", include_str!("rules/luma.toml")),
    ("mailchimp", include_str!("rules/mailchimp.toml")),
    ("mailersend", include_str!("rules/mailersend.toml")),
    ("mailgun", include_str!("rules/mailgun.toml")),
    ("mapbox", include_str!("rules/mapbox.toml")),
    ("mistral", include_str!("rules/mistral.toml")),
    ("neon", include_str!("rules/neon.toml")),
    ("netlify", include_str!("rules/netlify.toml")),
    ("netrc", include_str!("rules/netrc.toml")),
    ("newrelic", include_str!("rules/newrelic.toml")),
    ("ngrok", include_str!("rules/ngrok.toml")),
    ("notion", include_str!("rules/notion.toml")),
    ("npm", include_str!("rules/npm.toml")),
    ("nuget", include_str!("rules/nuget.toml")),
    ("nvidia", include_str!("rules/nvidia.toml")),
    ("okta", include_str!("rules/okta.toml")),
    ("onepassword", include_str!("rules/onepassword.toml")),
    ("openai", include_str!("rules/openai.toml")),
    ("openrouter", include_str!("rules/openrouter.toml")),
    ("ovh", include_str!("rules/ovh.toml")),
    ("packagist", include_str!("rules/packagist.toml")),
    ("password-hash", include_str!("rules/password-hash.toml")),
    ("paypal", include_str!("rules/paypal.toml")),
    ("perplexity", include_str!("rules/perplexity.toml")),
    ("pgpass", include_str!("rules/pgpass.toml")),
    ("pinecone", include_str!("rules/pinecone.toml")),
    ("plaid", include_str!("rules/plaid.toml")),
    ("planetscale", include_str!("rules/planetscale.toml")),
    ("posthog", include_str!("rules/posthog.toml")),
    ("postman", include_str!("rules/postman.toml")),
    ("postmark", include_str!("rules/postmark.toml")),
    ("prefect", include_str!("rules/prefect.toml")),
    ("private-key", include_str!("rules/private-key.toml")),
    ("pulumi", include_str!("rules/pulumi.toml")),
    ("pypi", include_str!("rules/pypi.toml")),
    ("razorpay", include_str!("rules/razorpay.toml")),
    ("readme", include_str!("rules/readme.toml")),
    ("render", include_str!("rules/render.toml")),
    ("replicate", include_str!("rules/replicate.toml")),
    ("resend", include_str!("rules/resend.toml")),
    ("rubygems", include_str!("rules/rubygems.toml")),
    ("salesforce", include_str!("rules/salesforce.toml")),
    ("scaleway", include_str!("rules/scaleway.toml")),
    ("sendgrid", include_str!("rules/sendgrid.toml")),
    ("sentry", include_str!("rules/sentry.toml")),
    ("shell", include_str!("rules/shell.toml")),
    ("shopify", include_str!("rules/shopify.toml")),
    ("slack", include_str!("rules/slack.toml")),
    ("snyk", include_str!("rules/snyk.toml")),
    ("sonarqube", include_str!("rules/sonarqube.toml")),
    ("sourcegraph", include_str!("rules/sourcegraph.toml")),
    ("splunk", include_str!("rules/splunk.toml")),
    ("square", include_str!("rules/square.toml")),
    ("stripe", include_str!("rules/stripe.toml")),
    ("supabase", include_str!("rules/supabase.toml")),
    ("tailscale", include_str!("rules/tailscale.toml")),
    ("teams", include_str!("rules/teams.toml")),
    ("telegram", include_str!("rules/telegram.toml")),
    ("tencent", include_str!("rules/tencent.toml")),
    ("terraform", include_str!("rules/terraform.toml")),
    ("together", include_str!("rules/together.toml")),
    ("twilio", include_str!("rules/twilio.toml")),
    ("twitter", include_str!("rules/twitter.toml")),
    ("typeform", include_str!("rules/typeform.toml")),
    ("url", include_str!("rules/url.toml")),
    ("vault", include_str!("rules/vault.toml")),
    ("vercel", include_str!("rules/vercel.toml")),
    ("vultr", include_str!("rules/vultr.toml")),
    ("wandb", include_str!("rules/wandb.toml")),
    ("xai", include_str!("rules/xai.toml")),
];

/// All rules, and the automata over their anchors.
pub(super) struct RuleSet {
    /// Sorted by id.
    pub(super) rules: Vec<SecretRule>,
    /// Anchors looked for in every file.
    pub(super) everywhere: Anchors,
    /// Words looked for in settings and source code, in any case.
    pub(super) assignments: Anchors,
    /// Which rule judges the credentials in a URL, by scheme; `*` for all others.
    pub(super) schemes: BTreeMap<&'static str, usize>,
}

/// An automaton, and for each of its patterns the index of a rule.
pub(super) struct Anchors {
    pub(super) automaton: AhoCorasick,
    pub(super) owners: Vec<usize>,
}

/// A rule with what it takes to match it.
pub(super) struct SecretRule {
    /// What the user sees.
    pub(super) rule: &'static Rule,
    /// Name of the rule's file: part of a secret's identity.
    pub(super) family: &'static str,
    /// How it is matched.
    pub(super) matcher: Matcher,
    /// Bytes before an anchor where the match may begin.
    pub(super) before: usize,
    /// Most bytes from there to the end of the match.
    pub(super) length: usize,
    /// What may not stand before a match.
    pub(super) left: Charset,
    /// What may not stand after a match.
    pub(super) right: Charset,
    /// Least entropy of the part that is not public, in bits for each byte.
    pub(super) entropy: f64,
    /// What made-up values are told by.
    pub(super) quality: Quality,
    /// Looks at the structure.
    pub(super) check: Option<Check>,
    /// Nothing of the value may be shown.
    pub(super) is_hidden: bool,
    /// Bytes at the start of the value that are public; by default the anchor, where the value starts with it.
    pub(super) shown: Option<usize>,
    /// Packages ship such things as examples and for their tests: in a file that is as its package brought
    /// it the finding counts for less. Never set for tokens that a provider's prefix tells.
    pub(super) ships_in_packages: bool,
    /// Of overlapping matches the one of the highest rank is reported.
    pub(super) rank: u8,
}

/// How a rule is matched at an anchor.
pub(super) enum Matcher {
    /// By a regular expression, in a window round the anchor.
    Pattern {
        source: String,
        /// Whether the match begins at the anchor itself.
        is_anchored: bool,
        compiled: OnceLock<Option<Regex>>,
    },
    /// As a setting: the anchor ends a key, the value follows.
    Assignment,
    /// As the password in a URL; the anchor is `://`.
    Url,
}

/// What made-up values are told by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Quality {
    /// Few signs, runs, words of examples.
    Token,
    /// Variables, templates, common passwords.
    Password,
    /// The check alone decides.
    None,
}

/// A rule file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawFile {
    provider: String,
    variable: String,
    why: String,
    remediation: String,
    references: Vec<String>,
    rule: Vec<RawRule>,
}

/// A rule as its file says it; `docs` tell each key in [`SecretRule`].
#[derive(Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a file format")]
#[serde(deny_unknown_fields)]
struct RawRule {
    id: String,
    title: String,
    severity: String,
    confidence: Option<String>,
    #[serde(default)]
    anchors: Vec<String>,
    #[serde(default)]
    ignore_case: bool,
    /// The pattern of the whole match; its group `s`, if any, is the value.
    pattern: Option<String>,
    /// Names of settings whose value is the secret; `pattern` is then of the value.
    #[serde(default)]
    context: Vec<String>,
    /// The anchors are last words of keys.
    #[serde(default)]
    assignment: bool,
    /// Schemes of URLs.
    #[serde(default)]
    schemes: Vec<String>,
    #[serde(default)]
    before: usize,
    length: Option<usize>,
    left: Option<Charset>,
    right: Option<Charset>,
    entropy: Option<f64>,
    quality: Option<Quality>,
    check: Option<String>,
    #[serde(default)]
    hide: bool,
    #[serde(default)]
    ships_in_packages: bool,
    shown: Option<usize>,
    rank: Option<u8>,
    variable: Option<String>,
    why: Option<String>,
    remediation: Option<String>,
    #[serde(default)]
    also: Vec<String>,
}

/// Said of every secret.
const ADVICE: &str = "An image that was pushed counts as leaked, and deleting the file in a later layer does not take it out: \
                      revoke the secret first, then build again without it (`RUN --mount=type=secret`), and delete the old tags.";

/// Words a key must have to hold a secret, for rules that go by the provider's name.
const KEY_WORDS: &str = "key|token|secret|password|passwd|pass|pwd|pat|auth|credential|dsn";

static RULE_SET: LazyLock<RuleSet> = LazyLock::new(RuleSet::load);

/// The rules, sorted by id.
pub static RULES: LazyLock<Vec<&'static Rule>> =
    LazyLock::new(|| rule_set().rules.iter().map(|rule| rule.rule).collect());

/// The rules, loaded at the first call.
pub(super) fn rule_set() -> &'static RuleSet {
    &RULE_SET
}

impl SecretRule {
    /// The compiled pattern; `None` when the rule has none.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let Matcher::Pattern { source, compiled, .. } = &self.matcher else { return None };
        compiled
            .get_or_init(|| {
                RegexBuilder::new(source).unicode(false).size_limit(4 << 20).dfa_size_limit(1 << 20).build().ok()
            })
            .as_ref()
    }
}

impl RuleSet {
    fn load() -> Self {
        let mut rules = Vec::new();
        let mut everywhere: Vec<(String, &'static str)> = Vec::new();
        let mut assignments: Vec<(String, &'static str)> = Vec::new();
        let mut schemes_by_id: Vec<(&'static str, &'static str)> = Vec::new();
        for (name, text) in RULE_FILES {
            let file: RawFile = toml::from_str(&without_examples(text)).expect("a test loads every rule file");
            let file_references = leak_all(file.references);
            let references: &'static [&'static str] = leak(file_references);
            for raw in file.rule {
                let id: &'static str = leak_text(format!("secret/{}", raw.id));
                if raw.assignment {
                    assignments.extend(raw.anchors.iter().map(|anchor| (anchor.clone(), id)));
                } else if raw.ignore_case || !raw.context.is_empty() {
                    let names = raw.anchors.iter().chain(&raw.context);
                    everywhere.extend(names.flat_map(|anchor| cases(anchor)).map(|anchor| (anchor, id)));
                } else {
                    everywhere.extend(raw.anchors.iter().map(|anchor| (anchor.clone(), id)));
                }
                schemes_by_id.extend(raw.schemes.iter().map(|scheme| (leak_text(scheme.clone()), id)));
                rules.push(compile(
                    raw,
                    id,
                    name,
                    &file.provider,
                    &file.variable,
                    &file.why,
                    &file.remediation,
                    references,
                ));
            }
        }
        rules.sort_by_key(|rule| rule.rule.id);
        let index = |id: &str| rules.binary_search_by_key(&id, |rule| rule.rule.id).expect("each anchor has its rule");
        let schemes = schemes_by_id.into_iter().map(|(scheme, id)| (scheme, index(id))).collect::<BTreeMap<_, _>>();
        if let Some(any) = schemes.get("*").and_then(|index| rules.get(*index)) {
            everywhere.push(("://".into(), any.rule.id));
        }
        let build = |anchors: &[(String, &'static str)], fold: bool| Anchors {
            automaton: AhoCorasick::builder()
                .match_kind(MatchKind::Standard)
                .kind(Some(AhoCorasickKind::DFA))
                .ascii_case_insensitive(fold)
                .build(anchors.iter().map(|(anchor, _)| anchor))
                .expect("a few hundred anchors make an automaton"),
            owners: anchors.iter().map(|(_, id)| index(id)).collect(),
        };
        let (everywhere, assignments) = (build(&everywhere, false), build(&assignments, true));
        Self { rules, everywhere, assignments, schemes }
    }
}

/// A rule file without the lists that only tests read: half of its bytes, and so half of the time to load it.
///
/// A list begins at a line `examples = [` or `near_misses = [` and ends at a line `]`.
fn without_examples(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut is_list = false;
    for line in text.split_inclusive('\n') {
        is_list |= line.starts_with("examples = [") || line.starts_with("near_misses = [");
        if !is_list {
            kept.push_str(line);
        }
        is_list &= line.trim_end() != "]";
    }
    kept
}

#[expect(clippy::too_many_arguments, reason = "the file's defaults, handed on in one place")]
fn compile(
    raw: RawRule,
    id: &'static str,
    family: &'static str,
    provider: &str,
    variable: &str,
    why: &str,
    remediation: &str,
    references: &'static [&'static str],
) -> SecretRule {
    let variable = raw.variable.as_deref().unwrap_or(variable);
    let prefix =
        raw.anchors.first().filter(|_| !raw.hide && !raw.assignment && raw.before == 0).map_or("", String::as_str);
    let by_context = !raw.context.is_empty();
    let rule = Rule {
        id,
        title: leak_text(raw.title),
        severity: raw.severity.parse().expect("a test loads every rule"),
        confidence: raw
            .confidence
            .map_or(if by_context || raw.assignment { Confidence::Medium } else { Confidence::High }, |word| {
                word.parse().expect("a test loads every rule")
            }),
        why: leak_text(raw.why.unwrap_or_else(|| why.to_owned())),
        remediation: leak_text(format!("{} {ADVICE}", raw.remediation.as_deref().unwrap_or(remediation))),
        references,
        also: leak(leak_all(raw.also)),
        bad: leak_text(format!("# {provider}\nENV {variable}={prefix}…\n")),
        good: leak_text(format!("RUN --mount=type=secret,id={variable} deploy --token-file /run/secrets/{variable}\n")),
        ..Rule::NEW
    };
    let is_anchored = raw.before == 0;
    let matcher = if raw.assignment {
        Matcher::Assignment
    } else if !raw.schemes.is_empty() {
        Matcher::Url
    } else {
        let pattern = raw.pattern.expect("a test loads every rule");
        let source = if by_context { in_context(&raw.context, &pattern) } else { pattern };
        let source = if is_anchored { format!("\\A(?:{source})") } else { source };
        Matcher::Pattern { source, is_anchored, compiled: OnceLock::new() }
    };
    let is_url = matches!(matcher, Matcher::Url);
    SecretRule {
        rule: leak(rule),
        family,
        matcher,
        before: raw.before,
        length: raw.length.unwrap_or(320),
        left: raw.left.unwrap_or(if by_context { Charset::None } else { Charset::Word }),
        right: raw.right.unwrap_or(Charset::Base64url),
        entropy: raw.entropy.unwrap_or(if raw.hide { 1.5 } else { 2.5 }),
        quality: raw.quality.unwrap_or(if raw.hide || is_url || raw.assignment {
            Quality::Password
        } else {
            Quality::Token
        }),
        check: raw.check.map(|name| check::by_name(&name).expect("a test loads every rule")),
        is_hidden: raw.hide || raw.assignment || is_url,
        ships_in_packages: raw.ships_in_packages,
        shown: raw.shown.or(if by_context { Some(0) } else { None }),
        rank: raw.rank.unwrap_or(if raw.assignment {
            10
        } else if by_context || is_url {
            20
        } else {
            30
        }),
    }
}

/// The pattern of a setting: a key that begins with one of `names` and has a word of secrets, then the value.
fn in_context(names: &[String], value: &str) -> String {
    let is_whole = |name: &str| KEY_WORDS.split('|').any(|word| name.contains(word));
    let (whole, part): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| is_whole(name));
    let escaped = |names: &[&String]| names.iter().map(|name| regex::escape(name)).collect::<Vec<_>>().join("|");
    let mut keys = Vec::new();
    if !whole.is_empty() {
        keys.push(format!("(?:{})", escaped(&whole)));
    }
    if !part.is_empty() {
        keys.push(format!("(?:{})[a-z0-9_.\\-]{{0,24}}?(?:{KEY_WORDS})", escaped(&part)));
    }
    let end = r"(?:_?[0-9]{1,4}|_(?:prod|production|live|dev|staging|test|main|value|token|key|id_secret))?";
    // Between key and value: a closing quote or bracket, then a sign or blanks, then an opening quote.
    let separator = r#"(?:\\?["'`\]]{1,2})?(?:[ \t]{0,8}(?:=>|:=|[:=,>])[ \t]{0,8}|[ \t]{1,4})(?:\\?["'`])?(?:(?i:bearer|token|basic) )?"#;
    format!("(?i:(?:{}){end}){separator}(?<s>{value})", keys.join("|"))
}

/// `heroku`, `HEROKU`, `Heroku`.
fn cases(anchor: &str) -> Vec<String> {
    let mut capital = anchor.to_ascii_lowercase();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    let mut all = vec![anchor.to_ascii_lowercase(), anchor.to_ascii_uppercase(), capital];
    all.dedup();
    all
}

fn leak<T: ?Sized>(value: impl Into<Box<T>>) -> &'static T {
    Box::leak(value.into())
}

fn leak_text(text: String) -> &'static str {
    leak::<str>(text)
}

fn leak_all(texts: Vec<String>) -> Vec<&'static str> {
    texts.into_iter().map(leak_text).collect()
}
