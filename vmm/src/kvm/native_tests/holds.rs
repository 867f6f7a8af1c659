//! Holding vCPUs out of the guest while memory slots are replaced.

use super::guest::{Guest, Note, host};
use crate::memory::{AddressRange, Kind, VcpuBarrier};
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
fn memory_becomes_read_only_and_writable_again_under_running_vcpus() {
    let Some(kvm) = host() else { return };
    if !kvm.capabilities().readonly_memory {
        return;
    }
    let guest = Guest::new(&kvm, &[COUNT, COUNT_TOO]);
    let writable = AddressRange::ram(&guest.ram);
    // The last page: the slot in which the vCPUs run is cut and joined again each time.
    let range = super::guest::RAM - 0x1000..super::guest::RAM;
    let read_only = Kind::Rom { region: Arc::clone(&guest.ram), offset: range.start };
    let read_only = [writable.clone(), AddressRange { range, kind: read_only }];
    guest.vcpus.resume();
    for _ in 0..500 {
        guest.space.commit(&read_only).unwrap();
        guest.space.commit(&read_only[..1]).unwrap();
    }
    guest.wait_until_changed(0x2800);
    guest.wait_until_changed(0x3800);
    guest.vcpus.pause();
    // A pause and a hold may be active together.
    guest.space.commit(&read_only).unwrap();
    guest.vcpus.join().unwrap();
    assert!(guest.notes.try_iter().all(|note| note == Note::FirstRun));
}
