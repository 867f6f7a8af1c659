//! BAR 0: the structures on their pages.

use super::common::Common;
use super::registers::Register;
use super::{DEVICE, ISR, NOTIFY, NOTIFY_MULTIPLIER, PAGE};
use crate::bus::{BusDevice, Width};
use crate::virtio::DeviceMemory;

impl<M: DeviceMemory> Common<M> {
    /// Reading ISR status acknowledges everything in it.
    fn take_isr(&self) -> u64 {
        self.core.acknowledge(u32::MAX).into()
    }

    fn read_device(&self, offset: u64, width: Width) -> u64 {
        let mut bytes = [0; 8];
        if let Some(data) = bytes.get_mut(..width.bytes()) {
            self.core.read_config(offset, data);
        }
        u64::from_le_bytes(bytes)
    }

    fn write_device(&self, offset: u64, width: Width, value: u64) {
        if let Some(data) = value.to_le_bytes().get(..width.bytes()) {
            self.core.write_config(offset, data);
        }
    }
}

impl<M: DeviceMemory> BusDevice for Common<M> {
    fn read(&self, offset: u64, width: Width) -> u64 {
        match offset {
            0..ISR if is_whole_address(offset, width) => {
                BusDevice::read(self, offset, Width::Dword) | BusDevice::read(self, offset + 4, Width::Dword) << 32
            }
            0..ISR => Register::read_at(offset, width)
                .map_or(0, |register| u64::from(Self::read(self, register)) & width.ones()),
            ISR if width == Width::Byte => self.take_isr(),
            ISR..DEVICE => 0,
            DEVICE..NOTIFY => self.read_device(offset - DEVICE, width),
            _ => 0,
        }
    }

    fn write(&self, offset: u64, width: Width, value: u64) {
        match offset {
            0..ISR if is_whole_address(offset, width) => {
                BusDevice::write(self, offset, Width::Dword, value);
                BusDevice::write(self, offset + 4, Width::Dword, value >> 32);
            }
            0..ISR => {
                if let Some(register) = Register::at(offset, width) {
                    let [a, b, c, d, ..] = (value & width.ones()).to_le_bytes();
                    Self::write(self, register, u32::from_le_bytes([a, b, c, d]));
                }
            }
            ISR..DEVICE => {}
            DEVICE..NOTIFY => self.write_device(offset - DEVICE, width, value),
            _ => {
                let offset = offset - NOTIFY;
                let multiplier = u64::from(NOTIFY_MULTIPLIER);
                // The place says which queue, as it does to the machine's ioeventfds; what is written repeats it.
                if offset.is_multiple_of(multiplier)
                    && let Ok(queue) = u32::try_from(offset / multiplier)
                {
                    self.core.notify(queue);
                }
            }
        }
    }
}

/// Drivers are to access the addresses of a queue by halves (VIRTIO 1.2 4.1.3.1); some access them whole.
fn is_whole_address(offset: u64, width: Width) -> bool {
    width == Width::Qword && Register::ADDRESSES.contains(&offset) && offset.is_multiple_of(8)
}

/// Bytes of the BAR, for `queues` queues.
pub(super) fn size(queues: u16) -> u64 {
    (NOTIFY + notify_length(queues)).max(NOTIFY + PAGE).next_power_of_two()
}

/// Bytes of the notification structure.
pub(super) fn notify_length(queues: u16) -> u64 {
    u64::from(NOTIFY_MULTIPLIER) * u64::from(queues)
}
