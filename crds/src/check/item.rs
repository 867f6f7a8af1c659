//! The objects of a document: itself, or those of a list.

use serde_json::Value;

use crate::manifest::{Document, Position};

/// An object of a document.
#[derive(Clone, Debug)]
pub(super) struct Item<'a> {
    document: &'a Document<'a>,
    /// The path from the document to it, with a dot behind it unless it is empty.
    prefix: String,
    /// Where it begins.
    pub(super) position: Position,
    /// What it says.
    pub(super) value: &'a Value,
}

/// The objects of a document, in their order: `kubectl get` writes several as one object of kind `List`.
pub(super) fn items<'a>(document: &'a Document<'a>) -> Box<dyn Iterator<Item = Item<'a>> + 'a> {
    let is_list = document.value["kind"].as_str().is_some_and(|kind| kind.ends_with("List"));
    let Some(items) = document.value["items"].as_array().filter(|_| is_list) else {
        let (position, value) = (document.position, &document.value);
        return Box::new(std::iter::once(Item { document, prefix: String::new(), position, value }));
    };
    let paths: Vec<String> = (0..items.len()).map(|place| format!("items[{place}]")).collect();
    let positions = document.locate(&paths.iter().map(String::as_str).collect::<Vec<_>>());
    let items = items.iter().zip(positions).zip(paths);
    Box::new(items.map(move |((value, position), path)| Item { document, prefix: path + ".", position, value }))
}

impl Item<'_> {
    /// Where its fields stand.
    pub(super) fn locate(&self, paths: &[&str]) -> Vec<Position> {
        let below: Vec<String> = paths.iter().map(|path| format!("{}{path}", self.prefix)).collect();
        self.document.locate(&below.iter().map(String::as_str).collect::<Vec<_>>())
    }

    /// A text of its metadata, empty where there is none.
    pub(super) fn metadata(&self, field: &str) -> &str {
        self.value["metadata"][field].as_str().unwrap_or_default()
    }

    /// The namespace it is in.
    pub(super) fn namespace(&self) -> &str {
        namespace(self.value)
    }
}

/// The namespace that an object is in.
pub(super) fn namespace(object: &Value) -> &str {
    let namespace = object["metadata"]["namespace"].as_str();
    namespace.filter(|namespace| !namespace.is_empty()).unwrap_or("default")
}
