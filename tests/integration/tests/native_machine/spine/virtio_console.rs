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
        let mut said = vec![0; kib as usize * 1024];
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

/// Sends `kib` KiB of the pattern, and reads them back.
fn echo(path: &std::path::Path, kib: u64) {
    let mut stream = UnixStream::connect(path).unwrap();
    let mut sender = stream.try_clone().unwrap();
    let sending = thread::spawn(move || sender.write_all(&pattern(0, kib * 2, 2)).unwrap());
    let mut come = vec![0; kib as usize * 1024];
    stream.read_exact(&mut come).unwrap();
    sending.join().unwrap();
    assert!(come == pattern(0, kib * 2, 2), "the port's bytes are others");
}
