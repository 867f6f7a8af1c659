//! The cluster's configuration, as far as defaults and rules depend on it.

mod cluster_config;
mod feature_gate;
mod retired_gate;

pub use cluster_config::ClusterConfig;
pub use feature_gate::{FeatureGate, Stage};
pub use retired_gate::{Fate, RetiredGate};
