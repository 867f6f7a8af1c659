//! Giving pages of the guest back to the host.

use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use std::ops::Range;
use std::sync::Arc;
use thiserror::Error;

/// Bytes of a page of the balloon, whatever the guest's are (VIRTIO 1.2 5.5.6).
pub(super) const PAGE: u64 = 4096;

/// Guest RAM as far as its pages can be given back.
pub trait GuestPages: Send + Sync {
    /// Gives the pages of `range` (guest addresses, whole pages) back; they read zero afterwards.
    ///
    /// # Errors
    /// See there.
    fn discard(&self, range: Range<u64>) -> Result<(), DiscardError>;
}

/// Why pages stay where they are.
#[derive(Debug, Error)]
pub enum DiscardError {
    /// The guest names what it does not have.
    #[error("Addresses {start:#x} to {end:#x} are not all guest RAM", start = .0.start, end = .0.end)]
    NotRam(Range<u64>),
    /// The host does not take them.
    #[error("The host does not take pages back")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Discards, and logs what the host says, which may be at every page.
pub(super) struct Discarder {
    id: DeviceId,
    pages: Arc<dyn GuestPages>,
    log: LogLimit,
}

impl Discarder {
    pub(super) fn new(id: DeviceId, pages: Arc<dyn GuestPages>) -> Self {
        Self { id, pages, log: LogLimit::default() }
    }

    /// Gives the pages of `range` back; how many bytes the host has taken.
    ///
    /// # Errors
    /// They are not the guest's.
    pub(super) fn discard(&self, range: Range<u64>) -> Result<u64, DiscardError> {
        let length = range.end.saturating_sub(range.start);
        match self.pages.discard(range) {
            Ok(()) => Ok(length),
            Err(error @ DiscardError::NotRam(_)) => Err(error),
            Err(error) => {
                // The guest does without them all the same.
                if let Some(suppressed) = self.log.allow() {
                    let error = &error as &dyn std::error::Error;
                    tracing::warn!(device = %self.id, suppressed, error, "Pages of the balloon stay in memory");
                }
                Ok(0)
            }
        }
    }
}
