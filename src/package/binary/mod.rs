//! Programs and libraries: what compilers, linkers and packagers left in them, and who they are by their version strings.
//!
//! A program is parsed once for all of these. Nothing is searched in all bytes of all programs: sections are looked up
//! by name, and version strings are searched in files of plausible names only.

mod cargo;
mod go;
mod known;
mod native_image;
mod note;

pub(super) use known::KnownPrograms;

use crate::collect::{About, Collector, Delivery, Fact, Facts, File, Select, View};
use crate::format::go_build_info::GoBuildInfo;
use crate::format::program::{Program, ProgramFormat};
use crate::format::rust_audit::RustAudit;
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::size::ByteSize;
use crate::tree::Node;

use super::text::complain;

/// Reads programs of Linux, Windows and macOS.
pub(super) struct Programs;

/// Largest program that is read whole. Node.js has 100 MiB, Kubernetes' programs 50 to 120.
const WHOLE: ByteSize = ByteSize::mib(64);

static ABOUT: About = About {
    title: "Programs",
    ecosystems: &[&super::ecosystem::CARGO, &super::ecosystem::GOLANG, &known::GENERIC],
    reads: "Of Go's build information: version of Go, main module, modules linked in, replacements. Of cargo-auditable's list: \
                    the crates it was built of. Of ELF package notes: name and version of the package. Of native images of GraalVM: the components that \
                    the bill of materials in them names.",
    not_seen: &[
        "Rust programs that were built without cargo-auditable, and C libraries linked statically",
        "Go programs of before Go 1.13, and the list of modules of those built without modules",
        "the version of a main module that was told to the linker together with `-trimpath`, of which Go keeps no record",
        "modules of Go programs of more than 64 MiB that Go of before 1.18 built, which is told",
        "lists of crates, notes and bills of materials in programs of more than 64 MiB",
    ],
    references: &[
        "https://pkg.go.dev/debug/buildinfo",
        "https://github.com/rust-secure-code/cargo-auditable/blob/master/PARSING.md",
        "https://systemd.io/PACKAGE_METADATA_FOR_EXECUTABLE_FILES/",
        "https://www.graalvm.org/latest/security-guide/native-image/sbom/",
    ],
};

impl Collector for Programs {
    fn id(&self) -> &'static str {
        "program"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[
            Select::Magic(b"\x7fELF"),
            Select::Magic(b"MZ"),
            Select::Magic(b"\xcf\xfa\xed\xfe"),
            Select::Magic(b"\xce\xfa\xed\xfe"),
            Select::Magic(b"\xca\xfe\xba\xbe\0\0\0\x02"),
        ]
    }

    fn delivery(&self) -> Delivery {
        Delivery::WholeOrWindows(WHOLE)
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        let is_piece = file.offset > 0 || !file.is_last;
        if is_piece {
            if let Some(info) = GoBuildInfo::in_piece(file.bytes, file.offset) {
                go::push(&info, facts);
            } else if GoBuildInfo::is_pointed_to_in_piece(file.bytes, file.offset, file.overlap) {
                let what = format!(
                    "it has more than {WHOLE}, and was built by Go of before 1.18: the modules in it cannot be seen"
                );
                complain(facts, what);
            }
            if file.offset == 0 {
                let what = format!("it has more than {WHOLE}: a list of Rust crates in it would not be seen");
                facts.push(Fact::Oddity(what.into()));
            }
        } else {
            read_whole(file, facts);
        }
    }

    /// Programs are told by their first bytes, not by their names.
    fn assemble(&self, view: &View<'_>, inventory: &mut Inventory) {
        take_by_node(self, view, inventory);
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// Takes the packages of the files of which something was learned, under all names of theirs that are no symbolic links.
fn take_by_node<C: Collector>(collector: &C, view: &View<'_>, inventory: &mut Inventory) {
    let learned = view.facts.iter().filter(|fact| fact.collector == view.collector);
    let mut nodes: Vec<Node> = learned.map(|fact| fact.node).collect();
    nodes.dedup();
    let names = nodes.iter().flat_map(|node| view.tree.names_of(*node).map(|path| (path.clone(), *node)));
    let mut selected: Vec<(ImagePath, Node)> = names.collect();
    selected.sort_unstable();
    View { selected: &selected, ..*view }.take_packages(collector, inventory);
}

fn read_whole(file: &File<'_>, facts: &mut Facts) {
    let programs = match Program::parse(file.bytes) {
        Ok(programs) => programs,
        // what else begins as programs of Windows and macOS do is none of ours: boot sectors, classes of Java
        Err(error) => {
            if file.bytes.starts_with(b"\x7fELF") {
                facts.push(Fact::Oddity(error.to_string().into()));
            }
            return;
        }
    };
    let known = facts.facts().len();
    for program in &programs {
        if program.is_packed() {
            complain(facts, "it is packed by UPX, so what it was built from cannot be seen".to_owned());
        }
        // symbols kept apart have the sections of their program, without contents
        let has_contents = |name| program.section(name).is_some_and(|section| !section.is_empty());
        match GoBuildInfo::of(program) {
            Some(info) => go::push(&info, facts),
            None if has_contents(".go.buildinfo") || has_contents("__go_buildinfo") => {
                complain(facts, "Go's build information in it cannot be read".to_owned());
            }
            None => {}
        }
        if has_contents(".dep-v0") {
            match RustAudit::of(program) {
                Some(Ok(audit)) => cargo::push(&audit, facts),
                Some(Err(error)) => complain(facts, error.to_string()),
                None => {}
            }
        }
        if program.format == ProgramFormat::Elf {
            note::push(program, facts);
            native_image::push(program, facts);
        }
    }
    // symbols kept apart often keep a table of segments that are not there
    let mut flaws = programs.iter().filter(|program| program.section(".debug_info").is_none());
    if let Some(flaw) = flaws.find_map(|program| program.flaw)
        && facts.facts().len() == known
    {
        facts.push(Fact::Oddity(format!("{flaw}: what compilers left in it may not have been seen").into()));
    }
}

#[cfg(test)]
mod tests {
    use super::Programs;
    use crate::collect::{Collector as _, Fact, Facts, File};
    use crate::format::decompress::Compressed;
    use crate::format::testing::{Elf, Zip, deflate};
    use crate::inventory::Inventory;
    use crate::package::testing::{Image, assemble, packages};
    use crate::tree::{FileEntry, Node};

    /// A Go program with its modules in the form of Go 1.18.
    fn go(modules: &str) -> Vec<u8> {
        let mut info = b"\xff Go buildinf:\x08\x02".to_vec();
        info.resize(32, 0);
        info.extend(b"\x08go1.22.1");
        let text = format!("{}{modules}{}", "<".repeat(16), ">".repeat(16));
        info.push(u8::try_from(text.len() & 0x7f).expect("seven bits") | 0x80);
        info.push(u8::try_from(text.len() >> 7).expect("it is short"));
        info.extend(text.as_bytes());
        Elf::new().data(".go.buildinfo", 0x8000, info).build()
    }

    fn rust(json: &str) -> Vec<u8> {
        Elf::new().section(".dep-v0", deflate(Compressed::Zlib, json.as_bytes())).build()
    }

    fn noted(json: &str) -> Vec<u8> {
        let elf = Elf::new();
        let mut note = Vec::new();
        for number in [4, json.len() as u64, 0xcafe_1a7e] {
            note.extend(elf.number(number, 4));
        }
        note.extend(b"FDO\0");
        note.extend(json.as_bytes());
        elf.section(".note.package", note).build()
    }

    fn purls(inventory: &Inventory) -> Vec<&str> {
        inventory.packages.iter().map(|package| package.purl.as_str()).collect()
    }

    const MODULES: &str = "path\texample.org/a\nmod\texample.org/a\tv1.0.0\th1:x=\n\
        dep\tgolang.org/x/net\tv0.1.0\th1:y=\ndep\tgopkg.in/yaml.v3\tv3.0.1\th1:z=\n";

    #[test]
    fn programs_are_listed_under_their_live_names() {
        let audit = r#"{"packages":[{"name":"a","version":"1.0.0","source":"registry","dependencies":[1,2]},
            {"name":"b","version":"2.0.0","source":"registry"},
            {"name":"c","version":"3.0.0","source":"registry","kind":"build"}]}"#;
        let image = Image::new()
            .file("usr/bin/a", go(MODULES))
            .link("bin", "usr/bin")
            .hard_link("usr/bin/also", "usr/bin/a")
            .file("usr/bin/b", rust(audit))
            .file("usr/bin/gone", go("path\tx\ndep\texample.org/gone\tv1.0.0\th1:x=\n"))
            .layer()
            .file("usr/bin/.wh.gone", "");
        let inventory = assemble(&image);
        assert_eq!(
            packages(&inventory),
            [
                "a 1.0.0 /usr/bin/b",
                "b 2.0.0 /usr/bin/b",
                "c 3.0.0 /usr/bin/b",
                "example.org/a v1.0.0 /usr/bin/a,/usr/bin/also",
                "golang.org/x/net v0.1.0 /usr/bin/a,/usr/bin/also",
                "gopkg.in/yaml.v3 v3.0.1 /usr/bin/a,/usr/bin/also",
                "stdlib 1.22.1 /usr/bin/a,/usr/bin/also",
            ]
        );
        assert_eq!(inventory.limitations, []);
        let needed = |index: usize| {
            let package: &crate::inventory::Package = &inventory.packages[index];
            package.dependencies.iter().map(|index| inventory.packages[*index as usize].name.as_str()).collect()
        };
        let edges: Vec<Vec<&str>> = vec![needed(0), needed(3)];
        assert_eq!(edges, [&["b", "c"][..], &["golang.org/x/net", "gopkg.in/yaml.v3", "stdlib"]]);
        let built_with = &inventory.packages[2];
        assert_eq!(built_with.confidence, crate::rule::Confidence::Low);
        let removed: Vec<_> = inventory.removed.iter().map(|p| (p.name.as_str(), p.removed_in_layer)).collect();
        assert_eq!(removed, [("example.org/gone", Some(1))]);
    }

    /// Without what stands at its end: its table of sections.
    fn cut(program: &[u8]) -> Vec<u8> {
        program[..program.len() - 8].to_vec()
    }

    #[test]
    fn what_cannot_be_read_is_a_gap() {
        let broken = Elf::new().data(".go.buildinfo", 0x8000, b"\xff Go buildinf:\x08\x02").build();
        let cases = [
            (broken, 1, 0),
            (go("dep\tonly\n later\n"), 1, 0),
            (rust("{"), 1, 0),
            (noted("{"), 1, 0),
            (noted("{}"), 0, 0),
            (Elf::new().section(".dep-v0", "").data(".go.buildinfo", 0x8000, "").build(), 0, 0),
            (Elf::new().data("x", 0x8000, "UPX!").without_sections().build(), 1, 0),
            (b"\x7fELF\x02".to_vec(), 0, 1),
            (cut(&rust("{")), 0, 1),
            (cut(&go(MODULES)), 0, 0),
            (b"MZ is how this text begins".to_vec(), 0, 0),
        ];
        for (index, (program, gaps, notes)) in cases.into_iter().enumerate() {
            let told = assemble(&Image::new().file("bin/a", program)).limitations;
            let found =
                (told.iter().filter(|told| told.is_gap).count(), told.iter().filter(|told| !told.is_gap).count());
            assert_eq!(found, (gaps, notes), "{index}: {told:?}");
        }
    }

    #[test]
    fn a_record_of_something_else_says_nothing_of_a_program() {
        let busybox = Elf::new().section(".rodata", b"\0BusyBox v1.36.1 (2024-06-12)\0".to_vec()).build();
        let egg = |name: &str, version: &str| {
            Zip::default().file("EGG-INFO/PKG-INFO", format!("Name: {name}\nVersion: {version}\n")).build()
        };
        let cases = [("other", "1.36.1", 1), ("busybox", "1.36.10", 1), ("busybox", "1.36.1", 0)];
        for (name, version, expected) in cases {
            let image = Image::new().file("a.egg", egg(name, version)).file("usr/local/bin/busybox", &busybox);
            let inventory = assemble(&image);
            let guessed = purls(&inventory).iter().filter(|purl| purl.starts_with("pkg:generic/")).count();
            assert_eq!(guessed, expected, "{name} {version}");
        }
    }

    #[test]
    fn what_a_package_without_a_list_of_files_says_is_told_once() {
        let status = "Package: libssl3\nStatus: install ok installed\nVersion: 3.0.11-1~deb12u2\nSource: openssl\n";
        let program =
            |version: &str| Elf::new().section(".rodata", format!("\0OpenSSL {version} 19 Sep 2023\0")).build();
        let cases = [
            ("usr/lib/x86_64-linux-gnu/libcrypto.so.3", "3.0.11", 0),
            ("lib/libcrypto.so.3", "3.0.11", 0),
            ("usr/lib/libcrypto.so.3", "3.0.1", 1),
            ("usr/lib/libcrypto.so.3", "3.0.12", 1),
            ("usr/local/lib/libcrypto.so.3", "3.0.11", 1),
            ("opt/lib/libcrypto.so.3", "3.0.11", 1),
        ];
        for (path, version, expected) in cases {
            let image = Image::new().file("var/lib/dpkg/status.d/libssl3", status).file(path, program(version));
            let inventory = assemble(&image);
            let guessed = purls(&inventory).iter().filter(|purl| purl.starts_with("pkg:generic/")).count();
            assert_eq!(guessed, expected, "{path} {version}");
        }
    }

    #[test]
    fn what_a_record_beside_says_too_is_told_once() {
        let text = |text: &str| Elf::new().section(".rodata", format!("\0{text}\0")).build();
        let release = "JAVA_VERSION=\"17.0.9\"\nJAVA_RUNTIME_VERSION=\"17.0.9+9\"\n";
        let component = r#"{"apache":{"version":"2.4.57-3","arch":"amd64","distro":"debian-12","type":"NAMI"}}"#;
        let image = Image::new()
            .file("opt/java/release", release)
            .file("opt/java/lib/server/libjvm.so", text("OpenJDK VM (17.0.9+9) for linux-amd64 JRE (17.0.9+9), built"))
            .file("usr/lib/erlang/erts-14.0.2/bin/beam.smp", text("(BEAM) emulator version 14.0.2"))
            .file("usr/lib/erlang/lib/erts-14.0.2/ebin/erts.app", "{application, erts, [{vsn, \"14.0.2\"}]}.")
            .file("opt/bitnami/.bitnami_components.json", component)
            .file("opt/bitnami/apache/bin/httpd", text("Apache/2.4.57 (Unix)"))
            .file("opt/other/bin/httpd", text("Apache/2.4.57 (Unix)"))
            .file("opt/java8/release", "JAVA_VERSION=\"1.8.0_392\"\n")
            .file("opt/java8/jre/lib/amd64/server/libjvm.so", text(" JRE (1.8.0_392-b08), built"))
            .file("app/node_modules/openssl/package.json", r#"{"name":"openssl","version":"2.0.0"}"#)
            .file("app/node_modules/openssl/bin/openssl", text("OpenSSL 3.0.12 24 Oct 2023"))
            .file("opt/bitnami/apache/bin/openssl", text("OpenSSL 3.0.11 19 Sep 2023"));
        let inventory = assemble(&image);
        assert_eq!(
            purls(&inventory),
            [
                "pkg:bitnami/apache@2.4.57-3?arch=amd64&distro=debian-12",
                "pkg:generic/httpd@2.4.57",
                "pkg:generic/openssl@3.0.11",
                "pkg:generic/openssl@3.0.12",
                "pkg:generic/oracle/openjdk@1.8.0_392",
                "pkg:generic/oracle/openjdk@17.0.9%2B9",
                "pkg:npm/openssl@2.0.0",
                "pkg:otp/erts@14.0.2",
            ]
        );
        let erts = &inventory.packages[7];
        assert_eq!((erts.locations.len(), erts.confidence), (2, crate::rule::Confidence::High));
        assert_eq!(inventory.packages[1].locations.len(), 1);
    }

    #[test]
    fn pointers_in_a_piece_of_a_large_program_are_a_gap() {
        let path = "bin/a".into();
        let entry = FileEntry::file("bin/a", 0);
        let node = Node { layer: 0, member: 0 };
        for (flags, overlap, gaps) in [(0, 0, 1), (0, 64, 0), (2, 0, 0)] {
            let bytes = [b"\xff Go buildinf:", &[8, flags][..], &[0; 64]].concat();
            let mut facts = Facts::default();
            facts.begin(node, 0);
            let file = File {
                node,
                path: &path,
                entry: &entry,
                bytes: &bytes,
                offset: 1 << 20,
                lines_before: 0,
                overlap,
                is_last: true,
                whole: None,
            };
            Programs.collect(&file, &mut facts);
            let found = facts.facts().iter().filter(|fact| matches!(*fact.fact, Fact::Gap(_))).count();
            assert_eq!(found, gaps, "{flags} {overlap}");
        }
    }

    #[test]
    fn known_programs_are_found_by_any_name_that_leads_to_them() {
        let text = |text: &str| Elf::new().section(".rodata", format!("\0{text}\0")).build();
        let image = Image::new()
            .file("bin/[", text("BusyBox v1.36.1 (2023-11-07 18:53:09 UTC)"))
            .hard_link("bin/busybox", "bin/[")
            .file("opt/store/abc", text("curl 8.4.0 (x86_64-pc-linux-gnu) %s"))
            .link("usr/local/bin/curl", "/opt/store/abc")
            .file("opt/store/def", text("OpenSSL 3.0.12 24 Oct 2023"))
            .link("usr/lib/libcrypto.so.3", "/opt/store/def")
            .file("usr/bin/nginx", "#!/bin/sh\n# nginx version: nginx/1.25.3\0")
            .file("opt/store/ghi", text("nginx version: nginx/1.25.4"));
        let expected =
            ["busybox 1.36.1 /bin/[,/bin/busybox", "curl 8.4.0 /opt/store/abc", "openssl 3.0.12 /opt/store/def"];
        assert_eq!(packages(&assemble(&image)), expected);
    }

    #[test]
    fn crates_that_use_another_without_end_cost_little() {
        let long = "n".repeat(500);
        let audit = format!(
            r#"{{"packages":[{{"name":"{long}","version":"1","source":"s","dependencies":[{}1]}},
                {{"name":"b","version":"2","source":"s"}},{{"name":"{long}{long}","version":"2","source":"s"}}]}}"#,
            "0,1,".repeat(100_000)
        );
        let inventory = assemble(&Image::new().file("a", rust(&audit)));
        let needed: Vec<usize> = inventory.packages.iter().map(|package| package.dependencies.len()).collect();
        assert_eq!(needed, [0, 1]);
        let told: Vec<_> = inventory.limitations.iter().map(|told| told.is_gap).collect();
        assert_eq!(told, [true], "the crate whose name is no name is told");
    }

    #[test]
    fn notes_and_version_strings_count_where_no_package_owns_the_file() {
        let note = r#"{"type":"rpm","name":"bash","version":"5.2.15-3.fc38","architecture":"x86_64","os":"fedora","osVersion":"38"}"#;
        let server = Elf::new().section(".rodata", "\0node.js/v20.9.0\0").build();
        let image = || {
            Image::new().file("usr/bin/bash", noted(note)).file("usr/bin/node", &server).file("usr/bin/other", &server)
        };
        let inventory = assemble(&image());
        assert_eq!(
            purls(&inventory),
            ["pkg:generic/node@20.9.0", "pkg:rpm/fedora/bash@5.2.15-3.fc38?arch=x86_64&distro=fedora-38"]
        );
        let owned = image()
            .file("var/lib/dpkg/status", "Package: all\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n")
            .file("var/lib/dpkg/info/all.list", "/usr/bin/bash\n/usr/bin/node\n");
        assert_eq!(purls(&assemble(&owned)), ["pkg:deb/debian/all@1?arch=all"]);
    }
}
