//! The frequency of this machine's TSC, which QEMU's software CPU shows as its own.

use std::process::Command;
use std::sync::OnceLock;

use anyhow::{Context, Result};
use tempfile::TempDir;

use super::compile;

/// The frequency in kHz, measured once.
///
/// L1's kernel cannot measure it well: on a loaded machine the emulated timers that it measures by are late, and all its
/// clocks, and those of guests in it, would run several times too fast.
pub(super) fn khz() -> Result<u64> {
    static KHZ: OnceLock<u64> = OnceLock::new();
    if let Some(khz) = KHZ.get() {
        return Ok(*khz);
    }
    let directory = TempDir::with_prefix("podvisor-tsc-").context("Cannot make a directory")?;
    let output = Command::new(compile("tsc.c", directory.path())?).output().context("Cannot measure the TSC")?;
    let text = String::from_utf8_lossy(&output.stdout);
    let khz = text.trim().parse().with_context(|| format!("The TSC has no frequency: {text:?}"))?;
    Ok(*KHZ.get_or_init(|| khz))
}
