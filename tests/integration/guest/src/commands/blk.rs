//! `blk=ID[,STEP]...`: drives disk ID (a number in the board's order, or a serial id).
//!
//! Steps: `w:START:COUNT[:SEED]` writes sectors with the pattern, `r:START:COUNT[:SEED]` reads and verifies,
//! `wfail:START:COUNT` and `rfail:START:COUNT` must fail, `sum:START:COUNT` prints a checksum, `f` flushes, `poll` and
//! `irq` choose how completions are awaited.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Outcome, required};
use crate::disk::{self, Disk};
use crate::script::number;

fn find(id: &str) -> Result<usize, String> {
    if let Some(index) = number(id) {
        return usize::try_from(index).map_err(|error| format!("{error}"));
    }
    for index in 0..disk::count() {
        if disk::with(index, Disk::serial)? == id {
            return Ok(index);
        }
    }
    Err(format!("no disk with serial {id:?}"))
}

fn must_fail(result: Result<(), String>) -> Result<(), String> {
    match result {
        Ok(()) => Err(String::from("succeeded and should not")),
        Err(_) => Ok(()),
    }
}

/// One step; what it adds to the result line.
fn step(disk: &mut Disk, text: &str) -> Result<Option<String>, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let at = |index: usize| parts.get(index).map_or(Ok(0), |part| required(part));
    let (start, count, seed) = (at(1)?, at(2)?, at(3)?);
    match parts[0] {
        "w" => disk.write(start, count, seed)?,
        "r" => disk.verify(start, count, seed)?,
        "wfail" => must_fail(disk.write(start, count, seed))?,
        "rfail" => must_fail(disk.checksum(start, count).map(|_| ()))?,
        "sum" => return Ok(Some(format!("sum={:#018x}", disk.checksum(start, count)?))),
        "f" => disk.flush()?,
        "poll" => disk.by_interrupt = false,
        "irq" => disk.by_interrupt = true,
        other => return Err(format!("unknown step {other:?}")),
    }
    Ok(None)
}

pub fn run(arguments: &str) -> Outcome {
    let mut steps = arguments.split(',');
    let index = find(steps.next().unwrap_or("0"))?;
    disk::with(index, |disk| {
        let before = (disk.interrupts(), disk.late);
        let serial = disk.serial()?;
        let mut sums = String::new();
        for text in steps {
            let added = step(disk, text).map_err(|error| format!("disk={index} step={text} {error}"))?;
            if let Some(added) = added {
                sums.push(' ');
                sums.push_str(&added);
            }
        }
        Ok(format!(
            "disk={index} serial={serial} sectors={} readonly={} interrupts={} late={}{sums}",
            disk.capacity(),
            u8::from(disk.read_only()),
            disk.interrupts() - before.0,
            disk.late - before.1,
        ))
    })
}
