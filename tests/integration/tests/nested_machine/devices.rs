//! What Linux finds in our machine: CPUs in their topology, memory on both sides of 4 GiB, the PCI bus, the network by
//! either transport, the power button; and restarts of one machine.

use integration::images::Kernel;
use integration::nested::{Board, ensure_says, full};

use crate::scene::{self, Entry, Scene};

const Q35: Scene = Scene { board: Board::Q35, entry: Entry::BzImage, cpus: "2", mib: 512, steps: "" };

const BOTH: &[Kernel] = &[Kernel::Bookworm, Kernel::Sid];
const BOOKWORM: &[Kernel] = &[Kernel::Bookworm];
const SID: &[Kernel] = &[Kernel::Sid];

/// With the kernels for which it is not left to full runs.
const SCENES: [(Scene, &[Kernel]); 7] = [
    (Scene { cpus: "6,sockets=2,cores=3", mib: 5120, steps: "cpus,memory,pci", ..Q35 }, BOTH),
    (Scene { steps: "network", ..Q35 }, BOOKWORM),
    (Scene { cpus: "1,sockets=1,cores=1", mib: 4096, steps: "restarts:5,cpus,memory", ..Q35 }, BOOKWORM),
    (Scene { cpus: "1,sockets=1,cores=1", steps: "cpus", ..Q35 }, SID),
    (Scene { cpus: "6,cores=3,threads=2", mib: 3584, steps: "cpus,memory,button", ..Q35 }, BOTH),
    (Scene { cpus: "4", mib: 6144, steps: "memory,pci", ..Q35 }, SID),
    (Scene { board: Board::Microvm, steps: "network", ..Q35 }, SID),
];

/// Sockets, cores and threads that `lscpu` must tell of a machine with so many CPUs.
const TOPOLOGIES: [(&str, [u32; 4]); 3] = [
    ("6,sockets=2,cores=3", [6, 2, 3, 1]),
    ("6,cores=3,threads=2", [6, 1, 3, 2]),
    ("1,sockets=1,cores=1", [1, 1, 1, 1]),
];
const LSCPU: [&str; 4] = ["CPU(s):", "Socket(s):", "Core(s) per socket:", "Thread(s) per core:"];

fn finds_everything(kernel: Kernel) {
    let scenes: Vec<Scene> =
        SCENES.into_iter().filter(|(_, short)| full() || short.contains(&kernel)).map(|(scene, _)| scene).collect();
    for (scene, printed) in scenes.iter().zip(scene::run("devices", kernel, &scenes)) {
        if scene.steps.contains("cpus") {
            let (_, expected) = TOPOLOGIES.into_iter().find(|(cpus, _)| *cpus == scene.cpus).unwrap();
            assert_eq!(lscpu(&printed), expected, "{scene} printed:\n{printed}");
        }
        if scene.steps.contains("pci") {
            ensure_says(&printed, "29c0").or_else(|_| ensure_says(&printed, "82G33/G31/P35/P31 Express DRAM")).unwrap();
            let region = printed.lines().find(|line| line.contains("Region ") && line.contains("[disabled]"));
            assert_eq!(region, None, "{scene}: a BAR does not decode:\n{printed}");
        }
        if let Some(restarts) = scene.steps.strip_prefix("restarts:") {
            let wanted: usize = restarts.split(',').next().unwrap().parse().unwrap();
            assert_eq!(printed.matches("guest restarts").count(), wanted, "{scene} printed:\n{printed}");
        }
    }
}

/// The numbers in lines like `Core(s) per socket:      3`.
fn lscpu(printed: &str) -> [u32; 4] {
    LSCPU.map(|key| {
        let value = printed.lines().find_map(|line| line.trim_start().strip_prefix(key));
        value.unwrap_or_else(|| panic!("no {key} in\n{printed}")).trim().parse().unwrap()
    })
}

#[test]
fn bookworm_finds_every_device_and_its_data_after_each_of_five_restarts() {
    finds_everything(Kernel::Bookworm);
}

#[test]
fn sid_finds_every_device_and_is_switched_off_by_its_power_button() {
    finds_everything(Kernel::Sid);
}
