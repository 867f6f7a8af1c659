//! x86-64.

pub(crate) mod clock;
pub(crate) mod cpuid;
#[cfg(test)]
mod fixture;
mod gdt;
pub(crate) mod irqchip_state;
mod lapic;
pub(crate) mod msr;
mod paging;
pub(crate) mod regs;
pub(crate) mod setup;
pub(crate) mod topology;
mod tsc;
pub(crate) mod vcpu_state;
