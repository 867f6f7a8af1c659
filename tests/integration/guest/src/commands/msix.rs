//! `msix`: message vectors of the entropy device: masked one by one and all together while completions come, unmasked,
//! given other messages, sent to another CPU.

use alloc::format;
use alloc::string::String;

use super::Outcome;
use crate::descriptors::{FIRST_MESSAGE, MESSAGES, interrupts};
use crate::interrupt::{Interrupt, QUIET_MS, while_running};
use crate::pci::msix::Msix;
use crate::smp;
use crate::virtio::{self, Device, Worker};

/// The entry of queue 0 (see `PciLink`).
const ENTRY: u16 = 1;
/// A vector that no device has.
const SPARE: u8 = FIRST_MESSAGE + MESSAGES - 1;

struct Scene {
    worker: Worker,
    msix: Msix,
    vector: u8,
}

impl Scene {
    /// A request whose message must wait, as the pending bit tells.
    fn held_back(&mut self, how: &str) -> Result<(), String> {
        self.worker.work()?;
        let came = while_running(|| self.worker.interrupt.count() + interrupts(SPARE), 1, QUIET_MS);
        match (came, self.msix.is_pending(ENTRY)) {
            (0, true) => Ok(()),
            (came, pending) => Err(format!("{how}: came={came} pending={pending}")),
        }
    }

    /// Exactly one message has come or comes now, by `vector`, and none is pending.
    fn delivered(&self, vector: u8, change: impl FnOnce(&Msix), how: &str) -> Result<(), String> {
        let before = interrupts(vector);
        let all = || self.worker.interrupt.count() + interrupts(SPARE);
        let all_before = all();
        change(&self.msix);
        while_running(|| interrupts(vector), 1, 1000);
        while_running(all, 1, QUIET_MS);
        let (came, others) = (interrupts(vector) - before, all() - all_before);
        match (came, others, self.msix.is_pending(ENTRY)) {
            (1, 1, false) => Ok(()),
            (came, all, pending) => Err(format!("{how}: came={came} all={all} pending={pending}")),
        }
    }

    fn masks(&mut self) -> Result<(), String> {
        self.worker.work()?;
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
        self.worker.work()?;
        self.delivered(SPARE, |_| (), "moved")?;
        self.retarget(self.vector, 0);
        self.worker.work()?;
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
        self.worker.work()?;
        let timeout = crate::clock::Timeout::after(1000);
        while interrupts(SPARE) == before {
            if timeout.passed() {
                return Err(String::from("no message for CPU 1"));
            }
        }
        self.retarget(self.vector, 0);
        self.worker.work()?;
        self.delivered(self.vector, |_| (), "back on CPU 0")?;
        Ok("1")
    }
}

pub fn run() -> Outcome {
    let device = virtio::devices(virtio::ENTROPY).next();
    let Some(Device::Pci(function)) = device else { return Err(String::from("no entropy device over PCI")) };
    let worker = Worker::entropy(function)?;
    let Interrupt::Messages { msix, first, count } = worker.interrupt else { return Err(String::from("no messages")) };
    if count <= ENTRY || !msix.fits() {
        return Err(format!("vectors={} fits={}", msix.size(), msix.fits()));
    }
    // A vector that the function does not have (VIRTIO 1.2 4.1.5.1.2), then the right one again.
    let refused = worker.set_vector(0, msix.size());
    let taken = worker.set_vector(0, ENTRY);
    if (refused, taken) != (0xffff, ENTRY) {
        return Err(format!("absent vector={refused:#x} vector={taken:#x}"));
    }
    let mut scene = Scene { worker, msix, vector: first + ENTRY as u8 };
    scene.masks()?;
    scene.moves()?;
    let cpu = scene.other_cpu()?;
    Ok(format!("vectors={} control={:#x} cpu1={cpu}", msix.size(), msix.control_register()))
}
