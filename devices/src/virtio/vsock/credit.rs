//! Credit flow (VIRTIO 1.2 5.10.6.3): nobody sends more than the other side has room for. All counters wrap.

use std::num::Wrapping;

/// Room that we have for what the guest sends on one connection, in bytes.
pub(super) const ROOM: u32 = 64 * 1024;

/// Both sides' counters of one connection.
#[derive(Debug, Default)]
pub(super) struct Credit {
    /// Sent to the guest.
    sent: Wrapping<u32>,
    peer_room: u32,
    peer_taken: Wrapping<u32>,
    /// Received of the guest.
    received: Wrapping<u32>,
    /// Of these, what the host has taken.
    taken: Wrapping<u32>,
    /// What the guest knows of `taken`.
    told: Wrapping<u32>,
}

impl Credit {
    /// What the guest says about itself, in every packet.
    pub(super) fn update(&mut self, buf_alloc: u32, fwd_cnt: u32) {
        (self.peer_room, self.peer_taken) = (buf_alloc, Wrapping(fwd_cnt));
    }

    /// Bytes that the guest has room for. A guest that claims to have taken more than it got has none.
    pub(super) fn available(&self) -> u32 {
        self.peer_room.saturating_sub((self.sent - self.peer_taken).0)
    }

    /// `count` bytes, at most [`Credit::available`], go to the guest.
    pub(super) fn send(&mut self, count: u32) {
        self.sent += count;
    }

    /// `count` bytes come of the guest; `false`: it knows that there is no room for them.
    pub(super) fn receive(&mut self, count: u32) -> bool {
        let waiting = (self.received - self.taken).0;
        if count > ROOM - waiting {
            return false;
        }
        self.received += count;
        true
    }

    /// The host has taken `count` bytes of those received.
    pub(super) fn take(&mut self, count: u32) {
        self.taken += count;
    }

    /// The guest may be waiting for room that it does not know of.
    pub(super) fn is_worth_telling(&self) -> bool {
        (self.taken - self.told).0 >= ROOM / 2
    }

    /// Tells: `fwd_cnt` of the next packet.
    pub(super) fn tell(&mut self) -> u32 {
        self.told = self.taken;
        self.taken.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_guest_gets_as_much_as_it_has_room_for_across_the_counters_end() {
        let mut credit = Credit { sent: Wrapping(u32::MAX - 9), ..Credit::default() };
        credit.update(100, u32::MAX - 9);
        assert_eq!(credit.available(), 100);
        credit.send(100);
        assert_eq!((credit.available(), credit.sent.0), (0, 90));
        credit.update(100, 40);
        assert_eq!(credit.available(), 50);
        credit.update(20, 40);
        assert_eq!(credit.available(), 0, "it has made its buffer smaller");
        credit.update(u32::MAX, 91);
        assert_eq!(credit.available(), 0, "it has taken what was never sent");
    }

    #[test]
    fn the_guest_may_send_what_there_is_room_for_and_is_told_after_half_of_it() {
        let mut credit = Credit::default();
        assert!(credit.receive(ROOM) && !credit.receive(1));
        credit.take(ROOM / 2 - 1);
        assert!(!credit.is_worth_telling() && credit.receive(ROOM / 2 - 1) && !credit.receive(1));
        credit.take(1);
        assert!(credit.is_worth_telling());
        assert_eq!((credit.tell(), credit.is_worth_telling()), (ROOM / 2, false));
    }
}
