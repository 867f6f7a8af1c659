//! The network device, as its driver and its network see it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod device;
mod model;
mod receive;
mod send;

use super::port::{NetPort, NetStatistics};
use super::rx::Receiver;
use super::tx::Transmitter;
use super::*;
use crate::backend::net::NetBackend;
use crate::virtio::testing::{Driver, NotedInterrupt, Served, TestMemory};
use crate::virtio::{QueueHandler, VirtQueue};
use rustix::event::{EventfdFlags, eventfd};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// Frames without their headers, as a network has them.
struct FakeNetwork {
    waiting: Mutex<VecDeque<Vec<u8>>>,
    sent: Mutex<Vec<Vec<u8>>>,
    /// What everything fails with, unless it is `None`.
    fails: Mutex<Option<io::ErrorKind>>,
    reads: AtomicU32,
    event: OwnedFd,
}

impl FakeNetwork {
    fn new(frames: impl IntoIterator<Item = Vec<u8>>) -> Arc<Self> {
        Arc::new(Self {
            waiting: Mutex::new(frames.into_iter().collect()),
            sent: Mutex::default(),
            fails: Mutex::default(),
            reads: AtomicU32::new(0),
            event: eventfd(0, EventfdFlags::CLOEXEC).unwrap(),
        })
    }

    fn fail(&self, kind: io::ErrorKind) {
        *self.fails.lock().unwrap() = Some(kind);
    }

    fn arrive(&self, frame: Vec<u8>) {
        self.waiting.lock().unwrap().push_back(frame);
    }

    fn sent(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    fn reads(&self) -> u32 {
        self.reads.load(Ordering::Relaxed)
    }

    fn check(&self) -> io::Result<()> {
        self.fails.lock().unwrap().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl NetBackend for FakeNetwork {
    fn receive(&self, frame: &mut [u8]) -> io::Result<usize> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.check()?;
        let next = self.waiting.lock().unwrap().pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        // A header that must not get through.
        let bytes = [0xee; 12].into_iter().chain(next);
        Ok(frame.iter_mut().zip(bytes).map(|(to, from)| *to = from).count())
    }

    fn send(&self, frame: &[u8]) -> io::Result<()> {
        self.check()?;
        let (header, frame) = frame.split_at(12);
        assert_eq!(header, [0; 12], "no offload is asked for");
        self.sent.lock().unwrap().push(frame.to_vec());
        Ok(())
    }

    fn readable(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}

/// One queue of a device, with everything around it.
struct Scene<Q> {
    driver: Driver,
    queue: Served<Q>,
    interrupt: Arc<NotedInterrupt>,
    network: Arc<FakeNetwork>,
    port: Arc<NetPort>,
}

impl<Q: QueueHandler> Scene<Q> {
    fn new(
        memory: TestMemory,
        network: Arc<FakeNetwork>,
        make: impl FnOnce(VirtQueue<TestMemory>, Arc<FakeNetwork>, Arc<NetPort>) -> Q,
    ) -> Self {
        let driver = Driver::new(memory, 64);
        let (queue, interrupt) = driver.queue();
        let port = Arc::new(NetPort::new("net0".into(), true));
        let queue = Served::new(make(queue, Arc::clone(&network), Arc::clone(&port)));
        Self { driver, queue, interrupt, network, port }
    }

    fn statistics(&self) -> NetStatistics {
        self.port.statistics()
    }
}

fn receiver(
    memory: TestMemory,
    network: Arc<FakeNetwork>,
    mergeable: bool,
    mtu: Option<u16>,
) -> Scene<Receiver<TestMemory>> {
    Scene::new(memory, network, |queue, network, port| Receiver::new(queue, network, port, mergeable, mtu))
}

fn transmitter(memory: TestMemory, network: Arc<FakeNetwork>) -> Scene<Transmitter<TestMemory>> {
    Scene::new(memory, network, |queue, network, port| Transmitter::new(queue, network, port))
}

/// A frame of `length` bytes that can be told from others.
fn frame(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|index| (index as u8).wrapping_mul(7).wrapping_add(seed)).collect()
}

fn received(received: u64, receive_dropped: u64) -> NetStatistics {
    NetStatistics { received, receive_dropped, ..NetStatistics::default() }
}

fn sent(sent: u64, send_dropped: u64) -> NetStatistics {
    NetStatistics { sent, send_dropped, ..NetStatistics::default() }
}
