//! Fields of a document by a pattern, such as `volumes[].containerDisk`.

use serde_json::Value;

/// The fields that the pattern names and that are there, with their paths.
pub(super) fn fields<'a>(pattern: &str, document: &'a Value) -> Vec<(String, &'a Value)> {
    let mut found = vec![(String::new(), document)];
    for part in pattern.split('.') {
        let (name, is_list) = part.strip_suffix("[]").map_or((part, false), |name| (name, true));
        let below = found.into_iter().filter_map(|(path, value)| {
            let value = value.get(name).filter(|value| !value.is_null())?;
            Some((if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }, value))
        });
        found = if is_list { below.flat_map(items).collect() } else { below.collect() };
    }
    found
}

fn items((path, list): (String, &Value)) -> impl Iterator<Item = (String, &Value)> {
    let items = list.as_array().into_iter().flatten().enumerate();
    items.map(move |(place, item)| (format!("{path}[{place}]"), item))
}

/// A value for a message: a text without quotes.
pub(super) fn told(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
