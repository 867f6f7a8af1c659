//! What each firmware boots: a pairwise choice of media, CPUs and memory sizes, or in full runs all of them.

use std::env;

use integration::images::{FirmwareSuite, Kernel};
use integration::nested::{ensure_says, full};

use crate::media::Medium;
use crate::scene::{self, Bus, Firmware, Scene};

/// The environment variable by which a developer asks for the scenes whose names contain its value.
const SCENES: &str = "PODVISOR_SCENES";

const BOOKWORM: Scene = Scene::of(Medium::Linux(Kernel::Bookworm));
const SID: Scene = Scene::of(Medium::Linux(Kernel::Sid));
const MEMTEST: Scene = Scene::of(Medium::Memtest);
const IPXE: Scene = Scene::of(Medium::Ipxe);
const INSTALLER: Scene = Scene::of(Medium::Installer);
const NETWORK: Scene = Scene::of(Medium::Network);
const ROM: Scene = Scene::of(Medium::Rom);
const NOTHING: Scene = Scene::of(Medium::Nothing);

const SYSTEMD_BOOT: Scene = Scene { steps: "restarts:1,memory", ..Scene::of(Medium::SystemdBoot) };

/// A boot entry of the guest's own, which boots next time, and the time after the launcher's end.
const ENTRY: Scene = Scene { steps: "entry,restarts:1", starts: 2, ..BOOKWORM };
/// The same where the host has no room for the entry at first.
const NO_ROOM: Scene = Scene { steps: "no-room,entry,restarts:1", ..ENTRY };

/// Disks and discs of other buses.
const SATA_DISK: Scene = Scene { bus: Bus::Sata, steps: "memory", ..Scene::of(Medium::Linux(Kernel::Ordinary)) };
const SCSI_DISK: Scene = Scene { bus: Bus::Scsi, ..SATA_DISK };
const SATA_IPXE: Scene = Scene { bus: Bus::Sata, ..Scene::of(Medium::IpxeDisc) };
const SCSI_IPXE: Scene = Scene { bus: Bus::Scsi, ..SATA_IPXE };
const SATA_GRUB: Scene = Scene { bus: Bus::Sata, ..Scene::of(Medium::GrubDisc) };
const SCSI_GRUB: Scene = Scene { bus: Bus::Scsi, ..SATA_GRUB };

/// More than 2.75 GiB: RAM goes on above 4 GiB.
const SPLIT: u32 = 3584;
const LARGE: u32 = 5120;
const REBOOTS: &str = "restarts:3,memory,dmi";
/// 25 blocks are 200 MiB.
const WRITES: &str = "write:25,memory";

/// Each medium with each number of CPUs and each size of memory.
fn all(firmware: Firmware) -> Vec<Scene> {
    let mut scenes = match firmware {
        Firmware::Ovmf => vec![ENTRY, NO_ROOM, SYSTEMD_BOOT, NETWORK],
        // GRUB's disc is for PC BIOSes alone.
        Firmware::Seabios => vec![SATA_GRUB, SCSI_GRUB],
    };
    scenes.extend([SATA_DISK, SCSI_DISK, SATA_IPXE, SCSI_IPXE]);
    scenes.extend([ROM, Scene { cpus: 4, mib: LARGE, steps: "memory", ..ROM }]);
    for (cpus, mib) in [(1, 512), (1, SPLIT), (1, LARGE), (4, 512), (4, SPLIT), (4, LARGE)] {
        let steps = match mib {
            512 => REBOOTS,
            SPLIT => "memory,dmi",
            _ => WRITES,
        };
        for scene in [Scene { steps, ..BOOKWORM }, SID, MEMTEST, IPXE, INSTALLER, NOTHING] {
            // memtest86+ touches all memory, of which L1 has less.
            let mib = if scene.medium == Medium::Memtest { 512 } else { mib };
            scenes.push(Scene { cpus, mib, ..scene });
        }
    }
    scenes
}

fn boots(name: &str, firmware: Firmware, suite: FirmwareSuite, pairwise: &[Scene]) {
    let mut scenes = if full() { all(firmware) } else { pairwise.to_vec() };
    if let Ok(part) = env::var(SCENES) {
        scenes.retain(|scene| scene.to_string().contains(&part));
    }
    if scenes.is_empty() {
        return;
    }
    for (scene, printed) in scenes.iter().zip(scene::run(name, firmware, suite, &scenes)) {
        if scene.does("restarts:3") {
            assert_eq!(printed.matches("guest restarts").count(), 3, "{scene} printed:\n{printed}");
            assert_eq!(printed.matches("/data: OK").count(), 3, "{scene} printed:\n{printed}");
        }
        if scene.does("write:25") {
            ensure_says(&printed, "guest wrote 25 blocks and read 25 back").unwrap();
        }
        if scene.does("entry") {
            let by_entry = "guest begins: via=efi:(hd0,gpt2)/EFI/podvisor";
            assert_eq!(printed.matches(by_entry).count(), 2, "{scene} printed:\n{printed}");
        }
        if scene.does("no-room") {
            ensure_says(&printed, "The variable store \"vars.fd\" cannot be written").unwrap();
        }
        if matches!(scene.medium, Medium::Network | Medium::Rom) {
            ensure_says(&printed, ":(tftp,10.0.2.1) after").unwrap();
        }
        if scene.does("dmi") {
            ensure_says(&printed, "Product Name: Virtual Machine").unwrap();
        }
    }
}

#[test]
fn ovmf_of_bookworm_boots_what_others_made() {
    let scenes = [Scene { cpus: 4, ..INSTALLER }, Scene { cpus: 4, mib: SPLIT, ..ENTRY }, SATA_DISK];
    boots("ovmf-bookworm", Firmware::Ovmf, FirmwareSuite::Bookworm, &scenes);
}

#[test]
fn ovmf_of_sid_boots_what_others_made() {
    let scenes = [
        Scene { mib: LARGE, steps: "memory,dmi", ..SID },
        Scene { steps: "memory", ..NETWORK },
        Scene { cpus: 4, mib: SPLIT, ..IPXE },
        MEMTEST,
        NOTHING,
        SCSI_IPXE,
    ];
    boots("ovmf-sid", Firmware::Ovmf, FirmwareSuite::Sid, &scenes);
}

#[test]
fn seabios_of_bookworm_boots_what_others_made() {
    let scenes =
        [IPXE, Scene { mib: SPLIT, ..INSTALLER }, Scene { cpus: 4, mib: LARGE, steps: REBOOTS, ..SID }, SCSI_DISK];
    boots("seabios-bookworm", Firmware::Seabios, FirmwareSuite::Bookworm, &scenes);
}

#[test]
fn seabios_of_sid_boots_what_others_made() {
    let scenes = [
        Scene { cpus: 4, mib: LARGE, ..NOTHING },
        ROM,
        Scene { mib: SPLIT, steps: WRITES, ..BOOKWORM },
        Scene { cpus: 4, ..MEMTEST },
        SATA_IPXE,
        SCSI_GRUB,
    ];
    boots("seabios-sid", Firmware::Seabios, FirmwareSuite::Sid, &scenes);
}
