//! What a guest and a host can make of the device is bounded.

use super::super::connections::{MAX_CONNECTIONS, MAX_RESETS};
use super::*;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

#[test]
fn more_connections_than_the_limit_are_refused_to_the_guest_and_wait_with_the_host() {
    let mut scene = Scene::new();
    for port in 0..MAX_CONNECTIONS as u32 {
        scene.connect((port, 6));
        scene.host.served.lock().unwrap().clear();
    }
    let mut waiting = scene.host.call("CONNECT 9\n");
    scene.send((70_000, 6), op::REQUEST, 0, &[]);
    assert_eq!(scene.next(), Some((op::RST, 0, vec![])));
    while scene.next().is_some() {}
    assert_eq!((scene.connections.len(), read(&mut waiting)), (MAX_CONNECTIONS, (vec![], false)));
    scene.send((17, 6), op::RST, 0, &[]);
    let (request, _) = scene.next_within(0).unwrap();
    assert_eq!((request.op, request.dst_port), (op::REQUEST, 9), "there is room for one");
    assert_eq!(scene.connections.len(), MAX_CONNECTIONS);
}

#[test]
fn the_guests_packets_wait_while_too_many_resets_wait_for_it() {
    let mut scene = Scene::new();
    let resumption = scene.connections.resumption();
    let is_resumed = || {
        let mut ready = [PollFd::new(&resumption, PollFlags::IN)];
        poll(&mut ready, Some(&Timespec::default())).unwrap() == 1
    };
    for _ in 0..MAX_RESETS {
        assert!(!scene.connections.is_full());
        scene.send((5, 6), op::RW, 0, &[]);
    }
    assert!(scene.connections.is_full() && !is_resumed());
    scene.send((5, 6), op::RW, 0, &[]);
    assert!(scene.next().is_some() && is_resumed(), "whoever waits is woken");
    assert!(!scene.connections.is_full());
    assert_eq!(std::iter::from_fn(|| scene.next()).count(), MAX_RESETS - 1);
}
