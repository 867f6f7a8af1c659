//! Queues that the host's kernel serves, by a kernel that only takes notes.

use super::*;
use crate::backend::net::{HostRange, KernelRings, RingOf, RingSetup};
use crate::virtio::VirtioDevice;
use crate::virtio::net::kernel::KernelQueue;
use crate::virtio::testing::{Machine, REGIONS, ram};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::time::Instant;
use vm_memory::{Bytes, GuestAddress, GuestMemoryBackend};
use vmm_sys_util::eventfd::EventFd;

/// A ring as it was lent.
pub(super) struct Lent {
    ring: RingOf,
    features: u64,
    memory: Vec<HostRange>,
    size: u16,
    next: u16,
    addresses: [u64; 3],
    kick: EventFd,
    call: OwnedFd,
    fault: OwnedFd,
}

/// Has rings, and does nothing with them.
#[derive(Default)]
pub(super) struct FakeKernel {
    lent: Mutex<Vec<Lent>>,
    /// Where it says that it stopped.
    base: Mutex<u16>,
    fails: Mutex<Option<io::ErrorKind>>,
}

impl FakeKernel {
    fn lent(&self) -> Vec<RingOf> {
        self.lent.lock().unwrap().iter().map(|lent| lent.ring).collect()
    }

    fn fail(&self, kind: io::ErrorKind) {
        *self.fails.lock().unwrap() = Some(kind);
    }
}

impl KernelRings for FakeKernel {
    fn start(&self, ring: RingOf, setup: &RingSetup<'_>) -> io::Result<()> {
        if let Some(kind) = *self.fails.lock().unwrap() {
            return Err(kind.into());
        }
        assert!(!self.lent().contains(&ring), "a ring is lent twice");
        self.lent.lock().unwrap().push(Lent {
            ring,
            features: setup.features,
            memory: setup.memory.to_vec(),
            size: setup.size,
            next: setup.next,
            addresses: setup.addresses,
            kick: setup.kick.try_clone().unwrap(),
            call: setup.call.try_clone_to_owned().unwrap(),
            fault: setup.fault.try_clone_to_owned().unwrap(),
        });
        Ok(())
    }

    fn stop(&self, ring: RingOf) -> io::Result<u16> {
        let mut lent = self.lent.lock().unwrap();
        let place = lent.iter().position(|lent| lent.ring == ring).expect("it was lent");
        lent.remove(place);
        match *self.fails.lock().unwrap() {
            Some(kind) => Err(kind.into()),
            None => Ok(*self.base.lock().unwrap()),
        }
    }
}

/// A queue of 64 descriptors of the first of two pairs.
fn queue(ring: RingOf, network: Arc<FakeNetwork>) -> Scene<KernelQueue<TestMemory>> {
    let session = Arc::new(Session::new(Offloads::empty(), DriverChoices::default()));
    Scene::new(ram(), network, |queue, network, port| {
        KernelQueue::new(queue, ring, 1 << 32, network, port, session).unwrap()
    })
}

fn receiver() -> (Scene<KernelQueue<TestMemory>>, Arc<FakeKernel>) {
    let network = FakeNetwork::in_kernel(2);
    let kernel = Arc::clone(network.kernel.as_ref().unwrap());
    (queue(RingOf::Receive(0), network), kernel)
}

fn raise(event: &OwnedFd) {
    assert_eq!(rustix::io::write(event, &1u64.to_ne_bytes()).unwrap(), 8);
}

/// A worker would give the queue a turn now.
fn is_woken(queue: &Served<KernelQueue<TestMemory>>) -> bool {
    let fd = queue.completion().unwrap();
    let mut fds = [PollFd::new(&fd, PollFlags::IN)];
    poll(&mut fds, Some(&Timespec::default())).unwrap() == 1
}

const FIRST: [RingOf; 1] = [RingOf::Receive(0)];

#[test]
fn a_queue_is_lent_as_it_stands_and_goes_on_where_the_kernel_left_it() {
    let (mut scene, kernel) = receiver();
    let memory = Arc::clone(&scene.driver.memory);
    let host = |address| memory.get_host_address(GuestAddress(address)).unwrap().addr() as u64;
    assert!(!scene.queue.process());
    {
        let lent = kernel.lent.lock().unwrap();
        let Lent { features, memory, size, next, addresses, kick, .. } = &lent[0];
        assert_eq!((*features, *size, *next, kick.read().unwrap()), (1 << 32, 64, 0, 1), "it looks at once");
        assert_eq!(*addresses, [Driver::DESCRIPTORS, Driver::AVAILABLE, Driver::USED].map(host));
        let all = REGIONS.map(|(guest, length)| HostRange { guest, length: length as u64, host: host(guest) });
        assert_eq!(*memory, all);
    }
    assert!(!scene.queue.process());
    assert_eq!(kernel.lent(), FIRST, "it has it already");
    *kernel.base.lock().unwrap() = 7;
    memory.write_obj(5u16, GuestAddress(Driver::USED + 2)).unwrap();
    assert!(scene.queue.drain(Instant::now()));
    assert_eq!(kernel.lent(), []);
    let state = scene.queue.state();
    assert_eq!((state.next_avail, state.next_used), (7, 5));
    assert!(!scene.queue.process());
    assert_eq!(kernel.lent.lock().unwrap()[0].next, 7);
}

#[test]
fn the_kernel_interrupts_the_driver_through_the_worker_also_at_the_last_moment() {
    let (mut scene, kernel) = receiver();
    scene.queue.process();
    assert_eq!(scene.interrupt.counts(), (0, 0));
    raise(&kernel.lent.lock().unwrap()[0].call);
    assert!(is_woken(&scene.queue));
    scene.queue.process();
    assert_eq!((scene.interrupt.counts(), is_woken(&scene.queue)), ((1, 0), false));
    scene.queue.process();
    assert_eq!(scene.interrupt.counts(), (1, 0), "once for each call");
    raise(&kernel.lent.lock().unwrap()[0].call);
    // The worker is asked for the queue before it gets to it.
    scene.queue.drain(Instant::now());
    assert_eq!(scene.interrupt.counts(), (2, 0));
}

#[test]
fn while_the_cable_is_out_nothing_is_lent_and_what_waited_is_lost() {
    let (mut scene, kernel) = receiver();
    scene.queue.process();
    scene.port.set_link_up(false);
    assert!(is_woken(&scene.queue));
    scene.queue.process();
    assert_eq!(kernel.lent(), []);
    scene.network.arrive(frame(1, 60));
    scene.network.arrive(frame(2, 60));
    scene.queue.process();
    scene.port.set_link_up(true);
    assert!(is_woken(&scene.queue));
    scene.queue.process();
    assert_eq!((kernel.lent(), scene.statistics()), (FIRST.to_vec(), received(0, 2)));
    // The worker is asked for the queue before it gets to it, and has it back when the cable is in again.
    scene.port.set_link_up(false);
    assert!(scene.queue.drain(Instant::now()));
    scene.network.arrive(frame(3, 60));
    scene.port.set_link_up(true);
    scene.queue.process();
    assert_eq!(scene.statistics(), received(0, 3));

    let network = FakeNetwork::in_kernel(1);
    let mut scene = queue(RingOf::Transmit(0), Arc::clone(&network));
    scene.port.set_link_up(false);
    scene.queue.process();
    scene.driver.offer(0, &[(0x4000, 100, false)]);
    scene.port.set_link_up(true);
    scene.queue.process();
    assert_eq!((scene.statistics(), scene.queue.state().next_avail), (sent(0, 1), 1));
    assert_eq!(network.kernel.as_ref().unwrap().lent.lock().unwrap()[0].next, 1);
}

#[test]
fn a_pair_is_lent_while_the_driver_uses_it() {
    let network = FakeNetwork::in_kernel(2);
    let session = Arc::new(Session::new(Offloads::empty(), DriverChoices::default()));
    let theirs = Arc::clone(&session);
    let mut scene = Scene::new(ram(), Arc::clone(&network), |queue, network, port| {
        KernelQueue::new(queue, RingOf::Transmit(1), 0, network, port, theirs).unwrap()
    });
    let kernel = network.kernel.as_ref().unwrap();
    scene.queue.process();
    assert_eq!(kernel.lent(), []);
    session.set_pairs(2);
    scene.port.wake_queues();
    assert!(is_woken(&scene.queue));
    scene.queue.process();
    assert_eq!(kernel.lent(), [RingOf::Transmit(1)]);
    session.set_pairs(1);
    scene.queue.process();
    assert_eq!(kernel.lent(), []);
}

#[test]
fn a_ring_that_the_kernel_finds_broken_needs_a_reset_and_is_taken_back() {
    let (mut scene, kernel) = receiver();
    scene.queue.process();
    raise(&kernel.lent.lock().unwrap()[0].fault);
    assert!(is_woken(&scene.queue));
    for _ in 0..2 {
        scene.queue.process();
        assert_eq!((kernel.lent(), scene.interrupt.counts().1), (vec![], 1));
    }
}

#[test]
fn what_the_host_refuses_needs_a_reset_but_a_network_that_has_gone_does_not() {
    let (mut scene, kernel) = receiver();
    kernel.fail(io::ErrorKind::OutOfMemory);
    scene.queue.process();
    scene.queue.process();
    assert_eq!((scene.interrupt.counts(), scene.port.is_link_up()), ((0, 1), true));

    let (mut scene, kernel) = receiver();
    kernel.fail(io::ErrorKind::NotConnected);
    scene.queue.process();
    assert_eq!((scene.interrupt.counts(), scene.port.is_link_up()), ((0, 0), false));
    assert_eq!(scene.port.statistics().failures, 1);

    let (mut scene, kernel) = receiver();
    scene.queue.process();
    kernel.fail(io::ErrorKind::OutOfMemory);
    scene.queue.drain(Instant::now());
    assert_eq!(scene.interrupt.counts().1, 1, "nobody knows where it stands");
}

#[test]
fn a_queue_that_is_not_all_in_memory_is_not_lent() {
    for used in [0x8000, 0x7ff0, u64::MAX - 7] {
        let network = FakeNetwork::in_kernel(1);
        let driver = Driver::new(ram(), 64);
        let config = crate::virtio::QueueConfig { used, ..driver.config() };
        let interrupt = Arc::new(NotedInterrupt::default());
        let ring = config.to_queue(64, false);
        let Ok(ring) = ring else { continue };
        let event = EventFd::new(vmm_sys_util::eventfd::EFD_NONBLOCK).unwrap();
        let queue = VirtQueue::new(0, ring, 0, Arc::clone(&driver.memory), event, Arc::clone(&interrupt) as _);
        let session = Arc::new(Session::new(Offloads::empty(), DriverChoices::default()));
        let port = Arc::new(NetPort::new("net0".into(), 1, true));
        let kernel = Arc::clone(network.kernel.as_ref().unwrap());
        let mut queue = Served::new(KernelQueue::new(queue, RingOf::Receive(0), 0, network, port, session).unwrap());
        queue.process();
        assert_eq!((kernel.lent(), interrupt.counts()), (vec![], (0, 1)), "{used:#x}");
    }
}

#[test]
fn the_kernel_has_no_memory_of_a_queue_that_is_dropped() {
    let (mut scene, kernel) = receiver();
    scene.queue.process();
    drop(scene);
    assert_eq!(kernel.lent(), []);
}

/// A device with one pair in the kernel, behind its transport.
fn machine(network: &Arc<FakeNetwork>, port: &Arc<NetPort>) -> Machine {
    let config = NetConfig { id: "net0".into(), mac: MacAddress::new([2; 6]).unwrap(), mtu: None };
    let device = VirtioNet::new(config, Arc::clone(network) as _, Arc::clone(port), None).unwrap();
    Machine::new(Box::new(device) as Box<dyn VirtioDevice<TestMemory>>, ram())
}

#[test]
fn a_device_lends_its_queues_for_frames_until_it_is_reset() {
    let network = FakeNetwork::in_kernel(1);
    let kernel = network.kernel.as_ref().unwrap();
    let port = Arc::new(NetPort::new("net0".into(), 1, true).behind_vhost());
    let machine = machine(&network, &port);
    machine.start(8);
    machine.workers.process();
    assert_eq!(kernel.lent(), FIRST, "the driver has enabled one queue");
    assert!(port.statistics().vhost);
    machine.write(0x70, 0);
    assert_eq!(kernel.lent(), []);
}
