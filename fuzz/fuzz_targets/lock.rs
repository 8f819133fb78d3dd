//! Any lock file, list or record of packages is read to its end. The first byte chooses the name.
#![no_main]

mod collect;

use libfuzzer_sys::fuzz_target;

const NAMES: &[&str] = &[
    "app/package-lock.json",
    "app/yarn.lock",
    "app/pnpm-lock.yaml",
    "app/bun.lock",
    "app/poetry.lock",
    "app/uv.lock",
    "app/pdm.lock",
    "app/pylock.toml",
    "app/Pipfile.lock",
    "app/requirements.txt",
    "app/Cargo.lock",
    "app/Gemfile.lock",
    "app/composer.lock",
    "app/go.mod",
    "app/go.sum",
    "app/packages.lock.json",
    "app/packages.config",
    "app/x.deps.json",
    "app/gradle.lockfile",
    "app/build.sbt.lock",
    "app/Package.resolved",
    "app/Podfile.lock",
    "app/pubspec.lock",
    "app/mix.lock",
    "app/conan.lock",
    "app/.pnp.cjs",
    "app/vendor/composer/installed.json",
    "lib/apk/db/installed",
    "var/lib/dpkg/status",
    "var/lib/dpkg/info/a.md5sums",
    "var/lib/pacman/local/a-1-1/desc",
    "n/node_modules/a/package.json",
    "s/a-1.dist-info/METADATA",
    "usr/lib/ruby/specifications/a-1.gemspec",
    "usr/lib/erlang/lib/a-1/ebin/a.app",
    "usr/lib/luarocks/rocks-5.1/a/1-1/a-1-1.rockspec",
    "usr/share/php/.registry/a.reg",
    "opt/conda/conda-meta/a-1-0.json",
    "root/.julia/environments/v1/Manifest.toml",
    "var/lib/chisel/manifest.wall",
];

fuzz_target!(|input: &[u8]| {
    let Some((choice, bytes)) = input.split_first() else { return };
    let facts = collect::collect(NAMES[usize::from(*choice) % NAMES.len()], bytes);
    assert!(facts <= bytes.len() + 20);
});
