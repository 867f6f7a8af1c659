//! A virtual machine monitor as a library: virtual machines on Linux's KVM, inside your own process.
//!
//! [`Vm::build`] takes a [`VmConfig`] (what the guest sees: plain data) and [`Resources`] (where it comes from: opened
//! descriptors) and gives a [`VmHandle`], through which the machine is started, paused, watched and stopped.
//!
//! ```no_run
//! use std::fs::File;
//! use std::os::fd::AsFd;
//! use vmm::{DiskConfig, KERNEL, PayloadConfig, Resource, Resources, SERIAL, Vm, VmConfig};
//!
//! let config = VmConfig {
//!     payload: PayloadConfig::kernel("console=ttyS0 root=/dev/vda"),
//!     disks: vec![DiskConfig::new("disk0")],
//!     ..VmConfig::default()
//! };
//! let mut resources = Resources::new();
//! resources.insert(KERNEL, File::open("vmlinux")?)?;
//! resources.insert("disk0", File::options().read(true).write(true).open("root.img")?)?;
//! let output = std::io::stdout().as_fd().try_clone_to_owned()?;
//! resources.insert(SERIAL, Resource::Stream { input: None, output: Some(output) })?;
//!
//! let machine = Vm::build(config, resources)?;
//! machine.start()?;
//! println!("{:?}", machine.wait(None));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Three programs show more (`vmm/examples/` in the repository): `boot_kernel` boots a kernel with its console on the
//! terminal, `hundred_vms` runs a hundred machines in one process and says what each costs, and `code_runner` calls a
//! function in a machine of its own, which is gone when the result is there.
//!
//! # A machine's life
//!
//! ```text
//!            start            pause
//!  Built ───────────► Running ◄────► Paused
//!    │                   │   resume    │
//!    │ stop              │ stop,       │ stop
//!    │                   │ guest ends  │
//!    └───────────────────┴────► Stopped ◄┘
//! ```
//!
//! [`VmHandle::events`] tells what happens, [`VmHandle::wait`] how it ended, [`VmHandle::statistics`] what it did, and
//! [`VmHandle::boot_timeline`] how long each step of its start took. A guest that crashes is a [`StopReason`], never an
//! error of yours.
//!
//! # What it does to your process
//!
//! - It starts threads, named after what they do (`driver`, `vcpu0`, `io-disk0`, ...), and joins them before
//!   [`VmHandle::wait`] and [`VmHandle::stop`] return. There is no async runtime: what blocks says so.
//! - It handles one real-time signal, which takes vCPUs out of the guest: [`Vm::use_signal`] chooses which. There is no
//!   other process-wide state; machines know nothing of each other.
//! - It opens `/dev/kvm`, unless [`Resources::kvm`] has it, and no other path but what [`open_tap`] and
//!   [`open_vhost_net`] are asked for. A machine has some twenty descriptors of its own: for many machines, raise the
//!   limit of open files (RLIMIT_NOFILE).
//! - It never prints, exits, or panics on what a guest does. It logs by [`tracing`](https://docs.rs/tracing).
//!
//! # Whom it trusts
//!
//! The guest not at all, nor what it wrote to its disks. A configuration may come from anybody: it names no path, no
//! interface and no descriptor, and [`VmConfig::validate`] bounds it. What the program opened and put into
//! [`Resources`] is what a machine can reach.

#![deny(missing_docs, unnameable_types)]
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
#[doc(inline)]
pub use devices::backend::block::{CacheMode, DiskError, DiskQueueStatistics, DriveStatus, MediumError, OnError};
#[doc(inline)]
pub use devices::backend::net::{TapError, VhostError, open_tap, open_vhost_net};
#[doc(inline)]
pub use devices::id::DeviceId;
#[doc(inline)]
pub use devices::latency::Latencies;
#[doc(inline)]
pub use devices::rate_limit::{Rate, RateLimit};
#[doc(inline)]
pub use devices::virtio::QueueStatistics;
#[doc(inline)]
pub use devices::virtio::balloon::{BalloonStatus, GuestStatistics};
#[doc(inline)]
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
