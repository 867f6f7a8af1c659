//! How connections come about, and what packets are good for nothing.

use super::*;

#[test]
fn the_guest_connects_to_a_port_of_the_host_and_both_talk() {
    let mut scene = Scene::new();
    scene.send((1024, 52), op::REQUEST, 0, &[]);
    let (response, _) = scene.next_within(0).unwrap();
    let expected = Header {
        src_cid: HOST_CID,
        dst_cid: CID,
        src_port: 52,
        dst_port: 1024,
        kind: STREAM,
        op: op::RESPONSE,
        buf_alloc: 65536,
        ..Header::default()
    };
    assert_eq!(response, expected);
    let mut host = scene.host.serve();
    scene.send((1024, 52), op::RW, 0, b"hello host");
    assert_eq!(read(&mut host), (b"hello host".to_vec(), false));
    host.write_all(b"hello guest").unwrap();
    assert_eq!(scene.next(), Some((op::RW, 0, b"hello guest".to_vec())));
    assert_eq!(scene.next(), None);
}

#[test]
fn a_port_that_nobody_serves_is_answered_by_a_reset() {
    let mut scene = Scene::new();
    scene.send((1024, 1000), op::REQUEST, 0, &[]);
    let (reset, _) = scene.next_within(0).unwrap();
    assert_eq!((reset.op, reset.src_port, reset.dst_port, reset.dst_cid), (op::RST, 1000, 1024, CID));
    assert_eq!(scene.connections.len(), 0);
}

#[test]
fn the_host_connects_to_a_port_of_the_guest_and_is_told_its_own() {
    let mut scene = Scene::new();
    let mut host = scene.host.call("CONNECT 52\nfirst words");
    let (request, _) = scene.next_within(0).unwrap();
    assert_eq!((request.op, request.dst_port, request.src_port), (op::REQUEST, 52, 1 << 30));
    assert_eq!((scene.next(), read(&mut host)), (None, (vec![], false)), "the guest has not answered yet");
    let ports = (52, request.src_port);
    scene.send(ports, op::RESPONSE, 0, &[]);
    assert_eq!(read(&mut host), (b"OK 1073741824\n".to_vec(), false));
    assert_eq!(scene.next(), Some((op::RW, 0, b"first words".to_vec())));
    scene.send(ports, op::RW, 0, b"answer");
    assert_eq!(read(&mut host), (b"answer".to_vec(), false));
}

#[test]
fn a_line_that_comes_in_parts_is_waited_for() {
    let mut scene = Scene::new();
    let mut host = scene.host.call("CONN");
    assert_eq!(scene.next(), None);
    host.write_all(b"ECT 7").unwrap();
    assert_eq!(scene.next(), None);
    host.write_all(b"\n").unwrap();
    assert_eq!(scene.next_within(0).unwrap().0.dst_port, 7);
}

#[test]
fn whoever_says_something_else_or_goes_is_sent_away() {
    let mut scene = Scene::new();
    let mut wrong = scene.host.call("HELO 52\n");
    let mut nobody = scene.host.call("CONNECT 4294967295\n");
    drop(scene.host.call("CONNECT 5"));
    // That somebody has gone is another event.
    assert_eq!((scene.next(), scene.next(), scene.connections.len()), (None, None, 0));
    assert_eq!((read(&mut wrong).1, read(&mut nobody).1), (true, true));
}

#[test]
fn a_guest_that_does_not_listen_ends_the_hosts_connection() {
    let mut scene = Scene::new();
    let mut host = scene.host.call("CONNECT 52\n");
    let port = scene.next_within(0).unwrap().0.src_port;
    scene.send((52, port), op::RST, 0, &[]);
    assert_eq!((read(&mut host), scene.connections.len()), ((vec![], true), 0));
}

#[test]
fn packets_that_belong_to_nothing_are_answered_by_resets_and_resets_by_nothing() {
    let mut scene = Scene::new();
    let mut host = scene.connect((5, 6));
    let stray = header(7, 8);
    for op in [op::RESPONSE, op::SHUTDOWN, op::RW, op::CREDIT_UPDATE, op::CREDIT_REQUEST, 0, 8, 0xffff] {
        scene.connections.receive(&Header { op, ..stray }, &[]);
    }
    for wrong in [
        Header { src_cid: 4, ..header(5, 6) },
        Header { dst_cid: 4, ..header(5, 6) },
        Header { kind: 2, ..header(5, 6) },
    ] {
        scene.connections.receive(&Header { op: op::REQUEST, ..wrong }, &[]);
        scene.connections.receive(&Header { op: op::RST, ..wrong }, &[]);
    }
    scene.send((7, 8), op::RST, 0, &[]);
    let answers: Vec<_> = std::iter::from_fn(|| scene.next_within(0)).map(|(header, _)| header).collect();
    assert_eq!(answers.len(), 8 + 3);
    assert!(answers.iter().all(|answer| answer.op == op::RST && answer.dst_cid == CID));
    assert_eq!((answers[9].src_cid, answers[10].kind), (4, 2), "as the driver knows its socket");
    assert_eq!((read(&mut host), scene.connections.len()), ((vec![], false), 1), "the connection goes on");
}

#[test]
fn a_packet_that_does_not_fit_its_connection_ends_it() {
    for op in [op::REQUEST, op::RESPONSE, 0, 8] {
        let mut scene = Scene::new();
        let mut host = scene.connect((5, 6));
        scene.send((5, 6), op, 0, &[]);
        assert_eq!((scene.next(), scene.connections.len()), (Some((op::RST, 0, vec![])), 0));
        assert_eq!(read(&mut host), (vec![], true));
    }
    let mut scene = Scene::new();
    let mut host = scene.host.call("CONNECT 52\n");
    let port = scene.next_within(0).unwrap().0.src_port;
    scene.send((52, port), op::RW, 0, b"before it has answered");
    assert_eq!((scene.next(), read(&mut host)), (Some((op::RST, 0, vec![])), (vec![], true)));
}
