//! Distributions' own firmware boots media that others made, in our machine, which runs in an emulated one. One binary:
//! two of its tests run at a time.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod boots;
mod media;
mod scene;
mod table;
