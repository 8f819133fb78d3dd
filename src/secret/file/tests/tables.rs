//! What each format finds, and what it leaves.

use super::shown;
use crate::rule::Severity;

/// A made-up password, put together so that no scanner finds it here.
const P: &str = concat!("gR7wQ2", "zLk9Vt");

/// Name, text with `@` for the password, what is found.
type Case = (&'static str, &'static str, &'static [&'static str]);

fn check(cases: &[Case]) {
    let mut wrong = Vec::new();
    for (name, text, expected) in cases {
        let found = shown(name, &text.replace('@', P).replace('§', "@"));
        if found != *expected {
            wrong.push(format!("{name}: {found:?}, not {expected:?}, in {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn machines_and_registries() {
    check(&[
        (
            ".netrc",
            "machine a\n  login b\n  password @\nmacdef init\nput x9Kd83jdKq\n\n",
            &["netrc-password 3 password"],
        ),
        ("_netrc", "machine a login b password \"@\"", &["netrc-password 1 password"]),
        (".netrc", "machine a login b\n", &[]),
        (
            ".pgpass",
            "# h:1:d:u:p\nh:1:d:u:@\n*:*:*:a\\:b:@\n",
            &["pgpass-password 2 password", "pgpass-password 3 password"],
        ),
        (".pgpass", "h:1:d:u:\nh:1:d:u:$PW\n", &[]),
        (".npmrc", "registry=https://r/\n//r/:_authToken=@@\n", &["npmrc-auth-token 2 //r/:_authToken"]),
        (".npmrc", "//r/:_authToken=${NPM_TOKEN}\nalways-auth=true\n", &[]),
        (".pypirc", "[distutils]\n[a]\nusername: b\npassword: @\n", &["pypirc-password 4 a.password"]),
        ("uv.toml", "[[index]]\nurl = \"https://u:@§r.acme.io/simple\"\n", &["pip-index-credentials 2 index-url"]),
        (
            "config",
            "BUNDLE_PATH: vendor\nBUNDLE_ENTERPRISE__ACME__IO: a:@\n",
            &["bundler-credentials 2 BUNDLE_ENTERPRISE__ACME__IO"],
        ),
        (
            "auth.json",
            "{\"bitbucket-oauth\": {\"b.org\": {\"consumer-key\": \"k\", \"consumer-secret\": \"@\"}}}",
            &["composer-auth 1 bitbucket-oauth.b.org.consumer-secret"],
        ),
        (".docker/config.json", "{\"auths\": {\"r\": {}}, \"credsStore\": \"pass\"}", &[]),
        ("hosts.yml", "a.b:\n  oauth_token: @@\n", &["github-cli-token 2 a.b.oauth_token"]),
    ]);
}

#[test]
fn clouds_and_clusters() {
    check(&[
        ("rclone.conf", "[a]\ntype = webdav\nuser = u\npass = @@\n", &["rclone-password 4 a.pass"]),
        (".my.cnf", "[client]\npassword=@\n[mysqld]\nport=1\n", &["mysql-option-file-password 2 client.password"]),
        (
            "x.yaml",
            "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData:\n  user: b\n  api-token: @\n",
            &["kubernetes-secret-value 6 stringData.api-token"],
        ),
        (
            "x.yaml",
            "sops:\n  a: b\nkind: Secret\nstringData:\n  password: @\nsops:\n  mac: c\n",
            &["generic-password 5 "],
        ),
        (
            "compose.yml",
            "services:\n  a:\n    environment:\n      - A_PASSWORD=${B}\n      - B_PASSWORD_FILE=/run/secrets/b1\n",
            &[],
        ),
        ("values.yaml", "auth:\n  secretKeys: {adminPasswordKey: postgres-password}\n  password: ''\n", &[]),
        (
            "terraform.tfstate",
            "{\"outputs\": {\"a\": {\"sensitive\": true,\n\"value\": \"@\"}}}",
            &["terraform-state-secret 2 outputs.a.value"],
        ),
        (".terraformrc", "credentials \"a.b\" {\n  token = \"@@\"\n}\n", &["terraform-cli-token 2 token"]),
    ]);
}

#[test]
fn applications() {
    check(&[
        (
            "wp-config.php",
            "<?php\ndefine('DB_PASSWORD', '@');\ndefine('DB_HOST', 'h');",
            &["wordpress-database-password 2 define.DB_PASSWORD"],
        ),
        (
            "settings.py",
            "DATABASES = {'default': {\n'PASSWORD': '@'}}\n",
            &["django-database-password 2 DATABASES.default.PASSWORD"],
        ),
        (
            "database.yml",
            "production:\n  password: <%= ENV['X'] %>\ntest:\n  password: @\n",
            &["rails-database-password 4 test.password"],
        ),
        ("master.key", "0123\n", &[]),
        (
            "application.yml",
            "spring:\n  mail:\n    password: @\n  x:\n    password: ${X:y}\n",
            &["spring-property-secret 3 spring.mail.password"],
        ),
        ("messages.properties", "login.password=Neues Passwort\n", &[]),
        (
            "appsettings.json",
            "{\"ConnectionStrings\": {\"D\":\n\"Server=a;Database=b;User=c;Password=@;\"}}",
            &["dotnet-connection-string 2 ConnectionStrings.D"],
        ),
        ("appsettings.json", "{\"ConnectionStrings\": {\"D\": \"Server=a;Integrated Security=true;\"}}", &[]),
        (
            "settings.xml",
            "<settings><servers><server>\n<password>@</password></server></servers></settings>",
            &["maven-server-password 2 settings.servers.server.password"],
        ),
        ("settings.xml", "<settings><server><password>${env.P}</password></server></settings>", &[]),
        (
            "credentials.xml",
            "<list><com.cloudbees.plugins.credentials.X>\n<password>@</password></com.cloudbees.plugins.credentials.X></list>",
            &["jenkins-credential 2 list.com.cloudbees.plugins.credentials.X.password"],
        ),
    ]);
}

#[test]
fn servers_and_people() {
    check(&[
        (
            "redis.conf",
            "masterauth \"@\"\nuser a on >@ ~*\n",
            &["redis-password 1 masterauth", "redis-password 2 user"],
        ),
        ("ldap.conf", "URI ldap://a\nbindpw @\n", &["ldap-bind-password 2 bindpw"]),
        ("shadow", "root:*:1::::::\na:!!:1::::::\nb:!:1::::::\n", &[]),
        ("a.ovpn", "auth-user-pass\n", &[]),
        (".curlrc", "# user = a:b\n--user a:@\n", &["curl-config-password 2 user"]),
        (
            ".bash_history",
            "export DB_PASSWORD='@'\nPGPASSWORD=@ psql -h a\n",
            &["shell-history-password 1 DB_PASSWORD", "shell-history-password 2 PGPASSWORD"],
        ),
        (
            ".bash_history",
            "curl -u a:@ https://b\nsudo sshpass -p '@' ssh c\n",
            &["curl-user 1 curl.-u", "shell-history-password 2 sshpass.-p"],
        ),
        (".bash_history", "docker login -u a --password-stdin r\ncp -p abcdefg1 h\nmysql -u root -p\n", &[]),
        (".zsh_history", ": 1700000000:0;mysqldump -p@ a\n", &["shell-history-password 1 mysqldump.-p"]),
        ("ks.cfg", "rootpw @\nuser --name=a\n", &["kickstart-password 1 rootpw"]),
        ("hosts", "127.0.0.1 localhost\n", &[]),
        ("inventory", "a ansible_host=b ansible_ssh_pass='@'\n", &["ansible-password 1 ansible_ssh_pass"]),
    ]);
}

#[test]
fn weak_words_count_for_little_where_credentials_are_kept() {
    let cases: &[(&str, &str, &[Severity])] = &[
        (".netrc", "machine a login b password pass123", &[Severity::Low]),
        (".pgpass", "h:5432:d:root:password\n", &[Severity::Low]),
        ("deployment-config.json", "{\"password\": \"hunter2\"}", &[Severity::Low]),
        ("wp-config.php", "<?php\ndefine('DB_PASSWORD', 'admin');", &[Severity::Low]),
        ("config.php", "<?php\n$dbpasswd = 'pass123';", &[Severity::Low]),
        (".bash_profile", "export MLAB_PASS='password123'\n", &[Severity::Low]),
        (".npmrc", "//r.acme.io/:_auth=YWRtaW46YWRtaW4=\n", &[Severity::Low]),
        (".env", "DB_PASSWORD=secret\nB_PASSWORD=changeme\nC_PASSWORD=${X}\nD_PASSWORD=<pw>\n", &[Severity::Low]),
        (".env.example", "DB_PASSWORD=secret\n", &[]),
        ("start.sh", "#!/bin/sh\nexport PGPASSWORD=postgres\n", &[]),
        ("notes.txt", "machine a login b password pass123", &[]),
    ];
    for (name, text, expected) in cases {
        let found = super::scanned(name, text.as_bytes());
        let severities: Vec<Severity> = found.iter().map(|found| found.severity).collect();
        assert_eq!(severities, *expected, "{name}: {found:?}");
        assert!(found.iter().all(|found| found.notes.iter().any(|note| note == "a weak word")), "{name}: {found:?}");
    }
}
