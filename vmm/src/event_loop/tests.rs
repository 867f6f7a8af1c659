//! Tests of the event loop and of consoles, over pipes and sockets.

use super::output::{CAPACITY, Output, Written};
use super::*;
use crate::placement::Placement;
use devices::bus::{BusDevice, Width};
use devices::interrupt::EdgeLine;
use devices::legacy::Serial;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::pipe;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// Longer than any test waits where all goes well.
const LONG: Duration = Duration::from_secs(120);

const DATA: u64 = 0;
const INTERRUPT_ENABLE: u64 = 1;
const LINE_STATUS: u64 = 5;

/// Tells a test of each interrupt.
struct ReportingLine(Sender<()>);

impl EdgeLine for ReportingLine {
    fn trigger(&self) {
        self.0.send(()).unwrap_or_default();
    }
}

struct Machine {
    event_loop: EventLoop,
    console: Arc<Console>,
    first_outputs: Arc<AtomicUsize>,
}

impl Machine {
    fn new(input: Option<OwnedFd>, output: Option<OwnedFd>) -> Self {
        let first_outputs = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&first_outputs);
        let first_output = Box::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
        });
        let (console, events) = Console::new(input, output, first_output).unwrap();
        let event_loop = EventLoop::start(&Threads::unconfined(), events).unwrap();
        Self { event_loop, console, first_outputs }
    }

    /// A port with its receive interrupt enabled, connected.
    fn connect(&self) -> (Arc<Serial>, Receiver<()>) {
        let (sender, interrupts) = channel();
        let line = Arc::new(ReportingLine(sender));
        let port = Arc::new(Serial::new("serial0".into(), line, self.console.clone(), None).unwrap());
        port.write(INTERRUPT_ENABLE, Width::Byte, 1);
        self.console.connect(&port);
        (port, interrupts)
    }

    fn print(&self, port: &Serial, bytes: &[u8]) {
        bytes.iter().for_each(|byte| port.write(DATA, Width::Byte, u64::from(*byte)));
    }
}

/// Reads `count` bytes as a guest does: waits for the interrupt, reads until nothing is left.
fn guest_reads(port: &Serial, interrupts: &Receiver<()>, count: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while bytes.len() < count {
        interrupts.recv_timeout(LONG).unwrap();
        while port.read(LINE_STATUS, Width::Byte) & 1 != 0 {
            bytes.push(u8::try_from(port.read(DATA, Width::Byte)).unwrap());
        }
    }
    bytes
}

fn sockets() -> (OwnedFd, OwnedFd) {
    socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).unwrap()
}

#[test]
fn bytes_pass_both_ways_and_the_first_output_is_reported_once() {
    let (host, guest) = sockets();
    let machine = Machine::new(Some(guest.try_clone().unwrap()), Some(guest));
    let (port, interrupts) = machine.connect();
    let mut host = File::from(host);

    host.write_all(b"from the host").unwrap();
    assert_eq!(guest_reads(&port, &interrupts, 13), b"from the host");
    assert_eq!(machine.first_outputs.load(Ordering::SeqCst), 0);

    machine.print(&port, b"from the guest");
    let mut read = [0; 14];
    host.read_exact(&mut read).unwrap();
    assert_eq!(&read, b"from the guest");
    assert_eq!(machine.first_outputs.load(Ordering::SeqCst), 1);
    machine.event_loop.stop().unwrap();
}

#[test]
fn input_beyond_the_guests_room_stays_with_the_host() {
    let (reader, writer) = pipe().unwrap();
    let machine = Machine::new(Some(reader), None);
    let (port, interrupts) = machine.connect();
    let text: Vec<u8> = (0..=255).cycle().take(20_000).collect();
    File::from(writer).write_all(&text).unwrap();
    assert_eq!(guest_reads(&port, &interrupts, text.len()), text);
    machine.event_loop.stop().unwrap();
}

#[test]
fn the_end_of_the_input_leaves_output_working() {
    let (host_input, writer) = pipe().unwrap();
    let (reader, output) = pipe().unwrap();
    // Another process may keep the same input open: its end must not be reported for ever.
    let kept = host_input.try_clone().unwrap();
    let machine = Machine::new(Some(host_input), Some(output));
    let (port, interrupts) = machine.connect();
    File::from(writer).write_all(b"last").unwrap();
    assert_eq!(guest_reads(&port, &interrupts, 4), b"last");
    machine.print(&port, b"still here");
    let mut read = [0; 10];
    File::from(reader).read_exact(&mut read).unwrap();
    assert_eq!(&read, b"still here");
    machine.event_loop.stop().unwrap();
    drop(kept);
}

#[test]
fn a_file_can_be_the_input_and_the_output() {
    let mut input = tempfile::tempfile().unwrap();
    let text = vec![b'x'; 5_000];
    input.write_all(&text).unwrap();
    input.rewind().unwrap();
    let output = tempfile::NamedTempFile::new().unwrap();
    let machine = Machine::new(Some(input.into()), Some(output.reopen().unwrap().into()));
    let (port, interrupts) = machine.connect();
    assert_eq!(guest_reads(&port, &interrupts, text.len()), text);
    machine.print(&port, b"to a file");
    assert!(machine.console.flush(LONG));
    assert_eq!(std::fs::read(output.path()).unwrap(), b"to a file");
    machine.event_loop.stop().unwrap();
}

#[test]
fn a_reset_keeps_the_console_and_input_goes_to_the_new_port() {
    let (host, guest) = sockets();
    let machine = Machine::new(Some(guest.try_clone().unwrap()), Some(guest));
    let mut host = File::from(host);
    let (old, old_interrupts) = machine.connect();
    host.write_all(b"one").unwrap();
    assert_eq!(guest_reads(&old, &old_interrupts, 3), b"one");

    machine.console.disconnect();
    host.write_all(b"two").unwrap();
    drop(old);
    let (new, interrupts) = machine.connect();
    assert_eq!(guest_reads(&new, &interrupts, 3), b"two");
    assert!(old_interrupts.try_recv().is_err(), "the old port got nothing more");
    machine.event_loop.stop().unwrap();
}

#[test]
fn a_disconnected_port_gets_nothing() {
    let (host, guest) = sockets();
    let machine = Machine::new(Some(guest), None);
    let (port, interrupts) = machine.connect();
    machine.console.disconnect();
    let saved = port.save().unwrap();
    File::from(host).write_all(b"later").unwrap();
    // The loop answers a call only after what was ready before it.
    machine.event_loop.add(Nothing).unwrap();
    assert_eq!(port.save().unwrap(), saved);
    machine.console.connect(&port);
    assert_eq!(guest_reads(&port, &interrupts, 5), b"later");
    machine.event_loop.stop().unwrap();
}

#[test]
fn a_guest_without_a_reader_never_waits_and_keeps_its_last_words() {
    let (reader, writer) = pipe().unwrap();
    let pipe_size = rustix::pipe::fcntl_getpipe_size(&writer).unwrap();
    let machine = Machine::new(None, Some(writer));
    let (port, _interrupts) = machine.connect();
    let length = 2 * CAPACITY + pipe_size;
    let text: Vec<u8> = (0u32..).flat_map(u32::to_le_bytes).take(length).collect();
    machine.print(&port, &text);

    assert!(machine.console.output.waiting_bytes() <= CAPACITY);
    let dropped = usize::try_from(machine.console.output.dropped()).unwrap();
    assert!(dropped > 0);
    let mut file = File::from(reader);
    let mut read = vec![0; length - dropped];
    // The loop writes the rest as the reader takes it.
    file.read_exact(&mut read).unwrap();
    let tail = &text[length - CAPACITY..];
    assert!(read.ends_with(tail), "the newest bytes are all there");
    assert!(text.starts_with(&read[..pipe_size.min(read.len() - CAPACITY)]), "and so are those read first");
    machine.event_loop.stop().unwrap();
}

#[test]
fn output_that_nobody_can_read_any_more_is_dropped() {
    for (reader, writer) in [pipe().unwrap(), sockets()] {
        drop(reader);
        let machine = Machine::new(None, Some(writer));
        let (port, _interrupts) = machine.connect();
        machine.print(&port, b"x");
        assert!(machine.console.flush(LONG));
        machine.print(&port, &vec![b'y'; 2 * CAPACITY]);
        assert_eq!(machine.console.output.waiting_bytes(), 0);
        assert_eq!(machine.console.output.dropped(), 0, "not a loss: nobody is there");
        machine.event_loop.stop().unwrap();
    }
}

#[test]
fn a_byte_that_finds_nothing_before_it_is_written_by_its_vcpu() {
    let (reader, writer) = sockets();
    let output = Output::new(Some(writer)).unwrap();
    assert_eq!(output.write_ready(), Written::Nothing, "and a look that finds nothing is no writing");
    assert!(!output.put(b'a'), "nobody has to be told");
    let mut read = [0; 3];
    let mut reader = File::from(reader);
    reader.read_exact(&mut read[..1]).unwrap();
    // These may come within the pause: then they wait.
    output.put(b'b');
    output.put(b'c');
    output.write_ready();
    reader.read_exact(&mut read[1..]).unwrap();
    assert_eq!(&read, b"abc");
}

#[test]
fn a_byte_that_the_host_does_not_take_waits_behind_those_before_it() {
    for (reader, writer) in [pipe().unwrap(), sockets()] {
        let full = fill(&writer);
        let output = Output::new(Some(writer)).unwrap();
        assert!(output.put(b'a'), "the event loop has to be told");
        assert_eq!(output.write_ready(), Written::Blocked);
        let mut reader = File::from(reader);
        reader.read_exact(&mut vec![0; full]).unwrap();
        // There is room now, but one is before it.
        assert!(output.put(b'b'));
        assert_eq!(output.write_ready(), Written::All);
        let mut read = [0; 2];
        reader.read_exact(&mut read).unwrap();
        assert_eq!(&read, b"ab");
    }
}

/// Writes until `descriptor`'s reader would have to read, and returns how many bytes that were.
fn fill(descriptor: &OwnedFd) -> usize {
    let mode = rustix::fs::fcntl_getfl(descriptor).unwrap();
    rustix::fs::fcntl_setfl(descriptor, mode | rustix::fs::OFlags::NONBLOCK).unwrap();
    let written = std::iter::from_fn(|| rustix::io::write(descriptor, &[b'x'; 4096]).ok()).sum();
    rustix::fs::fcntl_setfl(descriptor, mode).unwrap();
    written
}

#[test]
fn flushing_gives_up_at_its_deadline() {
    let (reader, writer) = pipe().unwrap();
    let pipe_size = rustix::pipe::fcntl_getpipe_size(&writer).unwrap();
    let machine = Machine::new(None, Some(writer));
    let (port, _interrupts) = machine.connect();
    machine.print(&port, &vec![b'z'; pipe_size + 1]);
    assert!(!machine.console.flush(Duration::from_millis(1)));
    let mut file = File::from(reader);
    file.read_exact(&mut vec![0; pipe_size]).unwrap();
    assert!(machine.console.flush(LONG));
    machine.event_loop.stop().unwrap();
}

#[test]
fn the_descriptors_own_mode_is_left_alone() {
    let (_reader, writer) = pipe().unwrap();
    let (input, _writer) = pipe().unwrap();
    let [before_in, before_out] = [input.as_fd(), writer.as_fd()].map(|fd| rustix::fs::fcntl_getfl(fd).unwrap());
    let (input_copy, writer_copy) = (input.try_clone().unwrap(), writer.try_clone().unwrap());
    let machine = Machine::new(Some(input), Some(writer));
    machine.event_loop.stop().unwrap();
    assert_eq!(rustix::fs::fcntl_getfl(&input_copy).unwrap(), before_in);
    assert_eq!(rustix::fs::fcntl_getfl(&writer_copy).unwrap(), before_out);
}

#[test]
fn stopping_closes_every_descriptor_of_the_console() {
    let (reader, writer) = pipe().unwrap();
    let machine = Machine::new(None, Some(writer));
    machine.event_loop.stop().unwrap();
    drop(machine.console);
    assert_eq!(File::from(reader).read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_thread_that_the_sandbox_refuses_is_reported() {
    let threads =
        Threads::new(Placement::default(), Arc::new(|_| Err(io::Error::from(io::ErrorKind::PermissionDenied))));
    let event_loop = EventLoop::start(&threads, Nothing).unwrap();
    assert!(matches!(event_loop.stop(), Err(EventLoopError::Host(_))));
}

/// Serves nothing.
struct Nothing;

impl MutEventSubscriber for Nothing {
    fn process(&mut self, _events: event_manager::Events, _ops: &mut event_manager::EventOps<'_>) {}
    fn init(&mut self, _ops: &mut event_manager::EventOps<'_>) {}
}
