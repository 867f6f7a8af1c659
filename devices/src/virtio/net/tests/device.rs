//! The device behind a transport.

use super::*;
use crate::state::{Section, StateError};
use crate::virtio::VirtioDevice;
use crate::virtio::testing::{Machine, ram, registers};
use proptest::prelude::*;

const MAC: [u8; 6] = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

fn config(mtu: Option<u16>) -> NetConfig {
    NetConfig { id: "net0".into(), mac: MacAddress::new(MAC).unwrap(), mtu }
}

fn device(mtu: Option<u16>, port: &Arc<NetPort>) -> VirtioNet {
    VirtioNet::new(config(mtu), FakeNetwork::new([]), Arc::clone(port), None).unwrap()
}

fn port() -> Arc<NetPort> {
    Arc::new(NetPort::new("net0".into(), 1, true))
}

fn boxed(mtu: Option<u16>, port: &Arc<NetPort>) -> Box<dyn VirtioDevice<TestMemory>> {
    Box::new(device(mtu, port))
}

#[test]
fn the_device_offers_what_it_can_do_and_what_its_network_can() {
    // MAC, MRG_RXBUF, STATUS, CTRL_VQ, GUEST_ANNOUNCE, CTRL_MAC_ADDR.
    const FEATURES: u64 = 1 << 5 | 1 << 15 | 1 << 16 | 1 << 17 | 1 << 21 | 1 << 23;
    let device = boxed(None, &port());
    assert_eq!((device.device_type(), device.queue_max_sizes()), (1, &[256, 256, 64][..]));
    assert_eq!(device.features(), FEATURES);
    assert_eq!(boxed(Some(1400), &port()).features(), FEATURES | 1 << 3);
    let on = |queues, offloads| -> Box<dyn VirtioDevice<TestMemory>> {
        Box::new(VirtioNet::new(config(None), FakeNetwork::with(queues, offloads), port(), None).unwrap())
    };
    assert_eq!(on(1, Offloads::CSUM).features(), FEATURES | 1);
    let all = 0x3b83 | 7 << 54;
    assert_eq!(on(1, Offloads::all()).features(), FEATURES | all | 1 << 2, "and offloads can be changed");
    let several = on(3, Offloads::empty());
    assert_eq!(several.features(), FEATURES | 1 << 22);
    assert_eq!(several.queue_max_sizes(), [256, 256, 256, 256, 256, 256, 64]);
    let mut pairs = [0; 2];
    several.read_config(8, &mut pairs);
    assert_eq!(pairs, [3, 0]);
}

#[test]
fn the_driver_reads_address_link_and_mtu_and_writes_nothing() {
    let port = port();
    let mut device = boxed(Some(1400), &port);
    device.write_config(0, &[0xff; 16]);
    let mut space = [1; 16];
    device.read_config(0, &mut space);
    assert_eq!((&space[..6], &space[6..]), (&MAC[..], &[1, 0, 1, 0, 0x78, 5, 0, 0, 0, 0][..]));
    port.set_link_up(false);
    device.read_config(6, &mut space[..2]);
    assert_eq!(space[..2], [0, 0]);
    let mut mtu = [1; 2];
    boxed(None, &port).read_config(10, &mut mtu);
    assert_eq!(mtu, [0, 0]);
}

#[test]
fn a_change_of_the_link_interrupts_the_driver_once() {
    let port = port();
    let machine = Machine::new(boxed(None, &port), ram());
    port.set_link_up(false);
    assert_eq!((machine.read(0x60), machine.read(0xfc), machine.line.take()), (0, 1, 0), "nobody listens yet");
    machine.start(8);
    port.set_link_up(false);
    assert_eq!((machine.read(0xfc), machine.line.take()), (1, 0), "it is out already");
    port.set_link_up(true);
    assert_eq!((machine.read(0x60), machine.read(0xfc), machine.line.take()), (2, 2, 1));
    let again = Machine::new(boxed(None, &port), ram());
    again.start(8);
    port.set_link_up(false);
    assert_eq!((again.line.take(), machine.line.take()), (1, 0), "the port belongs to the new device");
    drop(again);
    port.set_link_up(true);
}

#[test]
fn frames_go_through_a_device_that_was_parked_and_restored() {
    let (network, port) = (FakeNetwork::new([frame(1, 60)]), port());
    let make =
        |state| Box::new(VirtioNet::new(config(None), Arc::clone(&network) as _, Arc::clone(&port), state).unwrap());
    let machine = Machine::new(make(None), ram());
    let mut driver = machine.start(8);
    driver.offer(0, &[(0x4000, 100, true)]);
    driver.offer(1, &[(0x5000, 100, true)]);
    machine.workers.process();
    assert_eq!((driver.used_index(), driver.used(0)), (1, (0, 72)));
    machine.park();
    network.arrive(frame(2, 50));
    let [transport, saved] = machine.transport.save().unwrap();
    port.set_link_up(false);
    let copy = Machine::restored(
        make(Some(saved.decode().unwrap())),
        Arc::clone(&machine.memory),
        Some(transport.decode().unwrap()),
    );
    assert!(port.is_link_up(), "the cable is as it was saved");
    copy.transport.unpark();
    copy.workers.process();
    assert_eq!((driver.used_index(), driver.used(1)), (2, (1, 62)));
    assert_eq!(driver.bytes(0x500c, 50), frame(2, 50));
}

#[test]
fn a_saved_state_fits_only_a_device_with_the_same_address_and_mtu() {
    let saved: Section = VirtioDevice::<TestMemory>::save(&device(Some(1400), &port())).unwrap();
    let state: NetState = saved.decode().unwrap();
    assert_eq!((&*saved.kind, saved.version), ("virtio-net", 2));
    assert_eq!(
        state,
        NetState { mac: config(None).mac, mtu: Some(1400), link_up: true, choices: DriverChoices::default() }
    );
    let restore = |state| VirtioNet::new(config(Some(1400)), FakeNetwork::new([]), port(), Some(state)).map(|_| ());
    restore(state.clone()).unwrap();
    let mac = "52:54:00:00:00:01".parse().unwrap();
    let choices = DriverChoices { pairs: 2, ..DriverChoices::default() };
    for other in [
        NetState { mac, ..state.clone() },
        NetState { mtu: None, ..state.clone() },
        NetState { choices: choices.clone(), ..state.clone() },
        NetState { choices: DriverChoices { pairs: 0, ..choices }, ..state.clone() },
    ] {
        assert!(matches!(restore(other), Err(StateError::Invalid { .. })));
    }
    let error = restore(NetState { mtu: None, ..state }).unwrap_err();
    assert_eq!(
        error.to_string(),
        "State of net0 cannot be used: it had the address 52:54:00:12:34:56 and no MTU, now it has 52:54:00:12:34:56 and an MTU of 1400"
    );
}

proptest! {
    #[test]
    fn any_sequence_of_register_accesses_keeps_the_rules(events in registers::events()) {
        registers::run(|_| boxed(Some(1500), &port()), &events);
    }
}
