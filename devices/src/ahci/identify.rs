//! What a device says of itself: IDENTIFY DEVICE and IDENTIFY PACKET DEVICE (ACS-3 7.12, 7.13).

/// Words of the data.
const WORDS: usize = 256;
/// Sectors of a READ MULTIPLE, and blocks of ranges in one TRIM.
pub(super) const MULTIPLE: u16 = 16;
pub(super) const TRIM_BLOCKS: u16 = 8;

/// The data in the making.
struct Words([u16; WORDS]);

impl Words {
    fn new(model: &str, serial: &str) -> Self {
        let mut words = Self([0; WORDS]);
        words.text(10, 10, serial);
        words.text(23, 4, "1.0");
        words.text(27, 20, model);
        words.set(&[
            (49, 0x0f00), // DMA, LBA, IORDY
            (53, 0x0007), // words 54 to 58, 64 to 70 and 88 hold
            (63, 0x0007), // multiword DMA 0 to 2
            (64, 0x0003),
            (65, 120),
            (66, 120),
            (67, 120),
            (68, 120),
            (80, 0x01f0), // ATA-4 to ATA8-ACS
            (88, 0x407f), // Ultra DMA 0 to 6, 6 is chosen
        ]);
        words
    }

    fn set(&mut self, values: &[(usize, u16)]) {
        for (at, value) in values {
            if let Some(word) = self.0.get_mut(*at) {
                *word = *value;
            }
        }
    }

    /// Characters, two to a word with the first in its upper half, padded with spaces.
    fn text(&mut self, at: usize, words: usize, text: &str) {
        let mut bytes = text.bytes().chain(std::iter::repeat(b' '));
        for word in self.0.iter_mut().skip(at).take(words) {
            *word = u16::from_be_bytes([bytes.next().unwrap_or(b' '), bytes.next().unwrap_or(b' ')]);
        }
    }

    /// The bytes, with their checksum.
    fn finish(self) -> Vec<u8> {
        let mut bytes: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        bytes.truncate(2 * WORDS - 2);
        bytes.push(0xa5);
        bytes.push(bytes.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte)));
        bytes
    }
}

/// What differs between disks.
pub(super) struct DiskIdentity<'a> {
    pub(super) serial: &'a str,
    pub(super) sectors: u64,
    /// There is a write cache, and it is on.
    pub(super) cached: bool,
    pub(super) write_cache: bool,
    /// Sectors can be given back.
    pub(super) discard: bool,
}

/// A disk.
pub(super) fn disk(identity: &DiskIdentity<'_>) -> Vec<u8> {
    let DiskIdentity { serial, sectors, cached, write_cache, discard } = *identity;
    let mut words = Words::new("PODVISOR HARDDISK", serial);
    let cache = |there: bool| if there { 0x20 } else { 0 };
    let [s0, s1, s2, s3] = quarters(sectors);
    let [l0, l1, _, _] = quarters(sectors.min(0x0fff_ffff));
    words.set(&[
        (0, 0x0040),
        (1, 16383),
        (3, 16),
        (6, 63),
        (47, 0x8000 | MULTIPLE),
        (50, 0x4000),
        (54, 16383),
        (55, 16),
        (56, 63),
        (57, 0xfc10), // the sectors of that geometry
        (58, 0x00fb),
        (59, 0x0100 | MULTIPLE),
        (60, l0),
        (61, l1),
        (75, 31),                     // 32 queued commands
        (76, 0x010e),                 // 1.5, 3 and 6 Gbit/s, native command queuing
        (82, 0x0041 | cache(cached)), // SMART, write cache, look-ahead
        (83, 0x7400),                 // 48-bit addresses, both forms of FLUSH CACHE
        (84, 0x4060),                 // forced writes, logs
        (85, 0x0041 | cache(write_cache)),
        (86, 0x3400),
        (87, 0x4060),
        (100, s0),
        (101, s1),
        (102, s2),
        (103, s3),
        (105, if discard { TRIM_BLOCKS } else { 0 }),
        (106, 0x4000),
        (119, 0x4000),
        (120, 0x4000),
        (169, discard.into()), // TRIM
        (217, 0x0001),         // nothing turns
    ]);
    words.finish()
}

/// An ATAPI drive with commands of 12 bytes.
pub(super) fn drive(serial: &str) -> Vec<u8> {
    let mut words = Words::new("PODVISOR CD-ROM", serial);
    words.set(&[
        (0, 0x85c0),
        (76, 0x000e),
        (82, 0x0210), // PACKET, DEVICE RESET
        (83, 0x4000),
        (84, 0x4000),
        (85, 0x0210),
        (87, 0x4000),
    ]);
    words.finish()
}

fn quarters(value: u64) -> [u16; 4] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [[a, b], [c, d], [e, f], [g, h]].map(u16::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk_of(sectors: u64, write_cache: bool) -> Vec<u8> {
        disk(&DiskIdentity { serial: "S-1", sectors, cached: true, write_cache, discard: true })
    }

    fn word(data: &[u8], at: usize) -> u16 {
        u16::from_le_bytes([data[2 * at], data[2 * at + 1]])
    }

    #[test]
    fn both_have_512_bytes_whose_sum_is_zero() {
        for data in [disk_of(64, true), drive("S-2")] {
            assert_eq!((data.len(), data[510]), (512, 0xa5));
            assert_eq!(data.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), 0);
        }
    }

    #[test]
    fn the_size_is_told_twice_and_the_short_one_ends_at_128_gib() {
        let data = disk_of(0x1_2345_6789, false);
        assert_eq!([100, 101, 102, 103].map(|at| word(&data, at)), [0x6789, 0x2345, 1, 0]);
        assert_eq!([60, 61].map(|at| word(&data, at)), [0xffff, 0x0fff]);
        assert_eq!((word(&data, 85) & 0x20, word(&disk_of(1, true), 85) & 0x20), (0, 0x20));
        assert_eq!(&data[20..24], b"-S 1", "characters are swapped in pairs");
        assert_eq!(&data[54..60], b"OPVDSI");
    }
}
