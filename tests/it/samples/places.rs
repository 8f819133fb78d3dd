//! Texts that a setting may stand in: a file of some sort, other settings and words around it.

use super::random::Random;

/// The name of a setting, `DB_PASSWORD`, as each sort of file writes it.
#[derive(Debug, Clone)]
pub(crate) struct Name(pub(crate) String);

impl Name {
    fn snake(&self) -> String {
        self.0.to_ascii_lowercase()
    }

    fn with(&self, sign: &str) -> String {
        self.snake().replace('_', sign)
    }

    fn pascal(&self) -> String {
        let word = |word: &str| word.get(..1).map(|first| first.to_owned() + &word[1..].to_ascii_lowercase());
        self.0.split('_').filter_map(word).collect()
    }

    fn camel(&self) -> String {
        let text = self.pascal();
        text[..1].to_ascii_lowercase() + &text[1..]
    }
}

/// Makes a text of a name and a value: the file's path, and its text.
pub(crate) type Place = fn(&mut Random, &Name, &str) -> (String, String);

fn service(random: &mut Random) -> String {
    let first = ["orders", "ledger", "catalog", "mailer", "search", "accounts", "reports", "gateway"];
    format!("{}-{}", random.pick(&first), random.text("lo", 4))
}

fn lines(random: &mut Random, of: &[&str], most: usize) -> String {
    (0..=random.below(most)).map(|_| format!("{}\n", random.pick(of))).collect()
}

const YAML: &[&str] = &["# settings", "replicas: 3", "log: info", "region: eu-west-1", "timeout: 30s", "debug: false"];
const INI: &[&str] = &["; settings", "level = info", "workers = 4", "timeout = 30", "bind = 0.0.0.0:8080"];
const ENV: &[&str] = &["# settings", "LOG_LEVEL=info", "PORT=8080", "NODE_ENV=production", "REGION=eu-west-1", ""];
const CODE: &[&str] = &["", "// wiring", "// see the wiki", ""];

/// Texts that hold name and value beside each other, as settings do.
pub(crate) const SETTINGS: &[Place] = &[
    |r, n, v| (format!("srv/{}/.env", service(r)), format!("{}{}={v}\n{}", lines(r, ENV, 6), n.0, lines(r, ENV, 3))),
    |r, n, v| {
        (
            format!("srv/{}/.env.production", service(r)),
            format!("{}{}=\"{v}\" # rotated in May\n", lines(r, ENV, 6), n.0),
        )
    },
    |r, n, v| (format!("srv/{}/env.list", service(r)), format!("{}export {}='{v}'\n", lines(r, ENV, 6), n.0)),
    |r, n, v| {
        let spec = "apiVersion: apps/v1\nkind: Deployment\nspec:\n  template:\n    spec:\n      containers:\n        - name: web\n          env:\n";
        (
            format!("deploy/{}.yaml", service(r)),
            format!(
                "{spec}            - name: {}\n              value: \"{v}\"\n            - name: PORT\n              value: \"80\"\n",
                n.0
            ),
        )
    },
    |r, n, v| {
        let more = lines(r, &["      - TZ=UTC", "      - PORT=80"], 3);
        (
            format!("opt/{}/docker-compose.yml", service(r)),
            format!("services:\n  web:\n    image: acme/web:4\n    environment:\n{more}      - {}={v}\n", n.0),
        )
    },
    |r, n, v| {
        (
            format!("opt/{}/compose.yaml", service(r)),
            format!("services:\n  web:\n    environment:\n      TZ: UTC\n      {}: {v}\n", n.0),
        )
    },
    |r, n, v| {
        (
            format!("ci/{}/.gitlab-ci.yml", service(r)),
            format!("stages: [build]\nvariables:\n  GIT_DEPTH: \"1\"\n  {}: '{v}'\nbuild:\n  script: make\n", n.0),
        )
    },
    |r, n, v| {
        (
            format!("ci/{}/release.yml", service(r)),
            format!("on: push\njobs:\n  a:\n    runs-on: ubuntu-24.04\n    env:\n      {}: {v}\n    steps: []\n", n.0),
        )
    },
    |r, n, v| {
        (
            format!("chart/{}/values.yaml", service(r)),
            format!("{}backend:\n  {}: \"{v}\"\n", lines(r, YAML, 5), n.camel()),
        )
    },
    |r, n, v| {
        (
            format!("srv/{}/application.yml", service(r)),
            format!("server:\n  port: 8081\nacme:\n  {}: {v}\n", n.with("-")),
        )
    },
    |r, n, v| {
        (
            format!("srv/{}/settings.json", service(r)),
            format!(
                "{{\n  \"port\": 80,\n  \"nested\": {{\n    \"{}\": \"{v}\",\n    \"on\": true\n  }}\n}}\n",
                n.camel()
            ),
        )
    },
    |r, n, v| {
        (
            format!("srv/{}/state.json", service(r)),
            format!("{{\"a\":[1,2,{{\"x\":\"{}\"}}],\"{}\":\"{v}\",\"z\":null}}", r.text("lo", 300), n.snake()),
        )
    },
    |r, n, v| {
        (
            format!("srv/{}/job.json", service(r)),
            format!("{{\n \"payload\": \"{{\\\"id\\\":7,\\\"{}\\\":\\\"{v}\\\"}}\"\n}}\n", n.snake()),
        )
    },
    |r, n, v| {
        (
            format!("usr/local/bin/{}.sh", service(r)),
            format!("#!/bin/sh\nset -eu\ncd /srv\nexport {}=\"{v}\"\nexec ./serve\n", n.0),
        )
    },
    |r, n, v| {
        (
            format!("opt/{}/install.sh", service(r)),
            format!("#!/bin/bash\ncat > /etc/app.conf <<EOT\nlevel=info\n{}={v}\nEOT\n", n.snake()),
        )
    },
    |r, n, v| {
        (format!("etc/{}/app.ini", service(r)), format!("[main]\n{}[remote]\n{} = {v}\n", lines(r, INI, 5), n.snake()))
    },
    |r, n, v| {
        (format!("srv/{}/app.properties", service(r)), format!("# properties\nhttp.port=80\n{}={v}\n", n.with(".")))
    },
    |r, n, v| {
        (
            format!("etc/{}/config.toml", service(r)),
            format!("title = \"x\"\n\n[remote]\nretries = 3\n{} = \"{v}\"\n", n.snake()),
        )
    },
    |r, n, v| {
        (
            format!("etc/{}/config.xml", service(r)),
            format!(
                "<?xml version=\"1.0\"?>\n<config>\n  <port>80</port>\n  <{0}>{1}</{0}>\n</config>\n",
                n.camel(),
                xml(v)
            ),
        )
    },
    |r, n, v| {
        (
            format!("srv/{}/app.config", service(r)),
            format!(
                "<configuration>\n <appSettings>\n  <add key=\"{}\" value=\"{}\" />\n </appSettings>\n</configuration>\n",
                n.pascal(),
                xml(v)
            ),
        )
    },
    |r, n, v| {
        (
            format!("etc/systemd/system/{}.service", service(r)),
            format!("[Service]\nExecStart=/srv/run\nEnvironment=\"{}={v}\"\nRestart=always\n", n.0),
        )
    },
    |r, n, v| {
        (
            format!("build/{}/Dockerfile", service(r)),
            format!("FROM debian:12\nRUN true\nENV {}={v}\nCMD [\"/srv\"]\n", n.0),
        )
    },
    |r, n, v| {
        (format!("build/{}/Containerfile", service(r)), format!("FROM alpine:3\nARG {}=\"{v}\"\nRUN make\n", n.0))
    },
    |r, n, v| (format!("tf/{}/prod.tfvars", service(r)), format!("region = \"eu\"\n{}    = \"{v}\"\n", n.snake())),
    |r, n, v| {
        (
            format!("tf/{}/main.tf", service(r)),
            format!("provider \"acme\" {{\n  region = \"eu\"\n  {} = \"{v}\"\n}}\n", n.snake()),
        )
    },
    |r, n, v| (format!("ci/{}/vars.yml", service(r)), format!("---\nusers: [a, b]\n{}: \"{v}\"\n", n.snake())),
    |r, n, v| {
        (
            format!("ci/{}/Jenkinsfile", service(r)),
            format!("pipeline {{\n  agent any\n  environment {{\n    {} = '{v}'\n  }}\n}}\n", n.0),
        )
    },
    |r, n, v| (format!("app/{}/settings.py", service(r)), format!("import os\n\nDEBUG = False\n{} = \"{v}\"\n", n.0)),
    |r, n, v| {
        (
            format!("app/{}/client.py", service(r)),
            format!("def client():\n    return Client(retries=3, {}='{v}')\n", n.snake()),
        )
    },
    |r, n, v| {
        (
            format!("app/{}/conf.py", service(r)),
            format!("CONF = {{\n    'port': 80,\n    '{}': '{v}',\n}}\n", n.snake()),
        )
    },
    |r, n, v| {
        (
            format!("app/{}/index.js", service(r)),
            format!("{}const {} = '{v}';\nmodule.exports = {{ start }};\n", lines(r, CODE, 3), n.camel()),
        )
    },
    |r, n, v| {
        (
            format!("app/{}/api.ts", service(r)),
            format!("export const options = {{\n  retries: 3,\n  {}: \"{v}\",\n}};\n", n.camel()),
        )
    },
    |r, n, v| {
        (
            format!("app/{}/main.go", service(r)),
            format!("package main\n\nconst (\n\tport = 80\n\t{} = \"{v}\"\n)\n", n.camel()),
        )
    },
    |r, n, v| {
        (
            format!("app/{}/Config.java", service(r)),
            format!("class Config {{\n    private static final String {} = \"{v}\";\n}}\n", n.0),
        )
    },
    |r, n, v| {
        (format!("app/{}/Config.kt", service(r)), format!("object Config {{\n    const val {} = \"{v}\"\n}}\n", n.0))
    },
    |r, n, v| {
        (
            format!("app/{}/Settings.cs", service(r)),
            format!("static class Settings\n{{\n    public const string {} = \"{v}\";\n}}\n", n.pascal()),
        )
    },
    |r, n, v| {
        (format!("app/{}/init.rb", service(r)), format!("Acme.configure do |c|\n  c.{} = '{v}'\nend\n", n.snake()))
    },
    |r, n, v| {
        (
            format!("app/{}/hash.rb", service(r)),
            format!("OPTIONS = {{\n  :port => 80,\n  :{} => '{v}',\n}}\n", n.snake()),
        )
    },
    |r, n, v| (format!("app/{}/define.php", service(r)), format!("<?php\ndefine('{}', '{v}');\n", n.0)),
    |r, n, v| {
        (
            format!("app/{}/array.php", service(r)),
            format!("<?php\nreturn [\n    'port' => 80,\n    '{}' => '{v}',\n];\n", n.snake()),
        )
    },
    |r, n, v| (format!("app/{}/lib.rs", service(r)), format!("const {}: &str = \"{v}\";\n", n.0)),
    |r, n, v| (format!("app/{}/wifi.h", service(r)), format!("#pragma once\n#define {} \"{v}\"\n", n.0)),
    |r, n, v| (format!("app/{}/run.pl", service(r)), format!("use strict;\nmy ${} = '{v}';\n", n.snake())),
    |r, n, v| {
        (format!("app/{}/run.ps1", service(r)), format!("$ErrorActionPreference = 'Stop'\n$env:{} = \"{v}\"\n", n.0))
    },
    |r, n, v| {
        (
            format!("app/{}/bundle.js", service(r)),
            format!("!function(e){{var t={{port:80,{}:\"{v}\"}},n=\"{}\"}}();", n.camel(), "ab,".repeat(700)),
        )
    },
    |r, n, v| (format!("app/{}/App.swift", service(r)), format!("import Foundation\nlet {} = \"{v}\"\n", n.camel())),
    |r, n, v| (format!("app/{}/Job.scala", service(r)), format!("object Job {{\n  val {} = \"{v}\"\n}}\n", n.camel())),
];

/// Texts where a value stands by itself.
pub(crate) const ALONE: &[Place] = &[
    |r, _, v| {
        (
            format!("usr/local/bin/{}", service(r)),
            format!("#!/bin/sh\ncurl -fsS -H \"Authorization: Bearer {v}\" https://api.acme.io/v2/jobs\n"),
        )
    },
    |r, _, v| {
        (
            format!("var/log/{}.log", service(r)),
            format!("2026-02-03T04:05:06Z INFO start\n2026-02-03T04:05:07Z WARN retry with {v} failed: 502\n"),
        )
    },
    |r, _, v| {
        (
            format!("srv/{}/dump.sql", service(r)),
            format!("CREATE TABLE s (k text, v text);\nINSERT INTO s VALUES ('a','b'),('hook','{v}');\n"),
        )
    },
    |r, _, v| (format!("srv/{}/rows.csv", service(r)), format!("id,owner,value\n1,ann,{v}\n2,bob,\n")),
    |r, _, v| {
        (
            format!("srv/{}/NOTES.md", service(r)),
            format!("# Deploying\n\nUse this for now:\n\n```\nlogin --with {v}\n```\n"),
        )
    },
    |r, _, v| {
        (
            format!("srv/{}/page.html", service(r)),
            format!("<html>\n<body>\n<script>start(\"{v}\")</script>\n</body></html>\n"),
        )
    },
    |r, _, v| {
        (
            format!("srv/{}/work.ipynb", service(r)),
            format!("{{\"cells\":[{{\"source\":[\n\"login(\\\"{v}\\\")\\n\"\n]}}]}}\n"),
        )
    },
    |r, _, v| {
        (
            format!("etc/cron.d/{}", service(r)),
            format!("SHELL=/bin/sh\n*/5 * * * * app /srv/sync --auth {v} > /dev/null\n"),
        )
    },
    |r, _, v| (format!("srv/{}/urls.txt", service(r)), format!("first\n  {v}\nlast\n")),
    |r, _, v| (format!("srv/{}/list.yml", service(r)), format!("accounts:\n  - ann\n  - {v}\n")),
    |r, _, v| (format!("srv/{}/core", service(r)), format!("\0\0ELF\u{1}{v}\0\0\0")),
    |r, _, v| {
        (format!("home/{}/.{}_history", service(r), r.pick(&["bash", "zsh"])), format!("ls -la\nlogin {v}\nexit\n"))
    },
];

fn xml(value: &str) -> String {
    value.replace('&', "&amp;")
}
