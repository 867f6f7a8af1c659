//! Which files are disks, and what they do.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::io::{Sink, Source};
use crate::worker::RingUse;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use tempfile::NamedTempFile;
use vm_memory::{Bytes, GuestAddress, GuestMemoryMmap};

fn disk_file(length: usize) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(&vec![0x5a; length]).unwrap();
    file
}

fn open(file: &NamedTempFile) -> File {
    File::options().read(true).write(true).open(file.path()).unwrap()
}

fn disk(file: File, readonly: bool) -> Result<RawDisk, DiskError> {
    RawDisk::new("disk0".into(), file, readonly)
}

fn do_one(disk: &RawDisk, operation: Operation) -> io::Result<()> {
    match disk.channel().unwrap().submit(&mut WorkerContext::new(Instant::now()), 0, operation) {
        Submission::Complete(result) => result,
        Submission::Pending => panic!("it completes at once"),
    }
}

fn message(result: Result<RawDisk, DiskError>) -> String {
    result.unwrap_err().to_string()
}

#[test]
fn a_file_of_whole_sectors_is_a_disk() {
    let file = disk_file(1024);
    let writable = disk(open(&file), false).unwrap();
    assert_eq!((writable.capacity(), writable.readonly()), (1024, false));
    let readonly = disk(File::open(file.path()).unwrap(), true).unwrap();
    assert_eq!((readonly.capacity(), readonly.readonly()), (1024, true));
    assert_eq!(disk(open(&disk_file(0)), false).unwrap().capacity(), 0);
    assert!(disk(open(&file), true).unwrap().readonly(), "a writable descriptor may serve a read-only disk");
}

#[test]
fn a_size_that_is_no_multiple_of_512_is_refused_with_the_size_that_fits() {
    let text = message(disk(open(&disk_file(1025)), false));
    assert_eq!(text, "Disk disk0 has 1025 bytes, which is not a multiple of 512: extend it to 1536 bytes");
    assert!(disk(open(&disk_file(511)), false).is_err());
}

#[test]
fn what_is_no_file_is_refused_by_name() {
    let directory = tempfile::tempdir().unwrap();
    let text = message(disk(File::open(directory.path()).unwrap(), true));
    assert_eq!(text, "Disk disk0 is a directory: it must be a regular file or a block device");
    assert!(message(disk(File::open("/dev/zero").unwrap(), true)).contains("a character device"));
    let (pipe, _writer) = rustix::pipe::pipe().unwrap();
    assert!(message(disk(File::from(pipe), true)).contains("a pipe"));
    let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
    assert!(message(disk(File::from(OwnedFd::from(socket)), true)).contains("a socket"));
    assert_eq!(not_a_disk(FileType::Symlink), Some("of an unknown type"));
    assert_eq!(not_a_disk(FileType::BlockDevice), None);
}

#[test]
fn the_descriptor_must_allow_what_the_configuration_asks_for() {
    let file = disk_file(512);
    let text = message(disk(File::open(file.path()).unwrap(), false));
    assert_eq!(text, "Disk disk0 is not opened for writing: open it read-write, or configure it read-only");
    let write_only = || File::options().write(true).open(file.path()).unwrap();
    assert!(matches!(disk(write_only(), true), Err(DiskError::NotReadable(_))));
    assert!(matches!(disk(write_only(), false), Err(DiskError::NotReadable(_))));
    let path_only = rustix::fs::open(file.path(), OFlags::PATH, rustix::fs::Mode::empty()).unwrap();
    assert!(matches!(disk(File::from(path_only), true), Err(DiskError::NotReadable(_))));
}

#[test]
fn a_written_disk_is_used_once_and_a_read_only_one_by_many() {
    let file = disk_file(512);
    let first = disk(open(&file), false).unwrap();
    let second = disk(open(&file), false).unwrap();
    first.lock().unwrap();
    first.lock().unwrap();
    let error = second.lock().unwrap_err();
    assert!(matches!(&error, DiskError::InUse(id) if id.as_str() == "disk0"), "{error}");
    let reader = || disk(File::open(file.path()).unwrap(), true).unwrap();
    let (one, two) = (reader(), reader());
    assert!(matches!(one.lock(), Err(DiskError::InUse(_))));
    first.unlock().unwrap();
    one.lock().unwrap();
    two.lock().unwrap();
    assert!(matches!(second.lock(), Err(DiskError::InUse(_))));
    one.unlock().unwrap();
    two.unlock().unwrap();
    second.lock().unwrap();
}

#[test]
fn opening_takes_no_lock() {
    let file = disk_file(512);
    let first = disk(open(&file), false).unwrap();
    let second = disk(open(&file), false).unwrap();
    second.lock().unwrap();
    drop(second);
    first.lock().unwrap();
}

#[test]
fn without_a_ring_a_channel_reads_writes_and_flushes_at_once() {
    let file = disk_file(1024);
    let disk = disk(open(&file), false).unwrap();
    let memory = Arc::new(GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x1000)]).unwrap());
    memory.write_slice(&[1, 2, 3, 4], GuestAddress(0)).unwrap();
    let mut channel = disk.channel().unwrap();
    let mut worker = WorkerContext::new(Instant::now());
    let mut submit = |operation| match channel.submit(&mut worker, 0, operation) {
        Submission::Complete(result) => result,
        Submission::Pending => panic!("raw disks complete at once"),
    };
    let from = Source::new(Arc::clone(&memory), [(GuestAddress(0), 4)].into_iter()).unwrap();
    submit(Operation::Write { offset: 600, from, stable: false }).unwrap();
    submit(Operation::Flush).unwrap();
    let into = Sink::new(Arc::clone(&memory), [(GuestAddress(0x100), 6)].into_iter()).unwrap();
    submit(Operation::Read { offset: 599, into }).unwrap();
    let mut bytes = [0; 6];
    memory.read_slice(&mut bytes, GuestAddress(0x100)).unwrap();
    assert_eq!(bytes, [0x5a, 1, 2, 3, 4, 0x5a]);
    let beyond = Sink::new(memory, [(GuestAddress(0x100), 1)].into_iter()).unwrap();
    assert!(submit(Operation::Read { offset: 1024, into: beyond }).is_err());
    assert!(channel.next_completion(&mut worker).is_none());
}

#[test]
fn a_stable_write_is_stored_as_any_other() {
    let file = disk_file(1024);
    let disk = disk(open(&file), false).unwrap();
    let memory = Arc::new(GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x1000)]).unwrap());
    memory.write_slice(&[7; 512], GuestAddress(0)).unwrap();
    let from = Source::new(memory, [(GuestAddress(0), 512)].into_iter()).unwrap();
    do_one(&disk, Operation::Write { offset: 512, from, stable: true }).unwrap();
    assert_eq!(std::fs::read(file.path()).unwrap(), [[0x5a; 512], [7; 512]].concat());
}

#[test]
fn what_is_discarded_or_zeroed_and_unmapped_is_a_hole_of_the_file_and_what_is_only_zeroed_is_not() {
    const BLOCK: u64 = 64 << 10;
    let file = disk_file(4 << 16);
    let disk = disk(open(&file), false).unwrap();
    let holes = || {
        let file = open(&file);
        let end = rustix::fs::seek(&file, SeekFrom::Hole(0)).unwrap();
        let data = rustix::fs::seek(&file, SeekFrom::Data(end)).unwrap_or(4 * BLOCK);
        (end / BLOCK, data / BLOCK)
    };
    assert_eq!(holes(), (4, 4));
    do_one(&disk, Operation::Discard { offset: BLOCK, length: BLOCK }).unwrap();
    assert_eq!(holes(), (1, 2));
    do_one(&disk, Operation::WriteZeroes { offset: 2 * BLOCK, length: BLOCK, unmap: true }).unwrap();
    assert_eq!(holes(), (1, 3));
    let blocks = file.as_file().metadata().unwrap().blocks();
    do_one(&disk, Operation::WriteZeroes { offset: 3 * BLOCK, length: 1024, unmap: false }).unwrap();
    assert_eq!(file.as_file().metadata().unwrap().blocks(), blocks);
    let bytes = std::fs::read(file.path()).unwrap();
    let zero = |byte: &u8| *byte == 0;
    let (before, after) = bytes.split_at(3 << 16);
    assert!(before[1 << 16..].iter().all(zero) && after[..1024].iter().all(zero));
    assert!(before[..1 << 16].iter().chain(&after[1024..]).all(|byte| *byte == 0x5a));
    assert_eq!(bytes.len(), 4 << 16);
}

#[test]
fn a_file_that_has_grown_is_noticed_on_request_and_one_of_an_odd_size_is_refused() {
    let file = disk_file(1024);
    let disk = disk(open(&file), false).unwrap();
    file.as_file().set_len(4096).unwrap();
    assert_eq!(disk.capacity(), 1024);
    assert_eq!((disk.refresh().unwrap(), disk.capacity()), (4096, 4096));
    file.as_file().set_len(4097).unwrap();
    assert!(matches!(disk.refresh(), Err(DiskError::OddSize { size: 4097, next: 4608, .. })));
    assert_eq!(disk.capacity(), 4096);
}

/// Runs one operation on a worker that has a ring where the host gives one.
fn later(channel: &mut Box<dyn BlockChannel>, worker: &mut WorkerContext, operation: Operation) -> io::Result<()> {
    match channel.submit(worker, 5, operation) {
        Submission::Complete(result) => result,
        Submission::Pending => loop {
            if let Some((token, result)) = channel.next_completion(worker) {
                assert_eq!(token, 5);
                return result;
            }
            channel.wait(worker, Instant::now() + Duration::from_secs(120));
        },
    }
}

#[test]
fn a_channel_moves_from_one_workers_ring_to_anothers_and_to_none() {
    let file = disk_file(1024);
    let disk = disk(open(&file), false).unwrap();
    let memory = Arc::new(GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x1000)]).unwrap());
    let mut channel = disk.channel().unwrap();
    let rings = Arc::new(RingUse::default());
    let with_ring = || WorkerContext::with_ring(Instant::now(), Arc::clone(&rings));
    for (byte, mut worker) in [(1, with_ring()), (2, with_ring()), (3, WorkerContext::new(Instant::now()))] {
        memory.write_slice(&[byte; 512], GuestAddress(0)).unwrap();
        let from = Source::new(Arc::clone(&memory), [(GuestAddress(0), 512)].into_iter()).unwrap();
        later(&mut channel, &mut worker, Operation::Write { offset: 512, from, stable: false }).unwrap();
        later(&mut channel, &mut worker, Operation::Flush).unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap()[512..], [byte; 512]);
        channel.leave(&mut worker);
    }
    assert_eq!(rings.made() + rings.refused(), 2);
}

#[test]
fn past_the_page_cache_any_buffer_of_the_guest_will_do() {
    // On a filesystem of the host: the temporary directory may be in memory only.
    let file = NamedTempFile::new_in(env!("CARGO_MANIFEST_DIR")).unwrap();
    file.as_file().set_len(1 << 20).unwrap();
    let direct = match disk(open(&file), false).unwrap().with_cache(CacheMode::None, 4096) {
        Ok(direct) => direct,
        Err(DiskError::NotDirect { .. }) => return println!("SKIPPED: this filesystem has no O_DIRECT"),
        Err(other) => panic!("{other}"),
    };
    let memory = Arc::new(GuestMemoryMmap::<()>::from_ranges(&[(GuestAddress(0), 0x10000)]).unwrap());
    let pattern: Vec<u8> = (0..8192u32).map(|index| u8::try_from(index % 251).unwrap()).collect();
    memory.write_slice(&pattern, GuestAddress(0x1003)).unwrap();
    let rings = Arc::default();
    for mut worker in [WorkerContext::new(Instant::now()), WorkerContext::with_ring(Instant::now(), rings)] {
        let mut channel = direct.channel().unwrap();
        let odd = [(GuestAddress(0x1003), 5), (GuestAddress(0x1008), 8187)];
        let from = Source::new(Arc::clone(&memory), odd.into_iter()).unwrap();
        later(&mut channel, &mut worker, Operation::Write { offset: 4096, from, stable: true }).unwrap();
        let into = Sink::new(Arc::clone(&memory), [(GuestAddress(0x5001), 8192)].into_iter()).unwrap();
        later(&mut channel, &mut worker, Operation::Read { offset: 4096, into }).unwrap();
        let mut seen = vec![0; 8192];
        memory.read_slice(&mut seen, GuestAddress(0x5001)).unwrap();
        assert!(seen == pattern);
        memory.write_slice(&[0; 8192], GuestAddress(0x5001)).unwrap();
        channel.leave(&mut worker);
    }
}

#[test]
fn a_disk_that_goes_gives_its_lock_back_though_somebody_still_has_its_file() {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(4096).unwrap();
    let open = || File::options().read(true).write(true).open(file.path()).unwrap();
    let ours = open();
    // As a ring of the kernel has it for a while.
    let _kept = ours.try_clone().unwrap();
    let disk = RawDisk::new("disk0".into(), ours, false).unwrap();
    disk.lock().unwrap();
    let next = RawDisk::new("disk0".into(), open(), false).unwrap();
    assert!(matches!(next.lock(), Err(DiskError::InUse(_))));
    drop(disk);
    next.lock().unwrap();
    // One that holds no lock takes nobody's away.
    drop(RawDisk::new("disk0".into(), next.file.try_clone().unwrap(), false).unwrap());
    assert!(matches!(RawDisk::new("disk0".into(), open(), false).unwrap().lock(), Err(DiskError::InUse(_))));
}
