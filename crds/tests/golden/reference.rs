//! Where upstream's data is, and reading it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// Upstream's data; counts the calling test as skipped where there is none.
pub fn reference() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::var_os("KUBEVIRT_REFERENCE").map(PathBuf::from);
    let beside = ["../shared", "../../shared"].map(|shared| root.join(shared).join("reference/kubevirt"));
    let found = named.into_iter().chain(beside).find(|directory| directory.join("crds").is_dir());
    if found.is_none() {
        skip("no reference data");
    }
    found
}

/// Counts the calling test as skipped; the runner of all tiers names the file.
fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test without a name"));
    match std::env::var_os("PODVISOR_SKIPS") {
        Some(path) => {
            OpenOptions::new().create(true).append(true).open(path).unwrap().write_all(line.as_bytes()).unwrap()
        }
        None => eprint!("skipped {line}"),
    }
}

/// The YAML files of a directory, by name.
pub fn yaml_files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "yaml"));
    files.sort();
    files
}

/// The documents of a YAML text.
pub fn documents(text: &str) -> Vec<Value> {
    let found: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
    found.into_iter().filter(|document| !document.is_null()).collect()
}
