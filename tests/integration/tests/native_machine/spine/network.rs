//! virtio networks over TAP interfaces, in a network namespace that each test makes: what goes in comes out, both ways.

use std::net::UdpSocket;
use std::time::Instant;

use integration::machine::{DEADLINE, Guest, pattern};
use integration::namespace::{in_namespace, ip, tap};

use super::{SCENES, machine};

const MAC: &str = "52:54:00:99:00:02";

/// The host's end of the guest's echo service on network `number`.
fn socket(number: u8) -> UdpSocket {
    let socket = UdpSocket::bind((format!("10.99.{number}.1"), 0)).unwrap();
    socket.connect((format!("10.99.{number}.2"), 7)).unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

/// Contents that differ by `seed`.
fn contents(seed: usize, length: usize) -> Vec<u8> {
    (0..251u8).cycle().skip(seed * 7).step_by(31).take(length).collect()
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 2048];
    let count = socket.recv(&mut bytes).unwrap();
    bytes[..count].to_vec()
}

fn echo(socket: &UdpSocket, bytes: &[u8]) {
    socket.send(bytes).unwrap();
    assert!(receive(socket) == bytes, "{} bytes came back otherwise", bytes.len());
}

#[test]
fn datagrams_go_both_ways_and_arrive_as_they_were_sent() {
    in_namespace(|| {
        for (number, scene) in SCENES.into_iter().enumerate() {
            let Some(machine) = scene.script("net=0,wake,echo:101,send:50:1472,send:1:1") else { return };
            let name = format!("tap{number}");
            tap(&name, "10.99.0");
            let mut guest = machine.net("net0", MAC, &name).start();
            assert_eq!(guest.line("net ready").value("mac"), MAC);
            let socket = socket(0);
            guest.line("net asleep");
            echo(&socket, b"wake up");
            for seed in 0..100 {
                // Up to what fits into one frame of an MTU of 1500.
                echo(&socket, &contents(seed, if seed == 99 { 1472 } else { seed * 14 }));
            }
            for seed in 0..50 {
                assert!(receive(&socket) == pattern(0, 3, seed)[..1472], "datagram {seed} is not what was sent");
            }
            assert_eq!(receive(&socket), pattern(0, 1, 0)[..1]);
            let answer = guest.answer("net");
            assert_eq!(answer.number("echoed"), 101);
            assert!(answer.number("arps") > 0 && answer.number("interrupts") > 0, "{answer:?}");
            let statistics = guest.handle.net_statistics(&"net0".into()).unwrap();
            assert!(statistics.received().frames >= 102 && statistics.sent().frames >= 153, "{statistics:?}");
            assert_eq!((statistics.received().dropped, statistics.sent().dropped), (0, 0));
            guest.handle.stop().unwrap();
            ip(&format!("link delete {name}"));
        }
    });
}

#[test]
fn two_networks_come_in_the_order_of_the_configuration_and_are_not_mixed_up() {
    in_namespace(|| {
        let Some(machine) = machine("net=0,echo:2 net=1,echo:2") else { return };
        tap("tap0", "10.99.0");
        tap("tap1", "10.99.1");
        let mut guest = machine.net("zebra", MAC, "tap0").net("ant", "52:54:00:99:01:02", "tap1").start();
        for (number, mac) in [(0, MAC), (1, "52:54:00:99:01:02")] {
            assert_eq!(guest.line("net ready").value("mac"), mac);
            let socket = socket(number);
            echo(&socket, &contents(1, 100));
            echo(&socket, &contents(2, 200));
            assert_eq!(guest.answer("net").number("echoed"), 2);
        }
    });
}

#[test]
fn the_guest_hears_that_its_cable_is_plugged_out_and_in() {
    in_namespace(|| {
        let Some(machine) = machine("net=0,echo:1,down,up,echo:1") else { return };
        tap("tap0", "10.99.0");
        let mut guest = machine.net("net0", MAC, "tap0").start();
        guest.line("net ready");
        let socket = socket(0);
        echo(&socket, b"before");
        guest.line("net step echo");
        let net = "net0".into();
        guest.handle.set_link_up(&net, false).unwrap();
        guest.line("net step down");
        // Lost: it must not come when the cable is in again.
        let dropped = || guest.handle.net_statistics(&net).unwrap().received().dropped;
        let before = dropped();
        socket.send(b"lost").unwrap();
        let deadline = Instant::now() + DEADLINE;
        while dropped() == before {
            assert!(Instant::now() < deadline, "the frame is not counted");
            std::thread::yield_now();
        }
        guest.handle.set_link_up(&net, true).unwrap();
        guest.line("net step up");
        echo(&socket, b"after");
        let answer = guest.answer("net");
        assert_eq!((answer.number("changes"), answer.value("link")), (2, "up"));
        assert!(guest.handle.set_link_up(&"net1".into(), true).is_err(), "there is no such network");
    });
}

#[test]
fn frames_wait_while_the_guest_has_no_buffers_and_nobody_spins() {
    in_namespace(|| {
        let Some(machine) = machine("net=0,echo:1,hold,echo:60") else { return };
        tap("tap0", "10.99.0");
        let mut guest = machine.net("net0", MAC, "tap0").start();
        guest.line("net ready");
        let socket = socket(0);
        echo(&socket, b"hello");
        guest.line("waiting");
        // More than the guest has buffers for, less than the interface's queue holds.
        for seed in 0..60 {
            socket.send(&contents(seed, 40)).unwrap();
        }
        wait_until_asleep("io-net0");
        let statistics = guest.handle.net_statistics(&"net0".into()).unwrap();
        assert!(statistics.received().frames < 60, "{statistics:?}");
        guest.send(b"x");
        for seed in 0..60 {
            assert!(receive(&socket) == contents(seed, 40), "datagram {seed} came back otherwise");
        }
        guest.answer("net");
        let statistics = guest.handle.net_statistics(&"net0".into()).unwrap();
        assert_eq!(statistics.received().dropped, 0);
    });
}

/// Waits until the thread `name` of this process sleeps.
fn wait_until_asleep(name: &str) {
    let deadline = Instant::now() + DEADLINE;
    loop {
        assert!(Instant::now() < deadline, "{name} never sleeps");
        let tasks = std::fs::read_dir("/proc/self/task").unwrap();
        let states: Vec<_> = tasks
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("stat")).ok())
            .filter_map(|stat| stat.split_once(&format!("({name}) ")).map(|(_, rest)| rest.chars().next()))
            .collect();
        assert!(!states.is_empty(), "there is no thread {name}");
        if states == [Some('S')] {
            return;
        }
        std::thread::yield_now();
    }
}

#[test]
fn frames_wait_while_the_machine_is_paused_and_the_network_survives_a_reset() {
    in_namespace(|| {
        let Some(machine) = machine("net=0,echo:1,echo:3 wait") else { return };
        tap("tap0", "10.99.0");
        let mut guest = machine.net("net0", MAC, "tap0").start();
        let socket = socket(0);
        for _ in 0..2 {
            guest.line("net ready");
            first_echo(&mut guest, &socket);
            guest.handle.pause().unwrap();
            for seed in 0..3 {
                socket.send(&contents(seed, 500)).unwrap();
            }
            guest.handle.resume().unwrap();
            (0..3).for_each(|seed| assert!(receive(&socket) == contents(seed, 500)));
            assert_eq!(guest.answer("net").number("echoed"), 4);
            guest.line("waiting");
            guest.handle.reset().unwrap();
        }
    });
}

fn first_echo(guest: &mut Guest, socket: &UdpSocket) {
    echo(socket, b"first");
    guest.line("net step echo");
}
