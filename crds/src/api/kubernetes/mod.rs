//! Kubernetes' own types, as far as KubeVirt's embed them.

mod affinity;
mod condition;
mod dns;
mod duration;
mod handlers;
mod int_or_string;
mod label_selector;
mod metadata;
mod pod;
mod quantity;
mod references;
mod scheduling;
mod time;
mod volume_claim;

pub use affinity::*;
pub use condition::*;
pub use dns::*;
pub use duration::{Duration, DurationError};
pub use handlers::*;
pub use int_or_string::IntOrString;
pub use label_selector::*;
pub use metadata::*;
pub use pod::*;
pub use quantity::{Quantity, QuantityError};
pub use references::*;
pub use scheduling::*;
pub use time::Time;
pub use volume_claim::*;
