//! Every call to KVM, and nothing else: the rest of the crate sees neither kvm-ioctls nor an ioctl.
//!
//! ```text
//!  Kvm ── create_vm ──► KvmVm ── create_vcpu ──► KvmVcpu ── run ──► Exit
//!   │                     │                        └ kicker ──► KvmKick (makes KVM_RUN return)
//!   └ Capabilities        └ slots, irqchip, PIT, clock, irqfds, ioeventfds, routing
//! ```
//!
//! Order matters at a start: memory slots first, then the interrupt controllers. The first slot that is set *after*
//! KVM_CREATE_IRQCHIP waits for a grace period of the host kernel (some 5 ms); before it costs 0.1 ms.
//! Dynamic XSAVE features ([`permit_dynamic_xstate`]) are asked for before the first vCPU exists.
//!
//! No optional capability is assumed: [`Capabilities`] is read once, when `/dev/kvm` is opened. A failure is a
//! [`KvmError`], which names the call and says what to do.

mod capabilities;
mod error;
mod exit;
mod ioevent;
mod irqchip;
mod kick;
mod msrs;
mod report;
mod slots;
mod sregs2;
mod system;
mod vcpu;
mod vcpu_state;
mod vm;
mod xcomp;
mod xsave;

#[cfg(test)]
mod native_tests;

pub(crate) use capabilities::Capabilities;
pub(crate) use error::KvmError;
pub(crate) use exit::Exit;
pub(crate) use ioevent::IoEvent;
pub(crate) use irqchip::{IrqchipState, MAX_MESSAGES, PINS};
pub(crate) use kick::{KickSignal, KvmKick};
pub use report::KvmCapability;
pub(crate) use system::Kvm;
pub(crate) use vcpu::KvmVcpu;
pub(crate) use vm::KvmVm;
#[cfg(test)]
pub(crate) use xcomp::DYNAMIC_XSTATE;
pub(crate) use xcomp::permit_dynamic_xstate;
