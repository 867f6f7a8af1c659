//! A Linux guest's network at full strength: 100 MiB of TCP each way, with offloads and without, by two pairs of queues.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::Context;
use integration::images::{Images, Kernel};
use integration::nested::{Board, L1, Medium, check_complaints, ensure_says};
use integration::paths;

use crate::scene::LIMIT;

const INIT: &str = include_str!("network-init.sh");

/// This machine's `ip`: busybox's makes no TAP interface with several queues.
fn ip() -> PathBuf {
    let places = env::split_paths(&env::var_os("PATH").unwrap_or_default()).collect::<Vec<_>>();
    let found = places.iter().map(|place| place.join("ip")).find(|path| path.exists());
    found.expect("this machine has iproute2, as the native tests need")
}

/// The host's side, in L1.
fn script(board: Board) -> String {
    let cmdline = board.cmdline();
    format!(
        "mkdir /media && mount -o ro /dev/vda /media || exit 1\n\
         cp /media/disk /tmp/disk\n\
         ip link set lo up\n\
         /l1/ip tuntap add dev tap0 mode tap multi_queue || exit 1\n\
         ip addr add 10.0.2.1/24 dev tap0\n\
         ip link set tap0 up\n\
         head -c 4194304 /dev/urandom >/tmp/part\n\
         echo 'for part in $(seq 25); do cat /tmp/part; done' >/tmp/contents\n\
         echo 'sh /tmp/contents | md5sum' >/tmp/sum\n\
         nc -ll -p 6 -e sh /tmp/sum &\n\
         nc -ll -p 7 -e md5sum &\n\
         nc -ll -p 8 -e sh /tmp/contents &\n\
         timeout 600 launcher run --board {board} --kernel /media/bzimage --initrd /media/initramfs \
         --cmdline '{cmdline} quiet' --cpus 2 --memory 512Mi --disk path=/tmp/disk --net tap=tap0,queues=2\n"
    )
}

#[test]
fn a_guest_transfers_with_offloads_and_without_by_two_pairs_of_queues() {
    let images = Images::ensure().unwrap();
    let medium = Medium::new(&images, Kernel::Bookworm, INIT, &[]).unwrap();
    let l1 = L1::new(&images).unwrap().module("crc32c_generic").module("ext4").module("tun");
    let l1 = l1.program(&paths::launcher(), "/bin/launcher").program(&ip(), "/l1/ip").disk(&medium.image());
    let text = l1.run(&script(Board::Q35), LIMIT).unwrap().success().unwrap();
    std::fs::write(Path::new(&paths::target()).join("network-bookworm.log"), &text).unwrap();
    let expected = [
        "guest queues 2 2",
        "guest queues 2 1",
        "guest offloads with tx-checksumming: on",
        "guest offloads with tcp-segmentation-offload: on",
        "guest offloads with rx-gro-hw: on",
        "guest transfer with good",
        "guest offloads without tx-checksumming: off",
        "guest offloads without tcp-segmentation-offload: off",
        "guest offloads without rx-gro-hw: off",
        "guest transfer without good",
        "guest done cpus=2",
    ];
    for line in expected {
        ensure_says(&text, line).with_context(|| text.clone()).unwrap();
    }
    check_complaints(&text).unwrap();
}
