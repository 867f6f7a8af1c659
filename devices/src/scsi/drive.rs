//! A drive's door and what it tells of its disc (MMC-6 6.6, 6.15, 6.49): the guest's tray and lock on one side, the host
//! that inserts and takes out on the other.
//!
//! ```text
//!            guest: eject                    guest: load
//!   closed ───────────────▶ open     open ───────────────▶ closed     the disc stays in the tray
//!   host inserts: closed, "medium changed"; host takes it out: no medium, the door stays as it is
//! ```

use super::Sense;
use crate::backend::block::RemovableDisk;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Media event codes of GET EVENT STATUS NOTIFICATION.
const EJECT_REQUEST: u8 = 1;
const NEW_MEDIUM: u8 = 2;
const MEDIUM_REMOVED: u8 = 3;
/// The class of media events.
const MEDIA: u8 = 4;
/// In the header: none of the classes that were asked for is there.
const NO_EVENT_CLASS: u8 = 0x80;
const TRAY_OPEN: u8 = 1;
const PRESENT: u8 = 2;

/// The guest's side of a drive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Door {
    open: bool,
    /// The guest keeps the disc.
    locked: bool,
    /// What the guest has not been told of yet; 0: nothing.
    event: u8,
}

/// A drive.
#[derive(Debug)]
pub(super) struct Drive {
    media: Arc<RemovableDisk>,
    pub(super) door: Door,
    /// Which of the slot's media the guest knows of.
    seen: u64,
}

impl Drive {
    pub(super) fn new(media: Arc<RemovableDisk>, door: Door) -> Self {
        let seen = media.generation();
        media.set_locked(door.locked);
        media.set_open(door.open);
        Self { media, door, seen }
    }

    /// Notices what the host did; `true`: there is another disc now.
    pub(super) fn look(&mut self) -> bool {
        if self.media.take_eject_request() {
            self.door.event = EJECT_REQUEST;
        }
        let now = self.media.generation();
        if std::mem::replace(&mut self.seen, now) == now {
            return false;
        }
        let present = self.media.is_present();
        self.door.event = if present { NEW_MEDIUM } else { MEDIUM_REMOVED };
        self.door.open &= !present;
        present
    }

    /// Why there is nothing to read.
    pub(super) fn ready(&self) -> Result<(), Sense> {
        match (self.door.open, self.media.is_present()) {
            (true, _) => Err(Sense::NO_MEDIUM_TRAY_OPEN),
            (false, false) => Err(Sense::NO_MEDIUM),
            (false, true) => Ok(()),
        }
    }

    /// PREVENT ALLOW MEDIUM REMOVAL.
    pub(super) fn lock(&mut self, locked: bool) {
        self.door.locked = locked;
        self.media.set_locked(locked);
    }

    /// The guest keeps the disc.
    pub(super) fn is_locked(&self) -> bool {
        self.door.locked
    }

    /// START STOP UNIT with LOEJ; `true`: a disc was loaded.
    pub(super) fn move_tray(&mut self, load: bool) -> Result<bool, Sense> {
        if load {
            let was_open = self.set_open(false);
            let loaded = was_open && self.media.is_present();
            self.door.event = if loaded { NEW_MEDIUM } else { self.door.event };
            return Ok(loaded);
        }
        if self.door.locked {
            return Err(Sense::REMOVAL_PREVENTED);
        }
        if !self.set_open(true) && self.media.is_present() {
            self.door.event = MEDIUM_REMOVED;
        }
        Ok(false)
    }

    /// Whether it was open.
    fn set_open(&mut self, open: bool) -> bool {
        self.media.set_open(open);
        std::mem::replace(&mut self.door.open, open)
    }

    /// A reset: nobody keeps the disc any more.
    pub(super) fn reset(&mut self) {
        self.lock(false);
    }

    /// GET EVENT STATUS NOTIFICATION, for the classes that the bits of `classes` name.
    pub(super) fn event_status(&mut self, classes: u8) -> Vec<u8> {
        let known = 1 << MEDIA;
        if classes & known == 0 {
            return vec![0, 2, NO_EVENT_CLASS, known];
        }
        let event = std::mem::take(&mut self.door.event);
        vec![0, 6, MEDIA, known, event, self.status(), 0, 0]
    }

    /// MECHANISM STATUS: one disc, perhaps with the door open.
    pub(super) fn mechanism(&self) -> Vec<u8> {
        vec![0, if self.door.open { 0x10 } else { 0 }, 0, 0, 0, 1, 0, 0]
    }

    fn status(&self) -> u8 {
        let present = self.media.is_present() && !self.door.open;
        let tray = if self.door.open { TRAY_OPEN } else { 0 };
        tray | if present { PRESENT } else { 0 }
    }
}
