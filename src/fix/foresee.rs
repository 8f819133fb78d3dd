//! Foresees where a value stays that an action takes out: in a program, in what the image runs, in a file that waits for
//! somebody's look, or where no rule knows it.
//!
//! A plan says so before anything is done, and the proof asks for the absence of the value everywhere else. For that the values
//! are read from the input, and all of the input is searched for them. They are in no plan.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read as _;

use serde_json::Value;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::{escape, pointer_key, pointer_part};
use crate::finding::Location;
use crate::image::{Image, Layer};
use crate::limit::Limits;
use crate::pass::decode;
use crate::pass::tar::TarReader;
use crate::path::ImagePath;
use crate::policy::{Action as Judgement, Judged};
use crate::rebuild::layer::{Collector, MOST_EXCISED};
use crate::rebuild::{Beside, Bundle, Edit, Excised, Inner, NamedDocument, Span, edited_config};
use crate::rule::Severity;
use crate::secret::{Needles, is_sought, masked_path, take_inside, with_readings};
use crate::source::store::in_layout;
use crate::tree::{Node, Tree};

use super::compare;
use super::guard::Links;
use super::heirs;
use super::labels::{NAME_HINT, NAME_REASON, is_name};
use super::plan::{Action, ImagePlan, Plan, Remains};
use super::redact::is_run;
use super::search::{self, Layers, Place};
use super::verify::{Seen, config_of, edit, parsed};

/// Why a value stays in an image that stands beside those that were asked for.
const BESIDE: &str = "it is of another image, which was not asked for: `--platform all` fixes every image";

/// Why a value stays in a part of a document that no fixer changes.
const NOWHERE: &str = "nothing takes it out there: make the image anew without it";

/// Actions that are named of those that take a value out elsewhere: any number of them may, and it may stay in as many places.
const MOST_OWNERS: usize = 20;

/// Largest file that is read for what it holds, in bytes.
const LARGEST: u64 = 512 << 20;

/// The values that a plan takes out.
pub struct Values {
    needles: Needles,
    /// The actions that take each out: the place of the image and their ids.
    owners: Vec<BTreeSet<(usize, String)>>,
    /// Where they stand in the input.
    found: Layers,
}

impl Values {
    /// To look for.
    pub(super) fn needles(&self) -> &Needles {
        &self.needles
    }

    /// Where they stand in the layers of the input.
    pub(super) fn found(&self) -> &Layers {
        &self.found
    }

    /// The actions of an image that take a value out; those of other images where none of its own does.
    fn owners(&self, image: usize, needle: usize) -> impl Iterator<Item = &str> {
        let all = self.owners.get(needle).into_iter().flatten();
        let has_own = all.clone().any(|(of, _)| *of == image);
        all.filter(move |(of, _)| !has_own || *of == image).map(|(_, id)| id.as_str())
    }

    /// Whether a run of bytes is among what is sought, or needs not be.
    pub(super) fn cover(&self, run: &Excised) -> bool {
        run.with(|bytes| !is_sought(bytes) || self.needles.are_in(bytes))
    }
}

/// Reads the values that the plan takes out, says in the plan where they stay, and has a file that is blanked blanked at each
/// place of them. `seen` is what the scan saw of the images of `bundle`.
pub fn foresee(bundle: &Bundle, seen: &[Seen], plan: &mut Plan, limits: &Limits) -> Result<Values> {
    let mut values = Reading { room: MOST_EXCISED, ..Reading::default() };
    let images = bundle.images();
    let documents = if plan.takes_values() { bundle.parts(limits)?.0 } else { Vec::new() };
    for (number, image) in images.iter().enumerate() {
        let own = plan.of(image).into_iter().flat_map(ImagePlan::active);
        let config = config_of(image, &documents).and_then(|bytes| parsed(bytes).ok());
        for action in own {
            values.documents(number, action, image, config.as_ref());
        }
    }
    values.layers(images, plan, limits)?;
    let mut values = values.finish()?;
    let layers = Layers::search(&values.needles, images, &Layers::default(), limits)?;
    for (number, (image, seen)) in images.iter().zip(seen).enumerate() {
        let config = config_of(image, &documents);
        let Some(own) = plan.of_mut(image) else { continue };
        let known = Known::of(seen, own);
        let mut look = Look { values: &values, number, seen, known, remains: BTreeMap::new() };
        look.layers(image, &layers, own)?;
        if let Some(config) = config {
            look.config(config, own, limits)?;
        }
        own.remains = look.remains.into_values().collect();
    }
    let beside = if values.needles.is_empty() { Vec::new() } else { bundle.beside(limits)? };
    let is_changed = |image: &Image| plan.of(image).is_some_and(|own| own.active().next().is_some());
    let all_change = !values.needles.is_empty() && images.iter().all(is_changed);
    let left_out = if all_change { bundle.attached(limits)? } else { Vec::new() };
    documents_left(images, &documents, (&beside, &left_out), &values, plan);
    layers_left(&beside, &values, plan, limits)?;
    values.found = layers;
    Ok(values)
}

/// Values in texts of manifests, indexes and lists of tags that no action takes away.
fn documents_left(
    images: &[Image],
    documents: &[NamedDocument],
    (beside, left_out): (&[Beside], &[Digest]),
    values: &Values,
    plan: &mut Plan,
) {
    let edits = || plan.images.iter().flat_map(ImagePlan::active).flat_map(|action| &action.edits.0);
    let gone: BTreeSet<String> = edits()
        .filter_map(|edit| match edit {
            Edit::RemoveAnnotation { key, .. }
            | Edit::RedactAnnotation { key, .. }
            | Edit::SetAnnotation { key, .. } => Some(search::place(&format!("/annotations/{}", pointer_part(key)))),
            _ => None,
        })
        .collect();
    let removed: BTreeSet<String> = edits()
        .filter_map(|edit| match edit {
            Edit::RemoveAnnotation { key, .. } => Some(key.clone()),
            _ => None,
        })
        .collect();
    let left_out: BTreeSet<String> = left_out.iter().map(in_layout).collect();
    let configs: BTreeSet<String> =
        images.iter().filter_map(|image| image.target.config_digest.as_ref()).map(in_layout).collect();
    let Some(first) = plan.images.first_mut() else { return };
    let others = documents.iter().filter(|(name, _)| !configs.contains(name) && !left_out.contains(name));
    for (name, bytes) in others {
        let Ok(mut document) = parsed(bytes) else { continue };
        let other = beside.iter().find(|image| image.documents.contains(name));
        if other.is_none() {
            without(&mut document, &removed, &left_out);
        }
        let mut tell = |place: String, needle: usize| {
            if other.is_none() && gone.contains(&place) {
                return;
            }
            let path = other.map_or(place.clone(), |image| format!("{}, {place}", image.platform));
            let owners = values.owners.get(needle).into_iter().flatten();
            let of: BTreeSet<String> = owners.take(MOST_OWNERS).map(|(_, id)| id.clone()).collect();
            if let Some(known) = first.remains.iter_mut().find(|known| known.layer.is_none() && known.path == path) {
                let all: BTreeSet<String> = of.into_iter().chain(known.of.drain(..)).collect();
                known.of = all.into_iter().take(MOST_OWNERS).collect();
                return;
            }
            let reason = match path.strip_prefix("annotation ") {
                _ if other.is_some() => BESIDE.into(),
                Some(key) if is_name(key) => format!("{NAME_REASON}: {NAME_HINT}"),
                Some(key) if ![" of a layer", " of the configuration"].iter().any(|of| key.ends_with(of)) => {
                    "no rule knows it there: `[fix.annotations] remove` of a policy takes it out".into()
                }
                _ if path == "field RepoTags" => format!("{NAME_REASON}: {NAME_HINT}"),
                _ => NOWHERE.into(),
            };
            first.remains.push(Remains { layer: None, path, of: of.into_iter().collect(), rule: None, reason });
        };
        search::in_texts(&values.needles, &document, &mut |pointer, needle| tell(search::place(pointer), needle));
        for needle in search::beside_texts(&values.needles, bytes) {
            tell(search::REPEATED.to_owned(), needle);
        }
    }
}

/// Takes annotations out of a document and of its entries, and entries that will not be there.
fn without(document: &mut Value, annotations: &BTreeSet<String>, entries: &BTreeSet<String>) {
    let Some(own) = document.as_object_mut() else { return };
    let goes = |entry: &Value| {
        let digest = entry.get("digest").and_then(Value::as_str).and_then(|digest| digest.parse::<Digest>().ok());
        digest.is_some_and(|digest| entries.contains(&in_layout(&digest)))
    };
    if let Some(Value::Array(list)) = own.get_mut("manifests") {
        list.retain(|entry| !goes(entry));
        for entry in list {
            without(entry, annotations, entries);
        }
    }
    if let Some(Value::Object(all)) = own.get_mut("annotations") {
        all.retain(|key, _| !annotations.contains(key));
    }
}

/// Values in layers of images that stand beside those that were asked for.
fn layers_left(beside: &[Beside], values: &Values, plan: &mut Plan, limits: &Limits) -> Result<()> {
    let Some(first) = plan.images.first_mut() else { return Ok(()) };
    for Beside { platform, layers, .. } in beside {
        for layer in layers {
            let found: BTreeSet<usize> = search::in_one(&values.needles, layer, limits)?;
            let owners = found.iter().filter_map(|needle| values.owners.get(*needle)).flatten();
            let of: BTreeSet<String> = owners.map(|(_, id)| id.clone()).collect();
            if !of.is_empty() {
                let path = format!("{platform}, layer {}", layer.index);
                let of = of.into_iter().take(MOST_OWNERS).collect();
                first.remains.push(Remains { layer: None, path, of, rule: None, reason: BESIDE.into() });
            }
        }
    }
    Ok(())
}

/// Where values of one member stand, and the actions that take them out.
#[derive(Default)]
struct Wanted {
    spans: BTreeMap<Span, BTreeSet<(usize, String)>>,
    inside: BTreeMap<Inner, BTreeSet<(usize, String)>>,
}

/// Values while they are read.
#[derive(Default)]
struct Reading {
    known: BTreeMap<Vec<u8>, BTreeSet<(usize, String)>>,
    /// Bytes that may still be read.
    room: u64,
}

impl Reading {
    /// Adds a value as it stands, and what it says where it is coded.
    fn add(&mut self, value: &[u8], owners: &BTreeSet<(usize, String)>) {
        let mut keep = |value: &[u8]| self.known.entry(value.to_vec()).or_default().extend(owners.iter().cloned());
        keep(value);
        with_readings(value, &mut keep);
    }

    /// Values of the documents of an image.
    fn documents(&mut self, number: usize, action: &Action, image: &Image, config: Option<&Value>) {
        let owner = BTreeSet::from([(number, action.id.clone())]);
        for edit in &action.edits.0 {
            let (text, spans) = match edit {
                Edit::RedactConfig { pointer, spans } => {
                    (config.and_then(|config| config.pointer(pointer)).and_then(Value::as_str), spans)
                }
                Edit::RemoveAnnotation { key, secrets } | Edit::RedactAnnotation { key, spans: secrets } => {
                    (image.annotations.get(key).map(String::as_str), secrets)
                }
                _ => continue,
            };
            for span in spans {
                if let Some(run) = text.and_then(|text| span.of(text.as_bytes())) {
                    self.add(run, &owner);
                }
            }
        }
    }

    /// Values of the files of all images; a layer that several have is read once.
    fn layers(&mut self, images: &[Image], plan: &Plan, limits: &Limits) -> Result<()> {
        let mut layers: BTreeMap<String, (&Layer, BTreeMap<u32, Wanted>)> = BTreeMap::new();
        for (number, image) in images.iter().enumerate() {
            for action in plan.of(image).into_iter().flat_map(ImagePlan::active) {
                let owner = (number, action.id.clone());
                for edit in &action.edits.0 {
                    let none = Vec::new();
                    let (member, spans, inside) = match edit {
                        Edit::DropMember { member, secrets, inside } => (member, secrets, inside),
                        Edit::BlankBytes { member, spans } => (member, spans, &none),
                        _ => continue,
                    };
                    let Some(layer) = image.layers.get(member.layer as usize) else { continue };
                    if spans.is_empty() && inside.is_empty() {
                        continue;
                    }
                    let entry = layers.entry(search::key(number, layer)).or_insert_with(|| (layer, BTreeMap::new()));
                    let wanted = entry.1.entry(member.member).or_default();
                    for span in spans {
                        wanted.spans.entry(*span).or_default().insert(owner.clone());
                    }
                    for inner in inside {
                        wanted.inside.entry(inner.clone()).or_default().insert(owner.clone());
                    }
                }
            }
        }
        layers.values().try_for_each(|(layer, wanted)| self.layer(layer, wanted, limits))
    }

    fn layer(&mut self, layer: &Layer, wanted: &BTreeMap<u32, Wanted>, limits: &Limits) -> Result<()> {
        let wrong =
            |what: String| Error::new(ErrorKind::Malformed, format!("layer {} cannot be read: {what}", layer.index));
        let decoder = decode::open(layer.blob.open()?, limits).map_err(|e| wrong(e.to_string()))?;
        let mut members = TarReader::new(decoder, limits);
        let (mut number, mut left) = (0_u32, wanted.len());
        while left > 0
            && let Some(entry) = members.next().map_err(|e| wrong(e.to_string()))?
        {
            if let Some(own) = wanted.get(&number) {
                left = left.saturating_sub(1);
                if own.inside.is_empty() {
                    let spans: Vec<Span> = own.spans.keys().filter(|span| span.length > 0).copied().collect();
                    let mut collector = Collector::new(&spans, entry.size, &mut self.room)?;
                    collector.read(&mut members)?;
                    for (span, excised) in spans.iter().zip(collector.into_excised()) {
                        if let Some(owners) = own.spans.get(span) {
                            excised.with(|value| self.add(value, owners));
                        }
                    }
                } else {
                    self.archive(&entry.path, entry.size, own, &mut members).map_err(|e| wrong(e.to_string()))?;
                }
            }
            number = number.saturating_add(1);
        }
        Ok(())
    }

    /// Values of a file that holds others.
    fn archive<R: std::io::Read>(
        &mut self,
        path: &ImagePath,
        size: u64,
        wanted: &Wanted,
        members: &mut TarReader<R>,
    ) -> std::io::Result<()> {
        if size > LARGEST {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(usize::try_from(size).unwrap_or_default());
        members.take(LARGEST).read_to_end(&mut bytes)?;
        for (span, owners) in &wanted.spans {
            if let Some(run) = span.of(&bytes) {
                self.add(run, owners);
            }
        }
        let inside: Vec<_> =
            wanted.inside.keys().map(|inner| (inner.file.as_str(), inner.offset, inner.length)).collect();
        for (taken, owners) in take_inside(path, &bytes, &inside).into_iter().zip(wanted.inside.values()) {
            if let Some(value) = taken.map(Excised::new) {
                value.with(|value| self.add(value, owners));
            }
        }
        Ok(())
    }

    fn finish(self) -> Result<Values> {
        let (texts, owners): (Vec<Vec<u8>>, Vec<_>) = self.known.into_iter().unzip();
        let needles = Needles::new(texts.iter().map(Vec::as_slice));
        // wiped as they are dropped
        texts.into_iter().map(Excised::new).for_each(drop);
        Ok(Values { needles: needles?, owners, found: Layers::default() })
    }
}

/// What the scan and the plan know of secrets.
struct Known<'a> {
    /// What was found in files, by layer and path, or elsewhere.
    in_files: BTreeMap<(u32, &'a ImagePath), Vec<&'a Judged>>,
    elsewhere: Vec<&'a Judged>,
    /// Why a finding is left alone, by its fingerprint.
    refused: HashMap<String, String>,
    /// Actions that wait for a look, by layer and member.
    waits: HashMap<(u32, u32), String>,
}

impl<'a> Known<'a> {
    fn of(seen: &'a Seen, plan: &ImagePlan) -> Self {
        let mut known =
            Self { in_files: BTreeMap::new(), elsewhere: Vec::new(), refused: HashMap::new(), waits: HashMap::new() };
        for judged in seen.secrets() {
            match &judged.finding.location {
                Location::File { path, layer, .. } => known.in_files.entry((*layer, path)).or_default().push(judged),
                _ => known.elsewhere.push(judged),
            }
        }
        for refused in &plan.refused {
            if let Some(finding) = &refused.finding {
                let why = || format!("{}: {}", refused.reason, refused.hint);
                known.refused.entry(finding.clone()).or_insert_with(why);
            }
        }
        let takes_out =
            |edit: &&Edit| matches!(edit, Edit::DropMember { .. } | Edit::BlankBytes { .. } | Edit::Truncate { .. });
        for action in plan.actions.iter().filter(|action| !action.is_active()) {
            for member in action.edits.0.iter().filter(takes_out).filter_map(Edit::member) {
                known.waits.entry((member.layer, member.member)).or_insert_with(|| action.id.clone());
            }
        }
        known
    }

    /// What was found in a member, under any of its names, or in a file inside of it.
    fn in_member(&self, tree: &Tree, layer: u32, member: u32, path: &ImagePath) -> Vec<&'a Judged> {
        let mut all = Vec::new();
        let names: BTreeSet<&ImagePath> = tree.names_of(Node { layer, member }).chain([path]).collect();
        for name in names {
            all.extend(self.in_files.get(&(layer, name)).into_iter().flatten());
            let inside = ImagePath::new(&[name.as_bytes(), b"!"].concat());
            let from = self.in_files.range((layer, &inside)..);
            let own = from.take_while(|((of, path), _)| *of == layer && path.as_bytes().starts_with(inside.as_bytes()));
            all.extend(own.flat_map(|(_, found)| found));
        }
        all
    }

    /// The rule that knows a secret, if any does, and why it is not taken out where it was found. `waits` is the action that
    /// would do it.
    fn why_it_stays(&self, own: &[&Judged], waits: Option<&str>, hint: &str) -> (Option<String>, String) {
        let rule = own.first().map(|judged| judged.finding.rule.id.to_owned());
        let refused = || own.iter().find_map(|judged| self.refused.get(&judged.finding.fingerprint()));
        let reason = match (waits, own.first()) {
            (Some(id), _) => format!("`{id}` would take it out, and waits for a look"),
            (_, None) => format!("no rule knows it there: {hint}"),
            (_, Some(judged)) => match refused() {
                Some(refused) => refused.clone(),
                None if judged.waiver.is_some() || judged.action == Judgement::Ignore => {
                    "the policy accepts it there".into()
                }
                None if judged.finding.severity <= Severity::Info => "it is information there".into(),
                None => "it was not asked for to be taken out there".into(),
            },
        };
        (rule, reason)
    }
}

/// What is left of values in one image.
struct Look<'a> {
    values: &'a Values,
    number: usize,
    seen: &'a Seen,
    known: Known<'a>,
    remains: BTreeMap<(Option<u32>, String), Remains>,
}

impl Look<'_> {
    fn layers(&mut self, image: &Image, layers: &Layers, plan: &mut ImagePlan) -> Result<()> {
        let touched = Touched::of(plan)?;
        let heirs = touched.heirs(&self.seen.tree);
        let mut blanks: BTreeMap<(u32, u32), BTreeSet<Span>> = BTreeMap::new();
        for (index, layer) in (0_u32..).zip(&image.layers) {
            for (place, needle) in layers.of(self.number, layer) {
                let mut path = place.member().and_then(|member| self.seen.path(index, member));
                let mut place = Cow::Borrowed(place);
                if touched.takes(&self.seen.tree, index, &place, path) {
                    // a name that stays gets the content
                    let heir = place.member().and_then(|member| heirs.get(&Node { layer: index, member })?.first());
                    let name = heir.and_then(|heir| self.seen.path(index, heir.member));
                    let Some(((heir, old), new)) = heir.zip(path).zip(name) else { continue };
                    // and the header, but for the name
                    let is_name = matches!(*place, Place::Head(_)) && self.values.needles().are_in(old.as_bytes());
                    let Some(moved) = place.of_heir(heir.member, old, new).filter(|_| !is_name) else { continue };
                    (path, place) = (Some(new), Cow::Owned(moved));
                }
                let place = &*place;
                if let Place::Content(member, from, to) = place
                    && touched.blanked.contains_key(&(index, *member))
                {
                    // the value stands there once more
                    let span = Span { offset: *from, length: to.saturating_sub(*from) };
                    blanks.entry((index, *member)).or_default().insert(span);
                    continue;
                }
                let shown = place.shown(self.values.needles(), &self.seen.tree, index as usize);
                let member = place.member().zip(path);
                let own = member
                    .map_or_else(Vec::new, |(member, path)| self.known.in_member(&self.seen.tree, index, member, path));
                let waits = place.member().and_then(|member| self.known.waits.get(&(index, member)));
                let hint = match place {
                    Place::Stored | Place::Beside | Place::Shared(_) | Place::Padding(_) => {
                        "make the layer anew without it"
                    }
                    _ => "`--remove` takes the file out",
                };
                let (rule, reason) = self.known.why_it_stays(&own, waits.map(String::as_str), hint);
                self.add(Some(index), shown, *needle, rule, reason);
            }
        }
        for edit in plan.actions.iter_mut().filter(|action| action.is_active()).flat_map(|action| &mut action.edits.0) {
            if let Edit::BlankBytes { member, spans } = edit
                && let Some(more) = blanks.get(&(member.layer, member.member))
            {
                let all: BTreeSet<Span> = spans.iter().chain(more).copied().collect();
                *spans = all.into_iter().collect();
            }
        }
        Ok(())
    }

    fn config(&mut self, bytes: &[u8], plan: &ImagePlan, limits: &Limits) -> Result<()> {
        let Ok(before) = parsed(bytes) else { return Ok(()) };
        let (mut after, edits) = (before.clone(), plan.edits()?);
        edit(&mut after, &edits)
            .map_err(|what| Error::new(ErrorKind::Usage, format!("the plan does not fit the configuration: {what}")))?;
        let mut hits: BTreeSet<(String, usize)> = BTreeSet::new();
        search::in_texts(self.values.needles(), &after, &mut |pointer, needle| {
            hits.insert((pointer.to_owned(), needle));
        });
        for (pointer, needle) in hits {
            let text = after.pointer(&pointer).and_then(Value::as_str).unwrap_or_default();
            let is_about = |judged: &&&Judged| is_of(&judged.finding.location, &pointer, text);
            let own: Vec<&Judged> = self.known.elsewhere.iter().filter(is_about).copied().collect();
            // its place may be another one in the input
            let waits = plan.actions.iter().filter(|action| !action.is_active()).find(|action| {
                action.edits.0.iter().any(|edit| match edit {
                    Edit::RedactConfig { pointer, .. } => {
                        !text.is_empty() && before.pointer(pointer).and_then(Value::as_str) == Some(text)
                    }
                    _ => false,
                })
            });
            let waits = waits.map(|action| action.id.as_str());
            let (rule, reason) = self.known.why_it_stays(&own, waits, hint_of(&pointer));
            let shown = masked_path(&escape(&pointer));
            self.add(None, shown, needle, rule, reason);
        }
        // as it will be written; what cannot be, the rebuild tells
        let written = edited_config(bytes, &edits, limits).unwrap_or_else(|_| bytes.to_vec());
        for needle in search::beside_texts(self.values.needles(), &written) {
            self.add(None, search::REPEATED.to_owned(), needle, None, NOWHERE.to_owned());
        }
        Ok(())
    }

    fn add(&mut self, layer: Option<u32>, path: String, needle: usize, rule: Option<String>, reason: String) {
        let key = (layer, path.clone());
        let entry = self.remains.entry(key);
        let of = entry.or_insert_with(|| Remains { layer, path, of: Vec::new(), rule, reason });
        let ids = self.values.owners(self.number, needle).take(MOST_OWNERS).map(str::to_owned);
        let all: BTreeSet<String> = of.of.drain(..).chain(ids).collect();
        of.of = all.into_iter().take(MOST_OWNERS).collect();
    }
}

/// What takes a text out of a configuration.
fn hint_of(pointer: &str) -> &'static str {
    if pointer.ends_with(search::NAMELESS) {
        "make the image anew without it, since it is a name that holds the value"
    } else if is_run(pointer) {
        "the image runs it, or is chosen by it: make the image anew without it"
    } else {
        "`--redact` takes a text out"
    }
}

/// Whether a finding's place in the documents is the text at this pointer.
fn is_of(location: &Location, pointer: &str, text: &str) -> bool {
    let parts: Vec<&str> = pointer.split('/').skip(1).collect();
    match (location, parts.as_slice()) {
        (Location::History { index, .. }, ["history", of, ..]) => of.parse() == Ok(*index),
        (Location::Config { key }, ["config", "Env", _]) => {
            key.strip_prefix("Env.").is_some_and(|name| text.split('=').next() == Some(name))
        }
        (Location::Config { key }, ["config", "Labels", label]) => {
            key.strip_prefix("Labels.") == Some(&pointer_key(label))
        }
        (Location::Config { key }, ["config", name, ..] | [name]) => key == name,
        _ => false,
    }
}

/// What the edits of an image do to members.
struct Touched {
    dropped: BTreeSet<(u32, u32)>,
    emptied: BTreeSet<(u32, u32)>,
    blanked: BTreeMap<(u32, u32), Vec<Span>>,
    rewritten: BTreeSet<u32>,
}

impl Touched {
    fn of(plan: &ImagePlan) -> Result<Self> {
        let mut touched = Self {
            dropped: BTreeSet::new(),
            emptied: BTreeSet::new(),
            blanked: BTreeMap::new(),
            rewritten: BTreeSet::new(),
        };
        for edit in &plan.edits()?.0 {
            let Some(member) = edit.member() else { continue };
            let place = (member.layer, member.member);
            touched.rewritten.insert(member.layer);
            match edit {
                Edit::DropMember { .. } => drop(touched.dropped.insert(place)),
                Edit::Truncate { .. } => drop(touched.emptied.insert(place)),
                Edit::BlankBytes { spans, .. } => drop(touched.blanked.insert(place, spans.clone())),
                _ => {}
            }
        }
        Ok(touched)
    }

    /// The names that stay of files that go.
    fn heirs(&self, tree: &Tree) -> BTreeMap<Node, Vec<Node>> {
        let dropped = self.dropped.iter().map(|(layer, member)| Node { layer: *layer, member: *member });
        heirs::heirs(&Links::of(tree), &dropped.collect())
    }

    /// Whether what stands in a place of a layer goes.
    fn takes(&self, tree: &Tree, layer: u32, place: &Place, path: Option<&ImagePath>) -> bool {
        let is_rewritten = self.rewritten.contains(&layer);
        if let Place::Shared(next) = place {
            let members = tree.layers().get(layer as usize).map_or(0, |members| members.len());
            let last = u32::try_from(members).unwrap_or(u32::MAX);
            return is_rewritten && (*next..last).all(|at| self.dropped.contains(&(layer, at)));
        }
        let Some(member) = place.member() else { return is_rewritten };
        let own = (layer, member);
        let is_table = path.is_some_and(|path| compare::TABLES.contains(&path.as_bytes()));
        if self.dropped.contains(&own) || is_rewritten && is_table {
            return true;
        }
        if self.emptied.contains(&own) {
            return !matches!(place, Place::Head(_));
        }
        match (place, self.blanked.get(&own)) {
            (Place::Content(_, from, to), Some(spans)) => {
                spans.iter().any(|span| span.offset < *to && span.offset.saturating_add(span.length) > *from)
            }
            _ => false,
        }
    }
}
