//! What differs between KVM hosts and is no fault of the machine: the one table that tests read, those inside `vmm` and
//! those of whole machines alike (each includes this file).

use std::fs;

/// A kind of KVM host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// KVM on a CPU's own virtualization (VMX or SVM), emulated ones included.
    Hardware,
    /// KVM without either: guest code at CPL 0 is emulated.
    Pvm,
}

/// What a kind of host does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostDifferences {
    /// Which kind.
    pub kind: HostKind,
    /// `xgetbv` at CPL 0 can be executed.
    pub xgetbv_at_cpl0: bool,
    /// CPUID at CPL 3 shows the guest's values, not the real CPU's.
    pub cpuid_at_cpl3_is_the_guests: bool,
    /// A vCPU's TSC is its own. Otherwise it is the host's, and writes to it are ignored.
    pub tsc_is_settable: bool,
    /// SMM can be had (KVM_CAP_X86_SMM).
    pub smm: bool,
    /// The flags that KVM_GET_CLOCK returns of a machine that has run (KVM_CLOCK_TSC_STABLE 2, REALTIME 4, HOST_TSC 8),
    /// where [`host_time_is_tsc`]; elsewhere there are none.
    pub clock_flags: u32,
}

const TABLE: [HostDifferences; 2] = [
    HostDifferences {
        kind: HostKind::Hardware,
        xgetbv_at_cpl0: true,
        cpuid_at_cpl3_is_the_guests: true,
        tsc_is_settable: true,
        smm: true,
        clock_flags: 14,
    },
    HostDifferences {
        kind: HostKind::Pvm,
        xgetbv_at_cpl0: false,
        cpuid_at_cpl3_is_the_guests: false,
        tsc_is_settable: false,
        smm: false,
        clock_flags: 14,
    },
];

/// The row of this host.
pub fn host() -> HostDifferences {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    TABLE[usize::from(!has_virtualization(&cpuinfo))]
}

/// Whether the host keeps its time by the TSC: only then can it call a guest's kvmclock stable.
pub fn host_time_is_tsc() -> bool {
    fs::read_to_string("/sys/devices/system/clocksource/clocksource0/current_clocksource")
        .is_ok_and(|source| source.trim() == "tsc")
}

fn has_virtualization(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().find(|line| line.starts_with("flags")).unwrap_or_default();
    flags.split_whitespace().any(|flag| matches!(flag, "vmx" | "svm"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_without_virtualization_of_its_cpu_is_pvm() {
        assert!(has_virtualization("processor : 0\nflags\t\t: fpu svm sse\n"));
        assert!(!has_virtualization("processor : 0\nflags\t\t: fpu sse nosvm\n"));
        assert!(TABLE[0].kind == HostKind::Hardware && TABLE[1].kind == HostKind::Pvm);
    }
}
