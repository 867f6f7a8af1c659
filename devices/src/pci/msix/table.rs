//! The table of messages and the pending bits.

use crate::interrupt::MsiMessage;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bytes of an entry: address, data, vector control.
pub(super) const ENTRY_SIZE: u64 = 16;
/// Bits of an entry that the guest can change: the address is a multiple of 4, vector control has the mask only.
pub(super) const WRITABLE: [u8; 16] =
    [0xfc, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, VECTOR_MASKED, 0, 0, 0];
/// In the first byte of vector control.
const VECTOR_MASKED: u8 = 1;
/// After reset: masked, without a message.
const MASKED_ENTRY: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, VECTOR_MASKED, 0, 0, 0];
/// Vectors in a word of pending bits.
const WORD: u16 = 64;

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
    /// Set by notifications that share the table.
    pending: Vec<AtomicU64>,
}

impl Table {
    /// `vectors` vectors, all masked.
    pub(super) fn new(vectors: u16) -> Self {
        Self::with(vec![MASKED_ENTRY; usize::from(vectors)], vec![0; words(vectors)])
    }

    /// A table with these entries and pending bits.
    pub(super) fn with(entries: Vec<[u8; 16]>, pending: Vec<u64>) -> Self {
        let entries = entries.into_iter().map(|bytes| Entry { bytes, routed: None }).collect();
        let pending = pending.into_iter().map(AtomicU64::new).collect();
        Self { enabled: false, masked: false, entries, pending }
    }

    pub(super) fn entries(&self) -> Vec<[u8; 16]> {
        self.entries.iter().map(|entry| entry.bytes).collect()
    }

    pub(super) fn pending(&self) -> Vec<u64> {
        self.pending.iter().map(|word| word.load(Ordering::Relaxed)).collect()
    }

    pub(super) fn read(&self, offset: u64) -> u8 {
        let Some((entry, byte)) = place(offset, ENTRY_SIZE) else { return 0 };
        self.entries.get(entry).and_then(|entry| entry.bytes.get(byte)).copied().unwrap_or(0)
    }

    pub(super) fn write(&mut self, offset: u64, value: u8) {
        let Some((entry, byte)) = place(offset, ENTRY_SIZE) else { return };
        let bytes = self.entries.get_mut(entry).and_then(|entry| entry.bytes.get_mut(byte));
        if let (Some(to), Some(writable)) = (bytes, WRITABLE.get(byte)) {
            *to = *to & !writable | value & writable;
        }
    }

    pub(super) fn read_pending(&self, offset: u64) -> u8 {
        let Some((word, byte)) = place(offset, u64::from(WORD / 8)) else { return 0 };
        let word = self.pending.get(word).map_or(0, |word| word.load(Ordering::Relaxed));
        word.to_le_bytes().get(byte).copied().unwrap_or(0)
    }

    pub(super) fn set_pending(&self, vector: u16) {
        if usize::from(vector) < self.entries.len()
            && let Some(word) = self.pending.get(usize::from(vector / WORD))
        {
            word.fetch_or(1 << (vector % WORD), Ordering::Relaxed);
        }
    }

    /// Nothing masks the vector, and the host has its message.
    pub(super) fn is_deliverable(&self, vector: u16) -> bool {
        let entry = self.entries.get(usize::from(vector));
        self.enabled
            && !self.masked
            && entry.is_some_and(|entry| !entry.is_masked() && entry.routed == Some(entry.message()))
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

    /// Calls `deliver` for each pending vector that is deliverable, which is pending no more then.
    pub(super) fn take_deliverable(&mut self, mut deliver: impl FnMut(u16)) {
        for (start, index) in (0..=u16::MAX).step_by(WORD.into()).zip(0..self.pending.len()) {
            let mut waiting = self.pending.get(index).map_or(0, |word| word.load(Ordering::Relaxed));
            while waiting != 0 {
                let bit = waiting & waiting.wrapping_neg();
                waiting &= !bit;
                let vector = start + u16::try_from(bit.trailing_zeros()).unwrap_or(0);
                if self.is_deliverable(vector) {
                    if let Some(word) = self.pending.get(index) {
                        word.fetch_and(!bit, Ordering::Relaxed);
                    }
                    deliver(vector);
                }
            }
        }
    }
}

/// Words of pending bits for `vectors` vectors.
pub(super) fn words(vectors: u16) -> usize {
    usize::from(vectors.div_ceil(WORD))
}

/// The element of `size` bytes at `offset`, and the byte in it.
fn place(offset: u64, size: u64) -> Option<(usize, usize)> {
    Some((usize::try_from(offset / size).ok()?, usize::try_from(offset % size).ok()?))
}
