//! What a kernel that is content with its firmware and its hardware does not print.

use anyhow::{Result, ensure};

/// Parts of lines, in the words of Linux: of ACPI's interpreter, of PCI's resources, of interrupts.
const COMPLAINTS: [&str; 21] = [
    "ACPI Error",
    "ACPI BIOS",
    "ACPI Warning",
    "ACPI Exception",
    "Firmware Bug",
    "Firmware Warn",
    "MP-BIOS bug",
    "address conflict",
    "can't claim",
    "can't assign",
    "failed to assign",
    "no compatible bridge window",
    "conflicts with",
    "not reserved in ACPI",
    "is not reserved",
    "can't derive routing",
    "can't find IRQ",
    "nobody cared",
    "No irq handler for vector",
    "unable to enumerate",
    "invalid BAR",
];

/// What EDK2 leaves in a ROM's register once it has read the ROM: all ones, with the decoder off (PCI 3.0 6.2.5.2). Linux
/// cannot place it there, says so, and does without.
fn is_rom_that_firmware_has_read(line: &str) -> bool {
    line.contains(": ROM [mem 0x") && line.contains("-0xffffffff pref]: can't claim")
}

/// The complaints as an extended regular expression for grep, for guests that print no more of their logs.
pub(super) fn pattern() -> String {
    COMPLAINTS.join("|")
}

/// Fails when the text holds a complaint of a guest's kernel.
///
/// # Errors
/// It does; the error shows the lines.
pub fn check_complaints(text: &str) -> Result<()> {
    let is_complaint = |line: &&str| {
        COMPLAINTS.iter().any(|complaint| line.contains(complaint)) && !is_rom_that_firmware_has_read(line)
    };
    let complaints: Vec<&str> = text.lines().filter(is_complaint).collect();
    ensure!(complaints.is_empty(), "The guest complains of its firmware or hardware:\n{}", complaints.join("\n"));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_found_wherever_they_stand() {
        assert!(check_complaints("[ 0.1] Linux version 6.1\n[ 0.2] ACPI: RSDP\n").is_ok());
        assert!(check_complaints("[ 0.1] ok\n[ 0.2] ACPI BIOS Error (bug): no table\n").is_err());
        assert!(check_complaints("[ 0.1] [Firmware Bug]: TSC is odd\n").is_err());
        assert!(check_complaints("pci 0000:00:02.0: BAR 4: no space; failed to assign [mem size 0x1000]\n").is_err());
        let claims = |what| {
            check_complaints(&format!("pci 0000:00:04.0: {what} pref]: can't claim; no compatible bridge window\n"))
        };
        assert!(claims("ROM [mem 0xfffc0000-0xffffffff").is_ok());
        assert!(claims("ROM [mem 0xfeb40000-0xfeb7ffff").is_err());
        assert!(claims("BAR 4 [mem 0xfffc0000-0xffffffff").is_err());
    }

    #[test]
    fn no_complaint_means_anything_else_to_grep() {
        assert!(COMPLAINTS.iter().all(|text| text.chars().all(|c| c.is_alphanumeric() || " '-".contains(c))));
    }
}
