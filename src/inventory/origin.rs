//! Tells the layers of a base image from those built on top, and how sure that is.
//!
//! In this order: a base that the user names, whose layers lie at the bottom or do not; layers that provenance states;
//! chain IDs (image-spec config.md, Layer `ChainID`) of bases that the user lists; what builders write into the history; a
//! cut by history. What annotations and labels say names the base (image-spec annotations.md) but counts no layers.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::{DiffId, Digest};
use crate::image::{FIX_STEP, ImageConfig};
use crate::rule::Confidence;

use super::{LayerSummary, Origin, Provenance};

/// Annotation or label with the base's name.
const BASE_NAME: &str = "org.opencontainers.image.base.name";
/// Annotation or label with the digest of the base's manifest.
const BASE_DIGEST: &str = "org.opencontainers.image.base.digest";

/// A base image whose layers are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KnownBase {
    /// As the user wrote it.
    pub reference: String,
    /// Digest of its manifest.
    pub digest: Option<Digest>,
    /// Its layers, oldest first.
    pub diff_ids: Vec<DiffId>,
    /// Its configuration.
    pub config: ImageConfig,
}

/// What is known of bases before an image is looked at.
#[derive(Debug, Clone, Copy, Default)]
pub struct Hints<'a> {
    /// The base that the user says the image is built on, once for each platform.
    pub given: &'a [KnownBase],
    /// Names of bases by the chain ID of their last layer.
    pub chains: Option<&'a BTreeMap<Digest, String>>,
    /// What builders say of this very image.
    pub provenance: &'a [Provenance],
}

/// What is known of the base of an image.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Base {
    /// Its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Digest of its manifest, as stated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// What names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_by: Option<NamedBy>,
    /// How many layers are the base's, from the bottom; `None` where that cannot be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<u32>,
    /// What tells how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub told_by: Option<ToldBy>,
    /// How sure that number is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<Confidence>,
    /// What is to be said besides.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// What the user knows of the base by this name has other layers: the image is built on another state of it.
    #[serde(skip)]
    pub is_another_state: bool,
}

/// What names a base.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum NamedBy {
    /// The user.
    User,
    /// A list of chain IDs.
    ChainId,
    /// An annotation of the manifest.
    Annotation,
    /// A label of the configuration.
    Label,
    /// Provenance in the index.
    Provenance,
    /// The history.
    History,
}

/// What tells how many layers are the base's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToldBy {
    /// The layers of the base that the user named.
    Layers,
    /// Layers that provenance in the index states.
    Provenance,
    /// A list of chain IDs.
    ChainId,
    /// What a builder noted in the history.
    Builder,
    /// The last start command that has layers after it.
    History,
}

impl ToldBy {
    /// What reports say.
    pub fn title(self) -> &'static str {
        match self {
            Self::Layers => "by its layers",
            Self::Provenance => "as provenance says",
            Self::ChainId => "by its chain ID",
            Self::Builder => "as the builder noted",
            Self::History => "guessed by history",
        }
    }
}

impl Base {
    /// What is known of the base of an image of these layers.
    pub fn of(
        config: Option<&ImageConfig>,
        annotations: &BTreeMap<String, String>,
        layers: &[LayerSummary],
        hints: &Hints<'_>,
    ) -> Self {
        let mut base = Self::found(config, annotations, layers, hints);
        let named = named(config, annotations, hints.provenance).name;
        base.is_another_state = named.is_some_and(|name| {
            let diff_ids: Vec<Option<&DiffId>> = layers.iter().map(|layer| layer.diff_id.as_ref()).collect();
            is_another_state(&name, &diff_ids, hints)
        });
        base
    }

    fn found(
        config: Option<&ImageConfig>,
        annotations: &BTreeMap<String, String>,
        layers: &[LayerSummary],
        hints: &Hints<'_>,
    ) -> Self {
        let diff_ids: Vec<Option<&DiffId>> = layers.iter().map(|layer| layer.diff_id.as_ref()).collect();
        let diff_ids = diff_ids.as_slice();
        let mut base = named(config, annotations, hints.provenance);
        if let Some((known, shared)) = nearest(diff_ids, hints.given) {
            let all = known.diff_ids.len();
            if shared > 0 {
                base.name = Some(known.reference.clone());
                base.digest = known.digest.as_ref().map(ToString::to_string);
                base.named_by = Some(NamedBy::User);
            }
            if shared > 0 && shared == all {
                return base.told(shared, ToldBy::Layers, Confidence::High);
            }
            if shared > 0 {
                base.note = Some(format!("of its {all} layers the image has only the lowest {shared}"));
                return base.told(shared, ToldBy::Layers, Confidence::Medium);
            }
            base.note = Some(format!("the image is not built on `{}`: they share no layer", known.reference));
        } else if let Some((name, count)) = {
            let blobs: Vec<Option<&Digest>> = layers.iter().map(|layer| layer.digest.as_ref()).collect();
            hints.provenance.iter().filter_map(|provenance| provenance.bottom(&blobs)).max_by_key(|(_, count)| *count)
        } {
            base.name.get_or_insert_with(|| name.to_owned());
            base.named_by.get_or_insert(NamedBy::Provenance);
            return base.told(count, ToldBy::Provenance, Confidence::Medium);
        } else if let Some((count, name)) = hints.chains.and_then(|chains| longest_chain(diff_ids, chains)) {
            base.name = Some(name.to_owned());
            base.digest = None;
            base.named_by = Some(NamedBy::ChainId);
            return base.told(count, ToldBy::ChainId, Confidence::High);
        }
        let Some(cut) = config.and_then(|config| cut(config, diff_ids.len())) else { return base };
        match cut {
            Cut::Builder(count) => base.told(count, ToldBy::Builder, Confidence::Medium),
            Cut::Start(count) => base.told(count, ToldBy::History, Confidence::Low),
        }
    }

    /// The configuration of the base that the user named, if the image is built on it.
    pub fn config<'a>(layers: &[LayerSummary], hints: &Hints<'a>) -> Option<&'a ImageConfig> {
        let diff_ids: Vec<Option<&DiffId>> = layers.iter().map(|layer| layer.diff_id.as_ref()).collect();
        let (known, shared) = nearest(&diff_ids, hints.given)?;
        (shared > 0).then_some(&known.config)
    }

    fn told(self, layers: usize, by: ToldBy, confidence: Confidence) -> Self {
        Self { layers: u32::try_from(layers).ok(), told_by: Some(by), confidence: Some(confidence), ..self }
    }

    /// Whose the layer at `index` is.
    pub fn origin(&self, index: usize) -> Origin {
        match self.layers {
            None => Origin::Unknown,
            Some(layers) if index < layers as usize => Origin::Base,
            Some(_) => Origin::App,
        }
    }
}

/// The one of some bases that shares most of the lowest layers, and how many.
fn nearest<'a>(diff_ids: &[Option<&DiffId>], given: &'a [KnownBase]) -> Option<(&'a KnownBase, usize)> {
    let is_layer = |(own, other): (Option<&DiffId>, &DiffId)| own.is_some_and(|own| own == other);
    let shared =
        |known: &KnownBase| diff_ids.iter().copied().zip(&known.diff_ids).take_while(|pair| is_layer(*pair)).count();
    given.iter().map(|known| (known, shared(known))).max_by_key(|(_, shared)| *shared)
}

/// Whether the user knows layers of a base of this name, and the image has others.
fn is_another_state(name: &str, diff_ids: &[Option<&DiffId>], hints: &Hints<'_>) -> bool {
    let name = plain_name(name);
    let mut given = hints.given.iter().filter(|known| plain_name(&known.reference) == name).peekable();
    if given.peek().is_some() {
        let is_bottom = |known: &KnownBase| {
            known.diff_ids.len() <= diff_ids.len()
                && diff_ids.iter().zip(&known.diff_ids).all(|(own, other)| *own == Some(other))
        };
        return !given.any(is_bottom);
    }
    let Some(chains) = hints.chains else { return false };
    let is_listed = chains.values().any(|listed| plain_name(listed) == name);
    let own = chain_ids(diff_ids);
    is_listed && !own.iter().filter_map(|chain| chains.get(chain)).any(|listed| plain_name(listed) == name)
}

/// A name without what may be left out of it: Docker's own registry and folder, `:latest`, a digest.
fn plain_name(name: &str) -> &str {
    let name = without_word(without_word(without_word(name, "index.docker.io/"), "docker.io/"), "library/");
    let name = name.split('@').next().unwrap_or(name);
    name.strip_suffix(":latest").unwrap_or(name)
}

fn without_word<'a>(name: &'a str, word: &str) -> &'a str {
    name.strip_prefix(word).unwrap_or(name)
}

/// The chain IDs of the first layer, the first two, and so on, as far as the layers are known.
pub fn chain_ids(diff_ids: &[Option<&DiffId>]) -> Vec<Digest> {
    let mut chains: Vec<Digest> = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids.iter().map_while(|diff_id| *diff_id) {
        let chain = match chains.last() {
            None => diff_id.clone(),
            Some(below) => Digest::sha256(format!("{below} {diff_id}").as_bytes()),
        };
        chains.push(chain);
    }
    chains
}

fn longest_chain<'a>(diff_ids: &[Option<&DiffId>], known: &'a BTreeMap<Digest, String>) -> Option<(usize, &'a str)> {
    let chains = chain_ids(diff_ids);
    (1..).zip(&chains).filter_map(|(count, chain)| Some((count, known.get(chain)?.as_str()))).last()
}

/// The base as annotations, labels or the history name it, its layers not counted.
fn named(config: Option<&ImageConfig>, annotations: &BTreeMap<String, String>, provenance: &[Provenance]) -> Base {
    let labels = config.map(|config| &config.config.labels);
    for (named_by, texts) in [(NamedBy::Annotation, Some(annotations)), (NamedBy::Label, labels)] {
        let text = |key| texts?.get(key).map(|text: &String| text.trim()).filter(|text| !text.is_empty());
        if let Some(name) = text(BASE_NAME) {
            let digest = text(BASE_DIGEST).map(ToOwned::to_owned);
            return Base { name: Some(name.into()), digest, named_by: Some(named_by), ..Base::default() };
        }
    }
    if let Some((name, digest)) = provenance.iter().find_map(Provenance::only_image) {
        let digest = digest.map(ToOwned::to_owned);
        return Base { name: Some(name.into()), digest, named_by: Some(NamedBy::Provenance), ..Base::default() };
    }
    if let Some((_, name)) = config.and_then(named_base) {
        return Base { name: Some(name.into()), named_by: Some(NamedBy::History), ..Base::default() };
    }
    // what has no name may have a digest
    let digest = [Some(annotations), labels].into_iter().flatten().find_map(|texts| texts.get(BASE_DIGEST));
    let digest = digest.map(|text| text.trim()).filter(|text| !text.is_empty());
    Base { digest: digest.map(ToOwned::to_owned), ..Base::default() }
}

/// How many layers from the bottom a history gives to the base.
enum Cut {
    /// A builder noted where its own steps begin.
    Builder(usize),
    /// Up to the last start command that has layers after it.
    Start(usize),
}

/// Buildah notes at the first step on a base which base that is. Elsewhere a base image ends with
/// its own `CMD` or `ENTRYPOINT`; steps after it are the user's. That is a guess by history, so an
/// image whose history says nothing of the kind, or not as many layers as there are, has layers of
/// unknown origin.
fn cut(config: &ImageConfig, count: usize) -> Option<Cut> {
    let makers = config.history_of_layers(count);
    // what a fix put on top does not make a base of what it mends
    let is_own = |index: u32| config.history.get(index as usize).is_none_or(|step| step.created_by != FIX_STEP);
    let last_maker = makers.iter().flatten().rfind(|index| is_own(**index))?;
    let first_named = named_base(config).map(|(index, _)| index);
    let following = config.history.iter().skip(1).map(Some).chain([None]);
    let starts = (0u32..).zip(config.history.iter().zip(following)).filter(|(index, (entry, next))| {
        let instruction = entry.instruction();
        let is_start = instruction.starts_with("CMD") || instruction.starts_with("ENTRYPOINT");
        // on top of a named base only another builder's steps are the next image
        let is_other = next.is_none_or(|next| !next.comment.trim().starts_with("FROM "));
        is_start && first_named.is_none_or(|named| *index >= named && is_other)
    });
    // the last start command that still has layers after it; without `--layers`, buildah gives it the layer of all steps
    let first_after_start =
        starts.map(|(index, _)| index).filter(|index| index < last_maker).last().map(|index| index.saturating_add(1));
    // the base was mended itself
    let fixes = |first: u32| {
        let steps = config.history.iter().skip(first as usize);
        u32::try_from(steps.take_while(|step| step.created_by == FIX_STEP).count()).unwrap_or(0)
    };
    let first_after_start = first_after_start.map(|first| first.saturating_add(fixes(first)));
    let below = |first_own: u32| makers.iter().filter(|maker| maker.is_some_and(|index| index < first_own)).count();
    match (first_after_start, first_named) {
        (Some(first_own), _) => Some(Cut::Start(below(first_own))),
        (None, Some(first_own)) => Some(Cut::Builder(below(first_own))),
        (None, None) => None,
    }
}

/// The base that the history names, which may be `scratch`, and the index of the first step on top of it.
///
/// Buildah writes `FROM name` as the comment of that step, and `FROM` with the id of its own last
/// step as the comment of those after it.
pub fn named_base(config: &ImageConfig) -> Option<(u32, &str)> {
    let steps = (0u32..).zip(&config.history).collect::<Vec<_>>();
    steps.into_iter().rev().find_map(|(index, step)| {
        let name = step.comment.trim().strip_prefix("FROM ")?.trim();
        (!name.is_empty() && !name.contains(' ') && !is_image_id(name)).then_some((index, name))
    })
}

fn is_image_id(name: &str) -> bool {
    let hex = name.strip_prefix("sha256:").unwrap_or(name);
    matches!(hex.len(), 12 | 64) && hex.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::HistoryEntry;

    fn diff_id(text: &str) -> DiffId {
        Digest::sha256(text.as_bytes())
    }

    fn layers_of(diff_ids: &[DiffId]) -> Vec<LayerSummary> {
        let layer = |diff_id: &DiffId| LayerSummary { diff_id: Some(diff_id.clone()), ..LayerSummary::default() };
        diff_ids.iter().map(layer).collect()
    }

    fn origins(config: &ImageConfig, count: usize) -> Vec<Origin> {
        let layers = vec![LayerSummary::default(); count];
        let base = Base::of(Some(config), &BTreeMap::new(), &layers, &Hints::default());
        (0..count).map(|index| base.origin(index)).collect()
    }

    #[test]
    fn a_fix_on_top_makes_no_base_of_what_it_mends() {
        let step = |text: &str| HistoryEntry { created_by: text.into(), ..HistoryEntry::default() };
        let bare = ["ADD file:0 in /", "CMD [\"sh\"]"].map(step).to_vec();
        let config = |history| ImageConfig { history, ..ImageConfig::default() };
        let mut empty = bare.clone();
        empty[1].empty_layer = true;
        assert_eq!(origins(&config(empty.clone()), 1), [Origin::Unknown]);
        empty.push(step(FIX_STEP));
        assert_eq!(origins(&config(empty.clone()), 2), [Origin::Unknown, Origin::Unknown]);
        empty.push(step("RUN make"));
        // a base that was mended before it was built on
        assert_eq!(origins(&config(empty), 3), [Origin::Base, Origin::Base, Origin::App]);
    }

    #[test]
    fn layers_of_a_named_base_are_compared() {
        type Case = (&'static [&'static str], (Option<u32>, Option<Confidence>), bool);
        let image: Vec<DiffId> = ["a", "b", "c"].map(diff_id).into();
        let layers = layers_of(&image);
        let known = |names: &[&str]| KnownBase {
            reference: "base:1".into(),
            digest: None,
            diff_ids: names.iter().map(|name| diff_id(name)).collect(),
            ..KnownBase::default()
        };
        let low = (None, None);
        let cases: &[Case] = &[
            (&["a", "b"], (Some(2), Some(Confidence::High)), false),
            (&["a", "b", "c"], (Some(3), Some(Confidence::High)), false),
            (&["a", "x"], (Some(1), Some(Confidence::Medium)), true),
            (&["a", "b", "c", "d"], (Some(3), Some(Confidence::Medium)), true),
            (&["x", "b"], low, true),
            (&[], low, true),
        ];
        for (names, expected, has_note) in cases {
            let given = [known(&["y"]), known(names)];
            let base = Base::of(None, &BTreeMap::new(), &layers, &Hints { given: &given, ..Hints::default() });
            assert_eq!((base.layers, base.confidence), *expected, "{names:?}");
            let named_by = expected.0.map(|_| NamedBy::User);
            assert_eq!((base.note.is_some(), base.named_by), (*has_note, named_by), "{names:?}");
        }
    }

    #[test]
    fn bases_are_known_by_chain_ids() {
        let image: Vec<DiffId> = ["a", "b", "c"].map(diff_id).into();
        let layers = layers_of(&image);
        let diff_ids: Vec<Option<&DiffId>> = image.iter().map(Some).collect();
        let chains = chain_ids(&diff_ids);
        // image-spec: the chain ID of one layer is its diff ID
        assert_eq!(chains.first(), image.first());
        let both = Digest::sha256(format!("{} {}", diff_id("a"), diff_id("b")).as_bytes());
        let known = BTreeMap::from([(diff_id("a"), "debian".to_owned()), (both, "golden".to_owned())]);
        let hints = Hints { chains: Some(&known), ..Hints::default() };
        let base = Base::of(None, &BTreeMap::new(), &layers, &hints);
        assert_eq!((base.name.as_deref(), base.layers, base.told_by), (Some("golden"), Some(2), Some(ToldBy::ChainId)));
        assert_eq!((base.origin(1), base.origin(2)), (Origin::Base, Origin::App));
        let mut cut_short = layers;
        cut_short[1].diff_id = None;
        assert_eq!(Base::of(None, &BTreeMap::new(), &cut_short, &hints).layers, Some(1));
    }

    #[test]
    fn a_base_of_the_same_name_may_be_of_another_state() {
        let annotations = BTreeMap::from([(BASE_NAME.to_owned(), "docker.io/library/debian:12".to_owned())]);
        let layers = layers_of(&["a", "b"].map(diff_id));
        let known = |name: &str, layers: &[&str]| KnownBase {
            reference: name.to_owned(),
            diff_ids: layers.iter().map(|layer| diff_id(layer)).collect(),
            ..KnownBase::default()
        };
        let cases = [
            ("debian:12", "a", false),
            ("debian:12", "x", true),
            ("debian:13", "x", false),
            ("debian:12@sha256:00", "x", true),
        ];
        for (name, bottom, expected) in cases {
            let chains = BTreeMap::from([(diff_id(bottom), name.to_owned())]);
            let given = [known(name, &[bottom])];
            for hints in
                [Hints { chains: Some(&chains), ..Hints::default() }, Hints { given: &given, ..Hints::default() }]
            {
                let base = Base::of(None, &annotations, &layers, &hints);
                assert_eq!(base.is_another_state, expected, "{name} {bottom}");
            }
        }
        let longer = [known("debian:12", &["a", "b", "c"])];
        assert!(Base::of(None, &annotations, &layers, &Hints { given: &longer, ..Hints::default() }).is_another_state);
        assert!(!Base::of(None, &annotations, &layers, &Hints::default()).is_another_state);
    }

    #[test]
    fn annotations_name_a_base_and_labels_after_them() {
        let texts = |name: &str| BTreeMap::from([(BASE_NAME.to_owned(), name.to_owned())]);
        let mut config = ImageConfig::default();
        config.config.labels = texts("by-label");
        let name = |annotations| Base::of(Some(&config), &annotations, &[], &Hints::default()).name;
        assert_eq!(name(texts("by-annotation")).as_deref(), Some("by-annotation"));
        assert_eq!(name(texts(" ")).as_deref(), Some("by-label"));
    }

    #[test]
    fn layers_are_told_apart_by_the_start_command_of_the_base() {
        use Origin::{App, Base, Unknown};
        // a leading `-` marks a step without a layer
        let cases: &[(&[&str], usize, &[Origin])] = &[
            (&["ADD rootfs", "-CMD [\"bash\"]", "RUN make", "COPY . ."], 3, &[Base, App, App]),
            (
                &["ADD rootfs", "-CMD [\"bash\"]", "RUN a", "-ENTRYPOINT [\"x\"]", "RUN b", "-CMD [\"y\"]"],
                3,
                &[Base, Base, App],
            ),
            (&["ADD rootfs", "-CMD [\"bash\"]"], 1, &[Unknown]),
            // what mends an image leaves its layers whose they were
            (&["ADD rootfs", "-CMD [\"bash\"]", "COPY . .", "-CMD [\"x\"]", "careen fix"], 3, &[Base, App, App]),
            (&["ADD rootfs", "-CMD [\"bash\"]", "careen fix"], 2, &[Unknown, Unknown]),
            (&["ADD rootfs", "-CMD [\"bash\"]", "careen fix", "COPY . .", "-CMD [\"x\"]"], 3, &[Base, Base, App]),
            (
                &[
                    "ADD rootfs",
                    "-CMD [\"bash\"]",
                    "careen fix",
                    "COPY . .",
                    "-CMD [\"x\"]",
                    "careen fix",
                    "careen fix",
                ],
                5,
                &[Base, Base, App, App, App],
            ),
            (&["ADD rootfs", "RUN make"], 2, &[Unknown, Unknown]),
            (&["ADD rootfs", "-CMD [\"bash\"]", "RUN make"], 3, &[Unknown, Unknown, Unknown]),
        ];
        for (steps, count, expected) in cases {
            let entry = |step: &&str| HistoryEntry {
                created_by: step.trim_start_matches('-').into(),
                empty_layer: step.starts_with('-'),
                ..HistoryEntry::default()
            };
            let config = ImageConfig { history: steps.iter().map(entry).collect(), ..ImageConfig::default() };
            assert_eq!(origins(&config, *count), *expected, "{steps:?}");
        }
    }

    #[test]
    fn layers_are_told_apart_by_the_base_that_buildah_notes() {
        use Origin::{App, Base, Unknown};
        /// Step and comment.
        type Steps = &'static [(&'static str, &'static str)];
        let cases: &[(Steps, usize, &[Origin])] = &[
            // with layers, on a base without
            (
                &[
                    ("-ADD rootfs", ""),
                    ("CMD [\"bash\"]", ""),
                    ("RUN a", "FROM localhost/debian:bookworm"),
                    ("RUN b", "FROM 90abfaaf0839"),
                    ("-CMD [\"x\"]", "FROM 8ef07ba86990"),
                ],
                3,
                &[Base, App, App],
            ),
            // a start command amid the user's own steps
            (
                &[
                    ("ADD rootfs", ""),
                    ("RUN a", "FROM debian:13"),
                    ("-CMD [\"x\"]", "FROM 90abfaaf0839"),
                    ("RUN b", "FROM 8ef07ba86990"),
                ],
                3,
                &[Base, App, App],
            ),
            // a base of buildah's, under an image of another builder's
            (
                &[
                    ("ADD rootfs", ""),
                    ("RUN a", "FROM debian:13"),
                    ("-CMD [\"x\"]", "FROM 90abfaaf0839"),
                    ("RUN b", "buildkit.dockerfile.v0"),
                ],
                3,
                &[Base, Base, App],
            ),
            // without layers throughout
            (&[("-ADD rootfs", ""), ("CMD [\"bash\"]", ""), ("-RUN a", ""), ("CMD [\"x\"]", "")], 2, &[Base, App]),
            (&[("COPY a", "FROM scratch"), ("RUN b", "FROM 90abfaaf0839")], 2, &[App, App]),
            (&[("COPY a", ""), ("RUN b", "FROM 90abfaaf0839")], 2, &[Unknown, Unknown]),
        ];
        for (steps, count, expected) in cases {
            let entry = |(step, comment): &(&str, &str)| HistoryEntry {
                created_by: step.trim_start_matches('-').into(),
                empty_layer: step.starts_with('-'),
                comment: (*comment).into(),
                ..HistoryEntry::default()
            };
            let config = ImageConfig { history: steps.iter().map(entry).collect(), ..ImageConfig::default() };
            assert_eq!(origins(&config, *count), *expected, "{steps:?}");
        }
    }
}
