//! The size of a program.

use std::path::Path;

use anyhow::{Context as _, Result};

/// KiB of the parts of the ELF file at `path` that are loaded: its size without symbols and debug information.
///
/// # Errors
/// It cannot be read, or is no ELF-64 file.
pub(crate) fn loaded_kib(path: &Path) -> Result<f64> {
    let file = std::fs::read(path).with_context(|| format!("Cannot read {}", path.display()))?;
    loaded(&file).with_context(|| format!("{} is no ELF file", path.display()))
}

#[allow(clippy::cast_precision_loss)] // the size of a file
fn loaded(file: &[u8]) -> Option<f64> {
    let number = |at: usize, size: usize| -> Option<usize> {
        let bytes = file.get(at..at.checked_add(size)?)?;
        Some(bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    };
    let (headers, count) = (number(32, 8)?, number(56, 2)?);
    let mut sum = 0;
    for header in (0..count).map(|index| headers.saturating_add(56 * index)) {
        // PT_LOAD: the bytes that it has in the file.
        if number(header, 4)? == 1 {
            sum += number(header + 32, 8)?;
        }
    }
    Some(sum as f64 / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_loaded_counts() {
        let mut file = vec![0; 64 + 2 * 56];
        (file[32], file[56]) = (64, 2);
        (file[64], file[64 + 33]) = (1, 0x10); // PT_LOAD, 4096 bytes
        (file[120], file[120 + 33]) = (4, 0x20); // PT_NOTE
        assert_eq!(loaded(&file), Some(4.0));
        assert_eq!(loaded(&file[..100]), None);
    }

    #[test]
    fn this_program_is_larger_than_nothing() {
        assert!(loaded_kib(&std::env::current_exe().unwrap()).unwrap() > 100.0);
    }
}
