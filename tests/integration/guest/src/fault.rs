//! What happens on an exception or a panic: one line on the console, and the CPU stops.

use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU64, Ordering};

use crate::cpu;
use crate::serial::say;
use crate::sync::Place;

#[unsafe(no_mangle)]
static fault_record: [AtomicU64; 7] = [const { AtomicU64::new(0) }; 7];
#[unsafe(link_section = ".bss.stacks")]
static FAULT_STACK: Place<[u8; 16 * 1024]> = Place::new([0; 16 * 1024]);

core::arch::global_asm!(
    ".global fault_stack_top", ".set fault_stack_top, {stack} + 16384",
    ".global boot_stack_top", ".set boot_stack_top, {boot} + 65536",
    stack = sym FAULT_STACK, boot = sym BOOT_STACK,
);

#[unsafe(link_section = ".bss.stacks")]
static BOOT_STACK: Place<[u8; 64 * 1024]> = Place::new([0; 64 * 1024]);

#[unsafe(no_mangle)]
extern "C" fn fault_main() -> ! {
    let record: [u64; 7] = core::array::from_fn(|index| fault_record[index].load(Ordering::SeqCst));
    let vector = record[0];
    let has_code = matches!(vector, 8 | 10..=14 | 17 | 21 | 29 | 30);
    let (code, rip, cs) = if has_code { (record[1], record[2], record[3]) } else { (0, record[1], record[2]) };
    say!("fault vector={vector} code={code:#x} rip={rip:#x} cs={cs:#x} cr2={:#x}", record[6]);
    cpu::stop()
}

#[panic_handler]
fn panic(info: &PanicInfo) -> ! {
    say!("panic {info}");
    cpu::stop()
}

/// `core` and `alloc` come compiled for unwinding and name these two; a panic never unwinds here.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

#[unsafe(no_mangle)]
extern "C" fn _Unwind_Resume() -> ! {
    cpu::stop()
}
