//! The device behind a transport.

use super::*;
use crate::state::{DeviceState, Section, StateError};
use crate::virtio::VirtioDevice;
use crate::virtio::testing::{TestMemory, registers};
use proptest::prelude::*;

fn device(scene: &Scene, state: Option<&ConsoleState>) -> Result<Box<dyn VirtioDevice<TestMemory>>, StateError> {
    let config = ConsoleConfig { id: "console0".into() };
    VirtioConsole::new(config, Arc::clone(&scene.ports), state).map(|device| Box::new(device) as _)
}

#[test]
fn the_device_is_a_console_with_two_queues_more_than_its_ports_need() {
    let scene = Scene::new();
    let device = device(&scene, None).unwrap();
    assert_eq!((device.device_type(), device.queue_max_sizes(), device.features()), (3, &[128; 6][..], 7));
    scene.ports.set_size(0x102, 0x304);
    let mut data = [9; 13];
    device.read_config(0, &mut data);
    assert_eq!(data, [2, 1, 4, 3, 2, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn a_character_in_an_emergency_goes_to_the_console_at_once() {
    let mut scene = Scene::new();
    let mut device = device(&scene, None).unwrap();
    for (offset, data) in [(8, &b"A\0\0\0"[..]), (8, b"B"), (0, b"no"), (9, b"no")] {
        device.write_config(offset, data);
    }
    assert_eq!(read(&mut scene.console), b"AB");
}

#[test]
fn a_restored_driver_is_told_what_is_different() {
    let mut old = Scene::greeted();
    let client = old.client();
    old.messages();
    old.say(1, event::PORT_OPEN, 1);
    old.ports.set_size(80, 25);
    let saved: Section = {
        let scene = Scene::new();
        let state = old.ports.table().state();
        device(&scene, Some(&state)).unwrap().save().unwrap()
    };
    assert_eq!((&*saved.kind, saved.version), ("virtio-console", ConsoleState::VERSION));
    let state: ConsoleState = saved.decode().unwrap();
    assert_eq!(state, old.ports.table().state());
    drop(client);

    let mut new = Scene::new();
    let _device = device(&new, Some(&state)).unwrap();
    assert_eq!(new.messages(), [(0, event::RESIZE, 1, vec![80, 0, 25, 0]), (1, event::PORT_OPEN, 0, vec![])]);
}

#[test]
fn the_state_of_other_ports_is_refused() {
    let scene = Scene::new();
    let mut state = scene.ports.table().state();
    state.ports[1].name = Some("other".into());
    assert!(matches!(device(&scene, Some(&state)), Err(StateError::Invalid { .. })));
    state.ports.pop();
    assert!(matches!(device(&scene, Some(&state)), Err(StateError::Invalid { .. })));
}

#[test]
fn a_new_driver_begins_from_nothing_and_the_client_stays() {
    let mut scene = Scene::greeted();
    let _client = scene.client();
    device(&scene, None).unwrap().reset();
    assert_eq!(scene.messages(), []);
    scene.ports.table().multiport = true;
    scene.say(1, event::PORT_READY, 1);
    assert_eq!(scene.messages(), [(1, event::PORT_NAME, 1, AGENT.into()), (1, event::PORT_OPEN, 1, vec![])]);
}

proptest! {
    #[test]
    fn any_sequence_of_register_accesses_keeps_the_rules(events in registers::events()) {
        let end = || PortEnd::stream(None, None).unwrap();
        let named = || vec![NamedPort { name: "a".into(), end: end() }];
        let make = || {
            let ports = Arc::new(ConsolePorts::new(end(), named()).unwrap());
            let config = ConsoleConfig { id: "console0".into() };
            Box::new(VirtioConsole::new(config, ports, None).unwrap()) as Box<dyn VirtioDevice<TestMemory>>
        };
        registers::run(|_| make(), &events);
    }
}
