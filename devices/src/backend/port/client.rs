//! A client of a socket.

use rustix::io::{Errno, retry_on_intr};
use rustix::net::{SendFlags, send};
use std::os::fd::OwnedFd;

/// Somebody who has connected. May still read when it has said everything.
#[derive(Debug)]
pub(super) struct Client {
    stream: OwnedFd,
    readable: bool,
    writable: bool,
    /// Both directions are closed.
    closed: bool,
    /// Everything that it sent was read.
    ended: bool,
    failed: bool,
}

impl Client {
    pub(super) fn new(stream: OwnedFd) -> Self {
        Self { stream, readable: true, writable: true, closed: false, ended: false, failed: false }
    }

    pub(super) fn stirred(&mut self, readable: bool, writable: bool, closed: bool) {
        self.readable |= readable;
        self.writable |= writable;
        self.closed |= closed;
    }

    /// It has gone. `reading`: what it has left is going to be read first.
    pub(super) fn is_gone(&self, reading: bool) -> bool {
        self.failed || self.closed && (self.ended || !reading)
    }

    pub(super) fn is_readable(&self) -> bool {
        self.readable && !self.ended
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writable
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> usize {
        match retry_on_intr(|| rustix::io::read(&self.stream, &mut *bytes)) {
            Ok(0) => self.ended = true,
            Ok(count) => return count,
            Err(Errno::AGAIN) => self.readable = false,
            Err(_) => self.failed = true,
        }
        0
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        match retry_on_intr(|| send(&self.stream, bytes, SendFlags::NOSIGNAL)) {
            Ok(count) => count,
            Err(Errno::AGAIN) => {
                self.writable = false;
                0
            }
            Err(_) => {
                self.failed = true;
                bytes.len()
            }
        }
    }
}
