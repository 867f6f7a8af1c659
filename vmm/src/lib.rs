//! A virtual machine monitor as a library.
//!
//! [`Vm::build`] takes a [`VmConfig`] (plain data) and [`Resources`] (opened descriptors) and gives a [`VmHandle`],
//! through which the machine is started, paused, watched and stopped. The library never exits, never prints, and
//! never panics on what a guest does.

#![deny(unsafe_code)]

mod arch;
mod boot;
mod config;
mod event;
mod event_loop;
mod event_stream;
mod firmware;
mod handle;
mod host;
mod interrupt;
#[allow(unsafe_code)] // every ioctl stands there: see ARCHITECTURE.md
mod kvm;
mod lifecycle;
mod machine;
#[allow(unsafe_code)] // the mappings of guest memory stand there: see ARCHITECTURE.md
mod memory;
mod placement;
mod resources;
mod snapshot;
mod statistics;
#[cfg(test)]
mod testing;
mod thread;
mod timeline;
mod vcpu;
mod worker;

pub use arch::x86_64::topology::TopologyError;
pub use config::{
    Backing, BalloonConfig, BlockSize, BoardConfig, ConfigError, ConsoleConfig, CpuPlacement, CpuTopology, CpusConfig,
    DiskBus, DiskConfig, DiskKind, FirmwareInterface, HostCpus, HostCpusError, HugePageSize, IdentityConfig,
    IoThreadsConfig, IoThreadsPolicy, KernelEntry, MachineUuid, MachineUuidError, MemoryConfig, NetConfig, OnReboot,
    OnTripleFault, PayloadConfig, RngConfig, TransparentHugePages, VmConfig, VsockConfig,
};
pub use devices::backend::block::{CacheMode, DiskQueueStatistics, DriveStatus, OnError};
pub use devices::backend::net::{TapError, VhostError, open_tap, open_vhost_net};
pub use devices::id::DeviceId;
pub use devices::latency::Latencies;
pub use devices::rate_limit::{Rate, RateLimit};
pub use devices::virtio::QueueStatistics;
pub use devices::virtio::balloon::{BalloonStatus, GuestStatistics};
pub use devices::virtio::net::{MacAddress, MacAddressError, NetStatistics, PairStatistics, Traffic};
pub use event::{ResetSource, StopReason, VmEvent};
pub use event_stream::EventStream;
pub use handle::{Vm, VmError, VmHandle};
pub use host::kvm_capabilities;
pub use kvm::KvmCapability;
pub use lifecycle::{Refusal, VmState};
pub use resources::{
    FIRMWARE, INITRD, KERNEL, KeptFile, Resource, ResourceError, Resources, SERIAL, VARIABLES, VsockSockets, port_of,
    rom_of, vhost_of,
};
pub use statistics::{RingStatistics, VcpuExits, VmStatistics};
pub use timeline::{BootTimeline, GuestMarker, StartSource};
