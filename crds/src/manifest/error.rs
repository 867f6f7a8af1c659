//! Why a document cannot be read.

use thiserror::Error;

use super::Position;

/// A document that cannot be read, and where it is seen.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("Line {}, column {}: {error}", position.line, position.column)]
pub struct Unreadable {
    /// Where.
    pub position: Position,
    /// Why.
    pub error: ManifestError,
}

/// Why a document cannot be read.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ManifestError {
    /// Bytes that are no text.
    #[error("The text is not UTF-8: save it as UTF-8")]
    NotUtf8,
    /// The text is no YAML, in the words of its parser.
    #[error("This is not YAML: {0}")]
    Syntax(String),
    /// Two values for one key.
    #[error("The key {key:?} is here a second time: the first is on line {first}")]
    Twice {
        /// The key.
        key: String,
        /// The line of the first.
        first: usize,
    },
    /// More than an API server takes.
    #[error("The document has more than 3 MiB when its aliases are written out: an API server takes no more")]
    TooLarge,
    /// More documents than are read.
    #[error("The file has more than 100000 documents: this one and those behind it were not looked at")]
    TooMany,
    /// More than anybody means.
    #[error("Lists and mappings are nested more than 255 deep")]
    TooDeep,
    /// An alias inside its own anchor.
    #[error("The value of this alias contains the alias itself")]
    Endless,
    /// A key that JSON cannot have.
    #[error("A key must be a text, a number, true or false")]
    Key,
    /// A value to `<<` that has no fields.
    #[error("What \"<<\" merges must be a mapping or a list of mappings")]
    Merge,
    /// A text that is not of the type that its tag says.
    #[error("{text:?} cannot be read as !!{tag}")]
    Tag {
        /// The text.
        text: String,
        /// The tag.
        tag: String,
    },
    /// Infinity, or no number.
    #[error("{0} is a number that JSON does not have: quote it if it is a text")]
    NotFinite(String),
}
