//! The device: features, configuration space, activation, state.

use super::config::{BlockConfig, config_space};
use super::queue::BlockQueue;
use super::request::{Disk, SECTOR};
use super::state::BlockState;
use crate::backend::block::BlockBackend;
use crate::id::DeviceId;
use crate::log_limit::LogLimit;
use crate::state::{Section, StateError};
use crate::virtio::config_space::read_space;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtioDevice};
use std::sync::Arc;
use thiserror::Error;
use virtio_bindings::virtio_blk::{VIRTIO_BLK_F_FLUSH, VIRTIO_BLK_F_RO, VIRTIO_BLK_F_SEG_MAX};
use virtio_bindings::virtio_ids::VIRTIO_ID_BLOCK;

/// Descriptors of a queue.
const QUEUE_SIZE: u16 = 256;
/// One queue; more come with VIRTIO_BLK_F_MQ.
pub(super) const QUEUE_SIZES: [u16; 1] = [QUEUE_SIZE];
/// Data segments of one request: header and status take a descriptor each.
const SEGMENTS: u32 = QUEUE_SIZE as u32 - 2;

/// A block device, ready for any transport.
pub struct VirtioBlock {
    config: BlockConfig,
    backend: Arc<dyn BlockBackend>,
    serial: [u8; super::config::SERIAL_LENGTH],
    log: Arc<LogLimit>,
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
    /// A block device over `backend`; with `state`, as it was when that was saved.
    ///
    /// # Errors
    /// The serial number is too long; the state is that of a disk of another size or writability.
    pub fn new(
        config: BlockConfig,
        backend: Arc<dyn BlockBackend>,
        state: Option<BlockState>,
    ) -> Result<Self, BlockError> {
        let serial = config.serial_bytes().ok_or_else(|| BlockError::Serial {
            disk: config.id.clone(),
            serial: config.serial.clone().unwrap_or_default(),
        })?;
        let device = Self { config, backend, serial, log: Arc::default() };
        let now = device.state();
        if let Some(saved) = state.filter(|saved| *saved != now) {
            let reason = format!(
                "it had {} sectors{}, now it has {}{}",
                saved.sectors,
                if saved.readonly { ", read-only" } else { "" },
                now.sectors,
                if now.readonly { ", read-only" } else { "" },
            );
            let disk = device.config.id;
            return Err(BlockError::State { source: StateError::Invalid { device: disk.clone(), reason }, disk });
        }
        Ok(device)
    }

    fn state(&self) -> BlockState {
        BlockState { sectors: self.backend.capacity() / SECTOR, readonly: self.backend.readonly() }
    }
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioBlock {
    fn id(&self) -> &DeviceId {
        &self.config.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_BLOCK
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn features(&self) -> u64 {
        let readonly = u64::from(self.backend.readonly()) << VIRTIO_BLK_F_RO;
        1 << VIRTIO_BLK_F_SEG_MAX | 1 << VIRTIO_BLK_F_FLUSH | readonly
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        read_space(&config_space(self.state().sectors, SEGMENTS), offset, data);
    }

    fn write_config(&mut self, _offset: u64, _data: &[u8]) {
        // No field is writable.
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        let mut handlers: Vec<Box<dyn QueueHandler>> = Vec::new();
        for queue in activation.queues {
            let disk = Disk {
                id: self.config.id.clone(),
                capacity: self.backend.capacity(),
                readonly: self.backend.readonly(),
                serial: self.serial,
                // VIRTIO 1.2 5.2.6.2: a driver that cannot flush may rely on each completed write.
                write_through: activation.features & (1 << VIRTIO_BLK_F_FLUSH) == 0,
                on_error: self.config.on_error,
                log: Arc::clone(&self.log),
            };
            let channel = self.backend.channel().map_err(ActivateError::Backend)?;
            handlers.push(Box::new(BlockQueue::new(queue, channel, disk)));
        }
        Ok(handlers)
    }

    fn reset(&mut self) {
        // Everything of an activation is in its handlers.
    }

    fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.config.id, &self.state())
    }
}
