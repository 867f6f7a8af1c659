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
    /// PM1a control block, when the hardware is not reduced.
    pub pm1a_control: Option<u16>,
    /// SLP_TYP of S5.
    pub s5: Option<u8>,
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
