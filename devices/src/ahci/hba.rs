//! The controller: its registers, its interrupt, and what its ports receive (AHCI 1.3.1, 3.1 and 10.7).

use super::fis;
use super::port::{Connected, Effect, Port, status_after_reset};
use super::registers::*;
use crate::bus::{BusDevice, Width};
use crate::id::DeviceId;
use crate::interrupt::LevelLine;
use crate::pci::Msi;
use crate::virtio::DeviceMemory;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vm_memory::{Bytes, GuestAddress};
use vmm_sys_util::eventfd::EventFd;

/// Shared by the guest's accesses and the ports' handlers.
pub(super) struct Hba<M: DeviceMemory> {
    pub(super) id: DeviceId,
    pub(super) memory: M,
    connected: [Connected; PORTS],
    /// What wakes each port's handler.
    events: Vec<Arc<EventFd>>,
    pin: Arc<dyn LevelLine>,
    msi: Arc<Msi>,
    registers: Mutex<Registers>,
}

/// Everything that changes.
pub(super) struct Registers {
    /// GHC.IE.
    interrupts: bool,
    /// A reset is not over while a command is under way.
    resetting: bool,
    is: u32,
    pub(super) ports: [Port; PORTS],
    /// What the last message was for: another is sent for what comes beside it, and for what software leaves.
    told: u32,
    /// The command register forbids the pin.
    pin_disabled: bool,
}

/// The registers in their saved form.
pub(super) type SavedRegisters = (bool, u32, Vec<Port>);

impl<M: DeviceMemory> Hba<M> {
    /// A controller as after power-on.
    pub(super) fn new(
        id: DeviceId,
        memory: M,
        connected: [Connected; PORTS],
        events: Vec<Arc<EventFd>>,
        pin: Arc<dyn LevelLine>,
        msi: Arc<Msi>,
    ) -> Self {
        let mut ports: [Port; PORTS] = Default::default();
        ports.iter_mut().zip(connected).for_each(|(port, connected)| port.reset(connected));
        let registers = Registers { interrupts: false, resetting: false, is: 0, ports, told: 0, pin_disabled: false };
        Self { id, memory, connected, events, pin, msi, registers: Mutex::new(registers) }
    }

    /// What is connected to `port`.
    pub(super) fn connected(&self, port: usize) -> Connected {
        self.connected.get(port).copied().unwrap_or(Connected::Nothing)
    }

    /// The registers as they were saved.
    pub(super) fn restore(&self, (interrupts, is, ports): SavedRegisters) -> Result<(), String> {
        let ports = <[Port; PORTS]>::try_from(ports).map_err(|ports| format!("it has {} ports", ports.len()))?;
        for (index, (port, connected)) in ports.iter().zip(self.connected).enumerate() {
            port.check(connected).map_err(|reason| format!("port {index}: {reason}"))?;
        }
        if is >> PORTS != 0 {
            return Err("a port that does not exist interrupts".into());
        }
        let mut registers = self.lock();
        (registers.interrupts, registers.is, registers.ports) = (interrupts, is, ports);
        for port in &mut registers.ports {
            port.ci |= std::mem::take(&mut port.parked);
        }
        Ok(())
    }

    /// The registers, while no command is under way.
    pub(super) fn save(&self) -> SavedRegisters {
        let registers = self.lock();
        (registers.interrupts, registers.is, registers.ports.to_vec())
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Registers> {
        // A panic in another thread leaves plain registers behind.
        self.registers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The command register forbids the pin, or not; what MSI is to be has been followed.
    pub(super) fn disable_pin(&self, disabled: bool) {
        let mut registers = self.lock();
        registers.pin_disabled = disabled;
        self.update(&mut registers);
    }

    /// The controller wants its pin asserted, or has a message to send.
    pub(super) fn is_pending(&self) -> bool {
        let registers = self.lock();
        registers.interrupts && registers.is != 0
    }

    /// The pin's level is computed anew, and a message that was not sent is.
    pub(super) fn resume(&self) {
        self.update(&mut self.lock());
    }

    /// Latches the ports' interrupts, and sets the pin's level or sends a message (AHCI 1.3.1, 10.7.2): after each change,
    /// under the lock.
    pub(super) fn update(&self, registers: &mut Registers) {
        for (index, port) in registers.ports.iter().enumerate() {
            if port.interrupts() & port.ie != 0 {
                registers.is |= 1 << index;
            }
        }
        let wanted = if registers.interrupts { registers.is } else { 0 };
        self.pin.set(wanted != 0 && !self.msi.is_enabled() && !registers.pin_disabled);
        // What cannot be sent now is tried again at the next change.
        let sent = wanted & !registers.told != 0 && self.msi.notify();
        registers.told = if sent { wanted } else { registers.told & wanted };
    }

    /// `bytes` are received at `offset` of a port's area, if it receives; memory that is none loses them.
    pub(super) fn receive(&self, port: &Port, offset: u64, bytes: &[u8]) {
        if let Some(address) = port.received().and_then(|base| base.checked_add(offset)) {
            let _lost = self.memory.memory().write_slice(bytes, GuestAddress(address));
        }
    }

    /// The register FIS of a device that has begun anew, once it can be received.
    pub(super) fn sign(&self, port: &mut Port, connected: Connected) {
        if connected == Connected::Nothing || !port.take_unsigned() {
            return;
        }
        let signature = connected.signature();
        let end = fis::TaskFile {
            lba: u64::from(signature >> 8),
            count: u16::from(signature.to_le_bytes()[0]),
            ..fis::TaskFile::default()
        };
        self.receive(port, fis::AT_REGISTER, &fis::register(status_after_reset(connected), 1, &end, false));
    }

    fn wake(&self, port: usize) {
        if let Some(event) = self.events.get(port) {
            // Only fails when the counter is full, and then the handler is due anyway.
            let _ = event.write(1);
        }
    }

    fn read_register(&self, offset: u64) -> u32 {
        let mut registers = self.lock();
        match offset {
            CAP => CAPABILITIES,
            GHC => {
                registers.resetting &= registers.ports.iter().any(|port| port.busy);
                AE | if registers.interrupts { IE } else { 0 } | if registers.resetting { HR } else { 0 }
            }
            IS => registers.is,
            PI => (1 << PORTS) - 1,
            VS => VERSION,
            _ => match locate(offset) {
                Some((index, register)) => {
                    let connected = self.connected(index);
                    registers.ports.get(index).map_or(0, |port| port.read(register, connected))
                }
                None => 0,
            },
        }
    }

    fn write_register(&self, offset: u64, value: u32) {
        let mut registers = self.lock();
        match offset {
            GHC if value & HR != 0 => {
                (registers.interrupts, registers.is, registers.resetting) = (false, 0, true);
                registers.ports.iter_mut().zip(self.connected).for_each(|(port, connected)| port.reset(connected));
                (0..PORTS).for_each(|port| self.wake(port));
            }
            GHC => registers.interrupts = value & IE != 0,
            IS => (registers.is, registers.told) = (registers.is & !value, 0),
            _ => {
                let Some((index, register)) = locate(offset) else { return };
                let connected = self.connected(index);
                let Some(port) = registers.ports.get_mut(index) else { return };
                match port.write(register, value, connected) {
                    Effect::Nothing => {}
                    Effect::Wake => self.wake(index),
                    Effect::Sign => self.sign(port, connected),
                }
            }
        }
        self.update(&mut registers);
    }
}

/// Port and register at an offset.
fn locate(offset: u64) -> Option<(usize, u64)> {
    let offset = offset.checked_sub(FIRST_PORT)?;
    let port = usize::try_from(offset / PORT_LENGTH).ok().filter(|port| *port < PORTS)?;
    Some((port, offset % PORT_LENGTH))
}

impl<M: DeviceMemory> BusDevice for Hba<M> {
    /// Registers have 32 bits; a narrower read gives a part, a wider one two of them.
    fn read(&self, offset: u64, width: Width) -> u64 {
        let aligned = offset & !3;
        let low = u64::from(self.read_register(aligned));
        let high = if width == Width::Qword { u64::from(self.read_register(aligned + 4)) } else { 0 };
        (high << 32 | low) >> (8 * (offset - aligned)) & width.ones()
    }

    /// Only whole registers are written (AHCI 1.3.1, 3).
    fn write(&self, offset: u64, width: Width, value: u64) {
        if !offset.is_multiple_of(4) || width < Width::Dword {
            return;
        }
        let half = |value: u64| u32::try_from(value & 0xffff_ffff).unwrap_or_default();
        self.write_register(offset, half(value));
        if width == Width::Qword {
            self.write_register(offset + 4, half(value >> 32));
        }
    }
}
