//! The firmware's variables on the host: a file that always holds the store as it was after one of its changes.

mod file;
mod saver;

pub(crate) use file::{VariableFile, VariableFileError};
pub(crate) use saver::VariableSaver;
