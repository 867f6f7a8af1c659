//! The relay between a machine's pipes and real clients of both ports.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::console::pipes;
use crate::console::pty::Pty;
use crate::console::socket::SocketPort;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{Mode, OFlags, open};
use std::fs::File;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use vmm::Resource;

/// After how long what should have happened is a failure.
const LIMIT: Duration = Duration::from_secs(120);

/// The machine's ends.
struct Guest {
    input: OwnedFd,
    output: OwnedFd,
}

impl Guest {
    /// Waits for `expected` to arrive as input.
    fn expect(&self, expected: &[u8]) {
        let mut received = Vec::new();
        while received.len() < expected.len() {
            let [some] = wait([Some((self.input.as_fd(), PollFlags::IN))], Some(LIMIT)).unwrap();
            assert!(!some.is_empty(), "no input comes after {received:?}");
            let mut chunk = [0; CHUNK];
            let length = read(&self.input, &mut chunk).unwrap();
            assert_ne!(length, 0, "the console is gone");
            received.extend_from_slice(&chunk[..length]);
        }
        assert_eq!(received, expected);
    }

    /// Puts `bytes` out, waiting for room.
    fn say(&self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let [room] = wait([Some((self.output.as_fd(), PollFlags::OUT))], Some(LIMIT)).unwrap();
            assert!(!room.is_empty(), "nobody takes the output");
            bytes = &bytes[write(&self.output, bytes).unwrap()..];
        }
    }

    /// Puts out what fits without waiting; how much that was.
    fn say_until_full(&self) -> usize {
        let mut said = 0;
        loop {
            // Long enough for a relay that still takes bytes, and waited for only once, when it is really full.
            let [room] = wait([Some((self.output.as_fd(), PollFlags::OUT))], Some(Duration::from_millis(100))).unwrap();
            if room.is_empty() {
                return said;
            }
            said += write(&self.output, &[b'x'; CHUNK]).unwrap();
        }
    }
}

fn relay(port: impl Port) -> (Guest, Pumps) {
    let (host, machine) = pipes::make().unwrap();
    let Resource::Stream { input: Some(input), output: Some(output) } = machine else { unreachable!() };
    let mut pumps = Pumps::new().unwrap();
    start(&mut pumps, port, host).unwrap();
    (Guest { input, output }, pumps)
}

fn socket() -> (tempfile::TempDir, PathBuf, Guest, Pumps) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("console");
    let (guest, pumps) = relay(SocketPort::open(&path).unwrap());
    (directory, path, guest, pumps)
}

/// A client that is connected for sure: its first byte has gone through.
fn client(path: &Path, guest: &Guest) -> UnixStream {
    let mut client = UnixStream::connect(path).unwrap();
    client.write_all(b"\r").unwrap();
    guest.expect(b"\r");
    client
}

fn read_exactly(client: &mut impl Read, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    client.read_exact(&mut bytes).unwrap();
    bytes
}

#[test]
fn bytes_go_both_ways_and_a_client_can_come_back() {
    let (_directory, path, guest, _pumps) = socket();
    for _ in 0..3 {
        let mut client = client(&path, &guest);
        client.write_all(b"ls\r\x1d").unwrap();
        guest.expect(b"ls\r\x1d");
        guest.say(b"a b\r\n");
        assert_eq!(read_exactly(&mut client, 5), b"a b\r\n");
    }
}

#[test]
fn a_second_client_is_told_and_sent_away_and_the_first_stays() {
    let (_directory, path, guest, _pumps) = socket();
    let mut first = client(&path, &guest);
    let second = UnixStream::connect(&path).unwrap();
    assert_eq!(io::read_to_string(second).unwrap(), "The console is in use by another client.\r\n");
    guest.say(b"still here");
    assert_eq!(read_exactly(&mut first, 10), b"still here");
}

/// A port at which a client rings all the time, for which the host lacks a descriptor until there are `plenty`.
struct Starved {
    rings: OwnedFd,
    client: Option<OwnedFd>,
    plenty: Arc<AtomicBool>,
    asked: Arc<AtomicU32>,
}

impl Port for Starved {
    fn doorbell(&self) -> BorrowedFd<'_> {
        self.rings.as_fd()
    }

    fn answer(&mut self, _busy: bool) -> Answer {
        self.asked.fetch_add(1, Ordering::SeqCst);
        match self.client.take_if(|_| self.plenty.load(Ordering::SeqCst)) {
            Some(client) => {
                read(&self.rings, &mut [0; 8]).unwrap();
                Answer::Client(client)
            }
            None => Answer::Unable,
        }
    }
}

#[test]
fn a_client_for_whom_a_descriptor_lacks_is_tried_again_at_intervals() {
    let (mut outside, inside) = UnixStream::pair().unwrap();
    inside.set_nonblocking(true).unwrap();
    let (plenty, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
    let begin = Instant::now();
    let (guest, _pumps) = relay(Starved {
        rings: eventfd(1, EventfdFlags::CLOEXEC).unwrap(),
        client: Some(inside.into()),
        plenty: Arc::clone(&plenty),
        asked: Arc::clone(&asked),
    });
    // Each piece of output wakes the thread, which stays deaf all the same.
    guest.say(&vec![b'x'; 1 << 20]);
    let times = asked.load(Ordering::SeqCst);
    assert!(times >= 1 && DEAF * (times - 1) <= begin.elapsed(), "asked {times} times");
    plenty.store(true, Ordering::SeqCst);
    outside.write_all(b"hello").unwrap();
    guest.expect(b"hello");
}

#[test]
fn with_nobody_connected_the_machine_is_never_held_up() {
    let (_directory, path, guest, _pumps) = socket();
    guest.say(&vec![b'x'; 1 << 20]);
    let mut client = client(&path, &guest);
    guest.say(b"!");
    let mut seen = 0;
    while read_exactly(&mut client, 1) != b"!" {
        seen += 1;
    }
    assert!(seen <= 1 << 16, "{seen} bytes are more than a pipe holds: they were kept");
}

#[test]
fn what_waits_for_a_client_that_does_not_read_is_bounded_and_input_still_passes() {
    let (_directory, path, guest, _pumps) = socket();
    let mut slow = client(&path, &guest);
    let said = guest.say_until_full();
    assert!(said < 1 << 20, "{said} bytes were taken");
    slow.write_all(b"\x03").unwrap();
    guest.expect(b"\x03");
    assert_eq!(read_exactly(&mut slow, said), vec![b'x'; said], "nothing is lost");
}

#[test]
fn input_waits_for_a_guest_that_does_not_read_and_nothing_is_lost_when_its_client_leaves() {
    let (_directory, path, guest, _pumps) = socket();
    let mut hasty = client(&path, &guest);
    let typed: Vec<u8> = (0..=250).cycle().take(150_000).collect();
    let expected = typed.clone();
    let writer = thread::spawn(move || hasty.write_all(&typed).unwrap());
    guest.expect(&expected);
    writer.join().unwrap();
    client(&path, &guest);
}

#[test]
fn a_client_that_sends_no_more_goes_on_reading() {
    let (_directory, path, guest, pumps) = socket();
    let client = client(&path, &guest);
    client.shutdown(Shutdown::Write).unwrap();
    guest.say(b"answer");
    drop(guest);
    drop(pumps);
    assert_eq!(io::read_to_string(client).unwrap(), "answer");
}

#[test]
fn everything_put_out_before_the_end_arrives_and_the_socket_is_removed() {
    let (directory, path, guest, pumps) = socket();
    let client = client(&path, &guest);
    let reader = thread::spawn(move || io::read_to_string(client).unwrap());
    guest.say(&vec![b'o'; 500_000]);
    drop(pumps);
    assert_eq!(reader.join().unwrap(), "o".repeat(500_000));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

fn open_terminal(name: &str) -> File {
    File::from(open(name, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty()).unwrap())
}

fn pty() -> (String, Guest, Pumps) {
    let pty = Pty::open().unwrap();
    let name = pty.name().to_owned();
    let (guest, pumps) = relay(pty);
    (name, guest, pumps)
}

#[test]
fn a_terminal_is_raw_and_can_be_closed_and_opened_again() {
    let (name, guest, _pumps) = pty();
    for _ in 0..3 {
        let mut terminal = open_terminal(&name);
        terminal.write_all(b"\x03\x04\x1a\r").unwrap();
        guest.expect(b"\x03\x04\x1a\r");
        guest.say(b"a\nb\r\n");
        assert_eq!(read_exactly(&mut terminal, 5), b"a\nb\r\n");
    }
}

#[test]
fn what_is_typed_just_before_a_terminal_is_closed_arrives_and_no_echo_comes_back() {
    let (name, guest, _pumps) = pty();
    guest.say(b"nobody reads this");
    open_terminal(&name).write_all(b"one").unwrap();
    guest.expect(b"one");
    open_terminal(&name).write_all(b"two").unwrap();
    guest.expect(b"two");
}

#[test]
fn with_no_terminal_open_the_machine_is_never_held_up() {
    let (name, guest, _pumps) = pty();
    guest.say(&vec![b'x'; 1 << 20]);
    let mut terminal = open_terminal(&name);
    terminal.write_all(b"\r").unwrap();
    guest.expect(b"\r");
    drop(terminal);
    guest.say(&vec![b'x'; 1 << 20]);
}

#[test]
fn everything_put_out_before_the_end_arrives_at_a_terminal() {
    let (name, guest, pumps) = pty();
    let mut terminal = open_terminal(&name);
    terminal.write_all(b"\r").unwrap();
    guest.expect(b"\r");
    let reader = thread::spawn(move || {
        let mut received = Vec::new();
        // The terminal's end is an error (EIO): the other side has hung up.
        let _ = terminal.read_to_end(&mut received);
        received.len()
    });
    guest.say(&vec![b'o'; 200_000]);
    drop(guest);
    drop(pumps);
    assert_eq!(reader.join().unwrap(), 200_000);
}
