//! `pam`: what stands below 1 MiB, as the host bridge's registers say it (82Q35 data sheet: PAM0 to PAM6, SMRAM), and
//! SMI_EN of the power management block.

use alloc::format;
use alloc::string::String;

use super::Outcome;
use crate::cpu::{in32, out32, read_physical, write_physical};
use crate::pci::Address;
use crate::pci::config::{ports_read8, ports_write8, ports_write32};

const HOST_BRIDGE: Address = Address { bus: 0, device: 0, function: 0 };
const LPC: Address = Address { bus: 0, device: 0x1f, function: 0 };
const PAM0: u16 = 0x90;
const SMRAM: u16 = 0x9d;
const PMBASE: u16 = 0x40;
const ACPI_CONTROL: u16 = 0x44;

const NOTHING: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;
const BOTH: u8 = 3;

/// A range: the register, its upper half or the lower, and the addresses.
#[derive(Clone, Copy)]
struct Segment {
    register: u16,
    upper: bool,
    start: u64,
    end: u64,
}

/// The thirteen, from 0xC0000 on.
fn segments() -> impl Iterator<Item = Segment> {
    let halves = (0..12u16).map(|index| Segment {
        register: PAM0 + 1 + index / 2,
        upper: index % 2 == 1,
        start: 0xc_0000 + u64::from(index) * 0x4000,
        end: 0xc_4000 + u64::from(index) * 0x4000,
    });
    halves.chain([Segment { register: PAM0, upper: true, start: 0xf_0000, end: 0x10_0000 }])
}

impl Segment {
    fn set(self, access: u8) {
        let shift = if self.upper { 4 } else { 0 };
        let others = ports_read8(HOST_BRIDGE, self.register) & !(3 << shift);
        ports_write8(HOST_BRIDGE, self.register, others | access << shift);
    }

    /// Its first and its last word.
    fn ends(self) -> [u64; 2] {
        [self.start, self.end - 8]
    }

    fn write(self, seed: u64) {
        for address in self.ends() {
            // SAFETY: nothing of ours is below 1 MiB but what the loader left, lower; all of it is mapped.
            unsafe { write_physical(address, pattern(address, seed)) };
        }
    }

    /// Which seed both ends show.
    fn shows(self, seed: u64) -> bool {
        // SAFETY: as above.
        self.ends().iter().all(|address| unsafe { read_physical::<u64>(*address) } == pattern(*address, seed))
    }

    fn expect(self, seed: Option<u64>, when: &str) -> Result<(), String> {
        let right = match seed {
            Some(seed) => self.shows(seed),
            None => !(0..4).any(|seed| self.shows(seed)),
        };
        if right { Ok(()) } else { Err(format!("segment {:#x}: {when}", self.start)) }
    }
}

fn pattern(address: u64, seed: u64) -> u64 {
    (address + (seed << 40)).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

fn check(segment: Segment) -> Result<(), String> {
    segment.expect(None, "at power-on it is no RAM")?;
    segment.set(BOTH);
    segment.write(1);
    segment.expect(Some(1), "RAM")?;
    segment.set(READ);
    segment.write(2);
    segment.expect(Some(1), "read-only")?;
    segment.set(WRITE);
    segment.expect(None, "write-only, read")?;
    segment.write(2);
    segment.expect(None, "write-only, written")?;
    segment.set(BOTH);
    segment.expect(Some(2), "what was written to write-only RAM")?;
    segment.set(NOTHING);
    segment.write(3);
    segment.expect(None, "nothing")?;
    segment.set(READ);
    segment.expect(Some(2), "writes to nothing went nowhere")?;
    segment.set(NOTHING);
    Ok(())
}

/// Opens, closes and locks SMRAM.
fn smram() -> Result<u8, String> {
    let segment = Segment { register: SMRAM, upper: false, start: 0xa_0000, end: 0xc_0000 };
    let set = |value| ports_write8(HOST_BRIDGE, SMRAM, value);
    segment.expect(None, "SMRAM at power-on")?;
    set(0x4a);
    segment.write(1);
    segment.expect(Some(1), "SMRAM is open")?;
    set(0x0a);
    segment.expect(None, "SMRAM is closed")?;
    set(0x4a);
    segment.expect(Some(1), "SMRAM is open again")?;
    set(0x1a);
    set(0x4a);
    segment.expect(None, "SMRAM is locked")?;
    Ok(ports_read8(HOST_BRIDGE, SMRAM))
}

/// SMI_EN, whatever is written there.
fn smi_enable() -> u32 {
    const BASE: u16 = 0x600;
    ports_write32(LPC, PMBASE, u32::from(BASE) | 1);
    ports_write8(LPC, ACPI_CONTROL, 0x80);
    out32(BASE + 0x30, !0);
    out32(BASE + 0x30, 0);
    in32(BASE + 0x30)
}

pub fn run() -> Outcome {
    let mut count = 0;
    for segment in segments() {
        check(segment)?;
        count += 1;
    }
    let smram = smram()?;
    Ok(format!("segments={count} smram={smram:#x} smi_en={:#x}", smi_enable()))
}
