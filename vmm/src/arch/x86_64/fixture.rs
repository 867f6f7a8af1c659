//! A machine without memory and devices on the host's own KVM, for tests.

#![allow(clippy::unwrap_used)]

use super::topology::Topology;
use super::{msr, setup};
use crate::config::CpuTopology;
use crate::kvm::{Capabilities, Kvm, KvmVcpu, KvmVm, permit_dynamic_xstate};
use crate::memory::layout::{KVM_IDENTITY_MAP, KVM_TSS};
use crate::testing::skip;
use kvm_bindings::CpuId;

pub(super) struct Fixture {
    pub vcpus: Vec<KvmVcpu>,
    pub vm: KvmVm,
    pub topology: Topology,
    pub msrs: Vec<u32>,
    supported: CpuId,
    permitted_xstate: u64,
}

impl Fixture {
    /// A machine with these vCPUs, not set up; `None`, and the calling test is counted as skipped, without `/dev/kvm`.
    pub(super) fn new(shape: CpuTopology) -> Option<Self> {
        let permitted_xstate = permit_dynamic_xstate();
        let kvm = match Kvm::open(None) {
            Ok(kvm) => kvm,
            Err(error) => {
                skip(&error.to_string());
                return None;
            }
        };
        let vm = kvm.create_vm().unwrap();
        vm.set_identity_map_address(KVM_IDENTITY_MAP.start).unwrap();
        vm.set_tss_address(KVM_TSS.start).unwrap();
        vm.create_irqchip().unwrap();
        vm.create_pit().unwrap();
        let topology = Topology::new(shape, 1).unwrap();
        let vcpus: Vec<_> = topology.apic_ids().map(|id| vm.create_vcpu(id).unwrap()).collect();
        let msrs = msr::state_indices(&kvm.msr_indices().unwrap(), &vcpus[0]).unwrap();
        Some(Self { vcpus, vm, topology, msrs, supported: kvm.supported_cpuid().unwrap(), permitted_xstate })
    }

    pub(super) fn capabilities(&self) -> &Capabilities {
        self.vm.capabilities()
    }

    /// Whether guests can use XSAVE with x87 and SSE.
    pub(super) fn has_xsave(&self) -> bool {
        self.supported.as_slice().iter().any(|entry| entry.function == 0xd && entry.index == 0 && entry.eax & 3 == 3)
    }

    /// Sets the vCPUs up as for a first start.
    pub(super) fn initialize(&self) {
        let supported = self.supported.as_slice();
        setup::initialize(&self.vcpus, self.topology, supported, self.permitted_xstate, self.capabilities()).unwrap();
    }
}
