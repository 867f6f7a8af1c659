//! The board with PCI; the kernel is entered by PVH.

use integration::machine::Scene;
use vmm::KernelEntry;

const SCENES: [Scene; 1] = [Scene::Q35(KernelEntry::Pvh)];

#[path = "spine/mod.rs"]
mod spine;
