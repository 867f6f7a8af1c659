//! Of which kind an object is.

use serde_json::Value;

use crate::admission::{Refusal, Stage};
use crate::crd::{KINDS, Kind, Version};
use crate::schema::nearest;

/// Kinds that are not KubeVirt's and that its objects refer to.
const COMPANIONS: [&str; 2] = ["ConfigMap", "Secret"];

/// What an object says it is.
pub(super) enum Named {
    /// A version of one of KubeVirt's kinds.
    Ours(&'static Kind, &'static Version),
    /// Something that KubeVirt's objects refer to.
    Companion,
    /// Something else, such as `apps/v1 Deployment`.
    Foreign(String),
}

/// The kind of an object.
pub(super) fn of(value: &Value) -> Result<Named, Refusal> {
    let refused = |message: &str| Err(Refusal::unreadable(Stage::Mutate, message.to_owned()));
    if !value.is_object() {
        return refused("This is no object: it has no fields");
    }
    let text = |field: &str| value[field].as_str().unwrap_or_default();
    let (api, name) = (text("apiVersion"), text("kind"));
    if name.is_empty() {
        return refused("Object 'Kind' is missing");
    }
    if api.is_empty() {
        return refused("Object 'apiVersion' is missing");
    }
    let (group, version) = api.split_once('/').unwrap_or(("", api));
    if !KINDS.iter().any(|kind| kind.group == group) {
        let is_companion = api == "v1" && COMPANIONS.contains(&name);
        return Ok(if is_companion { Named::Companion } else { Named::Foreign(format!("{api} {name}")) });
    }
    let of_group = || KINDS.iter().filter(|kind| kind.group == group);
    let kind = of_group().find(|kind| kind.kind == name);
    if let Some((kind, version)) = kind.and_then(|kind| Some((kind, kind.version(version)?))) {
        return Ok(Named::Ours(kind, version));
    }
    let mut message = format!("no matches for kind {name:?} in version {api:?}");
    match kind {
        Some(kind) => {
            let versions: Vec<String> = kind.versions.iter().map(|known| format!("{group}/{}", known.name)).collect();
            message.push_str(&format!(": there is {}", versions.join(" and ")));
        }
        None => {
            let names: Vec<String> = of_group().map(|kind| kind.kind.to_owned()).collect();
            if let Some(nearest) = nearest(name, names.iter()) {
                message.push_str(&format!(": did you mean {nearest:?}?"));
            }
        }
    }
    let place = if kind.is_some() { "apiVersion" } else { "kind" };
    Err(Refusal::unreadable(Stage::Mutate, message).at(place))
}
