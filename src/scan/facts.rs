//! What policies know of an image besides the findings, taken from the inventory.

use crate::check;
use crate::inventory::Inventory;
use crate::layers;
use crate::policy::{ConfigFacts, ImageFacts, PackageFacts, PolicySet};
use crate::secret::{self, Echo};

/// The facts of an image that `policy` asks for; `data_hours` is the age of the advisories it was compared with.
pub(super) fn of(inventory: &Inventory, data_hours: Option<i64>, policy: &PolicySet) -> ImageFacts {
    let echo = Echo::of(inventory.config.as_ref(), &inventory.annotations);
    let target = &inventory.target;
    let has_layers = inventory.config.is_some();
    let has_files = !inventory.tree.layers().is_empty();
    let stored = inventory.layers.iter().map(|layer| layer.stored).fold(0, u64::saturating_add);
    let (shipped, visible) = layers::bytes(&inventory.tree);
    ImageFacts {
        reference: target.reference.clone(),
        tags: target.tags.clone(),
        digest: target.digest.as_ref().map(ToString::to_string),
        platform: target.platform.as_ref().map(ToString::to_string),
        distro: inventory.distro.as_ref().map(|distro| (distro.id.clone(), distro.version_id.clone())),
        created: inventory.created,
        size: Some(inventory.layers.iter().map(|layer| layer.size).fold(0, u64::saturating_add)),
        stored: has_layers.then_some(stored),
        shipped: has_files.then_some(shipped),
        visible: has_files.then_some(visible),
        layers: has_layers.then_some(u32::try_from(inventory.layers.len()).unwrap_or(u32::MAX)),
        config: config(inventory, &echo),
        base: inventory.base.clone(),
        base_created: check::base_created(inventory),
        attested: inventory.attested,
        // there may be ten thousands, and few policies ask
        packages: if policy.asks_for_packages() {
            inventory.packages.iter().map(package).collect()
        } else {
            Vec::new()
        },
        lists_packages: policy.asks_for_packages(),
        data_hours,
    }
}

fn config(inventory: &Inventory, echo: &Echo) -> Option<ConfigFacts> {
    let config = &inventory.config.as_ref()?.config;
    let label = |(key, value): (&String, &String)| {
        let masked = echo.mask(&format!("{key}={value}"));
        (secret::mask_text(key), masked.strip_prefix(&format!("{key}=")).unwrap_or(&masked).to_owned())
    };
    Some(ConfigFacts {
        user: echo.mask(&config.user),
        uid: inventory.run_user().and_then(crate::inventory::RunUser::uid),
        labels: config.labels.iter().map(label).collect(),
        ports: config.exposed_ports.keys().cloned().collect(),
        healthcheck: config
            .healthcheck
            .as_ref()
            .and_then(|check| check.test.first())
            .is_some_and(|word| word != "NONE"),
        stop_signal: config.stop_signal.clone(),
        working_dir: echo.mask(&config.working_dir),
    })
}

fn package(package: &crate::inventory::Package) -> PackageFacts {
    let licence = package.licence.as_ref();
    let place = package.locations.first();
    PackageFacts {
        purl: package.purl.clone(),
        ecosystem: package.ecosystem.id.to_owned(),
        licence: licence.map(|licence| licence.expression.clone().unwrap_or_else(|| licence.declared.clone())),
        is_expression: licence.is_some_and(|licence| licence.expression.is_some()),
        is_counted: package.is_counted,
        path: place.map(|place| place.path.to_string()).unwrap_or_default(),
        layer: place.map_or(0, |place| place.added_by),
    }
}
