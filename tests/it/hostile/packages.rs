//! Every reader of packages on small sound files with bytes changed, cut out and doubled: none panics, none stalls,
//! and none makes much of little. The same readers are targets in `fuzz`, for longer runs.

#![expect(clippy::cast_possible_truncation, reason = "the numbers of tests are small")]

use std::time::{Duration, Instant};

use careen::collect::{Delivery, Facts, File, HEAD, Selectors};
use careen::package::COLLECTORS;
use careen::path::ImagePath;
use careen::tree::{FileEntry, Node};

use super::{Case, Complete, Partial, check};
use crate::support::raw::RawTar;

/// Changed copies made of each file.
const COPIES: u64 = 1_000;

/// What reading one file of a few kilobytes may take, in a debug build on a busy machine.
const MOST: Duration = Duration::from_secs(5);

/// Facts that a file may give, for each of its bytes.
const FACTS_PER_BYTE: usize = 4;

/// Numbers that look like chance, and are the same in each run (Marsaglia's xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end.max(1) as u64).unwrap()
    }

    /// A copy with one to four things done to it.
    fn spoil(&mut self, sound: &[u8]) -> Vec<u8> {
        const ODD: &[u8] = b"\0\x01\x7f\x80\xff\"\n\r {}[]<>:,='\\/%&#@*-";
        let mut bytes = sound.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len());
            let end = (at + self.below(64)).min(bytes.len());
            match self.below(7) {
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => {
                    let piece = bytes[at..end].to_vec();
                    let copies = piece.repeat(1 + self.below(20));
                    bytes.splice(at..at, copies);
                }
                // a length, a count or a place, in either order of bytes
                3 => {
                    let number = [0, 1, 0x7fff_ffff, u32::MAX, 0x100, 0xffff_ff00][self.below(6)];
                    let number = if self.below(2) == 0 { number.to_be_bytes() } else { number.to_le_bytes() };
                    bytes.iter_mut().skip(at).zip(number).for_each(|(place, byte)| *place = byte);
                }
                4 => bytes.splice(at..at, [ODD[self.below(ODD.len())]]).for_each(drop),
                _ => {
                    let byte = if self.below(2) == 0 { ODD[self.below(ODD.len())] } else { self.below(256) as u8 };
                    bytes.iter_mut().skip(at).take(1).for_each(|place| *place = byte);
                }
            }
        }
        bytes
    }
}

/// Shows a file to all collectors that its name or its head selects, and counts what they learn.
fn collect(selectors: &Selectors, path: &ImagePath, bytes: &[u8]) -> (usize, usize) {
    let head = || bytes.get(..HEAD).unwrap_or(bytes);
    let mask = selectors.by_name(path) | selectors.by_head(head);
    let entry = FileEntry::file(&path.to_string(), bytes.len() as u64);
    let node = Node { layer: 0, member: 0 };
    let file = File {
        node,
        path,
        entry: &entry,
        bytes,
        offset: 0,
        lines_before: 0,
        overlap: 0,
        is_last: true,
        whole: Some(bytes),
    };
    let mut facts = Facts::default();
    let mut readers = 0;
    for (index, collector) in COLLECTORS.iter().enumerate().filter(|(index, _)| mask & (1 << index) != 0) {
        facts.begin(node, index);
        collector.collect(&file, &mut facts);
        readers += 1;
        // the same bytes as they would come if the file were large
        if matches!(collector.delivery(), Delivery::Windows | Delivery::WholeOrWindows(_)) {
            let middle = bytes.len() / 2;
            let (first, second) = bytes.split_at(middle);
            collector.collect(&File { bytes: first, is_last: false, whole: None, ..file }, &mut facts);
            collector.collect(&File { bytes: second, offset: middle as u64, whole: None, ..file }, &mut facts);
        }
    }
    (readers, facts.facts().len())
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)).unwrap()
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// An NDB of one package, as rpm writes it.
fn ndb() -> Vec<u8> {
    let tags: [(u32, &[u8]); 4] = [(1000, b"bash\0"), (1001, b"5.2\0"), (1002, b"1.fc40\0"), (1014, b"GPL-3.0\0")];
    let (mut index, mut store) = (Vec::new(), Vec::new());
    for (tag, text) in tags {
        index.extend([tag, 6, store.len() as u32, 1].iter().flat_map(|word| word.to_be_bytes()));
        store.extend(text);
    }
    let lengths = [(tags.len() as u32).to_be_bytes(), (store.len() as u32).to_be_bytes()].concat();
    let header = [lengths, index, store].concat();
    let blocks = (16 + header.len() + 12).div_ceil(16);
    let padding = vec![0; blocks * 16 - 28 - header.len()];
    let length = header.len() as u32;
    let mut slots = [&b"RpmP"[..], &words(&[0, 1, 1, 2, 0, 0, 0]), b"Slot", &words(&[1, 256, blocks as u32])].concat();
    while slots.len() < 4_096 {
        slots.extend([&b"Slot"[..], &[0; 12]].concat());
    }
    [slots, b"BlbS".to_vec(), words(&[1, 1, length]), header, padding, words(&[0, length]), b"BlbE".to_vec()].concat()
}

/// A zip archive whose entries are stored, or compressed every other one.
fn zip(entries: &[(&str, &[u8])]) -> Vec<u8> {
    let half = |number: usize| u16::try_from(number).unwrap().to_le_bytes();
    let (mut body, mut directory) = (Vec::new(), Vec::new());
    for (number, (name, content)) in entries.iter().enumerate() {
        let mut sum = flate2::Crc::new();
        sum.update(content);
        let method = if number % 2 == 0 { 0 } else { 8 };
        let packed = if method == 0 { content.to_vec() } else { deflate(content) };
        let sizes = words(&[sum.sum(), packed.len() as u32, content.len() as u32]);
        let start = words(&[body.len() as u32]);
        let common = [&half(0)[..], &half(method), &[0; 4], &sizes, &half(name.len()), &half(0)].concat();
        directory
            .extend([b"PK\x01\x02", &half(20)[..], &half(20), &common, &[0; 10], &start, name.as_bytes()].concat());
        body.extend([b"PK\x03\x04", &half(20)[..], &common, name.as_bytes(), &packed].concat());
    }
    let end = [words(&[directory.len() as u32, body.len() as u32]), vec![0; 2]].concat();
    let counts = [half(entries.len()), half(entries.len())].concat();
    [body, directory, b"PK\x05\x06".to_vec(), vec![0; 4], counts, end].concat()
}

fn deflate(content: &[u8]) -> Vec<u8> {
    use std::io::Write as _;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

/// A program of Go and Rust with a package note: sections with names, nothing else.
fn elf() -> Vec<u8> {
    use std::io::Write as _;
    let list = "<<<<<<<<<<<<<<<<path\texample.org/a\nmod\texample.org/a\tv1.0.0\th1:x=\n\
        dep\tgolang.org/x/net\tv0.1.0\th1:y=\nbuild\tGOOS=linux\n>>>>>>>>>>>>>>>>";
    let mut go = b"\xff Go buildinf:\x08\x02".to_vec();
    go.resize(32, 0);
    go.extend(b"\x08go1.22.1");
    go.extend([(list.len() & 0x7f) as u8 | 0x80, (list.len() >> 7) as u8]);
    go.extend(list.as_bytes());
    let mut audit = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    audit
        .write_all(br#"{"packages":[{"name":"a","version":"1.0.0","source":"registry","dependencies":[0]}]}"#)
        .unwrap();
    let json = br#"{"type":"rpm","name":"bash","version":"5.2-1","os":"fedora"}"#;
    let note = [words(&[4, json.len() as u32, 0xcafe_1a7e]), b"FDO\0".to_vec(), json.to_vec()].concat();
    let names = b"\0.go.buildinfo\0.dep-v0\0.note.package\0.shstrtab\0";
    let parts: [(u32, Vec<u8>); 4] = [(1, go), (15, audit.finish().unwrap()), (23, note), (37, names.to_vec())];
    let (mut body, mut table) = (Vec::new(), vec![0; 64]);
    let long = |number: usize| (number as u64).to_le_bytes();
    for (name, content) in parts {
        body.resize(body.len().next_multiple_of(16), 0);
        let kind = if name == 37 { 3 } else { 1 };
        table.extend(
            [words(&[name, kind]), [long(0), long(0), long(64 + body.len()), long(content.len())].concat()].concat(),
        );
        table.extend([words(&[0, 0]), [long(1), long(0)].concat()].concat());
        body.extend(content);
    }
    let mut header = b"\x7fELF\x02\x01\x01".to_vec();
    header.resize(16, 0);
    header.extend([&[3, 0, 62, 0, 1, 0, 0, 0][..], &long(0), &long(0), &long(64 + body.len())].concat());
    header.extend([&[0; 4][..], &[64, 0, 56, 0, 0, 0, 64, 0, 5, 0, 4, 0]].concat());
    [header, body, table].concat()
}

/// A sound file for each reader: path and content.
fn sound() -> Vec<(&'static str, Vec<u8>)> {
    let inner = zip(&[("META-INF/MANIFEST.MF", b"Implementation-Title: b\nImplementation-Version: 2\n")]);
    let jar = zip(&[
        ("META-INF/MANIFEST.MF", b"Manifest-Version: 1.0\nBundle-SymbolicName: g.a\n"),
        ("META-INF/maven/g/a/pom.properties", b"groupId=g\nartifactId=a\nversion=1.0\n"),
        (
            "META-INF/maven/g/a/pom.xml",
            b"<project><groupId>g</groupId><artifactId>a</artifactId><version>1.0</version></project>",
        ),
        ("lib/b-2.jar", &inner),
    ]);
    let texts: &[(&str, &str)] = &[
        (
            "var/lib/dpkg/status",
            "Package: a\nStatus: install ok installed\nVersion: 1:2-3\nSource: b (2)\nDepends: c (>= 1) | d, e\nConffiles:\n /etc/a 0123456789abcdef0123456789abcdef\n\nPackage: e\nStatus: install ok installed\nVersion: 1\nProvides: c\n",
        ),
        ("var/lib/dpkg/info/a.md5sums", "0123456789abcdef0123456789abcdef  usr/bin/a\n"),
        (
            "lib/apk/db/installed",
            "P:musl\nV:1.2-r0\nA:x86_64\no:musl\nD:so:a\np:so:b=1\nF:lib\nR:a\nZ:Q1FPucA9kAAAAAAAAAAAAAAAAAAAA=\n",
        ),
        ("usr/lib/opkg/status", "Package: a\nVersion: 1\nStatus: install ok installed\nDepends: b\n"),
        ("var/lib/pacman/local/a-1-1/desc", "%NAME%\na\n\n%VERSION%\n1-1\n\n%DEPENDS%\nb>=1\n"),
        ("var/db/pkg/a/b-1/CONTENTS", "dir /usr\nobj /usr/a 0123 1\nsym /b -> a 1\n"),
        ("var/lib/rpmmanifest/container-manifest-2", "a\t1-1\t1\t1\tv\t(none)\t1\tx86_64\t0\ta-1-1.src.rpm\n"),
        (
            "opt/conda/conda-meta/a-1-0.json",
            r#"{"name":"a","version":"1","build":"0","files":["lib/a"],"depends":["b >=1"]}"#,
        ),
        (
            "s/a-1.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: a\nVersion: 1\nRequires-Dist: b (>1) ; extra == 'x'\n\ntext\n",
        ),
        (
            "n/node_modules/a/package.json",
            r#"{"name":"a","version":"1.0.0","license":{"type":"MIT"},"dependencies":{"b":"^1"}}"#,
        ),
        (
            "usr/lib/ruby/specifications/a-1.gemspec",
            "Gem::Specification.new do |s|\n  s.name = \"a\".freeze\n  s.version = \"1\"\n  s.licenses = [\"MIT\".freeze]\n  s.add_runtime_dependency(%q<b>.freeze, [\"~> 1\"])\nend\n",
        ),
        (
            "app/vendor/composer/installed.json",
            r#"{"packages":[{"name":"a/b","version":"1.0","license":["MIT"],"require":{"php":">=8","c/d":"^1"}}]}"#,
        ),
        ("usr/share/php/.registry/a.reg", r#"a:2:{s:4:"name";s:1:"a";s:7:"version";a:1:{s:7:"release";s:3:"1.0";}}"#),
        (
            "app/x.deps.json",
            r#"{"runtimeTarget":{"name":"n"},"targets":{"n":{"a/1":{"dependencies":{"b":"2"}}}},"libraries":{"a/1":{"type":"package"},"b/2":{"type":"package"}}}"#,
        ),
        ("app/packages.config", "<packages><package id='a' version='1.0'/></packages>"),
        (
            "app/.pnp.cjs",
            "const RAW_RUNTIME_STATE =\n'{\"packageRegistryData\": [[\"a\",[[\"npm:1.0.0\",{\"packageLocation\":\"./.yarn/cache/a-npm-1.0.0-0.zip/node_modules/a/\",\"packageDependencies\":[[\"b\",\"npm:2.0.0\"]]}]]]]}';\n",
        ),
        ("usr/lib/R/library/a/DESCRIPTION", "Package: a\nVersion: 1\nBuilt: R 4\nDepends: R (>= 3), b\n"),
        (
            "usr/lib/luarocks/rocks-5.1/a/1-1/a-1-1.rockspec",
            "package = \"a\"\nversion = \"1-1\"\ndependencies = {\n  \"lua >= 5\",\n  \"b\"\n}\n",
        ),
        ("usr/lib/erlang/lib/a-1/ebin/a.app", "{application,a,\n [{vsn,\"1\"},\n  {applications,[kernel,b]}]}.\n"),
        ("usr/local/lib/perl/perllocal.pod", "=head2 Mon: C<Module> L<A::B|A::B>\n\n=item *\n\nC<VERSION: 1.2>\n"),
        (
            "root/.julia/environments/v1/Manifest.toml",
            "manifest_format = \"2.0\"\n[[deps.a]]\nuuid = \"0\"\nversion = \"1\"\ndeps = [\"b\"]\n",
        ),
        ("w/wp-includes/version.php", "<?php\n$wp_version = '6.1';\n"),
        ("w/wp-content/plugins/a/a.php", "<?php\n/*\nPlugin Name: a\nVersion: 1\n*/\n"),
        ("opt/java/release", "JAVA_VERSION=\"17.0.1\"\nIMPLEMENTOR=\"x\"\n"),
        (
            "srv/x.cdx.json",
            r#"{"bomFormat":"CycloneDX","specVersion":"1.6","components":[{"bom-ref":"a","purl":"pkg:npm/a@1","licenses":[{"license":{"id":"MIT"}}]}],"dependencies":[{"ref":"a","dependsOn":["a"]}]}"#,
        ),
        (
            "srv/x.spdx.json",
            r#"{"spdxVersion":"SPDX-2.3","packages":[{"SPDXID":"a","externalRefs":[{"referenceType":"purl","referenceLocator":"pkg:npm/a@1"}]}],"relationships":[]}"#,
        ),
        ("srv/x.spdx", "SPDXVersion: SPDX-2.3\nPackageName: a\nExternalRef: PACKAGE-MANAGER purl pkg:npm/a@1\n"),
        (
            "app/package-lock.json",
            r#"{"lockfileVersion":3,"packages":{"":{"dependencies":{"a":"1"}},"node_modules/a":{"version":"1.0.0","dependencies":{"b":"1"}}}}"#,
        ),
        (
            "app/yarn.lock",
            "# yarn lockfile v1\n\n\"a@^1\", a@1:\n  version \"1.0.0\"\n  dependencies:\n    b \"^2\"\n\nb@^2:\n  version \"2.0.0\"\n",
        ),
        (
            "app/pnpm-lock.yaml",
            "lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: x}\nsnapshots:\n  a@1.0.0:\n    dependencies:\n      b: 2.0.0\n",
        ),
        (
            "app/bun.lock",
            "{\n  \"lockfileVersion\": 1,\n  \"packages\": {\n    \"a\": [\"a@1.0.0\", \"\", {}, \"x\"],\n  }\n}\n",
        ),
        ("app/poetry.lock", "[[package]]\nname = \"a\"\nversion = \"1\"\n[package.dependencies]\nb = \">=1\"\n"),
        ("app/uv.lock", "version = 1\n[[package]]\nname = \"a\"\nversion = \"1\"\ndependencies = [{ name = \"b\" }]\n"),
        ("app/Cargo.lock", "version = 3\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\"b\"]\n"),
        (
            "app/Gemfile.lock",
            "GEM\n  remote: x\n  specs:\n    a (1.0)\n      b (~> 1)\n    b (1.1)\n\nPLATFORMS\n  ruby\n",
        ),
        ("app/composer.lock", r#"{"packages":[{"name":"a/b","version":"1.0","require":{"c/d":"1"}}]}"#),
        (
            "app/go.mod",
            "module m\ngo 1.22\nrequire (\n\tgolang.org/x/net v0.1.0 // indirect\n)\nreplace a => b v1.0.0\n",
        ),
        (
            "app/packages.lock.json",
            r#"{"version":1,"dependencies":{"net8.0":{"a":{"type":"Direct","resolved":"1.0.0","dependencies":{"b":"1"}}}}}"#,
        ),
        (
            "app/Package.resolved",
            r#"{"pins":[{"identity":"a","location":"https://x.org/a/b.git","state":{"version":"1.0"}}],"version":2}"#,
        ),
        ("app/pubspec.lock", "packages:\n  a:\n    dependency: direct\n    source: hosted\n    version: \"1.0.0\"\n"),
        (
            "app/mix.lock",
            "%{\n  \"a\": {:hex, :a, \"1.0.0\", \"x\", [:mix], [{:b, \"~> 1\", [hex: :b]}], \"hexpm\"},\n}\n",
        ),
        ("app/gradle.lockfile", "a:b:1.0=compileClasspath\nempty=\n"),
        ("app/Pipfile.lock", r#"{"default":{"a":{"version":"==1.0"}}}"#),
        ("app/requirements.txt", "a==1.0 \\\n    --hash=sha256:0\nb>=2\n"),
        ("app/conan.lock", r#"{"version":"0.5","requires":["a/1.0#0%1"]}"#),
    ];
    let mut all: Vec<(&str, Vec<u8>)> = texts.iter().map(|(path, text)| (*path, text.as_bytes().to_vec())).collect();
    all.extend([
        ("var/lib/rpm/rpmdb.sqlite", fixture("rpm/rpmdb.sqlite")),
        ("var/lib/rpm/rpmdb.sqlite-wal", fixture("rpm/rpmdb.sqlite-wal")),
        ("var/lib/rpm/Packages", fixture("rpm/Packages")),
        ("var/lib/rpm/Packages.db", ndb()),
        ("app/a-1.0.jar", jar),
        (
            "app/.yarn/cache/a-npm-1.0.0-0.zip",
            zip(&[("node_modules/a/package.json", br#"{"name":"a","version":"1.0.0"}"#)]),
        ),
        ("app/a-1-py3.egg", zip(&[("EGG-INFO/PKG-INFO", b"Name: a\nVersion: 1\n")])),
        ("usr/bin/a", elf()),
    ]);
    all
}

#[test]
fn readers_stand_whatever_is_done_to_their_files() {
    let selectors = Selectors::new(COLLECTORS.iter().map(|collector| collector.select()));
    let mut wrong = Vec::new();
    for (path, sound) in sound() {
        let path: ImagePath = path.into();
        let (readers, facts) = collect(&selectors, &path, &sound);
        if readers == 0 || facts == 0 {
            wrong.push(format!("{path}: {readers} readers learn {facts} facts of the sound file"));
        }
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        for number in 0..COPIES {
            let spoilt = chance.spoil(&sound);
            let start = Instant::now();
            let read = std::panic::catch_unwind(|| collect(&selectors, &path, &spoilt));
            match read {
                Err(_) => wrong.push(format!("{path}: copy {number} makes a reader panic")),
                Ok((_, facts)) if facts > spoilt.len() * FACTS_PER_BYTE + 100 => {
                    wrong.push(format!("{path}: copy {number} of {} bytes gives {facts} facts", spoilt.len()));
                }
                Ok(_) if start.elapsed() > MOST => wrong.push(format!("{path}: copy {number} takes too long")),
                Ok(_) => {}
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn bills_of_materials_stand_whatever_is_done_to_them() {
    let mut chance = Chance(0x2545_f491_4f6c_dd1d);
    for (path, sound) in sound().into_iter().filter(|(path, _)| path.starts_with("srv/x.")) {
        assert!(careen::format::sbom::read(&sound).is_ok(), "{path}");
        for _ in 0..COPIES {
            let spoilt = chance.spoil(&sound);
            if let Ok(bill) = careen::format::sbom::read(&spoilt) {
                assert!(bill.parts.len() <= spoilt.len(), "{path}");
            }
        }
    }
}

#[test]
fn pages_that_point_at_themselves() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/rpm");
    let read = |name: &str| std::fs::read(folder.join(name)).unwrap();
    // SQLite: the first page becomes an inner one whose only child is itself (file format, 1.6)
    let mut looped_sqlite = read("rpmdb.sqlite");
    looped_sqlite[100] = 5;
    looped_sqlite[103..105].fill(0);
    looped_sqlite[108..112].copy_from_slice(&[0, 0, 0, 1]);
    // Berkeley DB: each page behind the first is followed by itself
    let mut looped_hash = read("Packages");
    let size = u32::from_le_bytes(looped_hash[20..24].try_into().unwrap()) as usize;
    for (number, page) in (0_u32..).zip(looped_hash.chunks_exact_mut(size)).skip(1) {
        page[16..20].copy_from_slice(&number.to_le_bytes());
    }
    let layer = |path: &str, database: Vec<u8>| RawTar::default().file(path, database).end();
    check(vec![
        Case::layer(
            "a page of SQLite that is its own child",
            layer("var/lib/rpm/rpmdb.sqlite", looped_sqlite),
            Partial(&["package-record-malformed"]),
        ),
        Case::layer(
            "pages of Berkeley DB that follow themselves",
            layer("var/lib/rpm/Packages", looped_hash),
            Partial(&["package-record-malformed"]),
        ),
    ]);
}

#[test]
fn files_larger_than_any_real_one() {
    let large = vec![b' '; 5 << 20];
    let manifest = "app/node_modules/a/package.json";
    let layer = |path: &str, content: &[u8]| RawTar::default().file(path, content).end();
    check(vec![
        Case::layer("a manifest of 5 MiB", layer(manifest, &large), Partial(&["file-too-large"])),
        Case::layers("the same, gone", &[layer(manifest, &large), layer("app/node_modules/.wh.a", b"")], Complete(&[])),
        Case::layer("the same, of no package", layer("app/a/package.json", &large), Complete(&[])),
        Case::layer("a file that is called as a Java's record", layer("srv/release", &large), Complete(&[])),
    ]);
}
