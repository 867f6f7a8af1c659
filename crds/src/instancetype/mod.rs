//! Instance types and preferences: what they make of a machine, where they contradict it, and what they ask of it.

mod application;
mod common;
mod cpu;
mod devices;
mod features;
mod firmware;
mod memory;
mod preference;
mod requirements;
mod topology;

pub use application::{Conflicts, apply};
pub use common::{COMMON_INSTANCETYPES, COMMON_PREFERENCES};
pub(crate) use preference::prefer;
pub use requirements::{Unmet, check_requirements};
