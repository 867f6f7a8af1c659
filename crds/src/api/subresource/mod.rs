//! Bodies and answers of the subresource calls.

mod guest_agent;
mod object_graph;
mod options;
mod sev;

pub use guest_agent::*;
pub use object_graph::*;
pub use options::*;
pub use sev::*;
