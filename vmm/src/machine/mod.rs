//! One boot of a machine: its KVM objects, memory, devices and vCPUs. A reset makes a new one from the same blueprint.

mod balloon;
mod blueprint;
mod board;
mod build;
mod console;
mod error;
mod firmware;
mod identity;
mod legacy;
mod microvm;
mod pci_places;
mod pci_ranges;
mod q35;
mod sata;
mod save;
mod signals;
mod tables;
mod virtio;
mod vsock;

#[cfg(test)]
mod native_tests;

pub(crate) use balloon::BALLOON_PAGE;
pub(crate) use blueprint::Blueprint;
pub(crate) use error::MachineError;

use crate::arch::x86_64::clock::{self, ClockRecord};
use crate::interrupt::KvmInterruptManager;
use crate::kvm::KvmVm;
use crate::memory::{AddressSpace, RamRegion};
use crate::vcpu::{VcpuEvents, Vcpus};
use crate::worker::Workers;
use board::Board;
use devices::backend::block::BlockBackend;
use signals::Signals;
use std::error::Error;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// How long a pause waits for requests that the host has under way.
const DRAIN_DEADLINE: Duration = Duration::from_secs(30);

/// A machine between its first instruction and its reset or end. Dropping it ends its vCPUs, then its workers.
pub(crate) struct Machine {
    // Fields are dropped in this order.
    vcpus: Vcpus,
    board: Board,
    workers: Arc<Workers>,
    _interrupts: Arc<KvmInterruptManager>,
    #[cfg_attr(not(test), expect(dead_code, reason = "what hotplug changes"))]
    address_space: Arc<AddressSpace>,
    #[cfg_attr(not(test), expect(dead_code, reason = "what snapshots and hotplug work on"))]
    ram: Vec<Arc<RamRegion>>,
    vm: Arc<KvmVm>,
    signals: Arc<Signals>,
    disks: Vec<Arc<dyn BlockBackend>>,
    cpus_left_out: Option<u32>,
    /// Taken when a pause completes.
    clock: Option<ClockRecord>,
}

impl Machine {
    /// Gains the right to run (the disks' locks) and runs.
    pub(crate) fn start(&mut self) -> Result<(), MachineError> {
        if let Err(error) = self.disks.iter().try_for_each(|disk| disk.lock()) {
            self.disks.iter().for_each(unlock);
            return Err(error.into());
        }
        self.resume()
    }

    /// Goes on from where it stands.
    pub(crate) fn resume(&mut self) -> Result<(), MachineError> {
        if self.clock.take().is_some() {
            self.vcpus.each(|_, vcpu| clock::resumed_in_place(vcpu))?;
        }
        self.board.unpark();
        self.vcpus.resume();
        // After the vCPUs: a guest needs some time until it asks a device for something.
        if let Err(error) = self.workers.run() {
            let cause = error.source().map(ToString::to_string).unwrap_or_default();
            self.signals.crashed(0, format!("{error}: {cause}"));
        }
        Ok(())
    }

    /// Stands still: vCPUs out of the guest with their half-done I/O completed, queues drained, the time taken.
    /// On an error it runs on.
    pub(crate) fn pause(&mut self) -> Result<(), MachineError> {
        self.vcpus.pause();
        match self.park().and_then(|()| self.take_time()) {
            Ok(record) => {
                self.clock = Some(record);
                Ok(())
            }
            Err(error) => {
                self.board.unpark();
                self.vcpus.resume();
                Err(error)
            }
        }
    }

    fn take_time(&self) -> Result<ClockRecord, MachineError> {
        let mut record = ClockRecord::take(&self.vm)?;
        self.vcpus.each(|_, vcpu| record.add_vcpu(vcpu))?;
        Ok(record)
    }

    /// Presses the power button.
    ///
    /// # Errors
    /// The board has none.
    pub(crate) fn power_button(&self) -> Result<(), MachineError> {
        if self.board.press_power_button() { Ok(()) } else { Err(MachineError::NoPowerButton) }
    }

    /// How many vCPUs are possible, when that is less than the configuration wants.
    pub(crate) fn cpus_left_out(&self) -> Option<u32> {
        self.cpus_left_out
    }

    /// Ends its vCPUs, queues and workers.
    ///
    /// # Errors
    /// A vCPU's thread did not end in order; everything has ended nevertheless.
    pub(crate) fn end(self) -> Result<(), MachineError> {
        Ok(self.vcpus.join()?)
    }

    fn park(&self) -> Result<(), MachineError> {
        let (done, parked) = channel();
        let mut waiting = self.board.park(&done);
        let deadline = Instant::now() + DRAIN_DEADLINE;
        while let Some(next) = waiting.iter().next().cloned() {
            let left = deadline.saturating_duration_since(Instant::now());
            match parked.recv_timeout(left) {
                Ok(device) => waiting.remove(&device),
                Err(_) => return Err(MachineError::Drain { device: next, seconds: DRAIN_DEADLINE.as_secs() }),
            };
        }
        Ok(())
    }
}

/// Gives a disk's lock back; one that was not taken stays so.
pub(crate) fn unlock(disk: &Arc<dyn BlockBackend>) {
    if let Err(error) = disk.unlock() {
        tracing::warn!("A disk stays locked until its descriptor is closed: {error}");
    }
}
