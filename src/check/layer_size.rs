//! How many layers there are, and how large one is.

use super::{Check, Context, Matters, at};
use crate::finding::{Finding, Findings, Location};
use crate::path::ImagePath;
use crate::rule::{Place, Rule, Severity};
use crate::size::ByteSize;

/// Many layers.
pub(super) static LAYER_COUNT: Rule = Rule {
    id: "image/layer-count",
    title: "The image has very many layers",
    severity: Severity::Info,
    why: "Each layer is a request when the image is pulled and a folder to look in when a file is opened; engines refuse \
          more than about 127. Steps that change the same files again are stored again. Told from 60 layers on, as graver \
          from 120 on.",
    remediation: "Join `RUN` steps that belong together, copy what changes together in one `COPY`, and build in a stage \
                  of its own.",
    references: &["https://docs.docker.com/build/building/best-practices/#minimize-the-number-of-layers"],
    also: &["DL3059"],
    bad: "RUN apt-get update\nRUN apt-get install -y curl\nRUN apt-get install -y jq",
    good: "RUN apt-get update && apt-get install -y curl jq",
    places: &[Place::Image],
    ..Rule::NEW
};

/// A large layer.
pub(super) static OVERSIZED: Rule = Rule {
    id: "layer/oversized",
    title: "A layer is very large",
    severity: Severity::Info,
    why: "A layer is the least that is transferred and unpacked: one changed file in it means all of it again, and a pull \
          cannot fetch its parts side by side. Told from 2 GiB on, unpacked.",
    remediation: "Put what seldom changes, such as dependencies or models, into steps before what often does.",
    references: &["https://docs.docker.com/build/cache/optimize/#order-your-layers"],
    bad: "COPY . /srv",
    good: "COPY models /srv/models\nCOPY app /srv/app",
    places: &[Place::File, Place::History],
    ..Rule::NEW
};

/// From how many layers on they are many. Official images of languages have below 12, what is built on them mostly below 40.
const MANY: usize = 60;

/// From how many on they are a risk: overlayfs under Docker takes 127.
const TOO_MANY: usize = 120;

/// From what size on a layer is large, uncompressed.
const LARGE: ByteSize = ByteSize::mib(2 << 10);

/// Counts and measures.
pub(super) struct LayerSize;

impl Check for LayerSize {
    fn rules(&self) -> &'static [&'static Rule] {
        const { &[&LAYER_COUNT, &OVERSIZED] }
    }

    fn run(&self, context: &Context<'_>, findings: &mut Findings) {
        let image = context.image;
        let count = image.layers.len();
        if count >= MANY {
            let mut finding = Finding::new(&LAYER_COUNT, "layers", Location::Image, format!("has {count} layers"))
                .evidence("layers", count);
            if count >= TOO_MANY {
                finding.severity = Severity::Medium;
            }
            findings.push(finding);
        }
        let mut matters = Matters::default();
        for layer in image.layers.iter().filter(|layer| layer.size >= LARGE.bytes()) {
            let location = match layer.history {
                Some(index) => Location::History { index, layer: Some(layer.index), key: "created_by".into() },
                None => at(&ImagePath::root(), layer.index),
            };
            let message = format!("layer {} is {} unpacked", layer.index, ByteSize(layer.size));
            let mut finding = Finding::new(&OVERSIZED, "layer", location, message).evidence("bytes", layer.size);
            matters.give(image, layer.index, &mut finding);
            findings.push(finding);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{layered, shown};
    use super::*;

    #[test]
    fn only_what_is_unusual_is_told() {
        let count = |count: usize| shown(&LayerSize, &layered(vec![vec![]; count])).concat();
        assert_eq!(count(MANY - 1), "");
        assert_eq!(count(MANY), "info image/layer-count image: has 60 layers");
        assert_eq!(count(TOO_MANY), "medium image/layer-count image: has 120 layers");
        let mut image = layered(vec![vec![], vec![]]);
        for layer in &mut image.layers {
            layer.size = LARGE.bytes() - u64::from(layer.index == 0);
        }
        assert_eq!(shown(&LayerSize, &image), ["info layer/oversized /@1: layer 1 is 2.0 GiB unpacked"]);
    }
}
