//! The pipeline, in one page: open, read, merge, look again, assemble, check, judge.

mod facts;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::advisory;
use crate::advisory::catalogue::{Catalogue, Question};
use crate::advisory::vex::{self, Document, Judge};
use crate::check::{self, CHECKS};
use crate::collect::{Collector, Fact, FactOf, Mask, Selectors, View, removed_packages};
use crate::diff::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::finding::{self, Finding, Location};
use crate::image::{Image, Layer};
use crate::inventory::{Attested, Base, Hints, Inventory, KnownBase, LayerSummary, Origin, Provenance, inherited};
use crate::layers::{self, Layered};
use crate::limit::Limits;
use crate::limitation::{self, Limitation};
use crate::package;
use crate::pass::{Known, LayerFacts, Pass, Progress, Stated, Wanted};
use crate::policy::{Action, EvaluateContext, Judged, PolicySet};
use crate::report::{self, Report, ReportedLayer, TargetSummary};
use crate::rule::Rule;
use crate::secret;
use crate::size::ByteSize;
use crate::source::{Opened, Request, Source, StreamedArchive, StreamedImages, sbom};
use crate::time::{Date, Timestamp};
use crate::tree::Tree;

/// How to scan.
pub struct Options<'a> {
    /// What judges the findings.
    pub policy: &'a PolicySet,
    /// Today, for dates of support and of waivers.
    pub today: Date,
    /// Layers read at once, and threads for collectors.
    pub jobs: usize,
    /// Told how far the scan has come.
    pub progress: &'a dyn Watch,
    /// What packages are judged by; `None` if they shall not be.
    pub advisories: Option<Advisories<'a>>,
    /// A secret of the user's: with it passwords get fingerprints that nobody else can make.
    pub fingerprint_key: Option<&'a str>,
    /// What is known of base images.
    pub bases: Hints<'a>,
    /// Whether signatures and provenance are looked for where the image is kept.
    pub wants_attested: bool,
}

/// What packages are judged by.
#[derive(Debug, Clone, Copy)]
pub struct Advisories<'a> {
    /// The data.
    pub catalogue: &'a Catalogue,
    /// From how many hours on they are old.
    pub stale_hours: i64,
    /// The time, for the age of the data.
    pub now: Timestamp,
    /// What is said of flaws in images.
    pub vex: &'a [Document],
    /// Whether what is attached to the image counts, too: whoever may push it may attach that.
    pub wants_attached: bool,
}

/// Told which stage a scan has reached, besides the bytes of the pass.
pub trait Watch: Progress {
    /// A stage begins; the one before has ended.
    fn stage(&self, name: &'static str);

    /// So many bytes of layers, as stored, are to be read in so many layers, where that is known.
    fn expect(&self, layers: usize, bytes: Option<u64>);
}

/// Nobody watches.
impl Watch for () {
    fn stage(&self, _name: &'static str) {}
    fn expect(&self, _layers: usize, _bytes: Option<u64>) {}
}

/// Scans what `request` asks of `source`: one report for each image.
pub fn scan(source: &dyn Source, request: &Request<'_>, options: &Options<'_>) -> Result<Vec<Report>> {
    let mut collectors = collectors();
    collectors.push(&layers::TWINS);
    scan_with(source, request, options, &collectors, &mut |_| ())
}

/// As [`scan`], each with its files and settings, and the bytes of files that a container sees: what a diff needs.
pub fn snapshots(
    source: &dyn Source,
    request: &Request<'_>,
    options: &Options<'_>,
) -> Result<Vec<(Report, Snapshot, u64)>> {
    let mut collectors = collectors();
    collectors.push(&layers::CONTENT);
    // a finding that one report lists and another only counts would be taken for new
    let limits = Limits { findings_per_rule: usize::MAX, ..request.limits.clone() };
    let request = Request { limits: &limits, ..request.clone() };
    let mut snapshots = Vec::new();
    let reports = scan_with(source, &request, options, &collectors, &mut |inventory| {
        snapshots.push((Snapshot::of(inventory), layers::bytes(&inventory.tree).1));
    })?;
    Ok(reports.into_iter().zip(snapshots).map(|(report, (snapshot, visible))| (report, snapshot, visible)).collect())
}

/// As [`scan`]; `see` is shown each image with all its findings as they were judged, before any is left out of a report.
/// Layers that are known from a scan with the same options are only hashed.
pub fn scan_seeing(
    source: &dyn Source,
    request: &Request<'_>,
    options: &Options<'_>,
    knowing: Knowing<'_>,
    see: &mut See<'_>,
) -> Result<Vec<Report>> {
    let (Knowing::Further(known) | Knowing::Last(known)) = knowing;
    let inventories = read_knowing(source, request, options, &collectors(), Some(known))?;
    if let Knowing::Last(known) = knowing {
        known.forget();
    }
    judge_all(source, request, options, inventories, see)
}

/// What is known of layers, and whether a further scan is to know it.
#[derive(Debug, Clone, Copy)]
pub enum Knowing<'a> {
    /// It is kept, with what this scan adds.
    Further(&'a Known),
    /// It is forgotten once the layers were read: judging needs memory, too.
    Last(&'a Known),
}

/// Shown an image and its findings.
pub type See<'a> = dyn FnMut(&Inventory, &[Judged]) + 'a;

fn scan_with(
    source: &dyn Source,
    request: &Request<'_>,
    options: &Options<'_>,
    collectors: &[&'static dyn Collector],
    see: &mut dyn FnMut(&Inventory),
) -> Result<Vec<Report>> {
    let inventories = read(source, request, options, collectors)?;
    inventories.iter().for_each(see);
    judge_all(source, request, options, inventories, &mut |_, _| ())
}

fn judge_all(
    source: &dyn Source,
    request: &Request<'_>,
    options: &Options<'_>,
    inventories: Vec<Inventory>,
    see: &mut See<'_>,
) -> Result<Vec<Report>> {
    options.progress.stage("judge");
    let documents = options.advisories.map_or(&[][..], |advisories| advisories.vex);
    let wants_attached = options.advisories.is_some_and(|advisories| advisories.wants_attached);
    // the same for all images, but where something is attached to one
    let judge_of = |documents: Vec<Document>| match options.advisories.as_ref() {
        Some(advisories) => Judge::new(documents).as_of(advisories.now),
        None => Judge::new(documents),
    };
    let named = judge_of(documents.to_vec());
    let find = |mut inventory: Inventory| {
        let is_registry = inventory.target.source == "registry";
        if options.wants_attested && !is_registry {
            let what = "signatures and provenance are looked for in registries alone, and the image is in none";
            inventory.limitations.push(Limitation::note("attested-nowhere", "", what));
        }
        let is_asked = wants_attached || options.wants_attested && is_registry;
        let Some(digest) = inventory.target.digest.clone().filter(|_| is_asked) else {
            return find(inventory, &named, options);
        };
        let mut attached = source.attached(request, &digest)?;
        if !wants_attached {
            // whoever can push may attach documents: they count only for who asks for them
            attached.documents.clear();
        }
        inventory.target.indexes.extend(attached.subjects.iter().cloned());
        if is_registry && attached.limitations.is_empty() {
            let (has_signature, has_provenance) = (attached.has_signature, attached.has_provenance);
            inventory.attested = Some(Attested { has_signature, has_provenance, has_bill: attached.has_bill });
        }
        let attached = vex::of_attached(&attached);
        inventory.limitations.extend(attached.limitations);
        let all = documents.iter().cloned().chain(attached.documents).collect();
        find(inventory, &judge_of(all), options)
    };
    let found: Vec<Found> = inventories.into_iter().map(find).collect::<Result<_>>()?;
    let policy = match found.as_slice() {
        [] | [_] => options.policy.clone(),
        several => {
            // a waiver serves the image, whichever of its platforms needs it
            let used: Vec<BTreeSet<String>> =
                several.iter().map(|found| found.used_waivers(options)).collect::<Result<_>>()?;
            let used = used.into_iter().flatten().collect();
            options.policy.clone().with_used(used)
        }
    };
    let options = Options { policy: &policy, ..*options };
    found.into_iter().map(|found| found.judge(&options, request.limits, see)).collect()
}

/// Lists what `request` asks of `source`, for bills of materials: packages and what was not read, no findings.
pub fn survey(source: &dyn Source, request: &Request<'_>, options: &Options<'_>) -> Result<Vec<Report>> {
    let inventories = read(source, request, options, package::COLLECTORS)?;
    let report = |inventory| report(inventory, Vec::new(), (None, None), options, request.limits, &mut |_, _| ());
    inventories.into_iter().map(report).collect()
}

/// Looks at what `request` asks of `source`, layer by layer; `wish` says which files to list.
pub fn layers(
    source: &dyn Source,
    request: &Request<'_>,
    options: &Options<'_>,
    wish: &layers::Wish,
) -> Result<Vec<Layered>> {
    let mut collectors = package::COLLECTORS.to_vec();
    collectors.push(&layers::CONTENT);
    let inventories = read(source, request, options, &collectors)?;
    if inventories.iter().any(|inventory| inventory.target.source == sbom::ID) {
        return Err(no_files());
    }
    options.progress.stage("judge");
    let look = |inventory: Inventory| {
        let target = summary(&inventory);
        layers::look(inventory, target, wish)
    };
    Ok(inventories.into_iter().map(look).collect())
}

/// A list of packages was named where files are needed.
fn no_files() -> Error {
    Error::new(ErrorKind::Usage, "a bill of materials has no layers and no files").help("name the image itself")
}

/// Every collector, the packages' in their order, then those of secrets.
pub fn collectors() -> Vec<&'static dyn Collector> {
    let mut all = package::COLLECTORS.to_vec();
    all.push(&secret::COLLECTOR);
    all.push(&secret::ARCHIVES);
    all
}

/// Rules about what is attached to an image in its registry, which is looked for only where somebody asks.
pub const ATTESTED: &[&str] = &["image/no-provenance", "image/unsigned"];

/// Whether a policy requires something attached, or names one of the rules that need a look at it.
pub fn asks_for_attested(policy: &PolicySet) -> bool {
    let rules = rules();
    policy.requirements().ask_for_attached()
        || rules.iter().any(|rule| ATTESTED.contains(&rule.id) && policy.asks_for(rule))
}

/// An error about an image may quote it: secrets are masked, and long quotations cut.
pub fn without_secrets(error: Error) -> Error {
    const LONGEST: usize = 1_000;
    let is_refusal = error.kind.is_refusal();
    let safe = |text: &str| {
        let masked = secret::mask_text(text);
        // what the user wrote is shown whole
        match masked.char_indices().nth(LONGEST).filter(|_| is_refusal) {
            Some((end, _)) => format!("{}…", &masked[..end]),
            None => masked,
        }
    };
    Error {
        message: safe(&error.to_string()),
        place: error.place.as_deref().map(safe),
        help: error.help.as_deref().map(safe),
        source: None,
        ..error
    }
}

/// Every rule, sorted by id.
pub fn rules() -> Vec<&'static Rule> {
    let mut rules: Vec<&'static Rule> = CHECKS.iter().flat_map(|check| check.rules().iter().copied()).collect();
    rules.extend(crate::dockerfile::lint::rules());
    rules.extend(advisory::finding::RULES.iter().copied());
    rules.extend(secret::RULES.iter().copied());
    rules.extend(crate::policy::RULES.iter());
    rules.sort_by_key(|rule| rule.id);
    rules
}

/// The layers of the images that `request` asks of `source`, which others may be built on; their files are not read.
pub fn bases(source: &dyn Source, request: &Request<'_>) -> Result<Vec<KnownBase>> {
    let images = match source.open(request)? {
        Opened::Images(images) => images,
        Opened::Stream(mut stream) => {
            let skip = &mut |_, layer: &mut dyn std::io::Read| {
                std::io::copy(layer, &mut std::io::sink()).map(drop).map_err(|e| Error::io("cannot read the base", e))
            };
            stream.read(skip)?.images.into_iter().map(|(image, _)| image).collect()
        }
        Opened::Bill(..) => return Err(no_files()),
    };
    let known = |image: Image| {
        let config = image.config.ok_or_else(|| {
            Error::new(ErrorKind::Usage, "a folder has no layers that could be compared")
                .help("name an image as the base")
        })?;
        let reference = secret::mask_text(&image.target.reference);
        let diff_ids = config.rootfs.diff_ids.clone();
        Ok(KnownBase { reference, digest: image.target.digest, diff_ids, config })
    };
    images.into_iter().map(known).collect()
}

/// Opens and reads the images, without judging them.
pub fn take_inventories(source: &dyn Source, request: &Request<'_>, options: &Options<'_>) -> Result<Vec<Inventory>> {
    read(source, request, options, &collectors())
}

fn read(
    source: &dyn Source,
    request: &Request<'_>,
    options: &Options<'_>,
    collectors: &[&'static dyn Collector],
) -> Result<Vec<Inventory>> {
    read_knowing(source, request, options, collectors, None)
}

fn read_knowing(
    source: &dyn Source,
    request: &Request<'_>,
    options: &Options<'_>,
    collectors: &[&'static dyn Collector],
    known: Option<&Known>,
) -> Result<Vec<Inventory>> {
    options.progress.stage("open");
    let opened = source.open(request)?;
    let selectors = Selectors::new(collectors.iter().map(|collector| collector.select()));
    let reading = Reading { collectors, selectors: &selectors, limits: request.limits, options, known };
    match opened {
        Opened::Images(images) => images.into_iter().map(|image| reading.image(source, request, image)).collect(),
        Opened::Stream(mut stream) => reading.stream(&mut *stream),
        Opened::Bill(target, bill) => {
            let mut inventory = package::bill::inventory(target, *bill);
            secret::mask_inventory(&mut inventory);
            inventory.limitations.sort();
            Ok(vec![inventory])
        }
    }
}

struct Reading<'a> {
    collectors: &'a [&'static dyn Collector],
    selectors: &'a Selectors,
    limits: &'a Limits,
    options: &'a Options<'a>,
    known: Option<&'a Known>,
}

impl Reading<'_> {
    fn pass(&self) -> Result<Pass<'_>> {
        let pass = Pass::new(self.collectors, self.selectors, self.limits, self.options.jobs, self.options.progress)?;
        Ok(pass.knowing(self.known))
    }

    fn image(&self, source: &dyn Source, request: &Request<'_>, image: Image) -> Result<Inventory> {
        let provenance = provenance_of(source, request, &image);
        let bytes = image.layers.iter().map(|layer| layer.blob.size()).sum();
        self.options.progress.expect(image.layers.len(), bytes);
        self.options.progress.stage("read");
        let pass = self.pass()?;
        let mut read = pass.read(&image.layers);
        for (facts, layer) in read.iter_mut().zip(&image.layers) {
            facts.limitations.extend(layer.blob.limitations());
        }
        let Image { layers, .. } = &image;
        let is_at_hand = |index: usize| layers.get(index).is_some_and(|layer| layer.blob.is_at_hand());
        let merged = self.merge(read, is_at_hand, |wanted| {
            let is_replayable = |index: &usize| layers.get(*index).is_some_and(|layer| layer.blob.is_replayable());
            wanted.keys().all(is_replayable).then(|| pass.read_again(layers, wanted))
        });
        Ok(self.assemble(image, merged, &provenance))
    }

    fn stream(&self, stream: &mut dyn StreamedArchive) -> Result<Vec<Inventory>> {
        self.options.progress.expect(0, None);
        self.options.progress.stage("read");
        let pass = self.pass()?;
        let (images, mut by_number) = pass.read_stream(|layer| {
            stream.read(&mut |number, blob| {
                layer(number as usize, blob);
                Ok(())
            })
        });
        let StreamedImages { images } = images?;
        let last = images.len().saturating_sub(1);
        let mut inventories = Vec::with_capacity(images.len());
        for (nth, (image, numbers)) in images.into_iter().enumerate() {
            let mut read = Vec::with_capacity(image.layers.len());
            for (layer, streamed) in image.layers.iter().zip(&numbers) {
                let number = streamed.number.map(|number| number as usize);
                let is_last_use = nth == last && numbers.iter().filter(|other| *other == streamed).count() == 1;
                let facts = number.and_then(|number| {
                    if is_last_use { by_number.remove(&number) } else { by_number.get(&number).cloned() }
                });
                read.push(streamed_layer(layer, facts));
            }
            let merged = self.merge(
                read,
                |_| false,
                |wanted| {
                    if !stream.is_replayable() {
                        return None;
                    }
                    let number_of = |layer: usize| numbers.get(layer)?.number.map(|number| number as usize);
                    let (result, facts) = pass.read_stream_again(&of_numbers(wanted, number_of), |layer| {
                        stream.read(&mut |number, blob| {
                            layer(number as usize, blob);
                            Ok(())
                        })
                    });
                    result.ok()?;
                    Some(of_layers(&facts, wanted, number_of))
                },
            );
            inventories.push(self.assemble(image, merged, &[]));
        }
        Ok(inventories)
    }

    /// Merges the layers and takes the second look: each live name that a collector selects must have been shown to it.
    fn merge(
        &self,
        read: Vec<LayerFacts>,
        is_at_hand: impl Fn(usize) -> bool,
        look_again: impl FnOnce(&HashMap<usize, Wanted>) -> Option<Vec<(usize, LayerFacts)>>,
    ) -> Merged {
        self.options.progress.stage("merge");
        let mut merged = Merged::default();
        let (mut entries, mut seen) = (Vec::new(), Vec::new());
        for (index, mut layer) in read.into_iter().enumerate() {
            entries.push(std::mem::take(&mut layer.entries));
            seen.push(std::mem::take(&mut layer.seen));
            merged.facts.append(&mut layer.facts);
            merged.limitations.append(&mut layer.limitations);
            merged.layers.push(LayerSummary {
                index: u32::try_from(index).unwrap_or(u32::MAX),
                digest: layer.digest,
                diff_id: layer.diff_id,
                size: layer.expanded,
                stored: layer.stored,
                ..LayerSummary::default()
            });
        }
        let (tree, odd) = Tree::union(entries, self.limits);
        merged.limitations.extend(odd);
        let (selected, cut) = self.selectors.live(&tree, self.collectors.len());
        merged.selected = selected;
        merged.limitations.extend(cut);
        merged.limitations.extend(self.selectors.wished_paths().filter(|path| tree.is_too_deep(path)).map(|path| {
            Limitation::gap(
                "link-too-deep",
                path.to_string(),
                "it leads through a loop, or more links than Linux follows",
            )
            .help("nothing in the image itself can open it either: rebuild the image")
        }));
        let wanted = missed(&merged.selected, &seen);
        let all = self.with_late_wishes(wanted.clone(), &tree, is_at_hand);
        if !all.is_empty() {
            match look_again(&all) {
                Some(again) => {
                    for (_, mut layer) in again {
                        merged.facts.append(&mut layer.facts);
                        // what the first look told need not be told again
                        layer.limitations.retain(|limitation| !merged.limitations.contains(limitation));
                        merged.limitations.append(&mut layer.limitations);
                    }
                }
                None => merged.limitations.extend(unseen(&wanted)),
            }
        }
        merged.facts.sort_by_key(|fact| fact.node);
        merged.tree = tree;
        merged
    }

    /// Adds what collectors want besides; nothing of that where some of it would have to be fetched again.
    fn with_late_wishes(
        &self,
        mut wanted: HashMap<usize, Wanted>,
        tree: &Tree,
        is_at_hand: impl Fn(usize) -> bool,
    ) -> HashMap<usize, Wanted> {
        for (index, collector) in self.collectors.iter().enumerate() {
            let wishes = collector.wishes_late(tree);
            if !wishes.iter().all(|node| is_at_hand(node.layer as usize)) {
                continue;
            }
            for node in wishes {
                let path = || tree.entry(node).path.clone();
                let of_layer = wanted.entry(node.layer as usize).or_default();
                of_layer.entry(node.member).or_insert_with(|| (0, path())).0 |= 1 << index;
            }
        }
        wanted
    }

    fn assemble(&self, image: Image, merged: Merged, provenance: &[Provenance]) -> Inventory {
        self.options.progress.stage("assemble");
        let Merged { tree, facts, selected, layers, limitations } = merged;
        let Image { target, config, annotations, layers: stated, limitations: of_opening } = image;
        let created = config.as_ref().and_then(|config| config.created.as_ref()?.parse().ok());
        let mut inventory = Inventory { target, config, created, annotations, layers, tree, ..Inventory::default() };
        let echo = secret::Echo::of(inventory.config.as_ref(), &inventory.annotations);
        for (summary, layer) in inventory.layers.iter_mut().zip(&stated) {
            summary.digest = summary.digest.take().or_else(|| layer.digest.clone());
            summary.diff_id = summary.diff_id.take().or_else(|| layer.diff_id.clone());
            summary.history = layer.history;
            summary.is_foreign = layer.is_foreign;
            summary.media_type.clone_from(&layer.media_type);
            let entry = layer.history.and_then(|index| inventory.config.as_ref()?.history.get(index as usize));
            summary.created_by = entry.map(|entry| echo.mask(&entry.instruction()));
        }
        let hints = Hints { provenance, ..self.options.bases };
        let base = Base::of(inventory.config.as_ref(), &inventory.annotations, &inventory.layers, &hints);
        for (index, summary) in inventory.layers.iter_mut().enumerate() {
            summary.origin = base.origin(index);
        }
        inventory.base = base;
        inventory.base_config = Base::config(&inventory.layers, &hints).cloned();
        inventory.limitations = of_opening;
        let history = inventory.config.as_ref().and_then(|config| config.history_note(stated.len()));
        inventory.limitations.extend(history);
        inventory.limitations.extend(limitations);
        let tree = std::mem::take(&mut inventory.tree);
        for (index, collector) in self.collectors.iter().enumerate() {
            let view = View {
                tree: &tree,
                limits: self.limits,
                facts: &facts,
                collector: index,
                selected: selected.get(index).map_or(&[], Vec::as_slice),
            };
            inventory.limitations.extend(too_large(&view, *collector));
            collector.assemble(&view, &mut inventory);
        }
        removed_packages(&tree, &facts, self.collectors, &mut inventory);
        inventory.tree = tree;
        if let Some(config) = &inventory.config {
            let (secrets, limitations) = secret::scan_config(config);
            inventory.secrets.extend(secrets);
            inventory.limitations.extend(limitations);
        }
        let (secrets, limitations) = secret::scan_annotations(&inventory.annotations);
        inventory.secrets.extend(secrets);
        inventory.limitations.extend(limitations);
        secret::mask_inventory(&mut inventory);
        limitation::condense(&mut inventory.limitations, self.limits.limitations_per_code);
        inventory
    }
}

/// What a builder says of the image; what cannot be read only leaves the base unknown, which the report tells.
fn provenance_of(source: &dyn Source, request: &Request<'_>, image: &Image) -> Vec<Provenance> {
    let found = image.target.digest.as_ref().and_then(|digest| source.provenance(request, digest).ok());
    let documents = found.into_iter().flat_map(|found| found.documents);
    documents.filter_map(|document| Provenance::parse(&document.bytes)).collect()
}

/// All layers of an image, merged.
#[derive(Default)]
struct Merged {
    tree: Tree,
    facts: Vec<FactOf>,
    selected: Vec<Vec<(crate::path::ImagePath, crate::tree::Node)>>,
    layers: Vec<LayerSummary>,
    limitations: Vec<Limitation>,
}

/// What a streamed layer becomes once the image's documents are known.
fn streamed_layer(layer: &Layer, facts: Option<LayerFacts>) -> LayerFacts {
    let mut facts = facts.unwrap_or_else(|| LayerFacts {
        limitations: vec![
            Limitation::gap("layer-missing", "", "the archive does not hold the layer")
                .help("save the image again, whole"),
        ],
        ..LayerFacts::default()
    });
    facts.verify(&Stated::of(layer));
    facts.of_layer(layer.index as usize)
}

/// What layers want of the streamed members they are; one member may be several layers.
fn of_numbers(wanted: &HashMap<usize, Wanted>, number_of: impl Fn(usize) -> Option<usize>) -> HashMap<usize, Wanted> {
    let sorted: BTreeMap<usize, &Wanted> = wanted.iter().map(|(layer, wanted)| (*layer, wanted)).collect();
    let mut by_number: HashMap<usize, Wanted> = HashMap::new();
    for (layer, wanted) in sorted {
        let Some(number) = number_of(layer) else { continue };
        let all = by_number.entry(number).or_default();
        #[expect(clippy::iter_over_hash_type, reason = "each member changes an entry of its own")]
        for (member, (mask, path)) in wanted {
            all.entry(*member).or_insert_with(|| (0, path.clone())).0 |= mask;
        }
    }
    by_number
}

/// What was learned of streamed members, for each layer that wanted it.
fn of_layers(
    facts: &BTreeMap<usize, LayerFacts>,
    wanted: &HashMap<usize, Wanted>,
    number_of: impl Fn(usize) -> Option<usize>,
) -> Vec<(usize, LayerFacts)> {
    let of_layer = |(layer, wanted): (&usize, &Wanted)| {
        let mut facts = facts.get(&number_of(*layer)?)?.clone();
        facts
            .facts
            .retain(|fact| wanted.get(&fact.node.member).is_some_and(|(mask, _)| mask & (1 << fact.collector) != 0));
        Some((*layer, facts.of_layer(*layer)))
    };
    let mut layers: Vec<(usize, LayerFacts)> = wanted.iter().filter_map(of_layer).collect();
    layers.sort_by_key(|(layer, _)| *layer);
    layers
}

/// The live files that a collector would have read, had they not been larger than it takes.
fn too_large(view: &View<'_>, collector: &dyn Collector) -> Vec<Limitation> {
    let told = view.live().filter(|(path, ..)| collector.accepts(path)).filter_map(|(path, _, fact)| {
        let Fact::TooLarge(limit) = fact else { return None };
        let what = format!("larger than the {limit} that the `{}` collector takes", collector.id());
        let help = "look at the file by hand: no real one is known to be that large";
        Some(Limitation::gap("file-too-large", path.to_string(), what).help(help))
    });
    told.collect()
}

/// By layer the members that some collector selects by a live name but has not been shown.
fn missed(selected: &[Vec<(crate::path::ImagePath, crate::tree::Node)>], seen: &[Vec<Mask>]) -> HashMap<usize, Wanted> {
    let mut wanted: HashMap<usize, Wanted> = HashMap::new();
    for (index, names) in selected.iter().enumerate() {
        for (path, node) in names {
            let was_seen = seen
                .get(node.layer as usize)
                .and_then(|layer| layer.get(node.member as usize))
                .is_some_and(|mask| mask & (1 << index) != 0);
            if !was_seen {
                let of_layer = wanted.entry(node.layer as usize).or_default();
                of_layer.entry(node.member).or_insert_with(|| (0, path.clone())).0 |= 1 << index;
            }
        }
    }
    wanted
}

/// Says which files only a second reading could have shown.
fn unseen(wanted: &HashMap<usize, Wanted>) -> Vec<Limitation> {
    let mut names: Vec<(usize, &crate::path::ImagePath)> =
        wanted.iter().flat_map(|(layer, members)| members.values().map(|(_, path)| (*layer, path))).collect();
    names.sort_unstable();
    names
        .into_iter()
        .map(|(layer, path)| {
            Limitation::gap(
                "second-look-impossible",
                format!("layer {layer} {path}"),
                "links lead to this file, and a stream cannot be read twice",
            )
            .help("save the archive to a file and scan that")
        })
        .collect()
}

/// What was found in an image, before a policy judges it.
struct Found {
    inventory: Inventory,
    findings: Vec<Finding>,
    data: Option<serde_json::Value>,
    data_hours: Option<i64>,
    unmatched: usize,
}

/// Looks for all that there is to judge.
fn find(mut inventory: Inventory, vex: &Judge, options: &Options<'_>) -> Result<Found> {
    if inventory.target.source == sbom::ID {
        inventory.limitations.push(only_packages(&inventory));
        inventory.limitations.sort();
    }
    if let Some(advisories) = &options.advisories {
        secret::settle(&mut inventory.secrets, |name| is_on_record(advisories.catalogue, name));
    }
    let mut findings: Vec<Finding> = secret::findings(&inventory, options.today, options.fingerprint_key);
    for check in CHECKS {
        check.run(&check::Context { image: &inventory, today: options.today }, &mut findings);
    }
    let (mut data, mut data_hours) = (None, None);
    let mut unmatched = 0;
    if let Some(advisories) = &options.advisories {
        let Advisories { catalogue, stale_hours, now, .. } = *advisories;
        let flaws = advisory::matching::flaws(&inventory, catalogue)?;
        let mut fitting = vex::Fitting::default();
        let by = (vex, &mut fitting);
        findings.extend(advisory::finding::findings(&inventory, &flaws, catalogue, by, now, stale_hours));
        unmatched = flaws.unmatched.len();
        inventory.limitations.extend(vex.notes(&fitting));
        inventory.limitations.extend(advisory::finding::beyond(&flaws));
        inventory.limitations.sort();
        data = Some(advisory::finding::data(&inventory, &flaws, catalogue, now));
        data_hours = advisory::finding::oldest(&flaws, catalogue, now);
    }
    let echo = secret::Echo::of(inventory.config.as_ref(), &inventory.annotations);
    for finding in &mut findings {
        // by the setting's whole name
        finding.origin = origin_of_setting(&inventory, finding);
        secret::mask_finding(finding, &echo);
        debug_assert!(finding.rule.lies_in().contains(&finding.location.place()), "{finding:?}");
    }
    finding::tell_apart(&mut findings);
    Ok(Found { inventory, findings, data, data_hours, unmatched })
}

impl Found {
    /// Places of the waivers that this image needs.
    fn used_waivers(&self, options: &Options<'_>) -> Result<BTreeSet<String>> {
        let facts = facts::of(&self.inventory, self.data_hours, options.policy);
        let origin = |finding: &Finding| origin_of(&self.inventory, finding);
        let context = EvaluateContext {
            limitations: &self.inventory.limitations,
            today: options.today,
            origin: &origin,
            image: Some(&facts),
        };
        options.policy.used_waivers(self.findings.clone(), &context)
    }

    fn judge(self, options: &Options<'_>, limits: &Limits, see: &mut See<'_>) -> Result<Report> {
        let Self { inventory, findings, data, data_hours, unmatched } = self;
        let is_bill = inventory.target.source == sbom::ID;
        let mut report = report(inventory, findings, (data, data_hours), options, limits, see)?;
        if is_bill {
            report.verdict.reason += "; files, settings and secrets were not looked at";
        }
        if unmatched > 0 {
            report.verdict.reason += &report::not_compared(unmatched);
        }
        if options.advisories.is_none() {
            report.verdict.reason += "; packages were not compared with advisories";
        }
        Ok(report)
    }
}

/// Whose the setting or step is that a finding is about, if no layer tells and the base is at hand.
fn origin_of_setting(inventory: &Inventory, finding: &Finding) -> Option<Origin> {
    let (own, base) = inventory.config.as_ref().zip(inventory.base_config.as_ref())?;
    match &finding.location {
        Location::Config { key } => Some(inherited::of_setting(own, base, key, &finding.subject)),
        Location::History { index, layer: None, .. } => Some(inherited::of_step(own, base, *index)),
        _ => None,
    }
}

/// Whose a finding is, by its setting or its layer.
fn origin_of(inventory: &Inventory, finding: &Finding) -> Origin {
    if let Some(origin) = finding.origin {
        return origin;
    }
    let layer = finding.layer().and_then(|layer| inventory.layers.get(layer as usize));
    layer.map_or(Origin::Unknown, |layer| layer.origin)
}

/// Whether some advisory is about the Python package of this name, so that the package is public.
fn is_on_record(catalogue: &Catalogue, name: &str) -> bool {
    let question = Question { ecosystem: "PyPI".into(), name: name.into(), version: "0".into() };
    // data that cannot be read are told of elsewhere
    catalogue
        .ask(&question)
        .is_ok_and(|answer| !(answer.matches.is_empty() && answer.clear.is_empty() && answer.unknown.is_empty()))
}

/// What a bill of materials cannot show.
fn only_packages(inventory: &Inventory) -> Limitation {
    let what = "a bill of materials lists packages: files, settings and secrets of the image were not looked at";
    Limitation::note("packages-only", inventory.target.reference.clone(), what)
        .help("scan the image itself for the rest")
}

fn report(
    mut inventory: Inventory,
    findings: Vec<Finding>,
    (advisories, data_hours): (Option<serde_json::Value>, Option<i64>),
    options: &Options<'_>,
    limits: &Limits,
    see: &mut See<'_>,
) -> Result<Report> {
    let origin = |finding: &Finding| origin_of(&inventory, finding);
    let facts = facts::of(&inventory, data_hours, options.policy);
    let context = EvaluateContext {
        limitations: &inventory.limitations,
        today: options.today,
        origin: &origin,
        image: Some(&facts),
    };
    let (mut findings, verdict) = options.policy.evaluate(findings, &context)?;
    see(&inventory, &findings);
    findings.retain(|judged| judged.action != Action::Ignore);
    findings.iter_mut().for_each(report::mask);
    inventory.limitations.extend(report::shorten(&mut findings, limits.findings_per_rule));
    inventory.limitations.sort();
    let mut data = BTreeMap::from([
        ("rules", rules().len().into()),
        ("end_of_life", serde_json::json!({ "as_of": check::end_of_life_dates_as_of() })),
    ]);
    data.extend(advisories.map(|advisories| ("advisories", advisories)));
    let lists = check::permission_lists(&inventory, |path| secret::masked_path(&path.to_string()));
    if !lists.is_empty() {
        data.insert("permissions", lists.into());
    }
    if !inventory.content_sets.is_empty() {
        data.insert("content_sets", serde_json::json!(inventory.content_sets));
    }
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        target: TargetSummary { facts: Some(facts.settings()), ..summary(&inventory) },
        verdict,
        packages: inventory.packages,
        removed: inventory.removed,
        findings,
        limitations: inventory.limitations,
        data,
        source_date: None,
    })
}

fn summary(inventory: &Inventory) -> TargetSummary {
    let target = &inventory.target;
    TargetSummary {
        reference: target.reference.clone(),
        source: target.source,
        platform: target.platform.clone(),
        digest: target.digest.clone(),
        config_digest: target.config_digest.clone(),
        tags: target.tags.clone(),
        distro: inventory.distro.clone(),
        created: inventory.created,
        base: inventory.base.clone(),
        size: ByteSize(inventory.layers.iter().map(|layer| layer.size).sum()),
        entries: inventory.tree.layers().iter().map(|layer| layer.len() as u64).sum(),
        facts: None,
        layers: inventory
            .layers
            .iter()
            .map(|layer| ReportedLayer {
                index: layer.index,
                digest: layer.digest.clone(),
                diff_id: layer.diff_id.clone(),
                size: ByteSize(layer.size),
                created_by: layer.created_by.clone(),
                origin: layer.origin,
            })
            .collect(),
    }
}
