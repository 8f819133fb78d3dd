//! Proves a rebuilt image from what was written: it is what the plan says, and nothing else.
//!
//! All is read again from the output. Digests, sizes and diff IDs are checked while it is scanned, as of any image; here each layer
//! is compared member for member with what its edits make of the old one, the configuration and the merged tree with what the
//! plan says, and what was taken out is looked for everywhere.

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashSet};

use serde_json::{Map, Value};

use crate::error::{Error, ErrorKind, Result};
use crate::escape::{escape, pointer_key, pointer_part};
use crate::finding::{Finding, Location};
use crate::image::{Blob, FIX_STEP, Image};
use crate::inventory::{Inventory, LayerSummary, Origin, RunUser};
use crate::limit::Limits;
use crate::limitation::Limitation;
use crate::pass::Known;
use crate::path::ImagePath;
use crate::policy::{Action as Judgement, Judged};
use crate::rebuild::{Bundle, Edit, Edits, LayerChange, NamedDocument, Rebuilt, RebuiltImage, Span};
use crate::rule::Severity;
use crate::secret::masked_path;
use crate::source::store::in_layout;
use crate::tree::{Node, Tree};

use super::copies::Copies;
use super::foresee::Values;
use super::guard::Links;
use super::merged::{Odd, Origins, unplanned};
use super::plan::{ImagePlan, Plan};
use super::search::{self, Layers};
use super::secret_settings::merged;
use super::{compare, heirs};

/// Names that go of one file, by which what is found in it is known: an image may have any number.
const MOST_SOURCES: usize = 32;

/// Differences that are told; the rest is counted.
const TOLD: usize = 20;

/// What a scan saw of an image, kept to be compared.
#[derive(Debug)]
pub struct Seen {
    /// What could not be read.
    limitations: Vec<Limitation>,
    layers: Vec<LayerSummary>,
    pub(super) tree: Tree,
    judged: Vec<Judged>,
    /// The number of the user that processes start as.
    run_as: Option<u32>,
}

impl Seen {
    /// Keeps what is compared.
    pub fn of(inventory: &Inventory, judged: &[Judged]) -> Self {
        Self {
            limitations: inventory.limitations.clone(),
            layers: inventory.layers.clone(),
            tree: inventory.tree.clone(),
            judged: judged.to_vec(),
            run_as: inventory.run_user().and_then(RunUser::uid),
        }
    }

    /// The path of a member.
    pub(super) fn path(&self, layer: u32, member: u32) -> Option<&ImagePath> {
        self.tree.layers().get(layer as usize)?.get(member as usize).map(|entry| &entry.path)
    }

    /// What was found of secrets, in the order of the scan.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &Judged> {
        self.judged.iter().filter(|judged| judged.finding.rule.family() == "secret")
    }
}

/// The images of one place, opened and scanned.
pub struct Place<'a> {
    /// Documents and layers.
    pub bundle: &'a Bundle,
    /// What the scan saw, one for each image of the bundle in its order.
    pub seen: &'a [Seen],
}

/// One image before or after.
struct Side<'a> {
    seen: &'a Seen,
    image: &'a Image,
}

/// What differs in layers that were written anew, by image and the layer's index.
#[derive(Default)]
pub struct Comparison(BTreeMap<(usize, u32), Vec<String>>);

/// Compares each layer that was written anew with what its edits make of the old one. What is known of members that stayed
/// is known of them in their new layer, too: a scan that follows need not learn it again.
///
/// What cannot be read is left to the proof.
pub fn compare(
    before: &Place<'_>,
    after: &Bundle,
    plan: &Plan,
    rebuilt: &Rebuilt,
    known: &Known,
    limits: &Limits,
) -> Result<Comparison> {
    let mut compared = Comparison::default();
    let olds = before.bundle.images().iter().zip(before.seen);
    let images = olds.zip(after.images()).zip(&rebuilt.images);
    for (number, (((old, seen), new), rebuilt)) in images.enumerate() {
        let edits = plan.of(old).map(ImagePlan::edits).transpose()?.unwrap_or_default();
        let edits = by_layer(&edits);
        let kept = rebuilt.layers.iter().filter(|layer| layer.after.is_some());
        for (change, layer) in kept.zip(&new.layers) {
            let Some((edits, old)) = edits.get(&change.index).zip(old.layers.get(change.index as usize)) else {
                continue;
            };
            let state = change.before.as_ref().zip(seen.tree.layers().get(change.index as usize));
            let was =
                state.map(|(state, entries)| compare::Known { digest: &state.digest, entries, marks: &change.marks });
            let Ok(found) = compare::layer(&*old.blob, was, &*layer.blob, edits, limits) else { continue };
            let is_old = change.before.as_ref().is_some_and(|before| Some(&before.digest) == found.of.as_ref());
            if let (true, Some(of), Some(kept)) = (is_old && found.differences.is_empty(), &found.of, found.kept) {
                known.derive(of, found.read, &kept);
            }
            compared.0.insert((number, change.index), found.differences);
        }
    }
    Ok(compared)
}

/// Edits of members, by layer.
fn by_layer(edits: &Edits) -> BTreeMap<u32, Vec<&Edit>> {
    let mut by_layer: BTreeMap<u32, Vec<&Edit>> = BTreeMap::new();
    for edit in &edits.0 {
        if let Some(member) = edit.member() {
            by_layer.entry(member.layer).or_default().push(edit);
        }
    }
    by_layer
}

/// Proves the output `after` from the input `before`: fails with [`ErrorKind::Unproven`] unless it is what `plan` makes of it.
pub fn prove(
    before: &Place<'_>,
    after: &Place<'_>,
    (plan, values): (&Plan, &Values),
    (rebuilt, compared): (&Rebuilt, &Comparison),
    limits: &Limits,
) -> Result<()> {
    let mut flaws = Flaws::default();
    let count = before.bundle.images().len();
    let counts = [before.seen.len(), after.bundle.images().len(), after.seen.len(), rebuilt.images.len()];
    if counts.iter().any(|other| *other != count) {
        flaws.add(format!("it holds {} images where {count} are expected", counts[1]));
        return flaws.check();
    }
    let (before_documents, _) = before.bundle.parts(limits)?;
    let (documents, stray) = after.bundle.parts(limits)?;
    flaws.extend(stray.into_iter().map(|name| format!("nothing leads to `{}`", escape(name))));
    // the rebuild says what it took out, too
    if rebuilt.excised.iter().any(|run| !values.cover(run)) {
        flaws.add("bytes were taken out as a secret that are not looked for");
    }
    // a layer that is the same blob was searched before
    let standing = Layers::search(values.needles(), after.bundle.images(), values.found(), limits)?;
    let mut configs = BTreeSet::new();
    let olds = before.bundle.images().iter().zip(before.seen);
    let news = after.bundle.images().iter().zip(after.seen);
    for (number, ((old, new), rebuilt)) in olds.zip(news).zip(&rebuilt.images).enumerate() {
        let before_side = Side { image: old.0, seen: old.1 };
        let after_side = Side { image: new.0, seen: new.1 };
        let own = plan.of(old.0);
        let none = Edits::default();
        let edits = own.map(ImagePlan::edits).transpose()?.unwrap_or(none);
        if new.0.target.config_digest.as_ref() != Some(&rebuilt.after.config) {
            flaws.add("the configuration was read with another digest than it was written with");
        }
        readable(&before_side, &after_side, &mut flaws);
        layers(&before_side, &after_side, &edits, rebuilt, (number, compared, limits), &mut flaws)?;
        let links = Links::of(&old.1.tree);
        names(&before_side, &after_side, &edits, (rebuilt, &links), &mut flaws);
        if let Some(own) = own {
            let config = config_of(new.0, &documents).and_then(|config| parsed(config).ok()).unwrap_or_default();
            findings((&before_side, &after_side), (own, &links), (&edits, &config, rebuilt), values, &mut flaws);
        }
        configs.extend(new.0.target.config_digest.as_ref().map(in_layout));
        match (config_of(old.0, &before_documents), config_of(new.0, &documents)) {
            (Some(old), Some(new)) => {
                config(old, new, &edits, rebuilt, &mut flaws);
                let sides = (&before_side, &after_side);
                let config = parsed(new).unwrap_or_default();
                absent(values, number, sides, &standing, &config, (own, &edits, rebuilt), &mut flaws);
                let mut remains = own.into_iter().flat_map(|own| &own.remains);
                let is_known = remains.any(|remains| remains.layer.is_none() && remains.path == search::REPEATED);
                if !is_known && !search::beside_texts(values.needles(), new).is_empty() {
                    flaws.add("the configuration still holds a value that was taken out, beside its texts");
                }
            }
            _ => flaws.add("the configuration is missing"),
        }
    }
    // those of other platforms were not asked for, and stay as they are: the plan's notes tell of them
    let is_own = |document: &&NamedDocument| !configs.contains(&document.0) && !before_documents.contains(document);
    let stays =
        |path: &str| plan.images.iter().flat_map(|plan| &plan.remains).any(|remains| remains.path.as_str() == path);
    for (name, bytes) in documents.iter().filter(is_own) {
        let mut is_known = true;
        search::in_texts(values.needles(), &parsed(bytes).unwrap_or_default(), &mut |pointer, _| {
            is_known &= stays(&search::place(pointer));
        });
        let is_repeated = !search::beside_texts(values.needles(), bytes).is_empty();
        if !is_known || is_repeated && !stays(search::REPEATED) {
            flaws.add(format!("`{}` still holds a value that was taken out", escape(name)));
        }
    }
    flaws.check()
}

/// The configuration of an image, among the documents of its place.
pub(super) fn config_of<'d>(image: &Image, documents: &'d [NamedDocument]) -> Option<&'d [u8]> {
    let name = in_layout(image.target.config_digest.as_ref()?);
    documents.iter().find(|(other, _)| *other == name).map(|(_, bytes)| bytes.as_slice())
}

/// What is wrong with an output.
#[derive(Debug, Default)]
pub struct Flaws(Vec<String>);

impl Flaws {
    fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    fn extend(&mut self, all: impl IntoIterator<Item = String>) {
        self.0.extend(all);
    }

    /// Fails if there are any, naming the first.
    pub fn check(mut self) -> Result<()> {
        if self.0.is_empty() {
            return Ok(());
        }
        self.0.sort();
        self.0.dedup();
        let more = self.0.len().saturating_sub(TOLD);
        self.0.truncate(TOLD);
        let mut what = format!("the rebuilt image is not what was planned: {}", self.0.join("; "));
        if more > 0 {
            what += &format!("; and {more} more");
        }
        Err(Error::new(ErrorKind::Unproven, what).help(
            "nothing was written; leave out what it names (`--skip` for kinds, else the flag), and please report it: this is a \
             defect in careen",
        ))
    }
}

/// What could not be read of the output, and could of the input.
fn readable(before: &Side<'_>, after: &Side<'_>, flaws: &mut Flaws) {
    let known: BTreeSet<&str> = before.seen.limitations.iter().filter(|one| one.is_gap).map(|one| one.code).collect();
    for one in after.seen.limitations.iter().filter(|one| one.is_gap && !known.contains(one.code)) {
        flaws.add(format!("{}: {}", one.place, one.what));
    }
}

/// Layers that stay are the same blobs, others are what their edits say.
fn layers(
    before: &Side<'_>,
    after: &Side<'_>,
    edits: &Edits,
    rebuilt: &RebuiltImage,
    (number, compared, limits): (usize, &Comparison, &Limits),
    flaws: &mut Flaws,
) -> Result<()> {
    let by_layer = by_layer(edits);
    let has_top = edits.0.iter().any(Edit::is_on_top);
    let kept: Vec<_> = kept(rebuilt).collect();
    if kept.len() != after.image.layers.len() || kept.len() != after.seen.layers.len() {
        flaws.add(format!("it has {} layers where {} are expected", after.image.layers.len(), kept.len()));
        return Ok(());
    }
    let olds = before.seen.layers.len();
    if rebuilt.layers.len() != olds.saturating_add(usize::from(has_top)) {
        flaws.add(format!("{} layers were made of {olds}", rebuilt.layers.len()));
    }
    for change in rebuilt.layers.iter().filter(|layer| layer.after.is_none()) {
        // only what the edits emptied may be left out
        let is_empty = before.image.layers.get(change.index as usize).is_some_and(|layer| {
            let own = by_layer.get(&change.index).map_or(&[][..], Vec::as_slice);
            !own.is_empty()
                && compare::layer(&*layer.blob, None, &empty(), own, limits)
                    .is_ok_and(|found| found.differences.is_empty())
        });
        if !is_empty {
            flaws.add(format!("layer {} is missing", change.index));
        }
    }
    for (change, (layer, summary)) in kept.iter().zip(after.image.layers.iter().zip(&after.seen.layers)) {
        let index = change.index;
        let Some(state) = &change.after else { continue };
        if summary.digest.as_ref() != Some(&state.digest) || summary.diff_id.as_ref() != Some(&state.diff_id) {
            flaws.add(format!("layer {index} was read with another digest than it was written with"));
        }
        let Some(old) = before.image.layers.get(index as usize) else {
            if !has_top {
                flaws.add(format!("layer {index} came from nowhere"));
                continue;
            }
            let below: Vec<&dyn Blob> = before.image.layers.iter().map(|layer| &*layer.blob as &dyn Blob).collect();
            let found = compare::on_top(&below, &*layer.blob, edits, limits)?;
            flaws.extend(found.into_iter().map(|what| format!("the layer on top: {what}")));
            continue;
        };
        // policies judge the base's layers otherwise
        let origin = before.seen.layers.get(index as usize).map(|layer| layer.origin);
        if summary.origin == Origin::Base && origin != Some(Origin::Base) {
            flaws.add(format!("layer {index} would count as one of the base image"));
        }
        if let Some(edits) = by_layer.get(&index) {
            let found = match compared.0.get(&(number, index)) {
                Some(found) => found.clone(),
                None => compare::layer(&*old.blob, None, &*layer.blob, edits, limits)?.differences,
            };
            flaws.extend(found.into_iter().map(|what| format!("layer {index}: {what}")));
            continue;
        }
        let old = before.seen.layers.get(index as usize).and_then(|layer| layer.diff_id.as_ref());
        if old != summary.diff_id.as_ref() {
            flaws.add(format!("layer {index} changed, which nothing was planned for"));
        }
    }
    Ok(())
}

/// A layer without members.
fn empty() -> Vec<u8> {
    vec![0; 1_024]
}

/// A document as a value.
pub(super) fn parsed(bytes: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(bytes)
}

/// The configuration is what its edits make of the old one, apart from what follows the layers.
fn config(old: &[u8], new: &[u8], edits: &Edits, rebuilt: &RebuiltImage, flaws: &mut Flaws) {
    let (Ok(mut wanted), Ok(mut found)) = (parsed(old), parsed(new)) else {
        return flaws.add("the configuration cannot be read");
    };
    if let Err(what) = edit(&mut wanted, edits) {
        return flaws.add(format!("the configuration: {what}"));
    }
    let diff_ids: Vec<Value> =
        rebuilt.layers.iter().filter_map(|layer| Some(layer.after.as_ref()?.diff_id.to_string().into())).collect();
    if found.pointer("/rootfs/diff_ids") != Some(&Value::Array(diff_ids)) {
        flaws.add("the diff IDs of the configuration are not those of the layers");
    }
    let steps = |document: &Value| document.get("history").and_then(Value::as_array).map_or(0, Vec::len);
    // a history that does not tell of every layer gets no step for the one on top
    let has_step = edits.0.iter().any(Edit::is_on_top)
        && steps(&found) == steps(&wanted).saturating_add(1)
        && found.pointer(&format!("/history/{}/created_by", steps(&wanted))).and_then(Value::as_str) == Some(FIX_STEP);
    for (document, has_top) in [(&mut wanted, false), (&mut found, has_step)] {
        if let Some(rootfs) = document.get_mut("rootfs").and_then(Value::as_object_mut) {
            rootfs.remove("diff_ids");
        }
        let Some(history) = document.get_mut("history").and_then(Value::as_array_mut) else { continue };
        if has_top {
            history.pop();
        }
        for step in history {
            // a step whose layer was left out has none
            if let Some(step) =
                step.as_object_mut().filter(|_| rebuilt.layers.iter().any(|layer| layer.after.is_none()))
            {
                step.remove("empty_layer");
            }
        }
    }
    if wanted != found {
        flaws.add("the configuration differs from what was planned");
    }
}

/// Carries edits of the configuration out on its value.
pub(super) fn edit(document: &mut Value, edits: &Edits) -> std::result::Result<(), String> {
    let missing = |pointer: &str| format!("there is no `{}`", escape(pointer));
    let mut removed: Vec<&str> = Vec::new();
    for edit in &edits.0 {
        match edit {
            Edit::RedactConfig { pointer, spans } => {
                let text = document.pointer_mut(pointer).ok_or_else(|| missing(pointer))?;
                let mut bytes = text.as_str().ok_or_else(|| missing(pointer))?.as_bytes().to_vec();
                let range = |span: &Span| {
                    let (from, length) = (usize::try_from(span.offset).ok()?, usize::try_from(span.length).ok()?);
                    Some(from..from.checked_add(length)?).filter(|range| range.end <= bytes.len())
                };
                let spans: Option<Vec<_>> = spans.iter().map(range).collect();
                // those that touch are one place
                for range in merged(spans.ok_or_else(|| missing(pointer))?).into_iter().rev() {
                    bytes.splice(range, b"[REDACTED]".iter().copied());
                }
                *text = String::from_utf8(bytes).map_err(|_| missing(pointer))?.into();
            }
            Edit::RemoveEnv { name } => {
                for part in ["/config/Env", "/container_config/Env"] {
                    if let Some(list) = document.pointer_mut(part).and_then(Value::as_array_mut) {
                        list.retain(|pair| pair.as_str().is_none_or(|pair| pair.split('=').next() != Some(name)));
                    }
                }
            }
            Edit::RemoveConfig { pointer } => removed.push(pointer),
            _ => {}
        }
    }
    for edit in &edits.0 {
        if let Edit::SetConfig { pointer, value } = edit {
            let (holder, key) = pointer.rsplit_once('/').ok_or_else(|| missing(pointer))?;
            let mut place = &mut *document;
            for part in holder.split('/').skip(1) {
                let part = pointer_key(part);
                place = match place {
                    Value::Array(list) => {
                        part.parse::<usize>().ok().and_then(|at| list.get_mut(at)).ok_or_else(|| missing(pointer))?
                    }
                    Value::Object(object) => {
                        let inner = object.entry(part).or_insert_with(|| Value::Object(Map::default()));
                        if inner.is_null() {
                            *inner = Value::Object(Map::default());
                        }
                        inner
                    }
                    _ => return Err(missing(pointer)),
                };
            }
            let key = pointer_key(key);
            match place {
                Value::Object(object) => {
                    object.insert(key, value.clone());
                }
                Value::Array(list) => {
                    let at = key.parse::<usize>().ok().and_then(|at| list.get_mut(at));
                    *at.ok_or_else(|| missing(pointer))? = value.clone();
                }
                _ => return Err(missing(pointer)),
            }
        }
    }
    // the later elements of a list before the earlier ones
    removed.sort_by_key(|pointer| {
        let (holder, last) = pointer.rsplit_once('/').unwrap_or_default();
        (holder.to_owned(), std::cmp::Reverse(last.parse::<u64>().unwrap_or_default()))
    });
    for pointer in removed {
        let (holder, key) = pointer.rsplit_once('/').ok_or_else(|| missing(pointer))?;
        let key = pointer_key(key);
        let gone = match document.pointer_mut(holder) {
            Some(Value::Object(object)) => object.remove(&key).is_some(),
            Some(Value::Array(list)) => match key.parse::<usize>().ok().filter(|at| *at < list.len()) {
                Some(at) => {
                    list.remove(at);
                    true
                }
                None => false,
            },
            _ => false,
        };
        if !gone {
            return Err(missing(pointer));
        }
    }
    Ok(())
}

/// The merged tree differs only where the plan says so.
fn names(
    before: &Side<'_>,
    after: &Side<'_>,
    edits: &Edits,
    (rebuilt, links): (&RebuiltImage, &Links),
    flaws: &mut Flaws,
) {
    let (old, new) = (&before.seen.tree, &after.seen.tree);
    let origins = Origins::of(old, edits, kept(rebuilt).map(|layer| layer.index));
    for (path, what) in unplanned(old, new, edits, links, &origins) {
        let what = match what {
            Odd::Changed => "changed, which nothing was planned for",
            Odd::Gone => "is gone, which nothing was planned for",
            Odd::Appeared => "appeared, which nothing was planned for",
            Odd::Older => "was taken out, and an older file shows in its place",
        };
        flaws.add(format!("`{}` {what}", escape(path.to_string())));
    }
}

/// What the plan mends is found no more, and nothing new is.
fn findings(
    (before, after): (&Side<'_>, &Side<'_>),
    (plan, links): (&ImagePlan, &Links),
    (edits, config, rebuilt): (&Edits, &Value, &RebuiltImage),
    values: &Values,
    flaws: &mut Flaws,
) {
    let names = &before.seen.tree;
    let touched = Touched::of(names, edits);
    let mended = mended(plan);
    let mut heirs = heirs_of(names, links, plan);
    // of a file with several names each copy is a file of its own
    for (_, node) in copied(edits) {
        let own: Vec<&ImagePath> = names.names_of(node).collect();
        for name in own.iter().filter(|_| own.len() > 1) {
            heirs.entry(name).or_default();
        }
    }
    let mut counts: BTreeMap<Key<'_>, i64> = BTreeMap::new();
    let mut gone: BTreeSet<Key<'_>> = BTreeSet::new();
    let layers: Vec<u32> = kept(rebuilt).map(|layer| layer.index).collect();
    let mut copies = Copies::of(names, edits, &layers);
    let counted = |judged: &&Judged| judged.action != Judgement::Ignore && judged.finding.rule.family() != "policy";
    let mut settings: BTreeSet<(&str, &Location)> = BTreeSet::new();
    for judged in &before.seen.judged {
        let finding = &judged.finding;
        let is_mended = mended.contains(finding.fingerprint().as_str());
        if !is_mended {
            copies.add(finding, names);
        }
        if !counted(&judged) {
            continue;
        }
        settings.insert((finding.rule.id, &finding.location));
        let left = counts.entry(key(finding, names, None)).or_default();
        if is_mended {
            gone.insert(key(finding, names, None));
        } else {
            *left = left.saturating_add(1);
        }
    }
    for judged in after.seen.judged.iter().filter(counted).filter(|judged| judged.finding.severity > Severity::Info) {
        let finding = &judged.finding;
        // what was found of a file is found under the name that stays of it
        let file = file_of(finding).map(|path| file_and_rest(path, names).0);
        let sources = file.and_then(|file| heirs.get(&file)).into_iter().flatten();
        let own = key(finding, names, None);
        if copies.take(finding, &own) {
            continue;
        }
        let is_known = counts.contains_key(&own);
        let others = sources.map(|source| key(finding, names, Some(source)));
        let found = std::iter::once(own.clone())
            .chain(others)
            .find(|key| counts.get(key).is_some_and(|left| *left > 0))
            .and_then(|key| counts.get_mut(&key));
        match found {
            Some(left) => *left = left.saturating_sub(1),
            None if is_of_heir(finding, &heirs) || copies.hide(finding) => {}
            None if is_of_old_user(finding, before.seen.run_as, edits) => {}
            None if !gone.contains(&own) && touched.spares(finding) => {}
            // a value that several settings hold is told of one of them, and masked in all: of another one now
            None if !is_known
                && is_as_it_was(&finding.location, edits, config)
                && (finding.rule.family() == "secret" || settings.contains(&(finding.rule.id, &finding.location))) => {}
            None => {
                let what = if is_known { "is still there" } else { "is new" };
                let message = if values.needles().are_in(finding.message.as_bytes()) { "it" } else { &finding.message };
                flaws.add(format!("{}: {message} {what}", finding.rule.id));
            }
        }
    }
}

/// What the layer on top has copies of: the name there, and the file.
fn copied(edits: &Edits) -> impl Iterator<Item = (&str, Node)> {
    edits.0.iter().filter_map(|edit| match edit {
        Edit::AddFile { path, content, .. } => Some((path.as_str(), content.member()?.node())),
        _ => None,
    })
}

/// The layers that are in the output.
fn kept(rebuilt: &RebuiltImage) -> impl Iterator<Item = &LayerChange> {
    rebuilt.layers.iter().filter(|layer| layer.after.is_some())
}

/// Whether a finding is of files of a number that only the user had who is another one now.
fn is_of_old_user(finding: &Finding, run_as: Option<u32>, edits: &Edits) -> bool {
    let is_user = |edit: &Edit| matches!(edit, Edit::SetConfig { pointer, .. } if pointer == "/config/User");
    finding.rule.id == "image/unknown-owner"
        && run_as.is_some_and(|uid| finding.subject == uid.to_string())
        && edits.0.iter().any(is_user)
}

/// What edits change, in contrast to what they take out.
struct Touched<'t> {
    tree: &'t Tree,
    /// Whether anything is taken out, or gets another mode.
    drops: bool,
    files: BTreeSet<ImagePath>,
    /// First parts of keys of the configuration.
    fields: BTreeSet<&'t str>,
    /// All that the input has a member or a name for, and the folders above; rarely asked for.
    known: OnceCell<HashSet<ImagePath>>,
}

impl<'t> Touched<'t> {
    fn of(tree: &'t Tree, edits: &'t Edits) -> Self {
        let drops = edits
            .0
            .iter()
            .any(|edit| matches!(edit, Edit::DropMember { .. } | Edit::SetHeader { .. } | Edit::AddFolder { .. }));
        let (files, fields, known) = (BTreeSet::new(), BTreeSet::new(), OnceCell::new());
        let mut touched = Self { tree, drops, files, fields, known };
        for edit in &edits.0 {
            match edit {
                Edit::DropMember { .. } | Edit::Whiteout { .. } | Edit::AddFolder { .. } => {}
                Edit::AddFile { path, .. } => drop(touched.files.insert(path.as_str().into())),
                Edit::SetConfig { pointer, .. }
                | Edit::RemoveConfig { pointer }
                | Edit::RedactConfig { pointer, .. } => {
                    touched.fields.extend(pointer.strip_prefix("/config/").and_then(|rest| rest.split('/').next()));
                }
                Edit::RemoveEnv { .. } => drop(touched.fields.insert("Env")),
                _ => {
                    let Some(member) = edit.member() else { continue };
                    let node = member.node();
                    touched.files.insert(tree.entry(node).path.clone());
                    touched.files.extend(tree.names_of(node).cloned());
                }
            }
        }
        touched
    }

    fn was_there(&self, path: &ImagePath) -> bool {
        let known = self.known.get_or_init(|| {
            let mut known = HashSet::new();
            let stored = self.tree.layers().iter().flat_map(|members| members.iter().map(|entry| &entry.path));
            for path in stored.chain(self.tree.names().map(|(path, _)| path)) {
                let mut path = path.clone();
                while known.insert(path.clone()) && !path.is_root() {
                    path = path.parent();
                }
            }
            known
        });
        known.contains(path)
    }

    /// Whether a finding is of names and modes, and of what was in the input as it is: what is not there any more lets a scan tell
    /// of it, such as of the next file of a kind that is told of some times, or of a setting that names what went. It is judged as
    /// any other, and the rebuild made nothing of it.
    fn spares(&self, finding: &Finding) -> bool {
        let is_of_names = ["base", "image", "layer"].contains(&finding.rule.family());
        self.drops
            && is_of_names
            && match &finding.location {
                Location::File { path, .. } => !self.files.contains(path) && self.was_there(path),
                Location::Config { key } => key.split('.').next().is_some_and(|field| !self.fields.contains(field)),
                _ => false,
            }
    }
}

/// Fingerprints of what is found no more: what an action mends, and none leaves, nor the plan refuses a part of.
fn mended(plan: &ImagePlan) -> BTreeSet<&str> {
    let mut mended: BTreeSet<&str> = plan.active().flat_map(|action| &action.findings).map(String::as_str).collect();
    for left in plan.actions.iter().filter(|action| !action.is_active()).flat_map(|action| &action.findings) {
        mended.remove(left.as_str());
    }
    for refused in plan.refused.iter().filter_map(|refused| refused.finding.as_deref()) {
        mended.remove(refused);
    }
    mended
}

/// Names that stay of files of which others go, each with those.
fn heirs_of<'t>(tree: &'t Tree, links: &Links, plan: &ImagePlan) -> BTreeMap<&'t ImagePath, Vec<&'t ImagePath>> {
    let dropped = heirs::dropped(plan.active().flat_map(|action| &action.edits.0));
    let mut by_name: BTreeMap<&ImagePath, Vec<&ImagePath>> = BTreeMap::new();
    for (file, links) in links.files() {
        let (gone, staying): (Vec<Node>, Vec<Node>) =
            std::iter::once(file).chain(links.iter().copied()).partition(|node| dropped.contains(node));
        let gone = gone.get(..MOST_SOURCES).unwrap_or(&gone);
        for (name, other) in staying.iter().flat_map(|name| gone.iter().map(move |other| (name, other))) {
            by_name.entry(&tree.entry(*name).path).or_default().push(&tree.entry(*other).path);
        }
    }
    by_name
}

/// Whether a finding says how much lies in a place, or what kind of file does, and a file lies there now that had another name
/// before; or whether it is of a secret in that file, which a rule takes for one by the file's name. The content is the same.
fn is_of_heir(finding: &Finding, heirs: &BTreeMap<&ImagePath, Vec<&ImagePath>>) -> bool {
    let Some(path) = file_of(finding) else { return false };
    match finding.rule.family() {
        "layer" => heirs.keys().any(|heir| heir.is_under(path.as_bytes())),
        "secret" => {
            let ends = path.as_bytes().iter().enumerate().filter(|(_, byte)| **byte == b'!').map(|(at, _)| at);
            let mut files = ends.chain([path.as_bytes().len()]).filter_map(|end| path.as_bytes().get(..end));
            files.any(|file| heirs.contains_key(&ImagePath::new(file)))
        }
        _ => false,
    }
}

/// Whether a place in the documents has a text of the input: the documents are what the edits make of the old ones, so that all
/// else is what they set. `config` is the new configuration.
fn is_as_it_was(location: &Location, edits: &Edits, config: &Value) -> bool {
    let key = match location {
        Location::Config { key } => key,
        Location::History { .. } => return true,
        _ => return false,
    };
    let (field, rest) = key.split_at(key.find(['.', '[']).unwrap_or(key.len()));
    let label = match rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        // without its name, by its place among the sorted ones
        Some(place) => config.pointer("/config/Labels").and_then(Value::as_object).and_then(|labels| {
            let names: BTreeSet<&String> = labels.keys().collect();
            names.into_iter().nth(place.parse().ok()?).cloned()
        }),
        None => rest.strip_prefix('.').map(str::to_owned),
    };
    let own = match (field, label) {
        ("Labels", Some(label)) => format!("/config/Labels/{}", pointer_part(&label)),
        _ => format!("/config/{field}"),
    };
    !edits.0.iter().any(|edit| match edit {
        Edit::SetConfig { pointer, .. } => {
            pointer.strip_prefix(&own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        }
        Edit::SetAnnotation { .. } => field == "annotations",
        _ => false,
    })
}

fn file_of(finding: &Finding) -> Option<&ImagePath> {
    match &finding.location {
        Location::File { path, .. } => Some(path),
        _ => None,
    }
}

/// The file that a path is of, and the way to a file inside of it. What is packed alone has no name but that of the file it is in,
/// less an ending: that is left out.
pub(super) fn file_and_rest(path: &ImagePath, names: &Tree) -> (ImagePath, String) {
    let whole = || (path.clone(), String::new());
    if names.get(path).is_some() {
        return whole();
    }
    let bytes = path.as_bytes();
    let marks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'!').map(|(at, _)| bytes.split_at(at));
    let mut files = marks.map(|(file, rest)| (ImagePath::new(file), rest));
    let Some((file, rest)) = files.find(|(file, _)| names.get(file).is_some()) else { return whole() };
    let inner = rest.get(1..).unwrap_or_default();
    let (first, more) = inner.split_at(inner.iter().position(|byte| *byte == b'!').unwrap_or(inner.len()));
    let ending = file.file_name().strip_prefix(first).filter(|ending| ending.is_empty() || ending.starts_with(b"."));
    let rest = if ending.is_some() { format!("!{}", escape(more)) } else { escape(rest) };
    (file, rest)
}

/// Rule, subject and place.
pub(super) type Key<'f> = (&'static str, Cow<'f, str>, String);

/// What a finding is, whatever its layer is. A file goes by the first of its names in `names`, the input's tree: where that one was
/// taken out, another one shows. `source` takes the place of the file's name.
pub(super) fn key<'f>(finding: &'f Finding, names: &Tree, source: Option<&ImagePath>) -> Key<'f> {
    let place = match &finding.location {
        Location::File { path, .. } => {
            let (file, inside) = file_and_rest(path, names);
            let of = source.unwrap_or(&file);
            let first = names.get(of).and_then(|node| names.names_of(node).next()).unwrap_or(of);
            let first = format!("{first}{inside}");
            if finding.subject == path.to_string() {
                return (finding.rule.id, Cow::Owned(first.clone()), first);
            }
            // it stands for several files, and is told of the first that there is
            if finding.rule.family() == "image" { String::new() } else { first }
        }
        Location::Config { key } => format!("config {key}"),
        // another step is the last one of the base where its layer is left out
        Location::History { key, .. } if finding.rule.family() == "base" => format!("history {key}"),
        Location::History { index, key, .. } => format!("history {index} {key}"),
        Location::Package { purl, path, .. } => format!("{purl} {path}"),
        Location::Dockerfile { file, start, .. } => format!("{file} {start:?}"),
        Location::Image => String::new(),
    };
    (finding.rule.id, Cow::Borrowed(&finding.subject), place)
}

/// What was taken out stands nowhere in an image but where the plan says that it stays.
fn absent(
    values: &Values,
    number: usize,
    (before, after): (&Side<'_>, &Side<'_>),
    found: &Layers,
    config: &Value,
    (plan, edits, rebuilt): (Option<&ImagePlan>, &Edits, &RebuiltImage),
    flaws: &mut Flaws,
) {
    let needles = values.needles();
    let stays: BTreeSet<(Option<u32>, &str)> =
        plan.into_iter().flat_map(|plan| &plan.remains).map(|remains| (remains.layer, remains.path.as_str())).collect();
    let stays_anywhere: BTreeSet<&str> = stays.iter().map(|(_, path)| *path).collect();
    let olds = before.seen.layers.len();
    let copies: BTreeMap<ImagePath, Node> = copied(edits).map(|(path, node)| (path.into(), node)).collect();
    // where it stands in the file of the input that one of the layer on top is a copy of
    let in_copied = |hit: &search::Place, place: usize| {
        let copy = after.seen.path(u32::try_from(place).ok()?, hit.member()?)?;
        let node = copies.get(copy)?;
        let own = hit.of_heir(node.member, copy, &before.seen.tree.entry(*node).path)?;
        Some((Some(node.layer), own.shown(needles, &before.seen.tree, node.layer as usize)))
    };
    for (place, (layer, change)) in after.image.layers.iter().zip(kept(rebuilt)).enumerate() {
        // a file of the layer on top may be a copy of one that stays
        let is_top = change.index as usize >= olds;
        for (hit, _) in found.of(number, layer) {
            let path = hit.shown(needles, &after.seen.tree, place);
            let is_copy = || in_copied(hit, place).is_some_and(|(layer, path)| stays.contains(&(layer, path.as_str())));
            let is_known = stays.contains(&(Some(change.index), path.as_str()))
                || is_top && (stays_anywhere.contains(path.as_str()) || is_copy());
            if !is_known {
                flaws.add(format!("`{path}` of layer {} still holds a value that was taken out", change.index));
            }
        }
    }
    search::in_texts(needles, config, &mut |pointer, _| {
        let path = masked_path(&escape(pointer));
        if !stays.contains(&(None, path.as_str())) {
            flaws.add(format!("`{path}` of the configuration still holds a value that was taken out"));
        }
    });
}
