//! The host's own KVM takes what is made of what it supports.

#![allow(clippy::unwrap_used)]

use super::decoder::Guest;
use crate::arch::x86_64::fixture::Fixture;
use crate::config::CpuTopology;

#[test]
fn the_hosts_kvm_takes_the_cpuid_of_every_vcpu_and_tells_its_topology() {
    for (sockets, cores, threads) in [(2, 3, 1), (1, 3, 2), (16, 1, 1)] {
        let shape = CpuTopology { sockets, cores, threads };
        let Some(fixture) = Fixture::new(shape) else { return };
        fixture.initialize();
        for (index, vcpu) in (0..).zip(&fixture.vcpus) {
            let place = fixture.topology.place(index);
            let guest = Guest(vcpu.get_cpuid2().unwrap());
            assert_eq!((vcpu.id(), guest.initial_apic_id()), (place.apic_id, place.apic_id));
            let (arrangement, id) = guest.extended_topology(0xb).unwrap();
            assert_eq!((arrangement.cpus_per_socket, id), (cores * threads, place.apic_id));
        }
    }
}
