//! The table of messages.

use crate::interrupt::MsiMessage;

/// Bytes of an entry: address, data, vector control.
pub(super) const ENTRY_SIZE: u64 = 16;
/// Bits of an entry that the guest can change: the address is a multiple of 4, vector control has the mask only.
pub(super) const WRITABLE: [u8; 16] =
    [0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, VECTOR_MASKED, 0, 0, 0];
/// In the first byte of vector control.
const VECTOR_MASKED: u8 = 1;
/// After reset: masked, without a message.
pub(super) const MASKED_ENTRY: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, VECTOR_MASKED, 0, 0, 0];

/// One vector.
#[derive(Clone, Copy, Debug)]
struct Entry {
    bytes: [u8; 16],
    /// The message that the host has for it.
    routed: Option<MsiMessage>,
}

impl Entry {
    fn is_masked(&self) -> bool {
        let [.., control, _, _, _] = self.bytes;
        control & VECTOR_MASKED != 0
    }

    fn message(&self) -> MsiMessage {
        let [a, b, c, d, e, f, g, h, i, j, k, l, ..] = self.bytes;
        MsiMessage { address: u64::from_le_bytes([a, b, c, d, e, f, g, h]), data: u32::from_le_bytes([i, j, k, l]) }
    }
}

/// All vectors, and whether they count.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) enabled: bool,
    /// All vectors are masked.
    pub(super) masked: bool,
    entries: Vec<Entry>,
}

impl Table {
    /// A table with these entries.
    pub(super) fn new(entries: Vec<[u8; 16]>) -> Self {
        let entries = entries.into_iter().map(|bytes| Entry { bytes, routed: None }).collect();
        Self { enabled: false, masked: false, entries }
    }

    pub(super) fn entries(&self) -> Vec<[u8; 16]> {
        self.entries.iter().map(|entry| entry.bytes).collect()
    }

    pub(super) fn read(&self, offset: u64) -> u8 {
        let Some((entry, byte)) = place(offset) else { return 0 };
        self.entries.get(entry).and_then(|entry| entry.bytes.get(byte)).copied().unwrap_or(0)
    }

    pub(super) fn write(&mut self, offset: u64, value: u8) {
        let Some((entry, byte)) = place(offset) else { return };
        let bytes = self.entries.get_mut(entry).and_then(|entry| entry.bytes.get_mut(byte));
        if let (Some(to), Some(writable)) = (bytes, WRITABLE.get(byte)) {
            *to = *to & !writable | value & writable;
        }
    }

    /// Of each vector: whether nothing masks it, and the host has its message.
    pub(super) fn deliverable(&self) -> impl Iterator<Item = (u16, bool)> {
        let delivers =
            |entry: &Entry| self.enabled && !self.masked && !entry.is_masked() && entry.routed == Some(entry.message());
        (0..).zip(&self.entries).map(move |(vector, entry)| (vector, delivers(entry)))
    }

    /// What the host has to change: routes of unmasked vectors; none at all while MSI-X is off.
    pub(super) fn changes(&self) -> Vec<(u16, Option<MsiMessage>)> {
        let wanted = |entry: &Entry| match (self.enabled, self.masked || entry.is_masked()) {
            (false, _) => None,
            (true, true) => entry.routed,
            (true, false) => Some(entry.message()),
        };
        (0..)
            .zip(&self.entries)
            .filter_map(|(vector, entry)| {
                let wanted = wanted(entry);
                (wanted != entry.routed).then_some((vector, wanted))
            })
            .collect()
    }

    /// The host made these changes.
    pub(super) fn set_routed(&mut self, changes: &[(u16, Option<MsiMessage>)]) {
        for (vector, message) in changes {
            if let Some(entry) = self.entries.get_mut(usize::from(*vector)) {
                entry.routed = *message;
            }
        }
    }
}

/// The entry at `offset`, and the byte in it.
fn place(offset: u64) -> Option<(usize, usize)> {
    Some((usize::try_from(offset / ENTRY_SIZE).ok()?, usize::try_from(offset % ENTRY_SIZE).ok()?))
}
