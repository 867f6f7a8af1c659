//! The machines that are measured: who runs them, by which command line, and what they have.

mod found;
mod place;
mod subject;

pub use found::{FLOOR, subjects, why_no_linux};
pub use place::Place;
pub use subject::{Board, End, Guest, Kind, MEMORY_MIB, Subject, library_config};
