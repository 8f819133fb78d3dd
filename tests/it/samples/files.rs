//! Files whose format says which of their fields is secret, under usual and unusual names.

use super::keys;
use super::random::{Random, base64};

/// A file, and what in it is secret.
pub(crate) struct Secret {
    pub path: String,
    pub content: Vec<u8>,
    /// Text on the line where the secret is; nothing where any line will do.
    pub at: String,
}

/// A kind of file.
pub(crate) struct FileKind {
    pub kind: &'static str,
    /// As in [`super::kinds::Token`].
    pub named: &'static [&'static str],
    pub make: fn(&mut Random) -> Secret,
}

fn text(path: impl Into<String>, content: impl Into<String>, at: &str) -> Secret {
    Secret { path: path.into(), content: content.into().into_bytes(), at: at.to_owned() }
}

fn whole(path: impl Into<String>, content: impl Into<Vec<u8>>) -> Secret {
    Secret { path: path.into(), content: content.into(), at: String::new() }
}

const PASSWORD: &[&str] = &["password", "credential", "secret"];

/// Shows a password inside a text at `@`.
fn around(random: &mut Random, path: &str, template: &str) -> Secret {
    let value = random.password();
    text(path, template.replace('@', &value), &value)
}

/// As [`around`], with a value of a format.
fn formatted(random: &mut Random, path: &str, template: &str, format: &str) -> Secret {
    let value = random.format(format);
    text(path, template.replace('@', &value), &value)
}

macro_rules! kind {
    ($kind:literal, $named:expr, $make:expr) => {
        FileKind { kind: $kind, named: $named, make: $make }
    };
}

pub(crate) const FILES: &[FileKind] = &[
    kind!("aws-credentials", &["aws"], |r| {
        let (id, key) = (r.format("AKIA{b32:16}"), r.text("b64", 40));
        text(
            "home/dev/.aws/credentials",
            format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {key}\n"),
            &key,
        )
    }),
    kind!("aws-credentials-elsewhere", &["aws"], |r| {
        let (id, key) = (r.format("AKIA{b32:16}"), r.text("b64", 40));
        text(
            "srv/backup/aws.ini",
            format!("[backup]\nregion = eu-west-1\naws_access_key_id={id}\naws_secret_access_key={key}\n"),
            &key,
        )
    }),
    kind!("aws-temporary", &["aws"], |r| {
        let (id, key) = (r.format("ASIA{b32:16}"), r.text("b64", 40));
        let session = ["IQoJb3JpZ2lu", "X2Vj"].concat() + &r.text("b64", 320);
        text(
            "root/.aws/cli/cache/4f1e.json",
            format!(
                "{{\"Credentials\": {{\"AccessKeyId\": \"{id}\",\n\"SecretAccessKey\": \"{key}\",\n\"SessionToken\": \"{session}\"}}}}"
            ),
            &key,
        )
    }),
    kind!("aws-sso", &["aws"], |r| {
        let token = "aoaAAAAA".to_owned() + &r.text("b64u", 300);
        text(
            "root/.aws/sso/cache/9e2b.json",
            format!(
                "{{\"startUrl\": \"https://acme.awsapps.com/start\",\n\"region\": \"eu-west-1\",\n\"accessToken\": \"{token}\",\n\"expiresAt\": \"2031-01-01T00:00:00Z\"}}"
            ),
            &token,
        )
    }),
    kind!("aws-pair-yaml", &["aws"], |r| {
        let (id, key) = (r.format("AKIA{b32:16}"), r.text("b64", 40));
        text(
            "srv/upload/s3.yml",
            format!("s3:\n  bucket: acme\n  access_key_id: {id}\n  secret_access_key: {key}\n"),
            &key,
        )
    }),
    kind!("aws-pair-code", &["aws"], |r| {
        let (id, key) = (r.format("AKIA{b32:16}"), r.text("b64", 40));
        text(
            "srv/upload/s3.rb",
            format!("Aws.config.update(credentials: Aws::Credentials.new(\n  '{id}',\n  '{key}'))\n"),
            &id,
        )
    }),
    kind!("docker-config", &["docker"], |r| {
        let auth = base64(format!("robot:{}", r.password()), false);
        text(
            "root/.docker/config.json",
            format!("{{\n \"auths\": {{\n  \"registry.acme.io\": {{\n   \"auth\": \"{auth}\"\n  }}\n }}\n}}\n"),
            &auth,
        )
    }),
    kind!("docker-config-renamed", &["docker"], |r| {
        let auth = base64(format!("robot:{}", r.password()), false);
        text("kaniko/pull.json", format!("{{\"auths\":{{\"registry.acme.io\":{{\"auth\":\"{auth}\"}}}}}}"), &auth)
    }),
    kind!("docker-identity", &["docker"], |r| {
        formatted(
            r,
            "root/.docker/config.json",
            "{\"auths\":{\"acme.azurecr.io\":{\n\"identitytoken\":\"@\"}}}",
            "{b64u:180}",
        )
    }),
    kind!("dockercfg", &["docker"], |r| {
        let auth = base64(format!("robot:{}", r.password()), false);
        text(
            "root/.dockercfg",
            format!("{{\"https://registry.acme.io/v1/\":{{\"auth\":\"{auth}\",\"email\":\"a@acme.io\"}}}}"),
            &auth,
        )
    }),
    kind!("kubeconfig-token", &["kube"], |r| {
        formatted(
            r,
            "root/.kube/config",
            "apiVersion: v1\nkind: Config\nusers:\n- name: ci\n  user:\n    token: @\n",
            "{b64u:48}",
        )
    }),
    kind!("kubeconfig-key", &["kube", "private key"], |r| {
        let key = base64(keys::pem("EC PRIVATE KEY", &keys::elliptic(r)), false);
        text(
            "etc/cluster/admin.conf",
            format!("apiVersion: v1\nkind: Config\nusers:\n- name: admin\n  user:\n    client-key-data: {key}\n"),
            &key,
        )
    }),
    kind!("service-account", &["kube"], |r| {
        let claims = format!(
            "{{\"iss\":\"https://kubernetes.default.svc\",\"sub\":\"system:serviceaccount:ci:{}\"}}",
            r.text("low", 6)
        );
        let token = keys::jwt(r, &claims);
        text("run/secrets/kubernetes.io/serviceaccount/token", token.clone(), &token)
    }),
    kind!("kubernetes-secret", &["kube", "secret"], |r| {
        let value = base64(r.password(), false);
        text(
            "deploy/db-secret.yaml",
            format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ntype: Opaque\ndata:\n  password: {value}\n"),
            &value,
        )
    }),
    kind!("kubernetes-string", &["kube", "password", "secret"], |r| {
        around(
            r,
            "deploy/x.yml",
            "kind: Secret\napiVersion: v1\nmetadata: {name: x}\nstringData:\n  DB_PASSWORD: \"@\"\n",
        )
    }),
    kind!("npmrc-auth", &["npm"], |r| {
        let auth = base64(format!("ci:{}", r.password()), false);
        text("root/.npmrc", format!("registry=https://npm.acme.io/\n//npm.acme.io/:_auth={auth}\n"), &auth)
    }),
    kind!("npmrc-token", &["npm"], |r| formatted(
        r,
        "srv/web/.npmrc",
        "@acme:registry=x\n//npm.acme.io/:_authToken=@\n",
        "{uuid}"
    )
    .keep("@acme:registry=x", "")),
    kind!("npmrc-password", &["npm"], |r| {
        let value = base64(r.password(), false);
        text("root/.npmrc", format!("//npm.acme.io/:username=ci\n//npm.acme.io/:_password=\"{value}\"\n"), &value)
    }),
    kind!("yarnrc", &["yarn", "npm"], |r| {
        formatted(
            r,
            "srv/web/.yarnrc.yml",
            "nodeLinker: node-modules\nnpmScopes:\n  acme:\n    npmAuthToken: @\n",
            "{b62:40}",
        )
    }),
    kind!("pypirc", &["pypi"], |r| around(
        r,
        "root/.pypirc",
        "[distutils]\nindex-servers = acme\n\n[acme]\nrepository = https://pypi.acme.io\nusername = ci\npassword = @\n"
    )),
    kind!("pip-conf", &["pip", "pypi", "url"], |r| around(
        r,
        "etc/pip.conf",
        "[global]\nindex-url = https://ci:@#pypi.acme.io/simple\n"
    )
    .keep("#", "@")),
    kind!("netrc", &["netrc"], |r| around(r, "root/.netrc", "machine git.acme.io\n  login ci\n  password @\n")),
    kind!("netrc-line", &["netrc"], |r| around(r, "home/build/_netrc", "machine git.acme.io login ci password @\n")),
    kind!("git-credentials", &["git", "url"], |r| around(r, "root/.git-credentials", "https://ci:@#git.acme.io\n")
        .keep("#", "@")),
    kind!("git-config", &["git", "url"], |r| around(
        r,
        "srv/app/.git/config",
        "[remote \"origin\"]\n\turl = https://ci:@#git.acme.io/app.git\n"
    )
    .keep("#", "@")),
    kind!("gh-hosts", &["github"], |r| formatted(
        r,
        "root/.config/gh/hosts.yml",
        "github.com:\n    user: ci\n    oauth_token: @\n",
        "gho_{b62:30}{crc62}"
    )),
    kind!("hub", &["github"], |r| formatted(
        r,
        "root/.config/hub",
        "github.com:\n- user: ci\n  oauth_token: @\n  protocol: https\n",
        "{hex:40}"
    )),
    kind!("glab", &["gitlab"], |r| formatted(
        r,
        "root/.config/glab-cli/config.yml",
        "hosts:\n  gitlab.acme.io:\n    token: @\n",
        "glpat-{b64u:20}"
    )),
    kind!("ssh-ed25519", &["ssh", "private key"], |r| text("root/.ssh/id_ed25519", keys::openssh(r), "BEGIN")),
    kind!("pem-rsa", &["private key"], |r| text(
        "etc/ssl/private/site.key",
        keys::pem("RSA PRIVATE KEY", &keys::rsa(r)),
        "BEGIN"
    )),
    kind!("pem-pkcs8", &["private key"], |r| text(
        "srv/tls/tls.pem",
        format!("Bag Attributes\n{}", keys::pem("PRIVATE KEY", &keys::pkcs8(r))),
        "BEGIN"
    )),
    kind!("pem-ec", &["private key"], |r| text("srv/tls/ec", keys::pem("EC PRIVATE KEY", &keys::elliptic(r)), "BEGIN")),
    kind!("pem-yaml", &["private key"], |r| {
        let key = keys::pem("PRIVATE KEY", &keys::ed25519(r)).replace('\n', "\n    ");
        text("srv/app/certs.yaml", format!("tls:\n  key: |\n    {key}\n"), "BEGIN")
    }),
    kind!("pem-json", &["private key"], |r| {
        let key = keys::pem("PRIVATE KEY", &keys::pkcs8(r)).replace('\n', "\\n");
        text("srv/app/signer.json", format!("{{\n\"alg\": \"RS256\",\n\"pem\": \"{key}\"\n}}\n"), "BEGIN")
    }),
    kind!("pem-env", &["private key"], |r| {
        let key = keys::pem("EC PRIVATE KEY", &keys::elliptic(r)).replace('\n', "\\n");
        text("srv/app/.env", format!("PORT=80\nAPPLE_KEY=\"{key}\"\n"), "BEGIN")
    }),
    kind!("pem-code", &["private key"], |r| {
        let key = keys::pem("EC PRIVATE KEY", &keys::elliptic(r));
        text("srv/app/sign.go", format!("package x\n\nvar pem = `{key}`\n"), "BEGIN")
    }),
    kind!("ppk", &["putty", "private key"], |r| text("srv/deploy.ppk", keys::putty(r), "PuTTY-User-Key")),
    kind!("der-key", &["private key", "der"], |r| whole("srv/tls/server.der", keys::pkcs8(r))),
    kind!("jks", &["keystore", "jks"], |r| {
        let mut bytes = vec![0xfe, 0xed, 0xfe, 0xed, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 1, 0, 4];
        bytes.extend(b"site\0\0\x01\x8d\x11\x22\x33\x44");
        bytes.extend([0, 0, 1, 0]);
        bytes.extend(r.bytes(256));
        bytes.extend([0, 0, 0, 0]);
        bytes.extend(r.bytes(20));
        whole("srv/app/server.jks", bytes)
    }),
    kind!("keytab", &["keytab", "kerberos"], |r| {
        let mut entry = vec![0, 1, 0, 7];
        entry.extend(b"ACME.IO\0\x04host");
        entry.extend([0, 0, 0, 1, 0x65, 0, 0, 0, 2, 0, 18, 0, 32]);
        entry.extend(r.bytes(32));
        let mut bytes = vec![5, 2];
        bytes.extend(u32::try_from(entry.len()).unwrap().to_be_bytes());
        bytes.extend(entry);
        whole("etc/krb5.keytab", bytes)
    }),
    kind!("tfstate", &["terraform"], |r| around(
        r,
        "tf/terraform.tfstate",
        "{\"version\":4,\"terraform_version\":\"1.7.0\",\"resources\":[{\"type\":\"aws_db_instance\",\"name\":\"db\",\n\"instances\":[{\"attributes\":{\"id\":\"db-1\",\n\"password\":\"@\"}}]}]}\n"
    )),
    kind!("tfrc", &["terraform"], |r| formatted(
        r,
        "root/.terraform.d/credentials.tfrc.json",
        "{\"credentials\":{\"app.terraform.io\":{\n\"token\":\"@\"}}}",
        "{b62:14}.atlasv1.{b62:67}"
    )),
    kind!("terraformrc", &["terraform"], |r| formatted(
        r,
        "root/.terraformrc",
        "credentials \"tf.acme.io\" {\n  token = \"@\"\n}\n",
        "{b62:14}.atlasv1.{b62:67}"
    )),
    kind!("wp-config", &["wordpress", "password"], |r| around(
        r,
        "var/www/html/wp-config.php",
        "<?php\ndefine( 'DB_NAME', 'wp' );\ndefine( 'DB_PASSWORD', '@' );\n"
    )),
    kind!("joomla", &["joomla", "password"], |r| around(
        r,
        "var/www/joomla/configuration.php",
        "<?php\nclass JConfig {\n\tpublic $host = 'localhost';\n\tpublic $password = '@';\n}\n"
    )),
    kind!("drupal", &["drupal", "password"], |r| around(
        r,
        "var/www/sites/default/settings.php",
        "<?php\n$databases['default']['default'] = array (\n  'database' => 'drupal',\n  'username' => 'drupal',\n  'password' => '@',\n);\n"
    )),
    kind!("django", &["django"], |r| {
        let key = r.format("django-insecure-{lo:25}#{lo:10}^{lo:13}");
        text("srv/site/settings.py", format!("DEBUG = True\nSECRET_KEY = '{key}'\n"), &key)
    }),
    kind!("django-database", PASSWORD, |r| around(
        r,
        "srv/site/prod.py",
        "DATABASES = {\n    'default': {\n        'NAME': 'site',\n        'PASSWORD': '@',\n    }\n}\n"
    )),
    kind!("spring-properties", PASSWORD, |r| around(
        r,
        "srv/app/application-prod.properties",
        "server.port=80\nspring.datasource.username=app\nspring.datasource.password=@\n"
    )),
    kind!("spring-yaml", PASSWORD, |r| around(
        r,
        "srv/app/application.yml",
        "spring:\n  datasource:\n    username: app\n    password: @\n"
    )),
    kind!("jdbc", &["jdbc", "password", "url"], |r| around(
        r,
        "srv/app/db.properties",
        "db.url=jdbc:mysql://db.acme.io:3306/shop?user=app&password=@&useSSL=true\n"
    )),
    kind!("appsettings", &["connection", "password"], |r| around(
        r,
        "srv/app/appsettings.Production.json",
        "{\n  \"ConnectionStrings\": {\n    \"Main\": \"Server=tcp:sql.acme.io,1433;Database=shop;User ID=app;Password=@;Encrypt=True;\"\n  }\n}\n"
    )),
    kind!("web-config", &["connection", "password"], |r| around(
        r,
        "inetpub/web.config",
        "<configuration>\n <connectionStrings>\n  <add name=\"Main\" connectionString=\"Data Source=sql;Initial Catalog=shop;User Id=app;Password=@\" />\n </connectionStrings>\n</configuration>\n"
    )),
    kind!("machine-key", &["machine", "asp", ".net"], |r| {
        let key = r.text("HEX", 64);
        text(
            "inetpub/site/web.config",
            format!(
                "<configuration>\n <system.web>\n  <machineKey validationKey=\"{}\" decryptionKey=\"{key}\" validation=\"SHA1\" decryption=\"AES\" />\n </system.web>\n</configuration>\n",
                r.text("HEX", 128)
            ),
            &key,
        )
    }),
    kind!("rclone", &["rclone"], |r| formatted(
        r,
        "root/.config/rclone/rclone.conf",
        "[box]\ntype = sftp\nhost = files.acme.io\nuser = ci\npass = @\n",
        "{b64u:38}"
    )),
    kind!("pgpass", &["pgpass", "postgres"], |r| around(r, "root/.pgpass", "# hosts\ndb.acme.io:5432:*:app:@\n")),
    kind!("my-cnf", &["mysql", "password"], |r| around(r, "root/.my.cnf", "[client]\nuser=root\npassword=@\n")),
    kind!("s3cfg", &["s3", "aws", "secret"], |r| {
        let key = r.text("b64", 40);
        text(
            "root/.s3cfg",
            format!("[default]\naccess_key = {}\nsecret_key = {key}\nuse_https = True\n", r.format("AKIA{b32:16}")),
            &key,
        )
    }),
    kind!("boto", &["google", "aws", "boto", "gcs"], |r| {
        let key = r.text("b64", 40);
        text(
            "root/.boto",
            format!("[Credentials]\ngs_access_key_id = GOOG{}\ngs_secret_access_key = {key}\n", r.text("UP", 20)),
            &key,
        )
    }),
    kind!("gcs-hmac", &["google", "gcs", "gcp"], |r| {
        let key = r.text("b64", 40);
        text("srv/x/.env", format!("GCS_HMAC_ID=GOOG1E{}\nGCS_HMAC_SECRET={key}\n", r.text("UP", 55)), &key)
    }),
    kind!("gcp-service-account", &["google", "gcp"], |r| {
        let key = keys::pem("PRIVATE KEY", &keys::pkcs8(r)).replace('\n', "\\n");
        text(
            "srv/gcp.json",
            format!(
                "{{\n  \"type\": \"service_account\",\n  \"project_id\": \"acme\",\n  \"private_key_id\": \"{}\",\n  \"private_key\": \"{key}\",\n  \"client_email\": \"ci@acme.iam.gserviceaccount.com\"\n}}\n",
                r.text("hex", 40)
            ),
            "BEGIN",
        )
    }),
    kind!("gcp-user", &["google", "gcp", "gcloud"], |r| {
        let token = r.format("1//0{b64u:99}");
        text(
            "root/.config/gcloud/application_default_credentials.json",
            format!(
                "{{\n  \"client_id\": \"76.apps.googleusercontent.com\",\n  \"client_secret\": \"{}\",\n  \"refresh_token\": \"{token}\",\n  \"type\": \"authorized_user\"\n}}\n",
                r.format("GOCSPX-{b64u:28}")
            ),
            &token,
        )
    }),
    kind!("azure-msal", &["azure", "microsoft", "entra"], |r| {
        let secret = r.format("0.A{b64u:200}");
        text(
            "root/.azure/msal_token_cache.json",
            format!(
                "{{\"RefreshToken\": {{\"x\": {{\"credential_type\": \"RefreshToken\",\n\"secret\": \"{secret}\",\n\"environment\": \"login.microsoftonline.com\"}}}}}}"
            ),
            &secret,
        )
    }),
    kind!("htpasswd", &["htpasswd", "hash"], |r| {
        let hash = format!("$apr1${}${}", r.text("b62", 8), r.text("b62", 22));
        text("etc/nginx/.htpasswd", format!("admin:{hash}\n"), &hash)
    }),
    kind!("htpasswd-bcrypt", &["htpasswd", "hash"], |r| {
        let hash = format!("$2y$10${}", r.text("b62", 53));
        text("srv/users.htpasswd", format!("admin:{hash}\n"), &hash)
    }),
    kind!("shadow", &["shadow", "hash"], |r| {
        let hash = format!("$6${}${}", r.text("b62", 16), r.text("b62", 86));
        text("etc/shadow", format!("daemon:*:19000:0:99999:7:::\nroot:{hash}:19500:0:99999:7:::\n"), &hash)
    }),
    kind!("shadow-yescrypt", &["shadow", "hash"], |r| {
        let hash = format!("$y$j9T${}${}", r.text("b62", 22), r.text("b62", 43));
        text("etc/shadow-", format!("ops:{hash}:19500:0:99999:7:::\nbin:*:19000::::::\n"), &hash)
    }),
    kind!("vault-token", &["vault"], |r| formatted(r, "root/.vault-token", "@", "hvs.{b64u:91}")),
    kind!("vault-init", &["vault"], |r| formatted(
        r,
        "srv/vault/init.json",
        "{\n  \"unseal_keys_b64\": [\n    \"@\"\n  ],\n  \"unseal_shares\": 1,\n  \"root_token\": \"\"\n}\n",
        "{b64:43}="
    )),
    kind!("gradle", PASSWORD, |r| around(
        r,
        "root/.gradle/gradle.properties",
        "org.gradle.daemon=false\nnexusUsername=ci\nnexusPassword=@\n"
    )),
    kind!("maven", &["maven", "password"], |r| around(
        r,
        "root/.m2/settings.xml",
        "<settings>\n <servers>\n  <server>\n   <id>nexus</id>\n   <username>ci</username>\n   <password>@</password>\n  </server>\n </servers>\n</settings>\n"
    )),
    kind!("maven-master", &["maven"], |r| formatted(
        r,
        "root/.m2/settings-security.xml",
        "<settingsSecurity>\n  <master>{@}</master>\n</settingsSecurity>\n",
        "{b64:43}="
    )),
    kind!("composer", &["composer", "packagist", "password"], |r| around(
        r,
        "root/.composer/auth.json",
        "{\n \"http-basic\": {\n  \"repo.acme.io\": {\n   \"username\": \"ci\",\n   \"password\": \"@\"\n  }\n }\n}\n"
    )),
    kind!("nuget-config", &["nuget"], |r| around(
        r,
        "root/.nuget/NuGet/NuGet.Config",
        "<configuration>\n <packageSourceCredentials>\n  <acme>\n   <add key=\"Username\" value=\"ci\" />\n   <add key=\"ClearTextPassword\" value=\"@\" />\n  </acme>\n </packageSourceCredentials>\n</configuration>\n"
    )),
    kind!("cargo-credentials", &["cargo", "crates"], |r| formatted(
        r,
        "root/.cargo/credentials.toml",
        "[registries.acme]\ntoken = \"@\"\n",
        "{b62:40}"
    )),
    kind!("gem-credentials", &["gem"], |r| formatted(r, "root/.gem/credentials", "---\n:acme: @\n", "{hex:32}")),
    kind!("bundle", &["bundle", "url", "gem"], |r| around(
        r,
        "srv/app/.bundle/config",
        "---\nBUNDLE_PATH: \"vendor\"\nBUNDLE_GEMS__ACME__IO: \"ci:@\"\n"
    )),
    kind!("rails-master", &["rails"], |r| formatted(r, "srv/app/config/master.key", "@\n", "{hex:32}")),
    kind!("rails-environment", &["rails"], |r| formatted(
        r,
        "srv/app/config/credentials/production.key",
        "@",
        "{hex:32}"
    )),
    kind!("rails-secrets", &["rails", "secret"], |r| formatted(
        r,
        "srv/app/config/secrets.yml",
        "production:\n  secret_key_base: @\n",
        "{hex:128}"
    )),
    kind!("rails-database", PASSWORD, |r| around(
        r,
        "srv/app/config/database.yml",
        "production:\n  adapter: postgresql\n  username: app\n  password: @\n"
    )),
    kind!("filezilla", &["filezilla", "password"], |r| {
        let value = base64(r.password(), false);
        text(
            "root/.config/filezilla/sitemanager.xml",
            format!(
                "<FileZilla3>\n<Servers><Server>\n<Host>f.acme.io</Host>\n<Pass encoding=\"base64\">{value}</Pass>\n</Server></Servers></FileZilla3>\n"
            ),
            &value,
        )
    }),
    kind!("sftp", &["sftp", "password"], |r| around(
        r,
        "srv/site/.vscode/sftp.json",
        "{\n  \"host\": \"f.acme.io\",\n  \"username\": \"ci\",\n  \"password\": \"@\"\n}\n"
    )),
    kind!("redis-conf", &["redis", "password"], |r| around(
        r,
        "etc/redis/redis.conf",
        "port 6379\nrequirepass @\nappendonly yes\n"
    )),
    kind!("redis-user", &["redis", "password"], |r| around(
        r,
        "etc/redis/users.acl",
        "user default off\nuser api on >@ ~* +@all\n"
    )
    .keep("+@all", "+@all")),
    kind!("rabbit-definitions", &["rabbit", "hash", "password"], |r| formatted(
        r,
        "etc/rabbitmq/definitions.json",
        "{\"users\":[{\"name\":\"api\",\n\"password_hash\":\"@\",\"hashing_algorithm\":\"rabbit_password_hashing_sha256\",\"tags\":\"administrator\"}]}",
        "{b64:48}"
    )),
    kind!("ldap-bind", &["ldap", "password"], |r| around(
        r,
        "etc/nslcd.conf",
        "uri ldaps://ad.acme.io\nbinddn cn=reader,dc=acme\nbindpw @\n"
    )),
    kind!("sssd", &["sssd", "ldap", "password"], |r| around(
        r,
        "etc/sssd/sssd.conf",
        "[domain/acme]\nid_provider = ldap\nldap_default_authtok = @\n"
    )),
    kind!("wireguard", &["wireguard"], |r| {
        let key = keys::wireguard(r);
        text("etc/wireguard/wg0.conf", format!("[Interface]\nAddress = 10.0.0.2/32\nPrivateKey = {key}\n"), &key)
    }),
    kind!("openvpn", &["private key", "openvpn"], |r| text(
        "etc/openvpn/client.ovpn",
        format!("client\nremote vpn.acme.io\n<key>\n{}</key>\n", keys::pem("PRIVATE KEY", &keys::ed25519(r))),
        "BEGIN"
    )),
    kind!("curlrc", &["curl", "password"], |r| around(r, "root/.curlrc", "silent\nuser = \"ci:@\"\n")),
    kind!("wgetrc", &["wget", "password"], |r| around(
        r,
        "root/.wgetrc",
        "tries = 3\nhttp_user = ci\nhttp_password = @\n"
    )),
    kind!("ansible-inventory", PASSWORD, |r| around(
        r,
        "etc/ansible/hosts",
        "[web]\nw1.acme.io ansible_user=ops ansible_password=@ ansible_port=22\n"
    )),
    kind!("jenkins", &["jenkins"], |r| formatted(
        r,
        "var/lib/jenkins/credentials.xml",
        "<list>\n <com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>\n  <username>ci</username>\n  <password>{@}</password>\n </com.cloudbees.plugins.credentials.impl.UsernamePasswordCredentialsImpl>\n</list>\n",
        "AQAAABAAAAA{b64:80}="
    )),
    kind!("history-mysql", PASSWORD, |r| around(r, "root/.bash_history", "ls\nmysql -h db -u root -p@ shop\nexit\n")),
    kind!("history-pgpassword", PASSWORD, |r| around(
        r,
        "home/ann/.zsh_history",
        ": 1700000000:0;cd /srv\n: 1700000001:0;PGPASSWORD=@ psql -h db shop\n"
    )),
    kind!("history-curl", &["curl", "password", "basic"], |r| around(
        r,
        "home/ann/.ash_history",
        "curl -u ann:@ https://api.acme.io/v1/me\n"
    )),
    kind!("history-docker", &["docker", "password"], |r| around(
        r,
        "home/bob/.bash_history",
        "docker login -u bob -p @ registry.acme.io\n"
    )),
    kind!("history-export", &["secret", "token"], |r| formatted(
        r,
        "home/bob/.bash_history",
        "export BILLING_API_TOKEN=@\n./run\n",
        "{b62:32}"
    )),
    kind!("psql-history", PASSWORD, |r| around(r, "root/.psql_history", "\\dt\nALTER USER api WITH PASSWORD '@';\n")),
    kind!("mysql-history", PASSWORD, |r| around(
        r,
        "root/.mysql_history",
        "show databases;\nCREATE USER 'api'@'%' IDENTIFIED BY '@';\n"
    )
    .keep("'api'@'%'", "")),
    kind!("ipynb", &["secret", "password", "token"], |r| formatted(
        r,
        "srv/work.ipynb",
        "{\"cells\":[{\"cell_type\":\"code\",\"source\":[\n\"api_token = '@'\\n\"\n]}],\"nbformat\":4}",
        "{b62:32}"
    )),
    kind!("wpa", &["wpa", "wi-fi", "password"], |r| around(
        r,
        "etc/wpa_supplicant/wpa_supplicant.conf",
        "network={\n  ssid=\"office\"\n  psk=\"@\"\n}\n"
    )),
    kind!("network-manager", &["network", "wi-fi", "password"], |r| around(
        r,
        "etc/NetworkManager/system-connections/office.nmconnection",
        "[wifi-security]\nkey-mgmt=wpa-psk\npsk=@\n"
    )),
    kind!("msmtp", &["msmtp", "password"], |r| around(
        r,
        "etc/msmtprc",
        "account acme\nhost mail.acme.io\nuser relay\npassword @\n"
    )),
    kind!("cifs", PASSWORD, |r| around(r, "etc/samba/acme.cred", "username=svc\npassword=@\ndomain=ACME\n")),
    kind!("grafana-ini", &["grafana", "password"], |r| around(
        r,
        "etc/grafana/grafana.ini",
        "[security]\nadmin_user = admin\nadmin_password = @\n"
    )),
    kind!("phpmyadmin", PASSWORD, |r| around(
        r,
        "var/www/pma/config.inc.php",
        "<?php\n$cfg['Servers'][1]['user'] = 'root';\n$cfg['Servers'][1]['password'] = '@';\n"
    )),
    kind!("laravel", &["laravel", "secret"], |r| formatted(
        r,
        "var/www/app/.env",
        "APP_ENV=production\nAPP_KEY=base64:@\n",
        "{b64:43}="
    )),
    kind!("magento", PASSWORD, |r| around(
        r,
        "var/www/app/etc/env.php",
        "<?php\nreturn ['db' => ['connection' => ['default' => [\n 'username' => 'm',\n 'password' => '@',\n]]]];\n"
    )),
    kind!("subversion", &["subversion", "svn", "password"], |r| {
        let value = r.password();
        text(
            "root/.subversion/auth/svn.simple/8b5e",
            format!(
                "K 8\npasstype\nV 6\nsimple\nK 8\npassword\nV {}\n{value}\nK 15\nsvn:realmstring\nV 20\n<https://svn.acme.io>\nEND\n",
                value.len()
            ),
            &value,
        )
    }),
    kind!("tomcat", PASSWORD, |r| around(
        r,
        "opt/tomcat/conf/tomcat-users.xml",
        "<tomcat-users>\n  <user username=\"ops\" password=\"@\" roles=\"manager-gui\"/>\n</tomcat-users>\n"
    )),
    kind!("cloud-init", PASSWORD, |r| around(
        r,
        "var/lib/cloud/seed/user-data",
        "#cloud-config\nuser: ops\npassword: @\nchpasswd: {expire: false}\n"
    )),
    kind!("preseed", PASSWORD, |r| around(
        r,
        "srv/preseed.cfg",
        "d-i passwd/username string ops\nd-i passwd/user-password password @\n"
    )),
    kind!("odbc", PASSWORD, |r| around(r, "etc/odbc.ini", "[shop]\nDriver = ODBC Driver 18\nUID = app\nPWD = @\n")),
    kind!("basic-header", &["basic", "authorization", "password"], |r| {
        let value = base64(format!("ci:{}", r.password()), false);
        text(
            "usr/local/bin/push",
            format!("#!/bin/sh\ncurl -X POST -H 'Authorization: Basic {value}' https://nexus.acme.io/x\n"),
            &value,
        )
    }),
    kind!("script-sshpass", PASSWORD, |r| around(
        r,
        "usr/local/bin/copy.sh",
        "#!/bin/sh\nsshpass -p '@' scp x ops@f.acme.io:/in\n"
    )
    .keep("ops@f.acme.io", "ops@f.acme.io")),
    kind!("script-ldap", &["ldap", "password"], |r| around(
        r,
        "usr/local/bin/sync.sh",
        "#!/bin/sh\nldapsearch -x -D cn=reader -w @ -b dc=acme\n"
    )),
    kind!("sql-user", PASSWORD, |r| around(
        r,
        "docker-entrypoint-initdb.d/01.sql",
        "CREATE DATABASE shop;\nCREATE ROLE api LOGIN PASSWORD '@';\n"
    )),
    kind!("smtp-yaml", PASSWORD, |r| around(
        r,
        "srv/alert/alertmanager.yml",
        "global:\n  smtp_auth_username: relay\n  smtp_auth_password: @\n"
    )),
    kind!("php-dsn", PASSWORD, |r| around(
        r,
        "var/www/db.php",
        "<?php\n$dbPassword = '@';\n$db = new PDO('mysql:host=db', 'app', $dbPassword);\n"
    )),
    kind!("python-dsn", PASSWORD, |r| around(
        r,
        "srv/app/db.py",
        "import psycopg2\nconn = psycopg2.connect(\"host=db dbname=shop user=app password=@\")\n"
    )),
    kind!("wallet-xprv", &["wallet", "bip", "bitcoin", "extended"], |r| formatted(
        r,
        "srv/pay/hot.json",
        "{\"wallet\":\n\"xprv9s21ZrQH143K@\"}",
        "{b58:96}"
    )),
    kind!("ethereum-key", &["ethereum", "wallet", "private", "secret"], |r| formatted(
        r,
        "srv/pay/.env",
        "CHAIN=1\nETH_PRIVATE_KEY=0x@\n",
        "{hex:64}"
    )),
    kind!("oauth-yaml", &["secret", "oauth"], |r| formatted(
        r,
        "etc/dex/config.yaml",
        "connectors:\n- type: oidc\n  config:\n    clientID: acme\n    clientSecret: @\n",
        "{b64u:40}"
    )),
    kind!("jwt-secret", &["secret", "jwt"], |r| formatted(
        r,
        "srv/api/config.yaml",
        "auth:\n  jwt_secret: \"@\"\n",
        "{b62:48}"
    )),
    kind!("compose-map", PASSWORD, |r| around(
        r,
        "srv/stack/docker-compose.yml",
        "services:\n  db:\n    image: postgres:16\n    environment:\n      POSTGRES_USER: shop\n      POSTGRES_PASSWORD: @\n"
    )),
    kind!("compose-list", PASSWORD, |r| around(
        r,
        "srv/stack/compose.yml",
        "services:\n  db:\n    image: mariadb:11\n    environment:\n      - MARIADB_ROOT_PASSWORD=@\n"
    )),
    kind!("mongo-config", PASSWORD, |r| around(
        r,
        "srv/api/config.js",
        "module.exports = {\n  mongo: { user: 'api', password: '@' },\n};\n"
    )),
    kind!("xml-attribute", PASSWORD, |r| around(
        r,
        "srv/app/context.xml",
        "<Context>\n <Resource name=\"jdbc/shop\" username=\"app\" password=\"@\" url=\"x\"/>\n</Context>\n"
    )),
];

impl Secret {
    /// Puts back what a template could not hold: each occurrence of the value made from a sign of the text.
    fn keep(mut self, what: &str, by: &str) -> Self {
        let text = String::from_utf8(self.content).expect("text");
        let changed = if what == "#" {
            text.replacen('#', by, 1)
        } else {
            let twisted = what.replace('@', &self.at);
            text.replacen(&twisted, if by.is_empty() { what } else { by }, 1)
        };
        self.content = changed.into_bytes();
        self
    }
}
