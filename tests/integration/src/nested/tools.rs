//! Programs of Debian packages, with the libraries of the same packages: for a guest's disk, or to be run here.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A program's dynamic linker, as the program names it.
pub(super) const LINKER: &str = "/lib64/ld-linux-x86-64.so.2";

/// Where packages have their programs.
const PLACES: [&str; 4] = ["usr/bin", "bin", "usr/sbin", "sbin"];

/// Where they have their libraries; Ceph's, which fio needs, have a place of their own.
const LIBRARIES: [&str; 3] = ["lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu", "usr/lib/x86_64-linux-gnu/ceph"];

/// A program of packages that are unpacked at `root`, to be run here.
pub(super) fn command(root: &Path, program: &str) -> Result<Command> {
    let (linker, libraries) = loader(root);
    let mut command = Command::new(linker);
    command.args(["--library-path", &libraries]).arg(find(root, program)?);
    Ok(command)
}

/// The packages' dynamic linker, and where it finds their libraries.
fn loader(root: &Path) -> (PathBuf, String) {
    let libraries = LIBRARIES.map(|path| root.join(path));
    let linker = libraries[0].join("ld-linux-x86-64.so.2");
    (linker, libraries.map(|directory| directory.display().to_string()).join(":"))
}

fn find(root: &Path, program: &str) -> Result<PathBuf> {
    let places = PLACES.iter().map(|place| root.join(place).join(program));
    places.into_iter().find(|path| path.exists()).with_context(|| format!("The packages have no {program}"))
}

/// What the files of a program are in a guest: their sources here and their paths there.
pub(super) fn files(root: &Path, program: &str) -> Result<Vec<(PathBuf, String)>> {
    let (linker, libraries) = loader(root);
    let source = find(root, program)?;
    let output = Command::new(&linker)
        .args(["--library-path", &libraries, "--list"])
        .arg(&source)
        .output()
        .with_context(|| format!("Cannot run {}", linker.display()))?;
    ensure!(output.status.success(), "{program} lacks a library: {}", String::from_utf8_lossy(&output.stderr));
    let mut files = vec![(source, format!("bin/{program}"))];
    for (name, file) in parse(&String::from_utf8_lossy(&output.stdout)) {
        files.push((file, if name == LINKER { LINKER.to_owned() } else { format!("lib/{name}") }));
    }
    Ok(files)
}

/// Lines `NAME => FILE (0x..)`.
fn parse(text: &str) -> Vec<(String, PathBuf)> {
    let file = |line: &str| {
        let (name, rest) = line.split_once(" => ")?;
        Some((name.trim().to_owned(), PathBuf::from(rest.split_once(" (")?.0)))
    };
    text.lines().filter_map(file).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_what_has_a_file() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\tlibz.so.1 => /r/lib/libz.so.1 (0x2)\n";
        assert_eq!(parse(text), [("libz.so.1".to_owned(), PathBuf::from("/r/lib/libz.so.1"))]);
    }
}
