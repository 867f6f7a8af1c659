//! The guest's clocks: TSC, kvmclock with KVM's wall clock, RTC.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::cpu::{cpuid, in8, out8, tsc, write_msr};
use crate::sync::Place;

const WALL_CLOCK_MSR: u32 = 0x4b56_4d00;
const SYSTEM_TIME_MSR: u32 = 0x4b56_4d01;
const NS: u64 = 1_000_000_000;
/// How long something that must come is waited for, in ms: far beyond what a loaded or an emulated host needs.
pub const PATIENCE_MS: u64 = 120_000;

/// `pvclock_vcpu_time_info`.
#[repr(C)]
#[derive(Clone, Copy)]
struct SystemTime {
    version: u32,
    pad: u32,
    tsc_timestamp: u64,
    system_time: u64,
    multiplier: u32,
    shift: i8,
    flags: u8,
    pad2: [u8; 2],
}

static SYSTEM_TIME: Place<SystemTime> = Place::new(SystemTime {
    version: 0,
    pad: 0,
    tsc_timestamp: 0,
    system_time: 0,
    multiplier: 0,
    shift: 0,
    flags: 0,
    pad2: [0; 2],
});
static WALL_CLOCK: Place<[u32; 3]> = Place::new([0; 3]);
static TSC_HZ: AtomicU64 = AtomicU64::new(0);

/// Whether the CPU offers kvmclock (CPUID 0x40000001, bit 3).
pub fn has_kvmclock() -> bool {
    let base = cpuid(0x4000_0000, 0);
    base.ebx.to_le_bytes() == *b"KVMK" && cpuid(0x4000_0001, 0).eax & 1 << 3 != 0
}

fn system_time() -> SystemTime {
    if TSC_HZ.load(Ordering::SeqCst) == 0 {
        tsc_hz();
    }
    loop {
        // SAFETY: KVM writes the page between our instructions; an odd or changed version says so.
        let copy = unsafe { SYSTEM_TIME.get().read_volatile() };
        // SAFETY: as above.
        let version = unsafe { (&raw const (*SYSTEM_TIME.get()).version).read_volatile() };
        if copy.version & 1 == 0 && copy.version == version {
            return copy;
        }
    }
}

fn scale(cycles: u64, time: &SystemTime) -> u64 {
    let shifted = if time.shift >= 0 { cycles << time.shift } else { cycles >> -time.shift };
    ((u128::from(shifted) * u128::from(time.multiplier)) >> 32) as u64
}

/// kvmclock: ns since the machine started, and its flags. Boot CPU only.
pub fn kvmclock() -> Option<(u64, u8)> {
    if !has_kvmclock_cached() {
        return None;
    }
    loop {
        let time = system_time();
        let now = tsc();
        if system_time().version == time.version {
            return Some((time.system_time + scale(now.wrapping_sub(time.tsc_timestamp), &time), time.flags));
        }
    }
}

/// KVM's wall clock at the machine's start, as it says now: ns since 1970.
pub fn wall_clock_base() -> Option<u64> {
    has_kvmclock_cached().then(|| {
        write_msr(WALL_CLOCK_MSR, WALL_CLOCK.address());
        // SAFETY: KVM wrote it within the instruction.
        let [_, seconds, nanoseconds] = unsafe { WALL_CLOCK.get().read_volatile() };
        u64::from(seconds) * NS + u64::from(nanoseconds)
    })
}

fn has_kvmclock_cached() -> bool {
    static KNOWN: AtomicU64 = AtomicU64::new(0);
    match KNOWN.load(Ordering::SeqCst) {
        0 => {
            let has = has_kvmclock();
            KNOWN.store(if has { 2 } else { 1 }, Ordering::SeqCst);
            has
        }
        known => known == 2,
    }
}

/// TSC cycles in a second: from kvmclock, else measured by the PIT's channel 2, else a guess of 1 GHz.
/// The first call must come from the boot CPU.
pub fn tsc_hz() -> u64 {
    let known = TSC_HZ.load(Ordering::SeqCst);
    if known != 0 {
        return known;
    }
    let hz = if has_kvmclock_cached() {
        write_msr(SYSTEM_TIME_MSR, SYSTEM_TIME.address() | 1);
        TSC_HZ.store(1, Ordering::SeqCst);
        let time = system_time();
        let base = (u128::from(NS) << 32) / u128::from(time.multiplier.max(1));
        (if time.shift >= 0 { base >> time.shift } else { base << -time.shift }) as u64
    } else {
        measure_by_pit().unwrap_or(NS)
    };
    TSC_HZ.store(hz, Ordering::SeqCst);
    hz
}

/// 10 ms of the PIT's channel 2.
fn measure_by_pit() -> Option<u64> {
    let count = 11_932u16;
    out8(0x61, in8(0x61) & !2 | 1);
    out8(0x43, 0xb0);
    out8(0x42, count as u8);
    out8(0x42, (count >> 8) as u8);
    let start = tsc();
    for _ in 0..1_000_000 {
        if in8(0x61) & 0x20 != 0 {
            let cycles = tsc() - start;
            // An absent port reads all ones at once.
            return (cycles > 1_000_000).then_some(cycles * 100);
        }
    }
    None
}

/// A point in time that lies ahead.
pub struct Timeout(u64);

impl Timeout {
    /// `milliseconds` from now.
    pub fn after(milliseconds: u64) -> Self {
        Self(tsc() + tsc_hz() / 1000 * milliseconds)
    }

    /// Whether it has passed.
    pub fn passed(&self) -> bool {
        tsc() >= self.0
    }
}

/// ns that `cycles` of the TSC take.
pub fn cycles_to_ns(cycles: u64) -> u64 {
    (u128::from(cycles) * u128::from(NS) / u128::from(tsc_hz())) as u64
}

fn cmos(index: u8) -> u8 {
    out8(0x70, index | 0x80);
    in8(0x71)
}

/// The RTC's time: seconds since 1970, UTC. `None` where there is no RTC.
pub fn rtc() -> Option<u64> {
    let read = || -> Option<[u8; 6]> {
        let mut patience = 10_000;
        while cmos(0x0a) & 0x80 != 0 {
            patience -= 1;
            if patience == 0 {
                return None;
            }
        }
        Some([0, 2, 4, 7, 8, 9].map(cmos))
    };
    let mut fields = read()?;
    loop {
        let again = read()?;
        if again == fields {
            break;
        }
        fields = again;
    }
    let (binary, hours24) = (cmos(0x0b) & 4 != 0, cmos(0x0b) & 2 != 0);
    let afternoon = !hours24 && fields[2] & 0x80 != 0;
    fields[2] &= if hours24 { 0xff } else { 0x7f };
    let decode = |value: u8| u64::from(if binary { value } else { (value >> 4) * 10 + (value & 15) });
    let [second, minute, mut hour, day, month, year] = fields.map(decode);
    if !hours24 {
        hour = hour % 12 + if afternoon { 12 } else { 0 };
    }
    let year = 2000 + year;
    // Days since 1970 of a civil date, counted from March so that the leap day comes last.
    let (y, m) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60 + second)
}
