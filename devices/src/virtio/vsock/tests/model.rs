//! Any interleaving of an orderly guest and host: every byte arrives, once and in order.

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Step {
    /// The guest sends so many bytes, or as many as it has credit for.
    GuestSends(usize, usize),
    HostSends(usize, usize),
    /// The host reads so many bytes.
    HostReads(usize, usize),
    /// The guest gets a packet in a buffer of this size.
    GuestReceives(usize),
    /// The guest's user takes so many of the bytes that have come, and its driver says so.
    GuestTakes(usize, usize),
}

const CONNECTIONS: usize = 3;

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let bytes = || (0..CONNECTIONS, prop_oneof![4 => 1usize..400, 1 => 1usize..70_000]);
    let step = prop_oneof![
        1 => bytes().prop_map(|(which, count)| Step::GuestSends(which, count)),
        1 => bytes().prop_map(|(which, count)| Step::HostSends(which, count)),
        1 => bytes().prop_map(|(which, count)| Step::HostReads(which, count)),
        4 => (1usize..500).prop_map(Step::GuestReceives),
        1 => bytes().prop_map(|(which, count)| Step::GuestTakes(which, count)),
    ];
    prop::collection::vec(step, 1..24)
}

/// One direction: how many bytes of an endless sequence were sent, and how many have come.
#[derive(Default)]
struct Way {
    sent: usize,
    come: usize,
}

impl Way {
    fn bytes(from: usize, count: usize) -> Vec<u8> {
        (from..from + count).map(|index| (index % 251) as u8).collect()
    }

    fn send(&mut self, count: usize) -> Vec<u8> {
        self.sent += count;
        Self::bytes(self.sent - count, count)
    }

    fn check(&mut self, bytes: &[u8]) {
        assert!(bytes == Self::bytes(self.come, bytes.len()), "bytes from {} on are others", self.come);
        self.come += bytes.len();
        assert!(self.come <= self.sent);
    }
}

struct End {
    host: UnixStream,
    to_host: Way,
    to_guest: Way,
    /// What the guest was told of its bytes.
    told: usize,
    /// What its user has taken.
    taken: usize,
}

struct Model {
    scene: Scene,
    ends: Vec<End>,
}

impl Model {
    fn new() -> Self {
        let mut scene = Scene::new();
        let mut connect = |port| End {
            host: scene.connect((port, 6)),
            to_host: Way::default(),
            to_guest: Way::default(),
            told: 0,
            taken: 0,
        };
        let ends = (0..CONNECTIONS as u32).map(&mut connect).collect();
        Self { scene, ends }
    }

    fn guest_sends(&mut self, which: usize, count: usize) {
        let end = &mut self.ends[which];
        let count = count.min(65536 - (end.to_host.sent - end.told));
        let header = Header { op: op::RW, length: count as u32, fwd_cnt: end.taken as u32, ..header(which as u32, 6) };
        self.scene.connections.receive(&header, &end.to_host.send(count));
    }

    fn host_sends(&mut self, which: usize, count: usize) {
        let end = &mut self.ends[which];
        let bytes = end.to_guest.send(count);
        let written = end.host.write(&bytes).unwrap_or(0);
        end.to_guest.sent -= count - written;
    }

    fn host_reads(&mut self, which: usize, count: usize) {
        let end = &mut self.ends[which];
        let mut bytes = vec![0; count];
        let count = end.host.read(&mut bytes).unwrap_or(0);
        end.to_host.check(&bytes[..count]);
    }

    /// `false`: there was no packet.
    fn guest_receives(&mut self, room: usize) -> bool {
        let Some((header, payload)) = self.scene.next_within(room) else { return false };
        let end = &mut self.ends[header.dst_port as usize];
        assert!([op::RW, op::CREDIT_UPDATE, op::CREDIT_REQUEST].contains(&header.op), "{header:?}");
        assert!(payload.len() <= room);
        end.to_guest.check(&payload);
        assert!(end.to_guest.come - end.taken <= GUEST_ROOM as usize, "more than the guest has room for");
        assert!((end.told..=end.to_host.sent).contains(&(header.fwd_cnt as usize)));
        end.told = header.fwd_cnt as usize;
        true
    }

    fn guest_takes(&mut self, which: usize, count: usize) {
        let end = &mut self.ends[which];
        end.taken = end.to_guest.come.min(end.taken + count);
        self.scene.credit((which as u32, 6), GUEST_ROOM, end.taken as u32);
    }

    /// Everybody reads, until nothing comes any more.
    fn settle(&mut self) {
        loop {
            let mut moved = self.guest_receives(4096);
            for which in 0..CONNECTIONS {
                let before = self.ends[which].to_host.come;
                self.host_reads(which, 1 << 20);
                moved |= self.ends[which].to_host.come != before;
                if self.ends[which].taken != self.ends[which].to_guest.come {
                    self.guest_takes(which, 1 << 20);
                    moved = true;
                }
            }
            if !moved {
                return;
            }
        }
    }
}

proptest! {
    #[test]
    fn every_byte_arrives_once_and_in_order_within_the_credit(steps in steps()) {
        let mut model = Model::new();
        for step in steps {
            match step {
                Step::GuestSends(which, count) => model.guest_sends(which, count),
                Step::HostSends(which, count) => model.host_sends(which, count),
                Step::HostReads(which, count) => model.host_reads(which, count),
                Step::GuestReceives(room) => drop(model.guest_receives(room)),
                Step::GuestTakes(which, count) => model.guest_takes(which, count),
            }
        }
        model.settle();
        for end in &model.ends {
            prop_assert_eq!((end.to_host.come, end.to_guest.come), (end.to_host.sent, end.to_guest.sent));
            prop_assert!(end.to_host.sent - end.told < 32768, "the guest knows of its room");
        }
    }
}
