//! A pair of descriptors: pipes, a terminal, files.

use super::events::{Events, Source, Stirred};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;
use std::io;
use std::os::fd::OwnedFd;

/// The two ends; one that has failed or ended is gone.
#[derive(Debug)]
pub(super) struct Stream {
    input: Option<OwnedFd>,
    output: Option<OwnedFd>,
    readable: bool,
    writable: bool,
}

impl Stream {
    pub(super) fn new(input: Option<OwnedFd>, output: Option<OwnedFd>, events: &Events) -> io::Result<Self> {
        for (descriptor, source) in [(&input, Source::Input), (&output, Source::Output)] {
            if let Some(descriptor) = descriptor {
                fcntl_setfl(descriptor, fcntl_getfl(descriptor)? | OFlags::NONBLOCK)?;
                events.watch(descriptor, source)?;
            }
        }
        // The first try finds out.
        Ok(Self { input, output, readable: true, writable: true })
    }

    pub(super) fn stirred(&mut self, stirred: Stirred) {
        self.readable |= stirred.readable;
        self.writable |= stirred.writable;
    }

    pub(super) fn is_readable(&self) -> bool {
        self.readable && self.input.is_some()
    }

    pub(super) fn is_writable(&self) -> bool {
        self.writable || self.output.is_none()
    }

    pub(super) fn read(&mut self, bytes: &mut [u8]) -> usize {
        let Some(input) = &self.input else { return 0 };
        match rustix::io::retry_on_intr(|| rustix::io::read(input, &mut *bytes)) {
            Ok(count) if count > 0 => return count,
            Err(Errno::AGAIN) => self.readable = false,
            Ok(_) | Err(_) => self.input = None,
        }
        0
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> usize {
        let Some(output) = &self.output else { return bytes.len() };
        match rustix::io::retry_on_intr(|| rustix::io::write(output, bytes)) {
            Ok(count) => count,
            Err(Errno::AGAIN) => {
                self.writable = false;
                0
            }
            Err(_) => {
                self.output = None;
                bytes.len()
            }
        }
    }
}
