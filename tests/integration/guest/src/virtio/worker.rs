//! A device over PCI that is asked to do something, again and again, while a test changes what is around it.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use virtio_drivers::device::rng::VirtIORng;

use super::{BLOCK, Device, ENTROPY, GuestHal, PciLink, Transport, all};
use crate::disk;
use crate::pci::Function;

/// A function with its driver; it was not reset since that came.
pub struct Worker {
    /// The function.
    pub function: Function,
    link: PciLink,
    driver: Driver,
}

enum Driver {
    Entropy(Box<VirtIORng<GuestHal, Transport>>),
    Disk(usize),
}

impl Worker {
    /// A worker for each function with a device that we have a driver for.
    ///
    /// # Errors
    /// What is wrong with one.
    pub fn all() -> Result<Vec<Self>, String> {
        let mut disks = 0..;
        let mut workers = Vec::new();
        for device in all() {
            let (Device::Pci(function), Some(id)) = (device, device.id()) else { continue };
            match id {
                ENTROPY => workers.push(Self::entropy(function)?),
                BLOCK => workers.extend(disks.next().map(|index| Self::disk(function, index)).transpose()?),
                _ => {}
            }
        }
        Ok(workers)
    }

    fn entropy(function: Function) -> Result<Self, String> {
        let (transport, _) = Device::Pci(function).open()?;
        let Transport::Pci(link) = &transport else { return Err(String::from("not over PCI")) };
        let link = link.clone();
        let driver = VirtIORng::new(transport).map_err(|error| format!("init: {error}"))?;
        Ok(Self { function, link, driver: Driver::Entropy(Box::new(driver)) })
    }

    fn disk(function: Function, index: usize) -> Result<Self, String> {
        disk::with(index, |disk| {
            let link = disk.link.clone().ok_or("not over PCI")?;
            Ok(Self { function, link, driver: Driver::Disk(index) })
        })
    }

    /// Does one piece of work: a request for entropy, polled, or a disk read, by interrupt.
    ///
    /// # Errors
    /// It did not work.
    pub fn work(&mut self) -> Result<(), String> {
        let at = self.function.at;
        match &mut self.driver {
            Driver::Entropy(driver) => {
                let got = driver.request_entropy(&mut [0; 16]).map_err(|error| format!("at={at} entropy: {error}"))?;
                driver.ack_interrupt();
                if got == 0 { Err(format!("at={at} no entropy")) } else { Ok(()) }
            }
            Driver::Disk(index) => disk::with(*index, |disk| {
                let late = disk.late;
                disk.checksum(0, 1).map_err(|error| format!("at={at} {error}"))?;
                if disk.late == late { Ok(()) } else { Err(format!("at={at} no interrupt")) }
            }),
        }
    }

    /// The same after BARs were moved.
    ///
    /// # Errors
    /// It did not work.
    pub fn work_at_new_place(&mut self) -> Result<(), String> {
        self.link.find_again()?;
        self.work()
    }
}
