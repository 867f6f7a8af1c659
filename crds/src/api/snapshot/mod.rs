//! Snapshots, their content, and restores.

mod content;
mod request;
mod restore;

pub use content::*;
pub use request::*;
pub use restore::*;
