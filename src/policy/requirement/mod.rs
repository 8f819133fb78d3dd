//! What a policy asks of the image as a whole: each table one file here and one line in [`Requirements`].
//!
//! What is against it becomes a finding, which rules of later policies and waivers see like any other.

pub(super) mod base;
mod base_name;
pub(super) mod data;
pub(super) mod fix;
pub(super) mod licences;
pub(super) mod limits;
pub(super) mod require;
pub(super) mod waivers;

use toml::de::DeTable;

use super::file::reader::Reader;
use super::{Action, ImageFacts, Said};
use crate::finding::{Finding, Location};
use crate::rule::Rule;
use crate::time::Date;

/// The tables of one policy, or of several taken together.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Requirements {
    /// `[base]`
    pub(super) base: base::BaseRules,
    /// `[data]`
    pub(super) data: data::DataRules,
    /// `[fix]`
    pub(super) fix: fix::FixRules,
    /// `[licences]`
    pub(super) licences: licences::LicenceRules,
    /// `[limits]`
    pub(super) limits: limits::LimitRules,
    /// `[require]`
    pub(super) require: require::RequireRules,
    /// `[waivers]`
    pub(super) waivers: waivers::WaiverRules,
}

/// Rules of all tables, sorted by id.
pub(super) static RULES: &[&Rule] = &[
    &base::BASE_NOT_ALLOWED,
    &base::BASE_TOO_OLD,
    &base::BASE_UNKNOWN,
    &data::DATA_MISSING,
    &data::DATA_TOO_OLD,
    &licences::LICENCE_NOT_ALLOWED,
    &licences::LICENCE_UNKNOWN,
    &LIMIT_EXCEEDED,
    &require::NOT_JUDGED,
    &require::REQUIREMENT_MISSING,
];

/// Rules about what grows from day to day, or may: no baseline knows how much it is today.
pub(super) static AGEING: &[&Rule] = &[&base::BASE_TOO_OLD, &data::DATA_TOO_OLD, &crate::policy::IMAGE_CONDITION];

pub(super) use limits::LIMIT_EXCEEDED;

/// Something against a table of a policy.
pub(super) struct Breach {
    /// What is said of it.
    pub(super) finding: Finding,
    /// What the table makes of it.
    pub(super) own: Own,
}

/// What a table of a policy itself makes of what is against it.
pub(super) struct Own {
    /// What becomes of it.
    pub(super) action: Action,
    /// The table and the key, such as `[limits] size`.
    pub(super) name: String,
    /// File and line of the value that it is against.
    pub(super) place: String,
    /// Number of the policy that says that value.
    pub(super) policy: usize,
}

/// Takes what is against one table.
pub(super) struct Breaches<'a> {
    all: &'a mut Vec<Breach>,
    table: &'static str,
    action: Action,
}

impl<'a> Breaches<'a> {
    /// Takes what is against `table`, which fails unless its `action` says otherwise.
    fn of(table: &'static str, action: Option<&Said<Action>>, all: &'a mut Vec<Breach>) -> Self {
        Self { all, table, action: action.map_or(Action::Fail, |said| said.value) }
    }

    /// Adds a finding that is against the value under `key`.
    pub(super) fn add<T>(&mut self, said: &Said<T>, key: &str, finding: Finding) {
        let name = format!("[{}] {key}", self.table);
        let own = Own { action: self.action, name, place: said.place.clone(), policy: said.policy };
        self.all.push(Breach { finding, own });
    }

    /// Adds a finding about the image as a whole.
    pub(super) fn image<T>(&mut self, said: &Said<T>, key: &str, rule: &'static Rule, subject: &str, message: String) {
        self.add(said, key, Finding::new(rule, subject, Location::Image, message));
    }
}

impl Requirements {
    /// Reads the tables of a file.
    pub(super) fn read(reader: &mut Reader<'_>, top: &DeTable<'_>) -> Self {
        Self {
            base: base::BaseRules::read(reader, top),
            data: data::DataRules::read(reader, top),
            fix: fix::FixRules::read(reader, top),
            licences: licences::LicenceRules::read(reader, top),
            limits: limits::LimitRules::read(reader, top),
            require: require::RequireRules::read(reader, top),
            waivers: waivers::WaiverRules::read(reader, top),
        }
    }

    /// Takes over each value that `later` gives, the policy of this number.
    pub(super) fn merge(&mut self, later: &Self, number: usize) {
        self.base.merge(&later.base, number);
        self.data.merge(&later.data, number);
        self.fix.merge(&later.fix, number);
        self.licences.merge(&later.licences, number);
        self.limits.merge(&later.limits, number);
        self.require.merge(&later.require, number);
        self.waivers.merge(&later.waivers, number);
    }

    /// Whether they ask anything of an image: what they say of waivers and of `careen fix` does not, nor what only says
    /// how something is asked, such as `action`.
    pub(super) fn ask(&self) -> bool {
        !self.asking().is_empty()
    }

    /// The tables that ask something of an image.
    pub(super) fn asking(&self) -> Vec<&'static str> {
        let Self { base, data, licences, limits, require, fix: _, waivers: _ } = self;
        let base = base.allow.is_some() || base.deny.is_some() || base.digests.is_some() || base.highest_age.is_some();
        let sizes = limits.size.is_some() || limits.stored.is_some() || limits.waste.is_some();
        let limits = sizes || limits.layers.is_some() || limits.packages.is_some();
        let attached = require.provenance.is_some() || require.sbom.is_some() || require.signature.is_some();
        let labels = require.labels.as_ref().is_some_and(|said| said.value != require::Labels::default());
        let require = attached || labels || require.healthcheck.is_some() || require.user.is_some();
        let tables = [
            ("base", base),
            ("data", data.highest_age.is_some()),
            ("licences", licences.ask()),
            ("limits", limits),
            ("require", require),
        ];
        tables.into_iter().filter_map(|(table, asks)| asks.then_some(table)).collect()
    }

    /// Of each table: what it makes of what is against it, the rules of that, and those that say that it could not be judged.
    pub(super) fn finds(&self) -> Vec<(&'static str, Action, &'static [&'static Rule], &'static [&'static Rule])> {
        static BASE: &[&Rule] =
            &[&base::BASE_NOT_ALLOWED, &base::BASE_TOO_OLD, &crate::dockerfile::lint::BASE_NOT_ALLOWED];
        static NO_BASE: &[&Rule] = &[&base::BASE_UNKNOWN];
        static DATA: &[&Rule] = &[&data::DATA_TOO_OLD];
        static NO_DATA: &[&Rule] = &[&data::DATA_MISSING];
        static LICENCES: &[&Rule] = &[&licences::LICENCE_NOT_ALLOWED];
        static LIMITS: &[&Rule] = &[&LIMIT_EXCEEDED];
        static REQUIRE: &[&Rule] = &[&require::REQUIREMENT_MISSING];
        static NOT_JUDGED: &[&Rule] = &[&require::NOT_JUDGED];
        let action = |said: &Option<Said<Action>>| said.as_ref().map_or(Action::Fail, |said| said.value);
        vec![
            ("base", action(&self.base.action), BASE, NO_BASE),
            ("data", action(&self.data.action), DATA, NO_DATA),
            ("licences", action(&self.licences.action), LICENCES, NOT_JUDGED),
            ("limits", action(&self.limits.action), LIMITS, NOT_JUDGED),
            ("require", action(&self.require.action), REQUIRE, NOT_JUDGED),
        ]
    }

    /// The tables that are about what images must be, and ask nothing of them, each with the place of a value.
    pub(super) fn idle(&self) -> Vec<(&'static str, String)> {
        let asking = self.asking();
        let tables = [
            ("base", self.base.values()),
            ("data", self.data.values()),
            ("licences", self.licences.values()),
            ("limits", self.limits.values()),
            ("require", self.require.values()),
        ];
        let idle = tables.into_iter().filter(|(table, _)| !asking.contains(table));
        idle.filter_map(|(table, values)| Some((table, values.into_iter().next()?.2))).collect()
    }

    /// Whether they can be judged only where it is known what is attached to the image.
    pub fn ask_for_attached(&self) -> bool {
        let require = &self.require;
        [&require.provenance, &require.sbom, &require.signature].iter().any(|said| said.is_some())
    }

    /// Whether they can be judged only where packages are known.
    pub(super) fn ask_for_packages(&self) -> bool {
        self.licences.ask() || self.limits.packages.is_some()
    }

    /// Every value with its place, as `[table] key`, the value as TOML, and the place.
    pub fn values(&self) -> Vec<(String, String, String)> {
        let mut values = Vec::new();
        let mut table = |name: &str, entries: Vec<(&'static str, String, String)>| {
            values.extend(entries.into_iter().map(|(key, value, place)| (format!("[{name}] {key}"), value, place)));
        };
        table("base", self.base.values());
        table("data", self.data.values());
        table("fix", self.fix.values());
        table("licences", self.licences.values());
        table("limits", self.limits.values());
        table("require", self.require.values());
        table("waivers", self.waivers.values());
        values
    }

    /// What of the image is against them.
    pub(super) fn breaches(&self, image: &ImageFacts, today: Date) -> Vec<Breach> {
        let mut all = Vec::new();
        self.base.judge(image, today, &mut Breaches::of("base", self.base.action.as_ref(), &mut all));
        self.data.judge(image, &mut Breaches::of("data", self.data.action.as_ref(), &mut all));
        self.licences.judge(image, &mut Breaches::of("licences", self.licences.action.as_ref(), &mut all));
        self.limits.judge(image, &mut Breaches::of("limits", self.limits.action.as_ref(), &mut all));
        self.require.judge(image, &mut Breaches::of("require", self.require.action.as_ref(), &mut all));
        all
    }
}

/// Declares the values of a table, how later ones replace earlier ones, and how they are shown.
macro_rules! values {
    ($(#[$doc:meta])* $name:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty = $key:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq)]
        pub(in crate::policy) struct $name {
            $($(#[$field_doc])* pub(in crate::policy) $field: Option<$crate::policy::Said<$type>>,)*
        }

        impl $name {
            /// Takes over each value that `later` gives, the policy of this number.
            pub(super) fn merge(&mut self, later: &Self, number: usize) {
                $(if let Some(said) = &later.$field {
                    self.$field = Some($crate::policy::Said { policy: number, ..said.clone() });
                })*
            }

            /// Each value as TOML, with its key and its place.
            pub(super) fn values(&self) -> Vec<(&'static str, String, String)> {
                let mut values = Vec::new();
                $(if let Some(said) = &self.$field {
                    values.push(($key, $crate::policy::requirement::Shown::shown(&said.value), said.place.clone()));
                })*
                values
            }
        }
    };
}
use values;

/// A value, as a policy file writes it.
pub(super) trait Shown {
    /// As TOML.
    fn shown(&self) -> String;
}

impl Shown for String {
    fn shown(&self) -> String {
        toml::Value::String(self.clone()).to_string()
    }
}

impl Shown for &'static str {
    fn shown(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Shown for u64 {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for bool {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl Shown for super::Hours {
    fn shown(&self) -> String {
        format!("\"{self}\"")
    }
}

impl Shown for super::Glob {
    fn shown(&self) -> String {
        self.as_str().to_owned().shown()
    }
}

impl Shown for Action {
    fn shown(&self) -> String {
        format!("\"{}\"", self.as_str())
    }
}

impl<T: Shown> Shown for Vec<T> {
    fn shown(&self) -> String {
        format!("[{}]", self.iter().map(Shown::shown).collect::<Vec<_>>().join(", "))
    }
}
