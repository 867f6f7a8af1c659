//! From a declarative list of ranges to the fewest changes of KVM's slots. Pure: no hypervisor is asked.

use super::layout::PAGE_SIZE;
use super::range::{AddressRange, Kind};
use super::slots::{Slot, SlotId};
use std::collections::BTreeMap;
use std::sync::Arc;
use thiserror::Error;

/// The slots that exist, by number.
pub(crate) type SlotTable = BTreeMap<SlotId, Slot>;

/// A range that cannot be mapped.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub(crate) enum RangeError {
    /// The range, or its offset, is not whole pages, or it ends before it starts.
    #[error("The address range {start:#x} to {end:#x} (offset {offset:#x}) is not a range of whole pages")]
    NotPages {
        /// First address.
        start: u64,
        /// Address after the last.
        end: u64,
        /// Offset in its region.
        offset: u64,
    },
    /// The range wants more of its region than there is.
    #[error("The address range {start:#x} to {end:#x} (offset {offset:#x}) is larger than its region of {size} bytes")]
    BeyondRegion {
        /// First address.
        start: u64,
        /// Address after the last.
        end: u64,
        /// Offset in its region.
        offset: u64,
        /// Bytes of the region.
        size: u64,
    },
}

/// One step from the slots there are to the slots there shall be.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// The slot goes. KVM can neither split a slot nor change its `readonly` flag.
    Remove(SlotId),
    /// The slot comes; its number is free by now.
    Create(SlotId, Slot),
    /// Only `log_dirty` changes: the one thing that KVM changes in place.
    Relog(SlotId, Slot),
}

/// The steps, removals first.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    pub(crate) changes: Vec<Change>,
}

impl Plan {
    /// Memory goes away, if only for a moment: no vCPU may run meanwhile.
    pub(crate) fn needs_barrier(&self) -> bool {
        self.changes.iter().any(|change| matches!(change, Change::Remove(_)))
    }
}

/// Resolves overlaps (later ranges win) and gives the slots that this needs, in order of address: disjoint, and
/// merged where one continues the other.
///
/// # Errors
/// A range is not whole pages or not inside its region.
pub(crate) fn flatten(ranges: &[AddressRange], log_dirty: bool) -> Result<Vec<Slot>, RangeError> {
    ranges.iter().try_for_each(check)?;
    let mut borders: Vec<u64> = ranges.iter().flat_map(|entry| [entry.range.start, entry.range.end]).collect();
    borders.sort_unstable();
    borders.dedup();
    let mut slots: Vec<Slot> = Vec::new();
    for (start, end) in borders.iter().copied().zip(borders.iter().copied().skip(1)) {
        // No range begins or ends between two borders, so who has the first address has them all.
        let Some(winner) = ranges.iter().rev().find(|entry| entry.range.contains(&start)) else { continue };
        let Some((region, offset, readonly)) = backing(&winner.kind) else { continue };
        let offset = offset + (start - winner.range.start);
        match slots.last_mut() {
            Some(last)
                if last.range.end == start
                    && last.readonly == readonly
                    && Arc::ptr_eq(&last.region, region)
                    && last.offset + last.len() == offset =>
            {
                last.range.end = end;
            }
            _ => slots.push(Slot { range: start..end, region: Arc::clone(region), offset, readonly, log_dirty }),
        }
    }
    Ok(slots)
}

/// The fewest changes that make `desired` of `current`: a slot that stays as it is is not touched, freed numbers are
/// used again, lowest first.
pub(crate) fn plan(current: &SlotTable, desired: &[Slot]) -> Plan {
    let by_start: BTreeMap<u64, &Slot> = desired.iter().map(|slot| (slot.range.start, slot)).collect();
    let mut changes = Vec::new();
    let mut relogged = Vec::new();
    let mut kept = BTreeMap::new();
    for (id, old) in current {
        match by_start.get(&old.range.start).filter(|new| same_memory(old, new)) {
            None => changes.push(Change::Remove(*id)),
            Some(new) => {
                kept.insert(old.range.start, *id);
                if new.log_dirty != old.log_dirty {
                    relogged.push(Change::Relog(*id, (*new).clone()));
                }
            }
        }
    }
    changes.append(&mut relogged);
    let used: Vec<SlotId> = kept.values().copied().collect();
    let mut free = (0..).map(SlotId).filter(|id| !used.contains(id));
    let new = desired.iter().filter(|slot| !kept.contains_key(&slot.range.start));
    changes.extend(new.zip(&mut free).map(|(slot, id)| Change::Create(id, slot.clone())));
    Plan { changes }
}

/// The same pages at the same addresses with the same rights.
pub(crate) fn same_memory(a: &Slot, b: &Slot) -> bool {
    a.range == b.range && a.offset == b.offset && a.readonly == b.readonly && Arc::ptr_eq(&a.region, &b.region)
}

/// Region, offset and whether the guest can only read; `None`: no slot. To KVM a ROM and a ROM device are the same:
/// a write leaves the guest, and the bus knows whether a device takes it.
fn backing(kind: &Kind) -> Option<(&Arc<super::RamRegion>, u64, bool)> {
    match kind {
        Kind::Ram { region, offset } => Some((region, *offset, false)),
        Kind::Rom { region, offset } | Kind::RomDevice { region, offset } => Some((region, *offset, true)),
        Kind::Mmio | Kind::Hole => None,
    }
}

fn check(entry: &AddressRange) -> Result<(), RangeError> {
    let (start, end) = (entry.range.start, entry.range.end);
    let (region, offset) = match backing(&entry.kind) {
        Some((region, offset, _)) => (Some(region), offset),
        None => (None, 0),
    };
    if start > end || [start, end, offset].iter().any(|value| !value.is_multiple_of(PAGE_SIZE)) {
        return Err(RangeError::NotPages { start, end, offset });
    }
    match region.map(|region| region.mapping().len()) {
        Some(size) if offset.checked_add(end - start).is_none_or(|needed| needed > size) => {
            Err(RangeError::BeyondRegion { start, end, offset, size })
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
