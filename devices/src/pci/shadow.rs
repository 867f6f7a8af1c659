//! Which of the host bridge's registers say what stands between 640 KiB and 1 MiB: RAM, or what is on the bus, firmware
//! above all (82G33 data sheet, 5.1.11 and 5.1.18).
//!
//! | offset | bytes | register |
//! |---|---|---|
//! | 0x90 | 1 | PAM0: bits 4 and 5 for 0xF0000-0xFFFFF |
//! | 0x91-0x96 | 1 each | PAM1-6: bits 0 and 1, then 4 and 5, for 16 KiB each from 0xC0000 on |
//! | 0x9d | 1 | SMRAM: bit 6 opens 0xA0000-0xBFFFF, bit 4 locks; the segment (bits 0 to 2) reads 2 |
//!
//! Of two bits the lower lets reads go to RAM, the upper writes. There is no system management mode, so that the RAM
//! behind 0xA0000 is closed or open for all.

use super::PciConfiguration;
use crate::bus::Width;
use std::ops::Range;

const PAM: u16 = 0x90;
const PAM_REGISTERS: u16 = 7;
/// Both halves of PAM1 to PAM6; of PAM0 only the upper.
const PAM_MASK: u32 = 0x33;
const PAM0_MASK: u32 = 0x30;
const READ_ENABLE: u8 = 1 << 0;
const WRITE_ENABLE: u8 = 1 << 1;

const SMRAM: u16 = 0x9d;
/// The segment at 0xA0000, the only one.
const SMRAM_SEGMENT: u32 = 0b010;
const SMRAM_ENABLE: u32 = 1 << 3;
const SMRAM_LOCK: u32 = 1 << 4;
const SMRAM_CLOSED: u32 = 1 << 5;
const SMRAM_OPEN: u32 = 1 << 6;

const SEGMENT: u64 = 0x4000;
const SMRAM_RANGE: Range<u64> = 0xa_0000..0xc_0000;
const FIRST_SEGMENT: u64 = 0xc_0000;
const LAST_RANGE: Range<u64> = 0xf_0000..0x10_0000;

/// Where accesses go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowAccess {
    /// To the bus: firmware is there, or nothing.
    Bus,
    /// Reads to RAM, writes to the bus, which loses them.
    ReadRam,
    /// Reads to the bus, writes to RAM.
    WriteRam,
    /// To RAM.
    Ram,
}

impl ShadowAccess {
    const fn of(bits: u8) -> Self {
        match (bits & READ_ENABLE != 0, bits & WRITE_ENABLE != 0) {
            (false, false) => Self::Bus,
            (true, false) => Self::ReadRam,
            (false, true) => Self::WriteRam,
            (true, true) => Self::Ram,
        }
    }
}

/// A part of the first MiB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowRegion {
    /// Guest addresses: whole pages.
    pub range: Range<u64>,
    /// Where accesses to them go.
    pub access: ShadowAccess,
}

/// The machine's side: gives the guest RAM where the registers say so.
pub trait ShadowMapper: Send + Sync {
    /// From now on accesses go where `regions` says: all of 0xA0000 to 0xFFFFF, in order of address, neighbours of one
    /// access merged. Called on the vCPU thread, before the configuration write returns, by one thread at a time.
    fn apply(&self, regions: &[ShadowRegion]);
}

/// Declares the registers: all of the firmware's place goes to the bus.
pub(super) fn declare(configuration: &mut PciConfiguration) {
    configuration.make_writable(PAM, Width::Byte, PAM0_MASK);
    for register in PAM + 1..PAM + PAM_REGISTERS {
        configuration.make_writable(register, Width::Byte, PAM_MASK);
    }
    configuration.set(SMRAM, Width::Byte, SMRAM_SEGMENT);
    let bits = SMRAM_ENABLE | SMRAM_LOCK | SMRAM_CLOSED | SMRAM_OPEN;
    configuration.make_writable(SMRAM, Width::Byte, bits);
}

/// A configuration write has changed `before` to what `configuration` has now: a lock that was set stays, and what it
/// locks. Locking closes.
pub(super) fn keep_lock(configuration: &mut PciConfiguration, before: u8) {
    let now = configuration.read(SMRAM, Width::Byte);
    if u32::from(before) & SMRAM_LOCK != 0 {
        configuration.set(SMRAM, Width::Byte, before.into());
    } else if now & SMRAM_LOCK != 0 {
        configuration.set(SMRAM, Width::Byte, now & !SMRAM_OPEN);
    }
}

/// The SMRAM register.
pub(super) fn smram(configuration: &PciConfiguration) -> u8 {
    byte(configuration, SMRAM)
}

/// What the registers say.
pub(super) fn regions(configuration: &PciConfiguration) -> Vec<ShadowRegion> {
    let open = u32::from(smram(configuration)) & SMRAM_OPEN != 0;
    let mut regions =
        vec![ShadowRegion { range: SMRAM_RANGE, access: if open { ShadowAccess::Ram } else { ShadowAccess::Bus } }];
    let segments = (PAM + 1..PAM + PAM_REGISTERS).flat_map(|register| {
        let bits = byte(configuration, register);
        [bits, bits >> 4]
    });
    for (index, bits) in (0..).zip(segments) {
        let start = FIRST_SEGMENT + index * SEGMENT;
        append(&mut regions, start..start + SEGMENT, ShadowAccess::of(bits));
    }
    append(&mut regions, LAST_RANGE, ShadowAccess::of(byte(configuration, PAM) >> 4));
    regions
}

fn append(regions: &mut Vec<ShadowRegion>, range: Range<u64>, access: ShadowAccess) {
    match regions.last_mut() {
        Some(last) if last.access == access => last.range.end = range.end,
        _ => regions.push(ShadowRegion { range, access }),
    }
}

fn byte(configuration: &PciConfiguration, register: u16) -> u8 {
    let [byte, ..] = configuration.read(register, Width::Byte).to_le_bytes();
    byte
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::ShadowAccess::{Bus, Ram, ReadRam, WriteRam};
    use super::*;
    use crate::pci::{HostBridge, PciFunction};
    use proptest::prelude::*;
    use std::sync::{Arc, Mutex};

    /// Remembers what was applied.
    #[derive(Default)]
    struct Mapper(Mutex<Vec<Vec<ShadowRegion>>>);

    impl ShadowMapper for Mapper {
        fn apply(&self, regions: &[ShadowRegion]) {
            self.0.lock().unwrap().push(regions.to_vec());
        }
    }

    impl Mapper {
        fn count(&self) -> usize {
            self.0.lock().unwrap().len()
        }

        fn last(&self) -> Vec<(u64, u64, ShadowAccess)> {
            let applied = self.0.lock().unwrap();
            applied.last().unwrap().iter().map(|it| (it.range.start, it.range.end, it.access)).collect()
        }

        /// Where accesses to an address go.
        fn at(&self, address: u64) -> ShadowAccess {
            let found = self.last().into_iter().find(|(start, end, _)| (*start..*end).contains(&address));
            found.unwrap().2
        }
    }

    fn bridge() -> (HostBridge, Arc<Mapper>) {
        let mapper = Arc::new(Mapper::default());
        let bridge = HostBridge::new("host-bridge".into(), None, Some(mapper.clone()), None).unwrap();
        (bridge, mapper)
    }

    #[test]
    fn at_power_on_firmware_is_on_the_bus() {
        let (bridge, mapper) = bridge();
        assert_eq!(mapper.last(), [(0xa_0000, 0x10_0000, Bus)]);
        assert_eq!(bridge.read_config(0x90, Width::Dword), 0);
        assert_eq!(bridge.read_config(SMRAM, Width::Byte), 0x02);
    }

    #[test]
    fn firmware_makes_its_place_writable_and_read_only_again() {
        let (bridge, mapper) = bridge();
        for register in 0x91..=0x96 {
            bridge.write_config(register, Width::Byte, 0x33);
        }
        bridge.write_config(0x90, Width::Byte, 0x30);
        assert_eq!(mapper.last(), [(0xa_0000, 0xc_0000, Bus), (0xc_0000, 0x10_0000, Ram)]);
        bridge.write_config(0x91, Width::Byte, 0x31);
        bridge.write_config(0x90, Width::Byte, 0x1f);
        assert_eq!(bridge.read_config(0x90, Width::Word), 0x3110);
        let expected = [
            (0xa_0000, 0xc_0000, Bus),
            (0xc_0000, 0xc_4000, ReadRam),
            (0xc_4000, 0xf_0000, Ram),
            (0xf_0000, 0x10_0000, ReadRam),
        ];
        assert_eq!(mapper.last(), expected);
    }

    #[test]
    fn each_half_of_a_register_has_its_16_kib() {
        let (bridge, mapper) = bridge();
        bridge.write_config(0x94, Width::Word, 0x1202);
        let expected = [
            (0xa_0000, 0xd_8000, Bus),
            (0xd_8000, 0xd_c000, WriteRam),
            (0xd_c000, 0xe_0000, Bus),
            (0xe_0000, 0xe_4000, WriteRam),
            (0xe_4000, 0xe_8000, ReadRam),
            (0xe_8000, 0x10_0000, Bus),
        ];
        assert_eq!(mapper.last(), expected);
    }

    #[test]
    fn a_locked_register_stays_closed() {
        let (bridge, mapper) = bridge();
        bridge.write_config(SMRAM, Width::Byte, 0x4a);
        assert_eq!((bridge.read_config(SMRAM, Width::Byte), mapper.at(0xa_0000)), (0x4a, Ram));
        bridge.write_config(SMRAM, Width::Byte, 0x58);
        assert_eq!((bridge.read_config(SMRAM, Width::Byte), mapper.at(0xb_ffff)), (0x1a, Bus));
        for value in [0x40, 0x00, 0xff] {
            bridge.write_config(0x9c, Width::Dword, value << 8);
            assert_eq!((bridge.read_config(SMRAM, Width::Byte), mapper.at(0xa_0000)), (0x1a, Bus));
        }
    }

    #[test]
    fn only_changes_are_applied_and_a_restore_applies_what_was() {
        let (bridge, mapper) = bridge();
        for (register, value) in [(0x90, 0x30), (0x90, 0x30), (0x60, 1), (0x9c, 0)] {
            bridge.write_config(register, Width::Byte, value);
        }
        assert_eq!(mapper.count(), 2, "at power-on, and once more");
        let copy = Arc::new(Mapper::default());
        let state = Some(bridge.save().unwrap().decode().unwrap());
        HostBridge::new("host-bridge".into(), None, Some(copy.clone()), state).unwrap();
        assert_eq!((copy.last(), copy.count()), (mapper.last(), 1));
    }

    #[test]
    fn without_firmware_there_are_no_such_registers() {
        let bridge = HostBridge::new("host-bridge".into(), None, None, None).unwrap();
        bridge.write_config(0x90, Width::Dword, u32::MAX);
        assert_eq!((bridge.read_config(0x90, Width::Dword), bridge.read_config(SMRAM, Width::Byte)), (0, 0));
    }

    /// What a register's bits say of an address, looked up one by one.
    fn naive(registers: [u8; 7], address: u64) -> ShadowAccess {
        let bits = match address {
            0xf_0000.. => registers[0] >> 4,
            _ => {
                let segment = usize::try_from((address - 0xc_0000) >> 14).unwrap();
                registers[1 + segment / 2] >> (4 * (segment % 2))
            }
        };
        [Bus, ReadRam, WriteRam, Ram][usize::from(bits & 3)]
    }

    proptest! {
        #[test]
        fn any_registers_say_of_each_address_what_the_data_sheet_says(
            registers: [u8; 7], address in 0xc_0000u64..0x10_0000
        ) {
            let (bridge, mapper) = bridge();
            for (offset, value) in (0x90..).zip(registers) {
                bridge.write_config(offset, Width::Byte, value.into());
            }
            prop_assert_eq!(mapper.at(address), naive(registers, address));
            let regions = mapper.last();
            prop_assert_eq!((regions[0].0, regions[regions.len() - 1].1), (0xa_0000, 0x10_0000));
            prop_assert!(regions.windows(2).all(|pair| pair[0].1 == pair[1].0 && pair[0].2 != pair[1].2));
        }

        #[test]
        fn a_lock_holds_against_any_writes_and_survives_a_restore(
            writes in prop::collection::vec((0x98u16..0xa0, 0usize..3, any::<u32>()), 0..12)
        ) {
            let (bridge, mapper) = bridge();
            let mut locked = None;
            for (offset, width, value) in writes {
                let width = [Width::Byte, Width::Word, Width::Dword][width];
                bridge.write_config(offset & !u16::try_from(width.bytes() - 1).unwrap(), width, value);
                let now = bridge.read_config(SMRAM, Width::Byte);
                prop_assert_eq!(now & 0x87, SMRAM_SEGMENT);
                prop_assert_eq!(mapper.at(0xb_0000), if now & SMRAM_OPEN != 0 { Ram } else { Bus });
                if now & SMRAM_LOCK != 0 {
                    prop_assert_eq!(*locked.get_or_insert(now), now);
                    prop_assert_eq!(now & SMRAM_OPEN, 0);
                }
            }
            let saved = bridge.save().unwrap();
            let copy = Arc::new(Mapper::default());
            let restored = HostBridge::new("host-bridge".into(), None, Some(copy.clone()), Some(saved.decode().unwrap()));
            prop_assert_eq!((copy.last(), restored.unwrap().save().unwrap()), (mapper.last(), saved));
        }
    }
}
