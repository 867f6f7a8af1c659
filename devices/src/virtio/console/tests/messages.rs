//! What driver and device tell each other about ports.

use super::*;
use crate::virtio::VirtioInterrupt;
use crate::virtio::testing::NotedInterrupt;
use std::sync::atomic::Ordering;

#[test]
fn a_driver_gets_to_know_each_port_when_it_is_ready_for_it() {
    let mut scene = Scene::new();
    scene.ports.table().multiport = true;
    scene.ports.set_size(80, 25);
    assert_eq!(scene.messages(), []);
    scene.say(7, event::DEVICE_READY, 1);
    assert_eq!(scene.messages(), [(0, event::DEVICE_ADD, 1, vec![]), (1, event::DEVICE_ADD, 1, vec![])]);
    scene.say(0, event::PORT_READY, 1);
    let expected = [
        (0, event::CONSOLE_PORT, 1, vec![]),
        (0, event::RESIZE, 1, vec![80, 0, 25, 0]),
        (0, event::PORT_OPEN, 1, vec![]),
    ];
    assert_eq!(scene.messages(), expected);
    scene.say(1, event::PORT_READY, 1);
    assert_eq!(scene.messages(), [(1, event::PORT_NAME, 1, AGENT.into())], "nobody is there");
}

#[test]
fn a_driver_hears_who_comes_and_goes_at_a_named_port() {
    let mut scene = Scene::greeted();
    for _ in 0..2 {
        let client = scene.client();
        assert_eq!(scene.messages(), [(1, event::PORT_OPEN, 1, vec![])]);
        drop(client);
        scene.ports.table().poll(1);
        assert_eq!(scene.messages(), [(1, event::PORT_OPEN, 0, vec![])]);
    }
    drop(scene.client());
    scene.ports.table().poll(1);
    assert_eq!(scene.messages(), [], "who has gone already is not told of");
}

#[test]
fn a_new_size_is_told_by_message_and_by_configuration() {
    let mut scene = Scene::greeted();
    let interrupt = Arc::new(NotedInterrupt::default());
    let device: Arc<dyn VirtioInterrupt> = Arc::clone(&interrupt) as _;
    scene.ports.connect(&device);
    scene.ports.set_size(132, 43);
    scene.ports.set_size(132, 43);
    assert_eq!(scene.messages(), [(0, event::RESIZE, 1, vec![132, 0, 43, 0])]);
    assert_eq!(interrupt.config.load(Ordering::Relaxed), 1);
}

#[test]
fn messages_that_make_no_sense_are_ignored() {
    let mut scene = Scene::new();
    for (port, event, value) in [
        (0, event::DEVICE_READY, 0),
        (2, event::PORT_READY, 1),
        (u32::MAX, event::PORT_OPEN, 1),
        (0, event::PORT_READY, 0),
        (0, event::PORT_NAME, 1),
        (0, 0xffff, 1),
    ] {
        scene.say(port, event, value);
        assert_eq!(scene.messages(), []);
    }
}
