//! Rings over files. Where the host refuses them, a test says so and has nothing to show.
#![allow(clippy::unwrap_used)]

use super::super::{Sink, Source, Transfer};
use super::*;
use std::os::unix::fs::FileExt;
use std::time::Duration;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

/// `None`: this host refuses rings.
fn ring() -> Option<Ring> {
    match Ring::new() {
        Ok(ring) => Some(ring),
        Err(error) => {
            println!("SKIPPED: this host refuses io_uring: {error}");
            None
        }
    }
}

fn file() -> Arc<File> {
    let file = tempfile::tempfile().unwrap();
    file.write_all_at(&[0x5a; 8192], 0).unwrap();
    Arc::new(file)
}

fn memory() -> Arc<GuestMemoryMmap<()>> {
    Arc::new(GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x10000)]).unwrap())
}

/// Waits for the next completion of `seat`.
fn next(ring: &mut Ring, seat: Seat) -> (u64, io::Result<()>) {
    let deadline = Instant::now() + Duration::from_secs(120);
    loop {
        if let Some(completion) = ring.next_completion(seat) {
            return completion;
        }
        assert!(Instant::now() < deadline);
        ring.wait(deadline);
    }
}

fn read(memory: &Arc<GuestMemoryMmap<()>>, at: u64, length: usize, offset: u64) -> Work {
    let ranges = [(GuestAddress(at), length)].into_iter();
    Work::Transfer(Transfer::read(Sink::new(Arc::clone(memory), ranges).unwrap(), offset, None))
}

fn write(memory: &Arc<GuestMemoryMmap<()>>, at: u64, length: usize, offset: u64, stable: bool) -> Work {
    let ranges = [(GuestAddress(at), length)].into_iter();
    Work::Transfer(Transfer::write(Source::new(Arc::clone(memory), ranges).unwrap(), offset, stable, None))
}

#[test]
fn everything_that_a_disk_needs_is_done_and_told_to_the_handler_that_asked() {
    let Some(mut ring) = ring() else { return };
    let (file, other) = (file(), file());
    let (seat, other_seat) = (ring.sit(&file, 7).unwrap(), ring.sit(&other, 9).unwrap());
    let memory = memory();
    memory.write_slice(&[1; 512], GuestAddress(0)).unwrap();
    ring.submit(seat, 10, write(&memory, 0, 512, 512, false));
    assert!(matches!(next(&mut ring, seat), (10, Ok(()))));
    assert_eq!(ring.collect().into_iter().collect::<Vec<_>>(), [7]);
    ring.submit(seat, 11, write(&memory, 0, 512, 2048, true));
    ring.submit(seat, 12, Work::Flush);
    ring.submit(other_seat, 13, read(&memory, 0x1000, 512, 0));
    assert_eq!(next(&mut ring, other_seat).0, 13);
    let mut tokens = [next(&mut ring, seat).0, next(&mut ring, seat).0];
    tokens.sort_unstable();
    assert_eq!(tokens, [11, 12]);
    ring.submit(seat, 14, Work::Discard { offset: 4096, length: 4096 });
    assert!(next(&mut ring, seat).1.is_ok());
    ring.submit(seat, 15, Work::WriteZeroes { offset: 512, length: 256, unmap: false });
    assert!(next(&mut ring, seat).1.is_ok());
    let mut bytes = vec![9; 8192];
    file.read_exact_at(&mut bytes, 0).unwrap();
    let expected =
        [&[0x5a; 512][..], &[0; 256], &[1; 256], &[0x5a; 1024], &[1; 512], &[0x5a; 1536], &[0; 4096]].concat();
    assert!(bytes == expected);
    let mut seen = [0; 512];
    memory.read_slice(&mut seen, GuestAddress(0x1000)).unwrap();
    assert_eq!(seen, [0x5a; 512]);
}

#[test]
fn what_the_host_does_at_once_is_there_when_it_was_told_of_it() {
    let Some(mut ring) = ring() else { return };
    let seat = ring.sit(&file(), 7).unwrap();
    ring.submit(seat, 1, read(&memory(), 0, 512, 0));
    assert!(!ring.has_completions());
    // The file was just written, so it is in the page cache.
    assert!(ring.flush() && ring.has_completions());
    assert_eq!(ring.collect().into_iter().collect::<Vec<_>>(), [7]);
    assert!(!ring.has_completions());
    assert!(matches!(ring.next_completion(seat), Some((1, Ok(())))));
}

#[test]
fn a_read_beyond_the_end_of_the_file_is_an_error_after_what_there_was() {
    let Some(mut ring) = ring() else { return };
    let seat = ring.sit(&file(), 1).unwrap();
    let memory = memory();
    ring.submit(seat, 1, read(&memory, 0, 1024, 8192 - 512));
    assert_eq!(next(&mut ring, seat).1.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(memory.read_obj::<u8>(GuestAddress(511)).unwrap(), 0x5a);
    ring.submit(seat, 2, read(&memory, 0, 512, u64::MAX));
    assert_eq!(next(&mut ring, seat).1.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn more_operations_than_the_submission_queue_holds_and_more_segments_than_a_call_takes_are_no_problem() {
    let Some(mut ring) = ring() else { return };
    let seat = ring.sit(&file(), 1).unwrap();
    let memory = memory();
    for token in 0..700 {
        ring.submit(seat, token, read(&memory, token * 8, 8, 0));
    }
    let tokens: BTreeSet<_> = (0..700)
        .map(|_| next(&mut ring, seat))
        .map(|(token, result)| {
            result.unwrap();
            token
        })
        .collect();
    assert_eq!(tokens.len(), 700);
    let ranges = (0..2500).map(|index| (GuestAddress(index * 4), 3));
    let sink = Sink::new(Arc::clone(&memory), ranges).unwrap();
    ring.submit(seat, 1, Work::Transfer(Transfer::read(sink, 0, None)));
    next(&mut ring, seat).1.unwrap();
    assert_eq!(memory.read_obj::<u8>(GuestAddress(2499 * 4 + 2)).unwrap(), 0x5a);
}

#[test]
fn a_seat_that_was_left_is_free_again_and_its_file_is_closed() {
    let Some(mut ring) = ring() else { return };
    for _ in 0..2 * setup::SEATS {
        let file = file();
        let seat = ring.sit(&file, 1).unwrap();
        ring.submit(seat, 1, Work::Flush);
        next(&mut ring, seat).1.unwrap();
        ring.leave(seat);
        assert_eq!(Arc::strong_count(&file), 1);
        assert!(ring.next_completion(seat).is_none() && ring.collect().is_empty());
    }
    let seats: Vec<_> = (0..setup::SEATS).map(|_| ring.sit(&file(), 1)).collect();
    assert!(seats.iter().all(Result::is_ok) && ring.sit(&file(), 1).is_err());
}

#[test]
fn what_is_not_on_the_list_is_refused() {
    let Some(mut ring) = ring() else { return };
    let result = |ring: &mut Ring, entry: Entry| {
        // SAFETY: the entries point to nothing.
        unsafe { ring.ring.submission().push(&entry).unwrap() };
        ring.ring.submit_and_wait(1).unwrap();
        ring.ring.completion().next().unwrap().result()
    };
    let nop = opcode::Nop::new().build().flags(Flags::FIXED_FILE);
    assert_eq!(result(&mut ring, nop), -libc::EACCES, "the operation");
    let file = file();
    let unfixed = opcode::Fsync::new(types::Fd(file.as_raw_fd())).build();
    assert_eq!(result(&mut ring, unfixed), -libc::EACCES, "a file that is not in the table");
    let linked = opcode::Fsync::new(types::Fixed(0)).build().flags(Flags::FIXED_FILE | Flags::IO_LINK);
    assert_eq!(result(&mut ring, linked), -libc::EACCES, "a flag");
    assert!(ring.ring.submitter().register_eventfd(file.as_raw_fd()).is_err(), "a registration");
}

#[test]
fn a_ring_that_goes_waits_until_the_host_has_let_go_of_memory() {
    let Some(mut ring) = ring() else { return };
    let seat = ring.sit(&file(), 1).unwrap();
    let memory = memory();
    for token in 0..100 {
        ring.submit(seat, token, read(&memory, token * 512, 512, 0));
    }
    ring.flush();
    let weak = Arc::downgrade(&memory);
    drop(memory);
    assert!(weak.upgrade().is_some(), "what is under way keeps it mapped");
    drop(ring);
    assert!(weak.upgrade().is_none());
}
