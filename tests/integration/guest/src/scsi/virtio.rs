//! Commands to a target of a virtio SCSI device (VIRTIO 1.2 5.6), one at a time, completed by interrupt or by polling.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use virtio_drivers::queue::VirtQueue;
use virtio_drivers::transport::{DeviceStatus, Transport as _};

use super::{Carrier, Failure};
use crate::clock::{PATIENCE_MS, Timeout};
use crate::interrupt::Interrupt;
use crate::virtio::{self, GuestHal, Transport};

const QUEUE_SIZE: usize = 16;
const REQUEST_QUEUE: u16 = 2;
const CONTROL_QUEUE: u16 = 0;
/// Sizes of commands and of sense data, after a reset.
const CDB: usize = 32;
const SENSE: usize = 96;
/// VIRTIO_F_VERSION_1.
const VERSION_1: u64 = 1 << 32;

/// A device; its targets share it.
pub struct Device {
    transport: Transport,
    interrupt: Interrupt,
    control: VirtQueue<GuestHal, QUEUE_SIZE>,
    requests: VirtQueue<GuestHal, QUEUE_SIZE>,
}

/// A target of a device.
#[derive(Clone)]
pub struct Target {
    device: Rc<RefCell<Device>>,
    number: u8,
}

impl Device {
    /// The board's virtio SCSI device.
    ///
    /// # Errors
    /// There is none, or it cannot be initialised.
    pub fn open() -> Result<Rc<RefCell<Self>>, String> {
        let device = virtio::devices(virtio::SCSI).next().ok_or("no virtio SCSI device")?;
        let (mut transport, interrupt) = device.open()?;
        transport.set_status(DeviceStatus::empty());
        let timeout = Timeout::after(PATIENCE_MS);
        while !transport.get_status().is_empty() && !timeout.passed() {
            core::hint::spin_loop();
        }
        let known = DeviceStatus::ACKNOWLEDGE | DeviceStatus::DRIVER;
        transport.set_status(known);
        if transport.read_device_features() & VERSION_1 == 0 {
            return Err(String::from("the device is a legacy one"));
        }
        transport.write_driver_features(VERSION_1);
        transport.set_status(known | DeviceStatus::FEATURES_OK);
        let mut queue = |index| {
            VirtQueue::new(&mut transport, index, false, false).map_err(|error| format!("queue {index}: {error}"))
        };
        let (control, requests) = (queue(CONTROL_QUEUE)?, queue(REQUEST_QUEUE)?);
        transport.set_status(known | DeviceStatus::FEATURES_OK | DeviceStatus::DRIVER_OK);
        Ok(Rc::new(RefCell::new(Self { transport, interrupt, control, requests })))
    }
}

impl Target {
    /// Target `number` of `device`.
    pub fn new(device: Rc<RefCell<Device>>, number: u8) -> Self {
        Self { device, number }
    }

    fn address(&self) -> [u8; 8] {
        [1, self.number, 0x40, 0, 0, 0, 0, 0]
    }

    /// Resets the unit; the device's response.
    ///
    /// # Errors
    /// The queue's.
    pub fn reset(&mut self) -> Result<u8, String> {
        const LOGICAL_UNIT_RESET: u32 = 5;
        let mut request = [0u32.to_le_bytes(), LOGICAL_UNIT_RESET.to_le_bytes()].concat();
        request.extend_from_slice(&self.address());
        request.extend_from_slice(&[0; 8]);
        let mut response = [0xff];
        let device = &mut *self.device.borrow_mut();
        let done = device.control.add_notify_wait_pop(&[&request], &mut [&mut response], &mut device.transport);
        device.transport.ack_interrupt();
        done.map_err(|error| format!("control queue: {error}"))?;
        Ok(response[0])
    }
}

impl Carrier for Target {
    fn execute(&mut self, cdb: &[u8], out: &[u8], room: &mut [u8]) -> Result<usize, Failure> {
        let mut request: Vec<u8> = self.address().to_vec();
        request.extend_from_slice(&[0; 11]);
        request.extend_from_slice(cdb);
        request.resize(19 + CDB, 0);
        let mut response = [0u8; 12 + SENSE];
        let device = &mut *self.device.borrow_mut();
        let outs: Vec<&[u8]> = [&request[..], out].into_iter().filter(|part| !part.is_empty()).collect();
        let length = room.len();
        let mut ins: Vec<&mut [u8]> = alloc::vec![&mut response[..]];
        if !room.is_empty() {
            ins.push(room);
        }
        let done = device.requests.add_notify_wait_pop(&outs, &mut ins, &mut device.transport);
        device.transport.ack_interrupt();
        device.interrupt.rearm();
        done.map_err(|error| Failure::Carrier(format!("request queue: {error}")))?;
        match (response[11], response[10]) {
            (0, 0) => {
                let residual = u32::from_le_bytes([response[4], response[5], response[6], response[7]]) as usize;
                Ok(length.saturating_sub(residual))
            }
            (0, 2) => Err(Failure::Sense(response[14], response[24], response[25])),
            (code, status) => Err(Failure::Carrier(format!("response {code}, status {status}"))),
        }
    }

    fn interrupts(&self) -> u64 {
        self.device.borrow().interrupt.count()
    }
}
