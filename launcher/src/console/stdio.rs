//! Standard input and output as the console: one thread for each, since neither may be made non-blocking.

use super::escape::look;
use super::pipes::CHUNK;
use super::pumps::Pumps;
use super::ready::wait;
use rustix::event::PollFlags;
use rustix::io::{Errno, read, write};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// What a user can type ahead while the guest takes nothing. What comes beyond is lost, as on a real line, since the
/// escape must be seen.
const TYPE_AHEAD: usize = 16 * CHUNK;

/// Starts the thread that moves what comes `from_guest` to standard output.
///
/// # Errors
/// The host has no room for a thread or a descriptor.
pub(super) fn start_output(pumps: &mut Pumps, from_guest: OwnedFd) -> io::Result<()> {
    let sink = io::stdout().as_fd().try_clone_to_owned()?;
    pumps.spawn("console-out", move |stop| {
        // The host refuses to wait: there is no console any more, and the machine goes on without.
        let _ = pump_output(&from_guest, &sink, stop);
    })
}

/// Starts the thread that moves standard input `to_guest`.
///
/// # Errors
/// The host has no room for a thread or a descriptor.
pub(super) fn start_input(
    pumps: &mut Pumps,
    to_guest: OwnedFd,
    interactive: bool,
    mut leave: impl FnMut() + Send + 'static,
) -> io::Result<()> {
    let source = io::stdin().as_fd().try_clone_to_owned()?;
    pumps.spawn("console-in", move |stop| {
        let leave: Option<&mut dyn FnMut()> = if interactive { Some(&mut leave) } else { None };
        // As above.
        let _ = pump_input(&source, &to_guest, stop, leave);
    })
}

/// Moves `source` to the guest until it ends, nobody takes input any more, or the end is asked for. With `leave`, which
/// is called for each escape, `source` is read even while the guest takes nothing. Otherwise there is no escape, and
/// nothing is lost: `source` waits for the guest.
fn pump_input(
    source: &OwnedFd,
    to_guest: &OwnedFd,
    stop: &OwnedFd,
    mut leave: Option<&mut dyn FnMut()>,
) -> Result<(), Errno> {
    let interactive = leave.is_some();
    let mut pending: Vec<u8> = Vec::new();
    let mut chunk = [0; CHUNK];
    let mut source_open = true;
    while source_open || !pending.is_empty() {
        let reading = source_open && (interactive || pending.is_empty());
        let [stopped, readable, _] = wait(
            [
                Some((stop.as_fd(), PollFlags::IN)),
                reading.then(|| (source.as_fd(), PollFlags::IN)),
                (!pending.is_empty()).then(|| (to_guest.as_fd(), PollFlags::OUT)),
            ],
            None,
        )?;
        if !stopped.is_empty() {
            return Ok(());
        }
        if !readable.is_empty() {
            match read(source, &mut chunk) {
                Ok(length) => {
                    let typed = chunk.get(..length).unwrap_or_default();
                    source_open = length > 0;
                    match &mut leave {
                        None => pending.extend_from_slice(typed),
                        Some(leave) => {
                            let typed = look(typed);
                            let room = TYPE_AHEAD.saturating_sub(pending.len()).min(typed.keys.len());
                            pending.extend_from_slice(typed.keys.get(..room).unwrap_or_default());
                            (0..typed.leaves).for_each(|_| leave());
                        }
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => {}
                // The terminal is gone (EIO): as its end.
                Err(_) => source_open = false,
            }
        }
        if !pending.is_empty() {
            match write(to_guest, &pending) {
                Ok(length) => drop(pending.drain(..length)),
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) if interactive => pending.clear(), // the machine is going; the escape still works
                Err(_) => return Ok(()),
            }
        }
    }
    Ok(())
}

/// Moves the guest's output to `sink` until the machine is gone, or, once `stop` is raised, until nothing is left.
/// A sink that is closed loses its output and nothing else.
fn pump_output(from_guest: &OwnedFd, sink: &OwnedFd, stop: &OwnedFd) -> Result<(), Errno> {
    let mut chunk = [0; CHUNK];
    let mut sink_open = true;
    loop {
        let guest = Some((from_guest.as_fd(), PollFlags::IN));
        let [_, stopped] = wait([guest, Some((stop.as_fd(), PollFlags::IN))], None)?;
        match read(from_guest, &mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) if sink_open => {
                sink_open = write_all(sink, chunk.get(..length).unwrap_or_default())?;
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if stopped.is_empty() => {}
            Err(_) => return Ok(()),
        }
    }
}

/// Writes all of `bytes`, waiting for room; `false`: nobody reads any more.
fn write_all(sink: &OwnedFd, mut bytes: &[u8]) -> Result<bool, Errno> {
    while !bytes.is_empty() {
        match write(sink, bytes) {
            Ok(length) => bytes = bytes.get(length..).unwrap_or_default(),
            // Somebody else has made the terminal non-blocking.
            Err(Errno::AGAIN) => drop(wait([Some((sink.as_fd(), PollFlags::OUT))], None)?),
            Err(Errno::INTR) => {}
            Err(_) => return Ok(false),
        }
    }
    Ok(true)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::event::{EventfdFlags, eventfd};
    use rustix::fs::{OFlags, fcntl_getfl};
    use rustix::pipe::{PipeFlags, pipe_with};
    use std::fs::File;
    use std::io::{Read, Write};
    use std::thread;

    fn blocking_pipe() -> (OwnedFd, OwnedFd) {
        pipe_with(PipeFlags::CLOEXEC).unwrap()
    }

    fn guest_pipe() -> (OwnedFd, OwnedFd) {
        pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK).unwrap()
    }

    fn stop_event(raised: u32) -> OwnedFd {
        eventfd(raised, EventfdFlags::CLOEXEC).unwrap()
    }

    fn read_now(fd: &OwnedFd) -> Vec<u8> {
        let mut bytes = vec![0; 1 << 20];
        let length = read(fd, &mut bytes[..]).unwrap();
        bytes.truncate(length);
        bytes
    }

    #[test]
    fn typed_keys_reach_the_guest_and_each_escape_is_counted() {
        let (source, keys) = blocking_pipe();
        let (guest, to_guest) = guest_pipe();
        File::from(keys).write_all(b"ls\r\x03\x1dmore\x1d").unwrap();
        let mut left = 0;
        assert_eq!(pump_input(&source, &to_guest, &stop_event(0), Some(&mut || left += 1)), Ok(()));
        assert_eq!((read_now(&guest), left), (b"ls\r\x03more".to_vec(), 2));
    }

    #[test]
    fn piped_input_has_no_escape_and_its_end_is_the_guests() {
        let (source, keys) = blocking_pipe();
        let (guest, to_guest) = guest_pipe();
        File::from(keys).write_all(b"a\x1db").unwrap();
        assert_eq!(pump_input(&source, &to_guest, &stop_event(0), None), Ok(()));
        drop(to_guest);
        assert_eq!(io::read_to_string(File::from(guest)).unwrap(), "a\x1db");
    }

    #[test]
    fn piped_input_waits_for_a_slow_guest_and_loses_nothing() {
        let (source, keys) = blocking_pipe();
        let (guest, to_guest) = guest_pipe();
        let sent: Vec<u8> = (0..=250).cycle().take(300_000).collect();
        let expected = sent.clone();
        let writer = thread::spawn(move || File::from(keys).write_all(&sent).unwrap());
        let pump = thread::spawn(move || pump_input(&source, &to_guest, &stop_event(0), None));
        let mut received = Vec::new();
        while received.len() < expected.len() {
            wait([Some((guest.as_fd(), PollFlags::IN))], None).unwrap();
            received.extend(read_now(&guest));
        }
        writer.join().unwrap();
        assert_eq!(pump.join().unwrap(), Ok(()));
        assert_eq!(received, expected);
    }

    #[test]
    fn the_escape_is_seen_when_the_guest_takes_nothing() {
        let (source, keys) = blocking_pipe();
        let (_guest, to_guest) = guest_pipe();
        let writer = thread::spawn(move || {
            let mut keys = File::from(keys);
            keys.write_all(&vec![b'x'; 400_000]).unwrap(); // more than the pipe and the type-ahead hold
            keys.write_all(b"\x1d").unwrap();
        });
        let stop = stop_event(0);
        let mut leave = || assert_eq!(write(&stop, &1_u64.to_ne_bytes()), Ok(8));
        assert_eq!(pump_input(&source, &to_guest, &stop, Some(&mut leave)), Ok(()));
        writer.join().unwrap();
    }

    #[test]
    fn a_request_to_stop_ends_an_input_that_never_ends() {
        let (source, _keys) = blocking_pipe();
        let (_guest, to_guest) = guest_pipe();
        assert_eq!(pump_input(&source, &to_guest, &stop_event(1), Some(&mut || ())), Ok(()));
    }

    #[test]
    fn everything_put_out_before_the_end_arrives() {
        let (from_guest, guest) = guest_pipe();
        let (reader, sink) = blocking_pipe();
        assert_eq!(write(&guest, &[b'o'; 60_000]), Ok(60_000));
        let copy = thread::spawn(move || io::read_to_string(File::from(reader)).unwrap());
        // The machine still holds its end, as one that is slow to go does: the request to stop is enough.
        assert_eq!(pump_output(&from_guest, &sink, &stop_event(1)), Ok(()));
        drop(sink);
        assert_eq!(copy.join().unwrap(), "o".repeat(60_000));
        drop(guest);
    }

    #[test]
    fn output_goes_on_being_taken_when_its_reader_is_gone() {
        let (from_guest, guest) = guest_pipe();
        let (reader, sink) = blocking_pipe();
        drop(reader);
        let pump = thread::spawn(move || pump_output(&from_guest, &sink, &stop_event(0)));
        let mut left = 500_000;
        while left > 0 {
            wait([Some((guest.as_fd(), PollFlags::OUT))], None).unwrap();
            left -= write(&guest, &[b'x'; 4096]).unwrap().min(left);
        }
        drop(guest);
        assert_eq!(pump.join().unwrap(), Ok(()));
    }

    #[test]
    fn a_sink_that_others_made_non_blocking_gets_everything() {
        let (from_guest, guest) = guest_pipe();
        let (reader, sink) = blocking_pipe();
        rustix::fs::fcntl_setfl(&sink, fcntl_getfl(&sink).unwrap() | OFlags::NONBLOCK).unwrap();
        let pump = thread::spawn(move || pump_output(&from_guest, &sink, &stop_event(0)));
        let copy = thread::spawn(move || {
            let mut received = Vec::new();
            File::from(reader).read_to_end(&mut received).unwrap();
            received.len()
        });
        let mut sent = 0;
        while sent < 300_000 {
            wait([Some((guest.as_fd(), PollFlags::OUT))], None).unwrap();
            sent += write(&guest, &[b'x'; 4096]).unwrap();
        }
        drop(guest);
        assert_eq!(pump.join().unwrap(), Ok(()));
        assert_eq!(copy.join().unwrap(), sent);
    }
}
