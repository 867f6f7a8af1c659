//! The clock's registers and RAM, as functions of the host's time.

use super::alarm::Alarm;
use super::calendar::{DateTime, Format, SECOND_NS};

/// Bytes that the index register can name.
pub(super) const RAM_SIZE: usize = 128;

/// Register numbers.
mod register {
    pub(super) const SECOND: u8 = 0x00;
    pub(super) const SECOND_ALARM: u8 = 0x01;
    pub(super) const MINUTE: u8 = 0x02;
    pub(super) const MINUTE_ALARM: u8 = 0x03;
    pub(super) const HOUR: u8 = 0x04;
    pub(super) const HOUR_ALARM: u8 = 0x05;
    pub(super) const WEEKDAY: u8 = 0x06;
    pub(super) const DAY: u8 = 0x07;
    pub(super) const MONTH: u8 = 0x08;
    pub(super) const YEAR: u8 = 0x09;
    pub(super) const A: u8 = 0x0a;
    pub(super) const B: u8 = 0x0b;
    pub(super) const C: u8 = 0x0c;
    pub(super) const D: u8 = 0x0d;
    pub(super) const CENTURY: u8 = 0x32;
    /// All that a running clock writes.
    pub(super) const TIME: [u8; 8] = [SECOND, MINUTE, HOUR, WEEKDAY, DAY, MONTH, YEAR, CENTURY];
}

/// Register A: an update begins within 244 us or is under way; read-only.
const UPDATE_IN_PROGRESS: u8 = 1 << 7;
/// Register A, divider: 11x holds it in reset.
const DIVIDER_RESET: u8 = 0b110 << 4;
/// Register A: rate of the periodic flag.
const RATE: u8 = 0x0f;
/// Register A at power-on: 32,768 Hz, periodic rate 1,024 Hz, as a PC's firmware leaves it.
const A_AT_POWER_ON: u8 = 0x26;

/// Register B: the clock stands still for setting.
const SET: u8 = 1 << 7;
/// Register B: interrupt enables, in the places of register C's flags.
const UPDATE_ENABLED: u8 = 1 << 4;
const BINARY: u8 = 1 << 2;
const HOURS24: u8 = 1 << 1;

/// Register C: an enabled flag is set.
const INTERRUPT: u8 = 1 << 7;
const PERIODIC: u8 = 1 << 6;
const ALARM: u8 = 1 << 5;
const UPDATE_ENDED: u8 = 1 << 4;

/// Register D: RAM and time are valid; read-only.
const VALID: u8 = 1 << 7;

/// How long before an update register A says so (t_BUC).
const UPDATE_NOTICE_NS: i128 = 244_000;
/// The crystal.
const CRYSTAL_HZ: i128 = 32_768;

/// Registers and RAM.
#[derive(Clone, Debug)]
pub(super) struct Registers {
    /// What the guest's time is ahead of the host's.
    pub(super) offset_ns: i128,
    /// What the weekday register is ahead of the calendar, 0 to 6: the chip counts weekdays for themselves.
    pub(super) weekday_shift: u8,
    /// Host time up to which the flags in register C are computed.
    pub(super) flags_until_ns: i128,
    /// All bytes. Those of [`register::TIME`] count only while the clock stands still.
    pub(super) ram: [u8; RAM_SIZE],
}

impl Registers {
    /// A running clock that shows the host's time.
    pub(super) fn at_power_on(now_ns: i128) -> Self {
        let mut registers = Self { offset_ns: 0, weekday_shift: 0, flags_until_ns: now_ns, ram: [0; RAM_SIZE] };
        registers.put(register::A, A_AT_POWER_ON);
        registers.put(register::B, HOURS24);
        registers
    }

    /// Whether registers A and C hold only what this chip puts there.
    pub(super) fn are_legal(&self) -> bool {
        let flags = PERIODIC | ALARM | UPDATE_ENDED;
        self.get(register::A) & UPDATE_IN_PROGRESS == 0 && self.get(register::C) & !flags == 0
    }

    /// Reads register `index` at the host's time `now_ns`.
    pub(super) fn read(&mut self, index: u8, now_ns: i128) -> u8 {
        match index {
            register::A if self.update_is_near(now_ns) => self.get(index) | UPDATE_IN_PROGRESS,
            register::C => {
                self.compute_flags(now_ns);
                let flags = self.get(register::C);
                self.put(register::C, 0);
                let enabled = flags & self.get(register::B) != 0;
                flags | if enabled { INTERRUPT } else { 0 }
            }
            register::D => VALID,
            _ if self.runs() && register::TIME.contains(&index) => self.show(index, now_ns),
            _ => self.get(index),
        }
    }

    /// Writes register `index` at the host's time `now_ns`.
    pub(super) fn write(&mut self, index: u8, value: u8, now_ns: i128) {
        self.compute_flags(now_ns);
        match index {
            register::A => self.write_a(value & !UPDATE_IN_PROGRESS, now_ns),
            register::B => self.write_b(value, now_ns),
            register::C | register::D => {}
            _ if self.runs() && register::TIME.contains(&index) => {
                self.stop(now_ns);
                self.put(index, value);
                self.start(now_ns);
            }
            _ => self.put(index, value),
        }
    }

    fn write_a(&mut self, value: u8, now_ns: i128) {
        let (ran, was_reset) = (self.runs(), self.divider_is_reset());
        if ran && value & DIVIDER_RESET == DIVIDER_RESET {
            self.stop(now_ns);
        }
        self.put(register::A, value);
        if was_reset && !self.divider_is_reset() {
            // The first update comes half a second after the divider is let go.
            self.offset_ns += SECOND_NS / 2 - self.fraction_ns(now_ns);
        }
        if !ran && self.runs() {
            self.start(now_ns);
        }
    }

    fn write_b(&mut self, value: u8, now_ns: i128) {
        let ran = self.runs();
        if ran && value & SET != 0 {
            self.stop(now_ns);
        }
        // SET takes the update-ended enable away.
        self.put(register::B, if value & SET == 0 { value } else { value & !UPDATE_ENABLED });
        if !ran && self.runs() {
            self.start(now_ns);
        }
    }

    /// Freezes the time registers at the guest's time.
    fn stop(&mut self, now_ns: i128) {
        for index in register::TIME {
            let value = self.show(index, now_ns);
            self.put(index, value);
        }
    }

    /// Goes on from the time registers; the fraction of the second goes on from the divider.
    fn start(&mut self, now_ns: i128) {
        let date = self.set_date();
        let weekday = self.format().decode(self.get(register::WEEKDAY)).filter(|day| (1..=7).contains(day));
        self.weekday_shift = weekday.map_or(0, |day| (day - 1 + 7 - date.weekday()) % 7);
        self.offset_ns = i128::from(date.to_seconds()) * SECOND_NS + self.fraction_ns(now_ns) - now_ns;
    }

    /// The date in the time registers, each part brought into its range.
    fn set_date(&self) -> DateTime {
        let format = self.format();
        let number = |index, low: u8, high: u8| format.decode(self.get(index)).unwrap_or(high).clamp(low, high);
        let year = u16::from(number(register::CENTURY, 0, 99)) * 100 + u16::from(number(register::YEAR, 0, 99));
        let month = number(register::MONTH, 1, 12);
        DateTime {
            year,
            month,
            day: number(register::DAY, 1, DateTime::days_in_month(year, month)),
            hour: format.decode_hour(self.get(register::HOUR)).unwrap_or(0),
            minute: number(register::MINUTE, 0, 59),
            second: number(register::SECOND, 0, 59),
        }
    }

    /// A time register of the running clock.
    fn show(&self, index: u8, now_ns: i128) -> u8 {
        let date = DateTime::from_seconds(self.seconds(now_ns));
        let format = self.format();
        // Both fit: the year has four digits.
        let (century, year) = (date.year / 100, date.year % 100);
        match index {
            register::SECOND => format.encode(date.second),
            register::MINUTE => format.encode(date.minute),
            register::HOUR => format.encode_hour(date.hour),
            register::WEEKDAY => format.encode((date.weekday() + self.weekday_shift) % 7 + 1),
            register::DAY => format.encode(date.day),
            register::MONTH => format.encode(date.month),
            register::YEAR => format.encode(u8::try_from(year).unwrap_or(0)),
            _ => format.encode(u8::try_from(century).unwrap_or(0)),
        }
    }

    /// Sets the flags of what happened since they were last computed.
    fn compute_flags(&mut self, now_ns: i128) {
        let (from_ns, to_ns) = (self.flags_until_ns, now_ns);
        self.flags_until_ns = now_ns;
        let mut flags = 0;
        if let Some(ticks) = self.periodic_ticks()
            && ticks(to_ns) > ticks(from_ns)
        {
            flags |= PERIODIC;
        }
        let (from, to) = (self.seconds(from_ns), self.seconds(to_ns));
        if self.runs() && to > from {
            flags |= UPDATE_ENDED;
            if self.alarm().is_some_and(|alarm| alarm.between(from, to)) {
                flags |= ALARM;
            }
        }
        self.put(register::C, self.get(register::C) | flags);
    }

    /// Periods that have passed at a host time, when there is a periodic rate (data sheet, table 5).
    fn periodic_ticks(&self) -> Option<impl Fn(i128) -> i128 + use<>> {
        let cycles: i128 = match self.get(register::A) & RATE {
            0 => return None,
            rate @ 1..=2 => 1 << (rate + 6),
            rate => 1 << (rate - 1),
        };
        let offset_ns = self.offset_ns;
        (!self.divider_is_reset())
            .then_some(move |host_ns: i128| ((host_ns + offset_ns) * CRYSTAL_HZ).div_euclid(cycles * SECOND_NS))
    }

    fn alarm(&self) -> Option<Alarm> {
        let [hour, minute, second] =
            [register::HOUR_ALARM, register::MINUTE_ALARM, register::SECOND_ALARM].map(|index| self.get(index));
        Alarm::new(self.format(), hour, minute, second)
    }

    fn update_is_near(&self, now_ns: i128) -> bool {
        self.runs() && self.fraction_ns(now_ns) >= SECOND_NS - UPDATE_NOTICE_NS
    }

    /// Whole seconds of the guest's time since 1970.
    fn seconds(&self, now_ns: i128) -> i64 {
        i64::try_from((now_ns + self.offset_ns).div_euclid(SECOND_NS)).unwrap_or(0)
    }

    /// What the guest's time is past the whole second.
    fn fraction_ns(&self, now_ns: i128) -> i128 {
        (now_ns + self.offset_ns).rem_euclid(SECOND_NS)
    }

    fn runs(&self) -> bool {
        self.get(register::B) & SET == 0 && !self.divider_is_reset()
    }

    fn divider_is_reset(&self) -> bool {
        self.get(register::A) & DIVIDER_RESET == DIVIDER_RESET
    }

    fn format(&self) -> Format {
        let b = self.get(register::B);
        Format { binary: b & BINARY != 0, hours24: b & HOURS24 != 0 }
    }

    fn get(&self, index: u8) -> u8 {
        self.ram.get(usize::from(index)).copied().unwrap_or(0)
    }

    fn put(&mut self, index: u8, value: u8) {
        if let Some(byte) = self.ram.get_mut(usize::from(index)) {
            *byte = value;
        }
    }
}
