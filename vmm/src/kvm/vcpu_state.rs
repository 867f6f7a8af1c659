//! A vCPU's state, call by call. The names are kvm-ioctls'; the order in which they are used is the arch module's.
//!
//! All of it is read and written while the vCPU is out of KVM_RUN, from any thread.

use super::error::{KvmError, named};
use super::vcpu::KvmVcpu;
use kvm_bindings::{
    CpuId, KVM_MAX_CPUID_ENTRIES, kvm_debugregs, kvm_fpu, kvm_lapic_state, kvm_mp_state, kvm_regs, kvm_sregs,
    kvm_vcpu_events, kvm_xcrs,
};

/// A pair of calls that read and write one structure.
macro_rules! state {
    ($($what:literal: $kind:ty, $get:ident = $get_call:literal, $set:ident = $set_call:literal;)*) => {
        impl KvmVcpu { $(
            #[doc = concat!("Reads ", $what, " (", $get_call, ").")]
            ///
            /// # Errors
            /// The host refuses.
            pub(crate) fn $get(&self) -> Result<$kind, KvmError> {
                named($get_call, self.fd.$get())
            }

            #[doc = concat!("Writes ", $what, " (", $set_call, ").")]
            ///
            /// # Errors
            /// The host refuses a value.
            pub(crate) fn $set(&self, value: &$kind) -> Result<(), KvmError> {
                named($set_call, self.fd.$set(value))
            }
        )* }
    };
}

state! {
    "the general registers": kvm_regs, get_regs = "KVM_GET_REGS", set_regs = "KVM_SET_REGS";
    "segment, control and table registers": kvm_sregs, get_sregs = "KVM_GET_SREGS", set_sregs = "KVM_SET_SREGS";
    "the local APIC's registers": kvm_lapic_state, get_lapic = "KVM_GET_LAPIC", set_lapic = "KVM_SET_LAPIC";
    "pending exceptions, interrupts and SMM": kvm_vcpu_events,
        get_vcpu_events = "KVM_GET_VCPU_EVENTS", set_vcpu_events = "KVM_SET_VCPU_EVENTS";
    "the extended control registers": kvm_xcrs, get_xcrs = "KVM_GET_XCRS", set_xcrs = "KVM_SET_XCRS";
    "the debug registers": kvm_debugregs,
        get_debug_regs = "KVM_GET_DEBUGREGS", set_debug_regs = "KVM_SET_DEBUGREGS";
}

impl KvmVcpu {
    /// Writes the FPU's state (KVM_SET_FPU); the whole extended state is read and written by `xsave.rs`.
    ///
    /// # Errors
    /// The host refuses a value.
    pub(crate) fn set_fpu(&self, fpu: &kvm_fpu) -> Result<(), KvmError> {
        named("KVM_SET_FPU", self.fd.set_fpu(fpu))
    }

    /// Gives the vCPU its processor description (KVM_SET_CPUID2). Before it first runs.
    ///
    /// # Errors
    /// The host refuses the description.
    pub(crate) fn set_cpuid2(&self, cpuid: &CpuId) -> Result<(), KvmError> {
        named("KVM_SET_CPUID2", self.fd.set_cpuid2(cpuid))
    }

    /// The processor description, with the bits that KVM keeps up to date (KVM_GET_CPUID2).
    ///
    /// # Errors
    /// The host cannot be asked.
    pub(crate) fn get_cpuid2(&self) -> Result<CpuId, KvmError> {
        named("KVM_GET_CPUID2", self.fd.get_cpuid2(KVM_MAX_CPUID_ENTRIES))
    }

    /// Running, halted, waiting for INIT or SIPI (KVM_GET_MP_STATE). Works off a pending INIT or SIPI first.
    ///
    /// # Errors
    /// The host refuses.
    pub(crate) fn get_mp_state(&self) -> Result<kvm_mp_state, KvmError> {
        named("KVM_GET_MP_STATE", self.fd.get_mp_state())
    }

    /// Sets what [`KvmVcpu::get_mp_state`] tells (KVM_SET_MP_STATE).
    ///
    /// # Errors
    /// The host refuses the value.
    pub(crate) fn set_mp_state(&self, state: kvm_mp_state) -> Result<(), KvmError> {
        named("KVM_SET_MP_STATE", self.fd.set_mp_state(state))
    }

    /// The TSC's frequency in kHz (KVM_GET_TSC_KHZ); `None` where the host cannot tell or its TSC is not stable.
    pub(crate) fn get_tsc_khz(&self) -> Option<u32> {
        if !self.capabilities.tsc_khz {
            return None;
        }
        self.fd.get_tsc_khz().ok().filter(|khz| *khz > 0)
    }

    /// Sets the TSC's frequency in kHz (KVM_SET_TSC_KHZ). Without [`super::Capabilities::tsc_scaling`] only about
    /// the host's own is taken.
    ///
    /// # Errors
    /// The host cannot run the TSC at this frequency.
    pub(crate) fn set_tsc_khz(&self, khz: u32) -> Result<(), KvmError> {
        named("KVM_SET_TSC_KHZ", self.fd.set_tsc_khz(khz))
    }

    /// Tells the guest's watchdog that the vCPU was stopped (KVM_KVMCLOCK_CTRL), when the guest uses kvmclock.
    ///
    /// # Errors
    /// The host refuses for another reason than that the guest does not use kvmclock.
    pub(crate) fn kvmclock_ctrl(&self) -> Result<(), KvmError> {
        if !self.capabilities.kvmclock_ctrl {
            return Ok(());
        }
        match self.fd.kvmclock_ctrl() {
            Err(errno) if errno.errno() == libc::EINVAL => Ok(()),
            result => named("KVM_KVMCLOCK_CTRL", result),
        }
    }
}
