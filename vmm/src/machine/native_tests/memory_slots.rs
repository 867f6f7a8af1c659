//! Memory slots change under a running guest.

use super::rig::{self, DEADLINE, Rig};
use crate::config::BoardConfig;
use crate::memory::{AddressRange, Kind};
use crate::snapshot::SavedMachine;
use crate::testing::long;
use std::sync::Arc;
use std::time::Instant;
use vm_memory::{Bytes, MemoryRegionAddress};

/// The page that changes: its neighbours are in the same slot before the first change.
const PAGE: u64 = 32 << 20;
const CONTROL: u64 = 16 << 20;

#[test]
fn a_page_becomes_read_only_and_ram_again_under_a_guest_that_uses_its_neighbours() {
    let Some(guest) = rig::guest() else { return };
    let script = format!("flip={PAGE:#x},{CONTROL:#x}");
    let mut rig = Rig::new(&guest, &rig::config(BoardConfig::default(), &script, 0), &[], SavedMachine::default());
    rig.machine.start().unwrap();
    rig.expect("flip ready");

    // RAM begins at address 0.
    let [region] = &rig.machine.ram[..] else { panic!("64 MiB are one region") };
    let counter = |offset| region.read_obj::<u64>(MemoryRegionAddress(CONTROL + offset)).unwrap();
    let all = AddressRange::ram(region);
    let page = PAGE..PAGE + 4096;
    let rom = AddressRange { range: page, kind: Kind::Rom { region: Arc::clone(region), offset: PAGE } };
    let before = counter(8);
    let (mut changes, deadline) = (0, Instant::now() + DEADLINE);
    // Until the guest's second vCPU has run meanwhile, too: a host with one CPU may let it wait.
    while changes < long(10_000, 500) || counter(8) == before {
        rig.machine.address_space.commit(&[all.clone(), rom.clone()]).unwrap();
        rig.machine.address_space.commit(std::slice::from_ref(&all)).unwrap();
        changes += 1;
        assert!(Instant::now() < deadline, "the guest's second vCPU does not run while slots change");
    }
    region.write_obj(1u8, MemoryRegionAddress(CONTROL)).unwrap();
    assert!(rig.expect("ok flip").contains("errors=0"));
}
