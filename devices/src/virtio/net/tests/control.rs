//! The control queue, and what a driver sets through it.

use super::*;
use crate::virtio::testing::ram;
use crate::virtio::{Activation, QueueHandler, VirtioDevice};
use crate::worker::WorkerContext;
use proptest::prelude::*;
use std::time::Instant;
use vmm_sys_util::eventfd::{EFD_NONBLOCK, EventFd};

/// CTRL_GUEST_OFFLOADS, CTRL_VQ, GUEST_ANNOUNCE, MQ, CTRL_MAC_ADDR.
const COMMANDS: u64 = 1 << 2 | 1 << 17 | 1 << 21 | 1 << 22 | 1 << 23;
const ALL: u64 = COMMANDS | Offloads::all().bits();
const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

struct ControlScene {
    device: VirtioNet,
    driver: Driver,
    queue: Box<dyn QueueHandler>,
    interrupt: Arc<NotedInterrupt>,
    network: Arc<FakeNetwork>,
    port: Arc<NetPort>,
}

fn device(network: &Arc<FakeNetwork>, port: &Arc<NetPort>, state: Option<NetState>) -> VirtioNet {
    let config = NetConfig { id: "net0".into(), mac: MacAddress::new(MAC).unwrap(), mtu: None };
    VirtioNet::new(config, Arc::clone(network) as _, Arc::clone(port), state).unwrap()
}

/// The device's queues `indices`, all of them where `driver` is.
fn activate(
    device: &mut VirtioNet,
    driver: &Driver,
    features: u64,
    indices: &[u16],
) -> (Vec<Box<dyn QueueHandler>>, Arc<NotedInterrupt>) {
    let interrupt: Arc<NotedInterrupt> = Arc::default();
    let queue = |index: &u16| {
        let ring = driver.config().to_queue(driver.size, false).unwrap();
        let event = EventFd::new(EFD_NONBLOCK).unwrap();
        VirtQueue::new(*index, ring, 0, Arc::clone(&driver.memory), event, Arc::clone(&interrupt) as _)
    };
    let queues = indices.iter().map(queue).collect();
    let handlers = device.activate(Activation { features, queues }).unwrap();
    (handlers, interrupt)
}

fn turn(handler: &mut dyn QueueHandler) -> bool {
    handler.process(&mut WorkerContext::new(Instant::now()))
}

/// Three pairs of queues; the control queue is number `index`.
fn scene(features: u64, index: u16) -> ControlScene {
    let (network, port) = (FakeNetwork::with(3, Offloads::all()), Arc::new(NetPort::new("net0".into(), 3, true)));
    let driver = Driver::new(ram(), 64);
    let mut device = device(&network, &port, None);
    let (mut handlers, interrupt) = activate(&mut device, &driver, features, &[index]);
    ControlScene { device, driver, queue: handlers.pop().unwrap(), interrupt, network, port }
}

impl ControlScene {
    /// The answer to a command.
    fn command(&mut self, class: u8, command: u8, argument: &[u8]) -> u8 {
        let bytes = [&[class, command], argument].concat();
        self.driver.fill(0x4000, &bytes);
        self.driver.fill(0x5000, &[0xaa, 0xaa]);
        let used = self.driver.used_index();
        self.driver.offer(0, &[(0x4000, bytes.len() as u32, false), (0x5000, 1, true)]);
        assert!(!turn(self.queue.as_mut()));
        assert_eq!((self.driver.used_index(), self.driver.used(used)), (used + 1, (0, 1)));
        assert_eq!(self.driver.bytes(0x5001, 1), [0xaa]);
        self.driver.bytes(0x5000, 1)[0]
    }

    fn address(&self) -> Vec<u8> {
        let mut bytes = vec![0; 6];
        VirtioDevice::<TestMemory>::read_config(&self.device, 0, &mut bytes);
        bytes
    }

    fn status(&self) -> u8 {
        let mut bytes = [0; 1];
        VirtioDevice::<TestMemory>::read_config(&self.device, 6, &mut bytes);
        bytes[0]
    }
}

#[test]
fn the_control_queue_comes_behind_the_pairs_that_were_negotiated() {
    for (features, index) in [(ALL, 6), (ALL & !(1 << 22), 2)] {
        let mut scene = scene(features, index);
        assert_eq!(scene.command(1, 1, &[2, 0, 0, 0, 0, 9]), 0);
    }
    let mut device =
        device(&FakeNetwork::with(3, Offloads::empty()), &Arc::new(NetPort::new("net0".into(), 3, true)), None);
    let driver = Driver::new(ram(), 64);
    let (handlers, _) = activate(&mut device, &driver, 0, &[0, 1, 2, 3, 6]);
    let indices: Vec<_> = handlers.iter().map(|handler| handler.index()).collect();
    assert_eq!(indices, [0, 1], "without a control queue there is one pair");
}

#[test]
fn a_driver_gives_itself_an_address_until_it_resets_the_device() {
    let mut scene = scene(ALL, 6);
    assert_eq!(scene.address(), MAC);
    assert_eq!(scene.command(1, 1, &[2, 0, 0, 0, 0, 9]), 0);
    assert_eq!(scene.address(), [2, 0, 0, 0, 0, 9]);
    for bad in [&[0; 6][..], &[1, 0, 0, 0, 0, 0], &[2, 0, 0, 0, 0], &[2, 0, 0, 0, 0, 9, 0]] {
        assert_eq!(scene.command(1, 1, bad), 1);
    }
    assert_eq!(scene.address(), [2, 0, 0, 0, 0, 9]);
    VirtioDevice::<TestMemory>::reset(&mut scene.device);
    assert_eq!(scene.address(), MAC);
}

#[test]
fn a_driver_has_one_pair_until_it_asks_for_more() {
    let mut scene = scene(ALL, 6);
    assert_eq!(scene.network.set().1, 1);
    for (count, answer, active) in [([3, 0], 0, 3), ([2, 0], 0, 2), ([0, 0], 1, 2), ([4, 0], 1, 2), ([2, 1], 1, 2)] {
        assert_eq!((scene.command(4, 0, &count), scene.network.set().1), (answer, active));
    }
    VirtioDevice::<TestMemory>::reset(&mut scene.device);
    assert_eq!(scene.network.set().1, 1);
}

#[test]
fn offloads_follow_the_driver_and_are_forgotten_by_a_reset() {
    let mut scene = scene(ALL & !Offloads::GUEST_TSO6.bits(), 6);
    assert_eq!(scene.network.set().0, Offloads::GUEST - Offloads::GUEST_TSO6);
    let checksum = Offloads::GUEST_CSUM;
    for (offloads, answer) in [
        (checksum | Offloads::GUEST_TSO4, 0),
        (checksum | Offloads::GUEST_TSO6, 1),
        (checksum | Offloads::CSUM, 1),
        (Offloads::empty(), 0),
        (checksum, 0),
    ] {
        assert_eq!(scene.command(5, 0, &offloads.bits().to_le_bytes()), answer, "{offloads:?}");
        if answer == 0 {
            assert_eq!(scene.network.set().0, offloads);
        }
    }
    assert_eq!(scene.command(5, 0, &(1u64 << 10).to_le_bytes()), 1);
    VirtioDevice::<TestMemory>::reset(&mut scene.device);
    assert_eq!(scene.network.set().0, Offloads::empty());
}

#[test]
fn the_driver_is_asked_to_announce_itself_and_answers() {
    let mut scene = scene(ALL, 6);
    assert_eq!(scene.status(), 1);
    assert!(scene.port.announce());
    assert_eq!(scene.status(), 3);
    assert_eq!((scene.command(3, 0, &[0]), scene.status()), (1, 3));
    assert_eq!((scene.command(3, 0, &[]), scene.status()), (0, 1));
    VirtioDevice::<TestMemory>::reset(&mut scene.device);
    assert!(!scene.port.announce(), "nobody is there");
    assert_eq!(scene.status(), 1);
}

#[test]
fn a_command_whose_feature_was_not_negotiated_is_refused() {
    let commands: [(u8, u8, &[u8], u32); 4] =
        [(1, 1, &[2, 0, 0, 0, 0, 9], 23), (4, 0, &[1, 0], 22), (5, 0, &[0; 8], 2), (3, 0, &[], 21)];
    for (class, command, argument, feature) in commands {
        let index = if feature == 22 { 2 } else { 6 };
        assert_eq!(scene(ALL & !(1 << feature), index).command(class, command, argument), 1);
        assert_eq!(scene(ALL, 6).command(class, command, argument), 0);
    }
}

#[test]
fn a_command_that_the_host_fails_is_refused_and_changes_nothing() {
    let mut scene = scene(ALL, 6);
    scene.network.fail(io::ErrorKind::Other);
    assert_eq!((scene.command(4, 0, &[2, 0]), scene.command(5, 0, &[0; 8])), (1, 1));
    assert_eq!((scene.network.set(), scene.port.statistics().failures), ((Offloads::GUEST, 1), 2));
}

#[test]
fn a_command_without_room_for_its_answer_breaks_the_queue() {
    let mut scene = scene(ALL, 6);
    scene.driver.offer(0, &[(0x4000, 8, false)]);
    assert!(!turn(scene.queue.as_mut()));
    assert_eq!((scene.driver.used_index(), scene.interrupt.counts()), (0, (0, 1)));
}

#[test]
fn what_the_driver_set_is_there_after_a_restore() {
    let mut scene = scene(ALL, 6);
    assert_eq!(scene.command(1, 1, &[2, 0, 0, 0, 0, 9]), 0);
    assert_eq!(scene.command(4, 0, &[3, 0]), 0);
    assert_eq!(scene.command(5, 0, &2u64.to_le_bytes()), 0);
    scene.port.announce();
    let saved = VirtioDevice::<TestMemory>::save(&scene.device).unwrap();
    let (network, port) = (FakeNetwork::with(3, Offloads::all()), Arc::new(NetPort::new("net0".into(), 3, true)));
    let mut copy = device(&network, &port, Some(saved.decode().unwrap()));
    activate(&mut copy, &scene.driver, ALL, &[6]);
    assert_eq!(network.set(), (Offloads::GUEST_CSUM, 3));
    assert_eq!(VirtioDevice::<TestMemory>::save(&copy).unwrap(), saved);
    let mut space = [0; 7];
    VirtioDevice::<TestMemory>::read_config(&copy, 0, &mut space);
    assert_eq!(space, [2, 0, 0, 0, 0, 9, 3]);
}

#[test]
fn a_queue_that_is_enabled_again_meets_what_was_set_before() {
    let mut scene = scene(ALL, 6);
    assert_eq!(scene.command(4, 0, &[2, 0]), 0);
    activate(&mut scene.device, &scene.driver, ALL, &[0]);
    assert_eq!(scene.network.set(), (Offloads::GUEST, 2));
}

#[test]
fn each_pair_has_its_queue_of_the_network_and_its_counters() {
    let scene = scene(ALL, 6);
    let ControlScene { mut device, mut driver, network, port, .. } = scene;
    network.arrive_behind([0; 10], 1, frame(1, 60));
    driver.offer(0, &[(0x4000, 100, true)]);
    let (mut handlers, _) = activate(&mut device, &driver, ALL, &[2]);
    turn(handlers[0].as_mut());
    assert_eq!(driver.used(0), (0, 72));
    driver = Driver::new(ram(), 64);
    driver.offer(0, &[(0x4000, 80, false)]);
    let (mut handlers, _) = activate(&mut device, &driver, ALL, &[5]);
    turn(handlers[0].as_mut());
    assert_eq!(network.sent_behind_headers()[0].0, 2);
    let statistics = port.statistics();
    assert_eq!(statistics.pairs[1].received, Traffic { frames: 1, bytes: 60, dropped: 0 });
    assert_eq!(statistics.pairs[2].sent, Traffic { frames: 1, bytes: 68, dropped: 0 });
    assert_eq!((statistics.received().frames, statistics.sent().frames), (1, 1));
}

proptest! {
    #[test]
    fn any_commands_are_obeyed_or_refused_and_leave_what_was_negotiated(
        features in any::<u64>(),
        commands in prop::collection::vec((0u8..7, 0u8..3, prop::collection::vec(prop_oneof![0u8..4, any::<u8>()], 0..12)), 1..6),
    ) {
        let features = features & ALL | 1 << 17;
        let index = if features & 1 << 22 != 0 { 6 } else { 2 };
        let mut scene = scene(features, index);
        let negotiated = Offloads::from_bits_truncate(features).consistent();
        for (class, command, argument) in commands {
            let before = (scene.network.set(), scene.address());
            let answer = scene.command(class, command, &argument);
            prop_assert!(answer <= 1);
            let (offloads, pairs) = scene.network.set();
            prop_assert!((negotiated & Offloads::GUEST).contains(offloads) && offloads.consistent() == offloads);
            prop_assert!((1..=3).contains(&pairs));
            prop_assert!(MacAddress::new(scene.address().try_into().unwrap()).is_ok());
            if answer == 1 {
                prop_assert_eq!((scene.network.set(), scene.address()), before);
            }
        }
        prop_assert_eq!(scene.interrupt.counts().1, 0);
    }
}
