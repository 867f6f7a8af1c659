//! Several pairs of queues, and queues that are reset.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use integration::machine::DEADLINE;
use integration::namespace::{in_namespace, ip};
use vmm::PairStatistics;

use super::*;

/// A socket to the guest, with a port of its own.
pub fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("10.99.0.1:0").unwrap();
    socket.connect("10.99.0.2:7").unwrap();
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    socket
}

#[test]
fn frames_spread_over_the_pairs_that_the_driver_asks_for() {
    spread(Carrier::Process);
}

/// Frames that come are spread by the host's kernel, whoever carries them.
pub fn spread(carrier: Carrier) {
    const FEATURES: u64 = MQ | CTRL_VQ | MRG_RXBUF | GUEST_CSUM;
    const STEPS: &str = "take:6400,command:4:0:0200,take:6401,send:0:100:1,command:4:0:0100,take:6402,command:4:0:0300";
    in_namespace(|| {
        for scene in SCENES {
            let Some(machine) = script(scene, FEATURES, 2, STEPS) else { return };
            near("multi_queue");
            let mut guest = carrier.carry(machine.cpus(2).net_with_queues("net0", MAC, "tap0", 2)).start();
            guest.line("netq ready");
            let sockets: Vec<_> = (0..64).map(|_| socket()).collect();
            let send = |bytes: usize| {
                let lengths = std::iter::once(bytes - 6300).chain([100; 63]);
                sockets.iter().zip(lengths).for_each(|(socket, length)| assert!(socket.send(&vec![1; length]).is_ok()));
            };
            send(6400);
            assert_eq!(step(&mut guest, "take:6400").numbers("pairs"), [64, 0, 0, 0], "one until more are asked for");
            assert_eq!(step(&mut guest, "command:4:0:0200").number("answer"), 0);
            send(6401);
            let pairs = step(&mut guest, "take:6401").numbers("pairs");
            assert!(pairs[0] > 0 && pairs[1] > 0 && pairs[0] + pairs[1] == 64, "{scene:?} {pairs:?}");
            step(&mut guest, "send:0:100:1");
            sockets.iter().for_each(|socket| socket.set_nonblocking(true).unwrap());
            let deadline = Instant::now() + DEADLINE;
            while !sockets.iter().any(|socket| socket.recv(&mut [0; 200]).is_ok_and(|length| length == 100)) {
                assert!(Instant::now() < deadline, "what the second pair sends does not arrive");
                std::thread::yield_now();
            }
            sockets.iter().for_each(|socket| socket.set_nonblocking(false).unwrap());
            assert_eq!(step(&mut guest, "command:4:0:0100").number("answer"), 0);
            send(6402);
            assert_eq!(step(&mut guest, "take:6402").numbers("pairs"), [64, 0, 0, 0]);
            assert_eq!(step(&mut guest, "command:4:0:0300").number("answer"), 1, "there are two");
            guest.answer("netq");
            let statistics = guest.handle.net_statistics(&"net0".into()).unwrap();
            let PairStatistics { received, sent } = statistics.pairs[1];
            let counted = received.frames >= pairs[1] && sent.frames == 1;
            assert!(counted || statistics.vhost, "{statistics:?}");
            guest.handle.stop().unwrap();
            ip("link delete tap0");
        }
    });
}

#[test]
fn a_queue_is_reset_in_the_middle_of_traffic_and_goes_on() {
    reset_in_traffic(Carrier::Process);
}

/// A queue is taken from whoever has it, and given back.
pub fn reset_in_traffic(carrier: Carrier) {
    in_namespace(|| {
        for scene in SCENES {
            let steps = ["take:200000", "reset:0"].repeat(3).join(",") + ",take:200000,send:0:99";
            let Some(machine) = script(scene, MRG_RXBUF, 1, &steps) else { return };
            near("");
            let mut guest = carrier.carry(machine.net("net0", MAC, "tap0")).start();
            guest.line("netq ready");
            let (socket, done) = (socket(), AtomicBool::new(false));
            std::thread::scope(|scope| {
                scope.spawn(|| {
                    while !done.load(Ordering::Relaxed) {
                        // What the interface's queue does not hold is lost.
                        drop(socket.send(&[7; 1000]));
                        std::thread::yield_now();
                    }
                });
                for _ in 0..3 {
                    step(&mut guest, "take:200000");
                    step(&mut guest, "reset:0");
                }
                step(&mut guest, "take:200000");
                done.store(true, Ordering::Relaxed);
            });
            guest.answer("netq");
            assert_eq!(socket.recv(&mut [0; 200]).unwrap(), 99, "the other queue has not noticed");
            guest.handle.stop().unwrap();
            ip("link delete tap0");
        }
    });
}
