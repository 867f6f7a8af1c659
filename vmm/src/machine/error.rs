//! Why a machine cannot be put together, paused or restored.

use super::firmware::FirmwareError;
use crate::arch::x86_64::setup::SetupError;
use crate::arch::x86_64::topology::TopologyError;
use crate::event_loop::EventLoopError;
use crate::kvm::KvmError;
use crate::memory::CommitError;
use crate::placement::PlacementError;
use crate::vcpu::VcpuError;
use crate::worker::WorkerError;
use devices::ahci::AhciError;
use devices::backend::block::DiskError;
use devices::backend::net::{TapError, VhostError};
use devices::backend::vsock::UnixSocketsError;
use devices::bus::BusError;
use devices::firmware::flash::FlashError;
use devices::firmware::fw_cfg::FwCfgError;
use devices::id::DeviceId;
use devices::interrupt::InterruptError;
use devices::pci::{AssignmentError, FunctionError, RomError};
use devices::state::StateError;
use devices::virtio::block::BlockError;
use devices::virtio::scsi::ScsiError;
use devices::virtio::transport::pci::PciTransportError;
use std::io;
use thiserror::Error;

/// Why a machine cannot be put together, paused or restored.
#[derive(Debug, Error)]
pub(crate) enum MachineError {
    /// A call of KVM failed.
    #[error("KVM cannot run the machine")]
    Kvm(#[from] KvmError),
    /// KVM did not take the memory slots.
    #[error("KVM cannot map the machine's memory")]
    AddressSpace(#[from] CommitError),
    /// An interrupt line cannot be had.
    #[error("A device cannot have its interrupt line")]
    Interrupt(#[from] InterruptError),
    /// Two devices want one address.
    #[error("A device cannot have its address")]
    Bus(#[from] BusError),
    /// A disk cannot be used.
    #[error("A disk cannot be used")]
    Disk(#[from] DiskError),
    /// A block device cannot be made of a disk.
    #[error("A disk cannot be connected")]
    Block(#[from] BlockError),
    /// A TAP cannot be used.
    #[error("A network cannot be connected")]
    Tap(#[from] TapError),
    /// The host's kernel cannot carry a network's frames.
    #[error("A network cannot be served by the host's kernel")]
    Vhost(#[from] VhostError),
    /// The host's side of a virtio socket device cannot be used.
    #[error("The sockets of {id} cannot be used")]
    Vsock {
        /// Whose.
        id: DeviceId,
        /// Why not.
        #[source]
        source: UnixSocketsError,
    },
    /// The other end of a console or of a port cannot be used.
    #[error("The other end of {id} cannot be used")]
    ConsolePort {
        /// Whose.
        id: DeviceId,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// The balloon cannot be had.
    #[error("The balloon cannot be had: raise the limit of open files (`ulimit -n`)")]
    Balloon(#[source] io::Error),
    /// State cannot be saved or restored.
    #[error("The state of a device cannot be used")]
    State(#[from] StateError),
    /// The CPU topology is not one.
    #[error("The vCPUs cannot be arranged")]
    Topology(#[from] TopologyError),
    /// Threads cannot run on the host CPUs that were named.
    #[error("The machine's threads cannot be placed")]
    Placement(#[from] PlacementError),
    /// The vCPUs' threads.
    #[error("The vCPUs cannot run")]
    Vcpu(#[from] VcpuError),
    /// A table does not fit into guest memory.
    #[error("The {table} cannot be written to guest memory")]
    Table {
        /// Which table.
        table: &'static str,
        /// What guest memory said.
        #[source]
        source: vm_memory::GuestMemoryError,
    },
    /// A table has no room.
    #[error("The {table} is too large for its place in guest memory: {bytes} bytes; use fewer vCPUs or disks")]
    TableTooLarge {
        /// Which table.
        table: &'static str,
        /// Its size.
        bytes: usize,
    },
    /// A processor's id does not fit the tables.
    #[error("APIC id {0} is beyond 254: use fewer sockets or cores")]
    ApicId(u32),
    /// The regions of RAM do not make up an address space.
    #[error("The machine's RAM cannot be arranged")]
    Regions(#[source] vm_memory::GuestRegionCollectionError),
    /// A descriptor cannot be duplicated.
    #[error("A descriptor of the machine cannot be duplicated: raise the limit of open files (`ulimit -n`)")]
    Descriptor(#[source] io::Error),
    /// The vCPUs cannot be set up.
    #[error("The vCPUs cannot be set up")]
    Setup(#[from] SetupError),
    /// The workers of the queues.
    #[error("The machine's workers cannot run")]
    Worker(#[from] WorkerError),
    /// The firmware's files.
    #[error("The firmware cannot be used")]
    Firmware(#[from] FirmwareError),
    /// A file is no ROM of a network device.
    #[error("The expansion ROM of {net} cannot be used")]
    Rom {
        /// Whose ROM.
        net: DeviceId,
        /// Why not.
        #[source]
        source: RomError,
    },
    /// The ROM cannot be read.
    #[error("The expansion ROM of {net} cannot be read")]
    ReadRom {
        /// Whose ROM.
        net: DeviceId,
        /// What the system answered.
        #[source]
        source: io::Error,
    },
    /// What the firmware is told.
    #[error("The firmware cannot be told of the machine")]
    FwCfg(#[from] FwCfgError),
    /// The chip with the firmware's variables.
    #[error("The firmware's variables cannot be had")]
    Flash(#[from] FlashError),
    /// A PCI function cannot be made.
    #[error("A PCI function cannot be made")]
    Function(#[from] FunctionError),
    /// A virtio device cannot be put on PCI.
    #[error("A virtio device cannot be a PCI function")]
    PciTransport(#[from] PciTransportError),
    /// A PCI function has no place.
    #[error("A PCI function cannot be put on its bus")]
    PciTopology(#[from] devices::pci::TopologyError),
    /// Not everything on PCI has an address.
    #[error("The PCI functions cannot have addresses")]
    Assignment(#[from] AssignmentError),
    /// The SATA controller cannot be made.
    #[error("The disks of the SATA bus cannot be connected")]
    Ahci(#[from] AhciError),
    /// The SCSI device cannot be made.
    #[error("The disks of the SCSI bus cannot be connected")]
    Scsi(#[from] ScsiError),
    /// The guest would have no way to see it.
    #[error("The machine has no power button: the microvm board has one only with ACPI")]
    NoPowerButton,
    /// Only a paused machine can be saved.
    #[error("The machine is not paused: pause it before it is saved")]
    NotPaused,
    /// The event loop or the console on it.
    #[error("The machine's console cannot be served")]
    EventLoop(#[from] EventLoopError),
    /// A thread of the machine panicked.
    #[error("The {0} thread panicked, which is a fault of this program: report it with its output")]
    Panicked(&'static str),
    /// A queue's requests do not end.
    #[error("Requests of {device} are still under way after {seconds} s: the host's storage does not answer")]
    Drain {
        /// Whose requests.
        device: DeviceId,
        /// How long was waited.
        seconds: u64,
    },
}
