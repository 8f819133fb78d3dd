//! CSAF 2.0 (OASIS standard, profile VEX): a tree of products, and what is said of flaws in them.

#![warn(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::error::Result;

use super::component::{Component, Product, Versions};
use super::list::{Entries, Several};
use super::vers::Vers;
use super::{Builder, Document, Format, JUSTIFICATIONS, Statement, Status, parse, shown, some_text, too_much};

/// Relationships of relationships.
const CHAIN: usize = 8;
/// Products that the flags, threats and remediations of a document are about, each as often as it is named.
const MENTIONS: usize = 1_000_000;
/// Levels of branches within branches. Each is read as often as it is deep.
const LEVELS: usize = 32;

#[derive(Deserialize)]
struct Whole<'a> {
    document: Head,
    #[serde(borrow, default)]
    product_tree: Tree<'a>,
    #[serde(borrow, default)]
    vulnerabilities: Entries<'a>,
}

#[derive(Deserialize)]
struct Head {
    publisher: Option<Publisher>,
    tracking: Option<Tracking>,
}

#[derive(Deserialize)]
struct Publisher {
    name: Option<String>,
}

#[derive(Deserialize)]
struct Tracking {
    id: Option<String>,
    current_release_date: Option<String>,
}

#[derive(Deserialize, Default)]
struct Tree<'a> {
    #[serde(borrow, default)]
    branches: Entries<'a>,
    #[serde(default)]
    full_product_names: Several<FullName>,
    #[serde(default)]
    product_groups: Several<Group>,
    #[serde(default)]
    relationships: Several<Relationship>,
}

#[derive(Deserialize)]
struct Branch<'a> {
    category: Option<String>,
    name: Option<String>,
    product: Option<FullName>,
    #[serde(borrow, default)]
    branches: Entries<'a>,
}

#[derive(Deserialize)]
struct FullName {
    name: Option<String>,
    product_id: String,
    product_identification_helper: Option<Helper>,
}

#[derive(Deserialize)]
struct Helper {
    purl: Option<String>,
    /// CSAF 2.1.
    #[serde(default)]
    purls: Several<String>,
    #[serde(default)]
    hashes: Several<Hashes>,
}

#[derive(Deserialize)]
struct Hashes {
    #[serde(default)]
    file_hashes: Several<FileHash>,
}

#[derive(Deserialize)]
struct FileHash {
    algorithm: String,
    value: String,
}

#[derive(Deserialize)]
struct Group {
    group_id: String,
    #[serde(default)]
    product_ids: Several<String>,
}

#[derive(Deserialize)]
struct Relationship {
    product_reference: String,
    relates_to_product_reference: String,
    full_product_name: FullName,
}

#[derive(Deserialize)]
struct Flaw {
    cve: Option<String>,
    #[serde(default)]
    ids: Several<OtherId>,
    #[serde(default)]
    product_status: BTreeMap<String, Several<String>>,
    #[serde(default)]
    flags: Several<Flag>,
    #[serde(default)]
    threats: Several<Threat>,
    #[serde(default)]
    remediations: Several<Remediation>,
}

#[derive(Deserialize)]
struct OtherId {
    text: String,
}

#[derive(Deserialize)]
struct Flag {
    label: String,
    #[serde(default)]
    product_ids: Several<String>,
    #[serde(default)]
    group_ids: Several<String>,
}

#[derive(Deserialize)]
struct Threat {
    category: String,
    details: String,
    #[serde(default)]
    product_ids: Several<String>,
    #[serde(default)]
    group_ids: Several<String>,
}

#[derive(Deserialize)]
struct Remediation {
    details: String,
    #[serde(default)]
    product_ids: Several<String>,
    #[serde(default)]
    group_ids: Several<String>,
}

/// Reads a document.
pub(super) fn read(bytes: &[u8]) -> Result<Document> {
    let whole: Whole<'_> = parse(bytes)?;
    let tracking = whole.document.tracking.as_ref();
    let id = tracking.and_then(|tracking| tracking.id.as_deref()).unwrap_or_default();
    let author = whole.document.publisher.as_ref().and_then(|publisher| publisher.name.as_deref()).unwrap_or_default();
    let mut builder = Builder::new(Format::Csaf, id, author, None);
    let date = tracking.and_then(|tracking| tracking.current_release_date.as_deref());
    builder.document.timestamp = builder.time("document.tracking.current_release_date", date);
    let mut products = Products::new(whole.product_tree, &mut builder);
    for (index, raw) in whole.vulnerabilities.0.into_iter().enumerate() {
        let place = format!("vulnerabilities[{index}]");
        match serde_json::from_str::<Flaw>(raw.get()) {
            Ok(flaw) => flaw.tell(&place, &mut products, &mut builder)?,
            Err(error) => builder.complain(&place, &shown(&error.to_string())),
        }
    }
    Ok(builder.finish())
}

/// The products of a document by their ids.
struct Products {
    by_id: HashMap<String, Arc<Product>>,
    groups: HashMap<String, Vec<String>>,
    /// Products that flags, threats and remediations were about, so that many mentions of large groups end.
    visited: usize,
}

impl Products {
    fn new(tree: Tree<'_>, builder: &mut Builder) -> Self {
        let mut plain: BTreeMap<String, Component> = BTreeMap::new();
        for name in tree.full_product_names.0 {
            plain.entry(name.product_id.clone()).or_insert_with(|| name.component());
        }
        let mut waiting: Vec<(&RawValue, usize)> = tree.branches.0.into_iter().map(|raw| (raw, 0)).collect();
        while let Some((raw, level)) = waiting.pop() {
            let branch = match serde_json::from_str::<Branch<'_>>(raw.get()) {
                Ok(branch) => branch,
                Err(error) => {
                    builder.complain("product_tree.branches", &shown(&error.to_string()));
                    continue;
                }
            };
            if level < LEVELS {
                waiting.extend(branch.branches.0.into_iter().map(|raw| (raw, level.saturating_add(1))));
            } else if !branch.branches.0.is_empty() {
                builder.complain("product_tree.branches", "they are nested too deep");
            }
            let Some(name) = branch.product else { continue };
            let mut component = name.component();
            if branch.category.as_deref() == Some("product_version_range") {
                match Vers::parse(branch.name.as_deref().unwrap_or_default()) {
                    Ok(range) => component.versions = Versions::Range(range),
                    Err(what) => {
                        builder.complain(&format!("product_tree: {}", shown(&name.product_id)), &what);
                        // without its range it would mean every version
                        component = Component { label: component.label, ..Component::default() };
                    }
                }
            }
            plain.entry(name.product_id).or_insert(component);
        }
        let mut related: HashMap<&str, &Relationship> = HashMap::new();
        for relationship in &tree.relationships.0 {
            related.entry(&relationship.full_product_name.product_id).or_insert(relationship);
        }
        let mut by_id: HashMap<String, Arc<Product>> = HashMap::new();
        for relationship in &tree.relationships.0 {
            let id = &relationship.full_product_name.product_id;
            let part = outermost(&relationship.product_reference, &related, |one| &one.product_reference);
            let whole = outermost(&relationship.relates_to_product_reference, &related, |one| {
                &one.relates_to_product_reference
            });
            let (Some(part), Some(whole)) = (part.and_then(|id| plain.get(id)), whole.and_then(|id| plain.get(id)))
            else {
                builder.complain(&format!("product_tree: {}", shown(id)), "its parts are not in the document");
                continue;
            };
            let product = Product { component: whole.clone(), subcomponents: vec![part.clone()] };
            by_id.entry(id.clone()).or_insert_with(|| Arc::new(product));
        }
        for (id, component) in plain {
            by_id.entry(id).or_insert_with(|| Arc::new(Product { component, subcomponents: Vec::new() }));
        }
        let groups = tree.product_groups.0.into_iter().map(|group| (group.group_id, group.product_ids.0)).collect();
        Self { by_id, groups, visited: 0 }
    }

    /// Ids of products and of the members of groups.
    fn all<'a>(&'a mut self, ids: &'a [String], groups: &'a [String]) -> Result<Vec<&'a str>> {
        let mut all: Vec<&str> = ids.iter().map(String::as_str).collect();
        self.visited = self.visited.saturating_add(all.len());
        for group in groups {
            let members = self.groups.get(group).map_or(&[][..], Vec::as_slice);
            self.visited = self.visited.saturating_add(members.len());
            if self.visited > MENTIONS {
                break;
            }
            all.extend(members.iter().map(String::as_str));
        }
        if self.visited > MENTIONS {
            return Err(too_much(format!(
                "the VEX document explains more than {MENTIONS} times what holds of a product"
            )));
        }
        Ok(all)
    }
}

/// The product at the end of a chain of relationships; `None` where the chain is too long, as a circle is.
fn outermost<'a>(
    id: &'a str,
    related: &HashMap<&str, &'a Relationship>,
    next: impl Fn(&'a Relationship) -> &'a str,
) -> Option<&'a str> {
    let mut id = id;
    for _ in 0..CHAIN {
        match related.get(id) {
            Some(relationship) => id = next(relationship),
            None => return Some(id),
        }
    }
    None
}

impl FullName {
    fn component(&self) -> Component {
        let label = self.name.as_deref().unwrap_or(&self.product_id);
        let mut component = Component { label: shown(label), ..Component::default() };
        let Some(helper) = &self.product_identification_helper else { return component };
        for purl in helper.purl.iter().chain(&helper.purls.0) {
            component.add(purl);
        }
        for hash in helper.hashes.0.iter().flat_map(|hashes| &hashes.file_hashes.0) {
            component.add_hash(&hash.algorithm, &hash.value);
        }
        component
    }
}

/// What is said of one product beside its status: justification, impact, action.
type Said = (Option<Arc<str>>, Option<Arc<str>>, Option<Arc<str>>);

impl Flaw {
    fn tell(self, place: &str, products: &mut Products, builder: &mut Builder) -> Result<()> {
        let mut said: HashMap<String, Said> = HashMap::new();
        for flag in &self.flags.0 {
            if !JUSTIFICATIONS.contains(&flag.label.as_str()) {
                // labels are for `known_not_affected`; of an unknown one nobody knows what it was to say
                builder.complain(place, &format!("the label `{}` is unknown", shown(&flag.label)));
                return Ok(());
            }
            let label: Arc<str> = flag.label.as_str().into();
            for id in products.all(&flag.product_ids.0, &flag.group_ids.0)? {
                said.entry(id.to_owned()).or_default().0.get_or_insert_with(|| Arc::clone(&label));
            }
        }
        let mut general: Said = (None, None, None);
        for threat in self.threats.0.iter().filter(|threat| threat.category == "impact") {
            let Some(words) = some_text(Some(&threat.details)).map(Arc::<str>::from) else { continue };
            let ids = products.all(&threat.product_ids.0, &threat.group_ids.0)?;
            if ids.is_empty() {
                general.1.get_or_insert_with(|| Arc::clone(&words));
            }
            for id in ids {
                said.entry(id.to_owned()).or_default().1.get_or_insert_with(|| Arc::clone(&words));
            }
        }
        for remediation in &self.remediations.0 {
            let Some(words) = some_text(Some(&remediation.details)).map(Arc::<str>::from) else { continue };
            let ids = products.all(&remediation.product_ids.0, &remediation.group_ids.0)?;
            if ids.is_empty() {
                general.2.get_or_insert_with(|| Arc::clone(&words));
            }
            for id in ids {
                said.entry(id.to_owned()).or_default().2.get_or_insert_with(|| Arc::clone(&words));
            }
        }
        let ids: Vec<String> = self.cve.into_iter().chain(self.ids.0.into_iter().map(|id| id.text)).collect();
        let mut groups: BTreeMap<(Status, Said), Vec<Arc<Product>>> = BTreeMap::new();
        for (name, listed) in &self.product_status {
            let Some(status) = status(name) else {
                // which version is recommended says nothing of any other
                if name != "recommended" {
                    builder.complain(place, &format!("the status `{}` is unknown", shown(name)));
                }
                continue;
            };
            for id in &listed.0 {
                let Some(product) = products.by_id.get(id) else {
                    builder.complain(place, &format!("no product of the document is `{}`", shown(id)));
                    continue;
                };
                let (justification, impact, action) = said.get(id).cloned().unwrap_or_default();
                let said = (justification, impact.or_else(|| general.1.clone()), action.or_else(|| general.2.clone()));
                groups.entry((status, said)).or_default().push(Arc::clone(product));
            }
        }
        for ((status, (justification, impact, action)), products) in groups {
            let is_harmless = status == Status::NotAffected;
            let text = |text: Option<Arc<str>>| text.map(|text| text.to_string());
            let statement = Statement {
                ids: ids.clone(),
                products,
                status,
                justification: text(justification).filter(|_| is_harmless),
                impact: text(impact),
                action: text(action),
                timestamp: None,
            };
            builder.add(place, statement)?;
        }
        Ok(())
    }
}

fn status(name: &str) -> Option<Status> {
    Some(match name {
        "known_not_affected" => Status::NotAffected,
        "known_affected" | "first_affected" | "last_affected" => Status::Affected,
        "fixed" | "first_fixed" => Status::Fixed,
        "under_investigation" => Status::UnderInvestigation,
        _ => return None,
    })
}
