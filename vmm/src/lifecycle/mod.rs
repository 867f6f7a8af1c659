//! The life of a machine.

mod state;
pub use state::VmState;
