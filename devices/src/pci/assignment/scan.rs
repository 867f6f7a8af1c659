//! Finds functions, numbers the buses behind bridges, and collects what wants an address.

use super::AssignmentError;
use super::pool::{Pool, Request, Requests, Target};
use crate::bus::Width;
use crate::pci::{Command, PciAddress, PciBus, Slot, header};

/// In a BAR: ports.
const BAR_IO: u64 = 0x1;
/// In a memory BAR, bits 1 and 2: 64 bits.
const BAR_TYPE: u64 = 0x6;
const BAR_64: u64 = 0x4;
/// In a memory BAR: reads have no effect.
const BAR_PREFETCHABLE: u64 = 0x8;
const IO_ADDRESS: u64 = 0xffff_fffc;
const MEMORY_ADDRESS: u64 = 0xffff_ffff_ffff_fff0;
const ROM_ADDRESS: u64 = 0xffff_f800;

/// A walk over all buses.
pub(super) struct Scan<'a> {
    bus: &'a PciBus,
    /// The highest bus number that was given.
    last_bus: u8,
}

impl<'a> Scan<'a> {
    /// What is on the root bus and wants addresses.
    pub(super) fn of(bus: &'a PciBus) -> Result<Requests, AssignmentError> {
        Self { bus, last_bus: 0 }.segment(0)
    }

    fn segment(&mut self, number: u8) -> Result<Requests, AssignmentError> {
        let mut requests = Requests::default();
        for device in 0..32 {
            for function in 0..8 {
                let address = PciAddress { bus: number, slot: Slot::new(device, function) };
                let is_there = self.bus.read(address, header::VENDOR_ID, Width::Word) != Width::Word.ones();
                let header_type = self.bus.read(address, header::HEADER_TYPE, Width::Byte);
                let has_more = header_type & u64::from(header::MULTI_FUNCTION) != 0;
                if is_there {
                    let is_bridge = header_type & !u64::from(header::MULTI_FUNCTION) == u64::from(header::TYPE_BRIDGE);
                    self.function(address, is_bridge, &mut requests)?;
                }
                if function == 0 && !(is_there && has_more) {
                    break;
                }
            }
        }
        Ok(requests)
    }

    fn function(
        &mut self,
        address: PciAddress,
        is_bridge: bool,
        requests: &mut Requests,
    ) -> Result<(), AssignmentError> {
        let (bars, rom) = if is_bridge { (2, header::BRIDGE_ROM) } else { (6, header::ROM) };
        let mut offsets = (0..bars).map(|bar| header::BAR0 + 4 * bar);
        while let Some(offset) = offsets.next() {
            if let Some((pool, size, is_64)) = self.bar(address, offset) {
                requests
                    .push(pool, Request { function: address, size, align: size, target: Target::Bar(offset, is_64) });
                if is_64 {
                    offsets.next();
                }
            }
        }
        let rom_bits = self.ones(address, rom, ROM_ADDRESS) & ROM_ADDRESS;
        if rom_bits != 0 {
            let size = (!rom_bits & 0xffff_ffff) + 1;
            let target = Target::Bar(rom, false);
            requests.push(Pool::Memory32, Request { function: address, size, align: size, target });
        }
        if is_bridge {
            self.bridge(address, requests)?;
        }
        Ok(())
    }

    /// The pool and the size that the BAR at `offset` asks for, and whether it has 64 bits. Behind a bridge, memory
    /// above 4 GiB is prefetchable only.
    fn bar(&self, address: PciAddress, offset: u16) -> Option<(Pool, u64, bool)> {
        let low = self.ones(address, offset, 0xffff_ffff);
        if low & BAR_IO != 0 {
            // The upper 16 bits of a port's address may be fixed at zero.
            return Some((Pool::Io, (!(low & IO_ADDRESS) & 0xffff) + 1, false));
        }
        let is_64 = low & BAR_TYPE == BAR_64;
        let high = if is_64 { self.ones(address, offset + 4, 0xffff_ffff) } else { 0xffff_ffff };
        let bits = (high << 32 | low) & MEMORY_ADDRESS;
        if low & MEMORY_ADDRESS == 0 && !is_64 || bits == 0 {
            return None;
        }
        let above = is_64 && (address.bus == 0 || low & BAR_PREFETCHABLE != 0);
        Some((if above { Pool::Memory64 } else { Pool::Memory32 }, (!bits).wrapping_add(1), is_64))
    }

    /// What a register reads after ones were written to it; it is zero then.
    fn ones(&self, address: PciAddress, offset: u16, ones: u64) -> u64 {
        self.bus.write(address, offset, Width::Dword, ones);
        let read = self.bus.read(address, offset, Width::Dword);
        self.bus.write(address, offset, Width::Dword, 0);
        read
    }

    /// Numbers the bus behind a bridge and those behind it, and asks for windows for what is there.
    fn bridge(&mut self, address: PciAddress, requests: &mut Requests) -> Result<(), AssignmentError> {
        let secondary = self.last_bus.checked_add(1).ok_or(AssignmentError::NoBusNumber(address))?;
        self.last_bus = secondary;
        self.bus.write(address, header::PRIMARY_BUS, Width::Byte, address.bus.into());
        self.bus.write(address, header::SECONDARY_BUS, Width::Byte, secondary.into());
        self.bus.write(address, header::SUBORDINATE_BUS, Width::Byte, 0xff);
        let behind = self.segment(secondary)?;
        self.bus.write(address, header::SUBORDINATE_BUS, Width::Byte, self.last_bus.into());
        requests.push_windows(self.bus, address, behind);
        let command = Command::IO | Command::MEMORY | Command::BUS_MASTER;
        self.bus.write(address, header::COMMAND, Width::Word, command.bits().into());
        Ok(())
    }
}
