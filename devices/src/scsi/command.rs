//! Command descriptor blocks (SPC-4, SBC-3, MMC-6): bytes to what they ask for. Nothing is decided here but whether the
//! fields are possible.

use super::Sense;

/// Bytes of the longest block that is understood; what a transport does not carry is zero.
const LONGEST: usize = 16;

/// What an initiator asks for. Blocks are the unit's; allocation lengths are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    TestUnitReady,
    RequestSense {
        descriptor: bool,
        room: u32,
    },
    Inquiry {
        page: Option<u8>,
        room: u32,
    },
    ReadCapacity10,
    ReadCapacity16 {
        room: u32,
    },
    Read {
        block: u64,
        count: u32,
    },
    Write {
        block: u64,
        count: u32,
        through: bool,
    },
    Verify {
        block: u64,
        count: u32,
    },
    SynchronizeCache,
    Unmap {
        length: u32,
    },
    WriteSame {
        block: u64,
        count: u32,
        zeros: bool,
        unmap: bool,
    },
    ModeSense {
        page: u8,
        subpage: u8,
        values: u8,
        descriptor: bool,
        long: bool,
        room: u32,
    },
    ModeSelect {
        long: bool,
        length: u32,
    },
    StartStop {
        start: bool,
        load_eject: bool,
    },
    PreventRemoval(bool),
    ReportLuns {
        room: u32,
    },
    ReadToc {
        minutes: bool,
        format: u8,
        track: u8,
        room: u32,
    },
    GetConfiguration {
        which: u8,
        first: u16,
        room: u32,
    },
    GetEventStatus {
        classes: u8,
        room: u32,
    },
    ReadDiscInformation {
        room: u32,
    },
    MechanismStatus {
        room: u32,
    },
    /// Nothing to do: SEEK, SET CD SPEED, READ CD of no data.
    Nothing,
}

/// A block with zeros behind its end.
struct Block([u8; LONGEST]);

impl Block {
    fn new(bytes: &[u8]) -> Self {
        let mut block = [0; LONGEST];
        for (to, from) in block.iter_mut().zip(bytes) {
            *to = *from;
        }
        Self(block)
    }

    /// The byte at `at`: all of ours are below [`LONGEST`].
    fn byte(&self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or_default()
    }

    fn bit(&self, at: usize, bit: u8) -> bool {
        self.byte(at) & 1 << bit != 0
    }

    /// The big-endian number of `count` bytes.
    fn number(&self, at: usize, count: usize) -> u64 {
        (at..at + count).fold(0, |number, at| number << 8 | u64::from(self.byte(at)))
    }

    /// The same, of at most 4 bytes.
    fn short(&self, at: usize, count: usize) -> u32 {
        u32::try_from(self.number(at, count)).unwrap_or(u32::MAX)
    }

    /// Block address and count of the 6-, 10-, 12- and 16-byte forms (SPC-4 4.2.5).
    fn range(&self) -> (u64, u32) {
        match self.byte(0) >> 5 {
            // In the short form no blocks are 256.
            0 => (self.number(1, 3) & 0x1f_ffff, if self.byte(4) == 0 { 256 } else { self.byte(4).into() }),
            1 | 2 => (self.number(2, 4), self.short(7, 2)),
            4 => (self.number(2, 8), self.short(10, 4)),
            _ => (self.number(2, 4), self.short(6, 4)),
        }
    }

    /// As [`Block::range`], where the three bits of protection information must be clear, which no unit has.
    fn unprotected(&self) -> Result<(u64, u32), Sense> {
        let short = self.byte(0) >> 5 == 0;
        if short || self.byte(1) & 0xe0 == 0 { Ok(self.range()) } else { Err(Sense::BAD_FIELD) }
    }
}

impl Command {
    /// Understands `cdb`, of any length.
    ///
    /// # Errors
    /// It asks for something that no unit here does.
    pub(super) fn parse(cdb: &[u8]) -> Result<Self, Sense> {
        let block = Block::new(cdb);
        match block.byte(0) {
            0x00 => Ok(Self::TestUnitReady),
            0x03 => Ok(Self::RequestSense { descriptor: block.bit(1, 0), room: block.short(4, 1) }),
            0x12 => {
                let page = block.bit(1, 0).then(|| block.byte(2));
                // A page that nobody asked for.
                if page.is_none() && block.byte(2) != 0 {
                    return Err(Sense::BAD_FIELD);
                }
                Ok(Self::Inquiry { page, room: block.short(3, 2) })
            }
            0x15 | 0x55 => Self::mode_select(&block),
            0x1a | 0x5a => Ok(Self::mode_sense(&block)),
            0x1b => Self::start_stop(&block),
            0x1e => Ok(Self::PreventRemoval(block.bit(4, 0))),
            0x25 => Ok(Self::ReadCapacity10),
            0x9e if block.byte(1) & 0x1f == 0x10 => Ok(Self::ReadCapacity16 { room: block.short(10, 4) }),
            0x9e => Err(Sense::BAD_FIELD),
            0x08 | 0x28 | 0xa8 | 0x88 => {
                let (block, count) = block.unprotected()?;
                Ok(Self::Read { block, count })
            }
            // WRITE, and WRITE AND VERIFY without comparing.
            0x0a | 0x2a | 0xaa | 0x8a => {
                let through = block.byte(0) != 0x0a && block.bit(1, 3);
                let (block, count) = block.unprotected()?;
                Ok(Self::Write { block, count, through })
            }
            // Bytes to compare with are not taken.
            0x2f | 0xaf | 0x8f if block.byte(1) & 0x06 == 0 => {
                let (block, count) = block.unprotected()?;
                Ok(Self::Verify { block, count })
            }
            0x2f | 0xaf | 0x8f => Err(Sense::BAD_FIELD),
            0x35 | 0x91 => Ok(Self::SynchronizeCache),
            // An anchor is nothing that a unit here could keep.
            0x42 if block.bit(1, 0) => Err(Sense::BAD_FIELD),
            0x42 => Ok(Self::Unmap { length: block.short(7, 2) }),
            0x41 | 0x93 => Self::write_same(&block),
            // SERVICE ACTION reserve and read: reservations are refused, whichever.
            0xa0 => Ok(Self::ReportLuns { room: block.short(6, 4) }),
            other => Self::of_a_disc(other, &block),
        }
    }

    /// What only a CD-ROM drive is asked for (MMC-6 chapter 6).
    fn of_a_disc(code: u8, block: &Block) -> Result<Self, Sense> {
        match code {
            0x43 => {
                // Old initiators have the format in the last byte.
                let format = if block.byte(2) & 0xf == 0 { block.byte(9) >> 6 } else { block.byte(2) & 0xf };
                let (track, room) = (block.byte(6), block.short(7, 2));
                Ok(Self::ReadToc { minutes: block.bit(1, 1), format, track, room })
            }
            0x46 => {
                let first = u16::try_from(block.number(2, 2)).unwrap_or_default();
                Ok(Self::GetConfiguration { which: block.byte(1) & 3, first, room: block.short(7, 2) })
            }
            // Only polled: a unit keeps no command until something happens.
            0x4a if block.bit(1, 0) => Ok(Self::GetEventStatus { classes: block.byte(4), room: block.short(7, 2) }),
            0x4a => Err(Sense::BAD_FIELD),
            0x51 if block.byte(1) & 7 == 0 => Ok(Self::ReadDiscInformation { room: block.short(7, 2) }),
            0x51 => Err(Sense::BAD_FIELD),
            0xbd => Ok(Self::MechanismStatus { room: block.short(8, 2) }),
            0x2b | 0xbb => Ok(Self::Nothing),
            0xbe => Self::read_cd(block),
            _ => Err(Sense::UNKNOWN_COMMAND),
        }
    }

    fn mode_sense(block: &Block) -> Self {
        let long = block.byte(0) == 0x5a;
        Self::ModeSense {
            page: block.byte(2) & 0x3f,
            subpage: block.byte(3),
            values: block.byte(2) >> 6,
            descriptor: !block.bit(1, 3),
            long,
            room: if long { block.short(7, 2) } else { block.short(4, 1) },
        }
    }

    fn mode_select(block: &Block) -> Result<Self, Sense> {
        let long = block.byte(0) == 0x55;
        // Pages in the standard's format, and not to be saved.
        if !block.bit(1, 4) || block.bit(1, 0) {
            return Err(Sense::BAD_FIELD);
        }
        Ok(Self::ModeSelect { long, length: if long { block.short(7, 2) } else { block.short(4, 1) } })
    }

    fn start_stop(block: &Block) -> Result<Self, Sense> {
        // There are no power conditions.
        if block.byte(4) >> 4 == 0 {
            Ok(Self::StartStop { start: block.bit(4, 0), load_eject: block.bit(4, 1) })
        } else {
            Err(Sense::BAD_FIELD)
        }
    }

    fn write_same(block: &Block) -> Result<Self, Sense> {
        let long = block.byte(0) == 0x93;
        // Anchors, and the old bits that put addresses into the data.
        if block.byte(1) & 0x16 != 0 || !long && block.bit(1, 0) {
            return Err(Sense::BAD_FIELD);
        }
        let (zeros, unmap) = (long && block.bit(1, 0), block.bit(1, 3));
        let (block, count) = block.unprotected()?;
        Ok(Self::WriteSame { block, count, zeros, unmap })
    }

    /// Only the 2048 bytes of user data, or nothing, of each sector.
    fn read_cd(block: &Block) -> Result<Self, Sense> {
        let (first, count) = (block.number(2, 4), block.short(6, 3));
        match (block.byte(9) & 0xf8, block.byte(10)) {
            (0x10, 0) => Ok(Self::Read { block: first, count }),
            (0x00, 0) => Ok(Self::Nothing),
            _ => Err(Sense::BAD_FIELD),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_counts_are_found_in_each_form() {
        let read = |block, count| Ok(Command::Read { block, count });
        assert_eq!(Command::parse(&[0x08, 0xff, 0x02, 0x03, 4, 0]), read(0x1f_0203, 4));
        assert_eq!(Command::parse(&[0x08, 0, 0, 1, 0, 0]), read(1, 256));
        assert_eq!(Command::parse(&[0x28, 0, 1, 2, 3, 4, 0, 5, 6, 0]), read(0x0102_0304, 0x0506));
        assert_eq!(Command::parse(&[0xa8, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 0]), read(0x0102_0304, 0x0506_0708));
        let long = [0x88, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0, 0];
        assert_eq!(Command::parse(&long), read(0x0102_0304_0506_0708, 0x090a_0b0c));
        // The group of 16 bytes carried by a transport with 12.
        assert_eq!(Command::parse(&long[..12]), read(0x0102_0304_0506_0708, 0x090a_0000));
    }

    #[test]
    fn a_write_says_whether_it_must_be_stable() {
        for (cdb, through) in [([0x2a, 8, 0, 0, 0, 1, 0, 0, 2, 0], true), ([0x2a, 0, 0, 0, 0, 1, 0, 0, 2, 0], false)] {
            assert_eq!(Command::parse(&cdb), Ok(Command::Write { block: 1, count: 2, through }));
        }
        // The same bit is part of the address in the short form.
        assert_eq!(
            Command::parse(&[0x0a, 8, 0, 1, 1, 0]),
            Ok(Command::Write { block: 0x8_0001, count: 1, through: false })
        );
    }

    #[test]
    fn what_no_unit_does_is_refused() {
        for cdb in [
            &[0x28, 0x20, 0, 0, 0, 0, 0, 0, 1, 0][..],   // protection information
            &[0x2f, 0x02, 0, 0, 0, 0, 0, 0, 1, 0],       // comparing
            &[0x42, 0x01, 0, 0, 0, 0, 0, 0, 24, 0],      // an anchor
            &[0x9e, 0x11, 0, 0],                         // another service action
            &[0x12, 0x00, 0x80, 0, 36, 0],               // a page without the bit
            &[0x55, 0x11, 0, 0, 0, 0, 0, 0, 8, 0],       // saved pages
            &[0x1b, 0, 0, 0, 0x30, 0],                   // a power condition
            &[0x4a, 0, 0, 0, 0x10, 0, 0, 0, 8, 0],       // waiting for an event
            &[0xbe, 0, 0, 0, 0, 0, 0, 0, 1, 0xf8, 0, 0], // raw sectors
        ] {
            assert_eq!(Command::parse(cdb), Err(Sense::BAD_FIELD), "{cdb:x?}");
        }
        for code in [0x5e, 0x5f, 0x16, 0x17, 0xa3, 0x4d, 0xff, 0x7f] {
            assert_eq!(Command::parse(&[code, 0, 0, 0, 0, 0]), Err(Sense::UNKNOWN_COMMAND), "{code:#x}");
        }
        assert_eq!(Command::parse(&[]), Ok(Command::TestUnitReady));
    }
}
