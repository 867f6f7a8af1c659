//! CustomResourceDefinitions: what a cluster must know to store the kinds.
//!
//! `deploy/crds/` holds them as files; a test fails when they are stale.

mod definition;
mod kind;
mod kinds;
mod structural;

pub use definition::{definition, to_yaml};
pub use kind::{Column, Kind, Scope, Version};
pub use kinds::KINDS;
pub(crate) use structural::shared_schema;
pub use structural::structural_schema;
