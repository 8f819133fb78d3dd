//! What `careen layers` shows: build steps and layers, waste, files; as text and as JSON.

use std::collections::{BTreeMap, HashMap};
use std::io::{self, Write};

use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

use super::columns::cut_end;
use super::json::{WireTarget, write_json};
use super::page::Page;
use super::{Style, clean, count};
use crate::digest::Digest;
use crate::inventory::Origin;
use crate::layers::dive::{Figures, Path};
use crate::layers::dive_ci::DiveResult;
use crate::layers::{Cause, Doing, FileRow, Heap, Kind, LayerWaste, Layered, OwnerWaste, Shown, Step, Waste};
use crate::limitation::Limitation;
use crate::size::ByteSize;
use crate::time::Timestamp;

/// Version of the JSON form. Raised when a field changes its meaning or goes.
pub const LAYERS_SCHEMA: &str = "careen.layers/1";

/// Schema of a document that holds several images.
const SCHEMA_OF_SEVERAL: &str = "careen.layers-of-several/1";

/// How the layers of an image are shown.
#[derive(Debug, Clone, Copy)]
pub struct LayersView {
    /// As JSON.
    pub json: bool,
    /// How many levels of folders a tree of files shows.
    pub depth: usize,
}

/// Writes what is known of the layers of each image; `results` are those of a `.dive-ci`, image by image, if there is one.
pub fn render_layers(
    images: &[Layered],
    results: Option<&[Vec<DiveResult>]>,
    view: LayersView,
    style: &Style,
    out: &mut dyn Write,
) -> io::Result<()> {
    let result_of = |index: usize| results.and_then(|results| results.get(index)).map(Vec::as_slice);
    if view.json {
        let mut wires: Vec<WireLayers<'_>> =
            images.iter().enumerate().map(|(index, image)| WireLayers::new(image, result_of(index))).collect();
        return match wires.len() {
            1 => write_json(&wires.pop(), out),
            _ => write_json(&WireSeveral { schema: SCHEMA_OF_SEVERAL, images: wires }, out),
        };
    }
    for (index, image) in images.iter().enumerate() {
        let mut page = Page { out, width: style.width, colour: style.colour };
        if index > 0 {
            page.blank()?;
        }
        text(image, result_of(index), view, &mut page)?;
    }
    Ok(())
}

fn text(image: &Layered, results: Option<&[DiveResult]>, view: LayersView, page: &mut Page<'_>) -> io::Result<()> {
    let target = &image.target;
    let mut parts = vec![if target.reference == "-" { "standard input".into() } else { clean(&target.reference) }];
    parts.extend(target.digest.as_ref().or(target.config_digest.as_ref()).map(Digest::short));
    parts.extend(target.platform.as_ref().map(|platform| clean(&platform.to_string())));
    parts.push(count(target.layers.len(), "layer"));
    parts.push(target.size.to_string());
    page.list(&parts, ", ", 2)?;
    super::text::base(target, page)?;
    page.blank()?;
    steps(image, page)?;
    page.blank()?;
    waste(&image.waste, page)?;
    dive(&image.dive, results, page)?;
    if let Some(files) = &image.files {
        page.blank()?;
        tree(files, view.depth, page)?;
    }
    let gaps: Vec<&Limitation> = image.limitations.iter().filter(|limitation| limitation.is_gap).collect();
    if !gaps.is_empty() {
        page.blank()?;
        page.heading("not read", &count(gaps.len(), "part"))?;
        for gap in gaps {
            let place = if gap.place.is_empty() { String::new() } else { format!("{}: ", clean(&gap.place)) };
            page.paragraph(&format!("{place}{} ({})", clean(&gap.what), gap.code), 2)?;
        }
    }
    Ok(())
}

/// A line for each build step; what differs from layer to layer in columns.
fn steps(image: &Layered, page: &mut Page<'_>) -> io::Result<()> {
    const HEAD: [&str; 9] = ["layer", "of", "stored", "size", "+", "~", "-", "waste", "step"];
    let size = |bytes: u64| ByteSize(bytes).to_string();
    let mut rows = vec![HEAD.map(str::to_owned)];
    for Step { created_by, layer, .. } in &image.steps {
        let step = clean(created_by.as_deref().unwrap_or("(not told)"));
        let row = match layer {
            None => std::array::from_fn(|column| if column == 8 { step.clone() } else { String::new() }),
            Some(layer) => {
                let waste = image.waste.layers.get(layer.index as usize).map(LayerWaste::hidden_in_all);
                [
                    layer.index.to_string(),
                    word(layer.origin).to_owned(),
                    size(layer.stored),
                    size(layer.size),
                    layer.added.to_string(),
                    layer.changed.to_string(),
                    layer.removed.to_string(),
                    size(waste.unwrap_or_default().bytes),
                    step,
                ]
            }
        };
        rows.push(row);
    }
    let mut widths = [0; 8];
    for row in &rows {
        for (width, text) in widths.iter_mut().zip(row) {
            *width = (*width).max(text.width());
        }
    }
    for row in &rows {
        let [columns @ .., step] = row;
        let mut line = String::new();
        for (index, (text, width)) in columns.iter().zip(widths).enumerate() {
            let pad = " ".repeat(width.saturating_sub(text.width()));
            // words to the left, numbers to the right
            line += &if index < 2 { format!("{text}{pad}  ") } else { format!("{pad}{text}  ") };
        }
        let left = page.width.saturating_sub(line.width()).max(16);
        line += &cut_end(step, left);
        page.line(&line)?;
    }
    Ok(())
}

fn word(origin: Origin) -> &'static str {
    match origin {
        Origin::Base => "base",
        Origin::App => "app",
        Origin::Unknown => "?",
    }
}

fn heap(heap: Heap) -> String {
    let files = count(usize::try_from(heap.files).unwrap_or(usize::MAX), "file");
    format!("{} in {files}, about {} stored", ByteSize(heap.bytes), ByteSize(heap.compressed))
}

fn waste(waste: &Waste, page: &mut Page<'_>) -> io::Result<()> {
    let all = waste.reclaimable();
    let shipped = ByteSize(waste.shipped.bytes);
    page.heading("reclaimable", &format!("{} of {shipped} of files that are shipped", heap(all)))?;
    for cause in Cause::ALL {
        if let Some(found) = waste.hidden.get(&cause) {
            page.line(&format!("  {:<36} {}", cause.title(), heap(*found)))?;
        }
    }
    for (kind, found) in &waste.hidden_kinds {
        page.line(&format!("    {:<34} {}", format!("of these {}", kind.title()), heap(*found)))?;
    }
    let removable = waste.removable_in_all();
    if removable.files > 0 {
        let visible = ByteSize(waste.visible.bytes);
        page.heading("removable", &format!("{} of {visible} that a container sees", heap(removable)))?;
        for (kind, found) in &waste.removable {
            page.line(&format!("  {:<36} {}", kind.title(), heap(*found)))?;
        }
    }
    if !waste.owners.is_empty() {
        page.heading("by owner", "reclaimable and removable")?;
        for OwnerWaste { origin, packaged, hidden, removable } in &waste.owners {
            let whose = match origin {
                Origin::Base => "base image",
                Origin::App => "own layers",
                Origin::Unknown => "layers of unknown origin",
            };
            let whose = format!("{whose}{}", if *packaged { ", system packages" } else { "" });
            page.line(&format!("  {whose:<36} {} and {}", ByteSize(hidden.bytes), ByteSize(removable.bytes)))?;
        }
    }
    Ok(())
}

fn dive(figures: &Figures, results: Option<&[DiveResult]>, page: &mut Page<'_>) -> io::Result<()> {
    let user = figures
        .user_wasted
        .map_or_else(|| "no user layers".to_owned(), |share| format!("userWastedPercent {:.2} %", share * 100.0));
    let said = format!("efficiency {:.2} %, wastedBytes {}, {user}", figures.efficiency * 100.0, figures.wasted);
    page.heading("as dive counts", &said)?;
    for DiveResult { rule, passed, what } in results.into_iter().flatten() {
        let word = match passed {
            Some(true) => "pass",
            Some(false) => "fail",
            None => "skip",
        };
        page.line(&format!("  {word}  {rule}: {what}"))?;
    }
    Ok(())
}

/// What a folder of the tree holds.
#[derive(Default)]
struct Folder {
    bytes: u64,
    files: u64,
}

/// Files as a tree, folders with the sum of what is in them; what lies deeper than `depth` is in the sums only.
fn tree(files: &[FileRow], depth: usize, page: &mut Page<'_>) -> io::Result<()> {
    let mut folders: HashMap<&str, Folder> = HashMap::new();
    // by names, then layer, then place in the list: a layer may hold a name more than once
    let mut lines: BTreeMap<(Vec<&str>, u32, usize), Option<&FileRow>> = BTreeMap::new();
    for (place, row) in files.iter().enumerate() {
        let names: Vec<&str> = row.path.split('/').filter(|name| !name.is_empty()).collect();
        let own = usize::from(row.kind == Shown::Folder);
        for (end, _) in row.path.match_indices('/').take(depth.saturating_add(1)) {
            let Some(folder) = row.path.get(..end) else { continue };
            let sums = folders.entry(folder).or_default();
            sums.bytes = sums.bytes.saturating_add(row.size);
            sums.files = sums.files.saturating_add(u64::from(own == 0));
        }
        for level in 1..names.len().min(depth.saturating_add(1)) {
            lines.entry((names.get(..level).unwrap_or_default().to_vec(), 0, 0)).or_default();
        }
        if names.len() <= depth {
            // folders take the line that what is in them may have made
            let key = if own == 0 { (names, row.layer.saturating_add(1), place) } else { (names, 0, 0) };
            lines.insert(key, Some(row));
        }
    }
    let all = folders.get("").map_or_else(String::new, |all| {
        format!("{} in {}", ByteSize(all.bytes), count(usize::try_from(all.files).unwrap_or(usize::MAX), "file"))
    });
    page.heading("files", if all.is_empty() { "none" } else { &all })?;
    for ((names, ..), row) in lines {
        let Some((name, above)) = names.split_last() else { continue };
        let path = format!("/{}", names.join("/"));
        let folder = folders.get(path.as_str());
        let bytes = folder.map_or_else(|| row.map_or(0, |row| row.size), |folder| folder.bytes);
        let sign = match row.and_then(|row| row.change) {
            Some(Doing::Added) => '+',
            Some(Doing::Changed) => '~',
            Some(Doing::Removed) => '-',
            None => ' ',
        };
        let mut line =
            format!("{sign} {:>10}  {}{}", ByteSize(bytes).to_string(), "  ".repeat(above.len()), clean(name));
        match (row, folder) {
            (_, Some(folder)) => {
                line.push('/');
                if names.len() == depth && folder.files > 0 {
                    let files = count(usize::try_from(folder.files).unwrap_or(usize::MAX), "file");
                    line += &format!("  ({files})");
                }
            }
            (Some(row), None) => line += &remark(row),
            (None, None) => {}
        }
        page.line(&cut_end(&line, page.width))?;
    }
    Ok(())
}

/// What else is to be said of a file.
fn remark(row: &FileRow) -> String {
    let mut remark = match row.kind {
        Shown::Folder => "/".to_owned(),
        Shown::Link => format!(" -> {}", clean(row.target.as_deref().unwrap_or_default())),
        Shown::HardLink => "  (hard link)".to_owned(),
        Shown::Special => "  (special file)".to_owned(),
        Shown::File => String::new(),
    };
    if let Some(cause) = row.hidden {
        let by = row.hidden_by_layer.map(|layer| format!(": layer {layer}")).unwrap_or_default();
        remark += &format!("  [layer {}, {}{by}]", row.layer, cause.title());
    }
    if let Some(kind) = row.removable {
        remark += &format!("  [layer {}, {}]", row.layer, kind.title());
    }
    remark
}

#[derive(Serialize)]
struct WireSeveral<'a> {
    schema: &'static str,
    images: Vec<WireLayers<'a>>,
}

#[derive(Serialize)]
struct WireLayers<'a> {
    schema: &'static str,
    target: WireTarget<'a>,
    steps: Vec<WireStep<'a>>,
    waste: WireWaste<'a>,
    dive: WireDive<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    files: Option<&'a [FileRow]>,
    limitations: &'a [Limitation],
}

impl<'a> WireLayers<'a> {
    fn new(image: &'a Layered, results: Option<&'a [DiveResult]>) -> Self {
        Self {
            schema: LAYERS_SCHEMA,
            target: WireTarget::new(&image.target),
            steps: image.steps.iter().map(|step| WireStep::new(step, &image.waste)).collect(),
            waste: WireWaste::new(&image.waste),
            dive: WireDive::new(&image.dive, results),
            files: image.files.as_deref(),
            limitations: &image.limitations,
        }
    }
}

#[derive(Serialize)]
struct WireStep<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    created: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    layer: Option<WireLayer<'a>>,
}

#[derive(Serialize)]
struct WireLayer<'a> {
    index: u32,
    origin: Origin,
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff_id: Option<&'a Digest>,
    #[serde(skip_serializing_if = "Option::is_none")]
    chain_id: Option<&'a Digest>,
    stored: u64,
    size: u64,
    added: u64,
    changed: u64,
    removed: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    waste: Option<WireLayerWaste<'a>>,
}

#[derive(Serialize)]
struct WireLayerWaste<'a> {
    shipped: Heap,
    reclaimable: Heap,
    by_cause: &'a BTreeMap<Cause, Heap>,
    hides: WireHides,
    removable: Heap,
    removable_by_kind: &'a BTreeMap<Kind, Heap>,
}

#[derive(Serialize)]
struct WireHides {
    files: u64,
    bytes: u64,
}

impl<'a> WireStep<'a> {
    fn new(step: &'a Step, waste: &'a Waste) -> Self {
        let layer = step.layer.as_ref().map(|layer| WireLayer {
            index: layer.index,
            origin: layer.origin,
            digest: layer.digest.as_ref(),
            diff_id: layer.diff_id.as_ref(),
            chain_id: layer.chain_id.as_ref(),
            stored: layer.stored,
            size: layer.size,
            added: layer.added,
            changed: layer.changed,
            removed: layer.removed,
            waste: waste.layers.get(layer.index as usize).map(|waste| WireLayerWaste {
                shipped: waste.shipped,
                reclaimable: waste.hidden_in_all(),
                by_cause: &waste.hidden,
                hides: WireHides { files: waste.hides.files, bytes: waste.hides.bytes },
                removable: waste.removable_in_all(),
                removable_by_kind: &waste.removable,
            }),
        });
        Self { history: step.history, created_by: step.created_by.as_deref(), created: step.created, layer }
    }
}

#[derive(Serialize)]
struct WireWaste<'a> {
    shipped: Heap,
    visible: Heap,
    reclaimable: Heap,
    by_cause: &'a BTreeMap<Cause, Heap>,
    of_kind: &'a BTreeMap<Kind, Heap>,
    removable: Heap,
    removable_by_kind: &'a BTreeMap<Kind, Heap>,
    by_owner: &'a [OwnerWaste],
}

impl<'a> WireWaste<'a> {
    fn new(waste: &'a Waste) -> Self {
        Self {
            shipped: waste.shipped,
            visible: waste.visible,
            reclaimable: waste.reclaimable(),
            by_cause: &waste.hidden,
            of_kind: &waste.hidden_kinds,
            removable: waste.removable_in_all(),
            removable_by_kind: &waste.removable,
            by_owner: &waste.owners,
        }
    }
}

#[derive(Serialize)]
struct WireDive<'a> {
    efficiency: f64,
    size_bytes: u64,
    user_size_bytes: u64,
    wasted_bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_wasted_percent: Option<f64>,
    paths: &'a [Path],
    #[serde(skip_serializing_if = "Option::is_none")]
    rules: Option<&'a [DiveResult]>,
}

impl<'a> WireDive<'a> {
    fn new(figures: &'a Figures, rules: Option<&'a [DiveResult]>) -> Self {
        Self {
            efficiency: figures.efficiency,
            size_bytes: figures.size,
            user_size_bytes: figures.user_size,
            wasted_bytes: figures.wasted,
            user_wasted_percent: figures.user_wasted,
            paths: &figures.paths,
            rules,
        }
    }
}
