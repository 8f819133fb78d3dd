//! Formats of tokens, from what providers document and what their tokens look like.

use super::keys;
use super::random::{Random, base64};

/// How a value of a kind is made.
#[derive(Clone, Copy)]
pub(crate) enum Made {
    /// By a format.
    Of(&'static str),
    /// By code.
    By(fn(&mut Random) -> String),
}

/// A kind of token.
#[derive(Clone, Copy)]
pub(crate) struct Token {
    pub kind: &'static str,
    /// One of these stands in the id or title of the rule that names it, in small letters.
    pub named: &'static [&'static str],
    pub made: Made,
    pub variable: &'static str,
    /// Whether only the variable tells what it is.
    pub needs_name: bool,
}

const fn own(
    kind: &'static str,
    named: &'static [&'static str],
    format: &'static str,
    variable: &'static str,
) -> Token {
    Token { kind, named, made: Made::Of(format), variable, needs_name: false }
}

const fn by(
    kind: &'static str,
    named: &'static [&'static str],
    made: fn(&mut Random) -> String,
    variable: &'static str,
) -> Token {
    Token { kind, named, made: Made::By(made), variable, needs_name: false }
}

const fn named(
    kind: &'static str,
    named: &'static [&'static str],
    format: &'static str,
    variable: &'static str,
) -> Token {
    Token { kind, named, made: Made::Of(format), variable, needs_name: true }
}

/// Tokens that say themselves what they are.
pub(crate) const OWN: &[Token] = &[
    own("github-pat", &["github"], "ghp_{b62:30}{crc62}", "GITHUB_TOKEN"),
    own("github-oauth", &["github"], "gho_{b62:30}{crc62}", "GH_OAUTH"),
    own("github-user", &["github"], "ghu_{b62:30}{crc62}", "GH_USER_TOKEN"),
    own("github-server", &["github"], "ghs_{b62:30}{crc62}", "GH_APP_TOKEN"),
    own("github-refresh", &["github"], "ghr_{b62:70}{crc62}", "GH_REFRESH"),
    own("github-fine", &["github"], "github_pat_{b62:22}_{b62:59}", "GITHUB_PAT"),
    own("gitlab-pat", &["gitlab"], "glpat-{b64u:20}", "GITLAB_TOKEN"),
    own("gitlab-pat-routable", &["gitlab"], "glpat-{b64u:27}.01.0w{crc36}", "CI_PUSH_TOKEN"),
    own("gitlab-deploy", &["gitlab"], "gldt-{b64u:20}", "CI_DEPLOY_PASSWORD"),
    own("gitlab-runner", &["gitlab"], "glrt-{b64u:20}", "RUNNER_TOKEN"),
    own("gitlab-registration", &["gitlab"], "GR1348941{b64u:20}", "REGISTRATION_TOKEN"),
    own("gitlab-trigger", &["gitlab"], "glptt-{hex:40}", "TRIGGER_TOKEN"),
    own("gitlab-job", &["gitlab"], "glcbt-{b62:2}_{b64u:20}", "CI_JOB_TOKEN"),
    own("gitlab-agent", &["gitlab"], "glagent-{b64u:50}", "AGENT_TOKEN"),
    own("gitlab-oauth", &["gitlab"], "gloas-{hex:64}", "OAUTH_APP"),
    own("gitlab-scim", &["gitlab"], "glsoat-{b64u:20}", "SCIM"),
    own("gitlab-feed", &["gitlab"], "glft-{b64u:20}", "FEED_TOKEN"),
    own("gitlab-mail", &["gitlab"], "glimt-{b64u:25}", "INCOMING_MAIL"),
    own("gitlab-flags", &["gitlab"], "glffct-{b64u:20}", "FEATURE_FLAGS"),
    own("npm", &["npm"], "npm_{b62:30}{crc62}", "NPM_TOKEN"),
    by("pypi", &["pypi"], keys::pypi, "TWINE_PASSWORD"),
    own("rubygems", &["rubygems"], "rubygems_{hex:48}", "GEM_HOST_API_KEY"),
    own("cargo", &["cargo", "crates"], "cio{b62:32}", "CARGO_REGISTRY_TOKEN"),
    own("nuget", &["nuget"], "oy2{b32l:43}", "NUGET_API_KEY"),
    own("clojars", &["clojars"], "CLOJARS_{hex:60}", "DEPLOY_TOKEN"),
    own("packagist", &["packagist"], "packagist_ack_{hex:30}", "PACKAGIST"),
    own("docker-pat", &["docker"], "dckr_pat_{b64u:27}", "DOCKERHUB"),
    own("docker-oat", &["docker"], "dckr_oat_{b64u:32}", "DOCKERHUB_ORG"),
    own("aws-bedrock", &["aws", "bedrock"], "ABSK{b64:128}", "AWS_BEARER_TOKEN_BEDROCK"),
    own("gcp-api", &["google", "gcp"], "AIzaSy{AD:1}{b64u:32}", "MAPS_KEY"),
    own("gcp-oauth", &["google", "gcp"], "GOCSPX-{b64u:28}", "OAUTH_CLIENT_SECRET"),
    own("gcp-access", &["google", "gcp"], "ya29.a0{b64u:160}", "ACCESS_TOKEN"),
    own("gemini", &["google", "gemini", "gcp"], "AQ.Ab8{b64u:45}", "GEMINI_API_KEY"),
    own("azure-client", &["azure", "entra"], "{b62:3}8Q~{b62:31}{b64u:3}", "AZURE_CLIENT_SECRET"),
    own("azure-devops-v2", &["azure"], "{b62:76}AZDO{b62:4}", "AZURE_DEVOPS_EXT_PAT"),
    own("azure-acr", &["azure"], "{b62:42}+ACR{b62:6}", "REGISTRY_PASSWORD"),
    own("azure-function", &["azure"], "{b62:44}AzFu{b62:6}==", "FUNCTION_KEY"),
    own("azure-search", &["azure"], "{b62:42}AzSe{b62:6}", "SEARCH_ADMIN_KEY"),
    own(
        "azure-storage",
        &["azure"],
        "DefaultEndpointsProtocol=https;AccountName=acme{lo:6};AccountKey={b64:86}==;EndpointSuffix=core.windows.net",
        "STORAGE",
    ),
    own(
        "azure-cosmos",
        &["azure", "cosmos"],
        "AccountEndpoint=https://acme{lo:4}.documents.azure.com:443/;AccountKey={b64:76}ACDb{b62:6}==;",
        "COSMOS",
    ),
    own(
        "azure-bus",
        &["azure"],
        "Endpoint=sb://acme{lo:5}.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={b64:33}+ASb{b62:6}=",
        "BUS",
    ),
    own("azure-config", &["azure"], "Endpoint=https://acme{lo:5}.azconfig.io;Id={b62:4};Secret={b64:43}=", "APPCONFIG"),
    own(
        "azure-sas",
        &["azure"],
        "https://acme{lo:6}.blob.core.windows.net/backup?sv=2022-11-02&ss=b&srt=sco&sp=rwdlac&se=2031-01-01T00:00:00Z&spr=https&sig={b62:43}%3D",
        "BACKUP_URL",
    ),
    own("do-pat", &["digitalocean"], "dop_v1_{hex:64}", "DO_TOKEN"),
    own("do-oauth", &["digitalocean"], "doo_v1_{hex:64}", "OAUTH"),
    own("do-refresh", &["digitalocean"], "dor_v1_{hex:64}", "REFRESH"),
    own("cloudflare-user", &["cloudflare"], "cfut_{b62:40}{hex:8}", "CF_TOKEN"),
    own("cloudflare-account", &["cloudflare"], "cfat_{b62:40}{hex:8}", "CF_ACCOUNT_TOKEN"),
    own("cloudflare-origin", &["cloudflare"], "v1.0-{hex:24}-{hex:146}", "ORIGIN_CA"),
    own("heroku-platform", &["heroku"], "HRKU-AA{b64u:58}", "HEROKU_API_KEY"),
    own("vercel", &["vercel"], "vcp_{b64u:56}", "VERCEL_TOKEN"),
    own("netlify", &["netlify"], "nfp_{b62:36}", "NETLIFY_AUTH_TOKEN"),
    own("fly", &["fly"], "FlyV1 fm2_{b64:180}", "FLY_API_TOKEN"),
    own("render", &["render"], "rnd_{b62:28}", "RENDER_API_KEY"),
    own("vault-service", &["vault"], "hvs.{b64u:95}", "VAULT_TOKEN"),
    own("vault-batch", &["vault"], "hvb.{b64u:150}", "VAULT_TOKEN"),
    own("terraform-cloud", &["terraform"], "{b62:14}.atlasv1.{b62:67}", "TFE_TOKEN"),
    own("doppler", &["doppler"], "dp.pt.{b62:43}", "DOPPLER_TOKEN"),
    own("doppler-service", &["doppler"], "dp.st.stg.{b62:43}", "DOPPLER_TOKEN"),
    by(
        "1password-account",
        &["1password", "onepassword"],
        |random| {
            let key = random.text("b64u", 120);
            let claims = format!(
                "{{\"signInAddress\":\"my.1password.com\",\"userAuth\":{{\"method\":\"SRPg-4096\"}},\"email\":\"{}@1passwordserviceaccounts.com\",\"srpX\":\"{}\",\"muk\":{{\"k\":\"{key}\"}}}}",
                random.text("lo", 13),
                random.text("hex", 64)
            );
            format!("ops_{}", base64(claims, true))
        },
        "OP_SERVICE_ACCOUNT_TOKEN",
    ),
    own("1password-key", &["1password", "onepassword"], "A3-{UP:6}-{UP:6}-{UP:5}-{UP:5}-{UP:5}-{UP:5}", "OP_SECRET"),
    by(
        "age",
        &["age"],
        |random| {
            let data = random.text("bech", 52).to_ascii_uppercase();
            random.format(&format!("AGE-SECRET-KEY-1{data}{{bech32}}"))
        },
        "SOPS_AGE_KEY",
    ),
    own("infisical", &["infisical"], "st.{hex:24}.{hex:32}.{hex:32}", "INFISICAL_TOKEN"),
    own("pulumi", &["pulumi"], "pul-{hex:40}", "PULUMI_ACCESS_TOKEN"),
    own("databricks", &["databricks"], "dapi{hex:32}", "DATABRICKS_TOKEN"),
    own("planetscale", &["planetscale"], "pscale_tkn_{b64u:43}", "PS_TOKEN"),
    own("planetscale-pw", &["planetscale"], "pscale_pw_{b64u:43}", "PS_PW"),
    own("supabase", &["supabase"], "sbp_{hex:40}", "SUPABASE_ACCESS_TOKEN"),
    own("supabase-secret", &["supabase"], "sb_secret_{b64u:31}", "SB_KEY"),
    own("neon", &["neon"], "napi_{lo:64}", "NEON_API_KEY"),
    own("slack-bot", &["slack"], "xoxb-{d:12}-{d:13}-{b62:24}", "BOT_TOKEN"),
    own("slack-user", &["slack"], "xoxp-{d:12}-{d:12}-{d:13}-{hex:32}", "USER_TOKEN"),
    own("slack-app", &["slack"], "xapp-1-A{UP:10}-{d:13}-{hex:64}", "APP_TOKEN"),
    own("slack-webhook", &["slack"], "https://hooks.slack.com/services/T{UP:10}/B{UP:10}/{b62:24}", "NOTIFY"),
    own("slack-refresh", &["slack"], "xoxe-1-{b62:147}", "REFRESH"),
    own("discord-webhook", &["discord"], "https://discord.com/api/webhooks/{d:19}/{b64u:68}", "NOTIFY_URL"),
    own("telegram", &["telegram"], "5{d:9}:AA{b64u:33}", "TELEGRAM_BOT_TOKEN"),
    own(
        "teams-webhook",
        &["teams", "microsoft", "office"],
        "https://acme.webhook.office.com/webhookb2/{uuid}@{uuid}/IncomingWebhook/{hex:32}/{uuid}",
        "HOOK",
    ),
    own("twilio-key", &["twilio"], "SK{hex:32}", "TWILIO_API_KEY"),
    own("sendgrid", &["sendgrid"], "SG.{b64u:22}.{b64u:43}", "SMTP_PASSWORD"),
    own("mailgun", &["mailgun"], "key-{hex:32}", "MAILGUN_API_KEY"),
    own("mailchimp", &["mailchimp"], "{hex:32}-us1{d:1}", "MAILCHIMP_API_KEY"),
    own("brevo", &["brevo", "sendinblue"], "xkeysib-{hex:64}-{b62:16}", "BREVO_API_KEY"),
    own("brevo-smtp", &["brevo", "sendinblue"], "xsmtpsib-{hex:64}-{b62:16}", "SMTP_KEY"),
    own("resend", &["resend"], "re_{b58:8}_{b58:24}", "RESEND_API_KEY"),
    own("mailersend", &["mailersend"], "mlsn.{hex:64}", "MAIL"),
    own("stripe", &["stripe"], "sk_live_{b62:24}", "PAYMENT_KEY"),
    own("stripe-long", &["stripe"], "sk_live_51{b62:97}", "STRIPE_SECRET_KEY"),
    own("stripe-restricted", &["stripe"], "rk_live_{b62:24}", "PAYMENT_KEY"),
    own("stripe-test", &["stripe"], "sk_test_{b62:24}", "STRIPE_KEY"),
    own("stripe-webhook", &["stripe"], "whsec_{b62:32}", "STRIPE_WEBHOOK_SECRET"),
    own("square", &["square"], "EAAA{b64u:60}", "SQUARE_ACCESS_TOKEN"),
    own("square-oauth", &["square"], "sq0csp-{b64u:43}", "SQUARE_SECRET"),
    own("braintree", &["braintree", "paypal"], "access_token$production${lo:16}${hex:32}", "PAY"),
    own("shopify", &["shopify"], "shpat_{hex:32}", "SHOP_TOKEN"),
    own("shopify-shared", &["shopify"], "shpss_{hex:32}", "SHOP_SHARED"),
    own("shopify-custom", &["shopify"], "shpca_{hex:32}", "SHOP_CUSTOM"),
    own("shopify-private", &["shopify"], "shppa_{hex:32}", "SHOP_PRIVATE"),
    own("adyen", &["adyen"], "AQE{b64:140}", "ADYEN_API_KEY"),
    own("plaid", &["plaid"], "access-production-{uuid}", "PLAID_TOKEN"),
    own("flutterwave", &["flutterwave"], "FLWSECK-{hex:32}-X", "FLW"),
    own("razorpay", &["razorpay"], "rzp_live_{b62:14}", "RAZORPAY_KEY_ID"),
    own("openai", &["openai"], "sk-{b62:20}T3BlbkFJ{b62:20}", "OPENAI_API_KEY"),
    own("openai-project", &["openai"], "sk-proj-{b64u:74}T3BlbkFJ{b64u:74}", "LLM_KEY"),
    own("openai-service", &["openai"], "sk-svcacct-{b64u:74}T3BlbkFJ{b64u:74}", "LLM_SERVICE"),
    own("anthropic", &["anthropic"], "sk-ant-api03-{b64u:93}AA", "CLAUDE"),
    own("anthropic-admin", &["anthropic"], "sk-ant-admin01-{b64u:93}AA", "CLAUDE_ADMIN"),
    own("huggingface", &["huggingface", "hugging face"], "hf_{al:34}", "HF_TOKEN"),
    own("huggingface-org", &["huggingface", "hugging face"], "api_org_{al:34}", "HF_ORG"),
    own("replicate", &["replicate"], "r8_{b62:37}", "REPLICATE_API_TOKEN"),
    own("groq", &["groq"], "gsk_{b62:52}", "GROQ_API_KEY"),
    own("xai", &["xai", "x.ai"], "xai-{b62:80}", "XAI_API_KEY"),
    own("perplexity", &["perplexity"], "pplx-{b62:48}", "PPLX"),
    own("openrouter", &["openrouter"], "sk-or-v1-{hex:64}", "ROUTER"),
    own("deepseek", &["deepseek"], "sk-{hex:32}", "DEEPSEEK_API_KEY"),
    own("nvidia", &["nvidia"], "nvapi-{b64u:64}", "NGC_API_KEY"),
    own("langsmith", &["langsmith"], "lsv2_pt_{hex:32}_{hex:10}", "LANGCHAIN_API_KEY"),
    own("langsmith-service", &["langsmith"], "lsv2_sk_{hex:32}_{hex:10}", "LANGCHAIN_API_KEY"),
    own("pinecone", &["pinecone"], "pcsk_{b62:6}_{b62:63}", "PINECONE_API_KEY"),
    own("elevenlabs", &["elevenlabs"], "sk_{hex:48}", "ELEVENLABS_API_KEY"),
    own("newrelic-user", &["newrelic", "new relic"], "NRAK-{UP:27}", "NR_KEY"),
    own("newrelic-license", &["newrelic", "new relic"], "{hex:36}NRAL", "NEW_RELIC_LICENSE_KEY"),
    own("newrelic-insert", &["newrelic", "new relic"], "NRII-{b64u:32}", "NR_INSERT"),
    own("sentry-user", &["sentry"], "sntryu_{hex:64}", "SENTRY_AUTH_TOKEN"),
    by(
        "sentry-org",
        &["sentry"],
        |random| {
            let claims = format!(
                "{{\"iat\":17{}.{},\"url\":\"https://sentry.io\",\"region_url\":\"https://us.sentry.io\",\"org\":\"acme\"}}",
                random.text("d", 8),
                random.text("d", 6)
            );
            format!("sntrys_{}_{}", base64(claims, false), random.text("b62", 43))
        },
        "SENTRY_AUTH_TOKEN",
    ),
    own("grafana", &["grafana"], "glsa_{b62:32}_{crcle}", "GRAFANA_TOKEN"),
    by(
        "grafana-cloud",
        &["grafana"],
        |random| {
            let claims = format!(
                "{{\"o\":\"{}\",\"n\":\"stack-{}-hl\",\"k\":\"{}\",\"m\":{{\"r\":\"us\"}}}}",
                random.text("d", 6),
                random.text("d", 5),
                random.text("b62", 24)
            );
            format!("glc_{}", base64(claims, false))
        },
        "LOKI_PASSWORD",
    ),
    own("dynatrace", &["dynatrace"], "dt0c01.{b32:24}.{b32:64}", "DT_API_TOKEN"),
    own("dynatrace-platform", &["dynatrace"], "dt0s16.{b32:8}.{b32:64}", "DT_PLATFORM"),
    own("honeycomb", &["honeycomb"], "hcaik_01{lo:56}", "HONEYCOMB_KEY"),
    own("posthog", &["posthog"], "phx_{b62:47}", "POSTHOG"),
    own("elastic", &["elastic"], "essu_{b64:90}==", "EC_API_KEY"),
    own("sonar-user", &["sonar"], "squ_{hex:40}", "SONAR_TOKEN"),
    own("sonar-project", &["sonar"], "sqp_{hex:40}", "SONAR_TOKEN"),
    own("circleci", &["circleci", "circle"], "CCIPAT_{b62:22}_{hex:40}", "CIRCLE_TOKEN"),
    own("circleci-project", &["circleci", "circle"], "CCIPRJ_{b62:22}_{hex:40}", "CIRCLE_PROJECT"),
    own("buildkite", &["buildkite"], "bkua_{hex:40}", "BUILDKITE_API_TOKEN"),
    own("artifactory", &["artifactory", "jfrog"], "AKCp{b62:69}", "ART_KEY"),
    own("artifactory-reference", &["artifactory", "jfrog"], "cmVmdGtu{b62:56}", "ART_TOKEN"),
    own("harness", &["harness"], "pat.{b64u:22}.{hex:24}.{b62:20}", "HARNESS_PAT"),
    own("launchdarkly", &["launchdarkly"], "api-{uuid}", "LAUNCHDARKLY_API_KEY"),
    own("launchdarkly-sdk", &["launchdarkly"], "sdk-{uuid}", "LAUNCHDARKLY_SDK_KEY"),
    own("atlassian", &["atlassian", "jira"], "ATATT3xFfGF0{b64u:171}={HEX:8}", "JIRA_TOKEN"),
    own("bitbucket", &["bitbucket", "atlassian"], "ATBB{b62:24}{HEX:8}", "BB_APP_PASSWORD"),
    own("asana", &["asana"], "2/{d:16}/{d:16}:{hex:32}", "ASANA_ACCESS_TOKEN"),
    own("linear", &["linear"], "lin_api_{b62:40}", "LINEAR"),
    own("notion", &["notion"], "ntn_{d:11}{b62:35}", "NOTION"),
    own("airtable", &["airtable"], "pat{b62:14}.{hex:64}", "AIRTABLE"),
    own("figma", &["figma"], "figd_{b64u:40}", "FIGMA"),
    own("postman", &["postman"], "PMAK-{hex:24}-{hex:34}", "POSTMAN"),
    own("typeform", &["typeform"], "tfp_{b64u:44}_{lo:14}", "FORMS"),
    own("readme", &["readme"], "rdme_{lo:70}", "DOCS_KEY"),
    own("hubspot", &["hubspot"], "pat-na1-{uuid}", "HUBSPOT"),
    own("salesforce", &["salesforce"], "00D{b62:12}!{b62:96}", "SF_SESSION"),
    own("tailscale", &["tailscale"], "tskey-auth-k{b62:12}CNTRL-{b62:32}", "TS_AUTHKEY"),
    own("tailscale-api", &["tailscale"], "tskey-api-k{b62:12}CNTRL-{b62:32}", "TS_API"),
    own("tailscale-client", &["tailscale"], "tskey-client-k{b62:12}CNTRL-{b62:32}", "TS_CLIENT"),
    own("openshift", &["openshift"], "sha256~{b64u:43}", "OC_TOKEN"),
    own("swarm", &["docker", "swarm"], "SWMTKN-1-{lo:50}-{lo:25}", "JOIN_TOKEN"),
    own("swarm-unlock", &["docker", "swarm"], "SWMKEY-1-{b64:43}", "UNLOCK"),
    by(
        "mapbox",
        &["mapbox"],
        |random| {
            let claims = format!("{{\"u\":\"acme\",\"a\":\"{}\"}}", random.text("lo", 25));
            format!("sk.{}.{}", base64(claims, true), random.text("b64u", 22))
        },
        "MAPS",
    ),
    own("twitter", &["twitter"], "AAAAAAAAAAAAAAAAAAAAA{b62:16}%3D{b62:50}", "TWITTER_BEARER_TOKEN"),
    own("facebook", &["facebook", "meta"], "EAAC{b62:180}", "PAGE_TOKEN"),
    own("dropbox", &["dropbox"], "sl.{b64u:135}", "DROPBOX"),
    own("prefect", &["prefect"], "pnu_{b62:36}", "PREFECT_API_KEY"),
    own("sourcegraph", &["sourcegraph"], "sgp_{hex:40}", "SRC_ACCESS_TOKEN"),
    own("together", &["together"], "tgp_v1_{b64u:43}", "TOGETHER_API_KEY"),
    own("cerebras", &["cerebras"], "csk-{lo:48}", "CEREBRAS_API_KEY"),
    own("runpod", &["runpod"], "rpa_{UP:42}", "RUNPOD_API_KEY"),
    own("infracost", &["infracost"], "ico-{b62:32}", "INFRACOST_API_KEY"),
    own("samsara", &["samsara"], "samsara_api_{b62:30}", "SAMSARA"),
    own("maxmind", &["maxmind"], "{b62:6}_{b62:29}_mmk", "GEOIP_LICENSE"),
    own("easypost", &["easypost"], "EZAK{b62:54}", "EASYPOST"),
    own("duffel", &["duffel"], "duffel_live_{b64u:43}", "DUFFEL"),
    own("frameio", &["frame"], "fio-u-{b64u:64}", "FRAMEIO"),
    own("postman-collection", &["postman"], "PMAT-{UP:26}", "POSTMAN_COLLECTION"),
    own("cockroach", &["cockroach"], "CCDB1_{b62:22}_{b62:40}", "COCKROACH"),
    own("astra", &["astra", "datastax"], "AstraCS:{b62:24}:{hex:64}", "ASTRA"),
    own("shippo", &["shippo"], "shippo_live_{hex:40}", "SHIPPO"),
    own("lob", &["lob"], "live_{hex:35}", "LOB_API_KEY"),
    own("contentful", &["contentful"], "CFPAT-{b64u:43}", "CMS"),
    own("rootly", &["rootly"], "rootly_{hex:64}", "ROOTLY"),
    own("scalingo", &["scalingo"], "tk-us-{b62:48}", "SCALINGO"),
    own("midtrans", &["midtrans"], "Mid-server-{b62:24}", "MIDTRANS"),
    own("trello", &["trello", "atlassian"], "ATTA{hex:72}", "TRELLO"),
    own("clickup", &["clickup"], "pk_{d:8}_{UP:32}", "CLICKUP"),
    own("octopus", &["octopus"], "API-{UP:26}", "OCTOPUS_API_KEY"),
    own("ory", &["ory"], "ory_pat_{b62:32}", "ORY"),
    own("defined", &["defined"], "dnkey-{b64u:26}-{b64u:52}", "DN"),
    own("netbird", &["netbird"], "nbp_{b62:36}", "NETBIRD"),
    own("firecrawl", &["firecrawl"], "fc-{hex:32}", "FIRECRAWL_API_KEY"),
    own("tavily", &["tavily"], "tvly-{b62:32}", "TAVILY_API_KEY"),
    own("fireworks", &["fireworks"], "fw_{b62:24}", "FIREWORKS_API_KEY"),
    own("langfuse", &["langfuse"], "sk-lf-{uuid}", "LANGFUSE"),
    own("cloudinary", &["cloudinary", "url"], "cloudinary://{d:15}:{b64u:27}@acme", "CLOUDINARY_URL"),
    own("deno", &["deno"], "ddp_{b62:36}", "DENO_DEPLOY_TOKEN"),
    own("yandex", &["yandex"], "AQVN{b64u:36}", "YANDEX_API_KEY"),
    own("zapier", &["zapier"], "https://hooks.zapier.com/hooks/catch/{d:7}/{lo:7}/", "ZAP"),
    own("gocardless", &["gocardless"], "live_{b64u:40}", "GOCARDLESS_TOKEN"),
    own("checkly", &["checkly"], "cu_{hex:32}", "CHECKLY_API_KEY"),
    own("mongodb-url", &["mongo"], "mongodb+srv://api:{password}@c{d:2}.{lo:5}.mongodb.net/shop", "MONGO"),
    own("postgres-url", &["postgres"], "postgresql://api:{password}@10.4.{d:1}.7:5432/shop", "DB"),
    own("mysql-url", &["mysql"], "mysql://api:{password}@db-{d:2}.acme.io/shop", "DB"),
    own("redis-url", &["redis"], "rediss://:{password}@cache-{d:2}.acme.io:6380/0", "CACHE"),
    own("amqp-url", &["amqp", "rabbit"], "amqps://ci:{password}@mq-{d:2}.acme.io/prod", "BROKER"),
    own("basic-url", &["url", "basic"], "https://robot:{password}@nexus-{d:2}.acme.io/repository/", "MIRROR"),
    own("clickhouse-url", &["url", "clickhouse"], "clickhouse://api:{password}@ch-{d:2}.acme.io:9440/events", "EVENTS"),
    own("ldap-url", &["url", "ldap"], "ldaps://svc-mail:{password}@ad-{d:2}.acme.io:636", "DIRECTORY"),
    own("smtp-url", &["url", "smtp"], "smtp://relay:{password}@mail-{d:2}.acme.io:587", "MAILER_DSN"),
    own("ftp-url", &["url", "ftp"], "ftp://drop:{password}@files-{d:2}.acme.io/in", "DROP"),
    own("github-url", &["github"], "https://x-access-token:ghs_{b62:30}@github.com/acme/site.git", "REMOTE"),
    by(
        "jwt",
        &["jwt", "json web token"],
        |random| {
            let claims = format!(
                "{{\"iss\":\"https://login.acme.io\",\"sub\":\"{}\",\"exp\":4100000000}}",
                random.text("lo", 14)
            );
            keys::jwt(random, &claims)
        },
        "SESSION",
    ),
    by(
        "kubernetes-jwt",
        &["kubernetes", "service account"],
        |random| {
            let claims = format!(
                "{{\"iss\":\"kubernetes/serviceaccount\",\"kubernetes.io/serviceaccount/namespace\":\"prod\",\"sub\":\"system:serviceaccount:prod:{}\"}}",
                random.text("low", 8)
            );
            keys::jwt(random, &claims)
        },
        "CLUSTER",
    ),
];

/// Tokens that only the name of their setting tells.
pub(crate) const NAMED: &[Token] = &[
    named("azure-devops", &["azure"], "{b32l:52}", "AZURE_DEVOPS_EXT_PAT"),
    named("cloudflare-token", &["cloudflare"], "{b64u:40}", "CLOUDFLARE_API_TOKEN"),
    named("cloudflare-key", &["cloudflare"], "{hex:37}", "CLOUDFLARE_API_KEY"),
    named("heroku", &["heroku"], "{uuid}", "HEROKU_API_KEY"),
    named("fastly", &["fastly"], "{b64u:32}", "FASTLY_API_TOKEN"),
    named("scaleway", &["scaleway"], "{uuid}", "SCW_SECRET_KEY"),
    named("linode", &["linode"], "{hex:64}", "LINODE_TOKEN"),
    named("vultr", &["vultr"], "{UP:36}", "VULTR_API_KEY"),
    named("hetzner", &["hetzner", "hcloud"], "{b62:64}", "HCLOUD_TOKEN"),
    named("ovh", &["ovh"], "{b62:32}", "OVH_APPLICATION_SECRET"),
    named("twilio", &["twilio"], "{hex:32}", "TWILIO_AUTH_TOKEN"),
    named("mailgun-new", &["mailgun"], "{hex:32}-{hex:8}-{hex:8}", "MAILGUN_API_KEY"),
    named("postmark", &["postmark"], "{uuid}", "POSTMARK_API_TOKEN"),
    named("cohere", &["cohere"], "{b62:40}", "COHERE_API_KEY"),
    named("mistral", &["mistral"], "{b62:32}", "MISTRAL_API_KEY"),
    named("wandb", &["wandb", "weights"], "{hex:40}", "WANDB_API_KEY"),
    named("datadog", &["datadog"], "{hex:32}", "DD_API_KEY"),
    named("datadog-app", &["datadog"], "{hex:40}", "DATADOG_APP_KEY"),
    named("splunk", &["splunk"], "{uuid}", "SPLUNK_HEC_TOKEN"),
    named("pagerduty", &["pagerduty"], "u+{b62:18}", "PAGERDUTY_API_KEY"),
    named("opsgenie", &["opsgenie"], "{uuid}", "OPSGENIE_API_KEY"),
    named("snyk", &["snyk"], "{uuid}", "SNYK_TOKEN"),
    named("codecov", &["codecov"], "{uuid}", "CODECOV_TOKEN"),
    named("okta", &["okta"], "00{b64u:40}", "OKTA_API_TOKEN"),
    named("auth0", &["auth0"], "{b64u:64}", "AUTH0_CLIENT_SECRET"),
    named("algolia", &["algolia"], "{hex:32}", "ALGOLIA_ADMIN_API_KEY"),
    named("facebook-app", &["facebook"], "{hex:32}", "FACEBOOK_APP_SECRET"),
    named("linkedin", &["linkedin"], "{b62:16}", "LINKEDIN_CLIENT_SECRET"),
    named("box", &["box"], "{b62:32}", "BOX_DEVELOPER_TOKEN"),
    named("coinbase", &["coinbase"], "{b64u:64}", "COINBASE_API_SECRET"),
    named("binance", &["binance"], "{b62:64}", "BINANCE_SECRET_KEY"),
    named("ngrok", &["ngrok"], "2{b62:26}_{b62:21}", "NGROK_AUTHTOKEN"),
    named("intercom", &["intercom"], "dG9rO{b64:54}=", "INTERCOM_ACCESS_TOKEN"),
    named("aws-secret", &["aws"], "{b64:40}", "AWS_SECRET_ACCESS_KEY"),
    named("github-client", &["github"], "{hex:40}", "GITHUB_CLIENT_SECRET"),
    named("rollbar", &["rollbar"], "{hex:32}", "ROLLBAR_ACCESS_TOKEN"),
    named("mailjet", &["mailjet"], "{hex:32}", "MAILJET_SECRET_KEY"),
    named("sparkpost", &["sparkpost"], "{hex:40}", "SPARKPOST_API_KEY"),
    named("confluent", &["confluent"], "{b64:64}", "CONFLUENT_API_SECRET"),
    named("sumologic", &["sumo"], "{b62:64}", "SUMOLOGIC_ACCESS_KEY"),
    named("spotify", &["spotify"], "{hex:32}", "SPOTIFY_CLIENT_SECRET"),
    named("twitch", &["twitch"], "{lo:30}", "TWITCH_CLIENT_SECRET"),
    named("kraken", &["kraken"], "{b64:86}==", "KRAKEN_PRIVATE_KEY"),
    named("mixpanel", &["mixpanel"], "{hex:32}", "MIXPANEL_API_SECRET"),
    named("gitea", &["gitea"], "{hex:40}", "GITEA_TOKEN"),
    named("travis", &["travis"], "{b62:22}", "TRAVIS_API_TOKEN"),
    named("shodan", &["shodan"], "{b62:32}", "SHODAN_API_KEY"),
    named("virustotal", &["virustotal"], "{hex:64}", "VIRUSTOTAL_API_KEY"),
    by(
        "discord-bot",
        &["discord"],
        |random| {
            let id = base64(random.format("1{d:17}"), true);
            random.format(&format!("{id}.{{b64u:6}}.{{b64u:38}}"))
        },
        "DISCORD_BOT_TOKEN",
    ),
    named("internal-key", &["generic", "secret"], "{b62:40}", "INTERNAL_API_KEY"),
    named("service-token", &["generic", "secret"], "{b64u:43}", "BILLING_SERVICE_TOKEN"),
    named("signing-secret", &["generic", "secret"], "{hex:64}", "COOKIE_SIGNING_SECRET"),
    named("encryption-key", &["generic", "secret"], "{b64:43}=", "APP_ENCRYPTION_KEY"),
    named("client-secret", &["generic", "secret"], "{b62:36}", "SSO_CLIENT_SECRET"),
    named("secret-key-base", &["rails", "secret"], "{hex:128}", "SECRET_KEY_BASE"),
];
