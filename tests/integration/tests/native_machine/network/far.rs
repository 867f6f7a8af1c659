//! A host at the far end of another TAP, 10.98.0.2, whose frames this host's kernel routes to the machine and back:
//! they stay as unfinished as both ends take them.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use devices::backend::net::{NetBackend, Offloads, Tap};
use integration::machine::DEADLINE;
use integration::namespace::{ip, tap};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use vmm::open_tap;

use super::frames::{self, Framed};

/// The far host.
pub struct Far {
    tap: Tap,
}

impl Far {
    /// A far host behind `tap1`.
    pub fn new() -> Self {
        tap("tap1", "10.98.0");
        std::fs::write("/proc/sys/net/ipv4/ip_forward", "1").unwrap();
        // First: the kernel forgets its neighbors when its address changes.
        ip("link set tap1 address 02:00:00:00:98:01");
        ip("neighbor add 10.98.0.2 lladdr 02:00:00:00:98:02 dev tap1 nud permanent");
        let tap = Tap::from_fds(&"far".into(), open_tap("tap1", 1).unwrap(), 1).unwrap();
        Self { tap }
    }

    /// The kernel's TAPs cut UDP.
    pub fn has_uso(&self) -> bool {
        self.tap.offloads().contains(Offloads::USO)
    }

    /// It takes unfinished frames itself, or only finished ones.
    pub fn takes_unfinished(&self, unfinished: bool) {
        let taken = if unfinished { Offloads::GUEST & self.tap.offloads() } else { Offloads::empty() };
        self.tap.set_offloads(taken).unwrap();
    }

    /// Sends the guest a datagram without its checksum, or TCP that is to be cut to `part` bytes.
    pub fn send(&self, part: Option<u16>, contents: &[u8]) {
        let Framed { header, bytes } = frames::unfinished(part, contents);
        self.tap.send(0, &[&header[..], &bytes].concat()).unwrap();
    }

    /// Receives frames of the guest until they have `wanted` bytes of contents.
    pub fn receive(&self, wanted: usize) -> Vec<Framed> {
        let deadline = Instant::now() + DEADLINE;
        let (mut frames, mut count) = (Vec::new(), 0);
        let mut buffer = Vec::with_capacity(1 << 17);
        while count < wanted {
            buffer.clear();
            match self.tap.receive(0, &mut buffer) {
                Ok(()) => {
                    let (header, bytes) = buffer.split_at(12);
                    let frame = Framed { header: header.try_into().unwrap(), bytes: bytes.to_vec() };
                    if let Some((contents, _)) = frames::contents(&frame) {
                        count += contents.len();
                        frames.push(frame);
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    let ready = self.tap.readable(0).unwrap();
                    let fd = ready.as_fd();
                    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
                    let some = poll(&mut fds, Some(&Timespec::try_from(left).unwrap())).unwrap();
                    assert!(some > 0, "{count} of {wanted} bytes came in {} frames", frames.len());
                }
                Err(error) => panic!("the far host: {error}"),
            }
        }
        frames
    }
}
