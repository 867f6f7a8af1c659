//! The devices of a board, in its order: slots of virtio-mmio, then PCI functions.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ptr::NonNull;

use virtio_drivers::transport::mmio::MmioTransport;
use virtio_drivers::transport::{DeviceStatus, Transport as _};

use super::transport::{PciLink, Transport};
use crate::cpu::read_physical;
use crate::interrupt::{self, Interrupt};
use crate::pci::{Function, bus};
use crate::platform::{Trigger, VirtioSlot, platform};

/// The PCI vendor id (VIRTIO 1.2 4.1.2).
pub const VENDOR: u16 = 0x1af4;
/// The PCI device id of a modern device, less its VIRTIO device id (VIRTIO 1.2 4.1.2.1).
const FIRST_ID: u16 = 0x1040;

/// A virtio device and where it was found.
#[derive(Clone, Copy)]
pub enum Device {
    /// Registers in memory.
    Mmio(VirtioSlot),
    /// A PCI function.
    Pci(Function),
}

/// All places where a device may be.
pub fn all() -> Vec<Device> {
    let slots = platform().virtio.iter().copied().map(Device::Mmio);
    let functions = bus::functions().into_iter().filter(|function| function.id().0 == VENDOR).map(Device::Pci);
    slots.chain(functions).collect()
}

/// The devices with the VIRTIO device id `id`, in the board's order.
pub fn devices(id: u32) -> impl Iterator<Item = Device> {
    all().into_iter().filter(move |device| device.id() == Some(id))
}

impl Device {
    /// The VIRTIO device id (0: nothing there); `None` when a slot's magic value is wrong.
    pub fn id(&self) -> Option<u32> {
        match self {
            // SAFETY: the tables say that virtio registers are there, below 4 GiB.
            Self::Mmio(slot) => unsafe {
                (read_physical::<u32>(slot.base) == 0x7472_6976).then(|| read_physical(slot.base + 8))
            },
            Self::Pci(function) => function.id().1.checked_sub(FIRST_ID).map(u32::from),
        }
    }

    /// Makes it ready for a driver: a transport over its registers, and its interrupt, delivered to CPU 0.
    ///
    /// # Errors
    /// What the driver crate dislikes about the registers, or there is no way for interrupts.
    pub fn open(&self) -> Result<(Transport, Interrupt), String> {
        match self {
            Self::Mmio(slot) => {
                let header = NonNull::new(core::ptr::with_exposed_provenance_mut(slot.base as usize));
                let header = header.ok_or("slot at address 0")?;
                // SAFETY: the tables say so, and each device is opened once.
                let transport = unsafe { MmioTransport::new(header, slot.size as usize) };
                let transport = transport.map_err(|error| format!("{error}"))?;
                let interrupt = Interrupt::Line { gsi: slot.gsi, level: slot.trigger == Trigger::Level };
                interrupt.deliver_to(0);
                Ok((Transport::Mmio(transport), interrupt))
            }
            Self::Pci(function) => {
                let interrupt = interrupt::of_function(*function)?;
                let link = PciLink::new(*function, interrupt.messages())?;
                interrupt.deliver_to(0);
                Ok((Transport::Pci(link), interrupt))
            }
        }
    }
}

/// Begins with a device: it is reset, and then has the features `wanted`, all of which it must offer.
///
/// # Errors
/// It does not offer one, or refuses them.
pub fn negotiate(transport: &mut Transport, wanted: u64) -> Result<(), String> {
    transport.set_status(DeviceStatus::empty());
    let status = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
    transport.set_status(status);
    let offered = transport.read_device_features();
    if offered & wanted != wanted {
        return Err(format!("features {wanted:#x} wanted, {offered:#x} offered"));
    }
    transport.write_driver_features(wanted);
    transport.set_status(status | DeviceStatus::FEATURES_OK);
    Ok(())
}
