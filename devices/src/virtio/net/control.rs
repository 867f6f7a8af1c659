//! The control queue (VIRTIO 1.2 5.1.6.5): one command a chain, one byte of answer.

use super::mac::MacAddress;
use super::port::NetPort;
use super::session::Session;
use crate::backend::net::{NetBackend, Offloads};
use crate::virtio::chain::{AccessError, Chain};
use crate::virtio::{DeviceMemory, QueueHandler, VirtQueue};
use crate::worker::WorkerContext;
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;
use thiserror::Error;
use virtio_bindings::virtio_net::{
    VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, VIRTIO_NET_CTRL_GUEST_OFFLOADS,
    VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_CTRL_MQ,
    VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_ERR, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_MAC_ADDR,
    VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_MQ, VIRTIO_NET_OK,
};
use virtio_queue::QueueState;
use vm_memory::GuestMemory;
use vmm_sys_util::eventfd::EventFd;

/// Commands obeyed in one call.
const BUDGET: usize = 16;
/// Class and command.
const COMMAND: usize = 2;
/// The most that a command which we know brings along.
const MAX_ARGUMENT: usize = 8;

/// How a driver broke its control queue.
#[derive(Debug, Error)]
enum ControlFault {
    #[error("A control command has no room for its answer")]
    NoAnswer,
    #[error("A control command cannot be read or answered")]
    Memory(#[from] AccessError),
}

/// The control queue.
pub(super) struct Control<M: DeviceMemory> {
    queue: VirtQueue<M>,
    commands: Commands,
}

/// What commands work on.
struct Commands {
    features: u64,
    backend: Arc<dyn NetBackend>,
    port: Arc<NetPort>,
    session: Arc<Session>,
}

/// A command is none that this device takes.
struct Refused;

impl<M: DeviceMemory> Control<M> {
    pub(super) fn new(
        queue: VirtQueue<M>,
        features: u64,
        backend: Arc<dyn NetBackend>,
        port: Arc<NetPort>,
        session: Arc<Session>,
    ) -> Self {
        Self { queue, commands: Commands { features, backend, port, session } }
    }
}

impl Commands {
    /// Obeys the command in `chain` and writes the answer; how many bytes that are.
    fn serve<T>(&self, chain: &mut Chain<T>) -> Result<u32, ControlFault>
    where
        T: Clone + Deref<Target: GuestMemory> + Send + 'static,
    {
        if chain.writable.is_empty() {
            return Err(ControlFault::NoAnswer);
        }
        let mut bytes = [0; COMMAND + MAX_ARGUMENT];
        let length = usize::try_from(chain.readable.len()).unwrap_or(usize::MAX);
        // What is longer is a command that we do not know; its beginning is enough to refuse it.
        let command = bytes.get_mut(..length.min(COMMAND + MAX_ARGUMENT)).unwrap_or_default();
        chain.readable.read(0, command)?;
        let answer = match self.obey(command, length) {
            Ok(()) => VIRTIO_NET_OK,
            Err(Refused) => VIRTIO_NET_ERR,
        };
        let [answer, ..] = answer.to_le_bytes();
        chain.writable.write(0, &[answer])?;
        Ok(1)
    }

    /// `command` is the beginning of `length` bytes.
    fn obey(&self, command: &[u8], length: usize) -> Result<(), Refused> {
        let (head, argument) = command.split_at_checked(COMMAND).ok_or(Refused)?;
        let &[class, command] = head else { return Err(Refused) };
        let fits = |size: usize| if length == COMMAND + size { Ok(()) } else { Err(Refused) };
        match (u32::from(class), u32::from(command)) {
            (VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET) => {
                self.needs(VIRTIO_NET_F_CTRL_MAC_ADDR)?;
                fits(6)?;
                self.set_address(argument.try_into().map_err(|_| Refused)?)
            }
            (VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET) => {
                self.needs(VIRTIO_NET_F_MQ)?;
                fits(2)?;
                self.set_pairs(u16::from_le_bytes(argument.try_into().map_err(|_| Refused)?))
            }
            (VIRTIO_NET_CTRL_GUEST_OFFLOADS, VIRTIO_NET_CTRL_GUEST_OFFLOADS_SET) => {
                self.needs(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS)?;
                fits(8)?;
                self.set_offloads(u64::from_le_bytes(argument.try_into().map_err(|_| Refused)?))
            }
            (VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK) => {
                self.needs(VIRTIO_NET_F_GUEST_ANNOUNCE)?;
                fits(0)?;
                self.port.announced();
                Ok(())
            }
            _ => Err(Refused),
        }
    }

    fn needs(&self, feature: u32) -> Result<(), Refused> {
        if self.features & 1 << feature != 0 { Ok(()) } else { Err(Refused) }
    }

    fn set_address(&self, bytes: [u8; 6]) -> Result<(), Refused> {
        let address = MacAddress::new(bytes).map_err(|_| Refused)?;
        self.session.choices().mac = Some(address);
        Ok(())
    }

    fn set_pairs(&self, count: u16) -> Result<(), Refused> {
        if !(1..=self.backend.queues()).contains(&count) {
            return Err(Refused);
        }
        self.host(self.backend.set_active_queues(count))?;
        self.session.set_pairs(count);
        self.port.wake_queues();
        Ok(())
    }

    /// VIRTIO 1.2 5.1.6.5.7: among those that were negotiated.
    fn set_offloads(&self, bits: u64) -> Result<(), Refused> {
        let offloads = Offloads::from_bits(bits).ok_or(Refused)?;
        if !(self.session.negotiated() & Offloads::GUEST).contains(offloads) {
            return Err(Refused);
        }
        let offloads = offloads.consistent();
        self.host(self.backend.set_offloads(offloads))?;
        self.session.set_accepted(offloads);
        Ok(())
    }

    fn host(&self, result: std::io::Result<()>) -> Result<(), Refused> {
        result.map_err(|error| {
            self.port.host_failed("The host's network does not do what the guest's driver wants", &error);
            Refused
        })
    }
}

impl<M: DeviceMemory> QueueHandler for Control<M> {
    fn index(&self) -> u16 {
        self.queue.index()
    }

    fn notification(&self) -> &EventFd {
        self.queue.notification()
    }

    fn process(&mut self, _worker: &mut WorkerContext) -> bool {
        let Self { queue, commands } = self;
        queue.serve_at_once(BUDGET, |chain| commands.serve(chain))
    }

    fn drain(&mut self, _worker: &mut WorkerContext, _deadline: Instant) -> bool {
        true
    }

    fn state(&self) -> QueueState {
        self.queue.state()
    }
}
