//! `mem`: writes the pattern over all usable RAM, then verifies it. `mem=sparse` touches one page in 32 MiB and the
//! first and last page of each range, for big machines; `mem=verify` writes nothing: a `mem` before it did.

use alloc::format;
use alloc::vec::Vec;

use super::{Outcome, boot_info};
use crate::smp::TRAMPOLINE;
use crate::{paging, pattern};

const PAGE: u64 = 4096;
const SPARSE: u64 = 32 << 20;

unsafe extern "C" {
    static __image_start: u8;
    static __image_end: u8;
}

/// Usable RAM as whole pages, without ourselves, the trampoline's page and page 0 (where Rust sees null pointers).
fn ranges() -> Vec<(u64, u64)> {
    let end_of_map = paging::map_high(&boot_info().map);
    let image = ((&raw const __image_start).addr() as u64, (&raw const __image_end).addr() as u64);
    let mut ranges = Vec::new();
    for region in boot_info().map.iter().filter(|region| region.kind == 1) {
        ranges.push((region.start.next_multiple_of(PAGE), region.end.min(end_of_map) & !(PAGE - 1)));
    }
    for (start, end) in [(0, PAGE), (TRAMPOLINE, TRAMPOLINE + PAGE), image] {
        let cut = |range: (u64, u64)| [(range.0, range.1.min(start)), (range.0.max(end), range.1)];
        ranges = ranges.into_iter().flat_map(cut).filter(|range| range.0 < range.1).collect();
    }
    ranges.sort_unstable();
    ranges
}

fn words(start: u64, end: u64) -> &'static mut [u64] {
    let pointer = core::ptr::with_exposed_provenance_mut(start as usize);
    // SAFETY: `ranges` leaves out all memory that is in use; the map says that the rest is RAM, and it is mapped.
    // `black_box` keeps the compiler from knowing what was written.
    unsafe { core::slice::from_raw_parts_mut(core::hint::black_box(pointer), ((end - start) / 8) as usize) }
}

/// The parts of a range to touch.
fn pieces((start, end): (u64, u64), sparse: bool) -> impl Iterator<Item = (u64, u64)> {
    let step = if sparse { SPARSE } else { u64::MAX };
    let first = core::iter::once((start, if sparse { start + PAGE } else { end }));
    let inner = core::iter::successors(Some(start.next_multiple_of(SPARSE)), move |at| at.checked_add(step))
        .take_while(move |at| sparse && at + PAGE <= end)
        .map(|at| (at, at + PAGE));
    let last = sparse.then(|| (end - PAGE, end));
    first.chain(inner).chain(last)
}

pub fn run(arguments: &str) -> Outcome {
    let (sparse, write) = match arguments {
        "" => (false, true),
        "sparse" => (true, true),
        "verify" => (false, false),
        other => return Err(format!("unknown argument {other:?}")),
    };
    let ranges = ranges();
    for range in ranges.iter().filter(|_| write) {
        for (start, end) in pieces(*range, sparse) {
            pattern::fill(words(start, end), start, 0);
        }
    }
    let (mut bytes, mut touched) = (0, 0);
    for range in &ranges {
        bytes += range.1 - range.0;
        for (start, end) in pieces(*range, sparse) {
            let words = words(start, end);
            touched += end - start;
            if let Some(index) = pattern::first_difference(words, start, 0) {
                return Err(format!("address={:#x} value={:#x}", start + index as u64 * 8, words[index]));
            }
        }
    }
    // Three pages for the host: the one behind the image, the last below the hole, the last of all.
    let image_end = (&raw const __image_end).addr() as u64;
    let low = ranges.iter().filter(|range| range.1 <= 1 << 32).map(|range| range.1 - PAGE).max().unwrap_or(0);
    let last = ranges.iter().map(|range| range.1 - PAGE).max().unwrap_or(0);
    let sample = |address: u64| format!("{address:#x}:{:#018x}", words(address, address + 8)[0]);
    Ok(format!(
        "bytes={bytes} touched={touched} ranges={} sample={},{},{}",
        ranges.len(),
        sample(image_end),
        sample(low),
        sample(last)
    ))
}
