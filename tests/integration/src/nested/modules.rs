//! Kernel modules in the order in which they can be loaded, uncompressed and without their signatures.
//!
//! The packages bring no `modules.dep` (depmod makes it at installation), so dependencies are read from the modules
//! themselves: each has a string `depends=a,b` in its section `.modinfo`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::cpio::Archive;
use crate::images::KernelImage;

/// What ends a signed module (include/linux/module_signature.h), after a structure of 12 bytes whose last four are the
/// signature's length, big-endian.
const SIGNED: &[u8] = b"~Module signature appended~\n";

/// A module's file name without directories, and its bytes.
type Module = (String, Vec<u8>);

/// Adds `names` and what they depend on to `directory` of an archive, where a file `order` lists them in load order.
pub(crate) fn add<W: Write>(
    archive: &mut Archive<W>,
    directory: &str,
    kernel: &KernelImage,
    names: &[&str],
) -> Result<()> {
    let modules = load_order(kernel, names)?;
    for (name, bytes) in &modules {
        archive.file(&format!("{directory}/{name}"), 0o644, bytes)?;
    }
    let order: String = modules.iter().map(|(name, _)| format!("{name}\n")).collect();
    archive.file(&format!("{directory}/order"), 0o644, order.as_bytes())
}

/// `names` and everything they depend on, in load order; names that the kernel does not have as modules are left out,
/// since they may be built in.
fn load_order(kernel: &KernelImage, names: &[&str]) -> Result<Vec<Module>> {
    let mut files = BTreeMap::new();
    index(&kernel.modules.join("kernel"), &mut files)?;
    let mut order = Vec::new();
    let mut seen = BTreeSet::new();
    for name in names {
        visit(&normal(name), &files, &mut seen, &mut order)?;
    }
    Ok(order)
}

fn visit(
    name: &str,
    files: &BTreeMap<String, PathBuf>,
    seen: &mut BTreeSet<String>,
    order: &mut Vec<Module>,
) -> Result<()> {
    let Some(path) = files.get(name) else { return Ok(()) };
    if !seen.insert(name.to_owned()) {
        return Ok(());
    }
    let bytes = read(path)?;
    for dependency in dependencies(&bytes) {
        visit(&dependency, files, seen, order)?;
    }
    let end = without_signature(&bytes).len();
    order.push((format!("{name}.ko"), bytes[..end].to_vec()));
    Ok(())
}

/// All module files below `directory` by normal name.
fn index(directory: &Path, files: &mut BTreeMap<String, PathBuf>) -> Result<()> {
    for entry in fs::read_dir(directory).with_context(|| format!("Cannot list {}", directory.display()))? {
        let path = entry.with_context(|| format!("Cannot list {}", directory.display()))?.path();
        if path.is_dir() {
            index(&path, files)?;
        } else if let Some((name, _)) = path.file_name().unwrap_or_default().to_string_lossy().split_once(".ko") {
            files.insert(normal(name), path.clone());
        }
    }
    Ok(())
}

/// Modules are named with `-` and `_` at will.
fn normal(name: &str) -> String {
    name.replace('-', "_")
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let program = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => return fs::read(path).with_context(|| format!("Cannot read {}", path.display())),
    };
    let output = Command::new(program)
        .args(["-d", "-c"])
        .arg(path)
        .output()
        .with_context(|| format!("Cannot run {program}: apt-get install xz-utils zstd"))?;
    ensure!(output.status.success(), "{program} cannot unpack {}", path.display());
    Ok(output.stdout)
}

fn dependencies(module: &[u8]) -> Vec<String> {
    const FIELD: &[u8] = b"\0depends=";
    let Some(at) = module.windows(FIELD.len()).position(|window| window == FIELD) else { return Vec::new() };
    let value = module[at + FIELD.len()..].split(|byte| *byte == 0).next().unwrap_or_default();
    let value = String::from_utf8_lossy(value);
    value.split(',').filter(|name| !name.is_empty()).map(normal).collect()
}

/// Checking signatures costs an emulated machine more time than loading the modules.
fn without_signature(module: &[u8]) -> &[u8] {
    let unsigned = || {
        let rest = module.strip_suffix(SIGNED)?;
        let (rest, length) = rest.split_last_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        rest.get(..rest.len().checked_sub(length + 8)?)
    };
    unsigned().unwrap_or(module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_read_from_the_module() {
        assert_eq!(dependencies(b"x\0license=GPL\0depends=mbcache,jbd-2\0name=ext4\0"), ["mbcache", "jbd_2"]);
        assert!(dependencies(b"x\0depends=\0name=kvm\0").is_empty());
    }

    #[test]
    fn a_signature_is_cut_off() {
        let mut module = b"ELF and so on".to_vec();
        module.extend(b"signature");
        module.extend([0; 8]);
        module.extend(9_u32.to_be_bytes());
        module.extend(SIGNED);
        assert_eq!(without_signature(&module), b"ELF and so on");
        assert_eq!(without_signature(b"ELF and so on"), b"ELF and so on");
    }
}
