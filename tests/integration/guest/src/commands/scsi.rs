//! `scsi=TARGET[,STEP]...`: drives a unit of the virtio SCSI device.
//!
//! Steps: `w:START:COUNT[:SEED]` writes blocks with the pattern, `r:START:COUNT[:SEED]` reads and verifies,
//! `z:START:COUNT` must read zeros, `unmap:START:COUNT` and `zero:START:COUNT` give blocks back and zero them, `f`
//! flushes; `cdb:HEX:SENSE` sends a command, which must fail with this sense (six digits; `000000`: it must not);
//! `ready` waits until the unit is ready, `sense:SENSE` until it says so; `reset` resets the unit.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use super::{Outcome, required};
use crate::scsi::virtio::{Device, Target};
use crate::scsi::{Carrier, Failure, Unit};
use crate::sync::SpinLock;

/// The device, once it is open.
struct Opened(Option<Rc<RefCell<Device>>>);

// SAFETY: commands run on one CPU, one after the other, and the lock is held while the device is taken.
unsafe impl Send for Opened {}

static DEVICE: SpinLock<Opened> = SpinLock::new(Opened(None));

/// The device, opened at its first use.
pub fn device() -> Result<Rc<RefCell<Device>>, String> {
    let mut opened = DEVICE.lock();
    if opened.0.is_none() {
        opened.0 = Some(Device::open()?);
    }
    opened.0.clone().ok_or_else(|| String::from("not open"))
}

fn hex(text: &str) -> Result<Vec<u8>, String> {
    let digits: Option<Vec<u32>> = text.chars().map(|digit| digit.to_digit(16)).collect();
    let digits = digits.filter(|digits| digits.len() % 2 == 0).ok_or_else(|| format!("not bytes: {text:?}"))?;
    Ok(digits.chunks(2).map(|pair| (pair[0] << 4 | pair[1]) as u8).collect())
}

fn sense(text: &str) -> Result<(u8, u8, u8), String> {
    match hex(text)?[..] {
        [key, code, qualifier] => Ok((key, code, qualifier)),
        _ => Err(format!("not a sense: {text:?}")),
    }
}

/// Sends a command, which must end with `wanted`.
fn command<C: Carrier>(unit: &mut Unit<C>, cdb: &[u8], wanted: (u8, u8, u8)) -> Result<(), String> {
    let mut room = [0; 512];
    match (unit.carrier.execute(cdb, &[], &mut room), wanted) {
        (Ok(_), (0, 0, 0)) => Ok(()),
        (Err(Failure::Sense(key, code, qualifier)), wanted) if (key, code, qualifier) == wanted => Ok(()),
        (Ok(_), _) => Err(String::from("succeeded and should not")),
        (Err(failure), _) => Err(format!("{failure}")),
    }
}

/// One step of any unit; `false`: it is none.
pub fn step<C: Carrier>(unit: &mut Unit<C>, text: &str) -> Result<bool, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let at = |index: usize| parts.get(index).map_or(Ok(0), |part| required(part));
    let text = |index: usize| parts.get(index).copied().unwrap_or_default();
    match parts[0] {
        "w" => unit.write(at(1)?, at(2)?, at(3)?)?,
        "r" => unit.verify(at(1)?, at(2)?, at(3)?)?,
        "z" => unit.verify_zeros(at(1)?, at(2)?)?,
        "unmap" => unit.unmap(at(1)?, at(2)?)?,
        "zero" => unit.zero(at(1)?, at(2)?)?,
        "f" => unit.flush()?,
        "cdb" => command(unit, &hex(text(1))?, sense(text(2))?)?,
        "ready" => drop(unit.wait_until_ready()?),
        "sense" => unit.wait_for_sense(sense(text(1))?)?,
        "say" => crate::serial::say!("{}", text(1)),
        _ => return Ok(false),
    }
    Ok(true)
}

/// What a unit says of itself: for the result line.
pub fn describe<C: Carrier>(unit: &mut Unit<C>) -> Outcome {
    let (blocks, block) = unit.wait_until_ready()?;
    Ok(format!("name={} blocks={blocks} block={block}", unit.name()?))
}

pub fn run(arguments: &str) -> Outcome {
    let mut steps = arguments.split(',');
    let target = required(steps.next().unwrap_or("0"))?;
    let mut unit = Unit::new(Target::new(device()?, target as u8));
    let before = unit.carrier.interrupts();
    for text in steps {
        let failed = |error| format!("target={target} step={text} {error}");
        if text == "reset" {
            let response = unit.carrier.reset().map_err(failed)?;
            if response != 0 {
                return Err(failed(format!("response {response}")));
            }
        } else if !step(&mut unit, text).map_err(failed)? {
            return Err(failed(String::from("unknown step")));
        }
    }
    let description = describe(&mut unit)?;
    let interrupts = unit.carrier.interrupts() - before;
    Ok(format!("target={target} serial={} {description} interrupts={interrupts}", unit.serial()?))
}
