//! What the guest's CPUID instruction answers.
//!
//! It starts from what the host's KVM supports (KVM_GET_SUPPORTED_CPUID) and is changed by one file per concern:
//!
//! | file | leaves |
//! |---|---|
//! | `features.rs` | feature bits that this program must add, or cannot keep its promise for |
//! | `xstate.rs` | 0xD, and the features that need a state component which is not there |
//! | `topology.rs` | 1, 4, 0xB, 0x1F, 0x8000_0008, 0x8000_001D, 0x8000_001E, 0x8000_0026 |
//! | `legacy_caches.rs` | 0x8000_001D of hosts that tell their caches by 0x8000_0005 and 0x8000_0006 only |
//! | `frequency.rs` | 0x15, 0x16 and the hypervisor's 0x4000_0010 |
//!
//! KVM's own leaves (0x4000_0000 signature, 0x4000_0001 paravirtual features) are passed on as KVM supports them:
//! they depend on nothing but the host's kernel. References: Intel SDM volume 2 (CPUID), AMD APM volume 3 appendix E,
//! Linux `Documentation/virt/kvm/x86/cpuid.rst`.

mod features;
mod frequency;
mod legacy_caches;
mod table;
mod topology;
mod xstate;

#[cfg(test)]
mod decoder;
#[cfg(test)]
mod native_tests;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use super::topology::Topology;
use kvm_bindings::{CpuId, kvm_cpuid_entry2};
use table::Table;
use thiserror::Error;

/// What is known of the host's processor and its KVM.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostCpu<'a> {
    /// KVM_GET_SUPPORTED_CPUID.
    pub supported: &'a [kvm_cpuid_entry2],
    /// The in-kernel LAPIC has TSC-deadline mode (KVM_CAP_TSC_DEADLINE_TIMER): the leaf does not tell.
    pub tsc_deadline: bool,
    /// The vCPUs' TSC frequency in kHz (KVM_GET_TSC_KHZ), when KVM tells.
    pub tsc_khz: Option<u32>,
    /// The dynamic state components that guests of this process may use ([`crate::kvm::permit_dynamic_xstate`]).
    pub permitted_xstate: u64,
    /// The guest may be told that its TSC runs at a constant rate.
    pub invariant_tsc: bool,
}

impl HostCpu<'_> {
    /// Whether the guest's kernel would call an invariant TSC a bug of the firmware unless HWCR says that it runs at
    /// the rate of P-state 0 (AMD).
    pub(crate) fn needs_tsc_frequency_selected(&self) -> bool {
        let table = Table::new(self.supported);
        Vendor::of(&table) == Vendor::Amd && features::has_invariant_tsc(&table)
    }
}

/// Why no CPUID can be built.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub(crate) enum CpuidError {
    /// KVM's set lacks a leaf that every x86-64 processor has.
    #[error("KVM does not tell CPUID leaf {0:#x}: the host is too old, or a filter hides its processor")]
    MissingLeaf(u32),
    /// More entries than KVM takes.
    #[error("{0} CPUID entries are more than KVM takes: report this host's processor model as a bug")]
    TooManyEntries(usize),
}

/// The CPUID of a machine: the same for all vCPUs but for their ids.
#[derive(Clone, Debug)]
pub(crate) struct Cpuid {
    common: Table,
    topology: Topology,
}

impl Cpuid {
    /// Decides what all vCPUs of a machine with `topology` on `host` have in common.
    ///
    /// # Errors
    /// The host tells too little.
    pub(crate) fn new(host: &HostCpu<'_>, topology: Topology) -> Result<Self, CpuidError> {
        let mut table = Table::new(host.supported);
        for leaf in [0, 1, EXTENDED, 0x8000_0001] {
            if !table.has(leaf) {
                return Err(CpuidError::MissingLeaf(leaf));
            }
        }
        // Leaf 0xB must be within the range: KVM emulates x2APIC and its leaf on every host.
        let basic = table.leaf(0);
        basic.eax = basic.eax.max(topology::EXTENDED_TOPOLOGY);

        features::apply(&mut table, host);
        xstate::apply(&mut table, host.permitted_xstate);
        topology::apply(&mut table, &topology);
        frequency::apply(&mut table, host.tsc_khz);
        Ok(Self { common: table, topology })
    }

    /// The CPUID of the vCPU with number `index`.
    ///
    /// # Errors
    /// It has more entries than KVM takes.
    pub(crate) fn of_vcpu(&self, index: u32) -> Result<CpuId, CpuidError> {
        let mut table = self.common.clone();
        topology::identify(&mut table, &self.topology.place(index));
        let entries = table.entries();
        CpuId::from_entries(entries).map_err(|_| CpuidError::TooManyEntries(entries.len()))
    }
}

/// How many bits a guest's physical addresses have on a host whose KVM supports these leaves; what every x86-64 processor
/// has, where it does not tell.
pub(crate) fn address_bits(supported: &[kvm_cpuid_entry2]) -> u32 {
    const LEAST: u32 = 36;
    let [bits, ..] = Table::new(supported).get(topology::SIZES, 0).eax.to_le_bytes();
    u32::from(bits).max(LEAST)
}

/// The first leaf of the extended range.
const EXTENDED: u32 = 0x8000_0000;

/// Whose processor it is, as far as leaves differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Vendor {
    /// Intel, and those who follow it (Zhaoxin, Centaur).
    Intel,
    /// AMD and Hygon.
    Amd,
}

impl Vendor {
    fn of(table: &Table) -> Self {
        let leaf = table.get(0, 0);
        let mut name = [0; 12];
        for (bytes, register) in name.chunks_exact_mut(4).zip([leaf.ebx, leaf.edx, leaf.ecx]) {
            bytes.copy_from_slice(&register.to_le_bytes());
        }
        match &name {
            b"AuthenticAMD" | b"HygonGenuine" => Self::Amd,
            _ => Self::Intel,
        }
    }
}

/// Sets or clears `bit` of `register`.
fn set_bit(register: &mut u32, bit: u32, on: bool) {
    if on {
        *register |= 1 << bit;
    } else {
        *register &= !(1 << bit);
    }
}
