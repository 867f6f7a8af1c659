//! The device behind a transport.

use super::*;
use crate::state::{DeviceState, Section};
use crate::virtio::testing::{NotedInterrupt, TestMemory, registers};
use crate::virtio::{VirtioDevice, VirtioInterrupt};
use proptest::prelude::*;
use std::sync::atomic::Ordering;

fn config() -> BalloonConfig {
    BalloonConfig { id: "balloon0".into(), deflate_on_oom: true, free_page_reporting: true, statistics_interval: None }
}

fn device(port: &Arc<BalloonPort>, state: Option<BalloonState>) -> Box<dyn VirtioDevice<TestMemory>> {
    Box::new(VirtioBalloon::new(config(), Arc::new(FakePages::default()), Arc::clone(port), state))
}

#[test]
fn the_device_is_a_balloon_with_the_features_that_are_configured() {
    let port = Arc::new(BalloonPort::new().unwrap());
    let all = device(&port, None);
    assert_eq!(
        (all.device_type(), all.queue_max_sizes(), all.features()),
        (5, &[128, 128, 16, 128, 32][..], 0b10_1110)
    );
    let config = BalloonConfig { deflate_on_oom: false, free_page_reporting: false, ..config() };
    let few = VirtioBalloon::new(config, Arc::new(FakePages::default()), port, None);
    assert_eq!(VirtioDevice::<TestMemory>::features(&few), 0b1010);
}

#[test]
fn the_driver_is_told_the_target_and_tells_how_far_it_is() {
    let port = Arc::new(BalloonPort::new().unwrap());
    let mut device = device(&port, None);
    let interrupt = Arc::new(NotedInterrupt::default());
    device.connect(Arc::clone(&interrupt) as Arc<dyn VirtioInterrupt>);
    port.set_target(0x0102_0304);
    port.set_target(0x0102_0304);
    assert_eq!(interrupt.config.load(Ordering::Relaxed), 1);
    device.write_config(4, &[7, 0, 0, 0]);
    device.write_config(4, &[9]);
    device.write_config(0, &[9, 9, 9, 9]);
    let mut data = [9; 17];
    device.read_config(0, &mut data);
    assert_eq!(data, [4, 3, 2, 1, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!((port.status().target, port.status().actual), (0x0102_0304 * 4096, 7 * 4096));
}

#[test]
fn a_balloon_is_as_large_after_a_restore_and_empty_after_a_reset() {
    let port = Arc::new(BalloonPort::new().unwrap());
    let mut old = device(&port, None);
    port.set_target(50);
    old.write_config(4, &[40, 0, 0, 0]);
    let saved: Section = old.save().unwrap();
    assert_eq!((&*saved.kind, saved.version), ("virtio-balloon", BalloonState::VERSION));
    let port = Arc::new(BalloonPort::new().unwrap());
    let mut new = device(&port, Some(saved.decode().unwrap()));
    assert_eq!((port.status().target, port.status().actual), (50 * 4096, 40 * 4096));
    new.reset();
    assert_eq!((port.status().target, port.status().actual), (50 * 4096, 0), "the wish stays");
}

proptest! {
    #[test]
    fn any_sequence_of_register_accesses_keeps_the_rules(events in registers::events()) {
        let port = Arc::new(BalloonPort::new().unwrap());
        // A copy knows what the driver has said.
        let state = || BalloonState { target: port.target(), actual: port.actual() };
        registers::run(|_| device(&port, Some(state())), &events);
    }
}
