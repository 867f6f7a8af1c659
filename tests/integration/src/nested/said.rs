//! What guests of nested tests say of themselves (`guest-steps.sh`).

use anyhow::{Context, Result, ensure};

/// Fails when `text` does not contain `what`.
///
/// # Errors
/// It does not.
pub fn ensure_says(text: &str, what: &str) -> Result<()> {
    ensure!(text.contains(what), "It does not say {what:?}");
    Ok(())
}

/// Fails unless the guest has most of the `mib` MiB of its machine: at least so many `percent`. Firmware and kernel keep
/// the rest for themselves.
///
/// # Errors
/// It has not, or told nothing.
pub fn check_memory(text: &str, mib: u32, percent: u32) -> Result<()> {
    let told = text.split_once(" mib=").and_then(|(_, rest)| rest.split_whitespace().next()?.parse::<u32>().ok());
    let told = told.context("The guest told no size of its memory")?;
    ensure!((mib * percent / 100..=mib).contains(&told), "It sees {told} MiB");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_has_most_of_its_machine_s_memory_and_no_more() {
        assert!(check_memory("a\nguest mib=460\nb", 512, 85).is_ok());
        assert!(check_memory("guest mib=430\n", 512, 85).is_err());
        assert!(check_memory("guest mib=513\n", 512, 85).is_err());
        assert!(check_memory("guest\n", 512, 85).is_err());
    }
}
