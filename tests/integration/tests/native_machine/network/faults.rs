//! Interfaces that go away.

use std::net::UdpSocket;

use integration::namespace::{in_namespace, ip};
use vmm::VmEvent;

use super::*;

#[test]
fn a_network_that_goes_takes_the_link_down_and_nothing_else() {
    in_namespace(|| {
        for scene in SCENES {
            // It starts again without its network.
            let Some(machine) = script(scene, STATUS | MRG_RXBUF, 1, "hold,status:0") else { return };
            near("");
            let mut guest = machine.net("net0", MAC, "tap0").start();
            guest.line("waiting");
            assert_eq!(guest.event(), VmEvent::Started);
            ip("link delete tap0");
            assert_eq!(guest.event(), VmEvent::NetworkGone { net: "net0".into() });
            guest.send(b"x");
            step(&mut guest, "status:0");
            guest.line("after");
            assert!(guest.handle.net_statistics(&"net0".into()).unwrap().failures > 0);
            guest.handle.set_link_up(&"net0".into(), true).unwrap();
            guest.handle.reset().unwrap();
            guest.line("waiting");
            guest.send(b"x");
            step(&mut guest, "status:0");
            guest.handle.stop().unwrap();
        }
    });
}

#[test]
fn frames_for_an_interface_that_is_down_are_lost_until_it_is_up_again() {
    in_namespace(|| {
        for scene in SCENES {
            let Some(machine) = script(scene, STATUS, 1, "take:5,hold,send:0:100,hold,send:0:200") else { return };
            near("");
            let mut guest = machine.net("net0", MAC, "tap0").start();
            guest.line("netq ready");
            let socket = UdpSocket::bind("10.99.0.1:0").unwrap();
            socket.connect("10.99.0.2:7").unwrap();
            socket.set_read_timeout(Some(integration::machine::DEADLINE)).unwrap();
            socket.send(b"hello").unwrap();
            guest.line("waiting");
            ip("link set tap0 down");
            guest.send(b"x");
            step(&mut guest, "send:0:100");
            let statistics = guest.handle.net_statistics(&"net0".into()).unwrap();
            assert_eq!((statistics.sent().frames, statistics.sent().dropped), (0, 1));
            assert!(statistics.failures > 0, "{statistics:?}");
            ip("link set tap0 up");
            ip(&format!("neighbor replace 10.99.0.2 lladdr {MAC} dev tap0 nud permanent"));
            guest.line("waiting");
            guest.send(b"x");
            assert_eq!(socket.recv(&mut [0; 300]).unwrap(), 200);
            guest.handle.stop().unwrap();
            ip("link delete tap0");
        }
    });
}
