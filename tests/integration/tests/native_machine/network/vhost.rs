//! Frames that the host's kernel carries (vhost-net): the guest sees no difference, and the machine's owner only that
//! they are not counted.

use std::fs::File;
use std::net::UdpSocket;
use std::os::fd::OwnedFd;
use std::path::Path;

use integration::machine::pattern;
use integration::namespace::{in_namespace, ip};
use integration::skip::skip;
use vmm::{Resource, VmEvent, open_tap};

use super::far::Far;
use super::frames::{contents, hash};
use super::queues::{reset_in_traffic, socket, spread};
use super::*;

/// Whether the host has vhost-net; else the calling test is skipped.
fn vhost_or_skip() -> bool {
    let there = Path::new("/dev/vhost-net").exists();
    if !there {
        skip("there is no /dev/vhost-net: modprobe vhost_net");
    }
    there
}

/// A machine whose guest does `steps` by the driver of `virtio-drivers`, and the host's end of its echo service.
fn echoing(scene: Scene, steps: &str) -> Option<(Guest, UdpSocket)> {
    let machine = scene.script(&format!("net=0,{steps}"))?;
    near("");
    Some((machine.net("net0", MAC, "tap0").vhost("net0").start(), socket()))
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut bytes = [0; 2048];
    let count = socket.recv(&mut bytes).unwrap();
    bytes[..count].to_vec()
}

fn echo(socket: &UdpSocket, seed: u64, length: usize) {
    let bytes = &pattern(0, 3, seed)[..length];
    socket.send(bytes).unwrap();
    assert!(receive(socket) == bytes, "{length} bytes came back otherwise");
}

#[test]
fn datagrams_go_both_ways_also_after_a_pause_and_a_reset() {
    if !vhost_or_skip() {
        return;
    }
    in_namespace(|| {
        for scene in SCENES {
            let Some((mut guest, socket)) = echoing(scene, "wake,echo:20,echo:3,send:50:1472 wait") else { return };
            for _ in 0..2 {
                guest.line("net asleep");
                (0..20).zip((1..).step_by(77)).for_each(|(seed, length)| echo(&socket, seed, length));
                guest.line("net step echo");
                guest.handle.pause().unwrap();
                for seed in 0..3 {
                    socket.send(&pattern(0, 1, seed)[..500]).unwrap();
                }
                guest.handle.resume().unwrap();
                (0..3).for_each(|seed| assert!(receive(&socket) == pattern(0, 1, seed)[..500]));
                for seed in 0..50 {
                    assert!(receive(&socket) == pattern(0, 3, seed)[..1472], "datagram {seed} is not what was sent");
                }
                let answer = guest.answer("net");
                assert!(answer.number("echoed") == 23 && answer.number("interrupts") > 0, "{answer:?}");
                guest.line("waiting");
                guest.handle.reset().unwrap();
            }
            let statistics = guest.handle.net_statistics(&"net0".into()).unwrap();
            assert!(statistics.vhost && statistics.failures == 0, "{statistics:?}");
            assert_eq!((statistics.received().frames, statistics.sent().frames), (0, 0), "nobody counts them");
            guest.handle.stop().unwrap();
            ip("link delete tap0");
        }
    });
}

#[test]
fn what_was_sent_before_a_pause_is_not_sent_again_and_nothing_is_missing_after_it() {
    const STEPS: &str = "take:64000,send:0:100,take:64000,send:0:101";
    if !vhost_or_skip() {
        return;
    }
    in_namespace(|| {
        for scene in SCENES {
            let Some(machine) = script(scene, MRG_RXBUF | EVENT_IDX, 1, STEPS) else { return };
            near("");
            let mut guest = machine.net("net0", MAC, "tap0").vhost("net0").start();
            guest.line("netq ready");
            let socket = socket();
            for answer in [100, 101] {
                for part in 0..64 {
                    socket.send(&pattern(0, 2, part)[..1000]).unwrap();
                    if part % 16 == 7 {
                        guest.handle.pause().unwrap();
                        guest.handle.resume().unwrap();
                    }
                }
                let taken = step(&mut guest, "take:64000");
                let sent: Vec<u8> = (0..64).flat_map(|part| pattern(0, 2, part)[..1000].to_vec()).collect();
                assert_eq!((taken.number("frames"), taken.number("hash")), (64, hash(&sent)), "{scene:?}");
                assert_eq!(receive(&socket).len(), answer);
            }
            guest.answer("netq");
            guest.handle.stop().unwrap();
            ip("link delete tap0");
        }
    });
}

#[test]
fn segments_and_checksums_are_left_to_the_other_end_as_negotiated() {
    // Features; of a segment of 60000 bytes: frames, those to be cut, those without their checksum, buffers of the longest.
    // All by mergeable buffers: without them kernels before 6.14 do not say that a frame is in one (VIRTIO 1.2 5.1.6.4.1),
    // which drivers know anyway, but the test's insists on.
    const CASES: [(u64, [u64; 4]); 3] = [
        (GUEST_CSUM | GUEST_TSO4 | MRG_RXBUF | EVENT_IDX, [1, 1, 1, 40]),
        (GUEST_CSUM | MRG_RXBUF, [60, 0, 60, 1]),
        (MRG_RXBUF | EVENT_IDX, [60, 0, 0, 1]),
    ];
    if !vhost_or_skip() {
        return;
    }
    in_namespace(|| {
        for (scene, (features, expected)) in SCENES.into_iter().cycle().zip(CASES) {
            let steps = "take:60000,send:1:500,send:2:60000";
            let Some(machine) = script(scene, features | CSUM | HOST_TSO4, 1, steps) else { return };
            near("");
            let far = Far::new();
            far.takes_unfinished(false);
            let mut guest = machine.net("net0", MAC, "tap0").vhost("net0").start();
            guest.line("netq ready");
            let long = &pattern(0, 118, 4)[..60_000];
            far.send(Some(1000), long);
            let taken = step(&mut guest, "take:60000");
            let told = ["frames", "segmented", "partial", "buffers"].map(|key| taken.number(key));
            assert_eq!((told, taken.number("hash")), (expected, hash(long)), "{scene:?} {features:#x}");
            for (bytes, count) in [(500, 1), (60_000, 60)] {
                let frames = far.receive(bytes);
                assert_eq!(frames.len(), count, "{features:#x} {bytes}");
                let parts: Vec<_> = frames.iter().filter_map(contents).collect();
                let whole: Vec<u8> = parts.iter().flat_map(|(part, _)| part.to_vec()).collect();
                assert!(whole == pattern(0, 118, 5)[..bytes], "{features:#x} {bytes}: other contents");
                assert!(parts.iter().all(|(_, complete)| *complete), "{bytes}: a checksum is not complete");
            }
            guest.answer("netq");
            guest.handle.stop().unwrap();
            ip("link delete tap0");
            ip("link delete tap1");
        }
    });
}

#[test]
fn the_kernel_serves_the_pairs_that_the_driver_asks_for() {
    if vhost_or_skip() {
        spread(Carrier::Kernel);
    }
}

#[test]
fn a_queue_is_taken_from_the_kernel_in_the_middle_of_traffic_and_given_back() {
    if vhost_or_skip() {
        reset_in_traffic(Carrier::Kernel);
    }
}

#[test]
fn while_the_cable_is_out_frames_are_lost() {
    if !vhost_or_skip() {
        return;
    }
    in_namespace(|| {
        for scene in SCENES {
            let Some((mut guest, socket)) = echoing(scene, "echo:1,down,up,echo:1") else { return };
            guest.line("net ready");
            echo(&socket, 1, 100);
            guest.line("net step echo");
            let net = "net0".into();
            guest.handle.set_link_up(&net, false).unwrap();
            guest.line("net step down");
            // A pause waits for the queues to be home.
            guest.handle.pause().unwrap();
            socket.send(b"lost").unwrap();
            guest.handle.resume().unwrap();
            guest.handle.set_link_up(&net, true).unwrap();
            guest.line("net step up");
            echo(&socket, 2, 200);
            guest.answer("net");
            assert!(guest.handle.net_statistics(&net).unwrap().received().dropped > 0);
            guest.handle.stop().unwrap();
            ip("link delete tap0");
        }
    });
}

#[test]
fn a_network_that_goes_is_noticed_when_it_is_next_needed() {
    if !vhost_or_skip() {
        return;
    }
    in_namespace(|| {
        for scene in SCENES {
            let Some(machine) = script(scene, STATUS, 1, "hold,status:0") else { return };
            near("");
            let mut guest = machine.net("net0", MAC, "tap0").vhost("net0").start();
            guest.line("waiting");
            assert_eq!(guest.event(), VmEvent::Started);
            ip("link delete tap0");
            guest.handle.pause().unwrap();
            assert_eq!(guest.event(), VmEvent::Paused);
            guest.handle.resume().unwrap();
            let events = [guest.event(), guest.event()];
            assert!(events.contains(&VmEvent::NetworkGone { net: "net0".into() }), "{events:?}");
            guest.send(b"x");
            step(&mut guest, "status:0");
            guest.line("after");
            guest.handle.stop().unwrap();
        }
    });
}

/// Why a machine with these vhost-net devices cannot be built: the error and its causes.
fn build_error(vhost: Resource) -> String {
    let tap = Resource::Tap(open_tap("tap0", 1).unwrap());
    let machine = TestMachine::new("").net_over("net0", MAC, tap).vhost_over("net0", vhost);
    format!("{:#}", anyhow::Error::from(machine.try_build().unwrap_err()))
}

#[test]
fn a_descriptor_that_is_no_vhost_net_device_is_refused() {
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    in_namespace(|| {
        near("");
        let text = build_error(Resource::VhostNet(vec![null()]));
        assert!(text.contains("The descriptor for net0 is no vhost-net device: open /dev/vhost-net"), "{text}");
        let text = build_error(Resource::VhostNet(vec![null(), null()]));
        assert!(text.contains("net0 has 1 queue pairs, but 2 descriptors of vhost-net"), "{text}");
        let text = build_error(Resource::File(null().into()));
        assert!(
            text.ends_with("The resource of vhost:net0 is of the wrong sort: it needs vhost-net devices"),
            "{text}"
        );
    });
}

#[test]
fn a_vhost_net_device_serves_one_network() {
    if !vhost_or_skip() {
        return;
    }
    in_namespace(|| {
        near("");
        let [fd] = <[OwnedFd; 1]>::try_from(vmm::open_vhost_net(Path::new("/dev/vhost-net"), 1).unwrap()).unwrap();
        let twin = fd.try_clone().unwrap();
        let tap = Resource::Tap(open_tap("tap0", 1).unwrap());
        let machine = TestMachine::new("").net_over("net0", MAC, tap).vhost_over("net0", Resource::VhostNet(vec![fd]));
        drop(machine.try_build().unwrap());
        let text = build_error(Resource::VhostNet(vec![twin]));
        assert!(text.contains("A vhost-net device for net0 is in use"), "{text}");
    });
}
