//! I/O: what a disk and a network of the test guest carry, beside what the host carries by itself.
//!
//! Each run is a process of its own, and the runs of all series of a case are shuffled within a round, so that what the
//! machine does meanwhile is the same for all. A case is a number of requests, so many at a time.

pub mod disk;
mod figures;
pub mod network;
mod series;
pub mod taps;

pub use figures::{Figures, answers, cpu_by_thread, process_cpu_ns};

use anyhow::Result;

use crate::context::Context;
use crate::report::Section;

/// The N-th request is for the place N times this, as in the test guest's `depth`.
pub const SPREAD: u64 = 0x9e37_79b1;

/// What is said before the tables.
const ABOUT: &str = "The guest's driver is the test guest's. Its own code runs at CPL 3; what it does at CPL 0 (to wait \
    for an interrupt, to take one) is emulated where the host is PVM (see `launcher doctor`), which the rows \"by interrupts\" \
    pay for and the rows \"looking\" do not: there the vCPU spins until it sees the answer, and the device is told not to \
    interrupt. Ratios are of medians, with the bootstrap's 95 % interval, whose lower end counts. CPU times are those of \
    threads on the host, per request: of the host's program, or of the machine's workers (the devices' side); and of the \
    vCPU, which runs the guest. Notifications and interrupts are counted by the driver, exits (to this process, without \
    serial output) by the machine.";

/// Measures.
///
/// # Errors
/// No file can be made.
pub fn measure(context: &mut Context) -> Result<Section> {
    let mut section = Section::new("I/O");
    section.text(ABOUT);
    for against in context.built.against.iter().filter(|against| against.guest_io.is_none()) {
        section.not_run(&format!("the guest's rows @{}", against.revision), "that revision has no guest-io");
    }
    disk::measure(context, &mut section)?;
    network::measure(context, &mut section);
    Ok(section)
}
