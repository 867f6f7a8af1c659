//! What the board is, from ACPI or, without it, from the MP table and the command line.

use alloc::string::String;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicPtr, Ordering};

use crate::boot_info::BootInfo;
use crate::{acpi, mptable};

/// A register in an address space, as ACPI's generic address structure names it.
#[derive(Clone, Copy)]
pub enum Register {
    /// An I/O port.
    Port(u16),
    /// A byte in memory space.
    Memory(u64),
}

/// How a device's interrupt is declared.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Trigger {
    /// By a rising edge.
    Edge,
    /// By a level.
    Level,
}

/// ACPI's fixed hardware (ACPI 6.5 4.8.3), as the FADT names it: ports, 0 for what is absent.
#[derive(Clone, Copy)]
pub struct FixedHardware {
    /// The system control interrupt, a number of an ISA interrupt.
    pub sci: u32,
    /// PM1a event block: status, and behind it enable.
    pub event: u16,
    /// PM1a control block.
    pub control: u16,
    /// PM timer.
    pub timer: u16,
    /// Whether the PM timer has 32 bits, and not 24.
    pub timer_is_wide: bool,
    /// General purpose event block 0.
    pub gpe0: u16,
    /// Where ACPI mode is switched on, and the value that does it.
    pub enable: (u16, u8),
    /// Whether the blocks' two forms in the table, as ports and as address structures, agree.
    pub agrees: bool,
}

/// A segment group's configuration space in memory (PCI Firmware Specification 3.3 4.1.2).
#[derive(Clone, Copy)]
pub struct Ecam {
    /// Where bus 0 would be.
    pub base: u64,
    /// First and last bus.
    pub buses: (u8, u8),
}

/// Where the interrupt pin of a device on bus 0 arrives (ACPI 6.5 6.2.13).
#[derive(Clone, Copy)]
pub struct PciRoute {
    /// The device number.
    pub device: u8,
    /// 0 is INTA.
    pub pin: u8,
    /// The GSI.
    pub gsi: u32,
}

/// What a PCI host bridge decodes (ACPI 6.5 6.4.3.5).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PciWindow {
    /// Ports, and not memory.
    pub io: bool,
    /// First and last address.
    pub range: (u64, u64),
}

/// One virtio-mmio device as it was found.
#[derive(Clone, Copy)]
pub struct VirtioSlot {
    /// First register.
    pub base: u64,
    /// Bytes of registers.
    pub size: u64,
    /// Its interrupt (GSI).
    pub gsi: u32,
    /// How that is declared.
    pub trigger: Trigger,
}

/// What was found.
#[derive(Default)]
pub struct Platform {
    /// The RSDP was there (its address), or 0.
    pub rsdp: u64,
    /// The MP floating pointer was there (its address), or 0.
    pub mp_table: u64,
    /// APIC ids of enabled CPUs in the tables' order.
    pub apic_ids: Vec<u32>,
    /// IOAPICs: address and first GSI.
    pub io_apics: Vec<(u64, u32)>,
    /// ISA interrupts that are not on the pin of their number: (irq, gsi).
    pub overrides: Vec<(u32, u32)>,
    /// virtio-mmio devices.
    pub virtio: Vec<VirtioSlot>,
    /// The FADT's reset register and the value to write.
    pub reset: Option<(Register, u8)>,
    /// The FADT's sleep control register (reduced hardware).
    pub sleep_control: Option<Register>,
    /// The fixed hardware, when it is not reduced.
    pub fixed: Option<FixedHardware>,
    /// SLP_TYP of S5.
    pub s5: Option<u8>,
    /// Configuration space in memory.
    pub ecam: Option<Ecam>,
    /// Where interrupt pins of bus 0 arrive.
    pub pci_routes: Vec<PciRoute>,
    /// What reaches the PCI buses.
    pub pci_windows: Vec<PciWindow>,
    /// The generic event device: address of its select register, and its interrupt (GSI).
    pub events: Option<(u64, u32)>,
    /// FADT flags and IA-PC boot architecture flags.
    pub fadt_flags: (u32, u16),
    /// Signatures of all tables, and those whose checksum is wrong.
    pub tables: String,
    /// Tables with a wrong checksum.
    pub bad_checksums: u32,
}

static PLATFORM: AtomicPtr<Platform> = AtomicPtr::new(core::ptr::null_mut());

impl Platform {
    /// Which GSI the ISA interrupt `irq` arrives on.
    pub fn gsi_of_irq(&self, irq: u32) -> u32 {
        self.overrides.iter().find(|(from, _)| *from == irq).map_or(irq, |(_, to)| *to)
    }
}

/// What was found at the start.
pub fn platform() -> &'static Platform {
    // SAFETY: `discover` stored a leaked box before anything else asks.
    unsafe { &*PLATFORM.load(Ordering::SeqCst) }
}

/// Reads the tables; they may be overwritten afterwards.
pub fn discover(info: &BootInfo) {
    let mut found = Platform::default();
    acpi::discover(info, &mut found);
    mptable::discover(&mut found);
    for word in info.command_line.split_ascii_whitespace() {
        if let Some(slot) = word.strip_prefix("virtio_mmio.device=").and_then(parse_slot) {
            found.virtio.push(slot);
        }
    }
    PLATFORM.store(alloc::boxed::Box::leak(alloc::boxed::Box::new(found)), Ordering::SeqCst);
}

/// `SIZE@ADDRESS:IRQ[:ID]`, as Linux reads it.
fn parse_slot(text: &str) -> Option<VirtioSlot> {
    let (size, rest) = text.split_once('@')?;
    let mut parts = rest.split(':');
    let size = match size.strip_suffix(['K', 'k']) {
        Some(kib) => kib.parse::<u64>().ok()? * 1024,
        None => crate::script::number(size)?,
    };
    let base = crate::script::number(parts.next()?)?;
    let gsi = u32::try_from(crate::script::number(parts.next()?)?).ok()?;
    Some(VirtioSlot { base, size, gsi, trigger: Trigger::Edge })
}
