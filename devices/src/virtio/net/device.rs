//! The device: features, configuration space, activation, state.

use super::config::NetConfig;
use super::port::NetPort;
use super::rx::Receiver;
use super::state::NetState;
use super::tx::Transmitter;
use crate::backend::net::NetBackend;
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use crate::virtio::config_space::read_space;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtQueue, VirtioDevice, VirtioInterrupt};
use std::sync::Arc;
use virtio_bindings::virtio_ids::VIRTIO_ID_NET;
use virtio_bindings::virtio_net::{VIRTIO_NET_F_MAC, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_MTU, VIRTIO_NET_F_STATUS};

/// receiveq1 and transmitq1 (VIRTIO 1.2 5.1.2).
pub(super) const QUEUE_SIZES: [u16; 2] = [256, 256];
/// The index of receiveq1.
const RECEIVE: u16 = 0;

/// A network device, ready for any transport.
pub struct VirtioNet {
    config: NetConfig,
    backend: Arc<dyn NetBackend>,
    port: Arc<NetPort>,
}

impl VirtioNet {
    /// A network device between `backend` and `port`; with `state`, as it was when that was saved, its cable included.
    ///
    /// # Errors
    /// The state is that of a device with another address or MTU.
    pub fn new(
        config: NetConfig,
        backend: Arc<dyn NetBackend>,
        port: Arc<NetPort>,
        state: Option<NetState>,
    ) -> Result<Self, StateError> {
        if let Some(NetState { mac, mtu, link_up }) = state {
            if (mac, mtu) != (config.mac, config.mtu) {
                let text = |mtu: Option<u16>| mtu.map_or_else(|| "no MTU".to_owned(), |mtu| format!("an MTU of {mtu}"));
                let (then, now) = (text(mtu), text(config.mtu));
                let reason = format!("it had the address {mac} and {then}, now it has {} and {now}", config.mac);
                return Err(StateError::Invalid { device: config.id, reason });
            }
            port.set_link_up(link_up);
        }
        Ok(Self { config, backend, port })
    }
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioNet {
    fn id(&self) -> &DeviceId {
        &self.config.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_NET
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &QUEUE_SIZES
    }

    fn features(&self) -> u64 {
        let mtu = u64::from(self.config.mtu.is_some()) << VIRTIO_NET_F_MTU;
        1 << VIRTIO_NET_F_MAC | 1 << VIRTIO_NET_F_STATUS | 1 << VIRTIO_NET_F_MRG_RXBUF | mtu
    }

    fn connect(&mut self, interrupt: Arc<dyn VirtioInterrupt>) {
        self.port.connect(&interrupt);
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        read_space(&self.config.space(self.port.is_link_up()), offset, data);
    }

    fn write_config(&mut self, _offset: u64, _data: &[u8]) {
        // No field is writable (VIRTIO 1.2 5.1.4): the address was once, for legacy drivers.
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        let has = |feature: u32| activation.features & 1 << feature != 0;
        let (mergeable, mtu) = (has(VIRTIO_NET_F_MRG_RXBUF), self.config.mtu.filter(|_| has(VIRTIO_NET_F_MTU)));
        let handler = |queue: VirtQueue<M>| -> Box<dyn QueueHandler> {
            let (backend, port) = (Arc::clone(&self.backend), Arc::clone(&self.port));
            match queue.index() {
                RECEIVE => Box::new(Receiver::new(queue, backend, port, mergeable, mtu)),
                _ => Box::new(Transmitter::new(queue, backend, port)),
            }
        };
        Ok(activation.queues.into_iter().map(handler).collect())
    }

    fn reset(&mut self) {
        // Everything of an activation is in its handlers.
    }

    fn save(&self) -> Result<Section, StateError> {
        let NetConfig { id, mac, mtu } = &self.config;
        Section::encode(id, &NetState { mac: *mac, mtu: *mtu, link_up: self.port.is_link_up() })
    }
}
