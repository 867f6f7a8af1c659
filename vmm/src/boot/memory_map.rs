//! The guest's memory map: E820 for Linux, the same numbers for PVH.

use crate::memory::layout::{ACPI_TABLES, RESERVED};
use std::ops::Range;

/// What an address range is to the guest. The numbers are E820's (ACPI 6.5 table 15.7) and PVH's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MapKind {
    /// The guest's to use.
    Ram,
    /// Not RAM, or not to be touched.
    Reserved,
    /// ACPI tables: the guest's to use once it has read them.
    Acpi,
}

impl MapKind {
    /// As E820 and PVH number it.
    pub(super) fn number(self) -> u32 {
        match self {
            Self::Ram => 1,
            Self::Reserved => 2,
            Self::Acpi => 3,
        }
    }
}

/// One entry of the map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct MapEntry {
    pub(super) range: Range<u64>,
    pub(super) kind: MapKind,
}

/// The map of a machine with this RAM, and with `devices` reserved beyond what every board reserves: in order of
/// address, without overlap, neighbours of one kind merged.
pub(super) fn memory_map(
    ram: impl IntoIterator<Item = Range<u64>>,
    devices: Option<Range<u64>>,
    acpi: bool,
) -> Vec<MapEntry> {
    let mut entries: Vec<MapEntry> = Vec::new();
    for ram in ram {
        let mut start = ram.start;
        for hole in RESERVED.iter().filter(|hole| hole.start < ram.end && hole.end > ram.start) {
            entries.push(MapEntry { range: start..hole.start, kind: MapKind::Ram });
            start = hole.end;
        }
        entries.push(MapEntry { range: start..ram.end, kind: MapKind::Ram });
    }
    entries.extend(RESERVED.into_iter().map(|range| {
        let kind = if acpi && range == ACPI_TABLES { MapKind::Acpi } else { MapKind::Reserved };
        MapEntry { range, kind }
    }));
    entries.extend(devices.map(|range| MapEntry { range, kind: MapKind::Reserved }));
    entries.retain(|entry| !entry.range.is_empty());
    entries.sort_by_key(|entry| entry.range.start);
    entries.dedup_by(|next, entry| {
        let merges = entry.kind == next.kind && entry.range.end == next.range.start;
        if merges {
            entry.range.end = next.range.end;
        }
        merges
    });
    entries
}

#[cfg(test)]
mod tests {
    use super::MapKind::{Acpi, Ram, Reserved};
    use super::*;
    use crate::memory::layout::{ECAM, SPLIT_FROM, ram_ranges};

    fn map(size: u64, acpi: bool) -> Vec<(Range<u64>, MapKind)> {
        memory_map(ram_ranges(size), None, acpi).into_iter().map(|entry| (entry.range, entry.kind)).collect()
    }

    #[test]
    fn a_small_machine_has_ram_around_the_bios_area_and_kvm_s_pages() {
        let expected = [
            (0..0x9_fc00, Ram),
            (0x9_fc00..0xe_0000, Reserved),
            (0xe_0000..0xf_0000, Acpi),
            (0xf_0000..0x10_0000, Reserved),
            (0x10_0000..0x100_0000, Ram),
            (0xfeff_c000..0xff00_0000, Reserved),
        ];
        assert_eq!(map(16 << 20, true), expected);
    }

    #[test]
    fn without_acpi_the_whole_bios_area_is_reserved() {
        let expected = [
            (0..0x9_fc00, Ram),
            (0x9_fc00..0x10_0000, Reserved),
            (0x10_0000..0x100_0000, Ram),
            (0xfeff_c000..0xff00_0000, Reserved),
        ];
        assert_eq!(map(16 << 20, false), expected);
    }

    #[test]
    fn a_large_machine_goes_on_above_4_gib() {
        let map = map(SPLIT_FROM, false);
        assert_eq!(map[2], (0x10_0000..0x8000_0000, Ram));
        assert_eq!(map[4], (0x1_0000_0000..0x1_3000_0000, Ram));
        assert_eq!(map.len(), 5);
    }

    #[test]
    fn what_a_board_reserves_is_reserved() {
        let map = memory_map(ram_ranges(4 << 30), Some(ECAM), true);
        let entry = map.iter().find(|entry| entry.range == ECAM).map(|entry| entry.kind);
        assert_eq!(entry, Some(Reserved));
    }

    #[test]
    fn entries_are_in_order_and_disjoint_for_every_size() {
        for size in [16 << 20, 128 << 20, SPLIT_FROM - 4096, SPLIT_FROM, 1 << 40] {
            let map = map(size, true);
            assert!(map.windows(2).all(|pair| pair[0].0.end <= pair[1].0.start), "{map:x?}");
            let ram: u64 = map.iter().filter(|(_, kind)| *kind == Ram).map(|(range, _)| range.end - range.start).sum();
            assert_eq!(ram, size - (0x10_0000 - 0x9_fc00));
        }
    }

    #[test]
    fn kinds_have_the_numbers_of_e820() {
        assert_eq!([Ram, Reserved, Acpi].map(MapKind::number), [1, 2, 3]);
    }
}
