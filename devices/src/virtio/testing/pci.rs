//! A device behind its PCI transport, with workers that run when the test says so.

use super::{Driver, FakeInterrupts, FakeWorkers, TestMemory, without_event_idx};
use crate::bus::{BusDevice, Width};
use crate::interrupt::IrqLine;
use crate::pci::{Command, ExpansionRom, ExpressKind, PciFunction, header};
use crate::virtio::VirtioDevice;
use crate::virtio::transport::pci::{PciAttachment, PciTransport, PciTransportError, PciTransportState};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The line that all functions share.
const LINE: IrqLine = IrqLine(17);
/// The id of the MSI-X capability.
const MSIX: u8 = 0x11;
/// Addresses of messages: only their data matters.
const ADDRESS: u32 = 0xfee0_0000;

/// A transport with its surroundings.
pub(crate) struct PciMachine {
    pub(crate) function: PciTransport<TestMemory>,
    pub(crate) workers: Arc<FakeWorkers>,
    pub(crate) interrupts: Arc<FakeInterrupts>,
    pub(crate) memory: TestMemory,
}

impl PciMachine {
    /// Not parked any more.
    pub(crate) fn new(device: Box<dyn VirtioDevice<TestMemory>>, memory: TestMemory) -> Self {
        let machine = Self::restored(device, memory, &Arc::default(), None).unwrap();
        machine.function.unpark();
        machine
    }

    /// Still parked.
    pub(crate) fn restored(
        device: Box<dyn VirtioDevice<TestMemory>>,
        memory: TestMemory,
        interrupts: &Arc<FakeInterrupts>,
        state: Option<PciTransportState>,
    ) -> Result<Self, PciTransportError> {
        Self::attached(device, memory, interrupts, None, state)
    }

    /// Still parked, with an expansion ROM or not.
    pub(crate) fn attached(
        device: Box<dyn VirtioDevice<TestMemory>>,
        memory: TestMemory,
        interrupts: &Arc<FakeInterrupts>,
        rom: Option<Arc<ExpansionRom>>,
        state: Option<PciTransportState>,
    ) -> Result<Self, PciTransportError> {
        let workers = Arc::new(FakeWorkers::default());
        let place = PciAttachment { line: LINE, express: ExpressKind::IntegratedEndpoint, rom };
        let function =
            PciTransport::new(device, Arc::clone(&memory), Arc::clone(&workers) as _, &**interrupts, place, state)?;
        Ok(Self { function, workers, interrupts: Arc::clone(interrupts), memory })
    }

    /// What answers at BAR `bar`.
    pub(crate) fn bar(&self, bar: u8) -> Arc<dyn BusDevice> {
        self.function.bar_device(bar).unwrap()
    }

    /// Reads BAR 0.
    pub(crate) fn read(&self, offset: u64, width: Width) -> u64 {
        self.bar(0).read(offset, width)
    }

    /// Writes BAR 0.
    pub(crate) fn write(&self, offset: u64, width: Width, value: u64) {
        self.bar(0).write(offset, width, value);
    }

    pub(crate) fn status(&self) -> u64 {
        self.read(0x14, Width::Byte)
    }

    pub(crate) fn set_status(&self, status: u64) {
        self.write(0x14, Width::Byte, status);
    }

    /// A driver's way to FEATURES_OK, with all features that are offered and that [`Driver`] can do.
    pub(crate) fn negotiate(&self) {
        for status in [0, 1, 3] {
            self.set_status(status);
        }
        for select in 0..2 {
            self.write(0x00, Width::Dword, select);
            self.write(0x08, Width::Dword, select);
            let features = self.read(0x04, Width::Dword);
            self.write(0x0c, Width::Dword, without_event_idx(select, features));
        }
        self.set_status(11);
        assert_eq!(self.status(), 11);
    }

    /// Configures queue 0 where [`Driver`] expects it.
    pub(crate) fn set_up_queue(&self, size: u16) {
        self.write(0x16, Width::Word, 0);
        self.write(0x18, Width::Word, size.into());
        for (register, address) in [(0x20, Driver::DESCRIPTORS), (0x28, Driver::AVAILABLE), (0x30, Driver::USED)] {
            self.write(register, Width::Dword, address);
            self.write(register + 4, Width::Dword, 0);
        }
        self.write(0x1c, Width::Word, 1);
        assert_eq!(self.read(0x1c, Width::Word), 1);
    }

    /// A driver's whole initialisation.
    pub(crate) fn start(&self, size: u16) -> Driver {
        self.negotiate();
        self.set_up_queue(size);
        self.set_status(15);
        Driver::new(Arc::clone(&self.memory), size)
    }

    /// Reading ISR, which clears it.
    pub(crate) fn take_isr(&self) -> u64 {
        self.read(0x1000, Width::Byte)
    }

    pub(crate) fn is_asserted(&self) -> bool {
        self.interrupts.is_asserted(LINE)
    }

    /// The interrupt bit of the PCI status register.
    pub(crate) fn is_pending(&self) -> bool {
        self.function.read_config(header::STATUS, Width::Word) & 8 != 0
    }

    pub(crate) fn set_command(&self, command: Command) {
        self.function.write_config(header::COMMAND, Width::Word, command.bits().into());
    }

    /// Offsets of the capabilities with this id.
    pub(crate) fn capabilities(&self, id: u8) -> Vec<u16> {
        let byte = |offset: u16| self.function.read_config(offset, Width::Byte) as u8;
        let mut found = Vec::new();
        let mut at = byte(header::CAPABILITIES);
        while at != 0 {
            found.push(u16::from(at));
            at = byte(u16::from(at) + 1);
        }
        found.retain(|at| byte(*at) == id);
        found
    }

    /// Enables MSI-X; vector n sends n + 0x20.
    pub(crate) fn enable_messages(&self, vectors: u32) {
        let table = self.bar(4);
        for vector in 0..vectors {
            let entry = u64::from(vector) * 16;
            table.write(entry, Width::Dword, ADDRESS.into());
            table.write(entry + 8, Width::Dword, u64::from(vector) + 0x20);
            table.write(entry + 12, Width::Dword, 0);
        }
        self.set_messages_enabled(true);
    }

    pub(crate) fn set_messages_enabled(&self, enabled: bool) {
        let control = self.capabilities(MSIX)[0] + 2;
        self.function.write_config(control, Width::Word, u32::from(enabled) << 15);
    }

    /// Parks, with workers that answer at once.
    pub(crate) fn park(&self) {
        let done = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&done);
        self.function.park(Box::new(move || seen.store(true, Ordering::Relaxed)));
        assert!(done.load(Ordering::Relaxed));
    }
}
