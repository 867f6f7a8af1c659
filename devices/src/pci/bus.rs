//! The bus: finds functions by their numbers, and keeps the machine's address spaces as the functions decode them.
//!
//! What is mapped depends only on what the functions' registers say now: after a restore it is the same. Where ranges
//! overlap, the first has the place and the others wait until it is free; the order is that of the buses from the root
//! down, then slots, then BARs. A range behind a bridge is mapped when it lies wholly in an open window of each bridge
//! on the way.

use super::ecam::Ecam;
use super::topology::{Segment, Topology};
use super::{BarMapper, DecodedBar, Forwarding, Mapping, PciAddress, PciFunction, header};
use crate::bus::{BusDevice, Width, read_bytes, write_bytes};
use std::sync::{Arc, Mutex, PoisonError};

/// The PCI buses of a machine. Dropping it takes all ranges off the machine's buses.
pub struct PciBus {
    topology: Topology,
    mapper: Arc<dyn BarMapper>,
    /// What the mapper has; also serialises configuration writes, whose effects on the mappings are compared.
    mapped: Mutex<Vec<Mapping>>,
}

impl PciBus {
    /// A bus with the functions of `topology`; what they decode already is mapped at once.
    pub fn new(topology: Topology, mapper: Arc<dyn BarMapper>) -> Arc<Self> {
        let bus = Arc::new_cyclic(|bus| {
            topology.host_bridge.connect(Arc::new(Ecam::new(bus.clone())));
            Self { topology, mapper, mapped: Mutex::default() }
        });
        bus.update(&mut bus.mapped.lock().unwrap_or_else(PoisonError::into_inner));
        bus
    }

    /// Reads configuration space; all ones where no function answers. An access that is wider than 4 bytes or not
    /// aligned is one of single bytes.
    pub fn read(&self, address: PciAddress, offset: u16, width: Width) -> u64 {
        let Some((function, multi_function)) = self.topology.find(address) else { return width.ones() };
        let read = |offset, width| {
            let value = function.read_config(offset, width);
            if multi_function { with_multi_function(offset, width, value) } else { value }
        };
        if is_plain(offset, width) {
            return u64::from(read(offset, width)) & width.ones();
        }
        read_bytes(width, |position| match byte_offset(offset, position) {
            Some(offset) => {
                let [byte, ..] = read(offset, Width::Byte).to_le_bytes();
                byte
            }
            None => 0xff,
        })
    }

    /// Writes configuration space, as [`PciBus::read`] reads it. Ranges that come or go with it are mapped when it
    /// returns.
    pub fn write(&self, address: PciAddress, offset: u16, width: Width, value: u64) {
        let Some((function, _)) = self.topology.find(address) else { return };
        let mut mapped = self.mapped.lock().unwrap_or_else(PoisonError::into_inner);
        let before = decoding(function.as_ref());
        if is_plain(offset, width) {
            let [a, b, c, d, ..] = (value & width.ones()).to_le_bytes();
            function.write_config(offset, width, u32::from_le_bytes([a, b, c, d]));
        } else {
            write_bytes(width, value, |position, byte| {
                if let Some(offset) = byte_offset(offset, position) {
                    function.write_config(offset, Width::Byte, byte.into());
                }
            });
        }
        if decoding(function.as_ref()) != before {
            self.update(&mut mapped);
        }
    }

    /// Brings the mappings in line with what the functions decode: first what goes, then what comes.
    fn update(&self, mapped: &mut Vec<Mapping>) {
        let mut wanted = Vec::new();
        collect(&self.topology.root, &mut Vec::new(), &mut wanted);
        mapped.retain(|mapping| {
            let stays = wanted.iter().any(|wanted| wanted.is(mapping));
            if !stays {
                self.mapper.unmap(mapping);
            }
            stays
        });
        for wanted in wanted {
            if !mapped.iter().any(|mapping| wanted.is(mapping)) {
                let mapping = wanted.into_mapping();
                self.mapper.map(&mapping);
                mapped.push(mapping);
            }
        }
    }
}

impl Drop for PciBus {
    fn drop(&mut self) {
        let mapped = self.mapped.get_mut().unwrap_or_else(PoisonError::into_inner);
        mapped.iter().for_each(|mapping| self.mapper.unmap(mapping));
    }
}

/// A range that a function is to answer in.
struct Wanted<'a> {
    function: &'a dyn PciFunction,
    decoded: DecodedBar,
    device: Arc<dyn BusDevice>,
}

impl Wanted<'_> {
    fn is(&self, mapping: &Mapping) -> bool {
        let DecodedBar { bar, space, range } = &self.decoded;
        mapping.function == *self.function.id() && (mapping.bar, mapping.space, &mapping.range) == (*bar, *space, range)
    }

    fn overlaps(&self, other: &DecodedBar) -> bool {
        let (mine, other_range) = (&self.decoded.range, &other.range);
        self.decoded.space == other.space && mine.start < other_range.end && other_range.start < mine.end
    }

    fn into_mapping(self) -> Mapping {
        let DecodedBar { bar, space, range } = self.decoded;
        let (function, doorbells) = (self.function.id().clone(), self.function.doorbells(bar));
        Mapping { function, bar, space, range, device: self.device, doorbells }
    }
}

/// Appends what is decoded on `segment` and below and passes the `bridges` on the way, less what overlaps.
fn collect<'a>(segment: &'a Segment, bridges: &mut Vec<Forwarding>, wanted: &mut Vec<Wanted<'a>>) {
    for node in segment.nodes() {
        for decoded in node.function.decoded() {
            let passes = bridges.iter().all(|bridge| forwards(bridge, &decoded));
            if !passes || wanted.iter().any(|wanted| wanted.overlaps(&decoded)) {
                continue;
            }
            if let Some(device) = node.function.bar_device(decoded.bar) {
                wanted.push(Wanted { function: node.function.as_ref(), decoded, device });
            }
        }
    }
    for node in segment.nodes() {
        if let Some(forwarding) = node.function.forwarding() {
            bridges.push(forwarding);
            collect(&node.behind, bridges, wanted);
            bridges.pop();
        }
    }
}

fn forwards(bridge: &Forwarding, decoded: &DecodedBar) -> bool {
    let DecodedBar { space, range, .. } = decoded;
    bridge.windows.iter().any(|(open, window)| open == space && window.start <= range.start && range.end <= window.end)
}

/// What of a function's registers the mappings depend on.
fn decoding(function: &dyn PciFunction) -> (Vec<DecodedBar>, Option<Forwarding>) {
    (function.decoded(), function.forwarding())
}

/// Functions take these accesses as they are.
fn is_plain(offset: u16, width: Width) -> bool {
    width <= Width::Dword && usize::from(offset).is_multiple_of(width.bytes()) && offset < Ecam::FUNCTION_SIZE
}

fn byte_offset(offset: u16, position: u64) -> Option<u16> {
    let offset = offset.checked_add(u16::try_from(position).ok()?)?;
    (offset < Ecam::FUNCTION_SIZE).then_some(offset)
}

/// Sets the bit of the header type that tells of other functions, where it was read.
fn with_multi_function(offset: u16, width: Width, value: u32) -> u32 {
    match header::HEADER_TYPE.checked_sub(offset) {
        Some(position) if usize::from(position) < width.bytes() => {
            value | u32::from(header::MULTI_FUNCTION) << (8 * u32::from(position))
        }
        _ => value,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
