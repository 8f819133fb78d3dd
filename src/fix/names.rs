//! Names in a plan that themselves hold a secret: a plan has them masked, as all that is written, and `--apply` finds what they
//! are of: members by their place in the archive, names of the merged file system and of files inside others where but one fits.

use std::collections::{BTreeMap, BTreeSet};

use crate::escape::escape;
use crate::inventory::Inventory;
use crate::path::ImagePath;
use crate::rebuild::{Content, Edit, Inner, Member};
use crate::secret::{is_masked, masked_path};

use super::labels;
use super::plan::ImagePlan;
use super::redact::texts;

/// Gives the edits of a plan the names that the image has. `fresh` was made of the image just now. A sentence without a full stop
/// where one cannot be found.
pub(super) fn restore(image: &Inventory, plan: &mut ImagePlan, fresh: &ImagePlan) -> Result<(), String> {
    let mut known = Known { image, fresh, names: None, pointers: BTreeSet::new() };
    if let Some(config) = &image.config {
        known.pointers.extend(texts(config).into_iter().map(|(pointer, _)| pointer));
        known.pointers.extend(config.config.labels.keys().map(|label| labels::pointer(label)));
    }
    let edits = plan.actions.iter_mut().flat_map(|action| &mut action.edits.0);
    for edit in edits {
        match edit {
            Edit::DropMember { member, inside, .. } => {
                known.member(member)?;
                for inner in inside {
                    known.inner(member, inner)?;
                }
            }
            Edit::BlankBytes { member, .. }
            | Edit::Truncate { member }
            | Edit::LockPassword { member, .. }
            | Edit::SetHeader { member, .. } => known.member(member)?,
            Edit::AddFile { path, content, .. } => {
                known.name(path)?;
                match content {
                    Content::File { member }
                    | Content::Appended { member, .. }
                    | Content::Accounts { member, .. }
                    | Content::Locked { member, .. } => known.member(member)?,
                    Content::Text { .. } => {}
                }
            }
            Edit::AddFolder { path, .. } | Edit::Whiteout { path } => known.name(path)?,
            Edit::SetConfig { pointer, .. } | Edit::RemoveConfig { pointer } | Edit::RedactConfig { pointer, .. } => {
                one_of(known.pointers.iter(), pointer)?;
            }
            Edit::RemoveEnv { name } => {
                let all = image.config.iter().flat_map(|config| &config.config.env);
                one_of(all.map(|entry| entry.split('=').next().unwrap_or_default()), name)?;
            }
            Edit::SetAnnotation { key, .. }
            | Edit::RedactAnnotation { key, .. }
            | Edit::RemoveAnnotation { key, .. } => one_of(image.annotations.keys(), key)?,
        }
    }
    Ok(())
}

struct Known<'a> {
    image: &'a Inventory,
    fresh: &'a ImagePlan,
    /// Real paths by how they are shown, of those that are masked.
    names: Option<BTreeMap<String, BTreeSet<ImagePath>>>,
    /// Of texts of the configuration.
    pointers: BTreeSet<String>,
}

impl Known<'_> {
    fn member(&self, member: &mut Member) -> Result<(), String> {
        let members = self.image.tree.layers().get(member.layer as usize);
        let entry = members.and_then(|members| members.get(member.member as usize));
        let found = entry.map(|entry| entry.path.to_string());
        let is_it = |found: &&String| {
            is_same(found, &member.path) || is_masked_text(&member.path) && is_same(&masked_path(found), &member.path)
        };
        let Some(found) = found.as_ref().filter(is_it) else {
            let path = masked_path(&escape(&member.path));
            return Err(format!("member {} of layer {} is not `{path}`", member.member, member.layer));
        };
        member.path.clone_from(found);
        Ok(())
    }

    fn name(&mut self, path: &mut String) -> Result<(), String> {
        let tree = &self.image.tree;
        let is_there = |path: &str| {
            let path = ImagePath::from(path);
            tree.get(&path).is_some() || tree.names_in(&path).next().is_some()
        };
        if !is_masked_text(path) || is_there(path) {
            return Ok(());
        }
        let names = self.names.get_or_insert_with(|| {
            let mut names: BTreeMap<String, BTreeSet<ImagePath>> = BTreeMap::new();
            let all = tree.names().flat_map(|(path, _)| [path.clone(), path.parent()]);
            for path in all.collect::<BTreeSet<_>>() {
                let plain = path.to_string();
                let shown = masked_path(&plain);
                if shown != plain {
                    names.entry(shown.trim_start_matches('/').to_owned()).or_default().insert(path);
                }
            }
            names
        });
        let found = names.get(path.trim_start_matches('/')).into_iter().flatten();
        let one = found.clone().next().filter(|_| found.clone().count() == 1);
        let text = one.and_then(|one| std::str::from_utf8(one.as_bytes()).ok());
        let shown = || masked_path(&escape(&*path));
        let text =
            text.ok_or_else(|| format!("`{}` may be one of several names that hold a secret, or none", shown()))?;
        text.clone_into(path);
        Ok(())
    }

    fn inner(&self, member: &Member, inner: &mut Inner) -> Result<(), String> {
        if !is_masked_text(&inner.file) {
            return Ok(());
        }
        let own = self.fresh.actions.iter().flat_map(|action| &action.edits.0).filter_map(|edit| match edit {
            Edit::DropMember { member: of, inside, .. } if of.node() == member.node() => Some(inside),
            _ => None,
        });
        let is_it = |known: &&Inner| {
            (known.offset, known.length) == (inner.offset, inner.length) && masked_path(&known.file) == inner.file
        };
        let found: BTreeSet<&String> = own.flatten().filter(is_it).map(|known| &known.file).collect();
        let one = found.first().copied().cloned().filter(|_| found.len() == 1);
        inner.file = one.ok_or("it is not told which file inside of another it is of")?;
        Ok(())
    }
}

/// Puts the one of these in the place of what is masked.
fn one_of<T: AsRef<str>>(all: impl Iterator<Item = T>, shown: &mut String) -> Result<(), String> {
    if !is_masked_text(shown) {
        return Ok(());
    }
    let mut found = BTreeSet::new();
    for one in all {
        if one.as_ref() == shown {
            return Ok(());
        }
        if masked_path(one.as_ref()) == *shown {
            found.insert(one.as_ref().to_owned());
        }
    }
    let Some(one) = found.pop_first().filter(|_| found.is_empty()) else {
        let shown = masked_path(&escape(&*shown));
        return Err(format!("`{shown}` may be one of several names that hold a secret, or none"));
    };
    *shown = one;
    Ok(())
}

fn is_same(one: &str, other: &str) -> bool {
    one.trim_start_matches('/') == other.trim_start_matches('/')
}

fn is_masked_text(text: &str) -> bool {
    is_masked(&ImagePath::from(text))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{file, layered, plan};
    use super::super::{Wishes, plan::Plan};
    use super::*;
    use crate::policy::Glob;

    fn token() -> String {
        ["gh", "p_aLJFgvsJOFwZ8NvsaGVFyKhiEABXqP0vTy4y"].concat()
    }

    #[test]
    fn a_name_that_is_a_secret_is_in_no_plan_and_found_again() {
        let name = format!("srv/{}", token());
        assert_ne!(masked_path(&name), name, "the test's token is none");
        let image = layered(vec![vec![file(&name, 9)], vec![file(&name, 5), file("srv/b", 1)]]);
        let remove = vec![Glob::path("srv/g*").expect("a glob")];
        let made = plan(&image, &Wishes { only: vec!["env"], remove, ..Wishes::default() });
        assert_eq!(made.actions.len(), 2, "{made:?}");
        let whole = Plan::new("a.tar", "docker-archive", vec![made.clone()]);
        let text = whole.to_json().expect("a plan");
        assert!(!text.contains(&token()) && text.contains("srv/"), "{text}");
        let mut read = Plan::parse("plan", text.as_bytes()).expect("a plan").images.remove(0);
        assert_ne!(read.edits().expect("edits"), made.edits().expect("edits"));
        restore(&image, &mut read, &made).expect("its own image");
        assert_eq!(read.edits().expect("edits"), made.edits().expect("edits"));
        let other = layered(vec![vec![file("srv/a", 9)], vec![file("srv/a", 5), file("srv/b", 1)]]);
        restore(&other, &mut read, &made).expect_err("another image");
    }

    #[test]
    fn a_setting_whose_name_is_a_secret_is_in_no_plan_and_found_again() {
        let config = format!(r#"{{"config":{{"Labels":{{"{0}":"x"}},"Env":["{0}=y","A=1"]}}}}"#, token());
        let mut image = layered(vec![vec![]]).with_config(&config);
        image.annotations.insert(token(), "z".into());
        let action = |edits: Vec<Edit>| super::super::plan::Action {
            edits: crate::rebuild::Edits(edits),
            ..super::super::plan::tests::action("x-1", true, serde_json::json!([]))
        };
        let pointer = format!("/config/Labels/{}", token());
        let edits = vec![
            Edit::RemoveConfig { pointer: pointer.clone() },
            Edit::RedactConfig { pointer, spans: Vec::new() },
            Edit::RedactConfig { pointer: "/config/Env/0".into(), spans: Vec::new() },
            Edit::RemoveEnv { name: token() },
            Edit::RemoveAnnotation { key: token(), secrets: Vec::new() },
        ];
        let fresh = plan(&image, &Wishes::default());
        let made = ImagePlan { actions: vec![action(edits.clone())], ..fresh.clone() };
        let text = Plan::new("a.tar", "docker-archive", vec![made]).to_json().expect("a plan");
        assert!(!text.contains(&token()), "{text}");
        let mut read = Plan::parse("plan", text.as_bytes()).expect("a plan").images.remove(0);
        restore(&image, &mut read, &fresh).expect("its own image");
        assert_eq!(read.actions[0].edits.0, edits);
        let mut read = Plan::parse("plan", text.as_bytes()).expect("a plan").images.remove(0);
        restore(&layered(vec![vec![]]), &mut read, &fresh).expect_err("another image");
    }

    #[test]
    fn a_masked_name_is_found_where_but_one_fits() {
        let hides = |name: &str| ImagePlan {
            actions: vec![super::super::plan::Action {
                edits: crate::rebuild::Edits(vec![Edit::Whiteout { path: masked_path(name) }]),
                ..super::super::plan::tests::action("x-1", true, serde_json::json!([]))
            }],
            ..plan(&layered(vec![vec![]]), &Wishes::default())
        };
        let name = format!("srv/{}", token());
        let image = layered(vec![vec![file(&name, 9)]]);
        let mut one = hides(&name);
        let fresh = one.clone();
        restore(&image, &mut one, &fresh).expect("one fits");
        assert_eq!(one.actions[0].edits.0, [Edit::Whiteout { path: name }]);
        let mut none = hides("srv/none****none");
        restore(&image, &mut none, &fresh).expect_err("none fits");
    }
}
