//! Conditions in CEL: 10,000 findings under 100 of them, and single ones.

#![allow(missing_docs, reason = "criterion's macro makes a public function without a comment")]

use careen::finding::{Finding, Location};
use careen::inventory::Origin;
use careen::path::ImagePath;
use careen::policy::ImageFacts;
use careen::policy::condition::{Ages, Condition, FindingObject, ImageObject};
use careen::rule::{Rule, Severity};
use careen::time::Timestamp;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use serde_json::json;

static FLAW: Rule = Rule { id: "package/vulnerable", severity: Severity::High, ..Rule::NEW };
static SECRET: Rule = Rule { id: "secret/aws-access-key", severity: Severity::Critical, ..Rule::NEW };

const FINDINGS: usize = 10_000;
const CONDITIONS: usize = 100;

/// Nine flaws for each secret.
fn findings() -> Vec<Finding> {
    let path = |index: usize| ImagePath::from(&*format!("app/node_modules/module-{index}/package.json"));
    (0..FINDINGS)
        .map(|index| {
            let layer = u32::try_from(index % 10).unwrap_or_default();
            if index % 10 == 0 {
                let location = Location::File { path: path(index), layer, lines: None };
                return Finding::new(&SECRET, format!("app/{index}"), location, "a key");
            }
            let location =
                Location::Package { purl: format!("pkg:npm/module-{index}@1.0.{index}"), path: path(index), layer };
            Finding::new(&FLAW, format!("CVE-2026-{index:05}"), location, format!("module-{index} is affected"))
                .evidence("ids", json!([format!("CVE-2026-{index:05}"), "GHSA-35jh-r3h4-6jhm"]))
                .evidence("rating", json!({ "score": 7.2 }))
                .evidence("epss", json!({ "score": 0.01 }))
        })
        .collect()
}

/// What teams ask, each a little different.
fn conditions() -> Vec<Condition> {
    let kinds = [
        "finding.severity_rank >= 3 && finding.fixable && finding.fix_age_days > DAYS",
        "finding.severity == \"high\" && finding.cvss >= 9.1 && finding.age_days > DAYS",
        "finding.epss > 0.3 || finding.exploited || finding.age_days > 1000 + DAYS",
        "finding.origin == \"base\" && finding.family in [\"secret\", \"image\"] && finding.layer < DAYS",
        "finding.ids.exists(id, id.startsWith(\"CVE-2025-0DAYS\"))",
    ];
    (0..CONDITIONS)
        .filter_map(|index| Condition::compile(&kinds[index % kinds.len()].replace("DAYS", &index.to_string())).ok())
        .collect()
}

fn conditions_hold(criterion: &mut Criterion) {
    let (findings, conditions, facts) = (findings(), conditions(), ImageFacts::default());
    assert_eq!(conditions.len(), CONDITIONS, "all conditions compile");
    let now = Timestamp::from_unix(1_700_000_000);
    let ages = Ages { advisory: Some(30), fix: Some(20) };
    let mut group = criterion.benchmark_group("policy");
    group.throughput(Throughput::Elements((FINDINGS * CONDITIONS) as u64)).sample_size(10);
    group.bench_function("10,000 findings under 100 conditions", |bencher| {
        bencher.iter(|| {
            let image = ImageObject::new(&facts, now);
            let mut holding = 0;
            for finding in &findings {
                let object = FindingObject::new(finding, Origin::App, ages);
                holding += conditions.iter().filter(|one| one.holds(&object, &image) == Ok(true)).count();
            }
            holding
        });
    });
    group.throughput(Throughput::Elements(1)).sample_size(50);
    let finding = &findings[1];
    for text in [
        "finding.fixable",
        "finding.severity == \"critical\"",
        "finding.severity_rank >= 3 && finding.fixable && finding.fix_age_days > 14",
        "finding.purl.startsWith(\"pkg:npm/\") && finding.cvss >= 7.0",
        "finding.path.matches(\"^/app/[a-z]+/\")",
        "finding.ids.exists(id, id.startsWith(\"GHSA-\"))",
    ] {
        let Ok(condition) = Condition::compile(text) else { continue };
        let object = FindingObject::new(finding, Origin::App, ages);
        group.bench_function(text, |bencher| {
            bencher.iter_batched(
                || ImageObject::new(&facts, now),
                |image| (0..1_000).filter(|_| condition.holds(&object, &image) == Ok(true)).count(),
                criterion::BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

criterion_group!(benches, conditions_hold);
criterion_main!(benches);
