//! What the bus knows of a function, and what the machine knows of the ranges it answers in.

use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;
use vmm_sys_util::eventfd::EventFd;

/// The number that a function's expansion ROM has among its BARs.
pub const ROM_BAR: u8 = 6;

/// One of the two address spaces that functions answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Space {
    /// Ports.
    Io,
    /// Memory.
    Memory,
}

/// A range that a function decodes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecodedBar {
    /// 0 to 5 are BARs, [`ROM_BAR`] is the expansion ROM; from 7 on, ranges that registers of the function's own place.
    pub bar: u8,
    /// Where the range is.
    pub space: Space,
    /// The addresses; not empty.
    pub range: Range<u64>,
}

/// What a bridge passes on to its secondary bus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forwarding {
    /// Bus numbers from the secondary to the subordinate bus.
    pub buses: RangeInclusive<u8>,
    /// The windows that are open: what lies wholly in one of them reaches the secondary bus.
    pub windows: Vec<(Space, Range<u64>)>,
}

/// A write that notifies: the machine may turn it into an event without a way through the bus.
#[derive(Clone, Debug)]
pub struct Doorbell {
    /// Bytes from the start of the BAR.
    pub offset: u64,
    /// The width that the write must have; `None`: any.
    pub width: Option<Width>,
    /// The value that must be written; `None`: any. Only with a width.
    pub datamatch: Option<u32>,
    /// What the write raises. The same write over the bus has the same effect.
    pub event: Arc<EventFd>,
}

/// One function of a device. Accesses come from several vCPU threads at a time.
///
/// Offsets are below 4096, widths are 1, 2 or 4, and accesses are aligned to their width.
pub trait PciFunction: Send + Sync {
    /// The function's name.
    fn id(&self) -> &DeviceId;
    /// Reads configuration space; bits above the width are ignored.
    fn read_config(&self, offset: u16, width: Width) -> u32;
    /// Writes the low `width` bytes of `value` to configuration space.
    fn write_config(&self, offset: u16, width: Width, value: u32);
    /// The ranges that decode now: what the command register and the BARs say. Only writes to the function's own
    /// configuration space change it.
    fn decoded(&self) -> Vec<DecodedBar>;
    /// What answers in the range that [`PciFunction::decoded`] gives this number.
    fn bar_device(&self, bar: u8) -> Option<Arc<dyn BusDevice>>;
    /// The doorbells in that range; they never change.
    fn doorbells(&self, bar: u8) -> Vec<Doorbell> {
        let _ = bar;
        Vec::new()
    }
    /// What a bridge passes on now; `None`: the function is no bridge. Only writes to the function's own configuration
    /// space change it.
    fn forwarding(&self) -> Option<Forwarding> {
        None
    }
}

/// A range in which a function is reached.
#[derive(Clone)]
pub struct Mapping {
    /// Whose range.
    pub function: DeviceId,
    /// Its number: [`DecodedBar::bar`].
    pub bar: u8,
    /// Where the range is.
    pub space: Space,
    /// The addresses.
    pub range: Range<u64>,
    /// What answers there.
    pub device: Arc<dyn BusDevice>,
    /// Its doorbells, relative to the start of the range.
    pub doorbells: Vec<Doorbell>,
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { function, bar, space, range, .. } = self;
        write!(f, "{function} range {bar} at {space:?} {:#x}..{:#x}", range.start, range.end)
    }
}

/// The machine's side: puts ranges on its buses and takes them off again, with their doorbells.
///
/// Called on the vCPU thread, before the configuration write returns, by one thread at a time. Mappings never overlap
/// each other, but a guest can put them on RAM or on other devices: such a mapping stays out of reach, and its `unmap`
/// comes all the same.
pub trait BarMapper: Send + Sync {
    /// Lets the function answer there.
    fn map(&self, mapping: &Mapping);
    /// Undoes [`BarMapper::map`] of an equal mapping.
    fn unmap(&self, mapping: &Mapping);
}
