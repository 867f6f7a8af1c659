//! `--firmware` and what it is told: what is asked for, and which files of this host are it.

mod arg;
mod descriptor;
mod find;
mod smbios_arg;
mod text_file;

pub(crate) use arg::FirmwareArg;
pub(crate) use find::{FirmwareError, find_bios, find_network_rom, find_uefi, find_variables_of};
pub(crate) use smbios_arg::SmbiosArg;
pub(crate) use text_file::TextFileArg;
