//! The plan of a fix: what will be done to which image, why, and what will not. Written as JSON (`docs/formats/fix-plan.md`),
//! looked at by people, read back by `--apply`.
//!
//! It comes from a file then, so that nothing in it is believed: sizes are capped, unknown keys are errors, and the images must
//! be those that it was made for. It holds no secret: what must go is named by place and length.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::RunAs;
use super::conflict::{self, Contradiction};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind, Result};
use crate::escape::escape;
use crate::image::Image;
use crate::inventory::Inventory;
use crate::rebuild::{Edit, Edits};
use crate::secret::masked_path;

/// Version of the JSON. Raised when a field changes its meaning or goes.
pub const SCHEMA: &str = "careen.fix-plan/1";

/// Largest plan that is read, in bytes.
pub const LARGEST: u64 = 64 << 20;

/// Most images of a plan.
const MOST_IMAGES: usize = 1_000;

/// Most actions of an image.
const MOST_ACTIONS: usize = 100_000;

/// Most edits of an image.
const MOST_EDITS: usize = 2_000_000;

/// Fixers that flags ask for, sorted.
const OF_WISHES: [&str; 6] = ["env", "labels", "redact", "remove", "setuid", "user"];

/// Longest text of a plan, in bytes; contents of added files are the longest.
const LONGEST: usize = 1 << 20;

/// What will be done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`SCHEMA`].
    pub schema: String,
    /// What it was made from.
    pub input: Input,
    /// Whether layers are left out that hold nothing any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub drop_empty_layers: bool,
    /// One for each image, in the order of the input.
    pub images: Vec<ImagePlan>,
    /// What else a person should know.
    #[serde(default)]
    pub notes: Vec<String>,
}

/// Where the images are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// As the user wrote it, secrets masked.
    pub reference: String,
    /// Id of the source.
    pub source: String,
}

/// What will be done to one image.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImagePlan {
    /// Which.
    pub image: ImageId,
    /// What is done, in a stable order.
    pub actions: Vec<Action>,
    /// What is not, and why.
    pub refused: Vec<Refused>,
    /// Where values stay that actions take out elsewhere.
    #[serde(default)]
    pub remains: Vec<Remains>,
    /// What comes of it.
    pub expected: Expected,
}

/// Names one image for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageId {
    /// Digest of the configuration.
    pub config: Option<Digest>,
    /// Digest of the manifest, where there is one.
    pub manifest: Option<Digest>,
    /// Such as `linux/amd64`.
    pub platform: Option<String>,
}

/// One thing that is done, whole or not at all.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// Fixer and number, such as `caches-1`.
    pub id: String,
    /// Id of the fixer.
    pub fixer: String,
    /// What is done, in a word.
    pub kind: Kind,
    /// Whether it is carried out.
    pub approved: bool,
    /// Fingerprints of the findings that it mends; none where the user asked for it.
    pub findings: Vec<String>,
    /// Their rule.
    pub rule: Option<String>,
    /// The layer concerned, where it is one.
    pub layer: Option<u32>,
    /// The file, folder or field concerned.
    pub path: String,
    /// How it is.
    pub before: String,
    /// How it will be.
    pub after: String,
    /// Whether somebody must look at it.
    pub safety: Safety,
    /// How likely the application minds.
    pub risk: Risk,
    /// Why it is done, and what to look at.
    pub reason: String,
    /// What it does to the bytes.
    pub edits: Edits,
}

/// What is done, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Files leave their layers.
    Remove,
    /// Bytes of a file become `*`.
    Blank,
    /// Files are left empty.
    Empty,
    /// Permissions change.
    Mode,
    /// The owner changes.
    Owner,
    /// A password is locked.
    Lock,
    /// The user changes that processes start as.
    User,
    /// A setting of the image changes or goes.
    Setting,
    /// Parts of texts become `[REDACTED]`.
    Redact,
}

/// Whether an action can be done unseen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Safety {
    /// Yes: no application is known to need what goes.
    Safe,
    /// Somebody must look: `--yes`, or `[fix]` of a policy.
    Review,
    /// It is told, and never done.
    Never,
}

/// How likely the application minds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Risk {
    /// It will not.
    Low,
    /// It may, in a way that shows at its start or in tests.
    Medium,
    /// It may well, and perhaps late.
    High,
}

/// Something that is not done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// Id of the fixer.
    pub fixer: String,
    /// Fingerprint of the finding; nothing where the user asked for it.
    pub finding: Option<String>,
    /// Its rule.
    pub rule: Option<String>,
    /// The file or field concerned.
    pub path: String,
    /// Why.
    pub reason: String,
    /// What to do instead.
    pub hint: String,
}

/// A place that keeps a value which an action takes out elsewhere. The proof asks for its absence everywhere else.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remains {
    /// The layer, where it is one.
    pub layer: Option<u32>,
    /// The file, a file inside of it, or the JSON pointer of a text of the configuration.
    pub path: String,
    /// Ids of the actions that take the value out elsewhere.
    pub of: Vec<String>,
    /// The rule that knows it there; nothing if none does, and no policy judges it.
    pub rule: Option<String>,
    /// Why it stays, and what to do.
    pub reason: String,
}

/// What comes of the approved actions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Indices of the layers that are written anew.
    pub layers_rewritten: Vec<u32>,
    /// Layers that come on top: 0 or 1.
    pub layers_added: u32,
    /// Bytes of all layers, uncompressed.
    pub size_before: u64,
    /// Most bytes of all layers afterwards, uncompressed.
    pub size_after_at_most: u64,
}

macro_rules! words {
    ($name:ident { $($variant:ident = $word:literal,)* }) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$variant => $word,)* })
            }
        }
    };
}

words!(Safety { Safe = "safe", Review = "review", Never = "never", });
words!(Risk { Low = "low", Medium = "medium", High = "high", });
words!(Kind {
    Remove = "remove",
    Blank = "blank",
    Empty = "empty",
    Mode = "mode",
    Owner = "owner",
    Lock = "lock",
    User = "user",
    Setting = "setting",
    Redact = "redact",
});

impl ImageId {
    /// Of an image that was read.
    pub fn of(image: &Inventory) -> Self {
        let target = &image.target;
        Self {
            config: target.config_digest.clone(),
            manifest: target.digest.clone(),
            platform: target.platform.as_ref().map(|platform| escape(platform.to_string())),
        }
    }

    /// Whether it is the same image: its configuration names all its layers. Where both have a manifest, that decides.
    pub fn is(&self, other: &Self) -> bool {
        let manifests = self.manifest.as_ref().zip(other.manifest.as_ref());
        manifests.is_none_or(|(a, b)| a == b) && self.config.is_some() && self.config == other.config
    }
}

impl Action {
    /// Whether it would be carried out.
    pub fn is_active(&self) -> bool {
        self.approved && self.safety != Safety::Never
    }
}

impl ImagePlan {
    /// The actions that are carried out.
    pub fn active(&self) -> impl Iterator<Item = &Action> {
        self.actions.iter().filter(|action| action.is_active())
    }

    /// Approves the actions that wait for somebody to look at them.
    pub fn approve_all(&mut self) {
        let actions = self.actions.iter_mut();
        actions.filter(|action| action.safety != Safety::Never).for_each(|action| action.approved = true);
    }

    /// The user that the image starts as from then on, where that is in numbers.
    pub(super) fn user(&self) -> Option<RunAs> {
        self.active().flat_map(|action| &action.edits.0).find_map(|edit| match edit {
            Edit::SetConfig { pointer, value } if pointer == "/config/User" => value.as_str()?.parse().ok(),
            _ => None,
        })
    }

    /// All that is done to the bytes, in a stable order, each thing once.
    pub fn edits(&self) -> Result<Edits> {
        conflict::merged(self.active()).map_err(|contradiction| contradiction.error())
    }
}

impl Plan {
    /// A plan of images that were read from one place.
    pub fn new(reference: &str, source: &str, images: Vec<ImagePlan>) -> Self {
        let input = Input { reference: masked_path(&escape(reference)), source: source.to_owned() };
        Self { schema: SCHEMA.to_owned(), input, drop_empty_layers: false, images, notes: Vec::new() }
    }

    /// The plan for an image.
    pub(super) fn of(&self, image: &Image) -> Option<&ImagePlan> {
        let config = image.target.config_digest.as_ref()?;
        self.images.iter().find(|plan| plan.image.config.as_ref() == Some(config))
    }

    /// The same, to be changed.
    pub(super) fn of_mut(&mut self, image: &Image) -> Option<&mut ImagePlan> {
        let config = image.target.config_digest.as_ref()?;
        self.images.iter_mut().find(|plan| plan.image.config.as_ref() == Some(config))
    }

    /// Whether an action that is carried out takes values out, which must then be nowhere.
    pub fn takes_values(&self) -> bool {
        let is_value = |edit: &Edit| match edit {
            Edit::DropMember { secrets, inside, .. } => !secrets.is_empty() || !inside.is_empty(),
            Edit::BlankBytes { spans, .. }
            | Edit::RedactConfig { spans, .. }
            | Edit::RedactAnnotation { spans, .. } => !spans.is_empty(),
            Edit::RemoveAnnotation { secrets, .. } => !secrets.is_empty(),
            _ => false,
        };
        self.images.iter().flat_map(ImagePlan::active).any(|action| action.edits.0.iter().any(is_value))
    }

    /// Whether a value stays where no rule knows it, so that no policy says anything of it.
    pub fn leaves_unknown(&self) -> bool {
        self.images.iter().flat_map(|image| &image.remains).any(|remains| remains.rule.is_none())
    }

    /// Whether something that was asked for beside findings is done in no image.
    pub fn leaves_wish(&self) -> bool {
        let wishes = |image: &ImagePlan| -> BTreeSet<(String, String)> {
            let own = image.refused.iter().filter(|refused| refused.finding.is_none() && refused.rule.is_none());
            let own = own.filter(|refused| OF_WISHES.contains(&refused.fixer.as_str()));
            own.map(|refused| (refused.fixer.clone(), refused.path.clone())).collect()
        };
        let common = self.images.iter().map(wishes).reduce(|a, b| a.intersection(&b).cloned().collect());
        common.is_some_and(|common| !common.is_empty())
    }

    /// Whether anything is done.
    pub fn does_something(&self) -> bool {
        self.images.iter().any(|image| image.active().next().is_some())
    }

    /// SHA-256 of what the plan does, whoever proposed it: the schema, whether emptied layers go, and for each image which it is and the edits of all actions
    /// that are carried out, each once, in the order of their texts. As JSON with sorted keys and no blanks.
    pub fn digest(&self) -> Result<Digest> {
        let defect = |e| Error::new(ErrorKind::Internal, "the plan cannot be written").because(e);
        let of = |value: std::result::Result<Value, _>| -> Result<String> {
            let mut text = String::new();
            canonical(&value.map_err(defect)?, &mut text);
            Ok(text)
        };
        let mut images = Vec::new();
        for image in &self.images {
            let edits = image.active().flat_map(|action| &action.edits.0);
            let edits: BTreeSet<String> = edits.map(|edit| of(serde_json::to_value(edit))).collect::<Result<_>>()?;
            let edits = edits.into_iter().collect::<Vec<_>>().join(",");
            images.push(format!("{{\"edits\":[{edits}],\"image\":{}}}", of(serde_json::to_value(&image.image))?));
        }
        let schema = of(Ok(Value::String(self.schema.clone())))?;
        let drops = if self.drop_empty_layers { "\"drop_empty_layers\":true," } else { "" };
        let text = format!("{{{drops}\"images\":[{}],\"schema\":{schema}}}", images.join(","));
        Ok(Digest::sha256(text.as_bytes()))
    }

    /// The plan as JSON, as it is written to a file.
    pub fn to_json(&self) -> Result<String> {
        let text = serde_json::to_string_pretty(self);
        text.map(|text| text + "\n")
            .map_err(|e| Error::new(ErrorKind::Internal, "the plan cannot be written").because(e))
    }

    /// Reads a plan back; `name` is the file's, for errors.
    pub fn parse(name: &str, bytes: &[u8]) -> Result<Self> {
        let wrong = |what: String| Error::new(ErrorKind::Config, what).at(escape(name));
        if bytes.len() as u64 > LARGEST {
            return Err(wrong(format!("the plan is larger than {} MiB", LARGEST >> 20)));
        }
        let plan: Self = serde_json::from_slice(bytes).map_err(|e| {
            wrong("this is no plan of `careen fix`".into()).because(e).help("write one with `--dry-run --plan FILE`")
        })?;
        if plan.schema != SCHEMA {
            let what = format!("the plan is of the schema `{}`, not `{SCHEMA}`", escape(&plan.schema));
            return Err(wrong(what).help("make it anew with this version of careen"));
        }
        plan.check().map_err(wrong)?;
        Ok(plan)
    }

    /// What makes a plan senseless.
    fn check(&self) -> std::result::Result<(), String> {
        if self.images.len() > MOST_IMAGES {
            return Err(format!("the plan has more than {MOST_IMAGES} images"));
        }
        for image in &self.images {
            if image.actions.len().saturating_add(image.refused.len()) > MOST_ACTIONS {
                return Err(format!("an image of the plan has more than {MOST_ACTIONS} actions"));
            }
            if image.actions.iter().map(|action| action.edits.0.len()).sum::<usize>() > MOST_EDITS {
                return Err(format!("an image of the plan has more than {MOST_EDITS} edits"));
            }
            let mut ids = BTreeSet::new();
            for action in &image.actions {
                if !ids.insert(action.id.as_str()) {
                    return Err(format!("the plan has two actions `{}`", escape(&action.id)));
                }
                if action.safety == Safety::Never && action.approved {
                    return Err(format!("`{}` is approved, and is never done", escape(&action.id)));
                }
                let texts = [&action.id, &action.fixer, &action.path, &action.before, &action.after, &action.reason];
                if texts.iter().any(|text| text.len() > LONGEST) {
                    return Err(format!("a text of the plan is longer than {} MiB", LONGEST >> 20));
                }
            }
        }
        Ok(())
    }

    /// Fails unless these are the images that the plan was made for, in any order.
    pub fn check_images(&self, found: &[ImageId]) -> Result<()> {
        let is_all = found.iter().all(|id| self.images.iter().filter(|image| image.image.is(id)).count() == 1);
        if is_all && found.len() == self.images.len() {
            return Ok(());
        }
        let names = |ids: &mut dyn Iterator<Item = &ImageId>| {
            let names: Vec<String> = ids.map(|id| id.config.as_ref().map_or("none".into(), Digest::short)).collect();
            names.join(", ")
        };
        let what = format!(
            "the plan is of another image: it was made for {}, and this is {}",
            names(&mut self.images.iter().map(|image| &image.image)),
            names(&mut found.iter())
        );
        Err(Error::new(ErrorKind::Usage, what).help("make it anew with `--dry-run --plan FILE`"))
    }
}

impl Contradiction {
    /// As what ends a command.
    fn error(&self) -> Error {
        Error::new(ErrorKind::Config, format!("the plan contradicts itself: {}", self.0))
            .help("approve one of the two actions, or make the plan anew")
    }
}

/// JSON with sorted keys and no blanks.
fn canonical(value: &Value, text: &mut String) {
    match value {
        Value::Object(object) => {
            let mut keys: Vec<&String> = object.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for (place, key) in keys.into_iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                canonical(&Value::String(key.clone()), text);
                text.push(':');
                canonical(object.get(key).unwrap_or(&Value::Null), text);
            }
            text.push('}');
        }
        Value::Array(list) => {
            text.push('[');
            for (place, entry) in list.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                canonical(entry, text);
            }
            text.push(']');
        }
        plain => text.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;

    pub(in super::super) fn action(id: &str, approved: bool, edits: Value) -> Action {
        Action {
            id: id.into(),
            fixer: "remove".into(),
            kind: Kind::Remove,
            approved,
            findings: Vec::new(),
            rule: None,
            layer: None,
            path: id.into(),
            before: "1 file".into(),
            after: "gone".into(),
            safety: Safety::Safe,
            risk: Risk::Low,
            reason: "asked for".into(),
            edits: serde_json::from_value(edits).expect("edits"),
        }
    }

    fn digest(actions: Vec<Action>) -> String {
        let image = ImageId { config: None, manifest: None, platform: Some("linux/amd64".into()) };
        let (refused, remains, expected) = (Vec::new(), Vec::new(), Expected::default());
        let plan = ImagePlan { image, actions, refused, remains, expected };
        Plan::new("a.tar", "docker-archive", vec![plan]).digest().expect("a digest").to_string()
    }

    #[test]
    fn the_digest_says_whether_emptied_layers_go() {
        let plan = Plan::new("a.tar", "docker-archive", Vec::new());
        let dropping = Plan { drop_empty_layers: true, ..plan.clone() };
        let digests = [&plan, &dropping].map(|plan| plan.digest().expect("a digest"));
        assert_ne!(digests[0], digests[1]);
        let text = dropping.to_json().expect("a plan");
        assert_eq!(Plan::parse("p.json", text.as_bytes()).expect("a plan"), dropping);
        assert!(!plan.to_json().expect("a plan").contains("drop_empty_layers"));
    }

    #[test]
    fn what_is_done_has_one_digest_whoever_proposes_it() {
        let (a, b) = (|| json!({"op": "remove-env", "name": "A"}), || json!({"op": "remove-env", "name": "B"}));
        let known = digest(vec![action("x-1", true, json!([a(), b()]))]);
        let same = [
            vec![action("x-1", true, json!([b(), a()]))],
            vec![action("y-1", true, json!([b()])), action("x-1", true, json!([a(), b()]))],
            vec![
                action("x-1", true, json!([a(), b()])),
                action(
                    "z-1",
                    false,
                    json!([{"op": "truncate",
                "member": {"layer": 0, "member": 0, "path": "c"}}]),
                ),
            ],
        ];
        for actions in same {
            assert_eq!(digest(actions), known);
        }
        assert_ne!(digest(vec![action("x-1", true, json!([a()]))]), known);
        assert_ne!(digest(vec![action("x-1", false, json!([a(), b()]))]), known);
        let text = r#"{"images":[{"edits":[],"image":{"config":null,"manifest":null,"platform":"linux/amd64"}}],"schema":"careen.fix-plan/1"}"#;
        assert_eq!(digest(Vec::new()), Digest::sha256(text.as_bytes()).to_string());
    }
}
