//! Whether a document has the shape that a kind's schema asks for.
//!
//! This is the part of the API server's work that comes before any rule: types, required fields, limits, and fields
//! that no type has.

mod check;
mod fault;
mod known;
mod nearest;

pub use check::check;
pub use fault::{Fault, Problem};
pub use known::known_only;
pub use nearest::nearest;
