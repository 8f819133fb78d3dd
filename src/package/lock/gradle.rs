//! `gradle.lockfile` (Gradle User Manual, "Locking versions").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Select};
use crate::package::ecosystem::MAVEN;
use crate::size::ByteSize;

use super::declared::{Declared, Entry};
use super::{FOREIGN_UNSEEN, LockFile, read};

/// What Gradle locks.
pub(in crate::package) static GRADLE_LOCK: LockFile = LockFile {
    id: "gradle-lock",
    ecosystem: &MAVEN,
    // buildscript-gradle.lockfile, settings-gradle.lockfile
    select: &[
        Select::Suffix("gradle.lockfile"),
        // one for each configuration, as Gradle wrote before version 7, without `=`
        Select::In("dependency-locks", ".lockfile"),
    ],
    limit: ByteSize::mib(8),
    read,
    about: &About {
        title: "Lock files of Gradle",
        ecosystems: &[&MAVEN],
        reads: "Group, name and version of all modules that a build asks for, those of all configurations and of the \
            build script, in one file or, as before Gradle 7, in one for each configuration.",
        not_seen: &["which module needs which: the file does not tell", FOREIGN_UNSEEN],
        references: &["https://docs.gradle.org/current/userguide/dependency_locking.html"],
    },
};

/// `group:name:version=configuration,configuration`, and `empty=` for configurations that need nothing.
fn read(bytes: &[u8], declared: &mut Declared) -> Result<(), String> {
    for (number, line) in (1_u64..).zip(read::text(bytes)?.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with("empty=") {
            continue;
        }
        let module = line.split('=').next().unwrap_or(line);
        match module.rsplit_once(':').filter(|(name, _)| name.split(':').count() == 2) {
            Some((name, version)) => declared.add(Entry::new(name.trim(), version)),
            None => declared.complain(format!("line {number} names no module")),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{shown, torment};
    use super::*;

    const LOCK: &str = "# This is a Gradle generated file for dependency locking.
junit:junit:4.13.2=testCompileClasspath,testRuntimeClasspath
 org.springframework:spring-asm:3.1.3.RELEASE=classpath
empty=annotationProcessor
";

    #[test]
    fn modules_are_declared() {
        let expected = ["maven/junit/junit@4.13.2", "maven/org.springframework/spring-asm@3.1.3.RELEASE"];
        assert_eq!(shown("app/gradle.lockfile", LOCK), expected);
        assert_eq!(shown("buildscript-gradle.lockfile", LOCK.replace('\n', "\r\n")), expected);
    }

    #[test]
    fn files_of_single_configurations_are_read() {
        let lock = "# Manual edits can break the build\norg.springframework:spring-beans:5.0.5.RELEASE\n";
        let expected = ["maven/org.springframework/spring-beans@5.0.5.RELEASE"];
        assert_eq!(shown("app/gradle/dependency-locks/compileClasspath.lockfile", lock), expected);
    }

    #[test]
    fn broken_lines_are_told() {
        for line in ["<<<<<<< HEAD", "a:b=c", "a:b:c:d=e", "::=", "a:b:=c"] {
            let shown = shown("gradle.lockfile", format!("{LOCK}{line}\n"));
            assert!(shown.len() == 3 && shown[2].starts_with('!'), "{line} {shown:?}");
        }
        torment(read, LOCK.as_bytes());
    }
}
