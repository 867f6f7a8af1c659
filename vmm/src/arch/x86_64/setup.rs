//! Gives new vCPUs what they have before their first instruction.

use super::cpuid::{Cpuid, CpuidError, HostCpu};
use super::topology::Topology;
use super::{lapic, msr, regs};
use crate::boot::Entry;
use crate::kvm::{Capabilities, KvmError, KvmVcpu};
use kvm_bindings::{kvm_cpuid_entry2, kvm_fpu};
use thiserror::Error;

/// Why the vCPUs cannot be set up.
#[derive(Debug, Error)]
pub(crate) enum SetupError {
    /// No CPUID can be made for this host.
    #[error("The guest's processor cannot be described")]
    Cpuid(#[from] CpuidError),
    /// The host refuses.
    #[error("The vCPUs cannot be set up")]
    Kvm(#[from] KvmError),
}

/// Sets up all vCPUs of a new machine, in the order of their indices: processor description, MSRs, FPU, and the boot
/// vCPU's local interrupts. What differs by entry is [`start_at`]'s.
///
/// `supported` is KVM_GET_SUPPORTED_CPUID. `permitted_xstate` is as in [`HostCpu::permitted_xstate`].
///
/// # Errors
/// The host tells too little, or refuses.
pub(crate) fn initialize(
    vcpus: &[KvmVcpu],
    topology: Topology,
    supported: &[kvm_cpuid_entry2],
    permitted_xstate: u64,
    capabilities: &Capabilities,
) -> Result<(), SetupError> {
    let Some(boot) = vcpus.first() else { return Ok(()) };
    let mut host = HostCpu {
        supported,
        tsc_deadline: capabilities.tsc_deadline,
        tsc_khz: boot.get_tsc_khz(),
        permitted_xstate,
        invariant_tsc: true,
    };
    if host.needs_tsc_frequency_selected() {
        // All, not any: a register that only some vCPUs have would be worse than none.
        host.invariant_tsc = vcpus.iter().all(msr::selects_tsc_frequency);
    }
    let cpuid = Cpuid::new(&host, topology)?;
    for (index, vcpu) in (0..).zip(vcpus) {
        vcpu.set_cpuid2(&cpuid.of_vcpu(index)?)?;
        msr::set_boot_values(vcpu)?;
        vcpu.set_fpu(&fpu())?;
    }
    let mut registers = boot.get_lapic()?;
    lapic::wire_local_interrupts(&mut registers);
    boot.set_lapic(&registers)?;
    Ok(())
}

/// Lets the boot vCPU start at `entry`, whose tables [`regs::write_boot_tables`] has written.
///
/// # Errors
/// The host refuses.
pub(crate) fn start_at(boot: &KvmVcpu, entry: &Entry) -> Result<(), KvmError> {
    let Some((general, system)) = regs::boot_registers(entry, &boot.get_sregs()?) else { return Ok(()) };
    boot.set_sregs(&system)?;
    boot.set_regs(&general)
}

/// The FPU as FNINIT and a processor's reset leave it: all exceptions masked.
fn fpu() -> kvm_fpu {
    kvm_fpu { fcw: 0x37f, mxcsr: 0x1f80, ..Default::default() }
}
