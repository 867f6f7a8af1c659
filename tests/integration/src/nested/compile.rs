//! The C programs of `tests/integration/programs`.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// Compiles a program into `directory`, without shared libraries, for guests that have none.
///
/// # Errors
/// There is no C compiler, or it refuses the program.
pub fn compile(source: &str, directory: &Path) -> Result<PathBuf> {
    run(source, directory, "", &["-static", "-pthread"])
}

/// Compiles a program for this machine into `directory`.
///
/// # Errors
/// As [`compile`].
pub fn compile_here(source: &str, directory: &Path) -> Result<PathBuf> {
    run(source, directory, "", &[])
}

/// Compiles a shared library for another program of this machine into `directory`.
///
/// # Errors
/// As [`compile`].
pub(super) fn compile_library(source: &str, directory: &Path) -> Result<PathBuf> {
    run(source, directory, "so", &["-shared", "-fPIC"])
}

fn run(source: &str, directory: &Path, extension: &str, kind: &[&str]) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs").join(source);
    let result = directory.join(source.file_stem().context("A program has a name")?).with_extension(extension);
    let output = Command::new("cc")
        .args(["-O1", "-Wall", "-Wextra", "-Werror"])
        .args(kind)
        .arg("-o")
        .arg(&result)
        .arg(&source)
        .output()
        .context("Cannot run cc")?;
    ensure!(output.status.success(), "cc: {}", String::from_utf8_lossy(&output.stderr));
    Ok(result)
}
