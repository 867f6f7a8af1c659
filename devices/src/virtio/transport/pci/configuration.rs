//! The function's configuration space: identity, BARs, and the capabilities that say where the structures are
//! (VIRTIO 1.2 4.1.2, 4.1.4).

use super::window::Window;
use super::{COMMON, DEVICE, ISR, NOTIFY, NOTIFY_MULTIPLIER, PAGE, STRUCTURES_BAR, VENDOR, bar, registers};
use crate::pci::{BarKind, Identity, LayoutError, PciConfiguration, Pin};

/// A modern device's number is its type above this.
const DEVICE_BASE: u16 = 0x1040;
/// 1 or higher: no transitional device.
const REVISION: u8 = 1;
/// The capability of vendors' own structures.
const VENDOR_CAPABILITY: u8 = 0x09;

/// Which structure a capability is about (cfg_type).
#[derive(Clone, Copy)]
#[repr(u8)]
enum Structure {
    Common = 1,
    Notify = 2,
    Isr = 3,
    Device = 4,
    Window = 5,
}

/// The configuration space of a device of type `device_type` with `queues` queues: identity and the structures' BAR.
pub(super) fn identify(device_type: u32, queues: u16) -> Result<PciConfiguration, LayoutError> {
    let device = DEVICE_BASE.saturating_add(u16::try_from(device_type).unwrap_or(u16::MAX));
    let mut space = PciConfiguration::new(Identity {
        vendor: VENDOR,
        device,
        revision: REVISION,
        class: class(device_type),
        subsystem_vendor: VENDOR,
        subsystem: device,
    });
    space.set_interrupt_pin(Pin::A);
    space.add_bar(STRUCTURES_BAR, BarKind::Memory64, bar::size(queues))?;
    Ok(space)
}

/// Appends the capabilities of the structures and returns the window among them.
pub(super) fn describe(space: &mut PciConfiguration, queues: u16) -> Result<Window, LayoutError> {
    add(space, Structure::Common, COMMON, registers::LENGTH.into(), &[])?;
    add(space, Structure::Isr, ISR, 1, &[])?;
    add(space, Structure::Device, DEVICE, PAGE, &[])?;
    add(space, Structure::Notify, NOTIFY, bar::notify_length(queues), &NOTIFY_MULTIPLIER.to_le_bytes())?;
    let window = add(space, Structure::Window, 0, 0, &[0; 4])?;
    Ok(Window::new(space, window, bar::size(queues)))
}

/// Appends the capability of a structure in BAR 0, with `extra` bytes of its own; returns where it is.
fn add(
    space: &mut PciConfiguration,
    structure: Structure,
    offset: u64,
    length: u64,
    extra: &[u8],
) -> Result<u16, LayoutError> {
    let size = 16 + u8::try_from(extra.len()).unwrap_or(u8::MAX);
    let number = |value: u64| u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes();
    let mut body = vec![size, structure as u8, STRUCTURES_BAR, 0, 0, 0];
    body.extend_from_slice(&number(offset));
    body.extend_from_slice(&number(length));
    body.extend_from_slice(extra);
    space.add_capability(VENDOR_CAPABILITY, &body)
}

/// Base class, subclass and interface of a virtio device type: drivers go by the device's number, people read this.
const fn class(device_type: u32) -> [u8; 3] {
    match device_type {
        1 => [0x02, 0x00, 0x00], // Ethernet controller
        2 => [0x01, 0x80, 0x00], // other mass storage
        3 => [0x07, 0x80, 0x00], // other communication
        _ => [0xff, 0x00, 0x00], // of no defined class
    }
}
