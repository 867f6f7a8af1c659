//! Half-close, close and reset, from either side.

use super::*;
use std::net::Shutdown;

const PORTS: (u32, u32) = (5, 6);
const RECEIVE: u32 = 1;
const SEND: u32 = 2;

#[test]
fn a_guest_that_has_said_everything_can_still_listen() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    scene.send(PORTS, op::RW, 0, b"question");
    scene.send(PORTS, op::SHUTDOWN, SEND, &[]);
    assert_eq!(read(&mut host), (b"question".to_vec(), true));
    host.write_all(b"answer").unwrap();
    assert_eq!(scene.next(), Some((op::RW, 0, b"answer".to_vec())));
    scene.send(PORTS, op::RW, 0, b"and yet");
    assert_eq!(scene.next(), Some((op::RST, 0, vec![])), "it said that it would not");
}

#[test]
fn connections_that_are_closed_on_one_side_wake_nobody_until_the_other_speaks() {
    let mut scene = Scene::new();
    let (host, mut other) = (scene.connect(PORTS), scene.connect((7, 8)));
    scene.send(PORTS, op::SHUTDOWN, SEND, &[]);
    scene.send((7, 8), op::SHUTDOWN, SEND, &[]);
    host.shutdown(Shutdown::Write).unwrap();
    assert_eq!(scene.next(), Some((op::SHUTDOWN, SEND | RECEIVE, vec![])));
    assert!(scene.next().is_none() && scene.is_quiet());
    other.write_all(b"answer").unwrap();
    assert!(!scene.is_quiet());
    assert_eq!(scene.next(), Some((op::RW, 0, b"answer".to_vec())));
    assert!(scene.next().is_none() && scene.is_quiet());
}

#[test]
fn a_host_that_has_said_everything_can_still_listen() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    host.write_all(b"question").unwrap();
    host.shutdown(Shutdown::Write).unwrap();
    assert_eq!(scene.next(), Some((op::RW, 0, b"question".to_vec())));
    assert_eq!(scene.next(), Some((op::SHUTDOWN, SEND, vec![])));
    scene.send(PORTS, op::RW, 0, b"answer");
    scene.send(PORTS, op::SHUTDOWN, SEND | RECEIVE, &[]);
    assert_eq!(read(&mut host), (b"answer".to_vec(), true));
    assert_eq!((scene.next(), scene.next()), (Some((op::RST, 0, vec![])), None));
    assert_eq!(scene.connections.len(), 0);
}

#[test]
fn a_host_that_closes_is_told_after_its_last_words() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    host.write_all(b"last words").unwrap();
    drop(host);
    assert_eq!(scene.next(), Some((op::RW, 0, b"last words".to_vec())));
    assert_eq!(scene.next(), Some((op::SHUTDOWN, SEND | RECEIVE, vec![])));
    assert_eq!(scene.next(), None);
    scene.send(PORTS, op::RST, 0, &[]);
    assert_eq!(scene.connections.len(), 0);
}

#[test]
fn a_host_that_closes_in_two_steps_is_told_twice() {
    let mut scene = Scene::new();
    let host = scene.connect(PORTS);
    host.shutdown(Shutdown::Write).unwrap();
    assert_eq!(scene.next(), Some((op::SHUTDOWN, SEND, vec![])));
    drop(host);
    assert_eq!((scene.next(), scene.next()), (Some((op::SHUTDOWN, SEND | RECEIVE, vec![])), None));
}

#[test]
fn a_guest_that_closes_is_confirmed_once_the_host_has_everything() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    let sent = fill(&mut scene);
    scene.send(PORTS, op::SHUTDOWN, SEND | RECEIVE, &[]);
    assert_ne!(scene.next().map(|(op, ..)| op), Some(op::RST), "the host has not read everything");
    let mut come = Vec::new();
    let mut confirmed = false;
    loop {
        let (bytes, ended) = read(&mut host);
        come.extend(bytes);
        confirmed |= scene.next().is_some_and(|(op, ..)| op == op::RST);
        if ended {
            break;
        }
    }
    assert!(come == sent && confirmed && scene.connections.len() == 0);
}

#[test]
fn what_a_guest_sent_before_it_closed_reaches_the_host_though_it_resets_then() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    let sent = fill(&mut scene);
    scene.send(PORTS, op::SHUTDOWN, SEND | RECEIVE, &[]);
    scene.send(PORTS, op::RST, 0, &[]);
    assert_eq!(scene.connections.len(), 1, "it waits for the host alone");
    let mut come = Vec::new();
    loop {
        let (bytes, ended) = read(&mut host);
        come.extend(bytes);
        assert_eq!(scene.next(), None, "the guest hears nothing more");
        if ended {
            break;
        }
    }
    assert!(come == sent && scene.connections.len() == 0);
}

#[test]
fn a_port_whose_last_connection_still_waits_for_the_host_can_be_used_again() {
    let mut scene = Scene::new();
    let mut old = scene.connect(PORTS);
    fill(&mut scene);
    scene.send(PORTS, op::SHUTDOWN, SEND | RECEIVE, &[]);
    scene.send(PORTS, op::RST, 0, &[]);
    let mut new = scene.connect(PORTS);
    scene.send(PORTS, op::RW, 0, b"new");
    assert!(read(&mut old).1);
    assert_eq!((read(&mut new), scene.connections.len()), ((b"new".to_vec(), false), 1));
}

#[test]
fn a_guest_that_resets_ends_the_hosts_stream_at_once() {
    let mut scene = Scene::new();
    let mut host = scene.connect(PORTS);
    scene.send(PORTS, op::RST, 0, &[]);
    assert_eq!((read(&mut host), scene.next(), scene.connections.len()), ((vec![], true), None, 0));
}

#[test]
fn what_a_closed_host_does_not_take_any_more_is_lost_and_the_guest_told() {
    let mut scene = Scene::new();
    let host = scene.connect(PORTS);
    host.shutdown(Shutdown::Read).unwrap();
    scene.send(PORTS, op::RW, 0, b"to nobody");
    assert_eq!((scene.next(), scene.next()), (Some((op::SHUTDOWN, RECEIVE, vec![])), None));
}

/// Sends as much as the guest has credit for, which is more than the stream takes.
fn fill(scene: &mut Scene) -> Vec<u8> {
    let mut sent = Vec::new();
    let mut taken = 0_u32;
    while (sent.len() as u32).wrapping_sub(taken) < 65536 {
        let chunk: Vec<u8> = (0..4096).map(|index| (index + sent.len() / 4096) as u8).collect();
        scene.send(PORTS, op::RW, 0, &chunk);
        sent.extend(chunk);
        while let Some((header, _)) = scene.next_within(0) {
            assert_eq!(header.op, op::CREDIT_UPDATE);
            taken = header.fwd_cnt;
        }
    }
    sent
}
