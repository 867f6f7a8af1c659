//! `e820`: prints the memory map as it was handed over.

use alloc::format;

use super::{Outcome, boot_info};
use crate::serial::say;

pub fn run() -> Outcome {
    let map = &boot_info().map;
    let mut usable = 0;
    for region in map {
        say!("e820 start={:#x} end={:#x} type={}", region.start, region.end, region.kind);
        if region.kind == 1 {
            usable += region.end - region.start;
        }
    }
    Ok(format!("entries={} usable={usable}", map.len()))
}
