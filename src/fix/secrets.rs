//! Takes files with secrets out of every layer that holds them.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use serde_json::Value;

use crate::escape::escape;
use crate::finding::{Finding, Location, Visibility};
use crate::format::start::Start;
use crate::inventory::{Inventory, Secret, SecretPlace};
use crate::path::ImagePath;
use crate::rebuild::{Edit, Inner, Span};
use crate::rule::Severity;
use crate::tree::Node;

use super::drops::Drops;
use super::plan::{Kind, Risk, Safety};
use super::{Draft, Fixer, Job, Proposal};

/// Files with secrets.
pub(super) static SECRETS: Fixer = Fixer {
    id: "secrets",
    group: "secrets",
    title: "Files with secrets",
    rules: &[],
    does: "Takes a file with a secret out of each layer that holds it, under all its names, also where a later layer deletes or \
           replaces it; then proves that the value is nowhere in the output: in no layer, no archive, no document, nor in \
           base64. Where it must stay in another place, the plan says so. A file that no container sees goes unseen; one that is there at run time goes with a look (`--yes`), since \
           the application may read it. With `--redact-in-place` a text stays, with `*` in each place of the value. An archive, a \
           database or an object of git goes whole, with a look.",
    never: "Never touches files that packages own, the image's command, programs, or findings that are information, such as \
            keys that were published as examples or have a wrong checksum: the plan lists these. A secret that was in an image is known: it must be made anew wherever it \
            was valid.",
    plan,
};

/// What must be done besides, whatever happens to the image.
pub(super) const ROTATE: &str = "make the secret anew where it is valid: it was in an image";

/// The secrets of one file.
#[derive(Default)]
struct OfFile<'a> {
    secrets: Vec<&'a Secret>,
    findings: Vec<&'a Finding>,
}

/// What tells the secrets of an image apart, as far as findings say it: rule, path, layer, lines, the first byte, and who sees
/// it. A layer may have a name any number of times, so that several may have all in common.
type Mark<'a> = (&'a str, &'a ImagePath, u32, Option<(u64, u64)>, u64, (Visibility, Option<u32>));

fn plan(job: &Job<'_>, draft: &mut Draft<'_>) {
    let mut open: HashMap<Mark<'_>, VecDeque<&Finding>> = HashMap::new();
    for finding in job.findings_of("secret").filter(|finding| finding.severity > Severity::Info) {
        let Location::File { path, layer, lines } = &finding.location else { continue };
        let offset = finding.evidence.get("offset").and_then(Value::as_u64).unwrap_or_default();
        let seen = (finding.visibility, finding.removed_in_layer);
        open.entry((finding.rule.id, path, *layer, *lines, offset, seen)).or_default().push_back(finding);
    }
    let mut files: BTreeMap<Node, OfFile<'_>> = BTreeMap::new();
    for secret in &job.image.secrets {
        let SecretPlace::File { node, path, lines, offset } = &secret.place else { continue };
        let seen = match job.image.tree.hidden(*node) {
            Some(hidden) if hidden.overwritten => (Visibility::Overwritten, Some(hidden.by_layer)),
            Some(hidden) => (Visibility::Deleted, Some(hidden.by_layer)),
            None => (Visibility::Live, None),
        };
        let Some(own) = open.get_mut(&(secret.rule.id, path, node.layer, *lines, *offset, seen)) else { continue };
        // each has its own; where some are waived, nobody knows which, and the last one stands for all that are left
        let Some(finding) = (if own.len() > 1 { own.pop_front() } else { own.front().copied() }) else { continue };
        let of_file = files.entry(*node).or_default();
        of_file.secrets.push(secret);
        of_file.findings.push(finding);
    }
    for (node, mut of_file) in files {
        let mut known = HashSet::new();
        of_file.findings.retain(|finding| known.insert(std::ptr::from_ref(*finding)));
        one(job, draft, node, &of_file);
    }
}

/// Where secrets stand in a file, and in the files that it holds.
pub(super) type Places = (BTreeSet<Span>, BTreeSet<Inner>);

/// The places of all secrets of these findings, by layer and member.
pub(super) fn places(image: &Inventory, findings: &[&Finding]) -> BTreeMap<(u32, u32), Places> {
    let mut places: BTreeMap<(u32, u32), Places> = BTreeMap::new();
    let open: BTreeSet<(&ImagePath, u32, &str)> = findings
        .iter()
        .filter(|finding| finding.rule.family() == "secret" && finding.severity > Severity::Info)
        .filter_map(|finding| match &finding.location {
            Location::File { path, layer, .. } => Some((path, *layer, finding.rule.id)),
            _ => None,
        })
        .collect();
    for secret in &image.secrets {
        let SecretPlace::File { node, path, .. } = &secret.place else { continue };
        if !open.contains(&(path, node.layer, secret.rule.id)) {
            continue;
        }
        place(image, secret, *node, places.entry((node.layer, node.member)).or_default());
    }
    places
}

/// Adds the place of a secret to those of its member.
pub(super) fn place(image: &Inventory, secret: &Secret, node: Node, (spans, inner): &mut Places) {
    let outer = image.tree.names_of(node).next().unwrap_or(&image.tree.entry(node).path);
    match inside(secret, outer) {
        Some(found) => drop(inner.insert(found)),
        None => spans.extend(span(secret)),
    }
}

fn one(job: &Job<'_>, draft: &mut Draft<'_>, node: Node, of_file: &OfFile<'_>) {
    let tree = &job.image.tree;
    let path = tree.names_of(node).next().unwrap_or(&tree.entry(node).path).clone();
    let refuse = |draft: &mut Draft<'_>, reason: &str, hint: &str| {
        for finding in &of_file.findings {
            draft.refuse(finding, reason, format!("{hint}; {ROTATE}"));
        }
    };
    if let Some(no) = job.guard.keeps_file(node) {
        return refuse(draft, &no.reason, &no.hint);
    }
    if matches!(job.image.starts.get(node), Some(Start::Elf { .. })) {
        return refuse(draft, &format!("`{path}` is a program"), "build it anew without the secret");
    }
    let is_live = tree.names_of(node).next().is_some();
    let inner: BTreeSet<Inner> = of_file.secrets.iter().filter_map(|secret| inside(secret, &path)).collect();
    let is_inside = !inner.is_empty();
    let own = of_file.secrets.iter().filter(|secret| inside(secret, &path).is_none());
    let spans: BTreeSet<Span> = own.filter_map(|secret| span(secret)).collect();
    let (count, noun) = match of_file.secrets.len() {
        1 => (1, "secret"),
        several => (several, "secrets"),
    };
    let before = format!("{count} {noun}: {}", titles(&of_file.secrets));
    let has_lines =
        of_file.secrets.iter().all(|secret| matches!(&secret.place, SecretPlace::File { lines: Some(_), .. }));
    if job.wishes.redacts_in_place && has_lines && !is_inside && is_setting(&path) {
        let edits = vec![Edit::BlankBytes { member: job.member(node), spans: spans.into_iter().collect() }];
        draft.propose(Proposal {
            kind: Kind::Blank,
            findings: of_file.findings.clone(),
            path: path.to_string(),
            layer: Some(node.layer),
            before,
            after: "`*` in place of each value".into(),
            safety: if is_live { Safety::Review } else { Safety::Safe },
            risk: if is_live { Risk::High } else { Risk::Low },
            reason: format!("asked for with `--redact-in-place`; {ROTATE}"),
            is_asked: true,
            edits,
        });
        return;
    }
    let mut drops = Drops::of(job, &[node], &|_: &ImagePath| true);
    if let Some(no) = drops.no.take() {
        return refuse(draft, &no.reason, &no.hint);
    }
    for edit in &mut drops.edits {
        if let Edit::DropMember { member, secrets, inside } = edit
            && (member.layer, member.member) == (node.layer, node.member)
        {
            *secrets = spans.iter().copied().collect();
            *inside = inner.iter().cloned().collect();
        }
    }
    let why = match (is_inside, is_live) {
        (true, true) => "it holds other files, and goes with all of them: see that nothing needs it",
        (true, false) => "it holds other files, and no container sees it",
        (false, true) => "the application may read it: give it the secret when it starts",
        (false, false) => "no container sees it, and its bytes ship all the same",
    };
    draft.propose(Proposal {
        kind: Kind::Remove,
        findings: of_file.findings.clone(),
        path: path.to_string(),
        layer: Some(node.layer),
        before,
        after: "gone from the layer, with all its names".into(),
        safety: if is_live || is_inside { Safety::Review } else { Safety::Safe },
        risk: if is_live { Risk::High } else { Risk::Low },
        reason: format!("{why}; {ROTATE}"),
        is_asked: false,
        edits: drops.edits,
    });
}

/// What the secrets are, each kind once.
fn titles(secrets: &[&Secret]) -> String {
    const NAMED: usize = 3;
    let titles: BTreeSet<&str> = secrets.iter().map(|secret| secret.rule.title).collect();
    let named: Vec<&str> = titles.iter().copied().take(NAMED).collect();
    match titles.len().saturating_sub(NAMED) {
        0 => named.join(", "),
        more => format!("{} and {more} more", named.join(", ")),
    }
}

/// Where the secret stands in a file inside of the file at `outer`, if it does.
fn inside(secret: &Secret, outer: &ImagePath) -> Option<Inner> {
    let SecretPlace::File { path, .. } = &secret.place else { return None };
    let file = path.as_bytes().strip_prefix(outer.as_bytes())?.strip_prefix(b"!")?;
    let (offset, length) = secret.extent()?;
    Some(Inner { file: escape(file), offset, length })
}

fn span(secret: &Secret) -> Option<Span> {
    let (offset, length) = secret.extent()?;
    (length > 0).then_some(Span { offset, length })
}

/// Endings and names of texts that hold settings, where `*` in place of a value leaves the form as it is.
fn is_setting(path: &ImagePath) -> bool {
    const ENDINGS: &[&str] = &[
        "cfg",
        "cnf",
        "conf",
        "config",
        "env",
        "ini",
        "json",
        "netrc",
        "npmrc",
        "properties",
        "pypirc",
        "toml",
        "txt",
        "yaml",
        "yml",
    ];
    let name = String::from_utf8_lossy(path.file_name()).to_ascii_lowercase();
    // `.env`, `.env.local`, `.npmrc`
    let bare = name.trim_start_matches('.');
    let is_dotted = name.starts_with('.') && ENDINGS.contains(&bare.split('.').next().unwrap_or(bare));
    is_dotted || bare.rsplit_once('.').is_some_and(|(_, ending)| ENDINGS.contains(&ending))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, hard_link, layered, shown};
    use super::super::{Wishes, plan_findings};
    use super::*;
    use crate::format::start::Start;
    use crate::inventory::Starts;
    use crate::rule::Confidence;

    fn with(mut image: Inventory, secrets: &[(u32, u32, &str, Severity)]) -> Inventory {
        let rule = crate::secret::RULES.iter().find(|rule| rule.id == "secret/github-pat").expect("a rule");
        for (layer, member, path, severity) in secrets {
            image.secrets.push(Secret {
                rule,
                severity: *severity,
                confidence: Confidence::High,
                place: SecretPlace::File {
                    node: Node { layer: *layer, member: *member },
                    path: (*path).into(),
                    lines: Some((2, 2)),
                    offset: 6,
                },
                masked: "****".into(),
                id: format!("{layer}{member}"),
                length: 40,
                coded: (*path == "srv/coded.yaml").then_some((6, 56)),
                notes: Vec::new(),
            });
        }
        image
    }

    fn planned(image: &Inventory, wishes: &Wishes) -> Vec<String> {
        let findings = crate::secret::findings(image, "2026-11-21".parse().expect("a date"), None);
        shown(&plan_findings(image, &findings.iter().collect::<Vec<_>>(), wishes))
    }

    #[test]
    fn files_go_from_each_layer_with_all_their_names() {
        let high = Severity::High;
        let image = layered(vec![
            vec![
                file("srv/.env", 80),
                hard_link("srv/copy", "srv/.env"),
                file("opt/a.zip", 900),
                file("usr/bin/tool", 99),
            ],
            vec![file("srv/new.conf", 80), file("srv/example.txt", 80)],
            vec![file("srv/.env", 10), hard_link("srv/copy", "srv/.env")],
        ]);
        let mut image = with(
            image,
            &[
                (0, 0, "srv/.env", high),
                (0, 2, "opt/a.zip!in/.env", high),
                (0, 3, "usr/bin/tool", high),
                (1, 0, "srv/new.conf", high),
                (1, 1, "srv/example.txt", Severity::Info),
            ],
        );
        let elf = Start::Elf { machine: 62, is_big_endian: false, loader: None };
        image.starts = Starts::of([(Node { layer: 0, member: 3 }, elf)]);
        let only = |redacts_in_place| Wishes { only: vec!["secrets"], redacts_in_place, ..Wishes::default() };
        let one = "1 secret: A GitHub personal access token";
        assert_eq!(
            planned(&image, &only(false)),
            [
                format!("secrets-1 review /opt/a.zip@0: {one}: drop 2"),
                format!("secrets-2 safe /srv/.env@0: {one}: drop 0 1"),
                format!("secrets-3 review /srv/new.conf@1: {one}: drop 0"),
                "refused /srv/example.txt: it is information: no rule takes it for a secret in use".to_owned(),
                "refused /usr/bin/tool: `/usr/bin/tool` is a program".to_owned(),
            ]
        );
        assert_eq!(
            planned(&image, &only(true)),
            [
                format!("secrets-1 review /opt/a.zip@0: {one}: drop 2"),
                format!("secrets-2 safe /srv/.env@0: {one}: blank 0"),
                format!("secrets-3 review+ /srv/new.conf@1: {one}: blank 0"),
                "refused /srv/example.txt: it is information: no rule takes it for a secret in use".to_owned(),
                "refused /usr/bin/tool: `/usr/bin/tool` is a program".to_owned(),
            ]
        );
    }

    #[test]
    fn a_name_that_the_policy_keeps_keeps_the_file() {
        let image = layered(vec![vec![file("srv/.env", 80), hard_link("srv/copy", "srv/.env")]]);
        let image = with(image, &[(0, 0, "srv/.env", Severity::High)]);
        for redacts_in_place in [false, true] {
            let keep = vec![crate::policy::Glob::path("srv/copy").expect("a glob")];
            let policy = crate::policy::FixPolicy { keep, ..Default::default() };
            let wishes = Wishes { only: vec!["secrets"], redacts_in_place, policy, ..Wishes::default() };
            assert_eq!(planned(&image, &wishes), ["refused /srv/.env: `[fix] keep` of the policy has `/srv/copy`"]);
        }
    }

    #[test]
    fn each_member_of_one_name_has_a_finding_of_its_own() {
        let members = |count: u32| {
            let image = layered(vec![(0..count).map(|_| file("srv/.env", 80)).collect()]);
            let secrets: Vec<_> = (0..count).map(|member| (0, member, "srv/.env", Severity::High)).collect();
            with(image, &secrets)
        };
        let image = members(40);
        let mut findings = crate::secret::findings(&image, "2026-11-21".parse().expect("a date"), None);
        crate::finding::tell_apart(&mut findings);
        let planned = |open: &[Finding]| {
            let plan = plan_findings(&image, &open.iter().collect::<Vec<_>>(), &Wishes::default());
            plan.actions.into_iter().map(|action| action.findings).collect::<Vec<_>>()
        };
        let all = planned(&findings);
        assert!(all.len() == 40 && all.iter().all(|findings| findings.len() == 1), "{all:?}");
        let told: BTreeSet<String> = all.into_iter().flatten().collect();
        assert_eq!(told.len(), 40, "all are told");
        // one that no container sees is waived: nobody knows of which member it is
        let rest = planned(&findings[..39]);
        assert!(rest.len() == 40 && rest.iter().all(|findings| findings.len() == 1), "{rest:?}");
    }

    #[test]
    fn whoever_takes_a_file_out_has_its_secrets_sought() {
        let image = layered(vec![vec![file("srv/.env", 80)], vec![file("srv/.wh..env", 0)]]);
        let image = with(image, &[(0, 0, "srv/.env", Severity::High)]);
        let mut findings = super::super::testing::findings(&image);
        findings.extend(crate::secret::findings(&image, "2026-11-21".parse().expect("a date"), None));
        let plan = plan_findings(&image, &findings.iter().collect::<Vec<_>>(), &Wishes::default());
        let sought: Vec<_> = plan
            .active()
            .flat_map(|action| &action.edits.0)
            .filter_map(|edit| match edit {
                Edit::DropMember { member, secrets, .. } if member.member == 0 && member.layer == 0 => {
                    Some(secrets.len())
                }
                _ => None,
            })
            .collect();
        assert_eq!(sought, [1, 1], "{:?}", shown(&plan));
    }

    #[test]
    fn what_has_more_secrets_than_are_listed_stays() {
        let mut image = with(layered(vec![vec![file("srv/.env", 80)]]), &[(0, 0, "srv/.env", Severity::High)]);
        let gap = crate::limitation::Limitation::gap(crate::secret::SECRETS_NOT_LISTED, "/srv/.env", "one more");
        image.limitations.push(gap);
        for redacts_in_place in [false, true] {
            let wishes = Wishes { only: vec!["secrets"], approves_all: true, redacts_in_place, ..Wishes::default() };
            let why = "`/srv/.env` has more secrets than are listed, and the others would not be sought elsewhere";
            assert_eq!(planned(&image, &wishes), [format!("refused /srv/.env: {why}")]);
        }
    }
}
