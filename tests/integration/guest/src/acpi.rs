//! ACPI tables (ACPI 6.5): MADT, FADT, MCFG, and the things of the DSDT that need no interpreter, found by their bytes.

use alloc::vec::Vec;

use crate::boot_info::BootInfo;
use crate::platform::{Ecam, FixedHardware, PciRoute, PciWindow, Platform, Register, Trigger, VirtioSlot};

/// The bytes at a physical address.
///
/// # Safety
/// Below 4 GiB, not a device, and nobody writes there while the slice is in use.
unsafe fn bytes(address: u64, size: usize) -> &'static [u8] {
    // SAFETY: the caller promises it; address 0 never holds a table.
    unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(address as usize), size) }
}

fn u32_at(table: &[u8], offset: usize) -> u32 {
    table.get(offset..offset + 4).map_or(0, |bytes| u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
}

fn u64_at(table: &[u8], offset: usize) -> u64 {
    u64::from(u32_at(table, offset)) | u64::from(u32_at(table, offset + 4)) << 32
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

/// Searches `range` for a signature on 16-byte boundaries.
pub fn search(start: u64, end: u64, signature: &[u8]) -> Option<u64> {
    (start..end).step_by(16).find(|address| {
        // SAFETY: the callers search the low MiB only.
        unsafe { bytes(*address, signature.len()) == signature }
    })
}

/// Reads all tables.
pub fn discover(info: &BootInfo, found: &mut Platform) {
    let signature = b"RSD PTR ";
    let rsdp = match info.rsdp {
        0 => search(0xe_0000, 0x10_0000, signature).or_else(|| search(0x9_fc00, 0xa_0000, signature)).unwrap_or(0),
        given => given,
    };
    if rsdp == 0 {
        return;
    }
    // SAFETY: the loader or the search says that the RSDP is there.
    let root = unsafe { bytes(rsdp, 36) };
    if !root.starts_with(signature) {
        return;
    }
    found.rsdp = rsdp;
    let (address, width) =
        if root[15] >= 2 && u64_at(root, 24) != 0 { (u64_at(root, 24), 8) } else { (u64::from(u32_at(root, 16)), 4) };
    let Some(list) = table(address, found) else { return };
    for entry in list[36..].chunks_exact(width) {
        let address = if width == 8 { u64_at(entry, 0) } else { u64::from(u32_at(entry, 0)) };
        let Some(content) = table(address, found) else { continue };
        match &content[..4] {
            b"APIC" => madt(content, found),
            b"FACP" => fadt(content, found),
            b"MCFG" => mcfg(content, found),
            _ => {}
        }
    }
}

fn table(address: u64, found: &mut Platform) -> Option<&'static [u8]> {
    if address == 0 || address >= 1 << 32 {
        return None;
    }
    // SAFETY: the root table names a table there; its header gives its length.
    let size = unsafe { u32_at(bytes(address, 8), 4) } as usize;
    if !(36..1 << 20).contains(&size) {
        return None;
    }
    // SAFETY: as above.
    let content = unsafe { bytes(address, size) };
    if !found.tables.is_empty() {
        found.tables.push(',');
    }
    found.tables.extend(content[..4].iter().map(|byte| char::from(*byte)));
    found.bad_checksums += u32::from(sum(content) != 0);
    Some(content)
}

/// Multiple APIC description table (5.2.12).
fn madt(table: &[u8], found: &mut Platform) {
    let mut rest = &table[44..];
    while let [kind, size, ..] = *rest {
        let size = usize::from(size);
        if size < 2 || size > rest.len() {
            return;
        }
        let entry = &rest[..size];
        match kind {
            0 if u32_at(entry, 4) & 1 != 0 => found.apic_ids.push(u32::from(entry[3])),
            9 if u32_at(entry, 8) & 1 != 0 => found.apic_ids.push(u32_at(entry, 4)),
            1 => found.io_apics.push((u64::from(u32_at(entry, 4)), u32_at(entry, 8))),
            2 => found.overrides.push((u32::from(entry[3]), u32_at(entry, 4))),
            _ => {}
        }
        rest = &rest[size..];
    }
}

/// Memory-mapped configuration space (PCI Firmware Specification 3.3 4.1.2): segment group 0.
fn mcfg(table: &[u8], found: &mut Platform) {
    let entries = table.get(44..).unwrap_or_default().chunks_exact(16);
    let first = entries.into_iter().find(|entry| entry[8..10] == [0, 0]);
    found.ecam = first.map(|entry| Ecam { base: u64_at(entry, 0), buses: (entry[10], entry[11]) });
}

/// A generic address structure (5.2.3.2) as a register.
fn register(structure: &[u8]) -> Option<Register> {
    let address = u64_at(structure, 4);
    match (structure.first()?, address) {
        (_, 0) => None,
        (0, _) => Some(Register::Memory(address)),
        (1, _) => u16::try_from(address).ok().map(Register::Port),
        _ => None,
    }
}

/// Fixed ACPI description table (5.2.9).
fn fadt(table: &[u8], found: &mut Platform) {
    let flags = u32_at(table, 112);
    found.fadt_flags = (flags, u16::from_le_bytes([table[109], table[110]]));
    // RESET_REG_SUP
    if flags & 1 << 10 != 0 && table.len() >= 129 {
        found.reset = register(&table[116..128]).map(|register| (register, table[128]));
    }
    // HW_REDUCED_ACPI
    if flags & 1 << 20 != 0 && table.len() >= 256 {
        found.sleep_control = register(&table[244..256]);
    } else {
        found.fixed = fixed_hardware(table, flags);
    }
    let dsdt = match table.get(140..148).map_or(0, |bytes| u64_at(bytes, 0)) {
        0 => u64::from(u32_at(table, 40)),
        address => address,
    };
    if let Some(code) = self::table(dsdt, found) {
        found.s5 = sleep_type(code);
        found.virtio = virtio_devices(code);
        found.events = event_device(code);
        found.pci_routes = pci_routes(code);
        found.pci_windows = pci_windows(code);
    }
}

/// The blocks of the fixed hardware; `None` where there is no PM1a control block.
fn fixed_hardware(table: &[u8], flags: u32) -> Option<FixedHardware> {
    let mut agrees = true;
    // A block as a port, and the address structure that ACPI 2 added for it.
    let mut block = |old: usize, new: usize| {
        let port = u32_at(table, old);
        let structure = table.get(new..new + 12).and_then(register);
        agrees &= match structure {
            None => true,
            Some(Register::Port(other)) => u32::from(other) == port,
            Some(Register::Memory(_)) => false,
        };
        u16::try_from(port).unwrap_or(0)
    };
    let (event, control) = (block(56, 148), block(64, 172));
    let (timer, gpe0) = (block(76, 208), block(80, 220));
    (control != 0).then_some(FixedHardware {
        sci: u32_at(table, 46) & 0xffff,
        event,
        control,
        timer,
        // TMR_VAL_EXT
        timer_is_wide: flags & 1 << 8 != 0,
        gpe0,
        enable: (u32_at(table, 48) as u16, table[52]),
        agrees,
    })
}

/// The packages of `_PRT` for devices above 0: address (device in the high half, all functions), pin, no link device, GSI.
fn pci_routes(code: &[u8]) -> Vec<PciRoute> {
    let Some(at) = code.windows(4).position(|window| window == b"_PRT") else { return Vec::new() };
    let (mut routes, mut rest) = (Vec::new(), &code[at..]);
    while let Some(next) = rest.windows(5).position(|window| window[..3] == [0x0c, 0xff, 0xff] && window[4] == 0) {
        let (device, mut entry) = (rest[next + 3], &rest[next + 5..]);
        let mut number = || integer(&mut entry);
        if let (Some(pin), Some(0), Some(gsi)) = (number(), number(), number()) {
            routes.push(PciRoute { device, pin: pin as u8, gsi });
        }
        rest = &rest[next + 5..];
    }
    routes
}

/// Address space descriptors of memory and ports, produced (6.4.3.5): words, double words, quad words.
fn pci_windows(code: &[u8]) -> Vec<PciWindow> {
    const FORMS: [(u8, u8, usize); 3] = [(0x88, 0x0d, 2), (0x87, 0x17, 4), (0x8a, 0x2b, 8)];
    let mut windows = Vec::new();
    for (at, bytes) in code.windows(4).enumerate() {
        let Some((.., size)) = FORMS.iter().find(|(tag, length, _)| bytes[..3] == [*tag, *length, 0]) else { continue };
        let number = |index: usize| {
            let start = at + 6 + index * size;
            let bytes = code.get(start..start + size).unwrap_or_default();
            bytes.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
        };
        // Granularity, minimum, maximum, translation, length.
        let (range, length) = ((number(1), number(2)), number(4));
        // Resource types: 0 is memory, 1 are ports; 2 would be bus numbers.
        if bytes[3] < 2 && length != 0 && range.1.wrapping_sub(range.0).wrapping_add(1) == length {
            windows.push(PciWindow { io: bytes[3] == 1, range });
        }
    }
    windows
}

/// Takes an integer (20.2.3) off the front.
fn integer(code: &mut &[u8]) -> Option<u32> {
    let (value, size) = match *code.first()? {
        0 => (0, 1),
        1 => (1, 1),
        0x0a => (u32::from(*code.get(1)?), 2),
        0x0b => (u32::from(*code.get(1)?) | u32::from(*code.get(2)?) << 8, 3),
        0x0c => (u32_at(code, 1), 5),
        _ => return None,
    };
    *code = code.get(size..)?;
    Some(value)
}

/// The first element of the package `_S5_`.
fn sleep_type(code: &[u8]) -> Option<u8> {
    let at = code.windows(5).position(|window| window == b"_S5_\x12")?;
    // Package length (1 to 4 bytes, the lead byte's top bits say how many follow) and the number of elements.
    let follow = usize::from(code.get(at + 5)? >> 6);
    let element = at + 7 + follow;
    match *code.get(element)? {
        0 => Some(0),
        1 => Some(1),
        0x0a => code.get(element + 1).copied(),
        _ => None,
    }
}

/// The generic event device (ACPI0013): its interrupt, and the operation region (in memory, 32-bit address) behind it.
fn event_device(code: &[u8]) -> Option<(u64, u32)> {
    let at = code.windows(8).position(|window| window == b"ACPI0013")?;
    let rest = &code[at..];
    let interrupt = rest.windows(3).position(|window| window == [0x89, 6, 0])?;
    // ExtOpPrefix, OpRegionOp, four bytes of name, SystemMemory, DWordPrefix.
    let is_region = |window: &[u8]| window[..2] == [0x5b, 0x80] && window[6..] == [0, 0x0c];
    let region = rest.windows(8).position(is_region)?;
    Some((u32_at(rest, region + 8).into(), u32_at(rest, interrupt + 5)))
}

/// Devices with the hardware id LNRO0005: the Memory32Fixed and interrupt descriptors that follow the id.
fn virtio_devices(code: &[u8]) -> Vec<VirtioSlot> {
    let id = b"LNRO0005";
    let places: Vec<usize> = (0..code.len().saturating_sub(8)).filter(|at| &code[*at..*at + 8] == id).collect();
    let slots = places.iter().enumerate().filter_map(|(index, at)| {
        let end = places.get(index + 1).copied().unwrap_or(code.len());
        slot(&code[*at..end])
    });
    slots.collect()
}

fn slot(code: &[u8]) -> Option<VirtioSlot> {
    // Large item 6, length 9: Memory32Fixed (6.4.3.4).
    let memory = code.windows(3).position(|window| window == [0x86, 9, 0])?;
    let (base, size) = (u32_at(code, memory + 4), u32_at(code, memory + 8));
    let rest = code.get(memory + 12..)?;
    // Large item 9: extended interrupt (6.4.3.6); it follows at once.
    let interrupt = rest.iter().position(|byte| *byte == 0x89)?;
    let trigger = if rest.get(interrupt + 3)? & 2 != 0 { Trigger::Edge } else { Trigger::Level };
    Some(VirtioSlot { base: base.into(), size: size.into(), gsi: u32_at(rest, interrupt + 5), trigger })
}
