//! What only the board with PCI has.

mod configuration;
mod cpus;
mod disk_policies;
mod firmware;
mod interrupts;
mod memory;
mod power;
mod ranges;
mod sata;

use integration::machine::{Scene, TestMachine};
use vmm::KernelEntry;

fn machine(script: &str) -> Option<TestMachine> {
    Scene::Q35(KernelEntry::Pvh).script(script)
}
