//! How fast a policy judges: 10,000 findings by 100 rules, 20 of them with a condition, and 500 waivers of all kinds.

#![allow(missing_docs, reason = "the macros of criterion make public items")]

use std::hint::black_box;
use std::time::Duration;

use careen::finding::{Finding, Location};
use careen::inventory::Origin;
use careen::path::ImagePath;
use careen::policy::{EvaluateContext, ImageFacts, Loader, PackageFacts, PolicySet};
use careen::rule::Rule;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const FINDINGS: usize = 10_000;
const RULES: usize = 100;
const WAIVERS: usize = 500;

/// Ecosystems of the made-up packages.
const KINDS: [&str; 5] = ["deb/debian", "npm", "pypi", "golang", "maven"];

fn rule(rules: &[&'static Rule], id: &str) -> &'static Rule {
    rules.iter().find(|rule| rule.id == id).expect("a rule of careen")
}

fn purl(number: usize) -> String {
    format!("pkg:{}/package-{}@1.{number}.0", KINDS[number % KINDS.len()], number % 700)
}

/// Three flaws of packages to one secret and one finding about the layers, as in large images.
fn findings(rules: &[&'static Rule]) -> Vec<Finding> {
    let secrets: Vec<&'static Rule> = rules.iter().filter(|rule| rule.id.starts_with("secret/")).copied().collect();
    let layer = [rule(rules, "layer/package-cache"), rule(rules, "image/setuid"), rule(rules, "image/world-writable")];
    let flaw = rule(rules, "package/vulnerable");
    (0..FINDINGS)
        .map(|number| {
            let layer_index = u32::try_from(number % 12).expect("small");
            let path =
                ImagePath::from(&*format!("srv/part-{}/module-{}/file-{number}.json", number % 40, number % 300));
            if number % 5 < 3 {
                let location = Location::Package { purl: purl(number), path, layer: layer_index };
                let id = format!("CVE-{}-{number:05}", 2015 + number % 11);
                let ids = serde_json::json!([id, format!("GHSA-aaaa-bbbb-{number:04}")]);
                let score = f64::from(u32::try_from(number % 100).expect("small")) / 10.0;
                let mut finding = Finding::new(flaw, id, location, "flawed")
                    .evidence("ids", ids)
                    .evidence("published", format!("20{}-0{}-11T00:00:00Z", 16 + number % 10, 1 + number % 9))
                    .evidence("rating", serde_json::json!({ "score": score }))
                    .evidence("epss", serde_json::json!({ "score": score / 10.0 }));
                finding.is_fixable = number.is_multiple_of(2);
                return finding;
            }
            let rule = if number % 5 == 3 { secrets[number % secrets.len()] } else { layer[number % layer.len()] };
            let subject = format!("srv/file-{number}");
            Finding::new(rule, subject, Location::File { path, layer: layer_index, lines: Some((3, 3)) }, "found")
        })
        .collect()
}

/// A policy whose rules and waivers ask for everything that there is to ask for.
fn policy(findings: &[Finding]) -> String {
    let mut text = String::from("edition = \"2026\"\n");
    for number in 0..RULES {
        let condition = match number % 10 {
            0 => format!("family = 'secret', path = '/srv/part-{}/**'", number % 40),
            1 => format!("rule = 'package/*', purl = 'pkg:npm/package-{number}@*', severity = '>=medium'"),
            2 => format!("rule = 'package/vulnerable', cvss = '>{}', age = '>={number}d'", 9.0),
            3 => format!("rule = 'package/vulnerable', epss = '>0.9', fixable = true, purl = '*package-{number}@1*'"),
            4 => format!("family = ['layer', 'image'], path = '**/module-{number}/*.json'"),
            5 => "family = 'package', ecosystem = ['golang', 'npm'], licence = 'GPL-*', fixable = true".to_owned(),
            6 => format!("subject = 'CVE-2017-*{number}'"),
            7 => format!("rule = 'secret/*', visibility = 'deleted', path = '/srv/{{a,b}}/*-{number}.*'"),
            8 => "severity = 'critical', confidence = '>=medium', origin = 'app', exploited = true".to_owned(),
            _ => format!("rule = 'package/vulnerable', fix-age = '>={number}d', origin = 'base', cvss = '<2'"),
        };
        text += &format!("[[rule]]\nmatch = {{ {condition} }}\naction = 'fail'\ngrace = '30d'\nhelp = 'ask us'\n");
        // two of each ten rules, of every kind
        if cfg!(feature = "cel") && [number / 10, (number / 10 + 5) % 10].contains(&(number % 10)) {
            text += match number % 4 {
                0 => "when = 'finding.severity == \"critical\" || size(finding.subject) > 20'\n",
                1 => "when = 'has(finding.cvss) && finding.cvss >= 3.0 && image.layers > 3'\n",
                2 => "when = 'finding.path.startsWith(\"/srv/part-1\") && !finding.fixable'\n",
                _ => "when = 'finding.rule.contains(\"e\") && finding.origin in [\"app\", \"unknown\"]'\n",
            };
        }
    }
    for number in 0..WAIVERS {
        let finding = &findings[number * 17 % findings.len()];
        let condition = match number % 5 {
            0 => format!("rule = 'CVE-{}-{:05}'", 2015 + number % 11, number * 3),
            1 => format!("rule = 'secret/*'\npath = '/srv/part-{}/**/file-*{number}.json'", number % 40),
            2 => format!("rule = 'package/vulnerable'\npurl = 'pkg:*/package-{number}@1.{number}*'"),
            3 => format!("rule = '{}'\nfingerprint = '{}'", finding.rule.id, finding.fingerprint()),
            _ => format!("rule = ['image/*', 'layer/*']\npath = '**/module-{number}/**'"),
        };
        text += &format!("[[waiver]]\n{condition}\nreason = 'known'\nexpires = 2099-01-31\n");
    }
    text
}

fn judge(criterion: &mut Criterion) {
    let rules = careen::scan::rules();
    let findings = findings(&rules);
    let loader = Loader { known: &rules, colour: false, fetch: None, waivers: &[] };
    let folder = std::env::temp_dir().join(format!("careen-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let file = folder.join("policy.toml");
    std::fs::write(&file, policy(&findings)).expect("written");
    let set: PolicySet = loader.load(&[file.to_string_lossy().into_owned()]).expect("in order");
    std::fs::remove_dir_all(&folder).expect("removed");
    assert_eq!(set.policies().iter().map(|policy| policy.rules.len()).sum::<usize>(), RULES);
    assert_eq!(set.policies().iter().map(|policy| policy.waivers.len()).sum::<usize>(), WAIVERS);
    let package = |number| PackageFacts {
        purl: purl(number),
        licence: Some(if number % 9 == 0 { "GPL-2.0-only" } else { "MIT" }.into()),
        is_expression: true,
        is_counted: true,
        ..PackageFacts::default()
    };
    let image = ImageFacts {
        reference: "registry.example/shop/api:1.4".into(),
        layers: Some(12),
        packages: (0..2_000).map(package).collect(),
        ..ImageFacts::default()
    };
    let origin = |finding: &Finding| match finding.layer() {
        Some(..4) => Origin::Base,
        _ => Origin::App,
    };
    let today = "2026-06-15".parse().expect("a date");
    let context = EvaluateContext { limitations: &[], today, origin: &origin, image: Some(&image) };
    let (judged, verdict) = set.evaluate(findings.clone(), &context).expect("conditions have values");
    assert!(judged.len() > FINDINGS && verdict.failed > 500 && verdict.waived > 100, "{verdict:?}");

    let mut group = criterion.benchmark_group("policy");
    group.sample_size(20).measurement_time(Duration::from_secs(5));
    group.bench_function("10,000 findings, 100 rules, 20 conditions, 500 waivers", |bencher| {
        bencher.iter_batched(
            || findings.clone(),
            |findings| black_box(set.evaluate(findings, &context)),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, judge);
criterion_main!(benches);
