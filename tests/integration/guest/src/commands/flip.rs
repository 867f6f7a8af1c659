//! `flip=PAGE,CONTROL`: CPU 1 reads the pages before and after PAGE and executes code in them, again and again, while
//! the host changes what PAGE is; it ends when the host writes a byte other than 0 at CONTROL. The 64-bit word at
//! CONTROL + 8 counts the rounds, the one at CONTROL + 16 the errors.

use alloc::format;
use alloc::string::String;
use core::sync::atomic::{AtomicU64, Ordering};

use super::{Outcome, required};
use crate::cpu::{read_physical, write_physical};
use crate::serial::say;
use crate::{pattern, smp};

const PAGE: u64 = 4096;
/// `mov eax, ANSWER; ret`.
const CODE: [u8; 6] = [0xb8, 0x78, 0x56, 0x34, 0x12, 0xc3];
const ANSWER: u32 = 0x1234_5678;
/// Where in a page the code lies; before it stands the pattern.
const CODE_OFFSET: u64 = 2048;

static MIDDLE: AtomicU64 = AtomicU64::new(0);
static CONTROL: AtomicU64 = AtomicU64::new(0);

fn prepare(page: u64) {
    for offset in (0..CODE_OFFSET).step_by(8) {
        // SAFETY: the script's author gives pages of RAM that nobody uses.
        unsafe { write_physical(page + offset, pattern::word(page + offset, 0)) };
    }
    for (offset, byte) in CODE.iter().enumerate() {
        // SAFETY: as above.
        unsafe { write_physical(page + CODE_OFFSET + offset as u64, *byte) };
    }
}

fn errors_in(page: u64, round: u64) -> u64 {
    let offset = round * 8 % CODE_OFFSET;
    // SAFETY: `prepare` wrote the pattern and a function of this type.
    let (value, answer) = unsafe {
        let code: extern "C" fn() -> u32 =
            core::mem::transmute(core::ptr::with_exposed_provenance::<()>((page + CODE_OFFSET) as usize));
        (read_physical::<u64>(page + offset), code())
    };
    u64::from(value != pattern::word(page + offset, 0)) + u64::from(answer != ANSWER)
}

fn work(_cpu: usize) {
    let (middle, control) = (MIDDLE.load(Ordering::SeqCst), CONTROL.load(Ordering::SeqCst));
    let (mut rounds, mut errors) = (0u64, 0u64);
    // SAFETY: CONTROL is RAM that nobody but the host uses.
    unsafe {
        while read_physical::<u8>(control) == 0 {
            errors += errors_in(middle - PAGE, rounds) + errors_in(middle + PAGE, rounds);
            rounds += 1;
            write_physical(control + 8, rounds);
            write_physical(control + 16, errors);
        }
    }
}

pub fn run(arguments: &str) -> Outcome {
    let (middle, control) = arguments.split_once(',').ok_or("needs PAGE,CONTROL")?;
    let (middle, control) = (required(middle)?, required(control)?);
    if !middle.is_multiple_of(PAGE) || !control.is_multiple_of(8) {
        return Err(String::from("not aligned"));
    }
    MIDDLE.store(middle, Ordering::SeqCst);
    CONTROL.store(control, Ordering::SeqCst);
    for offset in [0, 8, 16] {
        // SAFETY: as in `work`.
        unsafe { write_physical(control + offset, 0u64) };
    }
    for page in [middle - PAGE, middle, middle + PAGE] {
        prepare(page);
    }
    smp::start().map_err(|cpu| format!("CPU {cpu} did not start"))?;
    if smp::count() < 2 {
        return Err(String::from("needs two CPUs"));
    }
    smp::run(1, work);
    say!("flip ready page={middle:#x} control={control:#x}");
    smp::wait(1);
    // SAFETY: as in `work`.
    let (rounds, errors) = unsafe { (read_physical::<u64>(control + 8), read_physical::<u64>(control + 16)) };
    let values = format!("rounds={rounds} errors={errors}");
    if errors == 0 { Ok(values) } else { Err(values) }
}
