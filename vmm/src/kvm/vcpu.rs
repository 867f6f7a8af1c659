//! One vCPU: running it. Its state stands in `vcpu_state.rs`, `msrs.rs`, `sregs2.rs` and `xsave.rs`.

use super::capabilities::Capabilities;
use super::error::KvmError;
use super::exit::{Exit, RunArea, borrow};
use super::kick::{KickSignal, KvmKick};
use super::slots::SlotRegions;
use kvm_ioctls::{VcpuExit, VcpuFd};
use std::io;
use std::sync::Arc;

/// A vCPU's descriptor and the pages it shares with KVM.
#[derive(Debug)]
pub(crate) struct KvmVcpu {
    pub(super) fd: VcpuFd,
    id: u32,
    pub(super) xsave_size: usize,
    pub(super) capabilities: Arc<Capabilities>,
    area: Arc<RunArea>,
    kick: Arc<KvmKick>,
    /// Keeps the memory that KVM uses as long as this vCPU can run.
    _regions: SlotRegions,
}

impl KvmVcpu {
    pub(super) fn new(
        fd: VcpuFd,
        id: u32,
        (run_size, xsave_size): (usize, usize),
        capabilities: Arc<Capabilities>,
        regions: SlotRegions,
    ) -> Result<Self, KvmError> {
        let signal = KickSignal::get()?;
        let area = Arc::new(RunArea::map(borrow(&fd), run_size)?);
        let kick = Arc::new(KvmKick::new(Arc::clone(&area), signal));
        Ok(Self { fd, id, xsave_size, capabilities, area, kick, _regions: regions })
    }

    /// The APIC id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// What makes this vCPU leave KVM_RUN.
    pub(crate) fn kicker(&self) -> Arc<KvmKick> {
        Arc::clone(&self.kick)
    }

    /// Runs the guest until it needs something (KVM_RUN).
    ///
    /// Whatever the exit asks for is completed by the next call: with
    /// [`KvmKick::set_immediate_exit`] that call completes it and returns [`Exit::Interrupted`] before the guest
    /// runs on (or another exit, when the instruction has more to do).
    ///
    /// # Errors
    /// The host cannot run the vCPU, for example because a page of guest memory cannot be had.
    pub(crate) fn run(&mut self) -> Result<Exit<'_>, KvmError> {
        match self.fd.run() {
            Ok(VcpuExit::MemoryFault { gpa, size, .. }) => Err(KvmError::with_advice(
                "KVM_RUN",
                io::Error::from_raw_os_error(libc::EFAULT),
                format!(
                    "the host cannot provide guest memory at {gpa:#x} ({size} bytes): see that the memory's backing was \
                     not truncated or used up"
                ),
            )),
            // SAFETY: `&mut self` for the life of the exit keeps this vCPU from running, and the area is used by
            // nobody else except for its atomic byte.
            Ok(_) => Ok(unsafe { self.area.exit() }),
            // EAGAIN: a vCPU that waited for its INIT or SIPI has got it, and runs at the next call.
            Err(errno) if matches!(errno.errno(), libc::EINTR | libc::EAGAIN) => Ok(Exit::Interrupted),
            Err(errno) => Err(KvmError::new("KVM_RUN", io::Error::from_raw_os_error(errno.errno()))),
        }
    }
}
