//! What a machine did, counted over all its boots.

use crate::memory::{AddressSpaceListener, Slot};
use devices::backend::block::DiskQueueStatistics;
use devices::id::DeviceId;
use devices::virtio::{QueueStatistics, QueueUses};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a machine did since it was built, resets included.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VmStatistics {
    /// Exits of each vCPU of the start, in their order.
    pub exits: Vec<VcpuExits>,
    /// Memory slots made and taken away; what takes one away holds every vCPU for a moment.
    pub slot_updates: u64,
    /// How often the chip with a firmware's variables went from memory to commands, or back.
    pub flash_switches: u64,
    /// What went over each virtio queue that was ever enabled, by device.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub queues: BTreeMap<DeviceId, BTreeMap<u16, QueueStatistics>>,
    /// What went through each disk, by queue.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub disks: BTreeMap<DeviceId, Vec<DiskQueueStatistics>>,
    /// How the workers do the disks' I/O.
    #[serde(default)]
    pub rings: RingStatistics,
}

/// Workers that have done I/O for a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RingStatistics {
    /// By io_uring.
    pub made: u64,
    /// By system calls, because the host refuses io_uring.
    pub refused: u64,
}

/// How often a vCPU left KVM_RUN, and why. What KVM answers itself (interrupt controllers, notifications) is no exit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VcpuExits {
    /// The guest read a port, or some of one by one string instruction.
    pub port_reads: u64,
    /// The guest wrote a port, as above.
    pub port_writes: u64,
    /// The guest read where no memory is.
    pub mmio_reads: u64,
    /// The guest wrote where no writable memory is.
    pub mmio_writes: u64,
    /// The vCPU was called out: by a pause, a hold or a signal.
    pub interruptions: u64,
    /// All others.
    pub others: u64,
}

impl VcpuExits {
    /// All exits.
    pub fn total(&self) -> u64 {
        let Self { port_reads, port_writes, mmio_reads, mmio_writes, interruptions, others } = self;
        port_reads + port_writes + mmio_reads + mmio_writes + interruptions + others
    }
}

/// Why a vCPU left KVM_RUN, as it is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExitKind {
    PortRead,
    PortWrite,
    MmioRead,
    MmioWrite,
    Interruption,
    Other,
}

/// The counters of one vCPU.
#[derive(Debug, Default)]
struct Exits([AtomicU64; 6]);

impl Exits {
    fn read(&self) -> VcpuExits {
        let [port_reads, port_writes, mmio_reads, mmio_writes, interruptions, others] =
            self.0.each_ref().map(|counter| counter.load(Ordering::Relaxed));
        VcpuExits { port_reads, port_writes, mmio_reads, mmio_writes, interruptions, others }
    }
}

/// Counts. Survives resets.
#[derive(Debug)]
pub(crate) struct Statistics {
    exits: Vec<Exits>,
    slot_updates: AtomicU64,
    flash_switches: AtomicU64,
    queues: Arc<QueueUses>,
}

impl Statistics {
    /// Of a machine with so many vCPUs.
    pub(crate) fn new(vcpus: u32) -> Self {
        let exits = (0..vcpus).map(|_| Exits::default()).collect();
        Self { exits, slot_updates: AtomicU64::new(0), flash_switches: AtomicU64::new(0), queues: Arc::default() }
    }

    /// A vCPU has left KVM_RUN.
    pub(crate) fn exit(&self, vcpu: u32, kind: ExitKind) {
        let exits = usize::try_from(vcpu).ok().and_then(|vcpu| self.exits.get(vcpu));
        if let Some(Exits([port_reads, port_writes, mmio_reads, mmio_writes, interruptions, others])) = exits {
            let counter = match kind {
                ExitKind::PortRead => port_reads,
                ExitKind::PortWrite => port_writes,
                ExitKind::MmioRead => mmio_reads,
                ExitKind::MmioWrite => mmio_writes,
                ExitKind::Interruption => interruptions,
                ExitKind::Other => others,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Where virtio queues are counted.
    pub(crate) fn queues(&self) -> &Arc<QueueUses> {
        &self.queues
    }

    /// The chip with the variables is memory again, or no longer.
    pub(crate) fn flash_switched(&self) {
        self.flash_switches.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters now.
    pub(crate) fn snapshot(&self) -> VmStatistics {
        VmStatistics {
            exits: self.exits.iter().map(Exits::read).collect(),
            slot_updates: self.slot_updates.load(Ordering::Relaxed),
            flash_switches: self.flash_switches.load(Ordering::Relaxed),
            queues: self.queues.read(),
            ..VmStatistics::default()
        }
    }
}

impl AddressSpaceListener for Statistics {
    fn slots_changed(&self, removed: &[Slot], added: &[Slot]) {
        let count = (removed.len() + added.len()) as u64;
        self.slot_updates.fetch_add(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_exit_counts_for_its_vcpu_and_its_reason() {
        let statistics = Statistics::new(2);
        let kinds = [
            ExitKind::PortRead,
            ExitKind::PortWrite,
            ExitKind::MmioRead,
            ExitKind::MmioWrite,
            ExitKind::Interruption,
            ExitKind::Other,
        ];
        for (times, kind) in (1..).zip(kinds) {
            (0..times).for_each(|_| statistics.exit(1, kind));
        }
        statistics.exit(2, ExitKind::Other);
        let second =
            VcpuExits { port_reads: 1, port_writes: 2, mmio_reads: 3, mmio_writes: 4, interruptions: 5, others: 6 };
        assert_eq!(statistics.snapshot().exits, [VcpuExits::default(), second]);
        assert_eq!(second.total(), 21);
    }
}
