use unicode_width::UnicodeWidthStr as _;

use super::finding::{headline, sentence, without_arguments};
use super::*;
use crate::advisory::finding::STALE;
use crate::finding::{Finding, Location};
use crate::output::sample;

fn render(report: &Report, style: &Style) -> String {
    let mut out = Vec::new();
    Text.render(std::slice::from_ref(report), style, &mut out).expect("memory can be written");
    String::from_utf8(out).expect("UTF-8")
}

#[test]
fn sources_that_are_old_are_one_line() {
    let mut report = sample::report();
    let of = |(family, days): (&str, i64)| Judged {
        finding: Finding::new(&STALE, family, Location::Image, format!("{family} is old")).evidence("days", days),
        action: Action::Warn,
        decided_by: String::new(),
        decided_at: None,
        note: None,
        help: None,
        waiver: None,
    };
    report.findings = [("osv/Debian", 9), ("osv/PyPI", 30)].map(of).into();
    let expected = "  low       data/stale  the advisories of 2 sources are 9 to 30 days old: osv/Debian, osv/PyPI\n  \
                    warns     the whole image\n";
    let wide = Style { width: 120, ..sample::style() };
    assert!(render(&report, &wide).contains(expected), "{}", render(&report, &wide));
    let verbose = render(&report, &Style { verbose: true, ..wide });
    assert!(verbose.contains("osv/Debian is old") && verbose.contains("osv/PyPI is old"), "{verbose}");
}

#[test]
fn a_report_is_read_by_people() {
    insta::assert_snapshot!(render(&sample::report(), &sample::style()), @r"
    registry.example.com/shop/api:1.4, sha256:05b3abf2579a, linux/amd64,
      Debian GNU/Linux 12 (bookworm), 4 layers, 40.0 MiB
    base: debian:12, 1 of 4 layers guessed by history, confidence low
    packages: 1 deb, 1 pypi (1 owned by system packages)

    secret: 2 findings
      critical  secret/aws-access-key  holds an AWS access key
                (AKIA************WXYZ)
      fails     /app/.env:3, layer 2 `COPY . /a…`, deleted in layer 3, still shipped
                to do: Revoke the key, then keep it out of the build with
                `--mount=type=secret`
      high      secret/build-argument  the build argument `NPM_TOKEN` holds a token
      fails     build step 4 NPM_TOKEN, layer 1 `RUN apt-get update && apt-get ins…`

    image: 2 findings
      medium    image/root-user  starts as `root`, uid 0
      warns     config User
      info      image/wasted-space  12.0 MiB of 40.0 MiB are in no container
      warns     the whole image

    layer: 7 findings
      low       layer/package-cache  an apt cache of 1.0 MiB
      warns     /var/cache/apt/archives/package-0.deb, layer 1 `RUN apt-get update…`
      low       layer/package-cache  an apt cache of 1.0 MiB
      warns     /var/cache/apt/archives/package-1.deb, layer 1 `RUN apt-get update…`
      low       layer/package-cache  an apt cache of 1.0 MiB
      warns     /var/cache/apt/archives/package-2.deb, layer 1 `RUN apt-get update…`
      low       layer/package-cache  an apt cache of 1.0 MiB
      warns     /var/cache/apt/archives/package-3.deb, layer 1 `RUN apt-get update…`
      low       layer/package-cache  an apt cache of 1.0 MiB
      warns     /var/cache/apt/archives/package-4.deb, layer 1 `RUN apt-get update…`
                and 2 more of layer/package-cache, shown with -v

    not read: 1 gap
      layer 1: gzip data ends early, after 41.2 MiB (layer-truncated)
        help: fetch the archive again

    not shown: 1 waived, 1 ignored by the policy, 1 note

    failed: 2 findings break careen:2026
      careen:2026 secrets (careen:2026:17): 2 findings fail; to pass: revoke
        the credential first, then rebuild without it
    next: careen explain secret/aws-access-key
    ");
}

#[test]
fn a_dockerfile_of_another_image_is_told_without_being_asked() {
    let mut report = sample::report();
    report.limitations.push(Limitation::note("dockerfile-not-aligned", "Dockerfile", "is not its file"));
    let text = render(&report, &sample::style());
    assert!(text.contains("Dockerfile: is not its file (dockerfile-not-aligned)"), "{text}");
    assert!(text.contains("1 ignored by the policy, 1 note\n"), "{text}");
}

#[test]
fn a_verbose_report_says_everything() {
    let style = Style { verbose: true, show_waived: true, least: Severity::Medium, ..sample::style() };
    insta::assert_snapshot!(render(&sample::report(), &style), @r"
    registry.example.com/shop/api:1.4, sha256:05b3abf2579a, linux/amd64,
      Debian GNU/Linux 12 (bookworm), 4 layers, 40.0 MiB
    base: debian:12, 1 of 4 layers guessed by history, confidence low
    packages: 1 deb, 1 pypi (1 owned by system packages)

    secret: 2 findings
      critical  secret/aws-access-key  holds an AWS access key
                (AKIA************WXYZ)
      fails     /app/.env:3, layer 2 `COPY . /a…`, deleted in layer 3, still shipped
                confidence high; masked AKIA************WXYZ; decided by
                careen:2026; id bbc8ce635552913a630362d64338541a
                to do: Revoke the key, then keep it out of the build with
                `--mount=type=secret`.
      high      secret/build-argument  the build argument `NPM_TOKEN` holds a token
      fails     build step 4 NPM_TOKEN, layer 1 `RUN apt-get update && apt-get ins…`
                confidence high; decided by careen:2026; id
                524d082c9b6fca012456b42cbbe1a23a

    package: 1 finding
      medium    package/end-of-life  openssl 3.0.11-1 is maintained no more
                (pkg:deb/debian/openssl@3.0.11-1?arch=amd64&distro=debian-12)
      waived    /var/lib/dpkg/status, layer 1 `RUN apt-get update && apt-get insta…`
                confidence high; decided by careen:2026; id
                0f56e15b3da0438881cdc46831ff104a
                waived until 2027-01-01 in careen.toml:12: the port is closed by the
                firewall

    image: 1 finding
      medium    image/root-user  starts as `root`, uid 0
      warns     config User
                confidence high; decided by careen:2026; id
                ad0a5e8baac1459dc32e2d471a6b2c2b

    not read: 1 gap
      layer 1: gzip data ends early, after 41.2 MiB (layer-truncated)
        help: fetch the archive again

    noticed: 1 note
      layer 2: 512 bytes after the end of the archive (trailing-bytes)

    not shown: 8 below medium, 1 ignored by the policy

    failed: 2 findings break careen:2026
      careen:2026 secrets (careen:2026:17): 2 findings fail; to pass: revoke
        the credential first, then rebuild without it
    next: careen explain secret/aws-access-key
    ");
}

#[test]
fn a_clean_report_is_short() {
    insta::assert_snapshot!(render(&sample::empty(), &sample::style()), @r"
    standard input, 0 layers, 0 B
    packages: none found

    passed: nothing breaks careen:2026
    next: careen scan - -f json
    ");
}

#[test]
fn hostile_text_is_shown_and_does_nothing() {
    insta::assert_snapshot!(render(&sample::hostile(), &sample::style()), @r"
    image<script>alert(1)</sc…ample){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f,
      sha256:05b3abf2579a,
      <script>alert(1)</script>…ample){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f,
      <script>alert(1)</script>…ample){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f,
      4 layers, 40.0 MiB
    base: <script>alert(1)</s…ample){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f,
      1 of 4 layers guessed by history, confidence low,
      <script>alert(1)</script>…example){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f
    packages: 1 deb, 1 pypi (1 owned by system packages)

    secret: 2 findings
      critical  secret/aws-access-key  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      fails     /a:b/<s…rged: %41 ?#[]:3, layer 2, deleted in layer 3, still shipped
                to do: Revoke the key, then keep it out of the build with
                `--mount=type=secret`
      high      secret/build-argument  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      fails     build step 4 <scrip…1b[2J\u{202e}\u{9b}\nforged: line\r\x7f, layer 1

    image: 2 findings
      medium    image/root-user  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      warns     config <script>alert(1…){0}\x1b[2J\u{202e}\u{9b}\nforged: line\r\x7f
      info      image/wasted-space  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      warns     the whole image

    layer: 7 findings
      low       layer/package-cache  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
      low       layer/package-cache  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
      low       layer/package-cache  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
      low       layer/package-cache  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
      low       layer/package-cache  holds
                <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{…
      warns     /a:b/<script>|\x1b[2J\xff\u{202e}\nforged: %41 ?#[], layer 1
                and 2 more of layer/package-cache, shown with -v

    not read: 1 gap
      <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9b}
      \nforged: line\r\x7f:
      <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9b}
      \nforged: line\r\x7f (layer-unreadable)
        help:
        <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9
        b}\nforged: line\r\x7f

    not shown: 1 waived, 1 ignored by the policy

    failed:
      <script>alert(1)</script>|`x`[y](https://evil.example){0}\x1b[2J\u{202e}\u{9b}
      \nforged: line\r\x7f
      careen:2026 secrets (careen:2026:17): 2 findings fail; to pass: revoke
        the credential first, then rebuild without it
    next: careen explain secret/aws-access-key
    ");
}

#[test]
fn a_headline_keeps_what_the_place_does_not_say() {
    let file = Location::File { path: "usr/local/lib/project/bin/helper".into(), layer: 1, lines: None };
    let config = Location::Config { key: "Env.TOKEN".into() };
    let history = Location::History { index: 4, layer: None, key: "TOKEN".into() };
    let cases = [
        (&file, "`/usr/local/lib/project/bin/helper` is setuid", "`/usr/l…t/bin/helper` is setuid"),
        (&file, "token in /usr/local/lib/project/bin/helper: ab…yz", "token: ab…yz"),
        (&config, "token in configuration, Env.TOKEN: ab…yz", "token: ab…yz"),
        (&history, "token in build step 4, TOKEN: ab…yz", "token: ab…yz"),
        (&history, "token in build step 4, TOKENS", "token in build step 4, TOKENS"),
        (&config, "a sentence that goes on and on and on: 5 B", "a sentence that goes on and on | and on: 5 B"),
        (
            &config,
            "a sentence that goes on and on and on and on and on and on and on",
            "a sentence that goes on and on | and on and on and on and on an…",
        ),
        (
            &file,
            "`/usr/local/lib/project/bin/helper` is 42 B (5 MiB over) beyond this",
            "`/usr/…bin/helper` is 42 B (5 | MiB over) beyond this",
        ),
    ];
    for (location, message, shown) in cases {
        let rule = sample::report().findings[0].finding.rule;
        let finding = Finding::new(rule, "", location.clone(), message);
        let (first, second) = headline(&sentence(&finding), &finding, 31, 31);
        let text = second.map_or_else(|| first.clone(), |second| format!("{first} | {second}"));
        assert_eq!(text, shown);
    }
}

#[test]
fn what_is_worth_knowing_only_is_counted_by_file() {
    let mut report = sample::report();
    let mut of = report.findings.iter().find(|judged| judged.finding.severity == Severity::Info).cloned();
    let template = of.take().expect("the sample has one");
    let deep = "usr/share/doc/a-package-with-a-long-name/examples/keys-that-open-nothing.txt";
    report.findings = [("etc/a", 1), ("etc/b", 7), ("etc/a", 9), (deep, 1), (deep, 2)]
        .into_iter()
        .map(|(path, line)| {
            let mut judged = template.clone();
            judged.finding.location = Location::File { path: path.into(), layer: 1, lines: Some((line, line)) };
            judged
        })
        .collect();
    let text = render(&report, &sample::style());
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("image: 5")).skip(1).take(5).collect();
    insta::assert_snapshot!(lines.join("\n"), @r"
    info      image/wasted-space  2 findings (warns) in /etc/a, layer 1
    info      image/wasted-space  12.0 MiB of 40.0 MiB are in no container (image)
    warns     /etc/b:7, layer 1 `RUN apt-get update && apt-get install -y openssl`
    info      image/wasted-space  2 findings in this file
    warns     /usr/share/doc/a-pa…ame/examples/keys-that-open-nothing.txt, layer 1
    ");
    let verbose = render(&report, &Style { verbose: true, ..sample::style() });
    assert!(verbose.contains("/etc/a:9,"), "{verbose}");
}

#[test]
fn the_forms_in_the_documentation_are_printed() {
    let mut counted = sample::report();
    let waste = counted.findings.iter().position(|judged| judged.finding.severity == Severity::Info);
    let mut judged = counted.findings.swap_remove(waste.expect("the sample has one"));
    judged.finding.location = Location::File { path: "etc/a".into(), layer: 1, lines: None };
    counted.findings = vec![judged.clone(), judged];
    let printed = render(&sample::report(), &sample::style()) + &render(&counted, &sample::style());
    let document = include_str!("../../../docs/formats/report.md");
    let example = document.split("```\n").nth(1).expect("an example");
    for line in example.lines() {
        assert!(printed.lines().any(|other| other == line), "nothing prints: {line}");
    }
}

#[test]
fn the_first_line_leaves_out_what_is_not_known() {
    let mut report = sample::empty();
    report.target.reference = "rootd".into();
    report.target.distro = Some(crate::inventory::Distro::default());
    assert!(render(&report, &sample::style()).starts_with("rootd, 0 layers, 0 B\n"));
}

#[test]
fn rules_that_decided_are_two_lines_each_and_warnings_wait_for_v() {
    let mut report = sample::report();
    let deciding = |nth: usize, action| Deciding {
        rule: format!("ours rule {nth}"),
        place: Some(format!("policy.toml:{nth}")),
        action,
        findings: nth,
        ids: Vec::new(),
        remedies: vec!["upgrade a to 2; and so on and so forth ".repeat(6), "another".into()],
    };
    report.verdict.rules = (1..8).map(|nth| deciding(nth, if nth < 7 { Action::Fail } else { Action::Warn })).collect();
    let text = render(&report, &sample::style());
    let lines: Vec<&str> = text.lines().skip_while(|line| !line.starts_with("failed")).collect();
    assert!(lines[1].starts_with("  ours rule 1 (policy.toml:1): 1 finding fails; to pass: upgrade"), "{lines:#?}");
    assert!(lines[2].starts_with("    ") && lines[2].ends_with(" …"), "{lines:#?}");
    assert_eq!(lines.len(), 1 + 2 * SHOWN_OF_A_RULE + 2, "{lines:#?}");
    assert_eq!(lines[1 + 2 * SHOWN_OF_A_RULE], "  and 1 more rule of the policy, shown with -v");
    let verbose = render(&report, &Style { verbose: true, ..sample::style() });
    assert!(verbose.contains("  ours rule 7 (policy.toml:7): 7 findings warn; to pass:"), "{verbose}");
}

#[test]
fn several_images_have_one_verdict() {
    let render = |reports: &[Report]| {
        let mut out = Vec::new();
        Text.render(reports, &sample::style(), &mut out).expect("memory can be written");
        String::from_utf8(out).expect("UTF-8")
    };
    let with = |outcome, platform: &str| {
        let mut report = sample::report();
        report.verdict.outcome = outcome;
        report.target.platform = Some(platform.parse().expect("a platform"));
        report
    };
    let (amd, arm, s390) = ("linux/amd64", "linux/arm64", "linux/s390x");
    let cases = [
        (
            vec![with(Outcome::Passed, amd), with(Outcome::Failed, arm), with(Outcome::Incomplete, s390)],
            "overall failed: 1 of 3 platforms\n  passed      linux/amd64\n  failed      linux/arm64\n  incomplete  linux/s390x\n",
        ),
        (
            vec![with(Outcome::Passed, amd), with(Outcome::Incomplete, arm)],
            "overall incomplete: 1 of 2 platforms\n  passed      linux/amd64\n  incomplete  linux/arm64\n",
        ),
        (
            vec![with(Outcome::Passed, amd), with(Outcome::Passed, arm)],
            "overall passed: all 2 platforms\n  passed      linux/amd64\n  passed      linux/arm64\n",
        ),
    ];
    for (reports, expected) in cases {
        let text = render(&reports);
        assert!(text.ends_with(expected), "{text}");
    }
    assert!(!render(&[with(Outcome::Failed, amd)]).contains("overall"));
}

#[test]
fn every_line_fits() {
    for width in [10, 60, 80, 100, 500] {
        for report in [sample::report, sample::hostile, sample::empty] {
            for verbose in [false, true] {
                let style = Style { width, verbose, packages: verbose, show_waived: true, ..sample::style() };
                let text = render(&report(), &style);
                for line in text.lines().filter(|line| !line.starts_with("next: ")) {
                    assert!(line.width() <= width.clamp(LEAST_WIDTH, MOST_WIDTH), "{width}: {line}");
                    assert_eq!(line, line.trim_end());
                }
            }
        }
    }
}

#[test]
fn colours_add_nothing_but_colours() {
    let plain = render(&sample::report(), &sample::style());
    let coloured = render(&sample::report(), &Style { colour: true, ..sample::style() });
    assert!(coloured.contains('\x1b'));
    let mut stripped = String::new();
    for (index, part) in coloured.split('\x1b').enumerate() {
        stripped.push_str(if index == 0 { part } else { part.split_once('m').expect("a colour").1 });
    }
    assert_eq!(stripped, plain);
}

#[test]
fn steps_and_commands_are_shown_as_people_write_them() {
    assert_eq!(without_arguments("RUN |1 A=b /bin/sh -c make"), "RUN make");
    assert_eq!(without_arguments("RUN echo /bin/sh -c x"), "RUN echo /bin/sh -c x");
    assert_eq!(quote("out dir/it's.tar"), "'out dir/it'\\''s.tar'");
}
