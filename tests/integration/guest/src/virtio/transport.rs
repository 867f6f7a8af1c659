//! The transport that drivers get: the crate's own, and over PCI with message vectors and BARs that move.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use core::cell::RefCell;

use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::pci::PciTransport;
use virtio_drivers::transport::pci::bus::{DeviceFunction, PciRoot};
use virtio_drivers::transport::{self, DeviceStatus, DeviceType, InterruptStatus};
use virtio_drivers::{PhysAddr, Result as DriverResult};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use super::{GuestHal, Structure, structures};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::cpu::{read_physical, write_physical};
use crate::paging;
use crate::pci::config::{Ecam, read32};
use crate::pci::function::command;
use crate::pci::{Function, bar};

/// `config_msix_vector`, `queue_select` and `queue_msix_vector` of the common configuration (VIRTIO 1.2 4.1.4.3).
const CONFIG_MSIX_VECTOR: u64 = 0x10;
const QUEUE_SELECT: u64 = 0x16;
const QUEUE_MSIX_VECTOR: u64 = 0x1a;
/// `queue_notify_off` and `queue_reset`, likewise.
const QUEUE_NOTIFY_OFFSET: u64 = 0x1e;
const QUEUE_RESET: u64 = 0x3a;

/// A way to a device's registers.
pub enum Transport {
    /// The crate's.
    Mmio(MmioTransport<'static>),
    /// The crate's, behind a link.
    Pci(PciLink),
}

/// A function's transport, shared by its driver and by whoever moves its BARs meanwhile.
#[derive(Clone)]
pub struct PciLink(Rc<RefCell<Link>>);

struct Link {
    function: Function,
    transport: PciTransport,
    common: u64,
    /// How many MSI-X vectors are in use; none means INTx.
    messages: u16,
}

/// Switches decoding on and makes every BAR's place reachable; the crate's transport over it.
fn transport(function: Function) -> Result<(PciTransport, u64), String> {
    function.command(command::MEMORY | command::IO | command::MASTER, 0);
    for bar in bar::bars(function) {
        paging::map_device(bar.address)?;
    }
    let common = structures(function).into_iter().find(|structure| structure.kind == Structure::COMMON);
    let common = common.ok_or("no common configuration")?.address(function);
    let at = DeviceFunction { bus: function.at.bus, device: function.at.device, function: function.at.function };
    let transport = PciTransport::new::<GuestHal, _>(&mut PciRoot::new(Ecam), at);
    Ok((transport.map_err(|error| format!("{error}"))?, common))
}

impl PciLink {
    /// A transport for `function` that gives each queue an MSI-X vector, if there are `messages`: queue N gets N + 1.
    ///
    /// # Errors
    /// What the driver crate dislikes about the function.
    pub fn new(function: Function, messages: u16) -> Result<Self, String> {
        let (transport, common) = transport(function)?;
        Ok(Self(Rc::new(RefCell::new(Link { function, transport, common, messages }))))
    }

    /// Finds the BARs where they are now; the device keeps its state.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn find_again(&self) -> Result<(), String> {
        let mut link = self.0.borrow_mut();
        let (transport, common) = transport(link.function)?;
        link.common = common;
        // Dropping the old one would reset the device.
        core::mem::forget(core::mem::replace(&mut link.transport, transport));
        Ok(())
    }

    /// The function.
    pub fn function(&self) -> Function {
        self.0.borrow().function
    }

    /// Gives configuration changes an MSI-X vector (0xffff: none); returns the one that the device says they have now.
    pub fn set_config_vector(&self, vector: u16) -> u16 {
        let common = self.0.borrow().common;
        // SAFETY: the common configuration is mapped, and its fields are naturally aligned.
        unsafe {
            write_physical(common + CONFIG_MSIX_VECTOR, vector);
            read_physical(common + CONFIG_MSIX_VECTOR)
        }
    }

    /// The same for a queue.
    fn set_vector(&self, queue: u16, vector: u16) -> u16 {
        let common = self.0.borrow().common;
        // SAFETY: the common configuration is mapped, and its fields are naturally aligned.
        unsafe {
            write_physical(common + QUEUE_SELECT, queue);
            write_physical(common + QUEUE_MSIX_VECTOR, vector);
            read_physical(common + QUEUE_MSIX_VECTOR)
        }
    }

    /// Resets a queue and waits until that is done; `false`: it takes too long.
    fn reset_queue(&self, queue: u16) -> bool {
        let common = self.0.borrow().common;
        // SAFETY: the common configuration is mapped, and its fields are naturally aligned.
        unsafe {
            write_physical(common + QUEUE_SELECT, queue);
            write_physical(common + QUEUE_RESET, 1u16);
        }
        let timeout = Timeout::after(PATIENCE_MS);
        // SAFETY: as above.
        while unsafe { read_physical::<u16>(common + QUEUE_RESET) } != 0 {
            if timeout.passed() {
                return false;
            }
        }
        true
    }

    /// Where a notification of `queue` is written (VIRTIO 1.2 4.1.4.4).
    fn doorbell(&self, queue: u16) -> Option<u64> {
        let Link { function, common, .. } = *self.0.borrow();
        let notify = structures(function).into_iter().find(|structure| structure.kind == Structure::NOTIFY)?;
        // SAFETY: the common configuration is mapped, and its fields are naturally aligned.
        let offset = unsafe {
            write_physical(common + QUEUE_SELECT, queue);
            read_physical::<u16>(common + QUEUE_NOTIFY_OFFSET)
        };
        let multiplier = read32(function.at, notify.capability + 16);
        Some(notify.address(function) + u64::from(offset) * u64::from(multiplier))
    }

    fn prepare_queue(&self, queue: u16) {
        let messages = self.0.borrow().messages;
        if messages > 0 {
            let vector = (queue + 1).min(messages - 1);
            assert_eq!(self.set_vector(queue, vector), vector, "the device has no MSI-X vector {vector}");
        }
    }
}

macro_rules! with {
    ($self:ident, $transport:ident => $work:expr) => {
        match $self {
            Transport::Mmio($transport) => $work,
            Transport::Pci(link) => {
                #[allow(unused_mut, reason = "some of the transport's functions need no mutable access")]
                let mut link = link.0.borrow_mut();
                let $transport = &mut link.transport;
                $work
            }
        }
    };
}

impl Transport {
    /// Where notifications of `queue` are written: the crate's transport asks again at each. `None` over MMIO, where it is
    /// the same for all.
    pub fn doorbell(&self, queue: u16) -> Option<u64> {
        match self {
            Self::Mmio(_) => None,
            Self::Pci(link) => link.doorbell(queue),
        }
    }

    /// Resets a queue (VIRTIO 1.2 2.6.1), which can be set up again afterwards.
    ///
    /// # Errors
    /// The device does not do it in time.
    pub fn reset_queue(&mut self, queue: u16) -> Result<(), String> {
        match self {
            Self::Mmio(transport) => transport::Transport::queue_unset(transport, queue),
            Self::Pci(link) if link.reset_queue(queue) => {}
            Self::Pci(_) => return Err(format!("queue {queue} is not reset in time")),
        }
        Ok(())
    }
}

impl transport::Transport for Transport {
    fn device_type(&self) -> DeviceType {
        with!(self, transport => transport.device_type())
    }

    fn read_device_features(&mut self) -> u64 {
        with!(self, transport => transport.read_device_features())
    }

    fn write_driver_features(&mut self, driver_features: u64) {
        with!(self, transport => transport.write_driver_features(driver_features))
    }

    fn max_queue_size(&mut self, queue: u16) -> u32 {
        with!(self, transport => transport.max_queue_size(queue))
    }

    fn notify(&mut self, queue: u16) {
        with!(self, transport => transport.notify(queue))
    }

    fn get_status(&self) -> DeviceStatus {
        with!(self, transport => transport.get_status())
    }

    fn set_status(&mut self, status: DeviceStatus) {
        with!(self, transport => transport.set_status(status))
    }

    fn set_guest_page_size(&mut self, guest_page_size: u32) {
        with!(self, transport => transport.set_guest_page_size(guest_page_size))
    }

    fn requires_legacy_layout(&self) -> bool {
        with!(self, transport => transport.requires_legacy_layout())
    }

    fn queue_set(
        &mut self,
        queue: u16,
        size: u32,
        descriptors: PhysAddr,
        driver_area: PhysAddr,
        device_area: PhysAddr,
    ) {
        // Before the queue is enabled, as 4.1.5.1.3 of VIRTIO 1.2 has it.
        if let Self::Pci(link) = self {
            link.prepare_queue(queue);
        }
        with!(self, transport => transport.queue_set(queue, size, descriptors, driver_area, device_area))
    }

    fn queue_unset(&mut self, queue: u16) {
        with!(self, transport => transport.queue_unset(queue))
    }

    fn queue_used(&mut self, queue: u16) -> bool {
        with!(self, transport => transport.queue_used(queue))
    }

    fn ack_interrupt(&mut self) -> InterruptStatus {
        with!(self, transport => transport.ack_interrupt())
    }

    fn read_config_generation(&self) -> u32 {
        with!(self, transport => transport.read_config_generation())
    }

    fn read_config_space<T: FromBytes + IntoBytes>(&self, offset: usize) -> DriverResult<T> {
        with!(self, transport => transport.read_config_space(offset))
    }

    fn write_config_space<T: IntoBytes + Immutable>(&mut self, offset: usize, value: T) -> DriverResult<()> {
        with!(self, transport => transport.write_config_space(offset, value))
    }
}
