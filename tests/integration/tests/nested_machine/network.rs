//! A Linux guest's network at full strength: TCP each way, with offloads and without, by two pairs of queues; carried by
//! the launcher, and by L1's kernel.

use std::env;
use std::path::PathBuf;

use anyhow::Context;
use integration::images::{Images, Kernel};
use integration::nested::{Board, L1, Medium, check_complaints, ensure_says, full};
use integration::paths;

use crate::scene::LIMIT;

const INIT: &str = include_str!("network-init.sh");

/// What the guest says whoever carries its frames.
const EXPECTED: [&str; 13] = [
    "guest queues 2 2",
    "guest queues 2 1",
    "guest link 1",
    "guest offloads with tx-checksumming: on",
    "guest offloads with tcp-segmentation-offload: on",
    "guest offloads with rx-gro-hw: on",
    "guest transfer with good",
    "guest offloads without tx-checksumming: off",
    "guest offloads without tcp-segmentation-offload: off",
    "guest offloads without rx-gro-hw: off",
    "guest transfer without good",
    "guest done cpus=2",
    "launcher ended 0",
];

/// This machine's `ip`: busybox's makes no TAP interface with several queues.
fn ip() -> PathBuf {
    let places = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let found = places.iter().map(|place| place.join("ip")).find(|path| path.exists());
    found.expect("this machine has iproute2, as the native tests need")
}

/// The host's side, in L1: what the guest transfers is so many times 4 MiB, each way.
fn script(board: Board, parts: u32) -> String {
    let cmdline = board.cmdline();
    let setup = format!(
        "mkdir /media && mount -o ro /dev/vda /media || exit 1\n\
         ip link set lo up\n\
         /l1/ip tuntap add dev tap0 mode tap multi_queue || exit 1\n\
         ip addr add 10.0.2.1/24 dev tap0\n\
         ip link set tap0 up\n\
         head -c 4194304 /dev/urandom >/tmp/part\n\
         echo 'for part in $(seq {parts}); do cat /tmp/part; done' >/tmp/contents\n\
         echo 'sh /tmp/contents | md5sum' >/tmp/sum\n\
         echo 'cat /proc/[0-9]*/comm | grep -c ^vhost-' >/tmp/threads\n\
         nc -ll -p 6 -e sh /tmp/sum &\n\
         nc -ll -p 7 -e md5sum &\n\
         nc -ll -p 8 -e sh /tmp/contents &\n\
         nc -ll -p 9 -e sh /tmp/threads &\n"
    );
    let run = |vhost| {
        format!(
            "cp /media/disk /tmp/disk\necho 'begin {vhost}'\n\
             timeout 600 launcher run --board {board} --kernel /media/bzimage --initrd /media/initramfs \
             --cmdline '{cmdline} quiet parts={parts}' --cpus 2 --memory 512Mi --disk path=/tmp/disk \
             --net tap=tap0,queues=2,vhost={vhost}\necho \"launcher ended $?\"\n"
        )
    };
    setup + &run("off") + &run("on")
}

#[test]
fn a_guest_transfers_with_offloads_and_without_by_two_pairs_of_queues() {
    let images = Images::ensure().unwrap();
    let medium = Medium::new(&images, Kernel::Bookworm, INIT, &[]).unwrap();
    let l1 = L1::new(&images).unwrap().module("crc32c_generic").module("ext4").module("tun").module("vhost_net");
    let l1 = l1.program(&paths::launcher(), "/bin/launcher").program(&ip(), "/l1/ip").disk(&medium.image());
    // 100 MiB, which takes an emulated machine minutes; or else 8.
    let parts = if full() { 25 } else { 2 };
    let text = l1.run(&script(Board::Q35, parts), LIMIT).unwrap().success().unwrap();
    std::fs::write(paths::target().join("network-bookworm.log"), &text).unwrap();
    let (ours, kernels) = text.split_once("begin on\n").expect("the second run");
    // L1's kernel has a thread for each vhost-net device.
    for (printed, threads) in [(ours, "guest threads 0"), (kernels, "guest threads 2")] {
        for line in EXPECTED.into_iter().chain([threads]) {
            ensure_says(printed, line).with_context(|| text.clone()).unwrap();
        }
        check_complaints(printed).unwrap();
    }
}
