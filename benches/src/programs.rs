//! The programs that are measured: built as releases, static, and kept apart for each revision.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The target for which everything is built: naming it keeps flags from build scripts.
pub(crate) const TARGET: &str = "x86_64-unknown-linux-gnu";
/// No dynamic linker takes part in a start.
pub(crate) const STATIC: &str = "-C target-feature=+crt-static";

/// One build of our programs.
#[derive(Clone, Debug)]
pub struct Programs {
    /// What sets its series apart: empty for this tree, else the revision.
    pub revision: String,
    /// The launcher.
    pub launcher: PathBuf,
    /// `bare-vmm`; a revision from before the bench has none.
    pub bare_vmm: Option<PathBuf>,
    /// `guest-io`, likewise.
    pub guest_io: Option<PathBuf>,
}

/// Everything that is run.
#[derive(Clone, Debug)]
pub struct Built {
    /// This tree's programs.
    pub ours: Programs,
    /// Those of the revision to compare with.
    pub against: Option<Programs>,
    /// The floor.
    pub floor: PathBuf,
    /// The host's own reader of a file.
    pub host_reader: PathBuf,
    /// A plain program with two TAP interfaces.
    pub host_frames: PathBuf,
    /// The test guest, the same for all.
    pub guest: PathBuf,
}

impl Built {
    /// Builds this tree's programs, and `against`'s, and puts copies below `directory`.
    ///
    /// # Errors
    /// Cargo or git fails.
    pub fn build(directory: &Path, against: Option<&str>) -> Result<()> {
        let root = workspace();
        let tree = root.join("target/bench/against");
        if let Some(revision) = against {
            // First: builds take minutes, and a wrong name none.
            check_out(&root, &tree, revision).with_context(|| format!("Cannot check out {revision}"))?;
        }
        build_tree(&root, &directory.join("ours"))?;
        if against.is_some() {
            build_tree(&tree, &directory.join("against"))?;
        }
        build_guest(&root, &directory.join("ours"))
    }

    /// What [`Self::build`] left below `directory`.
    pub fn find(directory: &Path, against: Option<&str>) -> Self {
        let programs = |place: &str, revision: &str| {
            let place = directory.join(place);
            let [bare_vmm, guest_io] =
                ["bare-vmm", "guest-io"].map(|name| Some(place.join(name)).filter(|path| path.exists()));
            Programs { revision: revision.to_owned(), launcher: place.join("launcher"), bare_vmm, guest_io }
        };
        let (ours, against) = (programs("ours", ""), against.map(|revision| programs("against", revision)));
        let [floor, host_reader, host_frames, guest] =
            ["floor", "host-reader", "host-frames", "guest"].map(|name| directory.join("ours").join(name));
        Self { ours, against, floor, host_reader, host_frames, guest }
    }
}

/// Keeps a copy of the program that runs below `directory`; its place.
///
/// # Errors
/// It cannot be copied.
pub fn keep(directory: &Path) -> Result<PathBuf> {
    let place = directory.join("bench");
    fs::create_dir_all(directory).with_context(|| format!("Cannot make {}", directory.display()))?;
    copy(&env::current_exe().context("Cannot find this program")?, &place)?;
    Ok(place)
}

/// The workspace's root.
pub fn workspace() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_path_buf()
}

/// Builds what `tree` has, and copies it to `place`: the next build may replace it there. Each tree has a target directory of
/// its own: to cargo, a package at the same place of another work tree is the same one, which it may find fresh.
fn build_tree(tree: &Path, place: &Path) -> Result<()> {
    // What another revision had, this one may not have.
    let _there_may_be_none = fs::remove_dir_all(place);
    fs::create_dir_all(place).with_context(|| format!("Cannot make {}", place.display()))?;
    let target = tree.join("target");
    let built = target.join(TARGET).join("release");
    let cargo = |arguments: &[&str]| {
        let mut cargo = Command::new("cargo");
        cargo.args(["build", "--quiet", "--release", "--target", TARGET]).args(arguments);
        run(cargo.current_dir(tree).env("CARGO_TARGET_DIR", &target).env("RUSTFLAGS", STATIC))
    };
    cargo(&["--package", "launcher"])?;
    copy(&built.join("launcher"), &place.join("launcher"))?;
    // An earlier revision may have fewer, or none.
    let sources = tree.join("benches/programs");
    let has = |name: &&str| sources.join(name.replace('-', "_")).with_extension("rs").exists();
    let programs: Vec<_> =
        ["floor", "bare-vmm", "guest-io", "host-reader", "host-frames"].into_iter().filter(has).collect();
    if !programs.is_empty() {
        // By name: the bench itself is not measured.
        let bins = programs.iter().flat_map(|name| ["--bin", name]);
        cargo(&["--package", "benches"].into_iter().chain(bins).collect::<Vec<_>>())?;
    }
    programs.iter().try_for_each(|name| copy(&built.join(name), &place.join(name)))
}

fn build_guest(root: &Path, place: &Path) -> Result<()> {
    let (sources, target) = (root.join("tests/integration/guest"), root.join("target/guest"));
    let mut cargo = Command::new("cargo");
    cargo.args(["build", "--quiet", "--release", "--target-dir"]).arg(&target);
    // Its flags stand in a configuration beside it, which the variable would replace.
    run(cargo.current_dir(sources).env_remove("RUSTFLAGS"))?;
    copy(&target.join("release/podvisor-guest"), &place.join("guest"))
}

/// A work tree of `revision` at `tree`.
fn check_out(root: &Path, tree: &Path, revision: &str) -> Result<()> {
    let git = |arguments: &[&OsStr], directory: &Path| {
        let mut git = Command::new("git");
        run(git.args(arguments).current_dir(directory))
    };
    if !tree.exists() {
        git(
            // Forced: `cargo clean` has removed the last one without telling git.
            &["worktree", "add", "--quiet", "--force", "--detach"]
                .map(OsStr::new)
                .into_iter()
                .chain([tree.as_os_str()])
                .collect::<Vec<_>>(),
            root,
        )?;
    }
    git(&["checkout", "--quiet", "--detach", revision, "--"].map(OsStr::new), tree)
}

/// Copies a program.
fn copy(from: &Path, to: &Path) -> Result<()> {
    // One that runs cannot be written to, but another can take its name.
    let _there_may_be_none = fs::remove_file(to);
    fs::copy(from, to).with_context(|| format!("Cannot copy {}", from.display()))?;
    Ok(())
}

fn run(command: &mut Command) -> Result<()> {
    let status = command.status().with_context(|| format!("Cannot run {}", command.get_program().display()))?;
    if !status.success() {
        bail!("{} failed ({status}): see its messages above", command.get_program().display());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_revision_from_before_the_bench_has_no_bare_vmm() {
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("ours")).unwrap();
        fs::write(directory.path().join("ours/bare-vmm"), "").unwrap();
        let built = Built::find(directory.path(), Some("v1"));
        let against = built.against.unwrap();
        assert!(built.ours.bare_vmm.is_some() && against.bare_vmm.is_none());
        assert_eq!((built.ours.revision.as_str(), against.revision.as_str()), ("", "v1"));
    }
}
