//! How a pool shrinks and updates.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_with::skip_serializing_none;

use crate::api::Empty;
use crate::api::kubernetes::{LabelSelector, NodeSelectorRequirement};

/// How machines are taken away.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ScaleInStrategy {
    pub unmanaged: Option<Empty>,
    pub opportunistic: Option<OpportunisticScaleIn>,
    pub proactive: Option<ProactiveScaleIn>,
}

/// When they stop by themselves.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct OpportunisticScaleIn {
    #[schemars(extend("enum" = ["Disabled", "Offline", "Online"]))]
    pub state_preservation: Option<String>,
}

/// At once.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ProactiveScaleIn {
    pub selection_policy: Option<SelectionPolicy>,
    #[schemars(extend("enum" = ["Disabled", "Offline", "Online"]))]
    pub state_preservation: Option<String>,
}

/// How machines get a new template.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct UpdateStrategy {
    pub unmanaged: Option<Empty>,
    pub opportunistic: Option<Empty>,
    pub proactive: Option<ProactiveUpdate>,
}

/// At once.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct ProactiveUpdate {
    pub selection_policy: Option<SelectionPolicy>,
}

/// Which machines first.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SelectionPolicy {
    #[schemars(extend("enum" = ["AscendingOrder", "DescendingOrder", "Newest", "Oldest", "Random"]))]
    pub sort_policy: Option<String>,
    pub selectors: Option<SelectionSelectors>,
}

/// Machines by labels and by nodes.
#[skip_serializing_none]
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", default)]
#[schemars(!default)]
pub struct SelectionSelectors {
    pub label_selector: Option<LabelSelector>,
    pub node_selector_requirement_matcher: Option<Vec<NodeSelectorRequirement>>,
}
