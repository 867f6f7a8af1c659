//! `msix`: message vectors of the first disk: masked one by one and all together while completions come, unmasked, given
//! other messages, sent to another CPU.

use alloc::format;
use alloc::string::String;

use super::Outcome;
use crate::clock::PATIENCE_MS;
use crate::descriptors::{FIRST_MESSAGE, MESSAGES, interrupts};
use crate::disk::{self, Disk, Pending};
use crate::interrupt::{Interrupt, QUIET_MS, eventually, while_running};
use crate::pci::msix::Msix;
use crate::smp;

/// The entry of queue 0 (see `PciLink`).
const ENTRY: u16 = 1;
/// A vector that no device has.
const SPARE: u8 = FIRST_MESSAGE + MESSAGES - 1;

struct Scene<'a> {
    disk: &'a mut Disk,
    msix: Msix,
    vector: u8,
    /// The request that completed last. Its place in the used ring is not taken before its message came: a device
    /// need send none for what the driver has seen already (VIRTIO 1.2 2.7.10).
    last: Option<Pending>,
}

impl Scene<'_> {
    /// One more request is complete.
    fn complete(&mut self) -> Result<(), String> {
        if let Some(last) = self.last.take() {
            self.disk.finish(last)?;
        }
        self.last = Some(self.disk.submit(0, 1, false)?);
        if eventually(|| self.disk.is_complete()) { Ok(()) } else { Err(String::from("no completion")) }
    }

    /// Messages of all vectors.
    fn all(&self) -> u64 {
        self.disk.interrupts() + interrupts(SPARE)
    }

    /// A completion whose message must wait, as the pending bit tells.
    fn held_back(&mut self, how: &str) -> Result<(), String> {
        self.complete()?;
        let pending = eventually(|| self.msix.is_pending(ENTRY));
        match (while_running(|| self.all(), 1, QUIET_MS), pending) {
            (0, true) => Ok(()),
            (came, pending) => Err(format!("{how}: came={came} pending={pending}")),
        }
    }

    /// Exactly one message has come or comes now, by `vector`, and none is pending.
    fn delivered(&self, vector: u8, change: impl FnOnce(&Msix), how: &str) -> Result<(), String> {
        let (before, all_before) = (interrupts(vector), self.all());
        change(&self.msix);
        while_running(|| interrupts(vector), 1, PATIENCE_MS);
        while_running(|| self.all(), 1, QUIET_MS);
        let (came, all) = (interrupts(vector) - before, self.all() - all_before);
        match (came, all, self.msix.is_pending(ENTRY)) {
            (1, 1, false) => Ok(()),
            (came, all, pending) => Err(format!("{how}: came={came} all={all} pending={pending}")),
        }
    }

    fn masks(&mut self) -> Result<(), String> {
        self.complete()?;
        self.delivered(self.vector, |_| (), "unmasked")?;
        self.msix.mask(ENTRY, true);
        self.held_back("vector masked")?;
        // A second completion is the same message.
        self.held_back("vector masked, again")?;
        self.delivered(self.vector, |msix| msix.mask(ENTRY, false), "vector unmasked")?;
        self.msix.mask_function(true);
        self.held_back("function masked")?;
        self.delivered(self.vector, |msix| msix.mask_function(false), "function unmasked")?;
        self.msix.mask_function(true);
        self.msix.mask(ENTRY, true);
        self.held_back("both masked")?;
        self.msix.mask_function(false);
        self.held_back("vector still masked")?;
        self.delivered(self.vector, |msix| msix.mask(ENTRY, false), "both unmasked")
    }

    /// The message is changed while one is pending, and afterwards.
    fn moves(&mut self) -> Result<(), String> {
        self.msix.mask(ENTRY, true);
        self.held_back("before the move")?;
        self.msix.set(ENTRY, SPARE, 0);
        self.delivered(SPARE, |msix| msix.mask(ENTRY, false), "moved while pending")?;
        self.complete()?;
        self.delivered(SPARE, |_| (), "moved")?;
        self.retarget(self.vector, 0);
        self.complete()?;
        self.delivered(self.vector, |_| (), "moved back")
    }

    fn retarget(&self, vector: u8, cpu: usize) {
        self.msix.mask(ENTRY, true);
        self.msix.set(ENTRY, vector, cpu);
        self.msix.mask(ENTRY, false);
    }

    /// CPU 1 gets the message: this one lets none in meanwhile.
    fn other_cpu(&mut self) -> Result<&'static str, String> {
        smp::start().map_err(|cpu| format!("CPU {cpu} did not start"))?;
        if smp::count() < 2 {
            return Ok("absent");
        }
        self.retarget(SPARE, 1);
        let before = interrupts(SPARE);
        self.complete()?;
        if !eventually(|| interrupts(SPARE) != before) {
            return Err(String::from("no message for CPU 1"));
        }
        self.retarget(self.vector, 0);
        self.complete()?;
        self.delivered(self.vector, |_| (), "back on CPU 0")?;
        Ok("1")
    }
}

fn script(disk: &mut Disk) -> Outcome {
    let Interrupt::Messages { msix, first, count } = disk.interrupt else { return Err(String::from("no messages")) };
    if count <= ENTRY || !msix.fits() {
        return Err(format!("vectors={} fits={}", msix.size(), msix.fits()));
    }
    let mut scene = Scene { disk, msix, vector: first + ENTRY as u8, last: None };
    // What came before this command.
    while_running(|| scene.all(), u64::MAX, QUIET_MS);
    scene.masks()?;
    scene.moves()?;
    let cpu = scene.other_cpu()?;
    if let Some(last) = scene.last.take() {
        scene.disk.finish(last)?;
    }
    Ok(format!("vectors={} control={:#x} cpu1={cpu}", msix.size(), msix.control_register()))
}

/// A vector that the function does not have is refused (VIRTIO 1.2 4.1.5.1.2), for configuration changes, which this
/// driver does not use.
fn refused(disk: &Disk) -> Result<(), String> {
    let link = disk.link.as_ref().ok_or("not over PCI")?;
    let Interrupt::Messages { msix, .. } = disk.interrupt else { return Err(String::from("no messages")) };
    let read_back = [msix.size(), 0, 0xffff].map(|vector| link.set_config_vector(vector));
    if read_back == [0xffff, 0, 0xffff] { Ok(()) } else { Err(format!("vectors read back: {read_back:x?}")) }
}

pub fn run() -> Outcome {
    disk::with(0, |disk| {
        refused(disk)?;
        script(disk)
    })
}
