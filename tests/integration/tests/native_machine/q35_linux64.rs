//! The board with PCI; the kernel is entered by the 64-bit Linux entry.

use integration::machine::Scene;
use vmm::KernelEntry;

const SCENES: [Scene; 1] = [Scene::Q35(KernelEntry::Linux64)];

#[path = "spine/mod.rs"]
mod spine;
