//! What upstream's API server answers when an object is created: the object as it is stored, or why it is refused.
//!
//! A rule is a small function that looks at one part of a spec and adds causes. Rules run in upstream's order, and
//! their reasons, messages and fields are upstream's, mistakes included: clients compare them.

mod answer;
mod cause;
mod create;
pub mod kinds;
mod names;
mod path;
mod read;
pub mod vmi;
mod webhook_schema;

pub use answer::{Answer, Refusal, Stage};
pub use cause::{Cause, Causes, Reason};
pub use create::{create_vmi, create_vmi_with};
pub use path::Path;
