//! Holding vCPUs out of the guest while memory slots are replaced.

use super::guest::{Guest, host};
use crate::memory::{MemorySlots, Slot, SlotId, VcpuBarrier};
use std::sync::Arc;

/// again: inc dword [0x2800]; jmp again
const COUNT: &[u8] = &[0x66, 0xff, 0x06, 0x00, 0x28, 0xeb, 0xf9];
/// again: inc dword [0x3800]; jmp again
const COUNT_TOO: &[u8] = &[0x66, 0xff, 0x06, 0x00, 0x38, 0xeb, 0xf9];

#[test]
fn no_vcpu_runs_during_a_hold_and_all_run_after_it() {
    let Some(kvm) = host() else { return };
    let guest = Guest::new(&kvm, &[COUNT, COUNT_TOO]);
    guest.vcpus.resume();
    for _ in 0..50 {
        guest.wait_until_changed(0x2800);
        guest.wait_until_changed(0x3800);
        let held = guest.control.hold();
        let before = (guest.word(0x2800), guest.word(0x3800));
        {
            let _nested = guest.control.hold();
        }
        for _ in 0..100 {
            std::thread::yield_now();
        }
        assert_eq!((guest.word(0x2800), guest.word(0x3800)), before);
        drop(held);
    }
}

#[test]
fn a_slot_is_replaced_under_running_vcpus_a_thousand_times() {
    let Some(kvm) = host() else { return };
    if !kvm.capabilities().readonly_memory {
        return;
    }
    let guest = Guest::new(&kvm, &[COUNT, COUNT_TOO]);
    // The pages beside the guests' counters, in a slot of their own behind the RAM.
    let range = super::guest::RAM..super::guest::RAM + 0x1000;
    let page = Arc::new(crate::memory::RamRegion::new(range.clone(), crate::config::Backing::Anonymous).unwrap());
    let slot =
        |readonly| Slot { range: range.clone(), region: Arc::clone(&page), offset: 0, readonly, log_dirty: false };
    guest.vm.set(SlotId(1), &slot(false)).unwrap();
    guest.vcpus.resume();
    for round in 0..1000 {
        let held = guest.control.hold();
        guest.vm.remove(SlotId(1)).unwrap();
        guest.vm.set(SlotId(1), &slot(round % 2 == 0)).unwrap();
        drop(held);
    }
    guest.wait_until_changed(0x2800);
    guest.wait_until_changed(0x3800);
    guest.vcpus.pause();
    // A pause and a hold may be active together.
    drop(guest.control.hold());
    guest.vcpus.join().unwrap();
}
