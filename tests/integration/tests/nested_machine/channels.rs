//! Linux talks to its host by sockets, by a console and by a named port, without the loss of a byte, and gives memory
//! back.

use integration::images::{Images, Kernel};
use integration::nested::{Board, Medium, check_complaints, compile, ensure_says, full};
use integration::paths;
use tempfile::TempDir;

use crate::scene::LIMIT;

const INIT: &str = include_str!("channels.sh");
/// Through the named port, each way, in MiB.
const PORT_MIB: u32 = 100;
/// Of these, what is left to full runs.
const SHORT_MIB: u32 = 10;

/// What the guest frees at last is 96 MiB, in pieces of which some are too small to be reported.
const GIVEN_BACK_KIB: u32 = 64 * 1024;

/// The host's part. `much` is the guest's function; `stream` comes with the medium.
fn script(board: Board, mib: u32) -> String {
    let cmdline = board.cmdline();
    format!(
        "much() {{ i=0; while [ $i -lt $1 ]; do cat /bin/busybox; i=$((i + 1)); done; }}\n\
         resident() {{ awk '/^VmRSS/ {{ print $2 }}' /proc/$(pidof launcher)/status; }}\n\
         times=100\nbytes=$(({mib} * 1048576))\n\
         cp /media/disk /tmp/disk\n\
         mkfifo /tmp/to /tmp/never\n\
         (\n\
         stream unix /tmp/agent </tmp/to | head -c $bytes | md5sum >/tmp/port.sum &\n\
         exec 3>/tmp/to\n\
         echo \"$times $bytes\" >&3\n\
         while [ ! -s /tmp/port.sum ]; do sleep 0.5; done\n\
         much $times | head -c $bytes >&3\n\
         until grep -q 'guest filled' /tmp/log; do sleep 0.5; done\n\
         full=$(resident); echo seen >&3; i=0\n\
         until [ $(resident) -lt $((full - {GIVEN_BACK_KIB})) ] || [ $i -gt 240 ]; do sleep 0.5; i=$((i + 1)); done\n\
         echo \"$full $(resident)\" >/tmp/resident; echo seen >&3\n\
         sleep 1000\n\
         ) &\n\
         (exec 3<>/tmp/never; stream unix /tmp/hvc <&3 | head -c 1000000 | md5sum >/tmp/hvc.sum) &\n\
         (stream unix-listen /tmp/vsock_53 </dev/null 2>/dev/null | md5sum >/tmp/vsock.sum) &\n\
         (while ! grep -q 'vsock listening' /tmp/log; do sleep 0.5; done\n\
         until grep -q '^OK' /tmp/vsock.answer; do sleep 0.5; \
         (echo CONNECT 52; much 4) | stream unix /tmp/vsock >/tmp/vsock.answer; done) 2>/dev/null &\n\
         : >/tmp/log\n\
         timeout 600 launcher run --board {board} --kernel /media/bzimage --initrd /media/initramfs \
         --cmdline '{cmdline} quiet' --memory 512Mi --disk path=/tmp/disk --vsock cid=7,path=/tmp/vsock \
         --virtio-console socket=/tmp/hvc --port name=org.qemu.guest_agent.0,socket=/tmp/agent \
         --balloon size=64Mi >/tmp/log 2>&1\n\
         status=$?\ncat /tmp/log\n\
         for sum in port hvc vsock; do\n\
         i=0; until [ -s /tmp/$sum.sum ] || [ $i -gt 1200 ]; do sleep 0.1; i=$((i + 1)); done\n\
         done\n\
         cat /tmp/vsock.answer\n\
         echo \"host port $(cat /tmp/port.sum)\"\n\
         echo \"host hvc0 $(cat /tmp/hvc.sum)\"\n\
         echo \"host vsock $(cat /tmp/vsock.sum)\"\n\
         echo \"host resident $(cat /tmp/resident)\"\n\
         echo \"sum port $(much $times | head -c $bytes | md5sum)\"\n\
         echo \"sum hvc0 $(head -c 1000000 /bin/busybox | md5sum)\"\n\
         echo \"sum vsock $(much 4 | md5sum)\"\n\
         echo \"end {board} $status\"\n"
    )
}

/// What follows `prefix` in a line of `text`.
fn said<'a>(text: &'a str, prefix: &str) -> &'a str {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(prefix));
    line.unwrap_or_else(|| panic!("no {prefix:?} in\n{text}")).trim()
}

fn loses_nothing(kernel: Kernel, board: Board) {
    let images = Images::ensure().unwrap();
    let programs = TempDir::new().unwrap();
    let stream = compile("stream.c", programs.path()).unwrap();
    let medium = Medium::new(&images, kernel, INIT, &[("stream", &stream)]).unwrap();
    let mib = if full() { PORT_MIB } else { SHORT_MIB };
    let script = format!("export PATH=/media/programs:$PATH\n{}", script(board, mib));
    let text = medium.run(&images, &paths::launcher(), &script, LIMIT).unwrap();
    std::fs::write(paths::target().join(format!("channels-{kernel}.log")), &text).unwrap();
    ensure_says(&text, &format!("end {board} 0")).unwrap();
    let port = said(&text, "sum port ");
    assert_eq!((said(&text, "host port "), said(&text, "guest port from the host ")), (port, port), "{text}");
    assert_eq!(said(&text, "host hvc0 "), said(&text, "sum hvc0 "), "{text}");
    let vsock = said(&text, "sum vsock ");
    assert_eq!((said(&text, "host vsock "), said(&text, "guest vsock from the host ")), (vsock, vsock), "{text}");
    assert!(said(&text, "OK ").parse::<u32>().is_ok());
    assert!(said(&text, "guest balloon ").parse::<u32>().unwrap() >= 16384, "{text}");
    let resident: Vec<u32> = said(&text, "host resident ").split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(resident[0] - resident[1] >= GIVEN_BACK_KIB, "{text}");
    check_complaints(&text).unwrap();
}

#[test]
fn bookworm_loses_nothing_by_sockets_and_ports_and_gives_memory_back() {
    loses_nothing(Kernel::Bookworm, Board::Q35);
}

#[test]
fn sid_loses_nothing_by_sockets_and_ports_and_gives_memory_back() {
    loses_nothing(Kernel::Sid, Board::Microvm);
}
