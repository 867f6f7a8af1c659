//! The host's processors, and which virtualization they have.

use super::finding::Finding;
use super::host::Host;
use core::arch::x86_64::__cpuid;

const ID: &str = "virtualization";

/// CPUID 1 ECX: VMX is there (Intel SDM 2A, CPUID).
const VMX: u32 = 1 << 5;
/// CPUID 1 ECX: this is a virtual machine itself.
const HYPERVISOR: u32 = 1 << 31;
/// CPUID 8000_0001 ECX: SVM is there (AMD APM 3, appendix E).
const SVM: u32 = 1 << 2;

/// What virtualization a processor shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Virtualization {
    /// It is there, and the kernel can use it.
    Usable(&'static str),
    /// It is there, and the firmware has switched it off.
    SwitchedOff(&'static str),
    /// The processor of this virtual machine has none.
    NotNested,
    /// The processor has none.
    None,
}

/// What CPUID says; what the kernel does with it stands in `/proc/cpuinfo`.
#[derive(Clone, Copy, Debug, Default)]
struct Cpuid {
    vmx: bool,
    svm: bool,
    hypervisor: bool,
}

impl Cpuid {
    fn read() -> Self {
        let basic = __cpuid(1).ecx;
        let extended = if __cpuid(0x8000_0000).eax > 0x8000_0000 { __cpuid(0x8000_0001).ecx } else { 0 };
        Self { vmx: basic & VMX != 0, svm: extended & SVM != 0, hypervisor: basic & HYPERVISOR != 0 }
    }
}

/// The processors of a host.
#[derive(Debug)]
pub(super) struct Processor {
    count: usize,
    model: String,
    cpuid: Cpuid,
    virtualization: Virtualization,
}

impl Processor {
    pub(super) fn of(host: &Host) -> Self {
        Self::new(&host.read("proc/cpuinfo").unwrap_or_default(), Cpuid::read())
    }

    fn new(cpuinfo: &str, cpuid: Cpuid) -> Self {
        let values = |name: &'static str| {
            let lines = cpuinfo.lines().filter_map(|line| line.split_once(':'));
            lines.filter(move |(key, _)| key.trim() == name).map(|(_, value)| value.trim())
        };
        let flags = values("flags").next().unwrap_or_default();
        let has = |wanted: &str| flags.split_whitespace().any(|flag| flag == wanted);
        let virtualization = match (has("vmx"), has("svm")) {
            (true, _) => Virtualization::Usable("VMX"),
            (_, true) => Virtualization::Usable("SVM"),
            _ if cpuid.vmx => Virtualization::SwitchedOff("VMX"),
            _ if cpuid.svm => Virtualization::SwitchedOff("SVM"),
            _ if cpuid.hypervisor => Virtualization::NotNested,
            _ => Virtualization::None,
        };
        let model = values("model name").next().unwrap_or("of an unknown model").to_owned();
        Self { count: values("processor").count(), model, cpuid, virtualization }
    }

    /// What virtualization it shows.
    pub(super) fn virtualization(&self) -> Virtualization {
        self.virtualization
    }

    /// How many there are.
    pub(super) fn count(&self) -> Finding {
        Finding::ok("processors", format!("{} x {}", self.count, self.model)).value(self.count)
    }

    /// What it means for machines, where the kernel has KVM or not.
    pub(super) fn examine(&self, has_kvm: bool) -> Finding {
        let nested = if self.cpuid.hypervisor { ", in a virtual machine (nested)" } else { "" };
        match self.virtualization {
            Virtualization::Usable(name) => Finding::ok(ID, format!("{name}{nested}")).value(name.to_ascii_lowercase()),
            _ if has_kvm => Finding::warning(
                ID,
                "PVM: there is KVM, though the processor has neither VMX nor SVM",
                "Guest code at CPL 0 is emulated, slowly and incompletely, and only code at CPL 3 runs natively: \
                 Linux does not boot natively",
            )
            .value("pvm")
            .remedy("Use a host with VMX or SVM; on this one Linux guests run nested in an emulated host (make demo)"),
            Virtualization::SwitchedOff(name) => {
                Finding::lacking(ID, format!("{name}, which is switched off"), "KVM cannot use the processor")
                    .remedy("Switch virtualization on in the firmware's set-up")
            }
            Virtualization::NotNested => Finding::lacking(
                ID,
                "none: this virtual machine has neither VMX nor SVM",
                "KVM cannot use the processor",
            )
            .remedy(
                "Switch nested virtualization on in the outer hypervisor, or use a host that is no virtual machine",
            ),
            Virtualization::None => Finding::lacking(ID, "none: neither VMX nor SVM", "KVM cannot use the processor")
                .remedy("Use another host"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Status;
    use super::*;

    const BARE: Cpuid = Cpuid { vmx: false, svm: false, hypervisor: false };

    fn processor(flags: &str, cpuid: Cpuid) -> Processor {
        let one = |number| format!("processor\t: {number}\nmodel name\t: Test CPU\nflags\t\t: fpu {flags} sse\n\n");
        Processor::new(&(one(0) + &one(1)), cpuid)
    }

    #[test]
    fn processors_are_counted_and_named() {
        let finding = processor("", BARE).count();
        assert_eq!((finding.found.as_str(), finding.value), ("2 x Test CPU", 2.into()));
        assert_eq!(Processor::new("", BARE).count().found, "0 x of an unknown model");
    }

    #[test]
    fn virtualization_that_the_kernel_shows_is_good_whatever_kvm_says() {
        for (flag, name) in [("vmx", "VMX"), ("svm", "SVM")] {
            let processor = processor(flag, BARE);
            assert_eq!(processor.virtualization(), Virtualization::Usable(name));
            assert_eq!((processor.examine(false).status, processor.examine(false).found.as_str()), (Status::Ok, name));
        }
        let nested = processor("svm", Cpuid { svm: true, hypervisor: true, ..BARE }).examine(true);
        assert_eq!(nested.found, "SVM, in a virtual machine (nested)");
        assert_eq!(processor("nosvm vmx2", BARE).virtualization(), Virtualization::None);
    }

    #[test]
    fn a_kvm_that_works_without_either_is_pvm() {
        for cpuid in [BARE, Cpuid { hypervisor: true, ..BARE }, Cpuid { svm: true, ..BARE }] {
            let finding = processor("", cpuid).examine(true);
            assert_eq!((finding.status, finding.value), (Status::Warning, "pvm".into()));
            assert!(finding.means.is_some_and(|means| means.contains("Linux does not boot natively")));
        }
    }

    #[test]
    fn without_kvm_the_way_to_virtualization_is_told() {
        let remedy = |cpuid| {
            let finding = processor("", cpuid).examine(false);
            assert_eq!(finding.status, Status::Lacking);
            finding.remedy.unwrap_or_default()
        };
        assert!(remedy(Cpuid { vmx: true, ..BARE }).contains("firmware"));
        assert!(remedy(Cpuid { hypervisor: true, ..BARE }).contains("nested virtualization"));
        assert_eq!(remedy(BARE), "Use another host");
    }
}
