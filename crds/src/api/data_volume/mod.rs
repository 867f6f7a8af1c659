//! CDI's DataVolume.

mod source;
mod spec;

pub use source::*;
pub use spec::*;
