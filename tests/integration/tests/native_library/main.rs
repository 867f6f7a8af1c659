//! `vmm` in programs other than ours: its examples, and a program outside the workspace, each with machines.

#![allow(clippy::unwrap_used)]

mod downstream;
mod examples;
