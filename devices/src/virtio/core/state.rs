//! The saved form of the transport-independent part, and the rules that it must keep.

use super::Status;
use super::interrupt::{ISR_CONFIG, ISR_USED_BUFFERS};
use crate::virtio::queue_config::QueueConfig;
use serde::{Deserialize, Serialize};
use virtio_bindings::virtio_config::VIRTIO_F_VERSION_1;

/// What the driver wrote and where the queues stand. A transport's state contains it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoreState {
    /// The device status field.
    pub status: u8,
    /// The features that the driver wrote; negotiated once FEATURES_OK is set.
    pub driver_features: u64,
    /// ISR status: an interrupt the driver has not acknowledged.
    pub isr: u32,
    /// Counts configuration changes.
    pub generation: u32,
    /// By queue index.
    pub queues: Vec<QueueConfig>,
}

/// `features` are a subset of `offered` and modern (VIRTIO 1.2 2.2, 6.2).
pub(super) fn features_acceptable(features: u64, offered: u64) -> bool {
    features & !offered == 0 && features & (1 << VIRTIO_F_VERSION_1) != 0
}

impl CoreState {
    /// The state of a device that nobody has touched.
    pub(super) fn first(max_sizes: &[u16]) -> Self {
        let queues = max_sizes.iter().map(|size| QueueConfig::new(*size)).collect();
        Self { status: 0, driver_features: 0, isr: 0, generation: 0, queues }
    }

    /// Checks every rule that the running device relies on; says which one is broken.
    pub(super) fn check(&self, offered: u64, max_sizes: &[u16]) -> Result<(), String> {
        let status = Status::from_bits(self.status).filter(|status| status.is_legal());
        let Some(status) = status else {
            return Err(format!("device status {:#x} is impossible", self.status));
        };
        let negotiated = status.contains(Status::FEATURES_OK);
        if negotiated && !features_acceptable(self.driver_features, offered) {
            return Err(format!("features {:#x} are not among the offered {offered:#x}", self.driver_features));
        }
        if self.isr & !(ISR_USED_BUFFERS | ISR_CONFIG) != 0 {
            return Err(format!("interrupt status {:#x} is impossible", self.isr));
        }
        if self.queues.len() != max_sizes.len() {
            return Err(format!("{} queues were saved, the device has {}", self.queues.len(), max_sizes.len()));
        }
        for (index, (queue, max_size)) in self.queues.iter().zip(max_sizes).enumerate() {
            check_queue(queue, *max_size, negotiated).map_err(|reason| format!("queue {index}: {reason}"))?;
        }
        Ok(())
    }
}

fn check_queue(queue: &QueueConfig, max_size: u16, negotiated: bool) -> Result<(), String> {
    if !queue.ready {
        return Ok(()); // whatever the driver wrote is checked when it enables the queue
    }
    if !negotiated {
        return Err("enabled before features were negotiated".into());
    }
    queue.to_queue(max_size, false).map_err(|error| error.to_string())?;
    let under_way = queue.next_avail.wrapping_sub(queue.next_used);
    if under_way > queue.size {
        return Err(format!("{under_way} chains under way in a queue of {}", queue.size));
    }
    Ok(())
}
