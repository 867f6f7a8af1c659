//! `vmm` as those see it who build on it: what it publishes, and a program outside the workspace.

#![allow(clippy::unwrap_used)]

mod downstream;
mod public_names;
