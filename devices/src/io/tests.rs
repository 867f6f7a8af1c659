//! Transfers between files and guest memory, call by call, and locks.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, clippy::cast_sign_loss)]

use super::*;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

type Memory = Arc<GuestMemoryMmap<()>>;

fn memory() -> Memory {
    Arc::new(GuestMemoryMmap::from_ranges(&[(GuestAddress(0), 0x4000), (GuestAddress(0x4000), 0x4000)]).unwrap())
}

fn source(memory: &Memory, ranges: &[(u64, usize)]) -> Source {
    Source::new(Arc::clone(memory), ranges.iter().map(|(start, length)| (GuestAddress(*start), *length))).unwrap()
}

fn sink(memory: &Memory, ranges: &[(u64, usize)]) -> Sink {
    Sink::new(Arc::clone(memory), ranges.iter().map(|(start, length)| (GuestAddress(*start), *length))).unwrap()
}

fn pattern(length: usize) -> Vec<u8> {
    (0..length).map(|index| (index % 251) as u8).collect()
}

#[test]
fn bytes_move_between_a_file_and_scattered_memory() {
    let memory = memory();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&pattern(100)).unwrap();
    // The second range crosses from one region of memory into the next.
    let ranges = [(0x100, 10), (0x3ffe, 4), (0x50, 6)];
    read_exact_at(file.as_fd(), sink(&memory, &ranges), 40).unwrap();
    let mut parts = [0; 20];
    memory.read_slice(&mut parts[..10], GuestAddress(0x100)).unwrap();
    memory.read_slice(&mut parts[10..14], GuestAddress(0x3ffe)).unwrap();
    memory.read_slice(&mut parts[14..], GuestAddress(0x50)).unwrap();
    assert_eq!(parts, pattern(100)[40..60]);

    write_all_at(file.as_fd(), source(&memory, &ranges), 70).unwrap();
    let mut now = Vec::new();
    file.seek(SeekFrom::Start(0)).unwrap();
    file.read_to_end(&mut now).unwrap();
    assert_eq!(now[70..90], pattern(100)[40..60]);
    assert_eq!((&now[..70], &now[90..]), (&pattern(100)[..70], &pattern(100)[90..]));
}

#[test]
fn more_segments_than_the_kernel_takes_at_once_are_no_problem() {
    let memory = memory();
    let mut file = tempfile::tempfile().unwrap();
    let data = pattern(3 * 2500);
    file.write_all(&data).unwrap();
    let ranges: Vec<_> = (0..2500).map(|index| (index * 4, 3)).collect();
    read_exact_at(file.as_fd(), sink(&memory, &ranges), 0).unwrap();
    for (index, expected) in data.chunks(3).enumerate() {
        let mut bytes = [0; 3];
        memory.read_slice(&mut bytes, GuestAddress(index as u64 * 4)).unwrap();
        assert_eq!(bytes, expected);
    }
    let copy = tempfile::tempfile().unwrap();
    write_all_at(copy.as_fd(), source(&memory, &ranges), 0).unwrap();
    assert_eq!(copy.metadata().unwrap().len(), 7500);
}

#[test]
fn a_file_that_ends_early_is_an_error_and_nothing_at_all_is_none() {
    let memory = memory();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[7; 10]).unwrap();
    let error = read_exact_at(file.as_fd(), sink(&memory, &[(0, 11)]), 0).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
    read_exact_at(file.as_fd(), sink(&memory, &[(0, 0)]), 1000).unwrap();
    assert!(sink(&memory, &[(0, 0)]).is_empty() && source(&memory, &[]).is_empty());
    assert!(!sink(&memory, &[(0, 1)]).is_empty() && !source(&memory, &[(0, 1)]).is_empty());
}

#[test]
fn the_hosts_errors_come_through() {
    let memory = memory();
    let file = File::open("/dev/null").unwrap();
    let error = write_all_at(file.as_fd(), source(&memory, &[(0, 1)]), 0).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EBADF));
    let error = read_exact_at(file.as_fd(), sink(&memory, &[(0, 1)]), u64::MAX).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
}

#[test]
fn ranges_outside_memory_are_refused() {
    let outside = Sink::new(memory(), [(GuestAddress(0x7fff), 2)].into_iter());
    assert!(outside.is_err());
    assert!(Source::new(memory(), [(GuestAddress(0x8000), 1)].into_iter()).is_err());
}

#[test]
fn memory_stays_mapped_as_long_as_the_kernel_may_use_it() {
    let memory = memory();
    let weak = Arc::downgrade(&memory);
    let sink = sink(&memory, &[(0, 8)]);
    drop(memory);
    assert_eq!((weak.strong_count(), sink.len()), (1, 8));
    drop(sink);
    assert_eq!(weak.strong_count(), 0);
}

/// One call: segments (how many, length of the first), offset.
type Asked = (usize, usize, u64);

/// Reads into segments of 10, 20 and 30 bytes from offset 1000; the calls are answered in turn.
fn transfer_with(answers: &[Result<usize, i32>]) -> (io::Result<()>, Vec<Asked>) {
    let memory = memory();
    let sink = sink(&memory, &[(0, 10), (100, 20), (200, 30)]);
    let mut calls = Vec::new();
    let result = work::perform_transfer(Transfer::read(sink, 1000, None), |call| {
        calls.push((call.vectors.len(), call.vectors[0].iov_len, call.offset));
        answers[calls.len() - 1]
    });
    (result, calls)
}

fn read_exact_at(file: BorrowedFd<'_>, sink: Sink, offset: u64) -> io::Result<()> {
    Work::Transfer(Transfer::read(sink, offset, None)).perform(file)
}

fn write_all_at(file: BorrowedFd<'_>, source: Source, offset: u64) -> io::Result<()> {
    Work::Transfer(Transfer::write(source, offset, false, None)).perform(file)
}

#[test]
fn a_short_transfer_goes_on_where_it_stopped() {
    let (result, calls) = transfer_with(&[Ok(5), Ok(5), Ok(25), Ok(25)]);
    result.unwrap();
    assert_eq!(calls, [(3, 10, 1000), (3, 5, 1005), (2, 20, 1010), (1, 25, 1035)]);
}

#[test]
fn an_interrupted_call_is_repeated_and_other_errors_end_it() {
    let (result, calls) = transfer_with(&[Err(libc::EINTR), Ok(60)]);
    result.unwrap();
    assert_eq!(calls, [(3, 10, 1000), (3, 10, 1000)]);
    let (result, calls) = transfer_with(&[Ok(10), Err(libc::EIO)]);
    assert_eq!((result.unwrap_err().raw_os_error(), calls.len()), (Some(libc::EIO), 2));
}

#[test]
fn a_host_that_is_busy_is_asked_again_but_not_for_ever() {
    let (result, calls) = transfer_with(&[Err(libc::EAGAIN), Ok(20), Err(libc::EAGAIN), Ok(40)]);
    result.unwrap();
    assert_eq!(calls, [(3, 10, 1000), (3, 10, 1000), (2, 10, 1020), (2, 10, 1020)]);
    let (result, calls) = transfer_with(&[Err(libc::EAGAIN); 100]);
    assert_eq!((result.unwrap_err().raw_os_error(), calls.len()), (Some(libc::EAGAIN), 65));
}

#[test]
fn buffers_that_a_file_does_not_take_are_bounced_in_parts() {
    let direct = Some(DirectIo { memory: 4, block: 512 });
    let memory = Arc::new(GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x80000)]).unwrap());
    let data = pattern(300 << 10);
    // The first range begins at an odd address, the second has an odd length.
    let ranges = || [(GuestAddress(0x1001), 100), (GuestAddress(0x2000), (300 << 10) - 100)].into_iter();
    let read = Transfer::read(Sink::new(Arc::clone(&memory), ranges()).unwrap(), 512, direct);
    let mut calls = Vec::new();
    work::perform_transfer(read, |call| {
        let vector = &call.vectors[0];
        assert!(call.vectors.len() == 1 && vector.iov_base.addr().is_multiple_of(4096));
        calls.push((vector.iov_len, call.offset));
        let start = call.offset as usize - 512;
        // A short answer.
        let count = if calls.len() == 1 { 512 } else { vector.iov_len };
        // SAFETY: the buffer has at least `count` bytes.
        unsafe { std::ptr::copy_nonoverlapping(data[start..].as_ptr(), vector.iov_base.cast(), count) };
        Ok(count)
    })
    .unwrap();
    let chunk = 128 << 10;
    assert_eq!(
        calls,
        [
            (chunk, 512),
            (chunk, 1024),
            (chunk, 1024 + chunk as u64),
            ((300 << 10) - 512 - 2 * chunk, 1024 + 2 * chunk as u64)
        ]
    );
    let mut seen = vec![0; 300 << 10];
    memory.read_slice(&mut seen[..100], GuestAddress(0x1001)).unwrap();
    memory.read_slice(&mut seen[100..], GuestAddress(0x2000)).unwrap();
    assert!(seen == data);

    let write = Transfer::write(Source::new(Arc::clone(&memory), ranges()).unwrap(), 0, true, direct);
    let mut written = Vec::new();
    work::perform_transfer(write, |call| {
        let vector = &call.vectors[0];
        // SAFETY: the buffer has as many bytes as the vector says.
        written.extend_from_slice(unsafe { std::slice::from_raw_parts(vector.iov_base.cast::<u8>(), vector.iov_len) });
        Ok(vector.iov_len)
    })
    .unwrap();
    assert!(written == data);
}

#[test]
fn buffers_that_a_file_takes_are_not_copied() {
    let direct = Some(DirectIo { memory: 512, block: 512 });
    let memory = memory();
    let read = Transfer::read(sink(&memory, &[(0x200, 512), (0x1000, 1024)]), 0, direct);
    work::perform_transfer(read, |call| {
        assert_eq!(call.vectors.len(), 2);
        Ok(1536)
    })
    .unwrap();
}

#[test]
fn a_call_that_moves_nothing_or_too_much_ends_it() {
    assert_eq!(transfer_with(&[Ok(10), Ok(0)]).0.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    assert_eq!(transfer_with(&[Ok(61)]).0.unwrap_err().kind(), io::ErrorKind::Other);
}

#[test]
fn locks_exclude_other_opens_of_the_file_and_are_shared_by_duplicates() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let open = || File::options().read(true).write(true).open(file.path()).unwrap();
    let (first, second) = (open(), open());
    let lock = |file: &File, lock| set_lock(file.as_fd(), lock).map_err(|error| error.kind());

    lock(&first, FileLock::Exclusive).unwrap();
    assert_eq!(lock(&second, FileLock::Shared), Err(io::ErrorKind::WouldBlock));
    lock(&first.try_clone().unwrap(), FileLock::Exclusive).unwrap();
    lock(&first, FileLock::Shared).unwrap();
    lock(&second, FileLock::Shared).unwrap();
    assert_eq!(lock(&second, FileLock::Exclusive), Err(io::ErrorKind::WouldBlock));
    lock(&first, FileLock::None).unwrap();
    lock(&second, FileLock::Exclusive).unwrap();
    drop(second);
    lock(&first, FileLock::Exclusive).unwrap();
    assert!(lock(&File::open(file.path()).unwrap(), FileLock::Exclusive).is_err(), "it is not open for writing");
}
