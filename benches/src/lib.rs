//! The bench: measures this project's programs beside their peers and the floor, and writes a report.
//!
//! A *part* measures one thing: a function that takes a [`context::Context`] and gives a [`report::Section`]; every single
//! measurement goes to [`samples::Samples`] on its way. `README.md` says where each figure starts and ends.

#![forbid(unsafe_code)]

pub mod context;
pub mod density;
pub mod host;
pub mod instructions;
pub mod io;
pub mod machines;
pub mod memory;
pub mod micro;
pub mod monotonic;
pub mod network;
pub mod options;
pub mod parts;
pub mod plot;
pub mod programs;
pub mod report;
pub mod samples;
pub mod start;
pub mod statistics;
