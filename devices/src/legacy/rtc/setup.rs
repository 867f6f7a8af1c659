//! What PC firmware finds in the clock's RAM: how much memory and how many processors there are, and what to boot from.
//!
//! | register | value |
//! |---|---|
//! | 0x14 | equipment: a coprocessor |
//! | 0x15, 0x16 | KiB below 640 KiB |
//! | 0x17, 0x18 and 0x30, 0x31 | KiB from 1 MiB on, at most 63 MiB |
//! | 0x34, 0x35 | units of 64 KiB from 16 MiB on, below 4 GiB |
//! | 0x3d, 0x38 | first and second, third boot device; bit 0 of 0x38: disks need no signature to boot from a floppy |
//! | 0x5b to 0x5d | units of 64 KiB from 4 GiB on |
//! | 0x5f | processors beside the first |

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const UNIT: u64 = 64 * KIB;
const EQUIPMENT: u8 = 0b10;
const BASE_KIB: u16 = 640;
/// The firmware checks no floppy's signature.
const NO_FLOPPY_CHECK: u8 = 1 << 0;

/// What a machine boots from, as firmware numbers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootSource {
    /// A disk.
    Disk = 2,
    /// A CD-ROM.
    Cdrom = 3,
    /// A network device.
    Network = 4,
}

/// What the firmware is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareSetup {
    /// Bytes of RAM below 4 GiB, from address 0 on.
    pub low_ram: u64,
    /// Bytes of RAM from 4 GiB on.
    pub high_ram: u64,
    /// vCPUs that start with the machine, at least one.
    pub cpus: u32,
    /// What is tried in turn. Firmware prefers the file `bootorder`.
    pub boot: [BootSource; 3],
}

impl FirmwareSetup {
    /// Registers and their values.
    pub(super) fn registers(&self) -> [(u8, u8); 15] {
        let extended = words(self.low_ram.saturating_sub(MIB) / KIB, 63 * KIB);
        let from_16m = words(self.low_ram.saturating_sub(16 * MIB) / UNIT, u64::from(u16::MAX));
        let [high_0, high_1, high_2, ..] = (self.high_ram / UNIT).min(0xff_ffff).to_le_bytes();
        let [base_low, base_high] = BASE_KIB.to_le_bytes();
        let [first, second, third] = self.boot.map(|source| source as u8);
        let others = u8::try_from(self.cpus.saturating_sub(1)).unwrap_or(u8::MAX);
        [
            (0x14, EQUIPMENT),
            (0x15, base_low),
            (0x16, base_high),
            (0x17, extended[0]),
            (0x18, extended[1]),
            (0x30, extended[0]),
            (0x31, extended[1]),
            (0x34, from_16m[0]),
            (0x35, from_16m[1]),
            (0x38, third << 4 | NO_FLOPPY_CHECK),
            (0x3d, second << 4 | first),
            (0x5b, high_0),
            (0x5c, high_1),
            (0x5d, high_2),
            (0x5f, others),
        ]
    }
}

/// `value`, at most `limit`, as two registers; the limit has 16 bits.
fn words(value: u64, limit: u64) -> [u8; 2] {
    u16::try_from(value.min(limit)).unwrap_or(u16::MAX).to_le_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const GIB: u64 = 1 << 30;

    fn setup(low_ram: u64, high_ram: u64) -> FirmwareSetup {
        let boot = [BootSource::Disk, BootSource::Cdrom, BootSource::Network];
        FirmwareSetup { low_ram, high_ram, cpus: 4, boot }
    }

    fn number(setup: &FirmwareSetup, registers: &[u8]) -> u64 {
        let all = setup.registers();
        let value = |register: &u8| u64::from(all.iter().find(|(at, _)| at == register).unwrap().1);
        registers.iter().rev().fold(0, |sum, register| sum << 8 | value(register))
    }

    #[test]
    fn firmware_reads_sizes_processors_and_boot_order() {
        let setup = setup(2 * GIB, 3 * GIB);
        assert_eq!(number(&setup, &[0x15, 0x16]), 640);
        assert_eq!(number(&setup, &[0x17, 0x18]), 63 * 1024);
        assert_eq!(number(&setup, &[0x30, 0x31]), 63 * 1024);
        assert_eq!(number(&setup, &[0x34, 0x35]) * UNIT + 16 * MIB, 2 * GIB);
        assert_eq!(number(&setup, &[0x5b, 0x5c, 0x5d]) * UNIT, 3 * GIB);
        assert_eq!((number(&setup, &[0x5f]), number(&setup, &[0x3d]), number(&setup, &[0x38])), (3, 0x32, 0x41));
    }

    #[test]
    fn a_machine_of_16_mib_has_nothing_beyond() {
        let setup = setup(16 * MIB, 0);
        assert_eq!(number(&setup, &[0x30, 0x31]), 15 * 1024);
        assert_eq!((number(&setup, &[0x34, 0x35]), number(&setup, &[0x5b, 0x5c, 0x5d])), (0, 0));
    }

    proptest! {
        #[test]
        fn sizes_are_never_told_too_large(low in 0u64..=4 * GIB, high in 0u64..1 << 46) {
            let setup = setup(low, high);
            let low_told = number(&setup, &[0x34, 0x35]) * UNIT;
            prop_assert!(low_told == 0 || low_told + 16 * MIB <= low);
            prop_assert!(low.saturating_sub(16 * MIB) - low_told < 2 * UNIT);
            prop_assert!(number(&setup, &[0x5b, 0x5c, 0x5d]) * UNIT <= high);
        }
    }
}
