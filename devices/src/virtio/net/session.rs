//! What a driver has chosen since it took the device over: by its features, and through the control queue.

use super::mac::MacAddress;
use crate::backend::net::Offloads;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What a driver set through the control queue; a reset undoes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DriverChoices {
    /// The address it has given itself.
    pub mac: Option<MacAddress>,
    /// Pairs of queues that frames come through.
    pub pairs: u16,
    /// The offloads that it takes now, if it has changed them, as feature bits.
    pub offloads: Option<u64>,
    /// It was asked to announce itself, and has not answered.
    pub announcing: bool,
}

impl Default for DriverChoices {
    fn default() -> Self {
        // VIRTIO 1.2 5.1.6.5.6: one pair until more are asked for.
        Self { mac: None, pairs: 1, offloads: None, announcing: false }
    }
}

/// Shared by the queues of a device, from its activation to its reset.
#[derive(Debug)]
pub(super) struct Session {
    /// Negotiated.
    offloads: Offloads,
    /// Those for frames to the guest that are in use now. Data queues look at it without a lock.
    accepted: AtomicU64,
    /// Pairs of queues in use now, likewise.
    pairs: AtomicU16,
    choices: Mutex<DriverChoices>,
}

impl Session {
    /// With the negotiated `offloads`, and what a driver has chosen so far.
    pub(super) fn new(offloads: Offloads, choices: DriverChoices) -> Self {
        let accepted = choices.offloads.map_or(offloads, |bits| Offloads::from_bits_truncate(bits) & offloads);
        let accepted = AtomicU64::new((accepted & Offloads::GUEST).consistent().bits());
        Self { offloads, accepted, pairs: AtomicU16::new(choices.pairs), choices: Mutex::new(choices) }
    }

    /// The negotiated offloads.
    pub(super) fn negotiated(&self) -> Offloads {
        self.offloads
    }

    /// The offloads for frames to the guest that are in use.
    pub(super) fn accepted(&self) -> Offloads {
        Offloads::from_bits_truncate(self.accepted.load(Ordering::Relaxed))
    }

    /// The driver has changed them.
    pub(super) fn set_accepted(&self, offloads: Offloads) {
        self.accepted.store(offloads.bits(), Ordering::Relaxed);
        self.choices().offloads = Some(offloads.bits());
    }

    /// The pairs of queues that frames come through.
    pub(super) fn pairs(&self) -> u16 {
        self.pairs.load(Ordering::Relaxed)
    }

    /// The driver has changed them.
    pub(super) fn set_pairs(&self, pairs: u16) {
        self.pairs.store(pairs, Ordering::Relaxed);
        self.choices().pairs = pairs;
    }

    /// What it has chosen.
    pub(super) fn choices(&self) -> MutexGuard<'_, DriverChoices> {
        // A panic in another thread leaves plain data behind.
        self.choices.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
