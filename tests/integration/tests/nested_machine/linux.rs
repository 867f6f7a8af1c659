//! Unmodified Linux kernels of Debian boot in our machine, which runs in an emulated one.

use std::path::Path;

use anyhow::Context;
use integration::images::{Images, Kernel};
use integration::nested::{Board, Medium, check_complaints, compile, ensure_says};
use tempfile::TempDir;

use crate::scene::{self, Entry, LIMIT, Scene};

/// The first boot leaves a file and its checksum on the disk; the second, after a reset, checks it.
const STEPS: &str = "restarts:1,memory,identity";
/// More than fits below 4 GiB. The guest does not touch it all.
const LARGE: u32 = 5 * 1024;
const SMALL: u32 = 512;

/// Each board by each entry, with one CPU and with two, and memory above 4 GiB by either form of boot information.
const SCENES: [Scene; 6] = [
    Scene { board: Board::Q35, entry: Entry::BzImage, cpus: "1", mib: SMALL, steps: STEPS },
    Scene { board: Board::Q35, entry: Entry::Pvh, cpus: "2", mib: LARGE, steps: STEPS },
    Scene { board: Board::Q35, entry: Entry::Linux64, cpus: "2", mib: LARGE, steps: STEPS },
    Scene { board: Board::Microvm, entry: Entry::BzImage, cpus: "2", mib: LARGE, steps: STEPS },
    Scene { board: Board::Microvm, entry: Entry::Pvh, cpus: "1", mib: LARGE, steps: STEPS },
    Scene { board: Board::Microvm, entry: Entry::Linux64, cpus: "2", mib: SMALL, steps: STEPS },
];

fn boots(kernel: Kernel) {
    for printed in scene::run("linux", kernel, &SCENES) {
        ensure_says(&printed, "guest restarts").unwrap();
        ensure_says(&printed, "/data: OK").unwrap();
    }
}

#[test]
fn bookworm_boots_by_every_entry_reaches_its_disk_and_finds_it_whole_after_a_reset() {
    boots(Kernel::Bookworm);
}

#[test]
fn sid_boots_by_every_entry_reaches_its_disk_and_finds_it_whole_after_a_reset() {
    boots(Kernel::Sid);
}

const AVX_INIT: &str = "#!/bin/sh\nexport PATH=/bin\navx\nsync\npoweroff -f\n";

fn keeps_avx(kernel: Kernel) {
    let images = Images::ensure().unwrap();
    let programs = TempDir::new().unwrap();
    let avx = compile("avx.c", programs.path()).unwrap();
    let medium = Medium::new(&images, kernel, AVX_INIT, &[("avx", &avx)]).unwrap();
    let cmdline = Board::Microvm.cmdline();
    let script = format!(
        "cp /media/disk /tmp/disk\n\
         timeout 600 pause-at --kernel /media/bzimage --initrd /media/initramfs --disk /tmp/disk \
         --cmdline '{cmdline} quiet' --cpus 2 --at 'avx: waiting'\n"
    );
    let text = medium.run(&images, Path::new(env!("CARGO_BIN_EXE_pause-at")), &script, LIMIT).unwrap();
    ensure_says(&text, "avx: kept on 2 CPUs").with_context(|| text.clone()).unwrap();
    check_complaints(&text).unwrap();
}

#[test]
fn bookworm_keeps_the_avx_registers_of_two_cpus_across_a_pause() {
    keeps_avx(Kernel::Bookworm);
}

#[test]
fn sid_keeps_the_avx_registers_of_two_cpus_across_a_pause() {
    keeps_avx(Kernel::Sid);
}
