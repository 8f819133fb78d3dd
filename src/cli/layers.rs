//! `careen layers`, also called `careen history`.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::layers::dive_ci::{DiveResult, DiveRules, LARGEST};
use crate::layers::{Layered, Wish};
use crate::output::{LayersView, Style, render_layers};
use crate::policy::Glob;
use crate::scan::without_secrets;

use super::exit::Exit;
use super::scan::{TargetArguments, opened, spare, write_to};
use super::term::{self, Colour, Watcher};

/// Levels of folders shown where nothing is said of them.
const DEPTH: u8 = 3;

#[derive(Debug, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(super) struct LayersArguments {
    #[command(flatten)]
    image: TargetArguments,

    /// List files: those a container sees, or with --layer what the layer does
    #[arg(long)]
    files: bool,
    /// List what this layer adds, changes and removes, by its index from 0
    #[arg(long, value_name = "N")]
    layer: Option<u32>,
    /// List only files whose path fits, such as '/usr/share/**'
    #[arg(long, value_name = "GLOB", value_parser = Glob::path)]
    path: Option<Glob>,
    /// List only files that no container sees, or can do without
    #[arg(long)]
    waste: bool,
    /// List files with so many levels of folders; 3 if nothing is said
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u8).range(1..=64))]
    depth: Option<u8>,
    /// Gate on dive's figures by the rules of this file; exit with 1 if one fails
    #[arg(long, value_name = "FILE")]
    dive_ci: Option<PathBuf>,

    /// Write JSON
    #[arg(long)]
    json: bool,
    /// Write there rather than to standard output
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// Exit with 0 even when something could not be read
    #[arg(long)]
    allow_partial: bool,
    /// When to use colour
    #[arg(long, value_enum, default_value = "auto", env = "CAREEN_COLOR")]
    color: Colour,
}

/// Shows the layers of an image.
pub(super) fn run(arguments: &LayersArguments) -> Exit {
    let watcher = Watcher::new(arguments.image.wants_progress());
    let done = look(arguments, &watcher).map_err(without_secrets);
    arguments.image.finish(&watcher);
    term::ended(done)
}

fn look(arguments: &LayersArguments, watcher: &Watcher) -> Result<Exit> {
    spare(arguments.image.target(), arguments.output.as_deref())?;
    let rules = arguments.dive_ci.as_deref().map(dive_rules).transpose()?;
    let wish = Wish {
        files: arguments.files
            || arguments.layer.is_some()
            || arguments.path.is_some()
            || arguments.waste
            || arguments.depth.is_some(),
        layer: arguments.layer,
        path: arguments.path.clone(),
        waste: arguments.waste,
    };
    let images = opened(&arguments.image, watcher, None, |source, request, options| {
        crate::scan::layers(source, request, options, &wish)
    })?;
    if let Some(layer) = arguments.layer
        && let Some(image) = images.iter().find(|image| image.target.layers.len() <= layer as usize)
    {
        let what = format!("there is no layer {layer}: the image has {}", image.target.layers.len());
        return Err(Error::new(ErrorKind::Usage, what).help("layers are counted from 0, the lowest"));
    }
    watcher.finish();
    let judged = |rules: &DiveRules| images.iter().map(|image| rules.judge(&image.dive)).collect::<Vec<_>>();
    let results: Option<Vec<Vec<DiveResult>>> = rules.as_ref().map(judged);
    let to_stdout = arguments.output.is_none();
    let style = Style {
        width: if to_stdout && io::stdout().is_terminal() { term::width() } else { 100 },
        colour: to_stdout && term::wants_colour(&io::stdout(), arguments.color),
        ..Style::PLAIN
    };
    let view = LayersView { json: arguments.json, depth: usize::from(arguments.depth.unwrap_or(DEPTH)) };
    write_to(arguments.output.as_deref(), &mut |out| render_layers(&images, results.as_deref(), view, &style, out))?;
    let is_broken = results.iter().flatten().flatten().any(|result| result.passed == Some(false));
    let has_gaps = images.iter().flat_map(gaps).next().is_some();
    Ok(match (is_broken, has_gaps && !arguments.allow_partial) {
        (true, _) => Exit::Failed(1),
        (false, true) => Exit::Incomplete,
        (false, false) => Exit::Passed,
    })
}

fn gaps(image: &Layered) -> impl Iterator<Item = &crate::limitation::Limitation> {
    image.limitations.iter().filter(|limitation| limitation.is_gap)
}

fn dive_rules(file: &Path) -> Result<DiveRules> {
    let place = file.display().to_string();
    let cannot = |error| Error::io("cannot read the rules of dive", error).at(place.clone());
    let wrong = |what: &str| Error::new(ErrorKind::Config, what.to_owned()).at(place.clone());
    let metadata = std::fs::metadata(file).map_err(cannot)?;
    if !metadata.is_file() || metadata.len() > LARGEST {
        return Err(wrong("the rules of dive are no regular file of at most 64 KiB"));
    }
    let bytes = std::fs::read(file).map_err(cannot)?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("the rules of dive are not UTF-8"))?;
    let rules = DiveRules::parse(&text).map_err(|error| error.at(place.clone()))?;
    for name in &rules.unknown {
        let text = format!("note: `{name}` in {} is no rule of dive's own and does nothing\n", escape(&place));
        // nobody is left to tell when stderr is closed
        let _ = io::stderr().lock().write_all(text.as_bytes());
    }
    Ok(rules)
}
