//! What whole-machine tests stand on: the runner that reports tests by tier, the Debian images they boot, the
//! emulated machine in which nested tests run, and what is known about KVM hosts.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a test runner talks to people at a terminal")]

pub mod attend;
mod cargo;
mod conversation;
pub mod demo;
pub mod downstream;
#[path = "../../host_differences.rs"]
pub mod host_differences;
pub mod images;
mod live;
pub mod machine;
pub mod namespace;
pub mod nested;
pub mod paths;
pub mod pause_at;
pub mod second_try;
pub mod skip;
pub mod tiers;
