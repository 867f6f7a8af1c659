//! Power failures: L1 is killed under guests that write, and what was promised to survive is there when it is back.
//!
//! L1's disk keeps what L1 wrote to it; what L1 only held in its memory, the cache of its files above all, is lost. The
//! writing guests (`ledger`) say on their console up to which write everything is promised, and later ones (`audit`)
//! compare their disks with what came out of L1 before it was killed.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod cut;

use cut::{Case, Cuts};
use integration::nested::full;

const NONE: Case = Case { name: "none", cache: "none", sparse: false, promise: "flush" };
const WRITEBACK: Case = Case { name: "writeback", cache: "writeback", sparse: false, promise: "flush" };
const WRITETHROUGH: Case = Case { name: "writethrough", cache: "writethrough", sparse: false, promise: "write" };
const SPARSE: Case = Case { name: "sparse", cache: "none", sparse: true, promise: "flush" };

#[test]
fn what_was_acknowledged_survives_a_power_failure_in_every_cache_mode() {
    let cuts = Cuts { cases: &[NONE, WRITEBACK, WRITETHROUGH, SPARSE], host_syncs: true };
    for lost in cuts.run(if full() { 50 } else { 2 }) {
        assert_eq!(lost, [0; 4], "places lost of {:?}", cuts.cases);
    }
}

/// On a file whose blocks are allocated and written, `cache=none` has no control: a write that has completed is on the
/// disk already, and a flush adds nothing.
#[test]
fn a_host_that_does_not_sync_is_noticed() {
    let cuts = Cuts { cases: &[WRITEBACK, WRITETHROUGH, SPARSE], host_syncs: false };
    for lost in cuts.run(1) {
        assert!(lost.iter().all(|lost| *lost > 0), "places lost of {:?}: {lost:?}", cuts.cases);
    }
}
