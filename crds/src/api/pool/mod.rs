//! `VirtualMachinePool`.

mod spec;
mod strategy;

pub use spec::*;
pub use strategy::*;
