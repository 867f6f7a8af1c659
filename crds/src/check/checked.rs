//! What is told of an object.

use serde::Serialize;
use serde_json::Value;

use super::answer::Answered;
use super::item::Item;
use crate::admission::{Cause, Refusal};
use crate::manifest::Position;

/// The answer to one document, or to one object of a list. As JSON: upstream's answer, and where it belongs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    /// The file.
    pub file: String,
    /// The line of the file on which it begins.
    pub line: usize,
    /// Its kind; empty when it is not known.
    pub kind: String,
    /// Its name; empty when it has none.
    pub name: String,
    /// Whether it would be created.
    pub allowed: bool,
    /// The HTTP status of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<u16>,
    /// Why it is refused, as upstream tells it.
    pub causes: Vec<Cause>,
    /// What a client is told although it is allowed.
    pub warnings: Vec<String>,
    /// What is to be known of this answer, and is none of upstream's words.
    pub notes: Vec<String>,
    /// What whoever asked cannot do.
    pub unsupported: Vec<Unsupported>,
    /// How it ended.
    #[serde(skip)]
    pub outcome: Outcome,
    /// All causes, also those that upstream finds and does not tell, and where they are.
    #[serde(skip)]
    pub found: Vec<(Position, Cause)>,
    /// The object as it would be stored, where its defaults could be set.
    #[serde(skip)]
    pub stored: Option<Value>,
    /// Where each of `unsupported` is.
    #[serde(skip)]
    pub unsupported_at: Vec<Position>,
    /// Where it begins.
    #[serde(skip)]
    pub position: Position,
}

/// Something that an object asks for and that whoever asked cannot do.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
pub struct Unsupported {
    /// The field.
    pub field: String,
    /// What cannot be done.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
}

/// How a check ended.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Outcome {
    /// It would be created.
    Allowed,
    /// It would not.
    Refused,
    /// There is no telling: it could not be read.
    Unreadable,
}

impl Checked {
    /// A file or a document that cannot be read.
    pub(super) fn unreadable(file: &str, position: Position, message: String) -> Self {
        let cause = Cause::new(None, String::new(), message);
        Self {
            file: file.to_owned(),
            line: position.line,
            kind: String::new(),
            name: String::new(),
            allowed: false,
            code: None,
            causes: vec![cause.clone()],
            warnings: Vec::new(),
            notes: Vec::new(),
            outcome: Outcome::Unreadable,
            found: vec![(position, cause)],
            stored: None,
            unsupported: Vec::new(),
            unsupported_at: Vec::new(),
            position,
        }
    }
}

/// What YAML 1.1 does to texts, for those who did not expect it.
const SWITCHES: &str = "YAML reads y, n, yes, no, on and off as true and false: quote them where they are texts";

/// The answer to an object, with the places of its causes.
pub(super) fn from(file: &str, item: &Item<'_>, answered: Answered, unsupported: Vec<Unsupported>) -> Checked {
    let refusal = answered.refusal;
    let code = refusal.as_ref().map(|refusal| refusal.code);
    let (causes, untold) = refusal.map_or_else(Default::default, causes);
    let all: Vec<Cause> = causes.iter().cloned().chain(untold).collect();
    let fields = unsupported.iter().map(|unsupported| unsupported.field.as_str());
    let places: Vec<&str> = all.iter().map(Cause::place).chain(fields).collect();
    let mut positions = if places.is_empty() { Vec::new() } else { item.locate(&places) };
    let unsupported_at = positions.split_off(all.len());
    let mut notes = answered.notes;
    if all.iter().any(|cause| cause.message.contains("boolean") && cause.message.contains("string")) {
        notes.push(SWITCHES.to_owned());
    }
    let name = [item.metadata("name"), item.metadata("generateName")].into_iter().find(|name| !name.is_empty());
    Checked {
        file: file.to_owned(),
        line: item.position.line,
        kind: item.value["kind"].as_str().unwrap_or_default().to_owned(),
        name: name.unwrap_or_default().to_owned(),
        allowed: code.is_none(),
        code,
        causes,
        warnings: answered.warnings,
        notes,
        outcome: if code.is_none() { Outcome::Allowed } else { Outcome::Refused },
        found: positions.into_iter().zip(all).collect(),
        stored: answered.stored,
        unsupported,
        unsupported_at,
        position: item.position,
    }
}

/// The causes of a refusal, told and untold. One without causes is its own.
fn causes(refusal: Refusal) -> (Vec<Cause>, Vec<Cause>) {
    if !refusal.causes.is_empty() {
        return (refusal.causes, refusal.untold);
    }
    let field = refusal.place.as_deref().map(without_places).unwrap_or_default();
    (vec![Cause { place: refusal.place, ..Cause::new(None, field, refusal.message) }], refusal.untold)
}

/// A path as upstream's decoder names it.
fn without_places(path: &str) -> String {
    path.split('[').map(|part| part.split_once(']').map_or(part, |(_, rest)| rest)).collect()
}
