//! Tests of the chip, as OVMF uses it, and against a naive one.

use super::*;
use proptest::prelude::*;
use std::sync::Mutex;
use vm_memory::{GuestAddress, GuestRegionMmap, MmapRegion};

const BLOCKS: u64 = 3;
const SIZE: u64 = BLOCKS * BLOCK_SIZE;

/// Remembers what it was told.
#[derive(Default)]
struct Host {
    shown: Mutex<Vec<bool>>,
    saved: Mutex<Vec<Vec<u8>>>,
}

impl FlashHost for Host {
    fn show_array(&self, shown: bool) {
        self.shown.lock().unwrap().push(shown);
    }

    fn save(&self, contents: &[u8]) {
        self.saved.lock().unwrap().push(contents.to_vec());
    }
}

type Array = GuestRegionMmap<()>;

struct Bench {
    flash: Flash<Array>,
    host: Arc<Host>,
}

fn array(contents: impl Iterator<Item = u8>) -> Arc<Array> {
    let size = usize::try_from(SIZE).unwrap();
    let array = Array::new(MmapRegion::new(size).unwrap(), GuestAddress(0xffe0_0000)).unwrap();
    let contents: Vec<u8> = contents.take(size).collect();
    array.write_slice(&contents, MemoryRegionAddress(0)).unwrap();
    Arc::new(array)
}

fn flash(array: Arc<Array>, writable: bool, state: Option<FlashState>) -> Result<Bench, FlashError> {
    let host = Arc::new(Host::default());
    let flash = Flash::new("vars".into(), array, SIZE, writable, host.clone(), state)?;
    Ok(Bench { flash, host })
}

impl Bench {
    /// A chip whose byte at each offset is the offset's lowest byte.
    fn new(writable: bool) -> Self {
        flash(array((0..=255).cycle()), writable, None).unwrap()
    }

    fn write(&mut self, offset: u64, byte: u8) {
        self.flash.write(offset, Width::Byte, byte.into());
    }

    fn read(&mut self, offset: u64) -> u8 {
        u8::try_from(self.flash.read(offset, Width::Byte)).unwrap()
    }

    fn shown(&self) -> Vec<bool> {
        self.host.shown.lock().unwrap().clone()
    }

    fn saves(&self) -> usize {
        self.host.saved.lock().unwrap().len()
    }
}

#[test]
fn ovmf_finds_a_flash_chip() {
    let mut bench = Bench::new(true);
    let original = bench.read(5);
    bench.write(5, 0x50);
    assert_ne!(bench.read(5), 0x50, "no RAM");
    bench.write(5, 0x70);
    let status = bench.read(5);
    assert!(status != original && status != 0x70, "no ROM");
    assert_eq!(status, 0, "a cleared status");
    bench.write(5, 0xff);
    assert_eq!(bench.read(5), original);
    assert_eq!(bench.shown(), [true, false]);
    assert_eq!(bench.saves(), 0, "nothing was changed");
}

#[test]
fn the_array_is_mapped_again_when_it_is_read_often_enough() {
    let mut bench = Bench::new(true);
    for _ in 0..3 {
        bench.write(5, 0x70);
        bench.write(5, 0xff);
        (1..READS_BEFORE_SHOWN).for_each(|_| assert_eq!(bench.read(5), 5));
        assert_eq!(bench.shown(), [true, false], "some reads are not worth it, and each visit counts anew");
    }
    assert_eq!(bench.read(5), 5);
    assert_eq!(bench.shown(), [true, false, true]);
    bench.write(5, 0x70);
    (0..2 * READS_BEFORE_SHOWN).for_each(|_| assert_eq!(bench.read(5), 0x80));
    assert_eq!(bench.shown(), [true, false, true, false], "reads of the status do not count");
}

#[test]
fn bytes_are_programmed_one_command_each_and_saved_when_the_array_is_read_again() {
    let mut bench = Bench::new(true);
    for (offset, byte) in [(0x1ff0, 0x00), (0x1ff1, 0xa1)] {
        bench.write(offset, 0x10);
        bench.write(offset, byte);
        assert_eq!(bench.read(offset), 0x80, "ready, without error");
    }
    assert_eq!(bench.saves(), 0);
    bench.write(0x1ff1, 0xff);
    assert_eq!((bench.read(0x1ff0), bench.read(0x1ff1)), (0x00, 0xa1));
    assert_eq!(bench.shown(), [true, false], "one switch, however many bytes");
    let saved = bench.host.saved.lock().unwrap().clone();
    assert_eq!(
        (saved.len(), saved[0].len() as u64, &saved[0][0x1fef..0x1ff3]),
        (1, SIZE, [0xef, 0, 0xa1, 0xf2].as_slice())
    );
}

#[test]
fn programming_clears_bits_and_an_erase_sets_those_of_one_block() {
    let mut bench = Bench::new(true);
    bench.write(0x10f0, 0x40);
    bench.write(0x10f0, 0x1f);
    bench.write(0x10f0, 0xff);
    assert_eq!(bench.read(0x10f0), 0x10);
    bench.write(0x1234, 0x20);
    bench.write(0x1234, 0xd0);
    assert_eq!(bench.read(0x1234), 0x80);
    bench.write(0x1234, 0xff);
    let ends = [0x0fff, 0x1000, 0x10f0, 0x1fff, 0x2000].map(|offset| bench.read(offset));
    assert_eq!(ends, [0xff, 0xff, 0xff, 0xff, 0x00]);
    assert_eq!((bench.read(0x0ffe), bench.read(0x2001)), (0xfe, 0x01), "its neighbours are as before");
}

#[test]
fn an_erase_that_is_not_confirmed_is_an_error_or_nothing() {
    let mut bench = Bench::new(true);
    bench.write(0, 0x20);
    bench.write(0, 0x10);
    assert_eq!(bench.read(0), 0xb0, "command sequence error");
    bench.write(0, 0x20);
    bench.write(0, 0xff);
    assert_eq!((bench.read(1), bench.saves()), (1, 0));
}

#[test]
fn code_cannot_be_changed_and_says_so() {
    let mut bench = Bench::new(false);
    bench.write(7, 0x10);
    bench.write(7, 0);
    assert_eq!(bench.read(7), 0x92, "protected");
    bench.write(7, 0x50);
    bench.write(7, 0x20);
    bench.write(7, 0xd0);
    assert_eq!(bench.read(7), 0xa2, "protected");
    bench.write(7, 0xff);
    assert_eq!(bench.shown().last(), Some(&true), "code runs from the array, so it is there at once");
    assert_eq!((bench.read(7), bench.saves()), (7, 0));
    let saved = bench.flash.save().unwrap();
    assert!(saved.payload.len() < 16, "its contents are no state");
}

#[test]
fn a_driver_can_ask_what_the_chip_is() {
    let mut bench = Bench::new(true);
    bench.write(0x55, 0x98);
    let query: Vec<u8> = (0x10..0x40).map(|offset| bench.read(offset)).collect();
    assert_eq!((&query[..3], &query[3..7]), (b"QRY".as_slice(), [1, 0, 0x31, 0].as_slice()));
    assert_eq!(&query[0x21..0x26], b"PRI10");
    let (blocks, block) = (u64::from(query[0x1d]) + 1, u64::from(query[0x1f]) * 256);
    assert_eq!((blocks, block, query[0x17]), (BLOCKS, BLOCK_SIZE, 14));
    bench.write(0, 0x90);
    assert_eq!([bench.read(0), bench.read(1), bench.read(2)], [0; 3]);
    bench.write(0, 0xff);
    assert_eq!(bench.flash.read(4, Width::Qword), 0x0b0a_0908_0706_0504);
}

#[test]
fn changes_are_handed_over_at_the_end_at_the_latest() {
    let mut bench = Bench::new(true);
    bench.write(9, 0x10);
    bench.write(9, 1);
    bench.flash.flush();
    bench.flash.flush();
    assert_eq!((bench.saves(), bench.host.saved.lock().unwrap()[0][9]), (1, 1));
}

#[test]
fn sizes_that_no_chip_has_are_refused() {
    for size in [0, 1, BLOCK_SIZE - 1, BLOCK_SIZE + 1, (16 << 20) + BLOCK_SIZE, u64::MAX - 4095] {
        let refused = Flash::new("code".into(), array([].into_iter()), size, false, Arc::new(Host::default()), None);
        assert!(matches!(refused.map(|_| ()), Err(FlashError::Size { .. })), "{size}");
    }
}

#[test]
fn state_of_another_chip_is_refused() {
    let state = |writable| Bench::new(writable).flash.save().unwrap().decode::<FlashState>().unwrap();
    let fresh = || array(std::iter::repeat(0));
    assert!(flash(fresh(), false, Some(state(true))).is_err());
    assert!(flash(fresh(), true, Some(state(false))).is_err());
    let short = FlashState { contents: Some(vec![0; 4096]), ..state(true) };
    assert!(flash(fresh(), true, Some(short)).is_err());
    let status = FlashState { status: 0x04, ..state(true) };
    assert!(flash(fresh(), true, Some(status)).is_err());
}

/// A chip without tricks: what the data sheet says, byte by byte.
struct Naive {
    array: Vec<u8>,
    status: u8,
    /// The command that reads are answered by, and the one that waits for its second byte.
    reads: u8,
    waits: Option<u8>,
}

impl Naive {
    fn new() -> Self {
        let size = usize::try_from(SIZE).unwrap();
        Self { array: (0..=255).cycle().take(size).collect(), status: 0x80, reads: 0xff, waits: None }
    }

    fn write(&mut self, offset: usize, byte: u8) {
        match (self.waits.take(), byte) {
            (Some(0x10), _) => {
                self.array[offset] &= byte;
                self.status |= 0x80;
                self.reads = 0x70;
            }
            (Some(_), 0xd0) => {
                self.array[offset / 4096 * 4096..][..4096].fill(0xff);
                self.status |= 0x80;
                self.reads = 0x70;
            }
            (Some(_), 0xff) => self.reads = 0xff,
            (Some(_), _) => {
                self.status |= 0xb0;
                self.reads = 0x70;
            }
            (None, 0x10 | 0x40) => (self.waits, self.reads) = (Some(0x10), 0x70),
            (None, 0x20) => (self.waits, self.reads) = (Some(0x20), 0x70),
            (None, 0x70 | 0x90 | 0x98) => self.reads = byte,
            (None, _) => {
                self.reads = 0xff;
                if byte == 0x50 {
                    self.status = 0;
                }
            }
        }
    }
}

fn any_byte() -> impl Strategy<Value = u8> {
    prop_oneof![prop::sample::select(vec![0x10, 0x20, 0x40, 0x50, 0x70, 0x90, 0x98, 0xd0, 0xff]), any::<u8>(),]
}

proptest! {
    #[test]
    fn it_does_what_the_naive_chip_does(
        writes in prop::collection::vec((0..SIZE, any_byte()), 0..24), probe in 0..SIZE
    ) {
        let (mut bench, mut naive) = (Bench::new(true), Naive::new());
        for (offset, byte) in writes {
            bench.write(offset, byte);
            naive.write(usize::try_from(offset).unwrap(), byte);
            prop_assert!(naive.reads == 0xff || bench.shown().last() == Some(&false));
            for at in [offset, probe] {
                let found = bench.read(at);
                match naive.reads {
                    0xff => prop_assert_eq!(found, naive.array[usize::try_from(at).unwrap()]),
                    0x70 => prop_assert_eq!(found, naive.status),
                    _ => {}
                }
            }
        }
        prop_assert_eq!(bench.flash.contents().unwrap(), naive.array.clone());
        bench.flash.flush();
        let unchanged = Naive::new().array;
        let saved = bench.host.saved.lock().unwrap();
        prop_assert_eq!(saved.last().unwrap_or(&unchanged), &naive.array, "the host has every change");
    }

    #[test]
    fn wherever_it_stands_its_state_can_be_restored(
        writes in prop::collection::vec((0..SIZE - 8, 0usize..4, any::<u64>(), any_byte()), 0..8)
    ) {
        let mut bench = Bench::new(true);
        for (offset, width, value, first) in writes {
            let width = [Width::Byte, Width::Word, Width::Dword, Width::Qword][width];
            bench.flash.write(offset, width, value & !0xff | u64::from(first));
        }
        let saved = bench.flash.save().unwrap();
        let mut copy = flash(array(std::iter::repeat(0)), true, Some(saved.decode().unwrap())).unwrap();
        prop_assert_eq!(copy.flash.save().unwrap(), saved);
        prop_assert_eq!(copy.shown(), [bench.flash.mode == Mode::Array]);
        prop_assert_eq!(copy.read(0x1001), bench.read(0x1001));
    }
}
