//! Reads the rule files into rules, once.

use std::collections::BTreeMap;
use std::sync::{LazyLock, OnceLock};

use regex::bytes::{Regex, RegexBuilder};
use regex_syntax::hir::literal::Extractor;
use serde::Deserialize;

use crate::rule::{Confidence, Rule};

use super::anchor::{Anchors, AnchorsBuilder};
use super::charset::Charset;
use super::check::{self, Check};
use super::user::UserSettings;

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
    ("ansible", include_str!("rules/ansible.toml")),
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
    ("boto", include_str!("rules/boto.toml")),
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
    ("cloud-init", include_str!("rules/cloud-init.toml")),
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
    ("command", include_str!("rules/command.toml")),
    ("commercetools", include_str!("rules/commercetools.toml")),
    ("compose", include_str!("rules/compose.toml")),
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
    ("curl", include_str!("rules/curl.toml")),
    ("cursor", include_str!("rules/cursor.toml")),
    ("customerio", include_str!("rules/customerio.toml")),
    ("cypress", include_str!("rules/cypress.toml")),
    ("dagster", include_str!("rules/dagster.toml")),
    ("databento", include_str!("rules/databento.toml")),
    ("databricks", include_str!("rules/databricks.toml")),
    ("datadog", include_str!("rules/datadog.toml")),
    ("datastax", include_str!("rules/datastax.toml")),
    ("daytona", include_str!("rules/daytona.toml")),
    ("dbeaver", include_str!("rules/dbeaver.toml")),
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
    ("django", include_str!("rules/django.toml")),
    ("dnsimple", include_str!("rules/dnsimple.toml")),
    ("docker", include_str!("rules/docker.toml")),
    ("docusign", include_str!("rules/docusign.toml")),
    ("dojah", include_str!("rules/dojah.toml")),
    ("doppler", include_str!("rules/doppler.toml")),
    ("dotnet", include_str!("rules/dotnet.toml")),
    ("drone", include_str!("rules/drone.toml")),
    ("dropbox", include_str!("rules/dropbox.toml")),
    ("drupal", include_str!("rules/drupal.toml")),
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
    ("environment", include_str!("rules/environment.toml")),
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
    ("filezilla", include_str!("rules/filezilla.toml")),
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
    ("freshworks", include_str!("rules/freshworks.toml")),
    ("friendli", include_str!("rules/friendli.toml")),
    ("fullstory", include_str!("rules/fullstory.toml")),
    ("gemfury", include_str!("rules/gemfury.toml")),
    ("generic", include_str!("rules/generic.toml")),
    ("geoapify", include_str!("rules/geoapify.toml")),
    ("getstream", include_str!("rules/getstream.toml")),
    ("giphy", include_str!("rules/giphy.toml")),
    ("git", include_str!("rules/git.toml")),
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
    ("helm", include_str!("rules/helm.toml")),
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
    ("ide", include_str!("rules/ide.toml")),
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
    ("joomla", include_str!("rules/joomla.toml")),
    ("jotform", include_str!("rules/jotform.toml")),
    ("jumpcloud", include_str!("rules/jumpcloud.toml")),
    ("jwk", include_str!("rules/jwk.toml")),
    ("jwt", include_str!("rules/jwt.toml")),
    ("kagi", include_str!("rules/kagi.toml")),
    ("keygen", include_str!("rules/keygen.toml")),
    ("keystore", include_str!("rules/keystore.toml")),
    ("kickbox", include_str!("rules/kickbox.toml")),
    ("klaviyo", include_str!("rules/klaviyo.toml")),
    ("knock", include_str!("rules/knock.toml")),
    ("kraken", include_str!("rules/kraken.toml")),
    ("kubernetes", include_str!("rules/kubernetes.toml")),
    ("kucoin", include_str!("rules/kucoin.toml")),
    ("lambda", include_str!("rules/lambda.toml")),
    ("langfuse", include_str!("rules/langfuse.toml")),
    ("langsmith", include_str!("rules/langsmith.toml")),
    ("laravel", include_str!("rules/laravel.toml")),
    ("lark", include_str!("rules/lark.toml")),
    ("launchdarkly", include_str!("rules/launchdarkly.toml")),
    ("ldap", include_str!("rules/ldap.toml")),
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
    ("magento", include_str!("rules/magento.toml")),
    ("mail", include_str!("rules/mail.toml")),
    ("mailboxlayer", include_str!("rules/mailboxlayer.toml")),
    ("mailchimp", include_str!("rules/mailchimp.toml")),
    ("mailerlite", include_str!("rules/mailerlite.toml")),
    ("mailersend", include_str!("rules/mailersend.toml")),
    ("mailgun", include_str!("rules/mailgun.toml")),
    ("mailjet", include_str!("rules/mailjet.toml")),
    ("mailsac", include_str!("rules/mailsac.toml")),
    ("mailtrap", include_str!("rules/mailtrap.toml")),
    ("make", include_str!("rules/make.toml")),
    ("mapbox", include_str!("rules/mapbox.toml")),
    ("mapquest", include_str!("rules/mapquest.toml")),
    ("maptiler", include_str!("rules/maptiler.toml")),
    ("marketstack", include_str!("rules/marketstack.toml")),
    ("matrix", include_str!("rules/matrix.toml")),
    ("mattermost", include_str!("rules/mattermost.toml")),
    ("maven", include_str!("rules/maven.toml")),
    ("maxmind", include_str!("rules/maxmind.toml")),
    ("meilisearch", include_str!("rules/meilisearch.toml")),
    ("meraki", include_str!("rules/meraki.toml")),
    ("mercadopago", include_str!("rules/mercadopago.toml")),
    ("mercurial", include_str!("rules/mercurial.toml")),
    ("mercury", include_str!("rules/mercury.toml")),
    ("mergify", include_str!("rules/mergify.toml")),
    ("messagebird", include_str!("rules/messagebird.toml")),
    ("midtrans", include_str!("rules/midtrans.toml")),
    ("minimax", include_str!("rules/minimax.toml")),
    ("minio", include_str!("rules/minio.toml")),
    ("minisign", include_str!("rules/minisign.toml")),
    ("miro", include_str!("rules/miro.toml")),
    ("mistral", include_str!("rules/mistral.toml")),
    ("mixpanel", include_str!("rules/mixpanel.toml")),
    ("mockaroo", include_str!("rules/mockaroo.toml")),
    ("modal", include_str!("rules/modal.toml")),
    ("mollie", include_str!("rules/mollie.toml")),
    ("monday", include_str!("rules/monday.toml")),
    ("mongodb", include_str!("rules/mongodb.toml")),
    ("moonshot", include_str!("rules/moonshot.toml")),
    ("moosend", include_str!("rules/moosend.toml")),
    ("moralis", include_str!("rules/moralis.toml")),
    ("mosquitto", include_str!("rules/mosquitto.toml")),
    ("mux", include_str!("rules/mux.toml")),
    ("mysql", include_str!("rules/mysql.toml")),
    ("n8n", include_str!("rules/n8n.toml")),
    ("nasa", include_str!("rules/nasa.toml")),
    ("nats", include_str!("rules/nats.toml")),
    ("nebula", include_str!("rules/nebula.toml")),
    ("neo4j", include_str!("rules/neo4j.toml")),
    ("neon", include_str!("rules/neon.toml")),
    ("netlify", include_str!("rules/netlify.toml")),
    ("netrc", include_str!("rules/netrc.toml")),
    ("network", include_str!("rules/network.toml")),
    ("neutrinoapi", include_str!("rules/neutrinoapi.toml")),
    ("newrelic", include_str!("rules/newrelic.toml")),
    ("newsapi", include_str!("rules/newsapi.toml")),
    ("ngrok", include_str!("rules/ngrok.toml")),
    ("nightfall", include_str!("rules/nightfall.toml")),
    ("nomic", include_str!("rules/nomic.toml")),
    ("nostr", include_str!("rules/nostr.toml")),
    ("notion", include_str!("rules/notion.toml")),
    ("nowpayments", include_str!("rules/nowpayments.toml")),
    ("npm", include_str!("rules/npm.toml")),
    ("nuget", include_str!("rules/nuget.toml")),
    ("numverify", include_str!("rules/numverify.toml")),
    ("nutritionix", include_str!("rules/nutritionix.toml")),
    ("nvidia", include_str!("rules/nvidia.toml")),
    ("nylas", include_str!("rules/nylas.toml")),
    ("nytimes", include_str!("rules/nytimes.toml")),
    ("oanda", include_str!("rules/oanda.toml")),
    ("octopus", include_str!("rules/octopus.toml")),
    ("okta", include_str!("rules/okta.toml")),
    ("ollama", include_str!("rules/ollama.toml")),
    ("omise", include_str!("rules/omise.toml")),
    ("onelogin", include_str!("rules/onelogin.toml")),
    ("onepassword", include_str!("rules/onepassword.toml")),
    ("onesignal", include_str!("rules/onesignal.toml")),
    ("onfido", include_str!("rules/onfido.toml")),
    ("onfleet", include_str!("rules/onfleet.toml")),
    ("openai", include_str!("rules/openai.toml")),
    ("opencage", include_str!("rules/opencage.toml")),
    ("openrouter", include_str!("rules/openrouter.toml")),
    ("openvpn", include_str!("rules/openvpn.toml")),
    ("openweather", include_str!("rules/openweather.toml")),
    ("opsgenie", include_str!("rules/opsgenie.toml")),
    ("optimizely", include_str!("rules/optimizely.toml")),
    ("oracle", include_str!("rules/oracle.toml")),
    ("ory", include_str!("rules/ory.toml")),
    ("outline", include_str!("rules/outline.toml")),
    ("ovh", include_str!("rules/ovh.toml")),
    ("packagecloud", include_str!("rules/packagecloud.toml")),
    ("packagist", include_str!("rules/packagist.toml")),
    ("paddle", include_str!("rules/paddle.toml")),
    ("pagarme", include_str!("rules/pagarme.toml")),
    ("pagerduty", include_str!("rules/pagerduty.toml")),
    ("pandadoc", include_str!("rules/pandadoc.toml")),
    ("paperspace", include_str!("rules/paperspace.toml")),
    ("parseur", include_str!("rules/parseur.toml")),
    ("password-hash", include_str!("rules/password-hash.toml")),
    ("pastebin", include_str!("rules/pastebin.toml")),
    ("patreon", include_str!("rules/patreon.toml")),
    ("paymongo", include_str!("rules/paymongo.toml")),
    ("paypal", include_str!("rules/paypal.toml")),
    ("paystack", include_str!("rules/paystack.toml")),
    ("pdflayer", include_str!("rules/pdflayer.toml")),
    ("pdfshift", include_str!("rules/pdfshift.toml")),
    ("peopledatalabs", include_str!("rules/peopledatalabs.toml")),
    ("percy", include_str!("rules/percy.toml")),
    ("perplexity", include_str!("rules/perplexity.toml")),
    ("persona", include_str!("rules/persona.toml")),
    ("pgadmin", include_str!("rules/pgadmin.toml")),
    ("pgpass", include_str!("rules/pgpass.toml")),
    ("phpmyadmin", include_str!("rules/phpmyadmin.toml")),
    ("phrase", include_str!("rules/phrase.toml")),
    ("pinata", include_str!("rules/pinata.toml")),
    ("pinecone", include_str!("rules/pinecone.toml")),
    ("pinterest", include_str!("rules/pinterest.toml")),
    ("pipedream", include_str!("rules/pipedream.toml")),
    ("pipedrive", include_str!("rules/pipedrive.toml")),
    ("pivotaltracker", include_str!("rules/pivotaltracker.toml")),
    ("pixabay", include_str!("rules/pixabay.toml")),
    ("plaid", include_str!("rules/plaid.toml")),
    ("planetscale", include_str!("rules/planetscale.toml")),
    ("plex", include_str!("rules/plex.toml")),
    ("plivo", include_str!("rules/plivo.toml")),
    ("polar", include_str!("rules/polar.toml")),
    ("polygon", include_str!("rules/polygon.toml")),
    ("portainer", include_str!("rules/portainer.toml")),
    ("posthog", include_str!("rules/posthog.toml")),
    ("postman", include_str!("rules/postman.toml")),
    ("postmark", include_str!("rules/postmark.toml")),
    ("prefect", include_str!("rules/prefect.toml")),
    ("prisma", include_str!("rules/prisma.toml")),
    ("private-key", include_str!("rules/private-key.toml")),
    ("privateai", include_str!("rules/privateai.toml")),
    ("proxmox", include_str!("rules/proxmox.toml")),
    ("pterodactyl", include_str!("rules/pterodactyl.toml")),
    ("pubnub", include_str!("rules/pubnub.toml")),
    ("pulumi", include_str!("rules/pulumi.toml")),
    ("pushbullet", include_str!("rules/pushbullet.toml")),
    ("pusher", include_str!("rules/pusher.toml")),
    ("pushover", include_str!("rules/pushover.toml")),
    ("pydantic", include_str!("rules/pydantic.toml")),
    ("pypi", include_str!("rules/pypi.toml")),
    ("qase", include_str!("rules/qase.toml")),
    ("qdrant", include_str!("rules/qdrant.toml")),
    ("qiniu", include_str!("rules/qiniu.toml")),
    ("qovery", include_str!("rules/qovery.toml")),
    ("quay", include_str!("rules/quay.toml")),
    ("rabbitmq", include_str!("rules/rabbitmq.toml")),
    ("rails", include_str!("rules/rails.toml")),
    ("railway", include_str!("rules/railway.toml")),
    ("rainforest", include_str!("rules/rainforest.toml")),
    ("ramp", include_str!("rules/ramp.toml")),
    ("rapidapi", include_str!("rules/rapidapi.toml")),
    ("raygun", include_str!("rules/raygun.toml")),
    ("razorpay", include_str!("rules/razorpay.toml")),
    ("rclone", include_str!("rules/rclone.toml")),
    ("readme", include_str!("rules/readme.toml")),
    ("rebrandly", include_str!("rules/rebrandly.toml")),
    ("recurly", include_str!("rules/recurly.toml")),
    ("reddit", include_str!("rules/reddit.toml")),
    ("redirectpizza", include_str!("rules/redirectpizza.toml")),
    ("redis", include_str!("rules/redis.toml")),
    ("rediscloud", include_str!("rules/rediscloud.toml")),
    ("render", include_str!("rules/render.toml")),
    ("replicate", include_str!("rules/replicate.toml")),
    ("resend", include_str!("rules/resend.toml")),
    ("retellai", include_str!("rules/retellai.toml")),
    ("retool", include_str!("rules/retool.toml")),
    ("rev", include_str!("rules/rev.toml")),
    ("ringcentral", include_str!("rules/ringcentral.toml")),
    ("roblox", include_str!("rules/roblox.toml")),
    ("roboflow", include_str!("rules/roboflow.toml")),
    ("rockset", include_str!("rules/rockset.toml")),
    ("rollbar", include_str!("rules/rollbar.toml")),
    ("rootly", include_str!("rules/rootly.toml")),
    ("rubygems", include_str!("rules/rubygems.toml")),
    ("rudderstack", include_str!("rules/rudderstack.toml")),
    ("runpod", include_str!("rules/runpod.toml")),
    ("s3cmd", include_str!("rules/s3cmd.toml")),
    ("salesforce", include_str!("rules/salesforce.toml")),
    ("sambanova", include_str!("rules/sambanova.toml")),
    ("samsara", include_str!("rules/samsara.toml")),
    ("sanity", include_str!("rules/sanity.toml")),
    ("saucelabs", include_str!("rules/saucelabs.toml")),
    ("scaleway", include_str!("rules/scaleway.toml")),
    ("scalingo", include_str!("rules/scalingo.toml")),
    ("scalr", include_str!("rules/scalr.toml")),
    ("scraperapi", include_str!("rules/scraperapi.toml")),
    ("scrapfly", include_str!("rules/scrapfly.toml")),
    ("scrapingant", include_str!("rules/scrapingant.toml")),
    ("scrapingbee", include_str!("rules/scrapingbee.toml")),
    ("securitytrails", include_str!("rules/securitytrails.toml")),
    ("segment", include_str!("rules/segment.toml")),
    ("selectpdf", include_str!("rules/selectpdf.toml")),
    ("semaphore", include_str!("rules/semaphore.toml")),
    ("sendbird", include_str!("rules/sendbird.toml")),
    ("sendgrid", include_str!("rules/sendgrid.toml")),
    ("sentry", include_str!("rules/sentry.toml")),
    ("serpapi", include_str!("rules/serpapi.toml")),
    ("serper", include_str!("rules/serper.toml")),
    ("serpstack", include_str!("rules/serpstack.toml")),
    ("settlemint", include_str!("rules/settlemint.toml")),
    ("shell", include_str!("rules/shell.toml")),
    ("shippo", include_str!("rules/shippo.toml")),
    ("shodan", include_str!("rules/shodan.toml")),
    ("shopify", include_str!("rules/shopify.toml")),
    ("shortcut", include_str!("rules/shortcut.toml")),
    ("sidekiq", include_str!("rules/sidekiq.toml")),
    ("signalwire", include_str!("rules/signalwire.toml")),
    ("slack", include_str!("rules/slack.toml")),
    ("smartsheet", include_str!("rules/smartsheet.toml")),
    ("smtp2go", include_str!("rules/smtp2go.toml")),
    ("snowflake", include_str!("rules/snowflake.toml")),
    ("snyk", include_str!("rules/snyk.toml")),
    ("socket", include_str!("rules/socket.toml")),
    ("solana", include_str!("rules/solana.toml")),
    ("sonarqube", include_str!("rules/sonarqube.toml")),
    ("sourcegraph", include_str!("rules/sourcegraph.toml")),
    ("sparkpost", include_str!("rules/sparkpost.toml")),
    ("splunk", include_str!("rules/splunk.toml")),
    ("spoonacular", include_str!("rules/spoonacular.toml")),
    ("spotify", include_str!("rules/spotify.toml")),
    ("spring", include_str!("rules/spring.toml")),
    ("square", include_str!("rules/square.toml")),
    ("squarespace", include_str!("rules/squarespace.toml")),
    ("sslmate", include_str!("rules/sslmate.toml")),
    ("stability", include_str!("rules/stability.toml")),
    ("stackhawk", include_str!("rules/stackhawk.toml")),
    ("statsig", include_str!("rules/statsig.toml")),
    ("statuspage", include_str!("rules/statuspage.toml")),
    ("steam", include_str!("rules/steam.toml")),
    ("stellar", include_str!("rules/stellar.toml")),
    ("storyblok", include_str!("rules/storyblok.toml")),
    ("strava", include_str!("rules/strava.toml")),
    ("stripe", include_str!("rules/stripe.toml")),
    ("stytch", include_str!("rules/stytch.toml")),
    ("sumologic", include_str!("rules/sumologic.toml")),
    ("supabase", include_str!("rules/supabase.toml")),
    ("surveymonkey", include_str!("rules/surveymonkey.toml")),
    ("sysdig", include_str!("rules/sysdig.toml")),
    ("system-installer", include_str!("rules/system-installer.toml")),
    ("tableau", include_str!("rules/tableau.toml")),
    ("tailscale", include_str!("rules/tailscale.toml")),
    ("tarsnap", include_str!("rules/tarsnap.toml")),
    ("taskade", include_str!("rules/taskade.toml")),
    ("tavily", include_str!("rules/tavily.toml")),
    ("taxjar", include_str!("rules/taxjar.toml")),
    ("teams", include_str!("rules/teams.toml")),
    ("telegram", include_str!("rules/telegram.toml")),
    ("telnyx", include_str!("rules/telnyx.toml")),
    ("temporal", include_str!("rules/temporal.toml")),
    ("tencent", include_str!("rules/tencent.toml")),
    ("terraform", include_str!("rules/terraform.toml")),
    ("testingbot", include_str!("rules/testingbot.toml")),
    ("textmagic", include_str!("rules/textmagic.toml")),
    ("tezos", include_str!("rules/tezos.toml")),
    ("thunderstore", include_str!("rules/thunderstore.toml")),
    ("ticketmaster", include_str!("rules/ticketmaster.toml")),
    ("tiingo", include_str!("rules/tiingo.toml")),
    ("tines", include_str!("rules/tines.toml")),
    ("tinybird", include_str!("rules/tinybird.toml")),
    ("tmdb", include_str!("rules/tmdb.toml")),
    ("todoist", include_str!("rules/todoist.toml")),
    ("together", include_str!("rules/together.toml")),
    ("toggl", include_str!("rules/toggl.toml")),
    ("tolgee", include_str!("rules/tolgee.toml")),
    ("tomorrowio", include_str!("rules/tomorrowio.toml")),
    ("tomtom", include_str!("rules/tomtom.toml")),
    ("tor", include_str!("rules/tor.toml")),
    ("trakt", include_str!("rules/trakt.toml")),
    ("transifex", include_str!("rules/transifex.toml")),
    ("travis", include_str!("rules/travis.toml")),
    ("trello", include_str!("rules/trello.toml")),
    ("trigger", include_str!("rules/trigger.toml")),
    ("tsig", include_str!("rules/tsig.toml")),
    ("tumblr", include_str!("rules/tumblr.toml")),
    ("turso", include_str!("rules/turso.toml")),
    ("twelvedata", include_str!("rules/twelvedata.toml")),
    ("twilio", include_str!("rules/twilio.toml")),
    ("twitch", include_str!("rules/twitch.toml")),
    ("twitter", include_str!("rules/twitter.toml")),
    ("typeform", include_str!("rules/typeform.toml")),
    ("ubidots", include_str!("rules/ubidots.toml")),
    ("unkey", include_str!("rules/unkey.toml")),
    ("unsplash", include_str!("rules/unsplash.toml")),
    ("upcloud", include_str!("rules/upcloud.toml")),
    ("uploadcare", include_str!("rules/uploadcare.toml")),
    ("uploadthing", include_str!("rules/uploadthing.toml")),
    ("upstage", include_str!("rules/upstage.toml")),
    ("upstash", include_str!("rules/upstash.toml")),
    ("uptimerobot", include_str!("rules/uptimerobot.toml")),
    ("url", include_str!("rules/url.toml")),
    ("urlscan", include_str!("rules/urlscan.toml")),
    ("userstack", include_str!("rules/userstack.toml")),
    ("valtown", include_str!("rules/valtown.toml")),
    ("vapi", include_str!("rules/vapi.toml")),
    ("vastai", include_str!("rules/vastai.toml")),
    ("vault", include_str!("rules/vault.toml")),
    ("vectara", include_str!("rules/vectara.toml")),
    ("veracode", include_str!("rules/veracode.toml")),
    ("vercel", include_str!("rules/vercel.toml")),
    ("virustotal", include_str!("rules/virustotal.toml")),
    ("visualcrossing", include_str!("rules/visualcrossing.toml")),
    ("vk", include_str!("rules/vk.toml")),
    ("voiceflow", include_str!("rules/voiceflow.toml")),
    ("vonage", include_str!("rules/vonage.toml")),
    ("voyage", include_str!("rules/voyage.toml")),
    ("vultr", include_str!("rules/vultr.toml")),
    ("wakatime", include_str!("rules/wakatime.toml")),
    ("wandb", include_str!("rules/wandb.toml")),
    ("weatherbit", include_str!("rules/weatherbit.toml")),
    ("weaviate", include_str!("rules/weaviate.toml")),
    ("webex", include_str!("rules/webex.toml")),
    ("webflow", include_str!("rules/webflow.toml")),
    ("wepay", include_str!("rules/wepay.toml")),
    ("wireguard", include_str!("rules/wireguard.toml")),
    ("wise", include_str!("rules/wise.toml")),
    ("wistia", include_str!("rules/wistia.toml")),
    ("wit", include_str!("rules/wit.toml")),
    ("wix", include_str!("rules/wix.toml")),
    ("wolframalpha", include_str!("rules/wolframalpha.toml")),
    ("woocommerce", include_str!("rules/woocommerce.toml")),
    ("wordpress", include_str!("rules/wordpress.toml")),
    ("workato", include_str!("rules/workato.toml")),
    ("workos", include_str!("rules/workos.toml")),
    ("wrike", include_str!("rules/wrike.toml")),
    ("xai", include_str!("rules/xai.toml")),
    ("xata", include_str!("rules/xata.toml")),
    ("xendit", include_str!("rules/xendit.toml")),
    ("xero", include_str!("rules/xero.toml")),
    ("yandex", include_str!("rules/yandex.toml")),
    ("yelp", include_str!("rules/yelp.toml")),
    ("ynab", include_str!("rules/ynab.toml")),
    ("yookassa", include_str!("rules/yookassa.toml")),
    ("zapier", include_str!("rules/zapier.toml")),
    ("zendesk", include_str!("rules/zendesk.toml")),
    ("zenrows", include_str!("rules/zenrows.toml")),
    ("zenserp", include_str!("rules/zenserp.toml")),
    ("zerobounce", include_str!("rules/zerobounce.toml")),
    ("zerossl", include_str!("rules/zerossl.toml")),
    ("zerotier", include_str!("rules/zerotier.toml")),
    ("zhipu", include_str!("rules/zhipu.toml")),
    ("zoho", include_str!("rules/zoho.toml")),
    ("zoom", include_str!("rules/zoom.toml")),
    ("zulip", include_str!("rules/zulip.toml")),
    ("zuplo", include_str!("rules/zuplo.toml")),
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
    /// Words, in any case, of rules whose pattern is searched for in the whole text.
    pub(super) keywords: Anchors,
    /// Such rules without words.
    pub(super) always: Vec<usize>,
    /// What a user's files say besides.
    pub(super) user: UserSettings,
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
    /// Looks at the structure of what the format of a file finds.
    pub(super) file_check: Option<Check>,
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
    /// By the format of the file alone: see `file`.
    File,
    /// By a regular expression, anywhere in a text that has one of the rule's words; the value is its group of
    /// that number, or of 0 the first that matched.
    Text { regex: Regex, group: usize },
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
#[derive(Default, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "independent switches of a file format")]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) id: String,
    pub(super) title: String,
    pub(super) severity: String,
    pub(super) confidence: Option<String>,
    #[serde(default)]
    pub(super) anchors: Vec<String>,
    #[serde(default)]
    pub(super) ignore_case: bool,
    /// The pattern of the whole match; its group `s`, if any, is the value.
    pub(super) pattern: Option<String>,
    /// Names of settings whose value is the secret; `pattern` is then of the value.
    #[serde(default)]
    pub(super) context: Vec<String>,
    /// The anchors are last words of keys.
    #[serde(default)]
    pub(super) assignment: bool,
    /// Schemes of URLs.
    #[serde(default)]
    pub(super) schemes: Vec<String>,
    #[serde(default)]
    pub(super) before: usize,
    pub(super) length: Option<usize>,
    pub(super) left: Option<Charset>,
    pub(super) right: Option<Charset>,
    pub(super) entropy: Option<f64>,
    pub(super) quality: Option<Quality>,
    pub(super) check: Option<String>,
    /// The check of a rule that only `files` match.
    pub(super) file_check: Option<String>,
    /// Names of the files whose formats yield such secrets, for people to read.
    #[serde(default)]
    pub(super) files: Vec<String>,
    #[serde(default)]
    pub(super) hide: bool,
    #[serde(default)]
    pub(super) ships_in_packages: bool,
    pub(super) shown: Option<usize>,
    pub(super) rank: Option<u8>,
    pub(super) variable: Option<String>,
    pub(super) why: Option<String>,
    pub(super) remediation: Option<String>,
    #[serde(default)]
    pub(super) also: Vec<String>,
    /// Set where the pattern is searched for in the whole text: which of its groups is the value.
    #[serde(default, skip_deserializing)]
    pub(super) group: Option<usize>,
    /// For whoever reads or tests the file.
    #[serde(default)]
    #[expect(dead_code, reason = "read by tests, from the files")]
    pub(super) examples: serde::de::IgnoredAny,
    #[serde(default)]
    #[expect(dead_code, reason = "read by tests, from the files")]
    pub(super) near_misses: serde::de::IgnoredAny,
}

/// Said of every secret.
const ADVICE: &str = "An image that was pushed counts as leaked, and deleting the file in a later layer does not take it out: \
                      revoke the secret first, then build again without it (`RUN --mount=type=secret`), and delete the old tags.";

/// Bytes a compiled pattern may take.
const MOST_COMPILED: usize = 4 << 20;

/// Words a key must have to hold a secret, for rules that go by the provider's name.
const KEY_WORDS: &str = "key|token|secret|password|passwd|pass|pwd|pat|auth|credential|dsn";

static RULE_SET: OnceLock<RuleSet> = OnceLock::new();

/// The rules, sorted by id.
pub static RULES: LazyLock<Vec<&'static Rule>> =
    LazyLock::new(|| rule_set().rules.iter().map(|rule| rule.rule).collect());

/// The rules, loaded at the first call.
pub(super) fn rule_set() -> &'static RuleSet {
    RULE_SET.get_or_init(|| Draft::built_in().finish(UserSettings::default()))
}

/// Makes `set` what every search goes by; false once one has begun.
pub(super) fn install(set: RuleSet) -> bool {
    RULE_SET.set(set).is_ok()
}

/// The rule whose id is `secret/` and `name`.
pub(super) fn by_id(name: &str) -> Option<&'static SecretRule> {
    let rules = &rule_set().rules;
    let order = |rule: &SecretRule| rule.rule.id.strip_prefix("secret/").unwrap_or_default().cmp(name);
    rules.binary_search_by(order).ok().and_then(|index| rules.get(index))
}

impl SecretRule {
    /// The four bytes a match may begin with; none where that is not known, or there are too many.
    fn heads(&self) -> Vec<[u8; 4]> {
        let Matcher::Pattern { source, is_anchored: true, .. } = &self.matcher else { return Vec::new() };
        let parser = regex_syntax::ParserBuilder::new().unicode(false).utf8(false).build().parse(source);
        let Ok(pattern) = parser else { return Vec::new() };
        let mut extractor = Extractor::new();
        extractor.limit_class(256).limit_literal_len(4).limit_repeat(8).limit_total(1 << 14);
        let heads = extractor.extract(&pattern);
        let literals = heads.literals().unwrap_or_default();
        literals.iter().map(|literal| literal.as_bytes().try_into().ok()).collect::<Option<_>>().unwrap_or_default()
    }

    /// The compiled pattern; `None` when the rule has none.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let Matcher::Pattern { source, compiled, .. } = &self.matcher else { return None };
        compiled
            .get_or_init(|| {
                RegexBuilder::new(source).unicode(false).size_limit(MOST_COMPILED).dfa_size_limit(1 << 20).build().ok()
            })
            .as_ref()
    }
}

/// Rules before their tables are made.
pub(super) struct Draft {
    rules: Vec<SecretRule>,
    everywhere: Vec<(String, &'static str)>,
    assignments: Vec<(String, &'static str)>,
    schemes: Vec<(&'static str, &'static str)>,
    keywords: Vec<(String, &'static str)>,
}

/// What a rule file says for all its rules.
pub(super) struct Defaults<'a> {
    pub(super) family: &'static str,
    pub(super) provider: &'a str,
    pub(super) variable: &'a str,
    pub(super) why: &'a str,
    pub(super) remediation: &'a str,
    pub(super) references: &'static [&'static str],
}

impl Draft {
    /// The rules that come with careen.
    pub(super) fn built_in() -> Self {
        let (rules, everywhere, assignments) = (Vec::new(), Vec::new(), Vec::new());
        let mut draft = Self { rules, everywhere, assignments, schemes: Vec::new(), keywords: Vec::new() };
        for (name, text) in RULE_FILES {
            let file: RawFile = toml::from_str(&without_examples(text)).expect("a test loads every rule file");
            let references = leak_all(file.references);
            let defaults = Defaults {
                family: name,
                provider: &file.provider,
                variable: &file.variable,
                why: &file.why,
                remediation: &file.remediation,
                references: leak(references),
            };
            for raw in file.rule {
                draft.add(raw, &defaults).expect("a test loads every rule");
            }
        }
        draft
    }

    /// Adds a rule; what is wrong with it if it is none.
    pub(super) fn add(&mut self, raw: RawRule, defaults: &Defaults<'_>) -> Result<&SecretRule, String> {
        let id: &'static str = leak_text(format!("secret/{}", raw.id));
        let anchors = if raw.assignment {
            &mut self.assignments
        } else if raw.group.is_some() {
            &mut self.keywords
        } else {
            &mut self.everywhere
        };
        if raw.ignore_case || !raw.context.is_empty() {
            let names = raw.anchors.iter().chain(&raw.context);
            anchors.extend(names.flat_map(|anchor| cases(anchor)).map(|anchor| (anchor, id)));
        } else {
            anchors.extend(raw.anchors.iter().map(|anchor| (anchor.clone(), id)));
        }
        self.schemes.extend(raw.schemes.iter().map(|scheme| (leak_text(scheme.clone()), id)));
        self.rules.push(compile(raw, id, defaults)?);
        self.rules.last().ok_or_else(String::new)
    }

    /// Takes the rule of that id away; whether there was one.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let before = self.rules.len();
        self.rules.retain(|rule| rule.rule.id != id);
        for list in [&mut self.everywhere, &mut self.assignments, &mut self.keywords] {
            list.retain(|(_, of)| *of != id);
        }
        self.schemes.retain(|(_, of)| *of != id);
        self.rules.len() < before
    }

    /// The ids, in no order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &'static str> {
        self.rules.iter().map(|rule| rule.rule.id)
    }

    /// Makes the tables.
    pub(super) fn finish(mut self, user: UserSettings) -> RuleSet {
        let mut rules = self.rules;
        rules.sort_by_key(|rule| rule.rule.id);
        let index = |id: &str| rules.binary_search_by_key(&id, |rule| rule.rule.id).expect("each anchor has its rule");
        let schemes = self.schemes.into_iter().map(|(scheme, id)| (scheme, index(id))).collect::<BTreeMap<_, _>>();
        if let Some(any) = schemes.get("*").and_then(|index| rules.get(*index)) {
            self.everywhere.push(("://".into(), any.rule.id));
        }
        let build = |anchors: &[(String, &'static str)], folds: bool| {
            let mut builder = AnchorsBuilder::new(folds);
            for (anchor, id) in anchors {
                let rule = index(id);
                let heads = if anchor.len() < 4 { rules.get(rule).map_or(vec![], SecretRule::heads) } else { vec![] };
                builder.add(anchor.as_bytes(), rule, &heads);
            }
            builder.build()
        };
        let (everywhere, assignments) = (build(&self.everywhere, false), build(&self.assignments, true));
        let keywords = build(&self.keywords, true);
        let has_words = |rule: &SecretRule| self.keywords.iter().any(|(_, id)| *id == rule.rule.id);
        let is_always = |rule: &SecretRule| matches!(rule.matcher, Matcher::Text { .. }) && !has_words(rule);
        let always = rules.iter().enumerate().filter(|(_, rule)| is_always(rule)).map(|(index, _)| index).collect();
        RuleSet { rules, everywhere, assignments, schemes, keywords, always, user }
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

fn compile(raw: RawRule, id: &'static str, defaults: &Defaults<'_>) -> Result<SecretRule, String> {
    let Defaults { family, provider, variable, why, remediation, references } = *defaults;
    let variable = raw.variable.as_deref().unwrap_or(variable);
    let prefix =
        raw.anchors.first().filter(|_| !raw.hide && !raw.assignment && raw.before == 0).map_or("", String::as_str);
    let by_context = !raw.context.is_empty();
    let is_file = raw.pattern.is_none() && !raw.files.is_empty();
    let file = raw.files.first().cloned().unwrap_or_default();
    let in_files = match raw.files.as_slice() {
        [] => String::new(),
        files => format!(
            " Read by its format in {}.",
            files.iter().map(|file| format!("`{file}`")).collect::<Vec<_>>().join(", ")
        ),
    };
    let rule = Rule {
        id,
        title: leak_text(raw.title),
        severity: word(&raw.severity)?,
        confidence: match &raw.confidence {
            Some(name) => word(name)?,
            None if by_context || raw.assignment => Confidence::Medium,
            None => Confidence::High,
        },
        why: leak_text(raw.why.unwrap_or_else(|| why.to_owned()) + &in_files),
        remediation: leak_text(format!("{} {ADVICE}", raw.remediation.as_deref().unwrap_or(remediation))),
        references,
        also: leak(leak_all(raw.also)),
        bad: leak_text(if is_file {
            format!("# {provider}\nCOPY {file} /root/\n")
        } else {
            format!("# {provider}\nENV {variable}={prefix}…\n")
        }),
        good: leak_text(if is_file {
            format!("RUN --mount=type=secret,id={variable},target=/root/{file} deploy\n")
        } else {
            format!("RUN --mount=type=secret,id={variable} deploy --token-file /run/secrets/{variable}\n")
        }),
        ..Rule::NEW
    };
    let is_anchored = raw.before == 0;
    let matcher = if raw.assignment {
        Matcher::Assignment
    } else if !raw.schemes.is_empty() {
        Matcher::Url
    } else if is_file {
        Matcher::File
    } else {
        let pattern = raw.pattern.ok_or("it has no `pattern`")?;
        let source = if by_context { in_context(&raw.context, &pattern) } else { pattern };
        if let Some(group) = raw.group {
            Matcher::Text { regex: regex_of(&source)?, group }
        } else {
            let source = if is_anchored { format!("\\A(?:{source})") } else { source };
            Matcher::Pattern { source, is_anchored, compiled: OnceLock::new() }
        }
    };
    let is_url = matches!(matcher, Matcher::Url);
    Ok(SecretRule {
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
        check: raw.check.as_deref().map(check_of).transpose()?,
        file_check: raw.file_check.as_deref().map(check_of).transpose()?,
        is_hidden: raw.hide || raw.assignment || is_url,
        ships_in_packages: raw.ships_in_packages,
        shown: raw.shown.or(if by_context { Some(0) } else { None }),
        rank: raw.rank.unwrap_or(if raw.assignment {
            10
        } else if by_context || is_url {
            20
        } else if is_file {
            28
        } else {
            30
        }),
    })
}
/// Reads a word of severity or confidence.
fn word<T: std::str::FromStr>(name: &str) -> Result<T, String> {
    name.parse().map_err(|_| format!("`{name}` is no word for how grave or how sure it is"))
}

/// A pattern over bytes, of limited size; one that needs to know of Unicode's classes may.
pub(super) fn regex_of(source: &str) -> Result<Regex, String> {
    let build =
        |unicode| RegexBuilder::new(source).unicode(unicode).size_limit(MOST_COMPILED).dfa_size_limit(1 << 20).build();
    build(false).or_else(|_| build(true)).map_err(|error| error.to_string())
}

/// The check of that name, which a rule asks for.
fn check_of(name: &str) -> Result<Check, String> {
    check::by_name(name).ok_or_else(|| format!("there is no check `{name}`"))
}

/// The pattern of a setting, in any spelling that [`cases`] tells: a key that begins with one of `names` and has a word of secrets, then the value.
fn in_context(names: &[String], value: &str) -> String {
    let is_whole = |name: &str| KEY_WORDS.split('|').any(|word| name.contains(word));
    let (whole, part): (Vec<&String>, Vec<&String>) = names.iter().partition(|name| is_whole(name));
    let escaped = |names: &[&String]| {
        names.iter().map(|name| regex::escape(name).replace('_', "[_.\\-]?")).collect::<Vec<_>>().join("|")
    };
    let mut keys = Vec::new();
    if !whole.is_empty() {
        keys.push(format!("(?:{})", escaped(&whole)));
    }
    if !part.is_empty() {
        keys.push(format!("(?:{})[a-z0-9_.\\-]{{0,24}}?(?:{KEY_WORDS})", escaped(&part)));
    }
    let end = r"(?:[_.\-]?[0-9]{1,4}|[_.\-]?(?:prod|production|live|dev|staging|test|main|value|token|key|id_secret))?";
    // Between key and value: a closing quote or bracket, then a sign or blanks, then an opening quote.
    let separator = r#"(?:\\?["'`\]]{1,2})?(?:[ \t]{0,8}(?:=>|:=|[:=,>])[ \t]{0,8}|[ \t]{1,4})(?:\\?["'`])?(?:(?i:bearer|token|basic) )?"#;
    format!("(?i:(?:{}){end}){separator}(?<s>{value})", keys.join("|"))
}

/// The ways a name is written: `co_api_key`, `CO_API_KEY`, `Co_api_key`, `co.api.key`, `co-api-key`, `coApiKey`.
fn cases(anchor: &str) -> Vec<String> {
    let lower = anchor.to_ascii_lowercase();
    let mut all = vec![lower.to_ascii_uppercase(), capital(&lower)];
    if lower.contains('_') {
        let hyphens = lower.replace('_', "-");
        all.extend([hyphens.to_ascii_uppercase(), hyphens, lower.replace('_', ".")]);
    }
    let words: Vec<&str> = lower.split('_').collect();
    if words.len() > 1 && words.iter().all(|word| !word.is_empty()) {
        let pascal: String = words.iter().map(|word| capital(word)).collect();
        let first = words.first().map_or(0, |word| word.len());
        let camel: String =
            [words.first().copied().unwrap_or_default(), pascal.get(first..).unwrap_or_default()].concat();
        all.extend([words.concat(), pascal, camel]);
    }
    all.push(lower);
    all.sort();
    all.dedup();
    all
}

/// The word with its first letter in upper case.
fn capital(word: &str) -> String {
    let mut capital = word.to_owned();
    if let Some(first) = capital.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    capital
}

pub(super) fn leak<T: ?Sized>(value: impl Into<Box<T>>) -> &'static T {
    Box::leak(value.into())
}

pub(super) fn leak_text(text: String) -> &'static str {
    leak::<str>(text)
}

fn leak_all(texts: Vec<String>) -> Vec<&'static str> {
    texts.into_iter().map(leak_text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_written_in_many_ways() {
        let all = [
            "CO-API-KEY",
            "CO_API_KEY",
            "CoApiKey",
            "Co_api_key",
            "co-api-key",
            "co.api.key",
            "coApiKey",
            "co_api_key",
            "coapikey",
        ];
        assert_eq!(cases("co_api_key"), all);
        assert_eq!(cases("heroku"), ["HEROKU", "Heroku", "heroku"]);
        assert_eq!(cases("cko_"), ["CKO-", "CKO_", "Cko_", "cko-", "cko.", "cko_"]);
    }
}
