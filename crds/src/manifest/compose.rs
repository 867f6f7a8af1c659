//! A parser's events into values, with bounds.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};
use serde_json::{Map, Value};

use super::split::Part;
use super::{DEEPEST, LARGEST, ManifestError, Position, Unreadable, scalar};

/// A parser of a part, which tells no comments.
pub(super) fn parser<'a>(part: &Part<'a>) -> Parser<'a, StrInput<'a>> {
    // YAML's limit for keys on one line with their colon. JSON has none; but what may be a key is held until it is seen
    // that it is none, also a whole object.
    let lookahead = if part.is_json { 64 << 10 } else { 1024 };
    let options = granit_parser::options! {
        emit_comments: false,
        simple_key_max_lookahead: lookahead,
        flow_nesting_limit: DEEPEST,
        block_nesting_limit: DEEPEST,
    };
    Parser::new_from_str_with_options(part.text, options)
}

/// Where a parser's mark stands in the file.
pub(super) fn position(part: &Part<'_>, mark: &granit_parser::Marker) -> Position {
    Position { line: part.line + mark.line().saturating_sub(1), column: mark.col() + 1 }
}

/// What an anchor names.
struct Anchored {
    value: Value,
    size: usize,
    height: usize,
}

/// A value and how deep it nests.
type Composed = (Value, usize);

/// Reads the documents of a part.
pub(super) struct Composer<'a> {
    part: Part<'a>,
    parser: Parser<'a, StrInput<'a>>,
    anchors: HashMap<usize, Anchored>,
    /// The size of all anchored values, each of which is kept.
    kept: usize,
    /// The size of the document so far, as JSON.
    size: usize,
}

impl<'a> Composer<'a> {
    pub(super) fn new(part: &Part<'a>) -> Self {
        Self { part: *part, parser: parser(part), anchors: HashMap::new(), kept: 0, size: 0 }
    }

    /// The next document; nothing behind the last.
    pub(super) fn document(&mut self) -> Option<Result<(Position, Value), Unreadable>> {
        loop {
            match self.parser.next_event()? {
                Err(error) => return Some(Err(self.syntax(&error))),
                Ok((Event::DocumentStart(..), _)) => break,
                Ok(_) => {}
            }
        }
        self.anchors.clear();
        (self.kept, self.size) = (0, 0);
        let root = self.next().and_then(|(event, at)| Ok((at, self.node(event, at, 0)?.0)));
        Some(root)
    }

    fn next(&mut self) -> Result<(Event<'a>, Position), Unreadable> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, position(&self.part, &span.start))),
            Some(Err(error)) => Err(self.syntax(&error)),
            None => Ok((Event::StreamEnd, Position { line: self.part.line, column: 1 })),
        }
    }

    fn syntax(&self, error: &ScanError) -> Unreadable {
        use granit_parser::ErrorKind;
        let position = position(&self.part, error.marker());
        let error = match error.kind() {
            ErrorKind::RecursionLimitExceeded => ManifestError::TooDeep,
            _ => ManifestError::Syntax(error.info()),
        };
        Unreadable { position, error }
    }

    /// The value that begins with an event, `depth` deep.
    fn node(&mut self, event: Event<'a>, at: Position, depth: usize) -> Result<Composed, Unreadable> {
        let fault = |error| Unreadable { position: at, error };
        let before = self.size;
        let (anchor, (value, height)) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.spend(text.len() + 2, at)?;
                (anchor, (scalar(&text, style, tag.as_deref()).map_err(fault)?, 0))
            }
            Event::SequenceStart(_, anchor, _) if depth < DEEPEST => (anchor, self.list(at, depth + 1)?),
            Event::MappingStart(_, anchor, _) if depth < DEEPEST => (anchor, self.mapping(at, depth + 1)?),
            Event::SequenceStart(..) | Event::MappingStart(..) => return Err(fault(ManifestError::TooDeep)),
            Event::Alias(anchor) => {
                let named = self.anchors.get(&anchor).ok_or(fault(ManifestError::Endless))?;
                let (size, height) = (named.size, named.height);
                if depth + height > DEEPEST {
                    return Err(fault(ManifestError::TooDeep));
                }
                self.spend(size, at)?;
                let value = self.anchors.get(&anchor).map(|named| named.value.clone()).unwrap_or_default();
                return Ok((value, height));
            }
            _ => return Err(fault(ManifestError::Syntax("a value is missing".to_owned()))),
        };
        if anchor != 0 {
            let size = self.size - before;
            self.kept += size;
            if self.kept > LARGEST {
                return Err(fault(ManifestError::TooLarge));
            }
            self.anchors.insert(anchor, Anchored { value: value.clone(), size, height });
        }
        Ok((value, height))
    }

    fn list(&mut self, at: Position, depth: usize) -> Result<Composed, Unreadable> {
        self.spend(2, at)?;
        let (mut items, mut highest) = (Vec::new(), 0);
        loop {
            let (event, at) = self.next()?;
            if event == Event::SequenceEnd {
                return Ok((Value::Array(items), highest + 1));
            }
            let (item, height) = self.node(event, at, depth)?;
            items.push(item);
            highest = highest.max(height);
        }
    }

    fn mapping(&mut self, at: Position, depth: usize) -> Result<Composed, Unreadable> {
        self.spend(2, at)?;
        let (mut fields, mut highest) = (Map::new(), 0);
        let mut lines: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, at) = self.next()?;
            let fault = |error| Unreadable { position: at, error };
            let key = match event {
                Event::MappingEnd => return Ok((Value::Object(fields), highest + 1)),
                Event::Scalar(text, style, _, tag) => {
                    self.spend(text.len() + 3, at)?;
                    match is_merge(&text, style, tag.as_deref()) {
                        true => None,
                        false => Some(
                            scalar::key(&scalar(&text, style, tag.as_deref()).map_err(fault)?)
                                .ok_or(fault(ManifestError::Key))?,
                        ),
                    }
                }
                _ => return Err(fault(ManifestError::Key)),
            };
            let (event, value_at) = self.next()?;
            let (value, height) = self.node(event, value_at, depth)?;
            highest = highest.max(height);
            let Some(key) = key else {
                merge(&mut fields, value).ok_or(Unreadable { position: value_at, error: ManifestError::Merge })?;
                continue;
            };
            if let Some(first) = lines.insert(key.clone(), at.line) {
                return Err(fault(ManifestError::Twice { key, first }));
            }
            fields.insert(key, value);
        }
    }

    fn spend(&mut self, bytes: usize, at: Position) -> Result<(), Unreadable> {
        self.size = self.size.saturating_add(bytes);
        if self.size > LARGEST {
            return Err(Unreadable { position: at, error: ManifestError::TooLarge });
        }
        Ok(())
    }
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, ManifestError> {
    let tag = tag.map(|tag| tag.suffix_in_namespace("tag:yaml.org,2002:").unwrap_or(Cow::Borrowed("")));
    scalar::resolve(text, style == ScalarStyle::Plain, tag.as_deref())
}

fn is_merge(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> bool {
    text == "<<" && style == ScalarStyle::Plain && tag.is_none()
}

/// Lays fields over those that are there already: what follows in the text wins. Of several mappings, the first.
fn merge(fields: &mut Map<String, Value>, from: Value) -> Option<()> {
    match from {
        Value::Object(merged) => fields.extend(merged),
        Value::Array(several) => {
            for one in several.into_iter().rev() {
                let Value::Object(merged) = one else { return None };
                fields.extend(merged);
            }
        }
        _ => return None,
    }
    Some(())
}
