//! What depends on the kind of KVM host, as the table of differences says.

use integration::host_differences::host;
use vmm::StopReason;

use super::machine;

#[test]
fn xgetbv_at_cpl_0_works_or_is_a_crash_that_names_the_kind_of_host() {
    let Some(machine) = machine("xgetbv poweroff") else { return };
    let mut guest = machine.start();
    match guest.stopped() {
        // Bit 0, x87 state, is always set (Intel SDM volume 1, 13.3).
        StopReason::PoweredOff if host().xgetbv_at_cpl0 => {
            let answer = guest.console.transcript();
            assert!(answer.contains("xcr0=absent") || guest.answer("xgetbv").number("xcr0") & 1 == 1, "{answer}");
        }
        StopReason::Crashed { message } if !host().xgetbv_at_cpl0 => {
            assert!(message.contains("PVM") && message.contains("emulate"), "{message}");
        }
        other => panic!("{other:?} on {:?}; the guest printed:\n{}", host(), guest.console.transcript()),
    }
}

#[test]
fn cpuid_shows_the_machine_at_cpl_0_and_where_the_host_can_at_cpl_3_too() {
    let Some(machine) = machine("cpuid=1 cpuid=0x40000000 cpuid=0xb,1") else { return };
    let mut guest = machine.topology(2, 3, 1).start();
    for _ in 0..3 {
        let answer = guest.answer("cpuid");
        if host().cpuid_at_cpl3_is_the_guests {
            assert_eq!(answer.value("cpl0"), answer.value("cpl3"), "{answer:?}");
        }
        // "KVMKVMKVM\0\0\0" (Linux, virt/kvm/x86/cpuid.rst).
        if answer.number("leaf") == 0x4000_0000 {
            assert_eq!(answer.numbers("cpl0")[1..], [0x4b4d_564b, 0x564b_4d56, 0x4d]);
        }
    }
}
