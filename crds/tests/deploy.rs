//! The files in `deploy/crds/` are what the types say.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crds::crd::{KINDS, definition, to_yaml};

/// Set, the test writes the files instead of comparing them.
const WRITE: &str = "PODVISOR_WRITE_CRDS";

#[test]
fn the_installed_definitions_are_those_of_the_types() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/crds");
    let write = std::env::var_os(WRITE).is_some();
    let mut expected = BTreeSet::new();
    for kind in &KINDS {
        let name = format!("{}.yaml", kind.definition_name());
        let path = directory.join(&name);
        let yaml = to_yaml(&definition(kind)).unwrap();
        if write {
            fs::create_dir_all(&directory).unwrap();
            fs::write(&path, &yaml).unwrap();
        }
        let found = fs::read_to_string(&path).unwrap_or_default();
        assert!(found == yaml, "{} is stale: run {WRITE}=1 cargo test -p crds --test deploy", path.display());
        expected.insert(name);
    }
    let found: BTreeSet<String> =
        fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(found, expected, "a file in {} belongs to no kind", directory.display());
}
