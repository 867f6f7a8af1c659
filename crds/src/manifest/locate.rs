//! Where in the text fields stand.

use std::collections::HashMap;
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

/// Paths that are looked for, by their beginnings, so that a place is found at once however many there are.
struct Wanted<'p> {
    by_beginning: HashMap<&'p str, Vec<usize>>,
    /// For each path the length of its longest beginning that was found, and where that is.
    found: Vec<(usize, Option<Position>)>,
}

/// Beginnings are not longer, so that long keys do not cost more than their length.
const LONGEST: usize = 1024;

impl<'p> Wanted<'p> {
    fn new(paths: &[&'p str]) -> Self {
        let mut by_beginning: HashMap<&str, Vec<usize>> = HashMap::new();
        for (place, path) in paths.iter().enumerate() {
            let ends = path.match_indices(['.', '[']).map(|(end, _)| end).chain([path.len()]);
            for beginning in ends.take_while(|end| *end <= LONGEST).filter_map(|end| path.get(..end)) {
                by_beginning.entry(beginning).or_default().push(place);
            }
        }
        Self { by_beginning, found: vec![(0, None); paths.len()] }
    }

    /// Remembers where a path is for each that is it or below it.
    fn note(&mut self, path: &str, position: Position) {
        if path.len() > LONGEST {
            return;
        }
        for place in self.by_beginning.get(path).into_iter().flatten() {
            if let Some(found) = self.found.get_mut(*place).filter(|found| path.len() > found.0) {
                *found = (path.len(), Some(position));
            }
        }
    }
}

/// The places of fields of the part's document with so many before it.
pub(super) fn locate(part: &Part<'_>, before: usize, paths: &[&str]) -> Vec<Option<Position>> {
    let mut wanted = Wanted::new(paths);
    let mut parser = parser(part);
    if skip(&mut parser, before).is_some() {
        walk(part, &mut parser, &mut wanted);
    }
    wanted.found.into_iter().map(|(_, position)| position).collect()
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

fn walk<'a>(part: &Part<'_>, parser: &mut Parser<'a, StrInput<'a>>, wanted: &mut Wanted<'_>) {
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
                wanted.note(&path, position);
            } else if level.is_value {
                level.is_value = false;
            } else if let Event::Scalar(key, ..) = &event {
                path.truncate(level.path);
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(key);
                wanted.note(&path, position);
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
