//! Gets one image: resolves its packages, downloads and unpacks them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::apt::{self, Apt, Package};
use super::catalog::Image;
use super::lock::{self, Lock, Locked};
use super::source;

/// Where the image `name` is unpacked.
pub(super) fn unpacked(root: &Path, name: &str) -> PathBuf {
    root.join(name).join("root")
}

/// Makes sure that `image` is unpacked below `root` and returns the packages it is made of.
pub(super) fn fetch(image: &Image, lock: &Lock, keys: &Path, root: &Path) -> Result<Vec<Locked>> {
    let recorded = lock.of(image.name);
    let home = root.join(image.name);
    // What was asked for and what came: the same question needs no mirror a second time.
    let (asked, came) = (home.join("asked"), home.join("came"));
    if !recorded.is_empty() && fs::read_to_string(&asked).is_ok_and(|text| text == lock::render(&recorded)) {
        say_changes(&fs::read_to_string(came).unwrap_or_default());
        return Ok(recorded);
    }
    let apt = Apt::open(&root.join("apt").join(image.name), image.suite, &source::archive()?, keys)?;
    let packages = resolve(&apt, image, &recorded)?;
    let changes = if recorded.is_empty() { String::new() } else { lock::changes(&recorded, &packages).join("\n") };

    let fresh = root.join(format!("{}.new", image.name));
    if fresh.exists() {
        fs::remove_dir_all(&fresh).context("Cannot remove a half-unpacked image")?;
    }
    unpack(&apt, &packages, &fresh)?;
    let question = if recorded.is_empty() { &packages } else { &recorded };
    fs::write(fresh.join("asked"), lock::render(question)).context("Cannot note what was fetched")?;
    fs::write(fresh.join("came"), &changes).context("Cannot note what was fetched")?;
    if home.exists() {
        fs::remove_dir_all(&home).context("Cannot remove an old image")?;
    }
    fs::rename(&fresh, &home).context("Cannot move an unpacked image into place")?;
    say_changes(&changes);
    Ok(packages)
}

fn say_changes(changes: &str) {
    if !changes.is_empty() {
        println!("{}", changes.trim_end());
    }
}

/// The recorded packages when the mirror has all of them, else what it has now.
fn resolve(apt: &Apt, image: &Image, recorded: &[Locked]) -> Result<Vec<Locked>> {
    let locked = |package: Package| Locked {
        image: image.name.to_owned(),
        package: package.name,
        version: package.version,
        sha256: package.sha256,
    };
    if !recorded.is_empty()
        && let Ok(found) = apt.describe(&questions(recorded))
    {
        for entry in recorded {
            let same = found.iter().find(|package| package.name == entry.package && package.version == entry.version);
            let hash = same.map(|package| package.sha256.as_str());
            ensure!(
                hash == Some(&entry.sha256),
                "{} {} is recorded with SHA-256 {} and the mirror has {hash:?}: `make images-lock` if that is right",
                entry.package,
                entry.version,
                entry.sha256,
            );
        }
        return Ok(recorded.to_vec());
    }
    let mut packages: Vec<Locked> =
        apt.closure(image.packages)?.into_iter().filter(|package| (image.keep)(&package.name)).map(locked).collect();
    packages.sort();
    ensure!(!packages.is_empty(), "No package is left of {:?}", image.packages);
    Ok(packages)
}

fn questions(packages: &[Locked]) -> Vec<String> {
    packages.iter().map(|entry| format!("{}={}", entry.package, entry.version)).collect()
}

/// Downloads packages and unpacks them below `home/root`.
fn unpack(apt: &Apt, packages: &[Locked], home: &Path) -> Result<()> {
    let debs = home.join("debs");
    fs::create_dir_all(&debs).context("Cannot make a directory for packages")?;
    apt.download(&questions(packages), &debs)?;
    apt::unpack(&debs, &home.join("root"))?;
    fs::remove_dir_all(&debs).context("Cannot remove the downloaded packages")
}
