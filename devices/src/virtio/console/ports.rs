//! All ports of a device. They outlive it: a reset of the machine makes a new one over the same ports.

use super::control::{Message, event};
use super::port::{Port, ring};
use super::state::ConsoleState;
use crate::backend::port::PortEnd;
use crate::virtio::VirtioInterrupt;
use rustix::event::{EventfdFlags, eventfd};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A port besides the console.
#[derive(Debug)]
pub struct NamedPort {
    /// What the guest finds it by (Linux: /dev/virtio-ports/NAME).
    pub name: String,
    /// Its end on the host.
    pub end: PortEnd,
}

/// The ports of a console device, shared by the device, its queues and the host. The lock is taken by the queues'
/// handlers: as long as one worker serves them all, nobody ever waits for it.
pub struct ConsolePorts {
    table: Mutex<Table>,
    device: Mutex<Option<Weak<dyn VirtioInterrupt>>>,
}

/// What is behind the lock.
pub(super) struct Table {
    ports: Vec<Port>,
    size: (u16, u16),
    /// The driver knows of port messages.
    pub(super) multiport: bool,
    /// Wakes whoever gives the driver messages.
    bell: Arc<OwnedFd>,
}

impl ConsolePorts {
    /// The console, whose end is `console`, and the ports `named`.
    ///
    /// # Errors
    /// The host has no descriptor left.
    pub fn new(console: PortEnd, named: Vec<NamedPort>) -> io::Result<Self> {
        let named = named.into_iter().map(|NamedPort { name, end }| Port::new(Some(name), end));
        let ports = std::iter::once(Port::new(None, console)).chain(named).collect::<Result<_, _>>()?;
        let bell = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
        let table = Table { ports, size: (0, 0), multiport: false, bell };
        Ok(Self { table: Mutex::new(table), device: Mutex::new(None) })
    }

    /// The console has so many columns and rows, of which the driver is told (VIRTIO 1.2 5.3.4, 5.3.6.2). At any time,
    /// from any thread; never blocks on the guest.
    pub fn set_size(&self, columns: u16, rows: u16) {
        {
            let mut table = self.table();
            if table.size == (columns, rows) {
                return;
            }
            table.size = (columns, rows);
            table.ports.iter_mut().for_each(Port::resized);
            table.ring_bell();
        }
        let device = self.device.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(Weak::upgrade);
        if let Some(device) = device {
            device.config_changed();
        }
    }

    /// The device that is behind the ports from now on.
    pub(super) fn connect(&self, device: &Arc<dyn VirtioInterrupt>) {
        *self.device.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::downgrade(device));
    }

    pub(super) fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for ConsolePorts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsolePorts").field("ports", &self.table().ports.len()).finish_non_exhaustive()
    }
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.ports.len()
    }

    pub(super) fn size(&self) -> (u16, u16) {
        self.size
    }

    pub(super) fn port(&mut self, number: usize) -> Option<&mut Port> {
        self.ports.get_mut(number)
    }

    /// Becomes readable when the driver is to get messages.
    pub(super) fn bell(&self) -> Arc<OwnedFd> {
        Arc::clone(&self.bell)
    }

    /// Wakes whoever gives the driver messages, if there are any.
    pub(super) fn ring_bell(&self) {
        if self.multiport && self.has_message() {
            ring(&self.bell);
        }
    }

    /// A new driver knows nothing.
    pub(super) fn forget(&mut self) {
        self.multiport = false;
        self.ports.iter_mut().for_each(Port::forget);
    }

    pub(super) fn state(&self) -> ConsoleState {
        ConsoleState { size: self.size, ports: self.ports.iter().map(Port::state).collect() }
    }

    /// Takes over `state`; `false`, and nothing is changed: it is that of other ports.
    pub(super) fn restore(&mut self, state: &ConsoleState) -> bool {
        if !self.ports.iter().map(|port| &port.name).eq(state.ports.iter().map(|port| &port.name)) {
            return false;
        }
        self.size = state.size;
        self.ports.iter_mut().zip(&state.ports).for_each(|(port, state)| port.set_state(state));
        true
    }

    /// Looks at what has changed at the end of port `number`, and wakes whom that concerns.
    pub(super) fn poll(&mut self, number: usize) {
        let multiport = self.multiport;
        if let Some(port) = self.ports.get_mut(number) {
            port.end.poll(port.is_reading(multiport));
            port.unstall();
        }
        self.ring_bell();
    }

    /// A message of the driver. What makes no sense is ignored.
    pub(super) fn control(&mut self, message: Message) {
        let port = usize::try_from(message.port).ok().and_then(|number| self.ports.get_mut(number));
        match (message.event, message.value, port) {
            (event::DEVICE_READY, 1, _) => self.ports.iter_mut().for_each(Port::add),
            (event::PORT_READY, 1, Some(port)) => port.greet(),
            (event::PORT_OPEN, value @ 0..=1, Some(port)) => port.set_guest_open(value == 1),
            _ => {}
        }
        self.ring_bell();
    }

    pub(super) fn has_message(&self) -> bool {
        self.ports.iter().any(Port::has_message)
    }

    /// The next message for the driver.
    pub(super) fn message(&mut self) -> Option<Vec<u8>> {
        let size = self.size;
        (0..).zip(&mut self.ports).find_map(|(number, port)| port.message(number, size))
    }
}
