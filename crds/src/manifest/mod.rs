//! Manifests: text to documents, as `kubectl` reads it, with the place of each field.
//!
//! YAML is read with the rules of the library that all of Kubernetes' tools have (`sigs.k8s.io/yaml`): those of YAML
//! 1.1 for `yes`, `on` and `010`, merge keys, keys that are numbers. JSON is read too. Documents are read one by one,
//! so that one that is broken does not hide the others. The text is a tenant's: what it can make us store is bounded
//! by [`LARGEST`], and how deep it can nest by [`DEEPEST`].

mod compose;
mod error;
mod locate;
mod scalar;
mod split;

use serde_json::Value;

pub use error::{ManifestError, Unreadable};

/// The most bytes that a document has as JSON, when all its aliases are written out: an API server takes no more.
pub const LARGEST: usize = 3 << 20;

/// How deep lists and mappings may be nested.
pub const DEEPEST: usize = 255;

/// How many documents of a file are read.
pub const MOST: usize = 100_000;

/// A place in a file; lines and columns (in characters) count from one.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// A document that could be read.
#[derive(Clone, Debug, PartialEq)]
pub struct Document<'a> {
    /// Where it begins.
    pub position: Position,
    /// What it says.
    pub value: Value,
    part: split::Part<'a>,
    /// How many documents stand before it in the part.
    before: usize,
}

impl Document<'_> {
    /// Where fields stand, by their paths, such as `spec.volumes[0].name`. Of one that is not there, the last one
    /// above it that is.
    pub fn locate(&self, paths: &[&str]) -> Vec<Position> {
        let found = locate::locate(&self.part, self.before, paths);
        found.into_iter().map(|position| position.unwrap_or(self.position)).collect()
    }
}

/// The documents of a file, in their order. Empty ones are left out.
pub fn read(file: &[u8]) -> Vec<Result<Document<'_>, Unreadable>> {
    let mut documents = Vec::new();
    for part in split::parts(file) {
        if documents.len() >= MOST {
            let line = part.map_or_else(|unreadable| unreadable.position.line, |part| part.line);
            let position = Position { line, column: 1 };
            documents.push(Err(Unreadable { position, error: ManifestError::TooMany }));
            break;
        }
        match part {
            Ok(part) => read_part(&part, &mut documents),
            Err(unreadable) => documents.push(Err(unreadable)),
        }
    }
    documents
}

fn read_part<'a>(part: &split::Part<'a>, documents: &mut Vec<Result<Document<'a>, Unreadable>>) {
    let mut composer = compose::Composer::new(part);
    let mut before = 0;
    while let Some(document) = composer.document() {
        match document {
            Ok((_, Value::Null)) => {}
            Ok((position, value)) => documents.push(Ok(Document { position, value, part: *part, before })),
            // What follows in this part makes no sense any more.
            Err(unreadable) => return documents.push(Err(unreadable)),
        }
        before += 1;
    }
}

#[cfg(test)]
mod tests;
