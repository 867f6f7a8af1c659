//! Instance types and preferences: what they make of a machine, where they contradict it, and what they ask of it.

mod application;
mod common;
mod cpu;
mod devices;
mod expand;
mod features;
mod firmware;
mod infer;
mod memory;
mod preference;
mod requirements;
mod revision;
mod topology;

pub use application::{Conflicts, apply};
pub use common::{COMMON_INSTANCETYPES, COMMON_PREFERENCES};
pub use expand::{ExpandError, expand};
pub use infer::{Found, InferError, Place, PlaceKind, infer};
pub(crate) use preference::prefer;
pub use requirements::{Unmet, check_requirements};
pub use revision::{ControllerRevision, Held, followed};
pub(crate) use topology::spread_fault;
