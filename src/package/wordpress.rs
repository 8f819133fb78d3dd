//! `WordPress`: its own version, and the headers of plugins and themes (Plugin Handbook "Header Requirements", Theme
//! Handbook "Main Stylesheet").

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::collect::{About, Collector, Delivery, Facts, File, PackageFact, Select};
use crate::inventory::Ecosystem;
use crate::path::ImagePath;

use super::literal::{assigned, string};
use super::purl;
use super::text::{complain, field, lines};

/// `WordPress` itself, which is of no registry.
static WORDPRESS: Ecosystem = Ecosystem { id: "wordpress", purl_type: "generic", is_system: false };

/// Plugins of `WordPress`. No type of purls is registered for them: `pkg:generic/wordpress/plugin/NAME`.
static PLUGIN: Ecosystem = Ecosystem { id: "wordpress-plugin", purl_type: "generic", is_system: false };

/// Themes of `WordPress`.
static THEME: Ecosystem = Ecosystem { id: "wordpress-theme", purl_type: "generic", is_system: false };

/// Reads `version.php`, and the first lines of the files in which headers may be.
pub(super) struct WordPress;

/// What `WordPress` reads of a file for its header (`get_file_data`).
const HEADER: usize = 8 << 10;

static ABOUT: About = About {
    title: "WordPress",
    ecosystems: &[&WORDPRESS, &PLUGIN, &THEME],
    reads: "The version of WordPress; name, version and licence of each plugin and theme by the header WordPress \
                knows it by. Package URLs of plugins begin with `pkg:generic/wordpress/plugin/`, those of themes with \
                `pkg:generic/wordpress/theme/`.",
    not_seen: &[
        "plugins and themes outside of a folder `wp-content`",
        "which of them are active, which stands in a database",
        "plugins whose header gives no version: they are told as not understood",
    ],
    references: &[
        "https://developer.wordpress.org/plugins/plugin-basics/header-requirements/",
        "https://developer.wordpress.org/themes/basics/main-stylesheet-style-css/",
    ],
};

impl Collector for WordPress {
    fn id(&self) -> &'static str {
        "wordpress"
    }

    fn version(&self) -> u32 {
        1
    }

    fn select(&self) -> &'static [Select] {
        &[Select::Suffix(".php"), Select::Name("style.css")]
    }

    /// The beginning is enough, so no file is too large.
    fn delivery(&self) -> Delivery {
        Delivery::Windows
    }

    fn collect(&self, file: &File<'_>, facts: &mut Facts) {
        if file.offset > 0 {
            return;
        }
        let head = file.bytes.get(..HEADER).unwrap_or(file.bytes);
        match Place::of(file.path) {
            Some(Place::Core) => core(head, facts),
            Some(Place::Plugin(slug)) => extension(&PLUGIN, slug, b"Plugin Name", head, facts),
            Some(Place::Theme(slug)) => extension(&THEME, slug, b"Theme Name", head, facts),
            None => {}
        }
    }

    fn accepts(&self, path: &ImagePath) -> bool {
        Place::of(path).is_some()
    }

    fn about(&self) -> Option<&'static About> {
        Some(&ABOUT)
    }
}

/// What a file may be, by its path.
enum Place<'a> {
    /// `wp-includes/version.php`.
    Core,
    /// `wp-content/plugins/SLUG/*.php`, `wp-content/plugins/SLUG.php`, and the same in `mu-plugins`.
    Plugin(&'a [u8]),
    /// `wp-content/themes/SLUG/style.css`.
    Theme(&'a [u8]),
}

impl<'a> Place<'a> {
    fn of(path: &'a ImagePath) -> Option<Self> {
        let mut parts = path.components().rev();
        let (name, first, second, third) = (parts.next()?, parts.next()?, parts.next(), parts.next());
        let is_php = name.ends_with(b".php");
        match (first, second, third) {
            (b"wp-includes", ..) if name == b"version.php" => Some(Self::Core),
            (b"plugins" | b"mu-plugins", Some(b"wp-content"), _) if is_php => {
                name.strip_suffix(b".php").map(Self::Plugin)
            }
            (slug, Some(b"plugins" | b"mu-plugins"), Some(b"wp-content")) if is_php => Some(Self::Plugin(slug)),
            (slug, Some(b"themes"), Some(b"wp-content")) if name == b"style.css" => Some(Self::Theme(slug)),
            _ => None,
        }
    }
}

/// `$wp_version = '6.4.2';`
fn core(head: &[u8], facts: &mut Facts) {
    if head.trim_ascii().is_empty() {
        return;
    }
    let value = lines(head).find_map(|(_, line)| string(assigned(line, b"$wp_version")?));
    let fact = value.and_then(|(version, _)| purl::fact(&WORDPRESS, "wordpress", &field(version)?));
    match fact {
        Some(fact) => facts.package(fact),
        // other programs may have a file of this name
        None if memchr::memmem::find(head, b"wp_version").is_some() => {
            complain(facts, "it gives no version of WordPress as a literal");
        }
        None => {}
    }
}

/// A header is a line with its name, a colon and a value, in a comment; only what names the plugin or theme is one.
fn extension(ecosystem: &'static Ecosystem, slug: &[u8], title: &[u8], head: &[u8], facts: &mut Facts) {
    let value = |name: &[u8]| {
        lines(head).find_map(|(_, line)| {
            let line = line.trim_ascii_start();
            let start = line.iter().position(|b| !matches!(b, b' ' | b'\t' | b'/' | b'*' | b'#' | b'@'))?;
            let rest = line.get(start..)?;
            let (found, value) = rest.split_at_checked(name.len())?;
            let value = value.trim_ascii_start().strip_prefix(b":")?;
            let value = value.trim_ascii().strip_suffix(b"*/").unwrap_or(value);
            found.eq_ignore_ascii_case(name).then(|| field(value)).flatten()
        })
    };
    let Some(title) = value(title) else { return };
    let Some(slug) = field(slug) else { return complain(facts, format!("the folder of `{title}` has no name")) };
    let Some(version) = value(b"Version") else { return complain(facts, format!("`{title}` has no version")) };
    if let Some(fact) = purl::generic(ecosystem, &slug, &version) {
        facts.package(PackageFact { licence: value(b"License"), ..fact });
    }
}

#[cfg(test)]
mod tests {
    use crate::package::testing::{Image, assemble};

    #[test]
    fn headers_name_plugins_and_themes() {
        let plugin = "<?php\n/**\n * @package Akismet\n */\n/*\nPlugin Name: Akismet Anti-spam\nVersion: 5.3\nLicense: GPLv2 or later\n*/\n";
        let cases = [
            (
                "srv/wp-content/plugins/akismet/akismet.php",
                plugin,
                &["pkg:generic/wordpress/plugin/akismet@5.3"][..],
                0,
            ),
            ("srv/wp-content/plugins/akismet/views/x.php", plugin, &[], 0),
            ("srv/wp-content/plugins/akismet/class.php", "<?php\nclass A {}\n", &[], 0),
            (
                "wp-content/plugins/hello.php",
                "<?php\n/*\n * Plugin Name: Hello\n * Version: 1.7.2 */",
                &["pkg:generic/wordpress/plugin/hello@1.7.2"],
                0,
            ),
            (
                "wp-content/mu-plugins/x.php",
                "<?php\n// plugin name : X\n// VERSION: 1\n",
                &["pkg:generic/wordpress/plugin/x@1"],
                0,
            ),
            ("wp-content/plugins/a/a.php", "<?php\n/* Plugin Name: A */", &[], 1),
            (
                "wp-content/themes/two/style.css",
                "/*\nTheme Name: Two\nVersion: 1.0\n*/",
                &["pkg:generic/wordpress/theme/two@1.0"],
                0,
            ),
            ("wp-content/themes/two/style.css", "body {}", &[], 0),
            (
                "wp-includes/version.php",
                "<?php\n/** @global string $wp_version */\n$wp_version = '6.4.2';\n",
                &["pkg:generic/wordpress@6.4.2"],
                0,
            ),
            ("wp-includes/version.php", "<?php\n$wp_version = get();\n", &[], 1),
            ("wp-includes/version.php", "", &[], 0),
            ("srv/style.css", "/*\nTheme Name: Two\nVersion: 1.0\n*/", &[], 0),
        ];
        for (path, text, expected, told) in cases {
            let inventory = assemble(&Image::new().file(path, text));
            let purls: Vec<_> = inventory.packages.iter().map(|package| &*package.purl).collect();
            assert_eq!(purls, expected, "{path}");
            assert_eq!(inventory.limitations.len(), told, "{:?}", inventory.limitations);
        }
    }
}
