//! `fwcfg`: the firmware's configuration interface (fw_cfg), each file by the ports and by a request in memory.
//! `fwcfg=ADDRESS`: what the ACPI tables say of configuration space that firmware has placed at ADDRESS.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt::Write;

use super::{Outcome, required};
use crate::cpu::{in_string8, in32, out16, out32};
use crate::pci::Address;
use crate::pci::config::ports_write32;
use crate::serial::say;
use crate::sync::Place;

const SELECTOR: u16 = 0x510;
const DATA: u16 = 0x511;
const DMA_HIGH: u16 = 0x514;
const DMA_LOW: u16 = 0x518;

const SIGNATURE: u16 = 0;
const FEATURES: u16 = 1;
const DIRECTORY: u16 = 0x19;

const ERROR: u32 = 1 << 0;
const READ: u32 = 1 << 1;
const SELECT: u32 = 1 << 3;

const HOST_BRIDGE: Address = Address { bus: 0, device: 0, function: 0 };
const PCIEXBAR: u16 = 0x60;

/// Control, length, and address in two halves; big-endian.
static REQUEST: Place<[u32; 4]> = Place::new([0; 4]);

struct File {
    name: String,
    key: u16,
    size: usize,
}

fn by_ports(key: u16, size: usize) -> Vec<u8> {
    let mut bytes = vec![0; size];
    out16(SELECTOR, key);
    in_string8(DATA, &mut bytes);
    bytes
}

fn by_request(key: u16, size: usize) -> Result<Vec<u8>, String> {
    let bytes = vec![0u8; size];
    let address = bytes.as_ptr().expose_provenance() as u32;
    let control = u32::from(key) << 16 | SELECT | READ;
    // SAFETY: the device reads and answers it within the second port's instruction; only one CPU comes here.
    unsafe { REQUEST.get().write_volatile([control, size as u32, 0, address].map(u32::to_be)) };
    out32(DMA_HIGH, 0);
    out32(DMA_LOW, (REQUEST.address() as u32).to_be());
    // SAFETY: as above.
    let [answer, ..] = unsafe { REQUEST.get().read_volatile() };
    match u32::from_be(answer) {
        0 => Ok(core::hint::black_box(bytes)),
        ERROR => Err(format!("the request for item {key:#x} is refused")),
        other => Err(format!("the request for item {key:#x} is answered by {other:#x}")),
    }
}

fn files() -> Vec<File> {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |sum: usize, byte| sum << 8 | usize::from(*byte));
    let count = number(&by_ports(DIRECTORY, 4));
    let directory = by_ports(DIRECTORY, 4 + 64 * count);
    let entries = directory[4..].chunks(64).map(|entry| File {
        name: entry[8..].iter().take_while(|byte| **byte != 0).map(|byte| char::from(*byte)).collect(),
        key: number(&entry[4..6]) as u16,
        size: number(&entry[..4]),
    });
    entries.collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn list() -> Outcome {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect::<String>();
    let signature = text(&by_ports(SIGNATURE, 4));
    let registers = [in32(DMA_HIGH), in32(DMA_LOW)].map(u32::to_le_bytes).concat();
    let features = hex(&by_request(FEATURES, 4)?);
    let files = files();
    for File { name, key, size } in &files {
        let bytes = by_request(*key, *size)?;
        if by_ports(*key, *size) != bytes {
            return Err(format!("{name} by ports is not {name} by a request"));
        }
        say!("file name={name} key={key:#x} size={size} start={}", hex(&bytes[..bytes.len().min(96)]));
    }
    Ok(format!(
        "signature={signature} dma={} features={features} files={}",
        text(&registers).replace(' ', "_"),
        files.len()
    ))
}

/// Configuration space of bus 0 in the MCFG table (PCI Firmware Specification 3.3, 4.1.2).
fn told() -> Result<u64, String> {
    let files = files();
    let tables = files.iter().find(|file| file.name == "etc/acpi/tables").ok_or("no tables")?;
    let bytes = by_request(tables.key, tables.size)?;
    let at = bytes.windows(4).position(|window| window == b"MCFG").ok_or("no MCFG")?;
    Ok(bytes[at + 44..at + 52].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte)))
}

fn place(address: u32) {
    ports_write32(HOST_BRIDGE, PCIEXBAR, address | 1);
}

fn tables(address: u64) -> Outcome {
    place(address as u32);
    let first = told()?;
    place(0xb000_0000);
    let second = told()?;
    Ok(format!("told={first:#x} later={second:#x}"))
}

pub fn run(arguments: &str) -> Outcome {
    if arguments.is_empty() { list() } else { tables(required(arguments)?) }
}
