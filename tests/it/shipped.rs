//! What packages ship weighs less than what the image's author put in, and only where nobody touched it.

use careen::digest::ContentDigests;

use crate::support::image::{Built, Packing};
use crate::support::raw::{Header, RawTar};
use crate::support::run::scan_bytes;
use crate::support::token;

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn base64(bytes: &[u8], url: bool) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let digit = |value: u32| match value {
        62 => {
            if url {
                '-'
            } else {
                '+'
            }
        }
        63 => {
            if url {
                '_'
            } else {
                '/'
            }
        }
        value => char::from(alphabet[value as usize]),
    };
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let bits = (0..3).fold(0, |bits, at| (bits << 8) | u32::from(chunk.get(at).copied().unwrap_or(0)));
        text.extend((0..=chunk.len()).map(|at| digit((bits >> (18 - 6 * at)) & 63)));
    }
    if !url {
        text.extend(std::iter::repeat_n('=', (3 - bytes.len() % 3) % 3));
    }
    text
}

/// `severity confidence path: last note` of each secret, by path.
fn secrets(layers: &[Vec<u8>]) -> Vec<String> {
    let report = scan_bytes(&Built::of(layers).docker_archive()).report();
    let mut lines: Vec<String> = report
        .findings
        .iter()
        .filter(|judged| judged.finding.rule.id.starts_with("secret/"))
        .map(|judged| {
            let finding = &judged.finding;
            let value = serde_json::to_value(&finding.evidence).unwrap();
            let note = value["notes"].as_array().and_then(|notes| notes.last().cloned()).unwrap_or_default();
            let note = note.as_str().unwrap_or_default().to_owned();
            format!("{:?} {:?} {}: {note}", finding.severity, finding.confidence, finding.subject)
        })
        .collect();
    lines.sort_by_key(|line| line.split(' ').nth(2).map(str::to_owned));
    lines
}

const DEBIAN: &str = "ID=debian\nVERSION_ID=12\nPRETTY_NAME=Debian 12\n";

fn status(packages: &[(&str, &str)]) -> String {
    let stanza = |(name, more): &(&str, &str)| {
        format!("Package: {name}\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n{more}\n\n")
    };
    packages.iter().map(stanza).collect()
}

fn sums(files: &[(&str, &str)]) -> String {
    files
        .iter()
        .map(|(path, content)| format!("{}  {path}\n", hex(&ContentDigests::of(content.as_bytes()).md5)))
        .collect()
}

#[test]
fn debians_own_files_are_told_from_edited_and_foreign_ones() {
    let key = token::key();
    let edited = format!("# edited\n{key}");
    let with_token = format!("{key}\n{}\n", token::github(1));
    let of_debian = "Maintainer: A Team <team@lists.alioth.debian.org>";
    let base = RawTar::default()
        .file("etc/os-release", DEBIAN)
        .file(
            "var/lib/dpkg/status",
            status(&[
                ("good", of_debian),
                ("other", "Maintainer: Somebody <me@acme.io>"),
                ("fake", &format!("{of_debian}\nVendor: Acme")),
            ]),
        )
        .file(
            "var/lib/dpkg/info/good.md5sums",
            sums(&[
                ("usr/lib/pristine", &key),
                ("lib/by-link", &key),
                ("usr/lib/edited", &key),
                ("usr/lib/upgraded", &key),
                ("usr/lib/token", &with_token),
            ]),
        )
        .file("var/lib/dpkg/info/other.md5sums", sums(&[("opt/other", &key)]))
        .file("var/lib/dpkg/info/fake.md5sums", sums(&[("opt/fake", &key)]))
        .member(Header::new("lib", b'2', 0).link("usr/lib"), "")
        .file("usr/lib/pristine", &key)
        .file("usr/lib/by-link", &key)
        .file("usr/lib/edited", &edited)
        .file("usr/lib/upgraded", &key)
        .file("usr/lib/token", &with_token)
        .file("usr/lib/copy", &key)
        // dpkg lists no configuration
        .file("etc/good.conf", &key)
        .file("opt/other", &key)
        .file("opt/fake", &key);
    let upgrade = RawTar::default()
        .file("var/lib/dpkg/info/good.md5sums", sums(&[("usr/lib/upgraded", "new")]))
        .file("usr/lib/upgraded", "new");
    let expected = [
        "Critical High /etc/good.conf: key decoded",
        "High Low /opt/fake: shipped by package fake",
        "High Low /opt/other: shipped by package other",
        "Info High /usr/lib/by-link: part of the unchanged package good",
        "Critical High /usr/lib/copy: key decoded",
        "Critical High /usr/lib/edited: key decoded",
        "Info High /usr/lib/pristine: part of the unchanged package good",
        "Critical High /usr/lib/token: checksum valid",
        "Info High /usr/lib/token: part of the unchanged package good",
        "Info High /usr/lib/upgraded: overwritten in layer 1, but still downloadable: whoever may pull the image can read layer 0",
    ];
    let mut found = secrets(&[base.end(), upgrade.end()]);
    found.sort_by_key(|line| line.split(' ').skip(2).collect::<String>());
    assert_eq!(found, expected);
}

#[test]
fn alpine_and_distroless_list_digests_too() {
    let key = token::key();
    let sha1 = base64(&ContentDigests::of(key.as_bytes()).sha1, false);
    let database = format!(
        "P:own\nV:1-r0\nm:A <a@alpinelinux.org>\nF:usr/share\nR:key\na:0:0:644\nZ:Q1{sha1}\nR:edited\nZ:Q1{sha1}\n\n\
         P:third\nV:1-r0\nF:opt\nR:key\nZ:Q1{sha1}\n\n"
    );
    let alpine = RawTar::default()
        .file("etc/os-release", "ID=alpine\nVERSION_ID=3.22.1\n")
        .file("lib/apk/db/installed", database)
        .file("usr/share/key", &key)
        .file("usr/share/edited", format!("{key}\n"))
        .file("opt/key", &key);
    let expected = [
        "High Low /opt/key: shipped by package third",
        "Critical High /usr/share/edited: key decoded",
        "Info High /usr/share/key: part of the unchanged package own",
    ];
    assert_eq!(secrets(&[alpine.end()]), expected);

    let record = "Package: own\nVersion: 1\nArchitecture: all\nMaintainer: A <a@debian.org>\n";
    let distroless = RawTar::default()
        .file("etc/os-release", DEBIAN)
        .file("var/lib/dpkg/status.d/b3du", record)
        .file("var/lib/dpkg/status.d/b3du.md5sums", sums(&[("usr/share/key", &key)]))
        .file("usr/share/key", &key);
    assert_eq!(secrets(&[distroless.end()]), ["Info High /usr/share/key: part of the unchanged package own"]);
}

#[test]
fn packages_of_languages_count_for_less_unless_they_are_the_images_own() {
    let key = token::key();
    let sha256 = base64(&ContentDigests::of(key.as_bytes()).sha256, true);
    let site = "usr/lib/python3/site-packages";
    let mut tar = RawTar::default();
    for name in ["lib", "own"] {
        tar = tar
            .file(format!("{site}/{name}-1.0.dist-info/METADATA"), format!("Name: {name}\nVersion: 1.0\n"))
            .file(
                format!("{site}/{name}-1.0.dist-info/RECORD"),
                format!("{name}/test.py,sha256={sha256},{}\n{name}/edited.py,sha256={sha256},9\n", key.len()),
            )
            .file(format!("{site}/{name}/test.py"), &key)
            .file(format!("{site}/{name}/edited.py"), format!("{key}\n"))
            // compiled: other bytes round the same key
            .file(format!("{site}/{name}/__pycache__/test.cpython-311.pyc"), format!("\0\x01\0{key}\0"));
    }
    let tar = tar
        .file(format!("{site}/own-1.0.dist-info/direct_url.json"), "{\"url\":\"file:///src\",\"dir_info\":{}}")
        .file("app/package.json", r#"{"name":"app","version":"1.0.0"}"#)
        .file("app/key.pem", &key)
        .file("app/node_modules/dep/package.json", r#"{"name":"dep","version":"1.0.0"}"#)
        .file("app/node_modules/dep/test/key.pem", &key);
    let expected = [
        "Critical High /app/key.pem: key decoded".to_owned(),
        "Low Low /app/node_modules/dep/test/key.pem: in a folder `test`, so less grave".to_owned(),
        format!("Low Low /{site}/lib/__pycache__/test.cpython-311.pyc: part of the installed package lib"),
        format!("Critical High /{site}/lib/edited.py: key decoded"),
        format!("Low Low /{site}/lib/test.py: part of the installed package lib"),
        format!("Critical High /{site}/own/__pycache__/test.cpython-311.pyc: key decoded"),
        format!("Critical High /{site}/own/edited.py: key decoded"),
        format!("Critical High /{site}/own/test.py: key decoded"),
    ];
    assert_eq!(secrets(&[tar.end()]), expected);
}

/// Beyond one window the file is held whole, up to a limit; beyond that nobody knows its digest.
#[test]
fn large_files_are_known_up_to_a_limit() {
    for (length, expected) in [(3 << 20, "Info High /usr/lib/big: "), (9 << 20, "Critical High /usr/lib/big: ")] {
        let mut content = "nothing to see here\n".repeat(length / 20);
        content.push_str(&token::key());
        let layer = RawTar::default()
            .file("etc/os-release", DEBIAN)
            .file("var/lib/dpkg/status", status(&[("good", "Maintainer: A <a@debian.org>")]))
            .file("var/lib/dpkg/info/good.md5sums", sums(&[("usr/lib/big", &content)]))
            .file("usr/lib/big", &content)
            .end();
        let found = secrets(std::slice::from_ref(&layer));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{found:?}");
        let report = scan_bytes(&Built::of(&[layer]).oci_archive(Packing::Zstd)).report();
        assert_eq!(report.findings.iter().filter(|judged| judged.finding.rule.id == "secret/private-key").count(), 1);
    }
}
