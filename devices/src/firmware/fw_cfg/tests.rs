//! Tests of the device as firmware uses it.

use super::*;
use crate::virtio::testing::{Snapshot, TestMemory, is_memory, ram};
use proptest::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use vm_memory::{Bytes, GuestAddress};

/// Tables that tell how often they were built.
struct Tables(Arc<AtomicU8>);

impl LateFiles for Tables {
    fn sizes(&self) -> Vec<(&'static str, usize)> {
        vec![("etc/table-loader", 8), ("etc/acpi/tables", 4), ("etc/acpi/too-small", 1)]
    }

    fn build(&self) -> Vec<Vec<u8>> {
        let build = self.0.fetch_add(1, Ordering::SeqCst) + 1;
        vec![vec![build; 3], vec![0xa0 | build; 4], vec![1, 2]]
    }
}

const REQUEST: u64 = 0x1000;
const BUFFER: u64 = 0x2000;
const READ: u32 = 2;
const SKIP: u32 = 4;
const SELECT: u32 = 8;
const WRITE: u32 = 16;

struct Bench {
    device: FwCfg<TestMemory>,
    memory: TestMemory,
    builds: Arc<AtomicU8>,
}

fn items(builds: &Arc<AtomicU8>) -> FwCfgItems {
    let mut items = FwCfgItems::new();
    items.add_item(key::BOOT_CPUS, vec![4, 0]).unwrap();
    items.add_file("etc/e820", (0..40).collect()).unwrap();
    items.add_file("bootorder", b"/pci@i0cf8/scsi@2/disk@0,0\0".to_vec()).unwrap();
    items.add_writable_file("opt/answer", vec![0; 8]).unwrap();
    items.set_late_files(Box::new(Tables(Arc::clone(builds)))).unwrap();
    items
}

impl Bench {
    fn new() -> Self {
        let (memory, builds) = (ram(), Arc::new(AtomicU8::new(0)));
        let device = FwCfg::new("fw-cfg".into(), Arc::clone(&memory), items(&builds), None).unwrap();
        Self { device, memory, builds }
    }

    fn select(&mut self, key: u16) {
        self.device.write(SELECTOR, Width::Word, key.into());
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| u8::try_from(self.device.read(DATA, Width::Byte)).unwrap()).collect()
    }

    fn item(&mut self, key: u16, count: usize) -> Vec<u8> {
        self.select(key);
        self.bytes(count)
    }

    /// Keys and sizes by name, as the directory has them in its order.
    fn directory(&mut self) -> Vec<(String, u16, u32)> {
        self.select(key::DIRECTORY);
        let count = u32::from_be_bytes(self.bytes(4).try_into().unwrap());
        let entries = (0..count).map(|_| {
            let entry = self.bytes(64);
            let name: Vec<u8> = entry[8..].iter().copied().take_while(|byte| *byte != 0).collect();
            let key = u16::from_be_bytes(entry[4..6].try_into().unwrap());
            (String::from_utf8(name).unwrap(), key, u32::from_be_bytes(entry[..4].try_into().unwrap()))
        });
        entries.collect()
    }

    fn key(&mut self, name: &str) -> u16 {
        self.directory().into_iter().find(|entry| entry.0 == name).unwrap().1
    }

    /// Carries out a request, and returns what stands in its control field then.
    fn dma(&mut self, control: u32, length: u32, address: u64) -> u32 {
        let mut request = control.to_be_bytes().to_vec();
        request.extend(length.to_be_bytes());
        request.extend(address.to_be_bytes());
        self.memory.write_slice(&request, GuestAddress(REQUEST)).unwrap();
        self.ring(REQUEST);
        let mut control = [0; 4];
        self.memory.read_slice(&mut control, GuestAddress(REQUEST)).unwrap();
        u32::from_be_bytes(control)
    }

    fn ring(&mut self, request: u64) {
        let [a, b, c, d, e, f, g, h] = request.to_be_bytes();
        self.device.write(DMA, Width::Dword, u32::from_le_bytes([a, b, c, d]).into());
        self.device.write(DMA_LOW, Width::Dword, u32::from_le_bytes([e, f, g, h]).into());
    }

    fn buffer(&self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.memory.read_slice(&mut bytes, GuestAddress(BUFFER)).unwrap();
        bytes
    }
}

#[test]
fn firmware_finds_the_device_and_its_dma_interface() {
    let mut bench = Bench::new();
    assert_eq!(bench.bytes(6), b"QEMU\0\0", "selected at power-on, and zeros beyond the end");
    assert_eq!(bench.item(key::FEATURES, 4), [3, 0, 0, 0]);
    assert_eq!(bench.device.read(DMA, Width::Dword), u64::from(u32::from_le_bytes(*b"QEMU")));
    assert_eq!(bench.device.read(DMA_LOW, Width::Dword), u64::from(u32::from_le_bytes(*b" CFG")));
    assert_eq!(bench.item(key::BOOT_CPUS, 2), [4, 0]);
    assert_eq!(bench.item(0x7123, 3), [0; 3], "no such item");
}

#[test]
fn the_directory_is_sorted_by_name_and_gives_each_file_its_key_and_size() {
    let mut bench = Bench::new();
    let expected = [
        ("bootorder", 27),
        ("etc/acpi/tables", 4),
        ("etc/acpi/too-small", 1),
        ("etc/e820", 40),
        ("etc/table-loader", 8),
        ("opt/answer", 8),
    ];
    let expected: Vec<_> = (0x20..).zip(expected).map(|(key, (name, size))| (name.to_owned(), key, size)).collect();
    assert_eq!(bench.directory(), expected);
    let key = bench.key("etc/e820");
    assert_eq!(bench.item(key | key::WRITE, 3), [0, 1, 2], "the write bit of a key says nothing");
}

#[test]
fn late_files_are_built_when_the_first_is_selected_and_stay_so() {
    let mut bench = Bench::new();
    let (loader, tables) = (bench.key("etc/table-loader"), bench.key("etc/acpi/tables"));
    assert_eq!(bench.builds.load(Ordering::SeqCst), 0, "the directory alone builds nothing");
    assert_eq!(bench.item(loader, 9), [1, 1, 1, 0, 0, 0, 0, 0, 0], "padded to its size");
    assert_eq!(bench.item(tables, 4), [0xa1; 4]);
    let too_small = bench.key("etc/acpi/too-small");
    assert_eq!(bench.item(too_small, 2), [0, 0], "what has outgrown its size is not told in part");
    assert_eq!(bench.builds.load(Ordering::SeqCst), 1);
}

#[test]
fn requests_select_skip_and_read_into_memory() {
    let mut bench = Bench::new();
    let key = u32::from(bench.key("etc/e820"));
    assert_eq!(bench.dma(key << 16 | SELECT | READ, 4, BUFFER), 0);
    assert_eq!(bench.buffer(5), [0, 1, 2, 3, 0]);
    assert_eq!(bench.dma(SKIP, 30, 0), 0);
    bench.memory.write_slice(&[0xff; 10], GuestAddress(BUFFER)).unwrap();
    assert_eq!(bench.dma(READ, 9, BUFFER), 0);
    assert_eq!(bench.buffer(10), [34, 35, 36, 37, 38, 39, 0, 0, 0, 0xff], "zeros beyond the end");
    assert_eq!(bench.dma(key << 16 | SELECT, 0, 0), 0);
    assert_eq!(bench.bytes(2), [0, 1], "ports and requests share the selection");
}

#[test]
fn only_files_for_it_are_written_and_only_within_their_size() {
    let mut bench = Bench::new();
    let (answer, e820) = (u32::from(bench.key("opt/answer")), u32::from(bench.key("etc/e820")));
    bench.memory.write_slice(&[7; 16], GuestAddress(BUFFER)).unwrap();
    assert_eq!(bench.dma(e820 << 16 | SELECT | WRITE, 1, BUFFER), 1);
    assert_eq!(bench.dma(answer << 16 | SELECT | WRITE, 9, BUFFER), 1);
    assert_eq!(bench.dma(answer << 16 | SELECT | SKIP, 6, 0), 0);
    assert_eq!(bench.dma(WRITE, 3, BUFFER), 1);
    assert_eq!(bench.dma(WRITE, 2, BUFFER), 0);
    assert_eq!(bench.item(u16::try_from(answer).unwrap(), 8), [0, 0, 0, 0, 0, 0, 7, 7]);
}

#[test]
fn requests_beyond_memory_or_beyond_measure_are_refused_and_change_nothing() {
    let mut bench = Bench::new();
    for (length, address) in [(16, 0x7ff8), (1, u64::MAX), (2, u64::MAX), (17 << 20, 0), (u32::MAX, 0)] {
        let before = Snapshot::take(&bench.memory);
        assert_eq!(bench.dma(READ, length, address), 1, "{length} bytes at {address:#x}");
        before.check(&bench.memory, &[(REQUEST, 16)]);
    }
    assert_eq!(bench.bytes(4), *b"QEMU", "nothing was read");
    bench.ring(0x8000);
    bench.ring(u64::MAX - 3);
}

#[test]
fn the_high_half_of_an_address_counts_once() {
    let mut bench = Bench::new();
    bench.device.write(DMA, Width::Dword, u32::from_le_bytes([0, 0, 0, 1]).into());
    bench.device.write(DMA_LOW, Width::Dword, 0);
    assert_eq!(bench.dma(READ, 4, BUFFER), 0);
    assert_eq!(bench.buffer(4), *b"QEMU");
}

#[test]
fn names_and_sizes_that_firmware_cannot_take_are_refused() {
    let mut items = FwCfgItems::new();
    for name in ["", "with space", "line\nbreak", "ümlaut", &"x".repeat(56)] {
        assert_eq!(items.add_file(name, vec![]), Err(FwCfgError::Name(name.into())));
    }
    items.add_file(&"x".repeat(55), vec![]).unwrap();
    items.add_file("opt/a", vec![1]).unwrap();
    assert_eq!(items.add_file("opt/a", vec![2]), Err(FwCfgError::Twice("opt/a".into())));
    let refused = items.add_file("opt/b", vec![0; (16 << 20) + 1]);
    assert!(matches!(refused, Err(FwCfgError::TooLarge { size: 16_777_217, .. })), "{refused:?}");
}

#[test]
fn state_of_other_items_is_refused() {
    let mut bench = Bench::new();
    let loader = bench.key("etc/table-loader");
    bench.item(loader, 2);
    let saved: FwCfgState = bench.device.save().unwrap().decode().unwrap();
    let refused = FwCfg::new("fw-cfg".into(), ram(), FwCfgItems::new(), Some(saved));
    assert!(matches!(refused.map(|_| ()), Err(StateError::Invalid { .. })));
}

#[derive(Clone, Debug)]
enum Step {
    Write(u64, usize, u64),
    Read(u64, usize),
    Request(u32, u32, u64),
    Ring(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let address = || prop_oneof![0u64..0x11000, any::<u64>()];
    let key = prop_oneof![0u32..0x30, any::<u16>().prop_map(u32::from)];
    let control = (key, 0u32..32).prop_map(|(key, bits)| key << 16 | bits);
    let length = prop_oneof![0u32..0x100, any::<u32>()];
    prop_oneof![
        (0..FW_CFG_PORTS, 0usize..3, any::<u64>()).prop_map(|(offset, width, value)| Step::Write(offset, width, value)),
        (0..FW_CFG_PORTS, 0usize..3).prop_map(|(offset, width)| Step::Read(offset, width)),
        (control, length, address()).prop_map(|(control, length, at)| Step::Request(control, length, at)),
        address().prop_map(Step::Ring),
    ]
}

const WIDTHS: [Width; 3] = [Width::Byte, Width::Word, Width::Dword];

proptest! {
    #[test]
    fn requests_change_nothing_but_their_buffer_and_only_when_it_is_memory(
        control in 0u32..32, key in 0u16..0x26, length in prop_oneof![0u32..0x200, any::<u32>()], address in 0u64..0x11000
    ) {
        let mut bench = Bench::new();
        let before = Snapshot::take(&bench.memory);
        let answer = bench.dma(u32::from(key) << 16 | control, length, address);
        prop_assert!(answer < 2);
        let written = answer == 0 && control & READ != 0;
        if written {
            // No bytes are no memory's.
            prop_assert!(length == 0 || is_memory(address, length.into()));
            before.check(&bench.memory, &[(REQUEST, 16), (address, length.into())]);
        } else {
            before.check(&bench.memory, &[(REQUEST, 16)]);
        }
    }

    #[test]
    fn whatever_the_guest_does_its_state_can_be_restored(steps in prop::collection::vec(step(), 0..12)) {
        let mut bench = Bench::new();
        for step in steps {
            match step {
                Step::Write(offset, width, value) => bench.device.write(offset, WIDTHS[width], value),
                Step::Read(offset, width) => {
                    bench.device.read(offset, WIDTHS[width]);
                }
                Step::Request(control, length, address) => {
                    bench.dma(control, length, address);
                }
                Step::Ring(address) => bench.ring(address),
            }
        }
        let saved = bench.device.save().unwrap();
        let state = Some(saved.decode().unwrap());
        let mut copy = FwCfg::new("fw-cfg".into(), bench.memory.clone(), items(&bench.builds), state).unwrap();
        prop_assert_eq!(copy.save().unwrap(), saved);
        for _ in 0..4 {
            prop_assert_eq!(copy.read(DATA, Width::Byte), bench.device.read(DATA, Width::Byte));
        }
    }
}
