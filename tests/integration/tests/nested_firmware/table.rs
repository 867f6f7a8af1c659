//! What boots cost, as lines of a table: from the first start of each scene.

use crate::scene::Scene;

/// What the launcher's report counts until its end.
const COUNTS: [&str; 7] = [
    "exits of all vCPUs",
    "port reads",
    "port writes",
    "MMIO reads",
    "MMIO writes",
    "memory slot updates",
    "flash switches",
];

/// The table of scenes and what they printed.
pub fn of<'a>(name: &str, scenes: impl Iterator<Item = (&'a Scene, &'a str)>) -> String {
    let heads = ["firmware", "scene", "ms to the boot loader", "ms to Linux"].into_iter().chain(COUNTS);
    let mut table = row(heads.map(str::to_owned));
    table += &row((0..4 + COUNTS.len()).map(|_| "---".to_owned()));
    for (scene, printed) in scenes {
        let first = printed.split_once("launcher ended").map_or(printed, |(first, _)| first);
        let cells = [name.to_owned(), scene.to_string(), time(first, "boot loader: "), time(first, "guest begins: ")];
        table += &row(cells.into_iter().chain(COUNTS.map(|what| count(first, what))));
    }
    table
}

fn row(cells: impl Iterator<Item = String>) -> String {
    format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
}

/// When a line with `what` began; nothing if it never came.
fn time(printed: &str, what: &str) -> String {
    let line = printed.lines().find(|line| line.contains(what));
    line.and_then(|line| line.split_whitespace().next()).unwrap_or("-").to_owned()
}

/// The number behind `what`.
fn count(printed: &str, what: &str) -> String {
    let line = printed.lines().find_map(|line| line.split_once(what));
    line.map_or("-", |(_, number)| number.trim()).to_owned()
}
