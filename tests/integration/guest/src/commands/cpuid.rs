//! `cpuid=LEAF[,SUBLEAF]`: the registers as CPL 0 sees them and as CPL 3 does (PVM hosts may differ). `xgetbv`: XCR0 as
//! CPL 0 reads it (PVM hosts cannot emulate that).

use alloc::format;
use alloc::string::String;
use core::arch::x86_64::CpuidResult;

use super::{Outcome, required};
use crate::cpu::{cpuid, cpuid_unprivileged, xcr0};
use crate::serial::say;

pub fn run(arguments: &str) -> Outcome {
    let (leaf, subleaf) = arguments.split_once(',').unwrap_or((arguments, "0"));
    let parse = |text| required(text).and_then(|value| u32::try_from(value).map_err(|error| format!("{error}")));
    let (leaf, subleaf) = (parse(leaf)?, parse(subleaf)?);
    let text = |CpuidResult { eax, ebx, ecx, edx }| format!("{eax:#x},{ebx:#x},{ecx:#x},{edx:#x}");
    Ok(format!(
        "leaf={leaf:#x} subleaf={subleaf} cpl0={} cpl3={}",
        text(cpuid(leaf, subleaf)),
        text(cpuid_unprivileged(leaf, subleaf))
    ))
}

pub fn xgetbv() -> Outcome {
    const XSAVE: u32 = 1 << 26;
    if cpuid(1, 0).ecx & XSAVE == 0 {
        return Ok(String::from("xcr0=absent"));
    }
    say!("begin xgetbv");
    Ok(format!("xcr0={:#x}", xcr0()))
}
