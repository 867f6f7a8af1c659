//! The report of a vCPU that cannot go on: one message with the cause, what to do, and the registers.

use crate::kvm::{KvmError, KvmVcpu};
use kvm_bindings::{
    KVM_INTERNAL_ERROR_DELIVERY_EV, KVM_INTERNAL_ERROR_EMULATION, KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES,
    KVM_INTERNAL_ERROR_SIMUL_EX, KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON,
};
use std::error::Error;
use std::fmt::Write;

/// KVM_RUN itself failed.
pub(super) fn failure(error: &KvmError) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// KVM_EXIT_INTERNAL_ERROR.
pub(super) fn internal_error(suberror: u32, data: &[u64]) -> String {
    let (cause, advice) = match suberror {
        KVM_INTERNAL_ERROR_EMULATION => (
            format!("the host's KVM cannot emulate the instruction{}", instruction(data)),
            "on a PVM host (see `launcher doctor`) privileged instructions are emulated, and not all are known: run \
             this guest on a host with VMX or SVM; elsewhere, the guest jumped into something that is no code",
        ),
        KVM_INTERNAL_ERROR_SIMUL_EX => (
            format!("an exception came while another was delivered (data {data:x?})"),
            "the guest's stack or descriptor tables are broken: see what it printed last",
        ),
        KVM_INTERNAL_ERROR_DELIVERY_EV => (
            format!("an interrupt or exception could not be delivered (data {data:x?})"),
            "the guest's descriptor tables or stack lie where no memory is: see what it printed last",
        ),
        KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON => (
            format!("the processor left the guest for a reason that the host's KVM does not know (data {data:x?})"),
            "use a newer host kernel, or a machine without another hypervisor below it",
        ),
        other => (
            format!("the host's KVM met internal error {other} (data {data:x?})"),
            "see the host's kernel log, and report it with the kernel's version",
        ),
    };
    format!("{cause}: {advice}")
}

/// The instruction bytes of an emulation error, where KVM gives them: flags, then a length and up to 15 bytes.
fn instruction(data: &[u64]) -> String {
    let [flags, bytes @ ..] = data else { return String::new() };
    if flags & u64::from(KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES) == 0 {
        return String::new();
    }
    let mut bytes = bytes.iter().flat_map(|word| word.to_le_bytes());
    let count = usize::from(bytes.next().unwrap_or(0)).min(15);
    let mut text = String::new();
    for byte in bytes.take(count) {
        let _ = write!(text, " {byte:02x}");
    }
    text
}

/// KVM_EXIT_FAIL_ENTRY.
pub(super) fn fail_entry(reason: u64, cpu: u32) -> String {
    format!(
        "the processor refuses to enter the guest (hardware reason {reason:#x}, host CPU {cpu}): the vCPU's state is \
         invalid, which after a restore means that it came from another kind of host; else report it with the registers"
    )
}

/// KVM_EXIT_SYSTEM_EVENT.
pub(super) fn system_event(kind: u32) -> String {
    format!("the host's KVM reports system event {kind}, which this machine does not ask for: report it")
}

/// An exit that this machine configures nowhere.
pub(super) fn unexpected(what: &str) -> String {
    format!("left the guest with {what}, which this machine does not ask for: report it with the host kernel's version")
}

/// General and system registers in one line.
pub(super) fn registers(vcpu: &KvmVcpu) -> String {
    let mut text = match vcpu.get_regs() {
        Ok(r) => format!(
            "rip={:#x} rflags={:#x} rsp={:#x} rbp={:#x} rax={:#x} rbx={:#x} rcx={:#x} rdx={:#x} rsi={:#x} rdi={:#x} \
             r8={:#x} r9={:#x} r10={:#x} r11={:#x} r12={:#x} r13={:#x} r14={:#x} r15={:#x}",
            r.rip,
            r.rflags,
            r.rsp,
            r.rbp,
            r.rax,
            r.rbx,
            r.rcx,
            r.rdx,
            r.rsi,
            r.rdi,
            r.r8,
            r.r9,
            r.r10,
            r.r11,
            r.r12,
            r.r13,
            r.r14,
            r.r15
        ),
        Err(error) => failure(&error),
    };
    match vcpu.get_sregs() {
        Ok(s) => {
            let _ = write!(
                text,
                " cr0={:#x} cr2={:#x} cr3={:#x} cr4={:#x} efer={:#x} apic_base={:#x} gdt={:#x}+{:#x} idt={:#x}+{:#x}",
                s.cr0, s.cr2, s.cr3, s.cr4, s.efer, s.apic_base, s.gdt.base, s.gdt.limit, s.idt.base, s.idt.limit
            );
            for (name, s) in [("cs", s.cs), ("ss", s.ss), ("ds", s.ds), ("es", s.es), ("tr", s.tr)] {
                let _ = write!(text, " {name}={:#x}@{:#x}+{:#x}/dpl{}/l{}", s.selector, s.base, s.limit, s.dpl, s.l);
            }
        }
        Err(error) => {
            let _ = write!(text, " {}", failure(&error));
        }
    }
    text
}
