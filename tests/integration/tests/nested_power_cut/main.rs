//! Power failures: L1 is killed under guests that write, and what was promised to survive is there when it is back.
//!
//! L1's disk keeps what L1 wrote to it; what L1 only held in its memory, the cache of its files above all, is lost. The
//! writing guests (`ledger`) say on their console up to which write everything is promised, and later ones (`audit`)
//! compare their disks with what came out of L1 before it was killed.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

mod cut;

use cut::{Bus, Case, Cuts};
use integration::nested::full;

const NONE: Case = Case { name: "none", bus: Bus::Virtio, cache: "none", sparse: false, promise: "flush" };
const WRITEBACK: Case =
    Case { name: "writeback", bus: Bus::Virtio, cache: "writeback", sparse: false, promise: "flush" };
const WRITETHROUGH: Case =
    Case { name: "writethrough", bus: Bus::Virtio, cache: "writethrough", sparse: false, promise: "write" };
const SPARSE: Case = Case { name: "sparse", bus: Bus::Virtio, cache: "none", sparse: true, promise: "flush" };

/// The same on the other buses.
const OTHER_BUSES: [Case; 8] = [
    Case { name: "scsi-writeback", bus: Bus::Scsi, ..WRITEBACK },
    Case { name: "sata-writethrough", bus: Bus::Sata, ..WRITETHROUGH },
    Case { name: "scsi-sparse", bus: Bus::Scsi, ..SPARSE },
    Case { name: "sata-writeback", bus: Bus::Sata, ..WRITEBACK },
    Case { name: "scsi-writethrough", bus: Bus::Scsi, ..WRITETHROUGH },
    Case { name: "sata-sparse", bus: Bus::Sata, ..SPARSE },
    Case { name: "scsi-none", bus: Bus::Scsi, ..NONE },
    Case { name: "sata-none", bus: Bus::Sata, ..NONE },
];

fn loses_nothing(cases: &'static [Case], cuts: u64) {
    for lost in (Cuts { cases, host_syncs: true }).run(cuts) {
        assert!(lost.iter().all(|lost| *lost == 0), "places lost of {cases:?}: {lost:?}");
    }
}

#[test]
fn what_was_acknowledged_survives_a_power_failure_in_every_cache_mode() {
    loses_nothing(&[NONE, WRITEBACK, WRITETHROUGH, SPARSE], if full() { 50 } else { 2 });
}

#[test]
fn what_was_acknowledged_survives_a_power_failure_on_every_bus() {
    // Not all at once: they share two processors.
    match full() {
        true => OTHER_BUSES.chunks(4).for_each(|cases| loses_nothing(cases, 50)),
        false => loses_nothing(&OTHER_BUSES[..3], 1),
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
