//! The registers of one port (AHCI 1.3.1, 3.3): plain values, and what writes make of them.
//!
//! ```text
//!            ST = 1                    an error
//!  stopped ──────────▶ running ────────────────▶ halted (ST is 1, nothing is fetched)
//!     ▲                   │ ST = 0, COMRESET        │ ST = 0
//!     └─── (CR reads 1 until no command is under way) ◀──┘
//! ```
//!
//! Each stop begins another epoch: what was fetched in an earlier one changes nothing any more.

use super::registers::*;
use serde::{Deserialize, Serialize};

/// What is connected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Connected {
    Nothing,
    Disk,
    Drive,
}

impl Connected {
    /// PxSIG, and the address and count of the register FIS that a reset device sends.
    pub(super) const fn signature(self) -> u32 {
        match self {
            Self::Nothing => u32::MAX,
            Self::Disk => 0x0000_0101,
            Self::Drive => 0xeb14_0101,
        }
    }
}

/// The registers, and what is not seen of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Port {
    clb: u64,
    fb: u64,
    pub(super) is: u32,
    pub(super) ie: u32,
    /// What the driver wrote: ST, FRE, ATAPI, DLAE.
    cmd: u32,
    ccs: u32,
    pub(super) tfd: u32,
    sig: u32,
    sctl: u32,
    serr: u32,
    pub(super) sact: u32,
    pub(super) ci: u32,
    /// An error: nothing is fetched until the port is stopped.
    halted: bool,
    /// The register FIS of a reset has not been received.
    unsigned: bool,
    /// Software reset: the device has been told to begin.
    pub(super) soft_reset: bool,
    /// The slot, status and error of the queued command that failed.
    pub(super) queued_error: Option<(u8, u8, u8)>,
    /// Queued commands that wait for the end of a pause: they are issued again to a copy.
    pub(super) parked: u32,
    /// Counts stops. Not part of the state: nothing is under way then.
    #[serde(skip)]
    pub(super) epoch: u64,
    /// Commands are under way.
    #[serde(skip)]
    pub(super) busy: bool,
}

/// What a write asks for besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    Nothing,
    /// There are commands to fetch, or a stop to notice.
    Wake,
    /// The device sends its signature, now that it is received.
    Sign,
}

impl Port {
    /// As after a reset of the controller.
    pub(super) fn reset(&mut self, connected: Connected) {
        let (epoch, busy) = (self.epoch.wrapping_add(1), self.busy);
        *self = Self { epoch, busy, ..Self::default() };
        self.link(connected);
    }

    /// The link comes up and the device begins anew.
    fn link(&mut self, connected: Connected) {
        self.stop();
        self.sig = connected.signature();
        self.queued_error = None;
        self.soft_reset = false;
        if connected == Connected::Nothing {
            self.tfd = NO_DEVICE;
            return;
        }
        self.tfd = u32::from(status_after_reset(connected)) | 1 << 8;
        self.serr |= SERR_X | SERR_N;
        self.unsigned = true;
    }

    /// No command stands any more.
    fn stop(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        (self.ci, self.sact, self.parked, self.ccs, self.halted) = (0, 0, 0, 0, false);
    }

    /// Commands are fetched.
    pub(super) fn fetches(&self) -> bool {
        self.cmd & ST != 0 && !self.halted
    }

    /// FISes are received: where.
    pub(super) fn received(&self) -> Option<u64> {
        (self.cmd & FRE != 0).then_some(self.fb)
    }

    /// Where the command list is.
    pub(super) fn list(&self) -> u64 {
        self.clb
    }

    /// An error.
    pub(super) fn halt(&mut self) {
        self.halted = true;
    }

    /// The slot whose command is carried out.
    pub(super) fn set_current(&mut self, slot: u32) {
        self.ccs = slot << CCS_SHIFT & CCS_MASK;
    }

    /// PxIS with the bits that follow PxSERR.
    pub(super) fn interrupts(&self) -> u32 {
        let follows = if self.serr & SERR_X != 0 { PCS } else { 0 } | if self.serr & SERR_N != 0 { PRCS } else { 0 };
        self.is | follows
    }

    /// Whether the register FIS of a reset is due, which it then is no more.
    pub(super) fn take_unsigned(&mut self) -> bool {
        self.received().is_some() && std::mem::take(&mut self.unsigned)
    }

    /// The device was reset by software: its signature is due.
    pub(super) fn begin_anew(&mut self, connected: Connected) {
        self.tfd = u32::from(status_after_reset(connected)) | 1 << 8;
        self.queued_error = None;
        self.unsigned = true;
    }

    /// Reads a register.
    pub(super) fn read(&self, register: u64, connected: Connected) -> u32 {
        let [list, list_high] = halves(self.clb);
        let [received, received_high] = halves(self.fb);
        match register {
            PX_CLB => list,
            PX_CLBU => list_high,
            PX_FB => received,
            PX_FBU => received_high,
            PX_IS => self.interrupts(),
            PX_IE => self.ie,
            PX_CMD => {
                let runs = self.cmd & ST != 0 || self.busy;
                let receives = self.cmd & FRE != 0;
                self.cmd | SUD | POD | self.ccs | if runs { CR } else { 0 } | if receives { FR } else { 0 }
            }
            PX_TFD => self.tfd,
            PX_SIG => self.sig,
            PX_SSTS if connected == Connected::Nothing || self.sctl & DET != 0 => 0,
            PX_SSTS => LINK_UP,
            PX_SCTL => self.sctl,
            PX_SERR => self.serr,
            PX_SACT => self.sact,
            PX_CI => self.ci,
            _ => 0,
        }
    }

    /// Writes a register.
    pub(super) fn write(&mut self, register: u64, value: u32, connected: Connected) -> Effect {
        let low = |old: u64, mask: u32| old & !0xffff_ffff | u64::from(value & mask);
        let high = |old: u64| old & 0xffff_ffff | u64::from(value) << 32;
        match register {
            PX_CLB => self.clb = low(self.clb, !0x3ff),
            PX_CLBU => self.clb = high(self.clb),
            PX_FB => self.fb = low(self.fb, !0xff),
            PX_FBU => self.fb = high(self.fb),
            PX_IS => self.is &= !(value & CLEARED_BY_ONES),
            PX_IE => self.ie = value & INTERRUPTS,
            PX_CMD => return self.write_command(value, connected),
            PX_SCTL => {
                let before = std::mem::replace(&mut self.sctl, value & SCTL_MASK) & DET;
                // A reset, or the link is off: until the field is zero again.
                match (before, value & DET) {
                    (before, now) if before == now => {}
                    (_, 0) => {
                        self.link(connected);
                        return Effect::Sign;
                    }
                    _ => {
                        self.stop();
                        self.tfd = NO_DEVICE | u32::from(busy_status(connected));
                        return Effect::Wake;
                    }
                }
            }
            PX_SERR => self.serr &= !value,
            PX_SACT if self.cmd & ST != 0 => self.sact |= value,
            PX_CI if self.cmd & ST != 0 && connected != Connected::Nothing => {
                self.ci |= value;
                return Effect::Wake;
            }
            _ => {}
        }
        Effect::Nothing
    }

    fn write_command(&mut self, value: u32, connected: Connected) -> Effect {
        let before = self.cmd;
        self.cmd = value & (ST | FRE | ATAPI | DLAE);
        if value & CLO != 0 && connected != Connected::Nothing {
            self.tfd &= !u32::from(BSY | DRQ);
        }
        if before & ST != 0 && self.cmd & ST == 0 {
            self.stop();
            return Effect::Wake;
        }
        if self.cmd & FRE != 0 && self.unsigned {
            return Effect::Sign;
        }
        Effect::Nothing
    }

    /// Why the state cannot be used.
    pub(super) fn check(&self, connected: Connected) -> Result<(), String> {
        let legal = self.cmd & !(ST | FRE | ATAPI | DLAE) == 0
            && self.ie & !INTERRUPTS == 0
            && self.ccs & !CCS_MASK == 0
            && self.sctl & !SCTL_MASK == 0
            && (self.clb & 0x3ff, self.fb & 0xff) == (0, 0)
            && self.queued_error.is_none_or(|(slot, ..)| slot < 32);
        let issued = self.ci | self.sact;
        let legal = legal && self.parked & !self.sact == 0;
        if !legal {
            return Err("a register has an impossible value".into());
        }
        if issued != 0 && (connected == Connected::Nothing || self.cmd & ST == 0) {
            return Err("commands are issued that nobody would take".into());
        }
        if self.sig != connected.signature() {
            return Err("another kind of device was connected".into());
        }
        Ok(())
    }
}

/// The status of a device that has begun anew: a drive is not ready for commands of disks.
pub(super) const fn status_after_reset(connected: Connected) -> u8 {
    match connected {
        Connected::Drive => SEEK,
        Connected::Disk | Connected::Nothing => DRDY | SEEK,
    }
}

/// The status while the link is down.
const fn busy_status(connected: Connected) -> u8 {
    match connected {
        Connected::Nothing => 0,
        Connected::Disk | Connected::Drive => BSY,
    }
}

fn halves(value: u64) -> [u32; 2] {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    [u32::from_le_bytes([a, b, c, d]), u32::from_le_bytes([e, f, g, h])]
}

/// The slot that comes next among those of `issued`: queued ones are alike, others come in their order.
pub(super) fn next_slot(issued: u32, last: u32) -> Option<u32> {
    if issued == 0 {
        return None;
    }
    let behind = issued & !(u32::MAX >> (31 - last.min(31)));
    Some(if behind == 0 { issued } else { behind }.trailing_zeros())
}
