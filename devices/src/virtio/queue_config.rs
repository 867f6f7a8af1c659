//! What a driver configures of a queue, and where the queue stands: the serialisable mirror of virtio-queue's
//! `QueueState`, which is plain, untrusted data until `Queue::try_from` accepted it.

use serde::{Deserialize, Serialize};
use thiserror::Error;
use virtio_queue::{Queue, QueueState};
use vm_memory::{Address, GuestAddress, GuestMemory, Permissions};

/// One queue's configuration and position (VIRTIO 1.2 2.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueConfig {
    /// Descriptors, as the driver chose.
    pub size: u16,
    /// Enabled: nothing here changes any more until a reset.
    pub ready: bool,
    /// Guest address of the descriptor table.
    pub descriptors: u64,
    /// Guest address of the available ring (the driver area).
    pub available: u64,
    /// Guest address of the used ring (the device area).
    pub used: u64,
    /// Next slot of the available ring to look at.
    pub next_avail: u16,
    /// Next slot of the used ring to fill.
    pub next_used: u16,
}

/// Why a queue cannot be enabled, or be used any longer.
#[derive(Debug, Error)]
pub enum QueueConfigError {
    /// Size or alignment are against VIRTIO 1.2 2.7.
    #[error("The queue has {size} descriptors at {descriptors:#x}, its rings at {available:#x} and {used:#x}")]
    Invalid {
        /// Descriptors.
        size: u16,
        /// Address of the table.
        descriptors: u64,
        /// Address of the available ring.
        available: u64,
        /// Address of the used ring.
        used: u64,
        /// Which rule it breaks.
        #[source]
        source: virtio_queue::Error,
    },
    /// A part is outside of guest memory.
    #[error("The queue's {part} of {length} bytes at {address:#x} is not in guest memory")]
    NotMemory {
        /// Which part.
        part: &'static str,
        /// Its address.
        address: u64,
        /// Its length in bytes.
        length: u64,
    },
}

impl QueueConfig {
    /// A queue as a reset leaves it: disabled, of the largest size.
    pub fn new(max_size: u16) -> Self {
        Self { size: max_size, ready: false, descriptors: 0, available: 0, used: 0, next_avail: 0, next_used: 0 }
    }

    /// The configuration and position in `state`.
    pub fn from_state(state: &QueueState) -> Self {
        Self {
            size: state.size,
            ready: state.ready,
            descriptors: state.desc_table,
            available: state.avail_ring,
            used: state.used_ring,
            next_avail: state.next_avail,
            next_used: state.next_used,
        }
    }

    /// The queue, of at most `max_size` descriptors, as virtio-queue's ring arithmetic.
    ///
    /// # Errors
    /// Its size or an alignment breaks a rule. Whether it lies in guest memory is `check_memory`'s.
    pub fn to_queue(&self, max_size: u16, event_idx: bool) -> Result<Queue, QueueConfigError> {
        Queue::try_from(QueueState {
            max_size,
            next_avail: self.next_avail,
            next_used: self.next_used,
            event_idx_enabled: event_idx,
            size: self.size,
            ready: self.ready,
            desc_table: self.descriptors,
            avail_ring: self.available,
            used_ring: self.used,
        })
        .map_err(|source| QueueConfigError::Invalid {
            size: self.size,
            descriptors: self.descriptors,
            available: self.available,
            used: self.used,
            source,
        })
    }
}

/// Checks that the three parts of a queue lie in guest memory. Logs nothing, unlike `Queue::is_valid`.
///
/// # Errors
/// One does not.
pub(super) fn check_memory<M: GuestMemory>(config: &QueueConfig, memory: &M) -> Result<(), QueueConfigError> {
    let size = u64::from(config.size);
    // VIRTIO 1.2 2.7: a descriptor has 16 bytes, an available element 2, a used element 8; each ring adds flags and
    // index, and the event field that only VIRTIO_F_EVENT_IDX uses but which is always laid out.
    let parts = [
        ("descriptor table", config.descriptors, 16 * size, Permissions::Read),
        ("available ring", config.available, 6 + 2 * size, Permissions::Read),
        ("used ring", config.used, 6 + 8 * size, Permissions::Write),
    ];
    for (part, address, length, access) in parts {
        let start = GuestAddress(address);
        let wraps = start.checked_add(length).is_none();
        // At most 512 KiB, so it fits.
        #[allow(clippy::cast_possible_truncation)]
        let count = length as usize;
        if wraps || !memory.check_range(start, count, access) {
            return Err(QueueConfigError::NotMemory { part, address, length });
        }
    }
    Ok(())
}
