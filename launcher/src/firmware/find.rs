//! Which files of this host are the firmware.

use super::descriptor::{Descriptor, Uefi, Unfit};
use crate::resources::read_small_file;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write;
use std::fs::read_dir;
use std::path::{Path, PathBuf};
use thiserror::Error;

/// Where descriptors are. A file hides those of its name in later directories; of all, the first by name is taken.
const DESCRIPTORS: [&str; 2] = ["/etc/qemu/firmware", "/usr/share/qemu/firmware"];
/// Longer than any descriptor.
const MAX_DESCRIPTOR: u64 = 1 << 20;
/// Where distributions put SeaBIOS, which has no descriptor.
const BIOS: [&str; 3] =
    ["/usr/share/seabios/bios-256k.bin", "/usr/share/qemu/bios-256k.bin", "/usr/share/seabios/bios.bin"];

/// Where distributions put iPXE's ROM for virtio networks.
const NETWORK_ROM: [&str; 3] =
    ["/usr/lib/ipxe/qemu/pxe-virtio.rom", "/usr/share/qemu/pxe-virtio.rom", "/usr/share/ipxe/1af41000.rom"];

/// Why there is no firmware.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum FirmwareError {
    #[error(
        "This host has no UEFI firmware that a machine could boot by{0}: install it (Debian: ovmf; Fedora: edk2-ovmf), or name its files: --firmware uefi:CODE,VARS"
    )]
    NoUefi(String),
    #[error(
        "This host has no SeaBIOS in {places}: install it (Debian: seabios; Fedora: seabios-bin), or name its file: --firmware bios:FILE",
        places = BIOS.join(", ")
    )]
    NoBios,
}

/// Finds UEFI firmware by its descriptors.
///
/// # Errors
/// There is none, or none that can run here: the text says of each why.
pub(crate) fn find_uefi() -> Result<Uefi, FirmwareError> {
    find_uefi_in(&DESCRIPTORS.map(Path::new))
}

/// Finds the empty variable store that belongs to `code`; `None`: no descriptor tells.
pub(crate) fn find_variables_of(code: &Path) -> Option<PathBuf> {
    descriptors(&DESCRIPTORS.map(Path::new)).find_map(|path| {
        let uefi = fitting(&path).ok()?;
        (uefi.code == code).then_some(uefi.vars)
    })
}

/// Finds SeaBIOS.
///
/// # Errors
/// It is not installed.
pub(crate) fn find_bios() -> Result<PathBuf, FirmwareError> {
    BIOS.iter().map(PathBuf::from).find(|path| path.is_file()).ok_or(FirmwareError::NoBios)
}

/// Finds the ROM by which a PC BIOS starts from a network; `None`: it is not installed.
pub(crate) fn find_network_rom() -> Option<PathBuf> {
    NETWORK_ROM.iter().map(PathBuf::from).find(|path| path.is_file())
}

fn find_uefi_in(directories: &[&Path]) -> Result<Uefi, FirmwareError> {
    let mut skipped = String::new();
    for path in descriptors(directories) {
        match fitting(&path) {
            Ok(uefi) => {
                if !skipped.is_empty() {
                    tracing::info!("The UEFI firmware of {} is used{skipped}", path.display());
                }
                return Ok(uefi);
            }
            Err(None) => {}
            // Writing to a text does not fail.
            Err(Some(reason)) => drop(write!(skipped, "; {} is skipped: {reason}", path.display())),
        }
    }
    Err(FirmwareError::NoUefi(skipped))
}

/// The descriptors in force, by name.
fn descriptors(directories: &[&Path]) -> impl Iterator<Item = PathBuf> {
    let mut by_name: BTreeMap<OsString, PathBuf> = BTreeMap::new();
    for directory in directories {
        let Ok(entries) = read_dir(directory) else { continue };
        for entry in entries.flatten() {
            let path = entry.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                by_name.entry(entry.file_name()).or_insert(path);
            }
        }
    }
    by_name.into_values()
}

/// The firmware of a descriptor, or why it is none; `None` when it does not matter.
fn fitting(path: &Path) -> Result<Uefi, Option<String>> {
    let text = read_small_file(path, MAX_DESCRIPTOR).map_err(|error| Some(error.to_string()))?;
    // An empty file switches a descriptor off that it hides.
    if text.is_empty() {
        return Err(None);
    }
    let descriptor: Descriptor = serde_json::from_slice(&text).map_err(|error| Some(error.to_string()))?;
    let uefi = descriptor.uefi().map_err(|unfit| match unfit {
        Unfit::Other => None,
        Unfit::Because(reason) => Some(reason.to_owned()),
    })?;
    for file in [&uefi.code, &uefi.vars] {
        if !file.is_file() {
            return Err(Some(format!("{} is missing", file.display())));
        }
    }
    Ok(uefi)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::descriptor::tests::json;
    use super::*;
    use std::fs::{create_dir, write};
    use tempfile::TempDir;

    /// Two directories of descriptors, and a firmware's files.
    struct Host {
        directory: TempDir,
    }

    impl Host {
        fn new() -> Self {
            let directory = tempfile::tempdir().unwrap();
            for name in ["etc", "usr"] {
                create_dir(directory.path().join(name)).unwrap();
            }
            for name in ["a.fd", "b.fd", "vars.fd"] {
                write(directory.path().join(name), "x").unwrap();
            }
            Self { directory }
        }

        fn path(&self, name: &str) -> String {
            self.directory.path().join(name).to_str().unwrap().to_owned()
        }

        fn add(&self, name: &str, code: &str, features: &str) {
            write(self.path(name), json(&self.path(code), &self.path("vars.fd"), features)).unwrap();
        }

        fn find(&self) -> Result<String, FirmwareError> {
            let directories = ["etc", "usr", "absent"].map(|name| self.directory.path().join(name));
            let found = find_uefi_in(&directories.each_ref().map(PathBuf::as_path))?;
            Ok(found.code.file_name().unwrap().to_str().unwrap().to_owned())
        }
    }

    #[test]
    fn the_first_by_name_that_needs_no_system_management_mode_is_taken() {
        let host = Host::new();
        host.add("usr/40-secure.json", "a.fd", r#""requires-smm""#);
        host.add("usr/60-plain.json", "b.fd", "");
        host.add("usr/70-other.json", "a.fd", "");
        write(host.path("usr/10-note.txt"), "no descriptor").unwrap();
        assert_eq!(host.find(), Ok("b.fd".to_owned()));
    }

    #[test]
    fn the_administrators_descriptors_hide_those_of_packages() {
        let host = Host::new();
        host.add("usr/60-plain.json", "a.fd", "");
        host.add("etc/60-plain.json", "b.fd", "");
        assert_eq!(host.find(), Ok("b.fd".to_owned()));
        write(host.path("etc/60-plain.json"), "").unwrap();
        assert_eq!(host.find(), Err(FirmwareError::NoUefi(String::new())));
    }

    #[test]
    fn where_none_can_run_each_reason_and_the_remedy_are_told() {
        let host = Host::new();
        host.add("usr/40-secure.json", "a.fd", r#""requires-smm""#);
        host.add("usr/50-gone.json", "gone.fd", "");
        write(host.path("usr/60-broken.json"), "{").unwrap();
        let text = host.find().unwrap_err().to_string();
        for part in
            ["40-secure.json is skipped: it requires system", "gone.fd is missing", "60-broken.json", "Debian: ovmf"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
