//! What this host's KVM can do, for people: every capability that the machine asks for, and what its lack means.

use super::capabilities::REQUIRED;
use kvm_bindings as kvm;

/// One capability of the host's KVM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KvmCapability {
    /// Its name in the kernel's interface.
    pub name: &'static str,
    /// Whether no machine runs without it.
    pub required: bool,
    /// What KVM_CHECK_EXTENSION answers: 0 when it lacks, 1 when it is there, or a limit or set of flags.
    pub value: u32,
    /// What its lack means, as a sentence without its full stop.
    pub lack: &'static str,
}

/// A capability that a machine can do without.
struct Optional {
    capability: u32,
    /// Which bit of the answer is this capability; `None`: all of it is.
    bit: Option<u32>,
    name: &'static str,
    lack: &'static str,
}

const fn optional(capability: u32, name: &'static str, lack: &'static str) -> Optional {
    Optional { capability, bit: None, name, lack }
}

const fn clock_flag(bit: u32, name: &'static str, lack: &'static str) -> Optional {
    Optional { capability: kvm::KVM_CAP_ADJUST_CLOCK, bit: Some(bit), name, lack }
}

const OPTIONAL: &[Optional] = &[
    optional(kvm::KVM_CAP_MAX_VCPUS, "KVM_CAP_MAX_VCPUS", "A machine has as many vCPUs as are recommended, at least 4"),
    optional(kvm::KVM_CAP_MAX_VCPU_ID, "KVM_CAP_MAX_VCPU_ID", "The largest vCPU id follows from the number of vCPUs"),
    optional(kvm::KVM_CAP_NR_MEMSLOTS, "KVM_CAP_NR_MEMSLOTS", "A machine has at most 32 ranges of memory"),
    optional(
        kvm::KVM_CAP_READONLY_MEM,
        "KVM_CAP_READONLY_MEM",
        "There is no memory that the guest only reads: firmware cannot be booted",
    ),
    optional(
        kvm::KVM_CAP_TSC_DEADLINE_TIMER,
        "KVM_CAP_TSC_DEADLINE_TIMER",
        "Guests use the slower modes of their LAPIC timers",
    ),
    optional(
        kvm::KVM_CAP_TSC_CONTROL,
        "KVM_CAP_TSC_CONTROL",
        "A saved machine can be restored only on a host whose TSC has the same frequency",
    ),
    optional(
        kvm::KVM_CAP_GET_TSC_KHZ,
        "KVM_CAP_GET_TSC_KHZ",
        "Guests are not told the frequency of their TSC: they measure it, which takes part of their start",
    ),
    clock_flag(
        kvm::KVM_CLOCK_TSC_STABLE,
        "KVM_CLOCK_TSC_STABLE",
        "KVM does not tell whether the clocks of all vCPUs go together",
    ),
    clock_flag(
        kvm::KVM_CLOCK_REALTIME,
        "KVM_CLOCK_REALTIME",
        "The guest's clock and the host's are read one after the other: after a pause they differ by microseconds",
    ),
    clock_flag(
        kvm::KVM_CLOCK_HOST_TSC,
        "KVM_CLOCK_HOST_TSC",
        "The TSC and the guest's clock are read one after the other: after a pause they differ by microseconds",
    ),
    optional(
        kvm::KVM_CAP_KVMCLOCK_CTRL,
        "KVM_CAP_KVMCLOCK_CTRL",
        "After a long pause guests may report a soft lockup that was none",
    ),
    optional(kvm::KVM_CAP_XCRS, "KVM_CAP_XCRS", "Saved machines have no extended control registers: AVX is lost"),
    optional(kvm::KVM_CAP_XSAVE, "KVM_CAP_XSAVE", "Saved machines have the FPU and SSE registers only"),
    optional(
        kvm::KVM_CAP_XSAVE2,
        "KVM_CAP_XSAVE2",
        "Guests cannot use features whose registers take more than 4096 bytes (AMX)",
    ),
    optional(kvm::KVM_CAP_DEBUGREGS, "KVM_CAP_DEBUGREGS", "Saved machines lose the debug registers of their guests"),
    optional(
        kvm::KVM_CAP_SREGS2,
        "KVM_CAP_SREGS2",
        "Saved 32-bit guests read their page-directory pointers from memory again, which may have changed",
    ),
    optional(
        kvm::KVM_CAP_IRQFD_RESAMPLE,
        "KVM_CAP_IRQFD_RESAMPLE",
        "Level-triggered interrupts of devices in the host's kernel take a detour through this program",
    ),
    optional(kvm::KVM_CAP_X86_SMM, "KVM_CAP_X86_SMM", "Firmware with Secure Boot does not run: it needs SMM"),
    optional(
        kvm::KVM_CAP_DIRTY_LOG_RING,
        "KVM_CAP_DIRTY_LOG_RING",
        "Migration finds written pages by bitmaps, which is slower for large guests",
    ),
    optional(
        kvm::KVM_CAP_HALT_POLL,
        "KVM_CAP_HALT_POLL",
        "How long idle vCPUs poll is the host's setting for all machines, not each machine's",
    ),
];

/// Asks for all capabilities through `check`, which asks KVM_CHECK_EXTENSION: the required ones first.
pub(super) fn read(check: impl Fn(u32) -> i32) -> Vec<KvmCapability> {
    let value = |capability| u32::try_from(check(capability)).unwrap_or(0);
    let required = REQUIRED.iter().map(|(capability, name)| KvmCapability {
        name,
        required: true,
        value: value(*capability as u32),
        lack: "No machine runs",
    });
    let optional = OPTIONAL.iter().map(|optional| KvmCapability {
        name: optional.name,
        required: false,
        value: match optional.bit {
            None => value(optional.capability),
            Some(bit) => u32::from(value(optional.capability) & bit != 0),
        },
        lack: optional.lack,
    });
    required.chain(optional).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::capabilities::Capabilities;
    use super::*;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    #[test]
    fn everything_that_machines_ask_for_is_reported() {
        let asked = RefCell::new(BTreeSet::new());
        let record = |capability| {
            asked.borrow_mut().insert(capability);
            1
        };
        Capabilities::read(record).unwrap();
        let machines = asked.take();
        read(record);
        // Where KVM_CAP_MAX_VCPUS lacks, this stands in for it.
        let reported = &asked.take() | &BTreeSet::from([kvm::KVM_CAP_NR_VCPUS]);
        assert_eq!(machines.difference(&reported).collect::<Vec<_>>(), Vec::<&u32>::new());
    }

    #[test]
    fn what_lacks_reads_zero_and_flags_are_told_apart() {
        let check = |capability| match capability {
            kvm::KVM_CAP_ADJUST_CLOCK => kvm::KVM_CLOCK_REALTIME.cast_signed(),
            kvm::KVM_CAP_MAX_VCPUS => 1024,
            kvm::KVM_CAP_XSAVE => -22,
            _ => 0,
        };
        let report = read(check);
        let value = |name| report.iter().find(|c| c.name == name).map(|c| (c.required, c.value)).unwrap();
        assert_eq!(value("KVM_CAP_ADJUST_CLOCK"), (true, kvm::KVM_CLOCK_REALTIME));
        assert_eq!(value("KVM_CAP_IRQFD"), (true, 0));
        assert_eq!(value("KVM_CAP_MAX_VCPUS"), (false, 1024));
        assert_eq!(value("KVM_CAP_XSAVE"), (false, 0));
        assert_eq!((value("KVM_CLOCK_REALTIME").1, value("KVM_CLOCK_HOST_TSC").1), (1, 0));
    }
}
