//! The device behind a transport.

use super::*;
use crate::state::{DeviceState, Section};
use crate::virtio::VirtioDevice;
use crate::virtio::testing::{TestMemory, registers};
use proptest::prelude::*;

fn device() -> Box<dyn VirtioDevice<TestMemory>> {
    let config = VsockConfig { id: "vsock0".into(), guest_cid: 0x0102_0304 };
    Box::new(VirtioVsock::new(config, FakeHost::new(), Some(VsockState {})))
}

#[test]
fn the_device_is_a_socket_device_that_tells_the_guests_address() {
    let mut device = device();
    assert_eq!((device.device_type(), device.queue_max_sizes(), device.features()), (19, &[256, 256, 16][..], 1));
    device.write_config(0, &[9]);
    let mut data = [1; 12];
    device.read_config(0, &mut data);
    assert_eq!(data, [4, 3, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    let saved: Section = device.save().unwrap();
    assert_eq!(
        (&*saved.kind, saved.version, saved.decode::<VsockState>().unwrap()),
        ("virtio-vsock", VsockState::VERSION, VsockState {})
    );
}

proptest! {
    #[test]
    fn any_sequence_of_register_accesses_keeps_the_rules(events in registers::events()) {
        registers::run(|_| device(), &events);
    }
}
