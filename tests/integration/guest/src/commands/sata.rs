//! `sata=PORT[,STEP]...`: drives what is on a port of the SATA controller.
//!
//! Steps of a disk: `w:START:COUNT[:SEED]` writes sectors with the pattern, `r:` reads and verifies by DMA, `p:` by PIO,
//! `q:` by queued commands; `trim:START:COUNT` gives sectors back, `f` flushes, `fail:COMMAND:LBA:COUNT` must fail,
//! `do:COMMAND:LBA:COUNT:FEATURES` must not. Those of a drive are the steps of `scsi`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Outcome, required, scsi};
use crate::ahci::Port;
use crate::ahci::disk::Disk;
use crate::ahci::drive::Drive;
use crate::scsi::{Carrier, Unit};

const DISK: u32 = 0x0000_0101;

fn step(disk: &mut Disk, text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split(':').collect();
    let at = |index: usize| parts.get(index).map_or(Ok(0), |part| required(part));
    match parts[0] {
        "w" => disk.write(at(1)?, at(2)?, at(3)?),
        "r" => disk.verify(0x25, at(1)?, at(2)?, at(3)?),
        "p" => disk.verify(0x24, at(1)?, at(2)?, at(3)?),
        "q" => disk.verify_queued(at(1)?, at(2)?, at(3)?),
        "trim" => disk.trim(at(1)?, at(2)?),
        "f" => disk.plain(0xea, 0, 0, 0),
        "do" => disk.plain(at(1)? as u8, at(2)?, at(3)? as u16, at(4)? as u16),
        "fail" => match disk.plain(at(1)? as u8, at(2)?, at(3)? as u16, 0) {
            Ok(()) => Err(String::from("succeeded and should not")),
            Err(_) => Ok(()),
        },
        other => Err(format!("unknown step {other:?}")),
    }
}

/// Characters of IDENTIFY, which are swapped in pairs.
fn text(words: &[u8]) -> String {
    let swapped: String = words.chunks(2).flat_map(|pair| pair.iter().rev()).map(|byte| char::from(*byte)).collect();
    swapped.split_whitespace().collect::<Vec<_>>().join("-")
}

pub fn run(arguments: &str) -> Outcome {
    let mut steps = arguments.split(',');
    let number = required(steps.next().unwrap_or("0"))?;
    let port = Port::open(number)?;
    let failed = |text: &str, error: String| format!("port={number} step={text} {error}");
    if port.signature() == DISK {
        let mut disk = Disk { port };
        let before = disk.port.interrupts();
        for text in steps {
            step(&mut disk, text).map_err(|error| failed(text, error))?;
        }
        let data = disk.identify()?;
        let sectors = data[200..208].iter().rev().fold(0u64, |sectors, byte| sectors << 8 | u64::from(*byte));
        let (model, serial) = (text(&data[54..94]), text(&data[20..40]));
        let (interrupts, late) = (disk.port.interrupts() - before, disk.port.late);
        let messages = disk.port.messages();
        return Ok(format!(
            "port={number} model={model} serial={serial} sectors={sectors} messages={messages} interrupts={interrupts} late={late}"
        ));
    }
    let mut drive = Unit::new(Drive { port });
    let before = drive.carrier.interrupts();
    for text in steps {
        if !scsi::step(&mut drive, text).map_err(|error| failed(text, error))? {
            return Err(failed(text, String::from("unknown step")));
        }
    }
    let description = scsi::describe(&mut drive)?;
    let (interrupts, late) = (drive.carrier.interrupts() - before, drive.carrier.port.late);
    Ok(format!("port={number} {description} interrupts={interrupts} late={late}"))
}
