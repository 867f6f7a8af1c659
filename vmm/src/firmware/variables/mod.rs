//! The firmware's variables on the host: a file that always holds the store as it was after one of its changes.

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod faults;
mod file;
mod saver;

pub(crate) use file::{VariableFile, VariableFileError};
pub(crate) use saver::VariableSaver;
