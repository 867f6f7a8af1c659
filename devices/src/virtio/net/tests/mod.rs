//! The network device, as its driver and its network see it.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation)]

mod control;
mod device;
mod kernel;
mod model;
mod offloads;
mod receive;
mod send;

use super::port::NetPort;
use super::rx::Receiver;
use super::session::Session;
use super::tx::Transmitter;
use super::*;
use crate::backend::net::{KernelRings, NetBackend, Offloads};
use crate::virtio::testing::{Driver, NotedInterrupt, Served, TestMemory};
use crate::virtio::{QueueHandler, VirtQueue};
use rustix::event::{EventfdFlags, eventfd};
use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// A frame that was sent: queue, header and frame.
type Sent = (u16, Vec<u8>, Vec<u8>);

/// A network of one or more queues; frames have headers without num_buffers.
struct FakeNetwork {
    queues: u16,
    offloads: Offloads,
    /// By queue.
    waiting: Mutex<Vec<VecDeque<Vec<u8>>>>,
    sent: Mutex<Vec<Sent>>,
    /// What everything fails with, unless it is `None`.
    fails: Mutex<Option<io::ErrorKind>>,
    reads: AtomicU32,
    /// The offloads and the number of active queues that were set last.
    set: Mutex<(Offloads, u16)>,
    event: OwnedFd,
    kernel: Option<Arc<kernel::FakeKernel>>,
}

impl FakeNetwork {
    fn new(frames: impl IntoIterator<Item = Vec<u8>>) -> Arc<Self> {
        let network = Self::with(1, Offloads::empty());
        frames.into_iter().for_each(|frame| network.arrive(frame));
        network
    }

    fn with(queues: u16, offloads: Offloads) -> Arc<Self> {
        Arc::new(Self::made(queues, offloads))
    }

    /// One whose frames the kernel carries.
    fn in_kernel(queues: u16) -> Arc<Self> {
        Arc::new(Self { kernel: Some(Arc::default()), ..Self::made(queues, Offloads::empty()) })
    }

    fn made(queues: u16, offloads: Offloads) -> Self {
        Self {
            queues,
            offloads,
            waiting: Mutex::new((0..queues).map(|_| VecDeque::new()).collect()),
            sent: Mutex::default(),
            fails: Mutex::default(),
            reads: AtomicU32::new(0),
            set: Mutex::new((Offloads::empty(), 1)),
            event: eventfd(0, EventfdFlags::CLOEXEC).unwrap(),
            kernel: None,
        }
    }

    fn fail(&self, kind: io::ErrorKind) {
        *self.fails.lock().unwrap() = Some(kind);
    }

    fn arrive(&self, frame: Vec<u8>) {
        self.arrive_behind([0; 10], 0, frame);
    }

    fn arrive_behind(&self, header: [u8; 10], queue: u16, frame: Vec<u8>) {
        // What is no field of the host's must not get through.
        let bytes = [&header[..], &[0xee; 2], &frame].concat();
        self.waiting.lock().unwrap()[usize::from(queue)].push_back(bytes);
    }

    fn sent(&self) -> Vec<Vec<u8>> {
        let sent = std::mem::take(&mut *self.sent.lock().unwrap());
        let frame = |(_, header, frame)| {
            assert_eq!(header, [0; 12], "no offload is asked for");
            frame
        };
        sent.into_iter().map(frame).collect()
    }

    fn sent_behind_headers(&self) -> Vec<Sent> {
        std::mem::take(&mut *self.sent.lock().unwrap())
    }

    fn reads(&self) -> u32 {
        self.reads.load(Ordering::Relaxed)
    }

    fn set(&self) -> (Offloads, u16) {
        *self.set.lock().unwrap()
    }

    fn check(&self) -> io::Result<()> {
        self.fails.lock().unwrap().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

impl NetBackend for FakeNetwork {
    fn queues(&self) -> u16 {
        self.queues
    }

    fn receive(&self, queue: u16, frame: &mut Vec<u8>) -> io::Result<()> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.check()?;
        let mut waiting = self.waiting.lock().unwrap();
        let next = waiting[usize::from(queue)].pop_front().ok_or(io::ErrorKind::WouldBlock)?;
        let room = frame.capacity() - frame.len();
        frame.extend(next.into_iter().take(room));
        Ok(())
    }

    fn send(&self, queue: u16, frame: &[u8]) -> io::Result<()> {
        self.check()?;
        let (header, frame) = frame.split_at(12);
        self.sent.lock().unwrap().push((queue, header.to_vec(), frame.to_vec()));
        Ok(())
    }

    fn readable(&self, _queue: u16) -> Option<BorrowedFd<'_>> {
        Some(self.event.as_fd())
    }

    fn kernel(&self) -> Option<&dyn KernelRings> {
        self.kernel.as_deref().map(|kernel| kernel as _)
    }

    fn offloads(&self) -> Offloads {
        self.offloads
    }

    fn set_offloads(&self, offloads: Offloads) -> io::Result<()> {
        self.check()?;
        self.set.lock().unwrap().0 = offloads;
        Ok(())
    }

    fn set_active_queues(&self, count: u16) -> io::Result<()> {
        self.check()?;
        self.set.lock().unwrap().1 = count;
        Ok(())
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
        let port = Arc::new(NetPort::new("net0".into(), 1, true));
        let queue = Served::new(make(queue, Arc::clone(&network), Arc::clone(&port)));
        Self { driver, queue, interrupt, network, port }
    }

    fn statistics(&self) -> Counts {
        let (received, sent) = (self.port.statistics().received(), self.port.statistics().sent());
        Counts {
            received: received.frames,
            receive_dropped: received.dropped,
            sent: sent.frames,
            send_dropped: sent.dropped,
        }
    }
}

/// How many frames went which way.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counts {
    received: u64,
    receive_dropped: u64,
    sent: u64,
    send_dropped: u64,
}

fn receiver(
    memory: TestMemory,
    network: Arc<FakeNetwork>,
    mergeable: bool,
    mtu: Option<u16>,
) -> Scene<Receiver<TestMemory>> {
    let session = Arc::new(Session::new(Offloads::empty(), DriverChoices::default()));
    Scene::new(memory, network, |queue, network, port| Receiver::new(queue, 0, network, port, session, mergeable, mtu))
}

fn transmitter(memory: TestMemory, network: Arc<FakeNetwork>) -> Scene<Transmitter<TestMemory>> {
    Scene::new(memory, network, |queue, network, port| Transmitter::new(queue, 0, network, port, Offloads::empty()))
}

/// A frame of `length` bytes that can be told from others.
fn frame(seed: u8, length: usize) -> Vec<u8> {
    (0..length).map(|index| (index as u8).wrapping_mul(7).wrapping_add(seed)).collect()
}

fn received(received: u64, receive_dropped: u64) -> Counts {
    Counts { received, receive_dropped, ..Counts::default() }
}

fn sent(sent: u64, send_dropped: u64) -> Counts {
    Counts { sent, send_dropped, ..Counts::default() }
}
