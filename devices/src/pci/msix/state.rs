//! The saved form of the table and the pending bits.

use super::signals::{Signals, words};
use super::table::{MASKED_ENTRY, Table, WRITABLE};
use crate::id::DeviceId;
use crate::state::StateError;
use serde::{Deserialize, Serialize};

/// Messages and pending bits. Part of the state of the function that has them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MsixState {
    /// As the guest reads them.
    pub(super) entries: Vec<[u8; 16]>,
    /// One bit for each vector, 64 to a word.
    pub(super) pending: Vec<u64>,
}

impl MsixState {
    pub(super) fn of(table: &Table, signals: &Signals) -> Self {
        Self { entries: table.entries(), pending: signals.pending() }
    }

    /// `vectors` vectors, all masked.
    pub(super) fn first(vectors: u16) -> Self {
        Self { entries: vec![MASKED_ENTRY; usize::from(vectors)], pending: vec![0; words(vectors)] }
    }

    /// # Errors
    /// Another number of vectors, or bits that are never set.
    pub(super) fn restore(self, device: &DeviceId, vectors: u16) -> Result<(Table, Signals), StateError> {
        let invalid = |reason: String| StateError::Invalid { device: device.clone(), reason };
        let count = self.entries.len();
        if count != usize::from(vectors) || self.pending.len() != words(vectors) {
            return Err(invalid(format!("it has {count} MSI-X vectors instead of {vectors}")));
        }
        let spare = self.pending.last().is_some_and(|last| match vectors % 64 {
            0 => false,
            used => last >> used != 0,
        });
        let is_legal = |entry: &[u8; 16]| entry.iter().zip(WRITABLE).all(|(byte, writable)| byte & !writable == 0);
        if spare || !self.entries.iter().all(is_legal) {
            return Err(invalid("its MSI-X table has bits that are never set".into()));
        }
        Ok((Table::new(self.entries), Signals::new(vectors, self.pending)))
    }
}
