//! Secrets of the image's configuration, and the masking of its echo.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use crate::image::ImageConfig;
use crate::image::config::ContainerConfig;
use crate::inventory::{Secret, SecretPlace};
use crate::limitation::Limitation;
use crate::rule::Confidence;

use super::engine::{self, Found};
use super::kind::Kind;
use super::mask::{self, Run};
use super::rule::rule_set;
use super::value::OwnedValue;
use super::wrapped::{self, Form};

/// Most bytes of one field that are scanned; configurations are capped at 8 MiB as a whole.
const LONGEST_FIELD: usize = 8 << 20;

/// Longest value that is looked for in other texts.
const LONGEST_ECHO: usize = 4_096;

/// The secrets in environment, labels, commands, history and the texts that nothing uses, in that
/// order; a secret once for each place.
///
/// Each field is scanned as a text of its own, its name before it, as in `TOKEN=…`. A field made to
/// exhaust the search is a gap. Of the texts that nothing uses only what is in no other field
/// counts: builders copy the whole configuration there.
pub fn scan_config(config: &ImageConfig) -> (Vec<Secret>, Vec<Limitation>) {
    let mut secrets = Vec::new();
    let mut cut: BTreeSet<&'static str> = BTreeSet::new();
    let container = &config.config;
    if scan_fields(fields(container, config.author.as_deref()), &mut secrets) {
        cut.insert("config");
    }
    for (index, step) in (0_u32..).zip(&config.history) {
        let mut of_step: Vec<Secret> = Vec::new();
        for (name, value) in step.arguments() {
            let place = SecretPlace::History { index, key: name.to_owned() };
            let search = search(&format!("{name}={value}"), Form::Setting(name.len() + 1));
            if search.is_exhausted {
                cut.insert("history");
            }
            of_step.extend(search.hits.into_iter().map(|hit| secret(hit.found, place.clone())));
        }
        for (key, text, form) in
            [("created_by", &step.created_by, Form::Script), ("comment", &step.comment, Form::Text)]
        {
            let search = search(text, form);
            if search.is_exhausted {
                cut.insert("history");
            }
            for hit in search.hits {
                // What an argument holds is told under its name already.
                if !of_step.iter().any(|known| known.id == hit.found.id) {
                    of_step.push(secret(hit.found, SecretPlace::History { index, key: key.to_owned() }));
                }
            }
        }
        secrets.append(&mut of_step);
    }
    merge_repeats(&mut secrets);
    let mut known: HashSet<String> = secrets.iter().map(|secret| secret.id.clone()).collect();
    for text in &config.unused.texts {
        let search = if text.name.is_empty() {
            search(&text.text, Form::Text)
        } else {
            search(&format!("{}={}", text.name, text.text), Form::Setting(text.name.len() + 1))
        };
        if search.is_exhausted {
            cut.insert("config");
        }
        for found in search.hits.into_iter().map(|hit| hit.found).filter(|found| known.insert(found.id.clone())) {
            let key = mask_text(&text.place);
            let place = match text.step {
                Some(index) => SecretPlace::History { index, key },
                None => SecretPlace::Config { key },
            };
            secrets.push(secret(found, place));
        }
    }
    let mut limitations: Vec<Limitation> = cut.into_iter().map(gap).collect();
    if config.unused.is_cut {
        let what = "it has more texts, deeper ones or larger numbers than are looked at; the rest was not searched for secrets";
        limitations.push(
            Limitation::gap("config-not-searched", "config", what)
                .help("look at the configuration by hand: no builder is known to write such a one"),
        );
    }
    (secrets, limitations)
}

/// The secrets in the annotations of the manifest and of the indexes that led to it.
pub fn scan_annotations(annotations: &BTreeMap<String, String>) -> (Vec<Secret>, Vec<Limitation>) {
    let mut secrets = Vec::new();
    let is_cut = scan_fields(named("annotations", annotations), &mut secrets);
    (secrets, is_cut.then(|| gap("annotations")).into_iter().collect())
}

fn gap(place: &str) -> Limitation {
    let what = "too many false beginnings of secrets; the rest of a field was not searched, nor is it shown";
    Limitation::gap("secret-search-cut", place, what)
        .help("look at the field by hand; nothing but an attack is known to look like this")
}

/// Key, text and form of a field.
type Field = (String, String, Form);

/// Adds the secrets of fields, and says whether one of them was not searched to its end.
fn scan_fields(fields: impl IntoIterator<Item = Field>, secrets: &mut Vec<Secret>) -> bool {
    let mut is_cut = false;
    let mut counts: HashMap<String, usize> = HashMap::new();
    for (key, text, form) in fields {
        let search = search(&text, form);
        is_cut |= search.is_exhausted;
        // a value without a name, or one that was cut at a sign of its own
        let is_in_name = |hit: &Hit| matches!(form, Form::Setting(at) if hit.span.start + 1 < at || at == 0);
        let key = match key.split_once('.') {
            Some((map, _)) => {
                let count = counts.entry(map.to_owned()).or_default();
                *count += 1;
                if search.hits.iter().any(is_in_name) { format!("{map}[{}]", *count - 1) } else { key }
            }
            None => key,
        };
        let place = SecretPlace::Config { key };
        secrets.extend(search.hits.into_iter().map(|hit| secret(hit.found, place.clone())));
    }
    is_cut
}

/// The entries of a map, by the name of the map and their own.
fn named(map: &str, entries: &BTreeMap<String, String>) -> impl Iterator<Item = Field> {
    entries
        .iter()
        .map(move |(name, value)| (format!("{map}.{name}"), format!("{name}={value}"), Form::Setting(name.len() + 1)))
}

/// Every field that is searched, but those of the history.
fn fields(container: &ContainerConfig, author: Option<&str>) -> Vec<Field> {
    let mut fields = Vec::new();
    for pair in &container.env {
        let (name, after) = pair.split_once('=').map_or((pair.as_str(), 0), |(name, _)| (name, name.len() + 1));
        fields.push((format!("Env.{name}"), pair.clone(), Form::Setting(after)));
    }
    fields.extend(named("Labels", &container.labels));
    fields.extend(commands(container).map(|(key, text, form)| (key.to_owned(), text, form)));
    fields.extend(author.map(|author| ("author".to_owned(), author.to_owned(), Form::Text)));
    fields
}

/// The commands of a container: key, text on one line, form.
fn commands(container: &ContainerConfig) -> impl Iterator<Item = (&'static str, String, Form)> {
    let check = container.healthcheck.as_ref().map(|check| check.test.join(" "));
    [
        ("Entrypoint", container.entrypoint.join(" "), Form::Command),
        ("Cmd", container.cmd.join(" "), Form::Command),
        ("Healthcheck", check.unwrap_or_default(), Form::Command),
        ("OnBuild", container.on_build.join("\n"), Form::Script),
        ("Shell", container.shell.join(" "), Form::Command),
    ]
    .into_iter()
    .filter(|(_, text, _)| !text.is_empty())
}

/// The command that the field `key` of the configuration holds, secrets masked; `None` for other fields.
pub(super) fn masked_command(container: &ContainerConfig, key: &str) -> Option<String> {
    commands(container).find(|(name, ..)| *name == key).map(|(_, text, _)| mask_text(&text))
}

/// Steps that a note names; those beyond are counted.
const STEPS_NAMED: usize = 5;

/// Leaves of a secret that stands under the same name in several build steps only the first, with a
/// note on the others: builders repeat the build arguments in each step.
fn merge_repeats(secrets: &mut Vec<Secret>) {
    let mut first_of: HashMap<(&'static str, String, bool, String), usize> = HashMap::new();
    let mut kept: Vec<(Secret, Vec<u32>)> = Vec::with_capacity(secrets.len());
    for secret in secrets.drain(..) {
        let (is_step, key, index) = match &secret.place {
            SecretPlace::History { index, key } => (true, key.clone(), Some(*index)),
            SecretPlace::Config { key } => (false, key.clone(), None),
            SecretPlace::File { .. } => continue,
        };
        let first = *first_of.entry((secret.rule.id, secret.id.clone(), is_step, key)).or_insert(kept.len());
        match kept.get_mut(first) {
            Some((_, others)) => others.extend(index),
            None => kept.push((secret, Vec::new())),
        }
    }
    secrets.extend(kept.into_iter().map(|(mut secret, mut others)| {
        others.dedup();
        let named: Vec<String> = others.iter().take(STEPS_NAMED).map(ToString::to_string).collect();
        match (others.len(), others.len().saturating_sub(STEPS_NAMED)) {
            (0, _) => {}
            (1, _) => secret.notes.push(format!("also in build step {}", named.join(", "))),
            (_, 0) => secret.notes.push(format!("also in build steps {}", named.join(", "))),
            (_, more) => secret.notes.push(format!("also in build steps {} and {more} more", named.join(", "))),
        }
        secret
    }));
}

/// `text` with every secret in it masked, for echoes of build steps and variables.
///
/// A match is masked with the run of signs it stands in, so that a rule that knows only the first
/// part of a token leaves nothing of the rest.
pub fn mask_text(text: &str) -> String {
    mask_run(text, Run::Word)
}

/// As [`mask_text`]; in names the run may end at a slash.
pub(super) fn mask_run(text: &str, run: Run) -> String {
    let search = search(text, Form::Script);
    if search.is_exhausted {
        return "…".to_owned();
    }
    let mut spans: Vec<(Range<usize>, &str)> =
        search.hits.iter().map(|hit| (hit.span.clone(), hit.found.masked.as_str())).collect();
    let told =
        [mask::passwords_before_hosts(text), mask::private_keys(text), mask::query_values(text), mask::hashes(text)];
    spans.extend(told.into_iter().flatten().map(|span| (span, mask::HIDDEN)));
    let masked = if spans.is_empty() { text.to_owned() } else { mask::spans(text, &spans, run) };
    if text.len() <= LONGEST_FIELD {
        return masked;
    }
    // what was not searched is not shown
    let cut = masked.len().saturating_sub(text.len() - LONGEST_FIELD);
    let end = (0..=cut).rev().find(|at| masked.is_char_boundary(*at)).unwrap_or(0);
    format!("{}…", masked.get(..end).unwrap_or_default())
}

/// What configuration holds of values, to take them out of whatever else the report shows: a password that
/// one field names is not shown where another field has it without a name.
#[derive(Default)]
pub struct Echo(Vec<OwnedValue>);

/// Shortest value that is looked for in other texts; those below eight bytes only where they are words of their own, and
/// have a digit.
const LEAST_ECHO: usize = 6;

/// Most values that are looked for: each is looked for in each text.
const MOST_ECHOES: usize = 1_000;

impl Echo {
    /// The values of secrets in the fields and build arguments of a configuration.
    pub fn of(config: Option<&ImageConfig>, annotations: &BTreeMap<String, String>) -> Self {
        let mut echo = Self::default();
        for (_, text, form) in named("annotations", annotations) {
            echo.take(&text, form);
        }
        let Some(config) = config else { return echo };
        for (_, text, form) in fields(&config.config, config.author.as_deref()) {
            echo.take(&text, form);
        }
        for step in &config.history {
            for (name, value) in step.arguments() {
                echo.take(&format!("{name}={value}"), Form::Setting(name.len() + 1));
            }
            echo.take(&step.created_by, Form::Script);
        }
        echo
    }

    /// Adds what a text is known to hold, and of a user and a password the password by itself.
    pub fn add(&mut self, value: &str) {
        self.keep(value.as_bytes());
    }

    fn keep(&mut self, value: &[u8]) {
        // of a user and a password, the password by itself as well
        let password = memchr::memchr(b':', value).and_then(|colon| value.get(colon + 1..));
        for value in [Some(value), password].into_iter().flatten() {
            let is_long = value.len() >= mask::LEAST_PART || value.iter().any(u8::is_ascii_digit);
            if is_long && (LEAST_ECHO..=LONGEST_ECHO).contains(&value.len()) && self.0.len() < MOST_ECHOES {
                self.0.push(OwnedValue::new(value.to_vec()));
            }
        }
    }

    fn take(&mut self, text: &str, form: Form) {
        for hit in search(text, form).hits {
            // a token with an equals sign in it has its beginning in the name
            if let Form::Setting(value) = form
                && hit.span.start + LEAST_ECHO < value
                && let Some(name) = text.as_bytes().get(hit.span.start..value - 1)
            {
                self.0.push(OwnedValue::new(name.to_vec()));
            }
            text.as_bytes().get(hit.span).into_iter().for_each(|value| self.keep(value));
        }
    }

    /// [`mask_text`], and stars for each value in it.
    pub fn mask(&self, text: &str) -> String {
        // values of several words first: of these a mask may know only the first word
        let spaced = self.0.iter().filter(|value| value.with(|bytes| bytes.contains(&b' ')));
        let text = spaced.fold(text.to_owned(), |text, value| value.hide_in(&text));
        self.hide(mask_text(&text))
    }

    /// Stars for each value in a text that is masked already.
    pub(super) fn hide(&self, text: String) -> String {
        self.0.iter().fold(text, |text, value| value.hide_in(&text))
    }
}

/// A secret in a text, and what of the text must not be shown with it.
pub(super) struct Hit {
    pub(super) found: Found,
    pub(super) span: Range<usize>,
}

/// What a search of a text found, in no order.
#[derive(Default)]
pub(super) struct Search {
    pub(super) hits: Vec<Hit>,
    pub(super) is_exhausted: bool,
}

/// Searches a text as it stands, then what its form may hide: values in values, arguments of options.
pub(super) fn search(text: &str, form: Form) -> Search {
    let bytes = text.as_bytes().get(..LONGEST_FIELD).unwrap_or(text.as_bytes());
    let mut scan = engine::scan(bytes, Kind::Settings);
    for found in &mut scan.found {
        let note = rule_set().user.note(found.rule.id, &found.id, bytes, &found.span, b"");
        found.notes.extend(note);
    }
    let mut search = Search { hits: Vec::new(), is_exhausted: scan.is_exhausted };
    // of a setting all is the value: a password may have blanks
    let whole = |found: &Found| match form {
        Form::Setting(at) if (at..at.saturating_add(2)).contains(&found.span.start) => found.span.start..bytes.len(),
        _ => found.span.clone(),
    };
    search.hits.extend(scan.found.into_iter().map(|found| Hit { span: whole(&found), found }));
    let inner =
        if scan.is_exhausted { Vec::new() } else { wrapped::texts(text.get(..bytes.len()).unwrap_or_default(), form) };
    for (inner, span) in inner {
        let scan = inner.with(|bytes| engine::scan(bytes, Kind::Settings));
        search.is_exhausted |= scan.is_exhausted;
        for found in scan.found {
            let is_known = |hit: &Hit| hit.found.id == found.id;
            let is_generic = |hit: &Hit| hit.found.rule.id.starts_with("secret/generic");
            let overlaps = |hit: &Hit| hit.span.start < span.end && span.start < hit.span.end;
            if search.hits.iter().any(|hit| is_known(hit) || (overlaps(hit) && !is_generic(hit))) {
                continue;
            }
            // what is inside says better what it is than the name outside
            search.hits.retain(|hit| !overlaps(hit));
            search.hits.push(Hit { found, span: span.clone() });
        }
    }
    if matches!(form, Form::Command | Form::Script) {
        for hit in &mut search.hits {
            let option = wrapped::option_before(text, hit.span.start);
            // of a program nobody knows, the shape of the value is all there is
            let is_guess = option == Some("-p") && hit.found.rule.id == "secret/generic-secret";
            if is_guess && !wrapped::has_user_before(text, hit.span.start) {
                hit.found.confidence = Confidence::Low;
            }
            hit.found.notes.extend(option.map(|option| format!("argument of `{option}`")));
        }
    }
    search
}

fn secret(found: Found, place: SecretPlace) -> Secret {
    Secret {
        rule: found.rule,
        severity: found.severity,
        confidence: found.confidence,
        place,
        masked: found.masked,
        id: found.id,
        length: found.span.len() as u64,
        coded: None,
        notes: found.notes,
    }
}
