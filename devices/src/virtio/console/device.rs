//! The device: features, configuration space, activation, state.

use super::config::{ConsoleConfig, EMERGENCY, space};
use super::control_rx::ControlReceiver;
use super::control_tx::ControlTransmitter;
use super::ports::ConsolePorts;
use super::rx::Receiver;
use super::state::ConsoleState;
use super::tx::Transmitter;
use crate::id::DeviceId;
use crate::state::{Section, StateError};
use crate::virtio::config_space::read_space;
use crate::virtio::{ActivateError, Activation, DeviceMemory, QueueHandler, VirtQueue, VirtioDevice, VirtioInterrupt};
use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;
use virtio_bindings::virtio_ids::VIRTIO_ID_CONSOLE;

/// Size of every queue.
const QUEUE_SIZE: u16 = 128;
/// VIRTIO_CONSOLE_F_SIZE, VIRTIO_CONSOLE_F_MULTIPORT, VIRTIO_CONSOLE_F_EMERG_WRITE (VIRTIO 1.2 5.3.3).
const F_SIZE: u32 = 0;
const F_MULTIPORT: u32 = 1;
const F_EMERG_WRITE: u32 = 2;

/// What a queue is for (VIRTIO 1.2 5.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Receive(usize),
    Transmit(usize),
    ControlReceive,
    ControlTransmit,
}

impl Role {
    fn of(index: u16) -> Self {
        // The control queues stand between those of port 0 and of port 1.
        let port = match index {
            0 | 1 => 0,
            _ => usize::from(index / 2).saturating_sub(1),
        };
        match index {
            2 => Self::ControlReceive,
            3 => Self::ControlTransmit,
            _ if index.is_multiple_of(2) => Self::Receive(port),
            _ => Self::Transmit(port),
        }
    }
}

/// A console device, ready for any transport.
pub struct VirtioConsole {
    config: ConsoleConfig,
    ports: Arc<ConsolePorts>,
    queue_sizes: Vec<u16>,
    /// Ports whose receive queue is served.
    receiving: BTreeSet<usize>,
}

impl VirtioConsole {
    /// A console device over `ports`; with `state`, one whose driver knows what is there.
    ///
    /// # Errors
    /// The state is that of other ports.
    pub fn new(
        config: ConsoleConfig,
        ports: Arc<ConsolePorts>,
        state: Option<&ConsoleState>,
    ) -> Result<Self, StateError> {
        let count = {
            let mut table = ports.table();
            table.forget();
            if let Some(state) = state.filter(|state| !table.restore(state)) {
                let names: Vec<_> = state.ports.iter().filter_map(|port| port.name.as_deref()).collect();
                let reason = format!("its ports had the names [{}], now they have others", names.join(", "));
                return Err(StateError::Invalid { device: config.id, reason });
            }
            table.len()
        };
        Ok(Self { config, ports, queue_sizes: vec![QUEUE_SIZE; 2 * (count + 1)], receiving: BTreeSet::new() })
    }

    fn handler<M: DeviceMemory>(&self, queue: VirtQueue<M>) -> io::Result<Box<dyn QueueHandler>> {
        let ports = Arc::clone(&self.ports);
        Ok(match Role::of(queue.index()) {
            Role::Receive(port) => Box::new(Receiver::new(queue, ports, port)?),
            Role::Transmit(port) => Box::new(Transmitter::new(queue, ports, port, !self.receiving.contains(&port))?),
            Role::ControlReceive => Box::new(ControlReceiver::new(queue, ports)),
            Role::ControlTransmit => Box::new(ControlTransmitter::new(queue, ports)),
        })
    }
}

impl<M: DeviceMemory> VirtioDevice<M> for VirtioConsole {
    fn id(&self) -> &DeviceId {
        &self.config.id
    }

    fn device_type(&self) -> u32 {
        VIRTIO_ID_CONSOLE
    }

    fn queue_max_sizes(&self) -> &[u16] {
        &self.queue_sizes
    }

    fn features(&self) -> u64 {
        1 << F_SIZE | 1 << F_MULTIPORT | 1 << F_EMERG_WRITE
    }

    fn connect(&mut self, interrupt: Arc<dyn VirtioInterrupt>) {
        self.ports.connect(&interrupt);
    }

    fn read_config(&self, offset: u64, data: &mut [u8]) {
        let table = self.ports.table();
        read_space(&space(table.size(), u32::try_from(table.len()).unwrap_or(u32::MAX)), offset, data);
    }

    fn write_config(&mut self, offset: u64, data: &[u8]) {
        // A character of a driver that has no queue yet, or no other way any more (VIRTIO 1.2 5.3.4).
        if let (EMERGENCY, Some(character)) = (offset, data.first())
            && let Some(console) = self.ports.table().port(0)
        {
            // What there is no room for is lost: nobody can wait here.
            console.end.write(&[*character]);
        }
    }

    fn activate(&mut self, activation: Activation<M>) -> Result<Vec<Box<dyn QueueHandler>>, ActivateError> {
        self.ports.table().multiport = activation.features & 1 << F_MULTIPORT != 0;
        self.receiving.extend(activation.queues.iter().filter_map(|queue| match Role::of(queue.index()) {
            Role::Receive(port) => Some(port),
            _ => None,
        }));
        let handlers = activation.queues.into_iter().map(|queue| self.handler(queue));
        handlers.collect::<Result<_, _>>().map_err(ActivateError::Backend)
    }

    fn reset(&mut self) {
        self.ports.table().forget();
        self.receiving.clear();
    }

    fn save(&self) -> Result<Section, StateError> {
        Section::encode(&self.config.id, &self.ports.table().state())
    }
}
