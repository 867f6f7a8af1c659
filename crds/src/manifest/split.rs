//! A file into parts that are read apart, so that a broken one does not hide the others.

use serde::de::IgnoredAny;

use super::{ManifestError, Position, Unreadable};

/// A part of a file: one document, or several where `...` ends one and nothing announces the next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Part<'a> {
    pub(super) text: &'a str,
    /// The line of the file on which it begins.
    pub(super) line: usize,
    /// Whether it is known to be JSON.
    pub(super) is_json: bool,
}

/// The parts of a file.
pub(super) fn parts(file: &[u8]) -> Vec<Result<Part<'_>, Unreadable>> {
    let file = file.strip_prefix("\u{feff}".as_bytes()).unwrap_or(file);
    json_parts(file).unwrap_or_else(|| yaml_parts(file)).into_iter().map(text).collect()
}

/// Bytes, the line on which they begin, whether they are JSON.
type Bytes<'a> = (&'a [u8], usize, bool);

fn text((bytes, line, is_json): Bytes<'_>) -> Result<Part<'_>, Unreadable> {
    str::from_utf8(bytes).map(|text| Part { text, line, is_json }).map_err(|error| {
        let good = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let last = good.rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let column = str::from_utf8(last).map_or(0, |text| text.chars().count()) + 1;
        Unreadable { position: Position { line: line + lines(good), column }, error: ManifestError::NotUtf8 }
    })
}

fn lines(bytes: &[u8]) -> usize {
    bytes.iter().filter(|byte| **byte == b'\n').count()
}

/// The documents of a file that looks like JSON and begins with a good document; what is broken behind it is the last.
fn json_parts(file: &[u8]) -> Option<Vec<Bytes<'_>>> {
    if !matches!(file.trim_ascii_start().first(), Some(b'{' | b'[')) {
        return None;
    }
    let mut stream = serde_json::Deserializer::from_slice(file).into_iter::<IgnoredAny>();
    let (mut parts, mut start, mut line) = (Vec::new(), 0, 1);
    loop {
        let is_good = stream.next()?.is_ok();
        let end = if is_good { stream.byte_offset() } else { file.len() };
        let bytes = file.get(start..end)?;
        if !is_good && parts.is_empty() {
            return None;
        }
        parts.push((bytes, line, is_good));
        let rest = file.get(end..)?;
        if rest.trim_ascii().is_empty() {
            return Some(parts);
        }
        line += lines(bytes);
        start = end;
    }
}

/// The documents of a YAML file: a line of `---` begins one, unless nothing but comments and directives stand before.
fn yaml_parts(file: &[u8]) -> Vec<Bytes<'_>> {
    let mut parts = Vec::new();
    let (mut start, mut start_line, mut has_content) = (0, 1, false);
    let mut place = 0;
    for (number, line) in file.split_inclusive(|byte| *byte == b'\n').enumerate() {
        let is_separator =
            line.strip_prefix(b"---").is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace));
        let is_bare =
            is_separator && matches!(line.get(3..).map(<[u8]>::trim_ascii_start), None | Some([] | [b'#', ..]));
        if is_separator && has_content {
            parts.push((file.get(start..place).unwrap_or_default(), start_line, false));
            (start, start_line, has_content) = (place, number + 1, false);
        }
        let is_filling =
            matches!(line.trim_ascii_start(), [] | [b'#', ..]) || line.first() == Some(&b'%') && !has_content;
        has_content |= !is_bare && !is_filling;
        place += line.len();
    }
    if has_content {
        parts.push((file.get(start..).unwrap_or_default(), start_line, false));
    }
    parts
}
