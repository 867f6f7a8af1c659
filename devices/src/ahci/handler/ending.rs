//! How commands end, and what their driver receives then (AHCI 1.3.1, 5.3 and 6.2).

use super::super::ata::{self, Way};
use super::super::attached::Device;
use super::super::command::{Command, CommandError};
use super::super::fis::{self, TaskFile};
use super::super::registers::{DHRS, DRDY, DRQ, ERR, HBFS, PSS, SDBS, SEEK, TFES};
use super::{PortHandler, PortJob};
use crate::backend::block::{Done, Step};
use crate::scsi::Sense;
use crate::virtio::DeviceMemory;
use std::sync::Arc;
use vm_memory::Bytes;

/// A device that is ready, and has found its place.
const READY: u8 = DRDY | SEEK;
/// What PACKET leaves in the count: the command is over.
const PACKET_END: u16 = 3;

/// How a command ends.
pub(super) enum End {
    /// Well, with these registers.
    Good(TaskFile),
    /// Not, with this error and these bits of PxIS besides.
    Failed(u8, u32),
}

impl<M: DeviceMemory> PortHandler<M> {
    /// The host is done with a command.
    pub(super) fn finish(&mut self, Done { job, result }: Done<PortJob<M>>) {
        let PortJob { slot, way, packet, task, command, readable, writable, length, epoch } = job;
        // What was written is marked before the driver hears of it.
        drop((readable, writable));
        if epoch != self.epoch {
            return;
        }
        let end = match result {
            Ok(()) if packet => End::Good(packet_end()),
            Ok(()) => End::Good(TaskFile { lba: task.lba, device: task.device, ..TaskFile::default() }),
            Err((step, error)) => End::Failed(self.failure(&step, &error), 0),
        };
        self.end(slot, way, &task, Some((&command, length)), end);
    }

    fn failure(&self, step: &Step, error: &std::io::Error) -> u8 {
        match &*self.device {
            Device::Disk(_) if matches!(step, Step::Read { .. }) => ata::UNREADABLE,
            Device::Disk(_) => ata::ABORTED,
            Device::Drive(unit, _) => {
                let sense: Sense = unit.failure(step, error);
                unit.hold(Some(sense));
                sense.key << 4 | ata::ABORTED
            }
        }
    }

    /// The driver's tables are not in memory: the port stops with a host bus error.
    pub(super) fn broken(&mut self, slot: u32, error: &CommandError) {
        if let Some(suppressed) = self.log.allow() {
            let (hba, port) = (&self.hba.id, self.port);
            let error = error as &dyn std::error::Error;
            tracing::warn!(device = %hba, port, slot, suppressed, error, "A SATA command cannot be fetched");
        }
        let hba = Arc::clone(&self.hba);
        let mut registers = hba.lock();
        if let Some(port) = registers.ports.get_mut(self.port).filter(|port| port.epoch == self.epoch) {
            port.halt();
            port.is |= HBFS;
        }
        hba.update(&mut registers);
    }

    /// Tells of the end of a command; `moved` is its entry in the list, and how much data was transferred.
    pub(super) fn end(&mut self, slot: u32, way: Way, task: &TaskFile, moved: Option<(&Command, u32)>, end: End) {
        let hba = Arc::clone(&self.hba);
        let mut registers = hba.lock();
        let Some(port) = registers.ports.get_mut(self.port).filter(|port| port.epoch == self.epoch) else { return };
        if !port.fetches() {
            // Another queued command has failed before: this one was given up with it.
            return;
        }
        if let (Some((command, length)), false) = (moved, way == Way::Queued) {
            let _lost = hba.memory.memory().write_obj(length.to_le(), command.transferred_at());
        }
        let bit = 1u32 << slot;
        let (status, error) = match &end {
            End::Good(_) => (READY, 0),
            End::Failed(error, _) => (READY | ERR, *error),
        };
        port.tfd = u32::from(error) << 8 | u32::from(status);
        match (&end, way) {
            (End::Good(_), Way::Queued) => {
                port.sact &= !bit;
                hba.receive(port, fis::AT_SET_DEVICE_BITS, &fis::set_device_bits(status, error, bit));
                port.is |= SDBS;
            }
            (End::Good(registers), Way::Pio) if is_data_in(task.command) => {
                let length = moved.map_or(0, |(_, length)| length.min(8192));
                let length = u16::try_from(length).unwrap_or_default();
                let setup = fis::pio_setup(READY | DRQ, status, registers, length, true);
                hba.receive(port, fis::AT_PIO_SETUP, &setup);
                port.is |= PSS;
                port.ci &= !bit;
            }
            (End::Good(registers), _) => {
                hba.receive(port, fis::AT_REGISTER, &fis::register(status, error, registers, true));
                port.is |= DHRS;
                port.ci &= !bit;
            }
            (End::Failed(_, more), Way::Queued) => {
                port.queued_error = Some((u8::try_from(slot).unwrap_or_default(), status, error));
                hba.receive(port, fis::AT_SET_DEVICE_BITS, &fis::set_device_bits(status, error, 0));
                port.is |= SDBS | TFES | more;
                port.halt();
            }
            (End::Failed(_, more), _) => {
                hba.receive(port, fis::AT_REGISTER, &fis::register(status, error, task, true));
                port.is |= DHRS | TFES | more;
                port.halt();
            }
        }
        self.taken &= !bit;
        hba.update(&mut registers);
    }
}

/// PIO commands that read.
const fn is_data_in(command: u8) -> bool {
    !matches!(command, 0x30 | 0x31 | 0x34 | 0x39 | 0xc5 | 0xce)
}

/// The registers of a PACKET that was carried out.
pub(super) fn packet_end() -> TaskFile {
    TaskFile { count: PACKET_END, ..TaskFile::default() }
}
