//! The shape of the tree: which crate may depend on which, and what may stand only in certain files.

#![allow(clippy::unwrap_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use integration::paths;

/// Our crates, and those of ours that each may depend on. Tests may use any.
const MAY_DEPEND_ON: [(&str, &[&str]); 9] = [
    ("crds", &[]),
    ("devices", &[]),
    ("proto", &[]),
    ("vmm", &["devices"]),
    ("launcher", &["vmm", "crds", "proto"]),
    ("handler", &["crds", "proto"]),
    ("controller", &["crds", "proto"]),
    ("benches", &["vmm", "devices", "launcher"]),
    ("integration", &["crds", "devices", "proto", "vmm", "launcher", "handler", "controller"]),
];

/// Crates that must not be reached from a crate of ours, by however long a path.
const NEVER_REACHES: [(&str, &[&str]); 5] = [
    ("devices", &["kvm-ioctls", "tokio", "kube", "k8s-openapi"]),
    ("vmm", &["tokio", "kube", "k8s-openapi", "crds"]),
    ("crds", &["kube-client", "tokio"]),
    ("handler", &["vmm"]),
    ("controller", &["vmm"]),
];

/// Where `unsafe` may stand.
const UNSAFE: [&str; 5] = [
    "benches/programs/floor.rs",
    "benches/programs/host_reader.rs",
    "devices/src/io/",
    "vmm/src/kvm/",
    "vmm/src/memory/",
];

/// The one place that starts threads of `vmm` and `devices`.
const THREADS: &str = "vmm/src/thread.rs";

/// Names of packages by id, and the ids of what each uses outside tests.
struct Graph {
    names: BTreeMap<String, String>,
    uses: BTreeMap<String, Vec<String>>,
    members: BTreeSet<String>,
}

impl Graph {
    fn load() -> Self {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let output = Command::new(cargo)
            .args(["metadata", "--format-version=1", "--locked"])
            .current_dir(paths::workspace())
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        let list = |value: &serde_json::Value| value.as_array().unwrap().clone();
        let is_used = |dependency: &serde_json::Value| {
            dependency["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null())
        };
        let names =
            list(&metadata["packages"]).into_iter().map(|package| (text(&package["id"]), text(&package["name"])));
        let uses = list(&metadata["resolve"]["nodes"]).into_iter().map(|node| {
            let used = list(&node["deps"]).into_iter().filter(is_used).map(|used| text(&used["pkg"])).collect();
            (text(&node["id"]), used)
        });
        let members = list(&metadata["workspace_members"]).iter().map(text).collect();
        Self { names: names.collect(), uses: uses.collect(), members }
    }

    fn member(&self, name: &str) -> Option<&String> {
        self.members.iter().find(|id| self.names[*id] == name)
    }

    /// The names of everything that `id` uses, directly or not.
    fn reached_from(&self, id: &str) -> BTreeSet<&str> {
        let mut reached = BTreeSet::new();
        let mut open = vec![id];
        while let Some(next) = open.pop() {
            for used in &self.uses[next] {
                if reached.insert(used.as_str()) {
                    open.push(used);
                }
            }
        }
        reached.into_iter().map(|id| self.names[id].as_str()).collect()
    }
}

#[test]
fn our_crates_depend_on_each_other_only_in_the_allowed_direction() {
    let graph = Graph::load();
    for id in &graph.members {
        let name = &graph.names[id];
        let (_, allowed) = MAY_DEPEND_ON
            .iter()
            .find(|(member, _)| member == name)
            .unwrap_or_else(|| panic!("The crate {name} has no line in MAY_DEPEND_ON"));
        for used in graph.uses[id].iter().filter(|used| graph.members.contains(*used)) {
            let used = graph.names[used].as_str();
            assert!(allowed.contains(&used), "{name} depends on {used}; it may depend on {allowed:?} only");
        }
    }
}

#[test]
fn a_crate_does_not_reach_what_is_not_for_it() {
    let graph = Graph::load();
    for (name, forbidden) in NEVER_REACHES {
        let Some(id) = graph.member(name) else { continue };
        let reached = graph.reached_from(id);
        for crate_ in forbidden {
            assert!(!reached.contains(crate_), "{name} reaches {crate_}: see `cargo tree -p {name} -i {crate_}`");
        }
    }
}

/// Our Rust files, as paths below the workspace.
fn sources() -> Vec<(PathBuf, String)> {
    let root = paths::workspace();
    let mut files = Vec::new();
    for member in fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path()) {
        let hidden = member.file_name().unwrap().to_string_lossy().starts_with('.');
        if member.is_dir() && !hidden && !member.ends_with("target") {
            collect(&member, &mut files);
        }
    }
    assert!(files.len() > 30, "only {} files found below {}", files.len(), root.display()); // it looked in the right place
    files
        .into_iter()
        .map(|file| (file.strip_prefix(&root).unwrap().to_path_buf(), fs::read_to_string(&file).unwrap()))
        .collect()
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for path in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() && !path.ends_with("target") {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// A line without its comment and its string literals, roughly: good enough for words that stand in neither by design.
fn code_of(line: &str) -> String {
    let line = line.split_once("//").map_or(line, |(code, _)| code);
    line.split('"').step_by(2).collect::<Vec<_>>().join("\"\"")
}

/// The part of a file before its unit tests.
fn without_tests(text: &str) -> &str {
    text.find("#[cfg(test)]\nmod ").map_or(text, |tests| &text[..tests])
}

fn is_test_file(file: &Path) -> bool {
    file.file_stem().is_some_and(|name| name == "tests" || name == "native_tests")
        || file.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "native_tests")
}

#[test]
fn threads_of_the_machine_are_started_in_one_place() {
    for (file, text) in sources() {
        let ours = file.starts_with("vmm/src") || file.starts_with("devices/src");
        if !ours || file == Path::new(THREADS) || is_test_file(&file) {
            continue;
        }
        for (number, line) in without_tests(&text).lines().enumerate() {
            let code = code_of(line);
            let starts = ["thread::spawn", "thread::Builder", "thread::scope", "Builder::new().spawn"];
            let found = starts.iter().find(|start| code.contains(*start));
            assert!(found.is_none(), "{}:{}: threads are made by {THREADS} only", file.display(), number + 1);
        }
    }
}

#[test]
fn unsafe_code_stands_only_where_it_is_reviewed() {
    for (file, text) in sources() {
        // The guest is bare metal: nothing in it is safe but what it wraps.
        if file.starts_with("tests/integration/guest") || UNSAFE.iter().any(|place| file.starts_with(place)) {
            continue;
        }
        for (number, line) in text.lines().enumerate() {
            let code = code_of(line);
            let found =
                ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"].iter().any(|word| code.contains(word));
            assert!(!found, "{}:{}: unsafe may stand in {UNSAFE:?} only", file.display(), number + 1);
        }
    }
}

#[test]
fn programs_begin_with_a_short_main() {
    for (file, text) in sources() {
        let is_main = file.ends_with("src/main.rs") || file.parent().is_some_and(|parent| parent.ends_with("src/bin"));
        if is_main && !file.starts_with("tests/integration/guest") {
            let lines = text.lines().count();
            assert!(lines < 60, "{} has {lines} lines: it parses arguments and wires, nothing else", file.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_800_lines() {
    for (file, text) in sources() {
        let lines = text.lines().count();
        assert!(lines <= 800, "{} has {lines} lines: split it by what it holds", file.display());
    }
}
