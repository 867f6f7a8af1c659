//! What this host's KVM can do: read once, when the device is opened.

use super::error::KvmError;
use kvm_bindings as kvm;
use kvm_ioctls::Cap;

/// The optional capabilities. What the machine cannot do without is checked when they are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Capabilities {
    /// Most vCPUs of one machine.
    pub max_vcpus: u32,
    /// Lowest vCPU id that is refused: ids are below it (they are the APIC ids, and have gaps).
    pub max_vcpu_id: u32,
    /// Most memory slots of one machine.
    pub memory_slots: u32,
    /// Slots may be read-only for the guest.
    pub readonly_memory: bool,
    /// The LAPIC timer has TSC-deadline mode.
    pub tsc_deadline: bool,
    /// A vCPU's TSC frequency can be set (KVM_SET_TSC_KHZ) to another than the host's.
    pub tsc_scaling: bool,
    /// KVM_GET_TSC_KHZ is there.
    pub tsc_khz: bool,
    /// The flags that KVM_SET_CLOCK takes and KVM_GET_CLOCK may return.
    pub clock_flags: u32,
    /// KVM_KVMCLOCK_CTRL tells the guest's soft-lockup watchdog that it was stopped.
    pub kvmclock_ctrl: bool,
    /// KVM_GET_XCRS and KVM_SET_XCRS.
    pub xcrs: bool,
    /// KVM_GET_XSAVE and KVM_SET_XSAVE; without it the FPU state is all there is.
    pub xsave: bool,
    /// KVM_GET_XSAVE2: the state may be larger than 4096 bytes.
    pub xsave2: bool,
    /// KVM_GET_DEBUGREGS and KVM_SET_DEBUGREGS.
    pub debugregs: bool,
    /// KVM_GET_SREGS2 and KVM_SET_SREGS2: as sregs, with the PDPTRs.
    pub sregs2: bool,
    /// irqfds can be told by a second event when the guest acknowledges a level-triggered interrupt.
    pub irqfd_resample: bool,
    /// SMM exists (KVM_CAP_X86_SMM).
    pub smm: bool,
    /// The dirty ring's largest size in bytes; 0 when there is none.
    pub dirty_ring: u32,
    /// Halt polling can be set per machine.
    pub halt_poll: bool,
}

/// What the machine cannot do without. All are there since Linux 5.10 on ordinary hosts, and on PVM hosts.
pub(super) const REQUIRED: &[(Cap, &str)] = &[
    (Cap::Irqchip, "KVM_CAP_IRQCHIP"),
    (Cap::UserMemory, "KVM_CAP_USER_MEMORY"),
    (Cap::SetTssAddr, "KVM_CAP_SET_TSS_ADDR"),
    (Cap::SetIdentityMapAddr, "KVM_CAP_SET_IDENTITY_MAP_ADDR"),
    (Cap::ExtCpuid, "KVM_CAP_EXT_CPUID"),
    (Cap::MpState, "KVM_CAP_MP_STATE"),
    (Cap::Irqfd, "KVM_CAP_IRQFD"),
    (Cap::Ioeventfd, "KVM_CAP_IOEVENTFD"),
    (Cap::IrqRouting, "KVM_CAP_IRQ_ROUTING"),
    (Cap::Pit2, "KVM_CAP_PIT2"),
    (Cap::PitState2, "KVM_CAP_PIT_STATE2"),
    (Cap::AdjustClock, "KVM_CAP_ADJUST_CLOCK"),
    (Cap::VcpuEvents, "KVM_CAP_VCPU_EVENTS"),
    (Cap::ImmediateExit, "KVM_CAP_IMMEDIATE_EXIT"),
];

impl Capabilities {
    /// Reads them through `check`, which asks KVM_CHECK_EXTENSION.
    ///
    /// # Errors
    /// A required capability is missing; the error names all that are.
    pub(crate) fn read(check: impl Fn(u32) -> i32) -> Result<Self, KvmError> {
        let missing: Vec<_> =
            REQUIRED.iter().filter(|(cap, _)| check(*cap as u32) <= 0).map(|(_, name)| *name).collect();
        if !missing.is_empty() {
            return Err(KvmError::unsupported(
                "KVM_CHECK_EXTENSION",
                format!("this host's KVM lacks {}: use a host with Linux 5.10 or newer", missing.join(", ")),
            ));
        }
        let number = |cap| u32::try_from(check(cap)).unwrap_or(0);
        let has = |cap| check(cap) > 0;
        let first_of = |cap, otherwise| match number(cap) {
            0 => otherwise,
            count => count,
        };
        // KVM's documentation: without KVM_CAP_NR_VCPUS assume 4, without MAX_VCPUS use NR_VCPUS, and so on.
        let max_vcpus = first_of(kvm::KVM_CAP_MAX_VCPUS, first_of(kvm::KVM_CAP_NR_VCPUS, 4));
        Ok(Self {
            max_vcpus,
            max_vcpu_id: first_of(kvm::KVM_CAP_MAX_VCPU_ID, max_vcpus),
            memory_slots: first_of(kvm::KVM_CAP_NR_MEMSLOTS, 32),
            readonly_memory: has(kvm::KVM_CAP_READONLY_MEM),
            tsc_deadline: has(kvm::KVM_CAP_TSC_DEADLINE_TIMER),
            tsc_scaling: has(kvm::KVM_CAP_TSC_CONTROL),
            tsc_khz: has(kvm::KVM_CAP_GET_TSC_KHZ),
            clock_flags: number(kvm::KVM_CAP_ADJUST_CLOCK)
                & (kvm::KVM_CLOCK_TSC_STABLE | kvm::KVM_CLOCK_REALTIME | kvm::KVM_CLOCK_HOST_TSC),
            kvmclock_ctrl: has(kvm::KVM_CAP_KVMCLOCK_CTRL),
            xcrs: has(kvm::KVM_CAP_XCRS),
            xsave: has(kvm::KVM_CAP_XSAVE),
            xsave2: has(kvm::KVM_CAP_XSAVE2),
            debugregs: has(kvm::KVM_CAP_DEBUGREGS),
            sregs2: has(kvm::KVM_CAP_SREGS2),
            irqfd_resample: has(kvm::KVM_CAP_IRQFD_RESAMPLE),
            smm: has(kvm::KVM_CAP_X86_SMM),
            dirty_ring: number(kvm::KVM_CAP_DIRTY_LOG_RING),
            halt_poll: has(kvm::KVM_CAP_HALT_POLL),
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_lack_of_required_capabilities_is_named() {
        let error =
            Capabilities::read(|cap| i32::from(cap != kvm::KVM_CAP_IRQFD && cap != kvm::KVM_CAP_IMMEDIATE_EXIT))
                .unwrap_err();
        assert_eq!(
            error.to_string(),
            "KVM_CHECK_EXTENSION failed: this host's KVM lacks KVM_CAP_IRQFD, KVM_CAP_IMMEDIATE_EXIT: use a host with \
             Linux 5.10 or newer"
        );
    }

    #[test]
    fn nothing_optional_is_assumed() {
        let required = |cap| i32::from(REQUIRED.iter().any(|(required, _)| *required as u32 == cap));
        let capabilities = Capabilities::read(required).unwrap();
        assert_eq!(
            capabilities,
            Capabilities {
                max_vcpus: 4,
                max_vcpu_id: 4,
                memory_slots: 32,
                readonly_memory: false,
                tsc_deadline: false,
                tsc_scaling: false,
                tsc_khz: false,
                clock_flags: 0,
                kvmclock_ctrl: false,
                xcrs: false,
                xsave: false,
                xsave2: false,
                debugregs: false,
                sregs2: false,
                irqfd_resample: false,
                smm: false,
                dirty_ring: 0,
                halt_poll: false,
            }
        );
    }
}
