//! `--firmware`: what is asked for, and which files of this host are it.

mod arg;
mod descriptor;
mod find;

pub(crate) use arg::FirmwareArg;
pub(crate) use find::{FirmwareError, find_bios, find_uefi, find_variables_of};
