//! The names that `vmm` publishes, compared with a list in the tree: who changes them sees it, and so does who reviews.
//!
//! They are taken from rustdoc's pages. The anchors in these are what links to documentation are made of, and so are the
//! same from one release of Rust to the next.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use integration::paths;

const LIST: &str = "vmm/public-names.txt";

/// What the parts of a page are called in its anchors. Trait methods are not among them.
const PARTS: [&str; 4] = ["method", "structfield", "variant", "associatedconstant"];

/// The texts between `before` and the quotation mark that follows it.
fn quoted<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| Some(rest.split_once('"')?.0))
}

/// The parts of the item `name` that its page describes.
fn parts<'a>(page: &'a str, name: &'a str) -> impl Iterator<Item = String> + 'a {
    // Behind this come methods of traits, most of which are derived.
    let own = page.split("id=\"trait-implementations\"").next().unwrap_or(page);
    quoted(own, "id=\"").filter_map(move |anchor| {
        let (kind, part) = anchor.split_once('.')?;
        let is_heading = part.ends_with(".fields");
        (PARTS.contains(&kind) && !is_heading).then(|| format!("{name}::{}", part.replace(".field.", "::")))
    })
}

/// Every public name: of items with their kind, of their parts with the item.
fn names(pages: &Path) -> BTreeSet<String> {
    let index = fs::read_to_string(pages.join("all.html")).unwrap();
    let mut names = BTreeSet::new();
    // Links within the index itself are its contents.
    for page in quoted(&index, "<li><a href=\"").filter(|link| !link.starts_with('#')) {
        let mut words = page.split('.');
        let (Some(kind), Some(name), Some("html"), None) = (words.next(), words.next(), words.next(), words.next())
        else {
            panic!("{page} is not a page of an item: nothing of vmm is in a public module");
        };
        names.insert(format!("{name} ({kind})"));
        names.extend(parts(&fs::read_to_string(pages.join(page)).unwrap(), name));
    }
    names
}

#[test]
fn what_is_published_is_what_the_list_says() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["doc", "--offline", "--no-deps", "--package", "vmm", "--target-dir"])
        .arg(paths::target())
        .current_dir(paths::workspace())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = names(&paths::target().join("doc/vmm"));
    let list = fs::read_to_string(paths::workspace().join(LIST)).unwrap_or_default();
    let listed: BTreeSet<String> = list.lines().map(str::to_owned).collect();
    let new = paths::target().join("public-names.txt");
    fs::write(&new, names.iter().map(|name| format!("{name}\n")).collect::<String>()).unwrap();
    let (come, gone): (Vec<_>, Vec<_>) = (names.difference(&listed).collect(), listed.difference(&names).collect());
    assert!(
        come.is_empty() && gone.is_empty(),
        "vmm publishes {come:?} and no longer {gone:?}: if that is meant, copy {} to {LIST}",
        new.display()
    );
}
