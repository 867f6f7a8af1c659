//! Which subjects there are on this machine.

use std::env;
use std::path::{Path, PathBuf};

use super::subject::{Board, Kind, Subject};
use crate::host;
use crate::programs::Built;

/// The series of the floor.
pub const FLOOR: &str = "floor";

/// The peers and the names of their programs.
const PEERS: [(&str, Kind); 3] = [
    ("firecracker", Kind::Firecracker),
    ("cloud-hypervisor", Kind::CloudHypervisor),
    ("qemu-system-x86_64", Kind::Qemu),
];

/// All that can be started, and what is missing with the reason.
pub fn subjects(built: &Built) -> (Vec<Subject>, Vec<(String, String)>) {
    let floor =
        Subject { name: FLOOR.to_owned(), revision: String::new(), program: built.floor.clone(), kind: Kind::Floor };
    let (mut found, mut missing) = (vec![floor], Vec::new());
    for build in std::iter::once(&built.ours).chain(&built.against) {
        let revision = &build.revision;
        let mut add = |what: &str, board: Board, kind, program: &Path| {
            let at = if revision.is_empty() { String::new() } else { format!(" @{revision}") };
            let (program, revision) = (program.to_owned(), revision.clone());
            found.push(Subject { name: format!("{what} {}{at}", board.name()), revision, program, kind });
        };
        if build.bare_vmm.is_none() {
            missing.push((format!("bare vmm @{revision}"), "that revision has none".to_owned()));
        }
        for board in [Board::Microvm, Board::Q35] {
            if let Some(program) = &build.bare_vmm {
                add("bare vmm", board, Kind::BareVmm(board), program);
            }
            add("launcher", board, Kind::Launcher(board), &build.launcher);
        }
    }
    for (name, kind) in PEERS {
        match on_path(name) {
            Some(program) => found.push(Subject { name: name.to_owned(), revision: String::new(), program, kind }),
            None => missing.push((name.to_owned(), "it is not on PATH".to_owned())),
        }
    }
    (found, missing)
}

fn on_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|directory| directory.join(name)).find(|path| path.is_file())
}

/// Why Linux is not started here.
pub fn why_no_linux() -> &'static str {
    if host::is_pvm() {
        "this host's KVM is PVM, which emulates a kernel's privileged code: a stock Linux does not boot on it"
    } else {
        "the bench has no Linux guest yet"
    }
}
