//! Manifests checked together: what upstream's API server answers to each of their documents.
//!
//! The files of one call are a cluster of their own: the instance types, preferences and presets in them and the
//! configuration of a KubeVirt object hold for all documents, wherever they stand. The bundled instance types and
//! preferences are always there. What only a running cluster can tell is not refused; a note says so.

mod answer;
mod checked;
mod item;
mod kind;
mod machine;
mod matcher;
mod references;
mod world;

pub use answer::Machine;
pub use checked::{Checked, Outcome, Unsupported};

use answer::Answered;
use item::Item;
use kind::Named;
use world::World;

use crate::manifest::{Position, read};

/// A file of the call.
#[derive(Clone, Copy, Debug)]
pub struct File<'a> {
    /// What it is called.
    pub name: &'a str,
    /// What it says, or why it cannot be read.
    pub content: Result<&'a [u8], &'a str>,
}

/// What a pure function has to be given.
pub struct Caller<'a> {
    /// Makes random UUIDs, for what upstream draws.
    pub draw: &'a mut dyn FnMut() -> String,
    /// What of a machine whoever calls cannot do. It changes no answer.
    pub unsupported: &'a dyn Fn(&Machine) -> Vec<Unsupported>,
}

/// What is answered to each object of the files' documents, in their order.
pub fn check(files: &[File<'_>], mut caller: Caller<'_>) -> Vec<Checked> {
    let read: Vec<_> = files.iter().map(|file| file.content.map(read)).collect();
    let documents = read.iter().flatten().flatten().filter_map(|document| document.as_ref().ok());
    let world = World::of(documents.flat_map(item::items));
    let mut checked = Vec::new();
    for (file, documents) in files.iter().zip(&read) {
        let documents = match documents {
            Ok(documents) => documents,
            Err(error) => {
                checked.push(Checked::unreadable(file.name, Position { line: 1, column: 1 }, (*error).to_owned()));
                continue;
            }
        };
        for document in documents {
            match document {
                Ok(document) => {
                    checked.extend(item::items(document).map(|item| one(file.name, &item, &world, &mut caller)));
                }
                Err(error) => {
                    checked.push(Checked::unreadable(file.name, error.position, error.error.to_string()));
                }
            }
        }
    }
    checked
}

fn one(file: &str, item: &Item<'_>, world: &World, caller: &mut Caller<'_>) -> Checked {
    let answered = match kind::of(item.value) {
        Ok(Named::Ours(kind, version)) => answer::answer(kind, version, item.value, world, caller.draw),
        Ok(Named::Companion) => Answered { stored: Some(item.value.clone()), ..Answered::default() },
        Ok(Named::Foreign(what)) => {
            let note = format!("{what} is none of KubeVirt's kinds: it was not looked at");
            Answered { stored: Some(item.value.clone()), notes: vec![note], ..Answered::default() }
        }
        Err(refusal) => Answered { refusal: Some(refusal), ..Answered::default() },
    };
    let unsupported = answered.machines.iter().flat_map(caller.unsupported).collect();
    checked::from(file, item, answered, unsupported)
}

#[cfg(test)]
mod tests;
