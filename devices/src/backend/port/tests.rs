//! Ends with somebody at the other side.
#![allow(clippy::unwrap_used)]

use super::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};

fn stirs(end: &PortEnd) -> bool {
    let events = end.events();
    poll(&mut [PollFd::new(&events, PollFlags::IN)], Some(&Timespec::default())).unwrap() == 1
}

fn read(end: &mut PortEnd) -> Vec<u8> {
    let mut bytes = [0; 100];
    let count = end.read(&mut bytes);
    bytes[..count].to_vec()
}

#[test]
fn a_stream_is_open_and_carries_bytes_both_ways() {
    let (mut host, ours) = UnixStream::pair().unwrap();
    let mut end = PortEnd::stream(Some(ours.try_clone().unwrap().into()), Some(ours.into())).unwrap();
    end.poll(true);
    assert!(end.is_open() && read(&mut end).is_empty() && !end.is_readable() && !stirs(&end));
    host.write_all(b"in").unwrap();
    assert!(stirs(&end));
    end.poll(true);
    assert!(end.is_readable());
    assert_eq!((read(&mut end), end.write(b"out")), (b"in".to_vec(), 3));
    let mut bytes = [0; 3];
    host.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"out");
}

#[test]
fn a_stream_that_is_full_says_so_and_stirs_when_there_is_room() {
    let (mut host, ours) = UnixStream::pair().unwrap();
    let mut end = PortEnd::stream(None, Some(ours.into())).unwrap();
    while end.write(&[0; 4096]) > 0 {}
    end.poll(true);
    assert!(!end.is_writable() && !end.is_readable());
    host.set_nonblocking(true).unwrap();
    let _ = host.read_to_end(&mut Vec::new());
    assert!(stirs(&end));
    end.poll(true);
    assert!(end.is_writable() && end.write(&[0; 4096]) == 4096);
}

#[test]
fn what_has_ended_or_is_not_there_gives_nothing_and_takes_everything() {
    let (host, ours) = UnixStream::pair().unwrap();
    let ended = PortEnd::stream(Some(ours.try_clone().unwrap().into()), Some(ours.into())).unwrap();
    drop(host);
    for mut end in [PortEnd::stream(None, None).unwrap(), ended] {
        end.poll(true);
        assert_eq!((read(&mut end), end.write(b"lost"), end.is_writable()), (vec![], 4, true));
        assert!(!end.is_readable());
    }
}

#[test]
fn a_file_is_always_ready() {
    let mut file = tempfile::tempfile().unwrap();
    let mut end = PortEnd::stream(None, Some(file.try_clone().unwrap().into())).unwrap();
    assert_eq!((end.is_writable(), end.write(b"kept")), (true, 4));
    io::Seek::rewind(&mut file).unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "kept");
}

fn listener() -> (tempfile::TempDir, PortEnd) {
    let directory = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(directory.path().join("port")).unwrap();
    (directory, PortEnd::listener(listener.into()).unwrap())
}

#[test]
fn a_listener_is_open_while_a_client_is_there_and_others_wait() {
    let (directory, mut end) = listener();
    end.poll(true);
    assert!(!end.is_open() && !stirs(&end));
    assert_eq!(end.write(b"nobody"), 6);
    let connect = || UnixStream::connect(directory.path().join("port")).unwrap();
    let mut first = connect();
    assert!(stirs(&end));
    end.poll(true);
    assert!(end.is_open());
    let mut second = connect();
    second.write_all(b"second").unwrap();
    first.write_all(b"first").unwrap();
    end.poll(true);
    assert_eq!(read(&mut end), b"first");
    drop(first);
    end.poll(true);
    assert!(end.is_open() && read(&mut end).is_empty(), "its end is found by reading");
    assert!(!end.is_open() && stirs(&end));
    end.poll(true);
    assert_eq!((end.is_open(), read(&mut end)), (true, b"second".to_vec()));
}

#[test]
fn what_a_client_left_is_read_first_unless_nobody_reads() {
    for reading in [true, false] {
        let (directory, mut end) = listener();
        let mut client = UnixStream::connect(directory.path().join("port")).unwrap();
        client.write_all(b"left").unwrap();
        end.poll(reading);
        drop(client);
        end.poll(reading);
        assert_eq!((end.is_open(), read(&mut end).len()), (reading, if reading { 4 } else { 0 }));
    }
}

#[test]
fn a_client_that_has_said_everything_can_still_listen() {
    let (directory, mut end) = listener();
    let mut client = UnixStream::connect(directory.path().join("port")).unwrap();
    client.shutdown(Shutdown::Write).unwrap();
    end.poll(true);
    assert_eq!((read(&mut end), end.is_open(), end.is_readable()), (vec![], true, false));
    assert_eq!(end.write(b"answer"), 6);
    let mut bytes = [0; 6];
    client.read_exact(&mut bytes).unwrap();
    drop(client);
    end.poll(true);
    assert!(!end.is_open());
}

#[test]
fn a_socket_that_does_not_listen_is_refused() {
    assert!(PortEnd::listener(UnixStream::pair().unwrap().0.into()).is_err());
}
