//! What looks like a secret and is none.

use super::keys;
use super::random::{Random, base64};

/// A kind of text that must not be reported.
pub(crate) struct Near {
    pub kind: &'static str,
    pub make: fn(&mut Random) -> (&'static str, String),
}

macro_rules! near {
    ($kind:literal, $make:expr) => {
        Near { kind: $kind, make: $make }
    };
}

pub(crate) const NEAR: &[Near] = &[
    near!("placeholders-env", |_| (
        ".env",
        "DB_PASSWORD=changeme\nAPI_TOKEN=your-api-token-here\nSECRET_KEY=<secret>\nSMTP_PASSWORD=xxxxxxxx\n".into()
    )),
    near!("variables-shell", |_| {
        ("run.sh", "export DB_PASSWORD=${DB_PASSWORD:?missing}\nTOKEN=$(cat /run/secrets/token)\ncurl -u \"$USER:$PASS\" https://x\nexport API_KEY=\"$1\"\n".into())
    }),
    near!("variables-yaml", |_| {
        ("deploy.yaml", "env:\n- name: DB_PASSWORD\n  valueFrom:\n    secretKeyRef: {name: db-credentials-v2, key: password}\n- name: TOKEN\n  value: \"{{ .Values.token }}\"\n".into())
    }),
    near!("variables-ci", |_| (
        "ci.yml",
        "env:\n  NPM_TOKEN: ${{ secrets.NPM_TOKEN }}\n  AWS_SECRET_ACCESS_KEY: ${{ secrets.AWS_KEY_2 }}\n".into()
    )),
    near!("variables-code", |_| {
        ("auth.py", "password = os.environ['DB_PASSWORD_2024']\ntoken = get_token(user_id=5)\nsecret = settings.SECRET_KEY_V2\napi_key = config['api_key_v3']\n".into())
    }),
    near!("variables-js", |_| {
        ("auth.js", "const token = process.env.TOKEN_2024;\nconst password = req.body.password1;\nconst apiKey = await vault.read('kv/data/app2');\n".into())
    }),
    near!("spring-reference", |_| {
        ("application.yml", "spring:\n  datasource:\n    password: ${DB_PASSWORD:}\n  token: '#{vault.token}'\njwt_secret: \"${env:JWT_SECRET_2}\"\n".into())
    }),
    near!("sops", |r| (
        "secrets.yaml",
        format!(
            "db:\n  password: ENC[AES256_GCM,data:{},iv:{},tag:{},type:str]\nsops:\n  mac: ENC[AES256_GCM,data:{}]\n",
            r.text("b64", 24),
            r.text("b64", 43),
            r.text("b64", 22),
            r.text("b64", 80)
        )
    )),
    near!("ansible-vault", |r| (
        "vars.yml",
        format!("db_password: !vault |\n          $ANSIBLE_VAULT;1.1;AES256\n          {}\n", r.text("d", 80))
    )),
    near!("sealed-secret", |r| (
        "sealed.yaml",
        format!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nspec:\n  encryptedData:\n    password: AgB{}\n    token: AgC{}\n",
            r.text("b64", 300),
            r.text("b64", 300)
        )
    )),
    near!("integrity", |r| (
        "package-lock.json",
        format!(
            "{{\"packages\":{{\"a\":{{\"version\":\"1.0.0\",\"integrity\":\"sha512-{}==\"}}}}}}",
            r.text("b64", 86)
        )
    )),
    near!("hashes", |r| (
        "checksums.txt",
        format!("{}  a.tar\n{}  b.tar\nmd5: {}\n", r.text("hex", 64), r.text("hex", 40), r.text("hex", 32))
    )),
    near!("requirements", |r| (
        "requirements.txt",
        format!("requests==2.31.0 \\\n    --hash=sha256:{}\n", r.text("hex", 64))
    )),
    near!("cargo-lock", |r| (
        "Cargo.lock",
        format!("[[package]]\nname = \"token\"\nversion = \"1.0.1\"\nchecksum = \"{}\"\n", r.text("hex", 64))
    )),
    near!("go-sum", |r| ("go.sum", format!("github.com/acme/secret v1.2.3 h1:{}=\n", r.text("b64", 43)))),
    near!("uuids", |r| (
        "config.json",
        format!("{{\"id\":\"{}\",\"tenantId\":\"{}\",\"token_id\":\"{}\"}}", r.uuid(), r.uuid(), r.uuid())
    )),
    near!("commit", |r| (
        "build.json",
        format!(
            "{{\"commit\":\"{}\",\"tree\":\"{}\",\"token_type\":\"bearer\"}}",
            r.text("hex", 40),
            r.text("hex", 40)
        )
    )),
    near!("i18n", |_| {
        ("en.json", "{\n\"password\": \"Enter your password\",\n\"passwordConfirm\": \"Confirm password 2\",\n\"token.expired\": \"Your token has expired\",\n\"secret\": \"Client secret (optional)\"\n}".into())
    }),
    near!("i18n-de", |_| {
        ("de.yml", "de:\n  password: \"Passwort\"\n  new_password: \"Neues Passwort\"\n  api_token: \"API-Schlüssel\"\n  secret: Geheimnis\n".into())
    }),
    near!("i18n-properties", |_| (
        "messages.properties",
        "login.password=Kennwort eingeben\nlogin.token=Zugriffstoken\nreset.password=Forgot password?\n".into()
    )),
    near!("forms", |_| (
        "login.html",
        "<input type=\"password\" name=\"password\" placeholder=\"Password\">\n<label for=\"token\">Token</label>\n"
            .into()
    )),
    near!("schema", |_| {
        ("schema.json", "{\"properties\":{\"password\":{\"type\":\"string\",\"minLength\":12},\"secret\":{\"$ref\":\"#/definitions/secret1\"},\"apiKey\":{\"description\":\"key of the API, version 2\"}}}".into())
    }),
    near!("openapi", |_| {
        ("openapi.yaml", "securitySchemes:\n  apiKey:\n    type: apiKey\n    name: X-API-Key-V2\n    in: header\n  password: {format: password}\n".into())
    }),
    near!("public-pem", |r| ("key.pub.pem", keys::pem("PUBLIC KEY", &r.bytes(294)))),
    near!("certificate", |r| ("ca.crt", keys::pem("CERTIFICATE", &r.bytes(800)))),
    near!("ssh-public", |r| (
        "id_ed25519.pub",
        format!("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI{} ops\n", r.text("b64", 43))
    )),
    near!("known-hosts", |r| (
        "known_hosts",
        format!("|1|{}=|{}= ssh-rsa AAAAB3NzaC1yc2E{}\n", r.text("b64", 27), r.text("b64", 27), r.text("b64", 300))
    )),
    near!("pem-header-in-code", |_| (
        "pem.py",
        format!(
            "if line.startswith('-----{} RSA PRIVATE KEY-----'):\n    mode = 'rsa'\nEND = '-----END RSA PRIVATE KEY-----'\n",
            "BEGIN"
        )
    )),
    near!("pem-cut", |_| (
        "doc.txt",
        format!("-----{} RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA...\n-----END RSA PRIVATE KEY-----\n", "BEGIN")
    )),
    near!("aws-example", |_| (
        "aws.ini",
        [
            "[default]\naws_access_key_id = AKIAIOSFODNN7",
            "EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCY",
            "EXAMPLEKEY\n"
        ]
        .concat()
    )),
    near!("stripe-public", |r| ("pay.js", format!("const key = 'pk_live_{}';\n", r.text("b62", 24)))),
    near!("github-short", |r| ("a.sh", format!("TOKEN=ghp_{}\n", r.text("b62", 20)))),
    near!("github-mask", |_| ("b.sh", format!("GITHUB_TOKEN=ghp_{}\n", "x".repeat(36)))),
    near!("github-prefix-only", |_| (
        "c.go",
        "if strings.HasPrefix(token, \"ghp_\") || strings.HasPrefix(token, \"github_pat_\") {\n".into()
    )),
    near!("slack-mask", |_| ("d.sh", "SLACK=xoxb-000000000000-0000000000000-xxxxxxxxxxxxxxxxxxxxxxxx\n".into())),
    near!("slack-webhook-mask", |_| (
        "e.yml",
        ["url: https://hooks.slack.com/serv", "ices/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX\n"].concat()
    )),
    near!("sendgrid-cut", |r| ("f.env", format!("SENDGRID=SG.{}\n", r.text("b62", 22)))),
    near!("jwt-none", |_| (
        "g.txt",
        format!("{}.{}.\n", base64("{\"alg\":\"none\"}", true), base64("{\"sub\":\"1\"}", true))
    )),
    near!("jwt-header", |_| (
        "h.md",
        format!("The header is `{}`.\n", base64("{\"alg\":\"HS256\",\"typ\":\"JWT\"}", true))
    )),
    near!("jwt-io", |_| (
        "i.md",
        [
            "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6Ikpva",
            "G4gRG9lIiwiaWF0IjoxNTE2MjM5MDIyfQ.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c\n"
        ]
        .concat()
    )),
    near!("url-variables", |_| {
        ("j.env", "DATABASE_URL=postgres://${USER}:${PASS}@db/shop\nREDIS_URL=redis://:$REDIS_PASSWORD@cache:6379\nA=mysql://user:password@localhost/db\n".into())
    }),
    near!("url-examples", |_| (
        "k.md",
        "Connect with `postgres://user:pass@example.com:5432/db` or `https://username:password@host/path`.\n".into()
    )),
    near!("url-no-password", |_| (
        "l.yml",
        "a: https://git@github.com/x/y\nb: ssh://git@host:22/x\nc: https://host:8443/a@b\n".into()
    )),
    near!("file-settings", |_| {
        ("m.ini", "password_file = /run/secrets/db_password1\ntoken_url = https://id.acme.io/token\nsecret_name = prod/db/main-2\nprivate_key_path = /etc/ssl/key2.pem\n".into())
    }),
    near!("policy-settings", |_| (
        "n.ini",
        "password_min_length = 12\npassword_policy = strict-2024\ntoken_expiry = 3600\nsecret_rotation_days=90days\n"
            .into()
    )),
    near!("enums", |_| {
        ("o.py", "class Kind:\n    PASSWORD = 'password'\n    TOKEN = 'access_token'\n    SECRET = 'client_secret_post'\n    API_KEY = 'x-api-key-v2'\n".into())
    }),
    near!("css", |_| (
        "p.css",
        ".password-field-2 { content: 'secret'; }\ninput[name=token] { color: #a1b2c3; }\n".into()
    )),
    near!("docker-helper", |_| (
        "config.json",
        "{\"auths\":{\"registry.acme.io\":{}},\"credsStore\":\"ecr-login\",\"credHelpers\":{\"gcr.io\":\"gcloud\"}}"
            .into()
    )),
    near!("npmrc-variable", |_| (".npmrc", "//registry.acme.io/:_authToken=${NPM_TOKEN}\nalways-auth=true\n".into())),
    near!("shadow-locked", |_| (
        "shadow",
        "root:*:19000:0:99999:7:::\ndaemon:!:19000::::::\nnobody:!!:19000::::::\nops:!*:1::::::\n".into()
    )),
    near!("netrc-comment", |_| ("notes.txt", "write a .netrc with machine, login and password entries\n".into())),
    near!("kubeconfig-exec", |_| {
        ("config", "kind: Config\nusers:\n- name: a\n  user:\n    exec:\n      command: aws-iam-authenticator\n      args: [token, -i, prod2]\n".into())
    }),
    near!("base64-image", |r| (
        "q.css",
        format!(".a{{background:url(data:image/png;base64,{}==)}}\n", r.text("b64", 900))
    )),
    near!("minified", |r| (
        "r.min.js",
        format!("!function(t){{t.token=function(e){{return e.secret||\"{}\"}}}}();", "abc".repeat(20))
            + &r.text("low", 3)
    )),
    near!("source-map", |r| ("s.js.map", format!("{{\"version\":3,\"mappings\":\"{}\"}}", r.text("al", 900)))),
    near!("messages", |_| {
        ("t.go", "const password = \"Please enter a password with 8 characters\"\nvar errToken = errors.New(\"token: invalid token 403\")\n".into())
    }),
    near!("regex", |_| {
        ("u.py", "PASSWORD = re.compile(r'^[a-z0-9]{8,32}$')\nTOKEN = r'ghp_[0-9a-zA-Z]{36}'\nSECRET = '(?i)secret[=:]\\\\s*(\\\\S+)'\n".into())
    }),
    near!("hash-setting", |r| (
        "v.yml",
        format!(
            "password_sha256: {}\ntoken_digest: {}\nsecret_checksum: {}\n",
            r.text("hex", 64),
            r.text("hex", 64),
            r.text("hex", 32)
        )
    )),
    near!("gradle-checksum", |r| (
        "gradle-wrapper.properties",
        format!("distributionSha256Sum={}\nzipStoreBase=GRADLE_USER_HOME\n", r.text("hex", 64))
    )),
    near!("docker-digest", |r| (
        "Dockerfile",
        format!("FROM debian@sha256:{}\nARG PASSWORD\nENV TOKEN_FILE=/run/secrets/token\n", r.text("hex", 64))
    )),
    near!("bcrypt-cost", |_| (
        "w.yml",
        "password_hash: bcrypt\npassword_cost: 12\npassword_encoder: bcrypt-2b-12\n".into()
    )),
    near!("pagination", |r| (
        "x.json",
        format!(
            "{{\"nextToken\":\"{}\",\"continuationToken\":\"{}\",\"pageToken\":\"{}\"}}",
            r.text("b64", 44),
            r.text("b62", 40),
            r.text("b62", 32)
        )
    )),
    near!("csrf", |r| ("y.html", format!("<meta name=\"csrf-token\" content=\"{}\">\n", r.text("b62", 40)))),
    near!("cache-key", |r| (
        "z.yml",
        format!("cache_key: {}\nprimary_key: user_id_2\nsort_key: created2\n", r.text("hex", 32))
    )),
    near!("tests-words", |_| (
        "conftest.yml",
        "password: password123\ntoken: test-token\nsecret: mysecret\napi_key: test\n".into()
    )),
    near!("op-reference", |_| {
        ("app.env", "DB_PASSWORD=op://prod/db/password\nTOKEN=vault:kv/data/ci#token2\nKEY_SECRET=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-Ab3dE9\n".into())
    }),
    near!("powershell", |_| ("a.ps1", "$password = Read-Host -AsSecureString\n$token = $env:TOKEN2\n".into())),
    near!("terraform-reference", |_| {
        ("main.tf", "resource \"aws_db_instance\" \"a\" {\n  password = random_password.db.result\n  token    = var.token2\n  secret   = data.aws_secretsmanager_secret_version.v1.secret_string\n}\n".into())
    }),
    near!("cloudflare-ray", |r| (
        "b.log",
        format!("request id={} cf-ray={}-FRA etag=\"{}\"\n", r.uuid(), r.text("hex", 16), r.text("hex", 32))
    )),
    near!("git-log", |r| (
        "c.log",
        format!("commit {}\nAuthor: Ann <ann@acme.io>\n\n    fix token: handle 401\n", r.text("hex", 40))
    )),
    near!("license-key-text", |_| ("LICENSE", "The password and the secret: shall be kept. Token: a sign.\n".into())),
    near!("openai-mask", |_| (
        "d.env",
        "OPENAI_API_KEY=sk-proj-your-key-goes-here\nANTHROPIC=sk-ant-api03-...\n".into()
    )),
    near!("stripe-mask", |_| ("e.env", "STRIPE_SECRET_KEY=sk_live_xxxxxxxxxxxxxxxxxxxxxxxx\n".into())),
    near!("google-mask", |_| ("f.js", format!("const key = 'AIzaSy{}';\n", "A".repeat(33)))),
    near!("fonts", |r| ("g.svg", format!("<path d=\"M{} {}z\" id=\"token2\"/>\n", r.text("d", 200), r.text("d", 200)))),
    near!("gpg-public", |r| (
        "h.asc",
        format!(
            "-----{} PGP PUBLIC KEY BLOCK-----\n\n{}\n-----END PGP PUBLIC KEY BLOCK-----\n",
            "BEGIN",
            r.text("b64", 300)
        )
    )),
    near!("type-names", |_| (
        "i.ts",
        "interface A { password: PasswordInput2; token?: AccessTokenV2; apiKey: string | undefined }\n".into()
    )),
    near!("java-constants", |_| {
        ("J.java", "String PASSWORD_KEY = \"spring.datasource.password\";\nString TOKEN = \"X-Auth-Token-V2\";\nString SECRET = \"secret.key.alias1\";\n".into())
    }),
    near!("boto-endpoints", |_| {
        ("k.json", "{\"AccessToken\":{\"shape\":\"AccessToken\"},\"SecretKey\":{\"locationName\":\"secretKey1\"},\"ClientToken\":{\"idempotencyToken\":true}}".into())
    }),
    near!("systemd-credential", |_| (
        "l.service",
        "[Service]\nLoadCredential=token:/etc/app/token1\nEnvironment=PASSWORD_FILE=%d/password\n".into()
    )),
    near!("php-config", |_| {
        ("m.php", "<?php\n'password' => env('DB_PASSWORD', ''),\n'secret' => getenv('APP_SECRET_2'),\n'token' => $request->input('token2'),\n".into())
    }),
    near!("ruby-config", |_| (
        "n.rb",
        "config.secret_key = ENV.fetch('SECRET_KEY_2')\npassword: Rails.application.credentials.db1[:password]\n"
            .into()
    )),
    near!("dictionary-words", |_| {
        ("o.yml", "password_label: correct-horse\ntoken: access-token-name\nsecret: db-credentials-prod\nclient_secret: oauth-client-secret\n".into())
    }),
    near!("hostnames", |_| (
        "p.env",
        "TOKEN_HOST=id-2.acme.io\nSECRET_BACKEND=vault-1.internal:8200\nPASSWORD_RESET_URL=https://acme.io/r2\n".into()
    )),
    near!("unix-crypt-talk", |_| ("q.md", "A hash begins with `$6$` or `$2y$10$` and `{SSHA}`.\n".into())),
    near!("lookalike-crc", |r| ("r.env", r.format("OLD=ghp_{b62:30}A1b2C3\n"))),
    near!("numbers", |r| (
        "s.ini",
        format!("token = {}\nsecret = {}\npin_token = 12345678\n", r.text("d", 9), r.text("d", 10))
    )),
    near!("dates", |_| ("t.yml", "token: 2026-01-02T03:04:05Z\nsecret: v1.2.3-rc4\npassword: 10.0.0.1:8080\n".into())),
    near!("prose", |_| {
        ("u.txt", "Reset the password: open settings, choose Token: New and copy the secret; the key is shown once.\nPassword: see the wiki, page 12\n".into())
    }),
    near!("sql-schema", |_| {
        ("v.sql", "CREATE TABLE users (password varchar(60) NOT NULL, token char(40), secret text);\nALTER USER api PASSWORD :'password';\n".into())
    }),
    near!("nginx", |_| {
        ("w.conf", "ssl_certificate_key /etc/ssl/k1.pem;\nproxy_set_header X-Token $http_x_token;\nauth_basic_user_file /etc/nginx/.htpasswd;\n".into())
    }),
    near!("make", |_| ("Makefile", "TOKEN := $(shell cat token1)\nPASSWORD ?= $(error set it)\n".into())),
    near!("helm-empty", |_| {
        ("values.yaml", "auth:\n  password: \"\"\n  existingSecret: \"db-auth-1\"\n  secretKeys: {adminPasswordKey: postgres-password}\n  token: null\n".into())
    }),
    near!("vue", |_| ("x.vue", "<template><input v-model=\"password2\" :token=\"store.token1\"></template>\n".into())),
    near!("curl-variable", |_| {
        ("y.sh", "curl -H \"Authorization: Bearer ${TOKEN}\" -u \"ci:$PASS1\" https://x\ncurl -H 'Authorization: Basic <base64>' https://x\n".into())
    }),
    near!("html-entities", |_| {
        ("z.xml", "<property name=\"password\" value=\"${db.password}\"/>\n<secret>${vault.secret1}</secret>\n<token>@token@</token>\n".into())
    }),
    near!("wireguard-public", |r| (
        "wg.conf",
        format!("[Peer]\nPublicKey = {}\nEndpoint = vpn:51820\n", keys::wireguard(r))
    )),
    near!("age-public", |r| ("keys.txt", format!("# public key: age1{}\n", r.text("bech", 58)))),
    near!("sentry-dsn", |r| ("a.py", format!("SENTRY_DSN = 'https://{}@o1.ingest.sentry.io/2'\n", r.text("hex", 32)))),
    near!("analytics", |r| (
        "b.html",
        format!("<script>posthog.init('phc_{}');ga('UA-1234567-1')</script>\n", r.text("b62", 43))
    )),
    near!("recaptcha-site", |r| (
        "c.html",
        format!("<div class=\"g-recaptcha\" data-sitekey=\"6Le{}\"></div>\n", r.text("b62", 37))
    )),
    near!("mapbox-public", |r| (
        "d.js",
        format!(
            "mapboxgl.accessToken = 'pk.{}.{}';\n",
            base64("{\"u\":\"acme\",\"a\":\"cka\"}", true),
            r.text("b64u", 22)
        )
    )),
];
