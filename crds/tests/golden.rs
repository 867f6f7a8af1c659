//! Comparison with what upstream's schemas say and what its API server answered.
//!
//! The data is not part of the project: `KUBEVIRT_REFERENCE` names the directory that holds it, or it stands in
//! `shared/reference/kubevirt` beside the clone. A tier of its own, `golden`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[path = "golden/check.rs"]
mod check;
#[path = "golden/examples.rs"]
mod examples;
#[path = "golden/lists.rs"]
mod lists;
#[path = "golden/other_kinds.rs"]
mod other_kinds;
#[path = "golden/reference.rs"]
mod reference;
#[path = "golden/schema.rs"]
mod schema;
#[path = "golden/subresources.rs"]
mod subresources;
#[path = "golden/vmi_create.rs"]
mod vmi_create;
