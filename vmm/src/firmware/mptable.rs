//! The board without ACPI: Intel's MultiProcessor Specification 1.4, and `virtio_mmio.device=` for the command line.

use super::{Cpu, checksum};
use crate::memory::layout;
use std::fmt::Write;

const FLOATING_POINTER_LENGTH: usize = 16;
const HEADER_LENGTH: usize = 44;
/// MP 1.4.
const REVISION: u8 = 4;
const OEM_ID: &[u8; 8] = b"PODVISOR";
const PRODUCT_ID: &[u8; 12] = b"MICROVM     ";

/// Entry types (4.3).
const PROCESSOR: u8 = 0;
const BUS: u8 = 1;
const IO_APIC: u8 = 2;
const IO_INTERRUPT: u8 = 3;
const LOCAL_INTERRUPT: u8 = 4;

/// Processor flags.
const ENABLED: u8 = 1 << 0;
const BOOT_PROCESSOR: u8 = 1 << 1;
/// Version of KVM's local APICs.
const LOCAL_APIC_VERSION: u8 = 0x14;
/// Family 6; what model, CPUID says.
const SIGNATURE: u32 = 0x600;
/// FPU, machine check exceptions, CMPXCHG8B, APIC (table 4-6).
const FEATURES: u32 = 1 << 0 | 1 << 7 | 1 << 8 | 1 << 9;

const ISA_BUS: u8 = 0;
/// Id and version of KVM's IOAPIC after a reset.
const IO_APIC_ID: u8 = 0;
const IO_APIC_VERSION: u8 = 0x11;
const IO_APIC_PINS: u8 = 24;

/// Interrupt types (table 4-10).
const VECTORED: u8 = 0;
const NMI: u8 = 1;
const EXTERNAL: u8 = 3;
/// Interrupt flags: active high, edge-triggered.
const EDGE_HIGH: u16 = 0b0101;
/// Interrupt flags: as the bus has it.
const CONFORMS: u16 = 0;
const ALL_LOCAL_APICS: u8 = 0xff;

/// The floating pointer structure and the configuration table behind it, for guest address `base` (a multiple of
/// 16). `cpus` are those present, the boot processor first: the specification knows none that come later.
pub(crate) fn build(cpus: &[Cpu], base: u64) -> Vec<u8> {
    let (count, entries) = entries(cpus);
    let mut blob = floating_pointer(base);
    blob.extend(header(count, &entries));
    blob.extend(entries);
    blob
}

/// 4.1.
fn floating_pointer(base: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(FLOATING_POINTER_LENGTH);
    bytes.extend(b"_MP_");
    bytes.extend(low_address(base + FLOATING_POINTER_LENGTH as u64));
    // Length in paragraphs, revision, checksum; no default configuration, virtual wire mode.
    bytes.extend([1, REVISION, 0, 0, 0, 0, 0, 0]);
    with_checksum(bytes, 10)
}

/// 4.2, with the checksum over header and entries.
fn header(count: u16, entries: &[u8]) -> Vec<u8> {
    // 253 processors of 20 bytes and 30 other entries of 8 are far below 64 KiB.
    let length = u16::try_from(HEADER_LENGTH + entries.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(HEADER_LENGTH);
    bytes.extend(b"PCMP");
    bytes.extend(length.to_le_bytes());
    bytes.extend([REVISION, 0]);
    bytes.extend(OEM_ID);
    bytes.extend(PRODUCT_ID);
    // No OEM table.
    bytes.extend([0; 6]);
    bytes.extend(count.to_le_bytes());
    bytes.extend(low_address(layout::LAPIC.start));
    // No extended entries.
    bytes.extend([0; 4]);
    let sum = checksum(&bytes).wrapping_add(checksum(entries));
    if let Some(place) = bytes.get_mut(7) {
        *place = sum;
    }
    bytes
}

/// The entries, in the order of their types, and their number.
fn entries(cpus: &[Cpu]) -> (u16, Vec<u8>) {
    let mut bytes = Vec::new();
    let mut count = 0;
    let mut add = |entry: &[&[u8]]| {
        entry.iter().for_each(|part| bytes.extend_from_slice(part));
        count += 1;
    };
    for (index, cpu) in cpus.iter().filter(|cpu| cpu.present).enumerate() {
        let flags = if index == 0 { ENABLED | BOOT_PROCESSOR } else { ENABLED };
        let fixed = [PROCESSOR, cpu.apic_id, LOCAL_APIC_VERSION, flags];
        add(&[&fixed, &SIGNATURE.to_le_bytes(), &FEATURES.to_le_bytes(), &[0; 8]]);
    }
    add(&[&[BUS, ISA_BUS], b"ISA   "]);
    add(&[&[IO_APIC, IO_APIC_ID, IO_APIC_VERSION, ENABLED], &low_address(layout::IOAPIC.start)]);
    // Each interrupt of the bus reaches the pin of its number. A real ISA bus has sixteen; the virtio devices' lines
    // beyond are described as its, too, for a guest knows no other bus here.
    for pin in 0..IO_APIC_PINS {
        add(&[&[IO_INTERRUPT, VECTORED], &EDGE_HIGH.to_le_bytes(), &[ISA_BUS, pin, IO_APIC_ID, pin]]);
    }
    for (kind, pin) in [(EXTERNAL, 0), (NMI, 1)] {
        add(&[&[LOCAL_INTERRUPT, kind], &CONFORMS.to_le_bytes(), &[ISA_BUS, 0, ALL_LOCAL_APICS, pin]]);
    }
    (count, bytes)
}

/// What a guest's command line needs so that its driver finds the devices in `slots`, with a blank before each.
pub(crate) fn virtio_mmio_cmdline(slots: &[usize]) -> String {
    let mut cmdline = String::new();
    for slot in slots {
        let range = layout::virtio_mmio_range(*slot);
        let kibibytes = (range.end - range.start) / 1024;
        // Writing to a string cannot fail.
        let _ =
            write!(cmdline, " virtio_mmio.device={kibibytes}K@{:#x}:{}", range.start, layout::virtio_mmio_irq(*slot));
    }
    cmdline
}

fn with_checksum(mut bytes: Vec<u8>, position: usize) -> Vec<u8> {
    let sum = checksum(&bytes);
    if let Some(place) = bytes.get_mut(position) {
        *place = sum;
    }
    bytes
}

/// The low 32 bits of an address below 4 GiB.
fn low_address(address: u64) -> [u8; 4] {
    let [a, b, c, d, ..] = address.to_le_bytes();
    [a, b, c, d]
}
