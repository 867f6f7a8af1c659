//! Which MSI-X vector each event is mapped to (VIRTIO 1.2 4.1.5.1.2).

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU16, Ordering};

/// Not mapped to any vector (VIRTIO_MSI_NO_VECTOR): MSI-X never has so many.
const NO_VECTOR: u16 = 0xffff;

/// One vector number for each event, read by workers and written by vCPUs.
pub(super) struct Vectors {
    /// How many vectors there are.
    count: u16,
    config: AtomicU16,
    queues: Vec<AtomicU16>,
}

impl Vectors {
    /// Nothing mapped, for `queues` queues: there is a vector for each event.
    pub(super) fn new(queues: u16) -> Self {
        let queues = (0..queues).map(|_| AtomicU16::new(NO_VECTOR)).collect::<Vec<_>>();
        let count = u16::try_from(queues.len()).unwrap_or(u16::MAX).saturating_add(1);
        Self { count, config: AtomicU16::new(NO_VECTOR), queues }
    }

    /// The vector of configuration changes.
    pub(super) fn config(&self) -> u16 {
        self.config.load(Ordering::Acquire)
    }

    /// The vector of queue `index`; a queue that does not exist has none.
    pub(super) fn queue(&self, index: u16) -> u16 {
        self.queues.get(usize::from(index)).map_or(NO_VECTOR, |vector| vector.load(Ordering::Acquire))
    }

    /// The vectors of all queues.
    pub(super) fn queues(&self) -> Vec<u16> {
        self.queues.iter().map(|vector| vector.load(Ordering::Acquire)).collect()
    }

    /// The vectors that an event is mapped to, each once.
    pub(super) fn mapped(&self) -> BTreeSet<u16> {
        self.queues().into_iter().chain([self.config()]).filter(|vector| *vector != NO_VECTOR).collect()
    }

    /// Maps configuration changes; to a vector that does not exist is to none, which the driver reads back.
    pub(super) fn set_config(&self, vector: u16) {
        self.config.store(self.existing(vector), Ordering::Release);
    }

    /// Maps queue `index`, if it exists.
    pub(super) fn set_queue(&self, index: u16, vector: u16) {
        if let Some(place) = self.queues.get(usize::from(index)) {
            place.store(self.existing(vector), Ordering::Release);
        }
    }

    /// Unmaps everything, as a device reset does.
    pub(super) fn clear(&self) {
        for place in std::iter::once(&self.config).chain(&self.queues) {
            place.store(NO_VECTOR, Ordering::Release);
        }
    }

    /// Maps as it was saved; says what is impossible.
    pub(super) fn restore(&self, config: u16, queues: &[u16]) -> Result<(), String> {
        if queues.len() != self.queues.len() {
            return Err(format!("{} queues have vectors, the device has {} queues", queues.len(), self.queues.len()));
        }
        if let Some(vector) = std::iter::once(&config).chain(queues).find(|vector| self.existing(**vector) != **vector)
        {
            return Err(format!("an event is mapped to vector {vector} of {}", self.count));
        }
        self.set_config(config);
        for (index, vector) in (0..).zip(queues) {
            self.set_queue(index, *vector);
        }
        Ok(())
    }

    fn existing(&self, vector: u16) -> u16 {
        if vector < self.count { vector } else { NO_VECTOR }
    }
}
