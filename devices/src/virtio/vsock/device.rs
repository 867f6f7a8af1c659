//! The device: features, configuration space, activation, state.

use super::config::VsockConfig;
use super::connections::Connections;
use super::event::Events;
use super::rx::Receiver;
use super::state::VsockState;
use super::tx::Transmitter;
use crate::backend::vsock::VsockBackend;
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use crate::virtio::config_space::read_space;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtQueue, VirtioDevice};
use std::io;
use std::sync::{Arc, Mutex};
use virtio_bindings::virtio_ids::VIRTIO_ID_VSOCK;

/// rx, tx, event (VIRTIO 1.2 5.10.2).
pub(super) const QUEUE_SIZES: [u16; 3] = [256, 256, 16];
/// The indices of the first two.
const RECEIVE: u16 = 0;
const TRANSMIT: u16 = 1;
/// VIRTIO_VSOCK_F_STREAM (VIRTIO 1.2 5.10.3).
const F_STREAM: u32 = 0;

/// A vsock device, ready for any transport.
pub struct VirtioVsock {
    config: VsockConfig,
    backend: Arc<dyn VsockBackend>,
    /// Those of the active device.
    connections: Option<Arc<Mutex<Connections>>>,
    /// The driver has connections that are gone, and has to be told.
    transport_reset: bool,
}

impl VirtioVsock {
    /// A vsock device between the guest and `backend`; with `state`, one whose driver loses its connections.
    pub fn new(config: VsockConfig, backend: Arc<dyn VsockBackend>, state: Option<VsockState>) -> Self {
        Self { config, backend, connections: None, transport_reset: state.is_some() }
    }

    fn connections(&mut self) -> io::Result<Arc<Mutex<Connections>>> {
        if let Some(connections) = &self.connections {
            return Ok(Arc::clone(connections));
        }
        let VsockConfig { id, guest_cid } = &self.config;
        let connections = Connections::new(id.clone(), u64::from(*guest_cid), Arc::clone(&self.backend))?;
        Ok(Arc::clone(self.connections.insert(Arc::new(Mutex::new(connections)))))
    }

    fn handler<M: DeviceMemory>(&mut self, queue: VirtQueue<M>) -> io::Result<Box<dyn QueueHandler>> {
        Ok(match queue.index() {
            RECEIVE => Box::new(Receiver::new(queue, self.connections()?)?),
            TRANSMIT => Box::new(Transmitter::new(queue, self.connections()?)),
            _ => Box::new(Events::new(queue, std::mem::take(&mut self.transport_reset))),
        })
    }
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioVsock {
    fn id(&self) -> &DeviceId {
        &self.config.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_VSOCK
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn features(&self) -> u64 {
        1 << F_STREAM
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        read_space(&self.config.space(), offset, data);
    }

    fn write_config(&mut self, _offset: u64, _data: &[u8]) {
        // No field is writable (VIRTIO 1.2 5.10.4).
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        let handlers = activation.queues.into_iter().map(|queue| self.handler(queue));
        handlers.collect::<Result<_, _>>().map_err(ActivateError::Backend)
    }

    fn reset(&mut self) {
        // The driver has forgotten them too.
        self.connections = None;
        self.transport_reset = false;
    }

    fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.config.id, &VsockState {})
    }
}
