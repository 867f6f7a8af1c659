//! Nobody gets more than there is room for, and nobody waits in vain.

use super::*;

const PORTS: (u32, u32) = (5, 6);

#[test]
fn the_guest_gets_what_it_has_room_for_is_asked_once_and_then_gets_the_rest() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    host.write_all(&[7; 1500]).unwrap();
    assert_eq!(scene.next(), Some((op::RW, 0, vec![7; 1000])));
    assert_eq!((scene.next(), scene.next()), (Some((op::CREDIT_REQUEST, 0, vec![])), None));
    scene.credit(PORTS, GUEST_ROOM, 0);
    assert_eq!(scene.next(), None, "who has no room and says so is not asked again");
    scene.credit(PORTS, GUEST_ROOM, 100);
    assert_eq!(scene.next(), Some((op::RW, 0, vec![7; 100])));
    scene.credit(PORTS, GUEST_ROOM, 1100);
    assert_eq!((scene.next(), scene.next()), (Some((op::RW, 0, vec![7; 400])), None));
}

#[test]
fn a_payload_is_no_longer_than_the_guests_buffer() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    host.write_all(&[7; 100]).unwrap();
    let lengths: Vec<_> = std::iter::from_fn(|| scene.next_within(60)).map(|(header, _)| header.length).collect();
    assert_eq!(lengths, [60, 40]);
}

#[test]
fn a_guest_that_sends_more_than_its_credit_is_reset() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    // As much as the stream takes, then as much as waits here.
    let (mut sent, mut told) = (0_u32, 0);
    while sent - told < 65536 {
        scene.send(PORTS, op::RW, 0, &[1; 1024]);
        sent += 1024;
        while let Some((header, _)) = scene.next_within(0) {
            assert_eq!((header.op, header.buf_alloc), (op::CREDIT_UPDATE, 65536));
            told = header.fwd_cnt;
        }
    }
    let taken = read(&mut host).0.len();
    scene.connections.poll();
    assert!(taken >= told as usize, "the guest was told no more than the host has");
    while let Some((header, _)) = scene.next_within(0) {
        told = header.fwd_cnt;
    }
    assert_eq!(told, sent, "once the host has read, there is room again");
    scene.send(PORTS, op::RW, 0, &vec![1; 65536]);
    assert_eq!(scene.connections.len(), 1);

    let mut scene = Scene::new();
    let _host = scene.connect(PORTS);
    let header = Header { op: op::RW, length: 65537, ..header(5, 6) };
    scene.connections.receive(&header, &vec![1; 65537]);
    assert_eq!((scene.next(), scene.connections.len()), (Some((op::RST, 0, vec![])), 0));
}

#[test]
fn a_guest_that_asks_is_told() {
    let mut scene = Scene::new();
    let _host = scene.connect(PORTS);
    scene.send(PORTS, op::RW, 0, &[1; 100]);
    assert_eq!(scene.next(), None, "it has room enough");
    scene.send(PORTS, op::CREDIT_REQUEST, 0, &[]);
    let (update, _) = scene.next_within(0).unwrap();
    assert_eq!((update.op, update.fwd_cnt, update.buf_alloc), (op::CREDIT_UPDATE, 100, 65536));
    assert_eq!(scene.next(), None);
}

#[test]
fn connections_take_turns() {
    let mut scene = Scene::new();
    let mut hosts: Vec<_> = (0..3).map(|port| scene.connect((port, 6))).collect();
    for host in &mut hosts {
        host.write_all(&[1; 300]).unwrap();
    }
    let turns: Vec<_> = std::iter::from_fn(|| scene.next_within(100)).map(|(header, _)| header.dst_port).collect();
    let mut rounds: Vec<Vec<_>> = turns.chunks(3).map(Vec::from).collect();
    rounds.iter_mut().for_each(|round| round.sort_unstable());
    assert_eq!(rounds, [[0, 1, 2], [0, 1, 2], [0, 1, 2]]);
}
