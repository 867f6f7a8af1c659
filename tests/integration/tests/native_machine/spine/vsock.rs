//! virtio sockets: hundreds of streams at once, each byte of each where it belongs.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread;

use integration::machine::{long, pattern_word};

use super::{SCENES, machine};

/// What one side sends: its seed, then `kib` KiB of the pattern.
fn contents(seed: u64, kib: u64) -> Vec<u8> {
    let words = (0..kib * 128).map(|word| pattern_word(word * 8, seed));
    std::iter::once(seed).chain(words).flat_map(u64::to_le_bytes).collect()
}

/// Sends our contents, and checks those of the guest; returns its seed.
fn talk(stream: UnixStream, seed: u64, kib: u64) -> u64 {
    let mut sender = stream.try_clone().unwrap();
    let sending = thread::spawn(move || {
        sender.write_all(&contents(seed, kib)).unwrap();
        sender.shutdown(Shutdown::Write).unwrap();
    });
    let mut come = Vec::new();
    (&stream).read_to_end(&mut come).unwrap();
    sending.join().unwrap();
    let seed = u64::from_le_bytes(come[..8].try_into().unwrap());
    assert!(come == contents(seed, kib), "{} bytes with seed {seed} are not what was sent", come.len());
    seed
}

/// A connection to the guest's port 52.
fn call(directory: &Path) -> UnixStream {
    let mut stream = UnixStream::connect(directory.join("vm.vsock")).unwrap();
    stream.write_all(b"CONNECT 52\n").unwrap();
    let mut answer = Vec::new();
    while answer.last() != Some(&b'\n') {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    assert!(answer.starts_with(b"OK "), "{:?}", String::from_utf8_lossy(&answer));
    stream
}

#[test]
fn streams_from_both_sides_carry_their_bytes_both_ways_through_a_pause() {
    // Half of them from each side.
    let (half, kib) = (long(100, 4), long(1024, 64));
    let Some(machine) = machine(&format!("vsock=52:{half}:{half}:{kib}")) else { return };
    let directory = tempfile::tempdir().unwrap();
    let service = UnixListener::bind(directory.path().join("vm.vsock_52")).unwrap();
    let mut guest = machine.vsock(77, directory.path()).start();
    assert_eq!(guest.line("vsock ready").number("cid"), 77);
    let mut talks: Vec<_> = (0..half)
        .map(|seed| {
            let (stream, _) = service.accept().unwrap();
            thread::spawn(move || talk(stream, 5000 + seed, kib))
        })
        .collect();
    talks.extend((0..half).map(|seed| {
        let path = directory.path().to_owned();
        thread::spawn(move || talk(call(&path), seed, kib))
    }));
    guest.handle.pause().unwrap();
    guest.handle.resume().unwrap();
    let mut seeds: Vec<u64> = talks.into_iter().map(|talk| talk.join().unwrap()).collect();
    seeds.sort_unstable();
    seeds.dedup();
    assert_eq!(seeds.len() as u64, 2 * half, "each is another connection");
    let answer = guest.answer("vsock");
    assert_eq!((answer.number("connections"), answer.number("closed")), (2 * half, 2 * half));
    assert_eq!(answer.number("received"), 2 * half * (8 + kib * 1024));
}

#[test]
fn a_port_that_the_guest_does_not_listen_on_closes_the_hosts_stream() {
    for scene in SCENES {
        let Some(machine) = scene.script("vsock=52:1:0:1") else { return };
        let directory = tempfile::tempdir().unwrap();
        let mut guest = machine.vsock(3, directory.path()).start();
        guest.line("vsock ready");
        let mut stream = UnixStream::connect(directory.path().join("vm.vsock")).unwrap();
        stream.write_all(b"CONNECT 53\n").unwrap();
        assert_eq!(stream.read(&mut [0; 8]).unwrap(), 0);
        talk(call(directory.path()), 1, 1);
        guest.answer("vsock");
    }
}

#[test]
fn streams_are_streams_whether_that_was_negotiated_or_not() {
    for scene in SCENES {
        // VIRTIO_VSOCK_F_STREAM.
        let Some(machine) = scene.script("knock=0:99 knock=1:99") else { return };
        let directory = tempfile::tempdir().unwrap();
        let mut guest = machine.vsock(5, directory.path()).start();
        for _ in 0..2 {
            assert_eq!(guest.answer("knock").number("cid"), 5);
        }
    }
}
