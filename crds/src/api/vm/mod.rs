//! `VirtualMachine`: the machine that is started and stopped.

mod spec;
mod status;
mod volume_request;

pub use spec::*;
pub use status::*;
pub use volume_request::*;
