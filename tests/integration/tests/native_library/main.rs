//! `vmm` in programs other than ours: its examples, and a program outside the workspace, each with machines.

#![allow(clippy::unwrap_used)]

mod downstream;
mod examples;

use integration::machine::{kvm_or_skip, long};
use integration::skip::skip;

/// Whether the calling test can run its program here.
fn can_run() -> bool {
    if long(false, true) {
        skip("what cargo builds of examples and other workspaces is not carried into an emulated host");
        return false;
    }
    kvm_or_skip()
}
