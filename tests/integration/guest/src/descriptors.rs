//! IDT, task state segments and stacks. The stub loads their registers; their contents are written here, at CPL 3,
//! because that is fast on every host. (The GDT lies in `boot.s`.)

use core::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crate::sync::Place;

/// How many CPUs have stacks and a task state segment.
pub const MAX_CPUS: usize = 64;
/// The first vector of interrupts; GSI N (up to 31) has vector N above it.
pub const FIRST_INTERRUPT: u8 = 0x30;
/// The vectors that wake CPUs: [`crate::apic::WAKE`] and the 63 behind it. The first vector of messages comes then.
pub const FIRST_MESSAGE: u8 = 0xa0;
/// How many vectors messages have.
pub const MESSAGES: u8 = 0x40;
const INTERRUPTS: usize = 192;
const SPURIOUS: u8 = 0xff;

const STACK: usize = 16 * 1024;
const KERNEL_STACK: usize = 4096;

/// 64-bit task state segment (Intel SDM volume 3, 8.7).
#[repr(C, packed)]
#[derive(Clone, Copy)]
struct TaskSegment {
    reserved: u32,
    stack0: u64,
    others: [u64; 11],
    /// In the high half.
    io_bitmap_base: u32,
}

/// All task state segments and, behind them, the one I/O bitmap that they share.
#[repr(C)]
struct Tasks {
    segments: [TaskSegment; MAX_CPUS],
    io_bitmap: [u8; 8192],
    io_bitmap_end: u64,
}

/// Of every segment, as `boot.s` has it: the first one's reaches one byte into what follows the bitmap, as it must.
const TASK_LIMIT: usize = core::mem::offset_of!(Tasks, io_bitmap_end);
const _: () = assert!(TASK_LIMIT == 0x3a00 && size_of::<TaskSegment>() == 104);

#[unsafe(no_mangle)]
#[unsafe(link_section = ".bss.stacks")]
static kernel_stacks: Place<[[u8; KERNEL_STACK]; MAX_CPUS]> = Place::new([[0; KERNEL_STACK]; MAX_CPUS]);
#[unsafe(link_section = ".bss.stacks")]
static AP_STACKS: Place<[[u8; STACK]; MAX_CPUS]> = Place::new([[0; STACK]; MAX_CPUS]);

#[unsafe(no_mangle)]
static task_segments: Place<Tasks> = Place::new(Tasks {
    segments: [TaskSegment { reserved: 0, stack0: 0, others: [0; 11], io_bitmap_base: 0 }; MAX_CPUS],
    io_bitmap: [0; 8192],
    io_bitmap_end: 0,
});
#[unsafe(no_mangle)]
static interrupt_table: Place<[[u64; 2]; 256]> = Place::new([[0; 2]; 256]);
#[unsafe(no_mangle)]
static interrupt_counts: [AtomicU64; 256] = [const { AtomicU64::new(0) }; 256];
#[unsafe(no_mangle)]
static x2apic_enabled: AtomicU8 = AtomicU8::new(0);
/// For each vector of a level-triggered pin its register in the IOAPIC, by which the interrupt stub masks it; else 0.
#[unsafe(no_mangle)]
static level_registers: [AtomicU8; 256] = [const { AtomicU8::new(0) }; 256];
/// Which CPU the trampoline starts, and its stacks.
#[unsafe(no_mangle)]
static ap_index: AtomicU64 = AtomicU64::new(0);
#[unsafe(no_mangle)]
static ap_kernel_stack: AtomicU64 = AtomicU64::new(0);
#[unsafe(no_mangle)]
static ap_user_stack: AtomicU64 = AtomicU64::new(0);

unsafe extern "C" {
    static exception_stubs: u8;
    static interrupt_stubs: u8;
    static gate_entry: u8;
    static spurious_stub: u8;
    static gdt_tss: u8;
}

fn gate(vector: u8, handler: u64, privilege: u64) {
    let low = (handler & 0xffff) | 0x10 << 16 | (0x8e00 | privilege << 13) << 32 | (handler >> 16 & 0xffff) << 48;
    // SAFETY: a vector is always inside the table; interrupts are off, and other CPUs not yet started.
    unsafe { (*interrupt_table.get())[usize::from(vector)] = [low, handler >> 32] };
}

fn address(symbol: *const u8) -> u64 {
    symbol.expose_provenance() as u64
}

/// Fills the interrupt table and the boot CPU's task state segment: the first thing to do, the gate needs both.
pub fn init() {
    for vector in 0..32 {
        gate(vector, address(&raw const exception_stubs) + u64::from(vector) * 16, 0);
    }
    for index in 0..INTERRUPTS as u8 {
        gate(FIRST_INTERRUPT + index, address(&raw const interrupt_stubs) + u64::from(index) * 16, 0);
    }
    gate(3, address(&raw const gate_entry), 3);
    gate(SPURIOUS, address(&raw const spurious_stub), 0);
    init_task(0);
}

fn init_task(cpu: usize) {
    assert!(cpu < MAX_CPUS);
    let tasks = task_segments.get();
    let bitmap = core::mem::offset_of!(Tasks, io_bitmap) - cpu * size_of::<TaskSegment>();
    // SAFETY: the index is checked; CPU `cpu` does not run yet or is ourselves at CPL 3.
    unsafe {
        let task = (&raw mut (*tasks).segments).cast::<TaskSegment>().add(cpu);
        (&raw mut (*task).stack0).write_unaligned(kernel_stacks.address() + ((cpu + 1) * KERNEL_STACK) as u64);
        (&raw mut (*task).io_bitmap_base).write_unaligned((bitmap as u32) << 16);
        (&raw mut (*tasks).io_bitmap_end).write(u64::MAX);
    }
}

/// Makes everything ready for CPU `cpu` to come through the trampoline.
pub fn prepare_cpu(cpu: usize) {
    init_task(cpu);
    let task = task_segments.address() + (cpu * size_of::<TaskSegment>()) as u64;
    let low = 0x0000_8900_0000_0000 | TASK_LIMIT as u64 | (task & 0xff_ffff) << 16 | (task >> 24 & 0xff) << 56;
    // SAFETY: the table has a place for each of MAX_CPUS, which `init_task` checked.
    unsafe { (&raw const gdt_tss).cast_mut().cast::<u64>().add(cpu * 2).write(low) };
    ap_index.store(cpu as u64, Ordering::SeqCst);
    ap_kernel_stack.store(kernel_stacks.address() + ((cpu + 1) * KERNEL_STACK) as u64, Ordering::SeqCst);
    ap_user_stack.store(AP_STACKS.address() + ((cpu + 1) * STACK) as u64 - 8, Ordering::SeqCst);
}

/// How often the interrupt `vector` arrived, on all CPUs together.
pub fn interrupts(vector: u8) -> u64 {
    interrupt_counts[usize::from(vector)].load(Ordering::SeqCst)
}

/// Tells the interrupt stub how to acknowledge.
pub fn use_x2apic(on: bool) {
    x2apic_enabled.store(u8::from(on), Ordering::SeqCst);
}

/// Tells the interrupt stub which register of the IOAPIC masks the level behind `vector`; 0: it is an edge.
pub fn set_level_register(vector: u8, register: u8) {
    level_registers[usize::from(vector)].store(register, Ordering::SeqCst);
}
