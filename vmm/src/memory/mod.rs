//! Guest memory: its mappings, the devices' view of it, and KVM's memory slots.
//!
//! ```text
//!  Mapping      pages of this process, host address congruent to guest address modulo 2 MiB
//!    └ RamRegion    a mapping at a guest address, with its dirty bitmap
//!        ├ GuestRam / Memory    what devices read and write (vm-memory)
//!        └ AddressSpace         what KVM has: ranges -> plan -> MemorySlots
//! ```

#![cfg_attr(not(test), expect(dead_code, reason = "seams with no user yet: dirty logs (migration)"))]

mod address_space;
mod barrier;
mod dirty;
mod file;
pub mod layout;
mod mapping;
mod pages;
mod plan;
mod range;
mod region;
mod slots;

pub(crate) use address_space::{AddressSpace, AddressSpaceListener, CommitError};
pub(crate) use barrier::{BarrierGuard, VcpuBarrier};
pub(crate) use file::read_exact_at;
pub(crate) use mapping::MappingError;
pub(crate) use pages::RamPages;
pub(crate) use range::{AddressRange, Kind};
pub(crate) use region::RamRegion;
pub(crate) use slots::{MemorySlots, Slot, SlotError, SlotId};

use vm_memory::{GuestMemoryAtomic, GuestRegionCollection};

/// All RAM, as devices and loaders see it.
pub(crate) type GuestRam = GuestRegionCollection<RamRegion>;
/// The RAM of a running machine, which can change (hotplug): the `M` of devices.
pub(crate) type Memory = GuestMemoryAtomic<GuestRam>;
