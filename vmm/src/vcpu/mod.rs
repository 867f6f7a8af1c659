//! The machine's vCPUs: one thread each, started, paused, resumed and ended together.
//!
//! ```text
//!            resume                pause
//!  Paused ───────────► Running ───────────► Paused      (a new thread is Paused)
//!    │                    │  half-done I/O is completed on this edge
//!    │ halt               │ halt, triple fault, crash
//!    └───► Finished ◄─────┘                             (the thread ends; it is joined)
//! ```
//!
//! Beside this, a *hold* ([`crate::memory::VcpuBarrier`]) keeps vCPUs out of KVM_RUN for a moment while memory slots
//! are replaced. It is no state of the machine: nobody outside notices it.
//!
//! How a vCPU is kept out of KVM_RUN without a lock on its way into it is explained in `gate.rs`.

mod barrier;
mod dump;
mod exit;
mod gate;
mod run;
mod thread;

#[cfg(test)]
mod tests;

pub(crate) use exit::Buses;
#[cfg(test)]
pub(crate) use run::Kick;
pub(crate) use run::RunVcpu;

use crate::kvm::KvmVcpu;
use crate::statistics::ExitKind;
use crate::thread::{ThreadRole, Threads};
use gate::Gate;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use thiserror::Error;
use thread::VcpuThread;

/// What vCPUs tell the machine, from their own threads. Implementations return at once.
pub(crate) trait VcpuEvents: Send + Sync {
    /// A vCPU has left the guest.
    fn exit(&self, vcpu: u32, kind: ExitKind);
    /// The first vCPU is about to enter the guest for the first time.
    fn first_run(&self);
    /// A vCPU met a triple fault. All vCPUs have been halted.
    fn triple_fault(&self, vcpu: u32);
    /// The host cannot run a vCPU on; `message` says why and what to do. All vCPUs have been halted.
    fn crashed(&self, vcpu: u32, message: String);
}

/// Why vCPUs cannot be started or ended in order.
#[derive(Debug, Error)]
pub(crate) enum VcpuError {
    /// No thread for a vCPU.
    #[error("Cannot start the thread of vCPU {0}: raise the limit of processes (`ulimit -u`, the pids cgroup)")]
    Thread(u32, #[source] io::Error),
    /// The sandbox kept a vCPU's thread from running.
    #[error("The sandbox refuses the thread of vCPU {0}: see that its rules suit this host's kernel")]
    Sandbox(u32, #[source] io::Error),
    /// A vCPU's thread panicked.
    #[error("The thread of vCPU {0} panicked, which is a fault of this program: report it with its output")]
    Panicked(u32),
    /// The control has vCPUs already.
    #[error("A vCPU control serves one set of vCPUs: make a new one for each start")]
    Reused,
}

/// The brake of one set of vCPUs. Made before the vCPUs, so that devices and the address space can have it.
#[derive(Clone, Default)]
pub(crate) struct VcpuControl {
    gate: Arc<Gate>,
}

impl VcpuControl {
    /// The brake of vCPUs to come.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Ends all vCPUs: none enters the guest again, and their threads finish. Returns at once, from any thread.
    ///
    /// Called by a vCPU's thread in the middle of an exit, not one more instruction of that vCPU is executed; the
    /// others leave the guest as soon as the signal reaches them.
    pub(crate) fn halt(&self) {
        self.gate.halt();
    }
}

/// All vCPUs of a machine.
pub(crate) struct Vcpus<V = KvmVcpu> {
    gate: Arc<Gate>,
    vcpus: Vec<Arc<Mutex<V>>>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl<V: RunVcpu> Vcpus<V> {
    /// Makes a thread for each of `vcpus`; they start paused. vCPU 0 is the one that runs first (the BSP).
    ///
    /// # Errors
    /// The host has no room for a thread (those that were made have ended again), or `control` was used before.
    pub(crate) fn spawn(
        threads: &Threads,
        control: &VcpuControl,
        vcpus: Vec<V>,
        buses: &Buses,
        events: &Arc<dyn VcpuEvents>,
    ) -> Result<Self, VcpuError> {
        let gate = Arc::clone(&control.gate);
        gate.admit(vcpus.iter().map(RunVcpu::kicker).collect()).map_err(|_| VcpuError::Reused)?;
        let mut spawned = Self {
            gate,
            vcpus: vcpus.into_iter().map(|vcpu| Arc::new(Mutex::new(vcpu))).collect(),
            threads: Vec::new(),
        };
        for (index, vcpu) in (0..).zip(&spawned.vcpus) {
            let body = VcpuThread::new(index, vcpu, &spawned.gate, buses, events);
            // On an error `spawned` is dropped, which halts and joins the threads before this one.
            let thread = threads
                .spawn(ThreadRole::Vcpu(index), move || body.main())
                .map_err(|source| VcpuError::Thread(index, source))?;
            spawned.threads.push(thread);
        }
        Ok(spawned)
    }

    /// Lets the vCPUs run. Nothing happens when they do, or after a halt.
    pub(crate) fn resume(&self) {
        self.gate.resume();
    }

    /// Stops the vCPUs and returns when each stands still with its half-done I/O completed: its state may be read.
    /// After a halt it returns when all have finished. Not for vCPU threads, which would wait for themselves.
    pub(crate) fn pause(&self) {
        self.gate.pause();
    }

    /// Calls `action` for each vCPU in order, while paused (or finished); a vCPU that runs is waited for.
    ///
    /// # Errors
    /// The first error of `action`, which is then not called again.
    pub(crate) fn each<E>(&self, mut action: impl FnMut(usize, &V) -> Result<(), E>) -> Result<(), E> {
        for (index, vcpu) in self.vcpus.iter().enumerate() {
            action(index, &vcpu.lock().unwrap_or_else(PoisonError::into_inner))?;
        }
        Ok(())
    }

    /// Ends the vCPUs and waits for their threads.
    ///
    /// # Errors
    /// The first thread that did not end in order; all are joined nevertheless.
    pub(crate) fn join(mut self) -> Result<(), VcpuError> {
        self.end()
    }
}

impl<V> Vcpus<V> {
    fn end(&mut self) -> Result<(), VcpuError> {
        self.gate.halt();
        let mut result = Ok(());
        for (index, thread) in (0..).zip(self.threads.drain(..)) {
            let ended = match thread.join() {
                Ok(Ok(())) => Ok(()),
                Ok(Err(refusal)) => Err(VcpuError::Sandbox(index, refusal)),
                Err(_) => Err(VcpuError::Panicked(index)),
            };
            result = result.and(ended);
        }
        result
    }
}

impl<V> Drop for Vcpus<V> {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::error!("{error}");
        }
    }
}
