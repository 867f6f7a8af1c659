//! The virtio console and its named ports: every byte arrives, and the guest knows who is there.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::thread;

use integration::machine::{long, pattern};

use super::SCENES;

#[test]
fn ports_carry_every_byte_and_tell_who_is_there() {
    for scene in SCENES {
        let kib = long(1024, 64);
        let script = format!("ports=say:{kib},size:132,echo:{kib},gone,echo:4");
        let Some(machine) = scene.script(&script) else { return };
        let directory = tempfile::tempdir().unwrap();
        let (mut console, theirs) = UnixStream::pair().unwrap();
        let mut guest = machine.virtio_console(theirs, directory.path()).start();
        assert_eq!(guest.line("ports ready").value("name"), "org.qemu.guest_agent.0");
        // More than the stream holds: the guest waits for its reader.
        let mut said = vec![0; length(kib)];
        console.read_exact(&mut said).unwrap();
        assert!(said == pattern(0, kib * 2, 1), "the console's bytes are others");
        guest.line("ports step say");
        guest.handle.resize_console(132, 43).unwrap();
        guest.line("ports step size");
        echo(&directory.path().join("agent"), kib);
        guest.line("ports step gone");
        echo(&directory.path().join("agent"), 4);
        let answer = guest.answer("ports");
        assert_eq!((answer.number("ports"), answer.value("size"), answer.number("opens")), (2, "132x43", 2));
        assert!(answer.number("interrupts") > 0);
    }
}

#[test]
fn a_driver_without_port_messages_has_the_console_as_a_line_with_each_of_its_features_and_without() {
    const KIB: u64 = 16;
    const SIZE: u64 = 1;
    const EMERGENCY: u64 = 1 << 2;
    for scene in SCENES {
        let all = [0, EMERGENCY, SIZE, SIZE | EMERGENCY];
        let script = all.map(|features| format!("line={features}:{KIB}")).join(" ");
        let Some(machine) = scene.script(&script) else { return };
        let directory = tempfile::tempdir().unwrap();
        let (mut console, theirs) = UnixStream::pair().unwrap();
        let mut guest = machine.virtio_console(theirs, directory.path()).start();
        for features in all {
            guest.line("line ready");
            let mut said = [0; 4];
            if features & EMERGENCY != 0 {
                console.read_exact(&mut said).unwrap();
                assert_eq!(&said, b"line");
            }
            let mut said = vec![0; length(KIB)];
            console.read_exact(&mut said).unwrap();
            assert!(said == pattern(0, KIB * 2, 1), "the console's bytes are others");
            echo_over(console.try_clone().unwrap(), KIB);
            guest.line("line echoed");
            if features & SIZE != 0 {
                guest.handle.resize_console(90, 30).unwrap();
            }
            let answer = guest.answer("line");
            assert_eq!(answer.value("size"), if features & SIZE == 0 { "0x0" } else { "90x30" });
        }
    }
}

/// Bytes of `kib` KiB.
fn length(kib: u64) -> usize {
    usize::try_from(kib * 1024).unwrap()
}

/// Sends `kib` KiB of the pattern, and reads them back.
fn echo(path: &std::path::Path, kib: u64) {
    echo_over(UnixStream::connect(path).unwrap(), kib);
}

fn echo_over(mut stream: UnixStream, kib: u64) {
    let mut sender = stream.try_clone().unwrap();
    let sending = thread::spawn(move || sender.write_all(&pattern(0, kib * 2, 2)).unwrap());
    let mut come = vec![0; length(kib)];
    stream.read_exact(&mut come).unwrap();
    sending.join().unwrap();
    assert!(come == pattern(0, kib * 2, 2), "the port's bytes are others");
}
