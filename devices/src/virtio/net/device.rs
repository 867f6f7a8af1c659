//! The device: features, configuration space, activation, state.

use super::config::NetConfig;
use super::control::Control;
use super::kernel::KernelQueue;
use super::port::NetPort;
use super::rx::Receiver;
use super::session::{DriverChoices, Session};
use super::state::NetState;
use super::tx::Transmitter;
use crate::backend::net::{NetBackend, Offloads, RingOf};
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use crate::virtio::config_space::read_space;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtioDevice, VirtioInterrupt};
use std::io;
use std::sync::Arc;
use virtio_bindings::virtio_ids::VIRTIO_ID_NET;
use virtio_bindings::virtio_net::{
    VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_GUEST_ANNOUNCE,
    VIRTIO_NET_F_MAC, VIRTIO_NET_F_MQ, VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_MTU, VIRTIO_NET_F_STATUS,
};

/// Descriptors of a queue for frames.
const DATA_QUEUE: u16 = 256;
/// Descriptors of the control queue.
const CONTROL_QUEUE: u16 = 64;
/// What each command of the control queue needs, besides its own feature (VIRTIO 1.2 5.1.3.1).
const ON_CONTROL_QUEUE: u64 = 1 << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS
    | 1 << VIRTIO_NET_F_GUEST_ANNOUNCE
    | 1 << VIRTIO_NET_F_MQ
    | 1 << VIRTIO_NET_F_CTRL_MAC_ADDR;

/// A network device, ready for any transport.
pub struct VirtioNet {
    config: NetConfig,
    queue_sizes: Vec<u16>,
    backend: Arc<dyn NetBackend>,
    port: Arc<NetPort>,
    session: Arc<Session>,
    active: bool,
}

/// What a queue is for (VIRTIO 1.2 5.1.2).
enum Role {
    Data(RingOf),
    Control,
}

impl VirtioNet {
    /// A network device between `backend` and `port`; with `state`, as it was when that was saved, its cable included.
    ///
    /// # Errors
    /// The state is that of a device with another address, MTU or number of queues.
    pub fn new(
        config: NetConfig,
        backend: Arc<dyn NetBackend>,
        port: Arc<NetPort>,
        state: Option<NetState>,
    ) -> Result<Self, StateError> {
        let pairs = backend.queues();
        let mut choices = DriverChoices::default();
        if let Some(NetState { mac, mtu, link_up, choices: saved }) = state {
            let invalid = |reason| StateError::Invalid { device: config.id.clone(), reason };
            if (mac, mtu) != (config.mac, config.mtu) {
                let text = |mtu: Option<u16>| mtu.map_or_else(|| "no MTU".to_owned(), |mtu| format!("an MTU of {mtu}"));
                let (then, now) = (text(mtu), text(config.mtu));
                let mac_now = config.mac;
                return Err(invalid(format!("it had the address {mac} and {then}, now it has {mac_now} and {now}")));
            }
            if !(1..=pairs).contains(&saved.pairs) {
                return Err(invalid(format!("it used {} pairs of queues, now it has {pairs}", saved.pairs)));
            }
            port.set_link_up(link_up);
            choices = saved;
        }
        let data = (0..pairs).flat_map(|_| [DATA_QUEUE; 2]);
        let queue_sizes = data.chain([CONTROL_QUEUE]).collect();
        let session = Arc::new(Session::new(Offloads::empty(), choices));
        Ok(Self { config, queue_sizes, backend, port, session, active: false })
    }

    /// Pairs of queues.
    fn pairs(&self) -> u16 {
        self.backend.queues()
    }

    /// What queue `index` is for; the control queue comes behind those that the driver knows of.
    fn role(&self, index: u16, features: u64) -> Option<Role> {
        let pairs = if features & 1 << VIRTIO_NET_F_MQ != 0 { self.pairs() } else { 1 };
        let pair = index / 2;
        if pair < pairs {
            let ring = if index.is_multiple_of(2) { RingOf::Receive(pair) } else { RingOf::Transmit(pair) };
            return Some(Role::Data(ring));
        }
        (index == 2 * pairs && features & 1 << VIRTIO_NET_F_CTRL_VQ != 0).then_some(Role::Control)
    }

    /// A driver takes the device over.
    fn begin(&mut self, features: u64) -> io::Result<()> {
        let mut choices = std::mem::take(&mut *self.session.choices());
        let (pairs, announcing) = (choices.pairs, std::mem::take(&mut choices.announcing));
        self.port.negotiated(features & 1 << VIRTIO_NET_F_GUEST_ANNOUNCE != 0, announcing);
        self.session = Arc::new(Session::new(Offloads::from_bits_truncate(features).consistent(), choices));
        let set_up = self.backend.set_offloads(self.session.accepted());
        match set_up.and_then(|()| self.backend.set_active_queues(pairs)) {
            // The driver has a device all the same, whose link is down.
            Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                self.port.host_failed("The network of a device has gone", &error);
                Ok(())
            }
            result => result,
        }
    }
}

/// `features` as far as they stand on those that they need.
fn consistent(features: u64) -> u64 {
    let control = features & 1 << VIRTIO_NET_F_CTRL_VQ != 0;
    if control { features } else { features & !ON_CONTROL_QUEUE }
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioNet {
    fn id(&self) -> &DeviceId {
        &self.config.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_NET
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &self.queue_sizes
    }

    fn features(&self) -> u64 {
        let mtu = u64::from(self.config.mtu.is_some()) << VIRTIO_NET_F_MTU;
        let several = u64::from(self.pairs() > 1) << VIRTIO_NET_F_MQ;
        let offloads = self.backend.offloads();
        let changeable = u64::from(offloads.intersects(Offloads::GUEST)) << VIRTIO_NET_F_CTRL_GUEST_OFFLOADS;
        1 << VIRTIO_NET_F_MAC
            | 1 << VIRTIO_NET_F_STATUS
            | 1 << VIRTIO_NET_F_MRG_RXBUF
            | 1 << VIRTIO_NET_F_CTRL_VQ
            | 1 << VIRTIO_NET_F_CTRL_MAC_ADDR
            | 1 << VIRTIO_NET_F_GUEST_ANNOUNCE
            | offloads.bits()
            | changeable
            | mtu
            | several
    }

    fn connect(&mut self, interrupt: Arc<dyn VirtioInterrupt>) {
        self.port.connect(&interrupt);
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let mac = self.session.choices().mac.unwrap_or(self.config.mac);
        read_space(&self.config.space(mac, self.pairs(), &self.port), offset, data);
    }

    fn write_config(&mut self, _offset: u64, _data: &[u8]) {
        // No field is writable (VIRTIO 1.2 5.1.4): the address was once, for legacy drivers.
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        let features = consistent(activation.features);
        if !self.active {
            self.begin(features).map_err(ActivateError::Backend)?;
            self.active = true;
        }
        let has = |feature: u32| features & 1 << feature != 0;
        let (mergeable, mtu) = (has(VIRTIO_NET_F_MRG_RXBUF), self.config.mtu.filter(|_| has(VIRTIO_NET_F_MTU)));
        let mut handlers: Vec<Box<dyn QueueHandler>> = Vec::new();
        for queue in activation.queues {
            let (backend, port) = (Arc::clone(&self.backend), Arc::clone(&self.port));
            let session = Arc::clone(&self.session);
            let in_kernel = self.backend.kernel().is_some();
            handlers.push(match self.role(queue.index(), features) {
                None => continue,
                Some(Role::Control) => Box::new(Control::new(queue, features, backend, port, session)),
                Some(Role::Data(ring)) if in_kernel => {
                    let queue = KernelQueue::new(queue, ring, activation.features, backend, port, session);
                    Box::new(queue.map_err(ActivateError::Backend)?)
                }
                Some(Role::Data(RingOf::Receive(pair))) => {
                    Box::new(Receiver::new(queue, pair, backend, port, session, mergeable, mtu))
                }
                Some(Role::Data(RingOf::Transmit(pair))) => {
                    Box::new(Transmitter::new(queue, pair, backend, port, session.negotiated()))
                }
            });
        }
        Ok(handlers)
    }

    fn reset(&mut self) {
        self.active = false;
        self.session = Arc::new(Session::new(Offloads::empty(), DriverChoices::default()));
        self.port.negotiated(false, false);
        let result = self.backend.set_offloads(Offloads::empty()).and_then(|()| self.backend.set_active_queues(1));
        if let Err(error) = result {
            self.port.host_failed("The host's network cannot be set up for the next driver", &error);
        }
    }

    fn save(&self) -> Result<Section, StateError> {
        let NetConfig { id, mac, mtu } = &self.config;
        let mut choices = self.session.choices().clone();
        choices.announcing |= self.port.is_announcement_pending();
        Section::encode(id, &NetState { mac: *mac, mtu: *mtu, link_up: self.port.is_plugged(), choices })
    }
}
