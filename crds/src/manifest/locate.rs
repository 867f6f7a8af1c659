//! Where in the text fields stand.

use std::fmt::Write;

use granit_parser::{Event, Parser, StrInput};

use super::Position;
use super::compose::{parser, position};
use super::split::Part;

/// A mapping or list that the walk is in.
struct Level {
    /// How long the path to it is.
    path: usize,
    /// The item that comes next, of a list.
    item: Option<usize>,
    /// Whether a mapping's value comes next.
    is_value: bool,
}

/// A path that is looked for, and the place of the longest beginning of it that was found.
struct Wanted<'p> {
    path: &'p str,
    found: usize,
    position: Option<Position>,
}

/// The places of fields of the part's document with so many before it.
pub(super) fn locate(part: &Part<'_>, before: usize, paths: &[&str]) -> Vec<Option<Position>> {
    let mut wanted: Vec<Wanted<'_>> = paths.iter().map(|path| Wanted { path, found: 0, position: None }).collect();
    let mut parser = parser(part);
    if skip(&mut parser, before).is_some() {
        walk(part, &mut parser, &mut wanted);
    }
    wanted.into_iter().map(|wanted| wanted.position).collect()
}

/// Goes to the first event of a document.
fn skip<'a>(parser: &mut Parser<'a, StrInput<'a>>, mut before: usize) -> Option<()> {
    loop {
        let (event, _) = parser.next_event()?.ok()?;
        match (event, before) {
            (Event::DocumentStart(..), 0) => return Some(()),
            (Event::DocumentEnd, _) => before -= 1,
            _ => {}
        }
    }
}

fn walk<'a>(part: &Part<'_>, parser: &mut Parser<'a, StrInput<'a>>, wanted: &mut [Wanted<'_>]) {
    let (mut path, mut levels) = (String::new(), Vec::<Level>::new());
    while let Some(Ok((event, span))) = parser.next_event() {
        match event {
            Event::DocumentEnd => return,
            Event::SequenceEnd | Event::MappingEnd => {
                levels.pop();
                continue;
            }
            _ => {}
        }
        if let Some(level) = levels.last_mut() {
            let position = position(part, &span.start);
            if let Some(item) = &mut level.item {
                path.truncate(level.path);
                let _ = write!(path, "[{item}]");
                *item += 1;
                note(&path, position, wanted);
            } else if level.is_value {
                level.is_value = false;
            } else if let Event::Scalar(key, ..) = &event {
                path.truncate(level.path);
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                note(&path, position, wanted);
                level.is_value = true;
            }
        }
        match event {
            Event::SequenceStart(..) => levels.push(Level { path: path.len(), item: Some(0), is_value: false }),
            Event::MappingStart(..) => levels.push(Level { path: path.len(), item: None, is_value: false }),
            _ => {}
        }
    }
}

/// Remembers the place of `path` for each path that is it or below it.
fn note(path: &str, position: Position, wanted: &mut [Wanted<'_>]) {
    for wanted in wanted {
        let below = wanted.path.strip_prefix(path);
        if path.len() > wanted.found && below.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '['])) {
            wanted.found = path.len();
            wanted.position = Some(position);
        }
    }
}
