//! What a command becomes, by what is on the port.

use super::super::ata::{self, AtaDisk, Plan, Way};
use super::super::command::{Command, CommandError};
use super::super::fis::TaskFile;
use super::super::identify;
use super::super::port::Connected;
use super::PortHandler;
use super::ending::packet_end;
use crate::scsi::{Answer, LogicalUnit};
use crate::virtio::DeviceMemory;

/// PACKET and its IDENTIFY; DEVICE RESET.
pub(super) const PACKET: u8 = 0xa0;
const IDENTIFY_PACKET: u8 = 0xa1;
const DEVICE_RESET: u8 = 0x08;
/// The command for drives that asks why the last one failed.
const REQUEST_SENSE: u8 = 0x03;

impl<M: DeviceMemory> PortHandler<M> {
    pub(super) fn plan_of_disk(
        &self,
        disk: &AtaDisk,
        command: &Command,
        task: &TaskFile,
    ) -> Result<Plan, CommandError> {
        Ok(match disk.plan(task) {
            Plan::Trim(length) => {
                let list = command.readable(&self.hba.memory.memory(), length)?;
                let mut ranges = vec![0; usize::try_from(length).unwrap_or_default()];
                match list.read(0, &mut ranges) {
                    Ok(()) => disk.discards(&ranges),
                    Err(_) => Plan::Failed(ata::ABORTED),
                }
            }
            Plan::QueuedErrors => Plan::Data(self.queued_errors()),
            plan => plan,
        })
    }

    /// The log of the queued command that failed (ACS-3 A.17), which forgets it.
    fn queued_errors(&self) -> Vec<u8> {
        let mut registers = self.hba.lock();
        let failed = registers.ports.get_mut(self.port).and_then(|port| port.queued_error.take());
        let mut log = vec![0; 511];
        let start = match failed {
            Some((slot, status, error)) => [slot, 0, status, error],
            None => [0x80, 0, 0, 0], // not a queued one
        };
        log.splice(0..4, start);
        let sum = log.iter().fold(0u8, |sum, byte| sum.wrapping_sub(*byte));
        log.push(sum);
        log
    }

    /// `None`: it is a command of disks, to which a drive answers with its signature.
    pub(super) fn plan_of_drive(
        &self,
        unit: &LogicalUnit,
        serial: &str,
        command: &Command,
        task: &TaskFile,
    ) -> Option<Plan> {
        match task.command {
            IDENTIFY_PACKET => Some(Plan::Data(identify::drive(serial))),
            PACKET => {
                let [cdb @ .., _, _, _, _] = command.packet;
                let mut parameters = |length: u32| {
                    let list = command.readable(&self.hba.memory.memory(), length).ok()?;
                    let mut bytes = vec![0; usize::try_from(length).ok()?];
                    list.read(0, &mut bytes).ok()?;
                    Some(bytes)
                };
                // What the command before it failed with is asked for now, or never.
                if cdb.first() != Some(&REQUEST_SENSE) {
                    unit.hold(None);
                }
                match unit.execute(&cdb, &mut parameters) {
                    Answer::Check(sense) => {
                        unit.hold(Some(sense));
                        Some(Plan::Failed(sense.key << 4 | ata::ABORTED))
                    }
                    Answer::Data(bytes) if bytes.is_empty() => Some(Plan::Done(packet_end())),
                    Answer::Data(bytes) => Some(Plan::Data(bytes)),
                    Answer::Work(steps) => Some(Plan::Work(steps, Way::Dma)),
                }
            }
            // SET FEATURES (transfer mode), the power modes.
            0xef if task.features & 0xff == 3 => Some(Plan::Done(TaskFile::default())),
            0xe0 | 0xe1 | 0xe2 | 0xe3 | 0xe6 => Some(Plan::Done(TaskFile::default())),
            0xe5 => Some(Plan::Done(TaskFile { count: 0xff, ..TaskFile::default() })),
            DEVICE_RESET => Some(Plan::Done(signature(Connected::Drive))),
            0xec => None,
            _ => Some(Plan::Failed(ata::ABORTED)),
        }
    }
}

/// What a device that has begun anew says of itself.
pub(super) fn signature(connected: Connected) -> TaskFile {
    let signature = connected.signature();
    TaskFile { lba: u64::from(signature >> 8), count: 1, ..TaskFile::default() }
}
