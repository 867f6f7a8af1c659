//! The network device at full strength, driven by a driver that does what `virtio-drivers`' does not: offloads, several
//! pairs of queues, the control queue, queues that are reset. Over both transports.

mod bursts;
mod control;
mod far;
mod faults;
mod frames;
mod offloads;
mod queues;
mod vhost;

use integration::machine::{Answer, Guest, Scene, TestMachine};
use integration::namespace::{ip, tap};
use vmm::KernelEntry;

/// A board with each transport.
const SCENES: [Scene; 2] = [Scene::Microvm, Scene::Q35(KernelEntry::Pvh)];
/// The machine's address.
const MAC: &str = "52:54:00:99:00:02";

/// Features (VIRTIO 1.2 5.1.3, 6) as the guest's script takes them.
const CSUM: u64 = 1;
const GUEST_CSUM: u64 = 1 << 1;
const CTRL_GUEST_OFFLOADS: u64 = 1 << 2;
const GUEST_TSO4: u64 = 1 << 7;
const HOST_TSO4: u64 = 1 << 11;
const MRG_RXBUF: u64 = 1 << 15;
const STATUS: u64 = 1 << 16;
const CTRL_VQ: u64 = 1 << 17;
const GUEST_ANNOUNCE: u64 = 1 << 21;
const MQ: u64 = 1 << 22;
const CTRL_MAC_ADDR: u64 = 1 << 23;
const EVENT_IDX: u64 = 1 << 29;
const HOST_USO: u64 = 1 << 56;

/// Who carries a machine's frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Carrier {
    Process,
    /// The host's, by vhost-net.
    Kernel,
}

impl Carrier {
    /// Those of `net0`.
    fn carry(self, machine: TestMachine) -> TestMachine {
        match self {
            Self::Process => machine,
            Self::Kernel => machine.vhost("net0"),
        }
    }
}

/// The interface `tap0`, 10.99.0.1, from which the guest is reached without asking it.
fn near(options: &str) {
    if options.is_empty() {
        tap("tap0", "10.99.0");
    } else {
        ip(&format!("tuntap add dev tap0 mode tap {options}"));
        ip("address add 10.99.0.1/24 dev tap0");
        ip("link set tap0 up");
    }
    ip(&format!("neighbor add 10.99.0.2 lladdr {MAC} dev tap0 nud permanent"));
}

/// A machine whose guest drives network 0 with these features in these steps.
fn script(scene: Scene, features: u64, pairs: u16, steps: &str) -> Option<TestMachine> {
    scene.script(&format!("netq=0:{features:#x}:{pairs},{steps} say=after"))
}

/// What the guest says of the step `text`.
fn step(guest: &mut Guest, text: &str) -> Answer {
    guest.line(&format!("netq step {text} "))
}
