//! The device: features, configuration space, activation, state.

use super::config::{BlockConfig, WRITEBACK};
use super::queue::{BlockQueue, Disk};
use super::request::SECTOR;
use super::shared::{ConfigChange, Shared};
use super::state::BlockState;
use crate::backend::block::{CacheMode, CapacityListener, DiskPort};
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use crate::virtio::config_space::read_space;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtioDevice, VirtioInterrupt};
use std::sync::Arc;
use thiserror::Error;
use virtio_bindings::virtio_blk::{
    VIRTIO_BLK_F_BLK_SIZE, VIRTIO_BLK_F_CONFIG_WCE, VIRTIO_BLK_F_DISCARD, VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_MQ,
    VIRTIO_BLK_F_RO, VIRTIO_BLK_F_SEG_MAX, VIRTIO_BLK_F_SIZE_MAX, VIRTIO_BLK_F_TOPOLOGY, VIRTIO_BLK_F_WRITE_ZEROES,
};
use virtio_bindings::virtio_ids::VIRTIO_ID_BLOCK;

/// Descriptors of a queue.
const QUEUE_SIZE: u16 = 256;
/// Data segments of one request: header and status take a descriptor each.
pub(super) const SEGMENTS: u32 = QUEUE_SIZE as u32 - 2;

/// A block device, ready for any transport.
pub struct VirtioBlock {
    config: BlockConfig,
    port: Arc<DiskPort>,
    serial: [u8; super::config::SERIAL_LENGTH],
    queue_sizes: Vec<u16>,
    shared: Arc<Shared>,
    /// The negotiated feature bits, once it is active.
    features: Option<u64>,
    /// What the port tells of the disk's size.
    listener: Option<Arc<dyn CapacityListener>>,
}

/// Why a block device cannot be made.
#[derive(Debug, Error)]
pub enum BlockError {
    /// GET_ID has room for 20 bytes of ASCII.
    #[error("Serial number {serial:?} of disk {disk} does not fit: give at most 20 ASCII characters")]
    Serial {
        /// Which disk.
        disk: DeviceId,
        /// Its serial number.
        serial: String,
    },
    /// The saved device saw another disk.
    #[error("Disk {disk} does not fit its saved state")]
    State {
        /// Which disk.
        disk: DeviceId,
        /// What does not fit.
        #[source]
        source: StateError,
    },
}

impl VirtioBlock {
    /// A block device over the disk behind `port`; with `state`, as it was when that was saved.
    ///
    /// # Errors
    /// The serial number is too long; the state is that of a disk of another size or writability.
    pub fn new(config: BlockConfig, port: Arc<DiskPort>, state: Option<BlockState>) -> Result<Self, BlockError> {
        let serial = config.serial_bytes().ok_or_else(|| BlockError::Serial {
            disk: config.id.clone(),
            serial: config.serial.clone().unwrap_or_default(),
        })?;
        let shared = Arc::new(Shared::new(caches(&config), []));
        let queue_sizes = vec![QUEUE_SIZE; usize::from(config.queues.max(1))];
        let mut device = Self { config, port, serial, queue_sizes, shared, features: None, listener: None };
        if let Some(state) = state {
            device.restore(state)?;
        }
        Ok(device)
    }

    fn restore(&mut self, saved: BlockState) -> Result<(), BlockError> {
        let now = self.state();
        let invalid = |reason| {
            let disk = self.config.id.clone();
            BlockError::State { source: StateError::Invalid { device: disk.clone(), reason }, disk }
        };
        if (saved.sectors, saved.readonly) != (now.sectors, now.readonly) {
            let text = |sectors, readonly| format!("{sectors} sectors{}", if readonly { ", read-only" } else { "" });
            let (before, now) = (text(saved.sectors, saved.readonly), text(now.sectors, now.readonly));
            return Err(invalid(format!("it had {before}, now it has {now}")));
        }
        if saved.writeback && !caches(&self.config) {
            return Err(invalid("its write cache was on, now it has none".into()));
        }
        let heads = saved.parked.iter().map(|(_, heads)| heads.len());
        if heads.into_iter().any(|count| count > usize::from(QUEUE_SIZE)) {
            return Err(invalid("more requests wait than a queue has".into()));
        }
        self.shared = Arc::new(Shared::new(saved.writeback, saved.parked));
        Ok(())
    }

    fn state(&self) -> BlockState {
        let backend = self.port.backend();
        BlockState {
            sectors: backend.capacity() / SECTOR,
            readonly: backend.readonly(),
            writeback: self.shared.writeback(),
            parked: self.shared.parked().all(),
        }
    }

    /// VIRTIO 1.2 5.2.6.2: a driver that cannot flush may rely on each completed write, and so may one that has switched
    /// the write cache off.
    fn update_write_through(&self) {
        let Some(features) = self.features else { return };
        let has = |feature: u32| features & 1 << feature != 0;
        let off = has(VIRTIO_BLK_F_CONFIG_WCE) && !self.shared.writeback();
        self.shared.set_write_through(!caches(&self.config) || !has(VIRTIO_BLK_F_FLUSH) || off);
    }
}

/// Completed writes may need a flush.
fn caches(config: &BlockConfig) -> bool {
    config.cache != CacheMode::WriteThrough
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioBlock {
    fn id(&self) -> &DeviceId {
        &self.config.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_BLOCK
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &self.queue_sizes
    }

    fn features(&self) -> u64 {
        let readonly = self.port.backend().readonly();
        // Without a cache there is nothing to flush, and nothing that a driver could switch.
        let offered = [
            (VIRTIO_BLK_F_SIZE_MAX, true),
            (VIRTIO_BLK_F_SEG_MAX, true),
            (VIRTIO_BLK_F_RO, readonly),
            (VIRTIO_BLK_F_BLK_SIZE, true),
            (VIRTIO_BLK_F_FLUSH, caches(&self.config)),
            (VIRTIO_BLK_F_TOPOLOGY, true),
            (VIRTIO_BLK_F_CONFIG_WCE, caches(&self.config)),
            (VIRTIO_BLK_F_MQ, self.queue_sizes.len() > 1),
            (VIRTIO_BLK_F_DISCARD, self.config.discard && !readonly),
            (VIRTIO_BLK_F_WRITE_ZEROES, self.config.discard && !readonly),
        ];
        offered.iter().filter(|(_, offered)| *offered).fold(0, |features, (feature, _)| features | 1 << feature)
    }

    fn connect(&mut self, interrupt: Arc<dyn VirtioInterrupt>) {
        let listener: Arc<dyn CapacityListener> = Arc::new(ConfigChange(interrupt));
        self.port.connect(&listener);
        self.listener = Some(listener);
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let BlockState { sectors, writeback, .. } = self.state();
        read_space(&self.config.space(sectors, SEGMENTS, writeback), offset, data);
    }

    fn write_config(&mut self, offset: u64, data: &[u8]) {
        // 5.2.4: only writeback can be written, as the byte that it is.
        if let (WRITEBACK, [value], true) = (offset, data, caches(&self.config)) {
            self.shared.set_writeback(*value != 0);
            self.update_write_through();
        }
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        self.features = Some(activation.features);
        self.update_write_through();
        let mut handlers: Vec<Box<dyn QueueHandler>> = Vec::new();
        for queue in activation.queues {
            let disk = Disk {
                port: Arc::clone(&self.port),
                shared: Arc::clone(&self.shared),
                serial: self.serial,
                features: activation.features,
            };
            handlers.push(Box::new(BlockQueue::new(queue, disk).map_err(ActivateError::Backend)?));
        }
        Ok(handlers)
    }

    fn reset(&mut self) {
        self.features = None;
        self.shared.reset(caches(&self.config));
    }

    fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.config.id, &self.state())
    }
}
