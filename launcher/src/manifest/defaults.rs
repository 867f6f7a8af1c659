//! `launcher defaults`.

use super::args::{DefaultsArgs, DefaultsOutput};
use super::source::Source;
use super::{checked, text, worst};
use crate::console::message;
use crds::check::{Checked, Outcome};
use serde_json::Value;

/// The objects as they would be stored, and the worst that was found. What is refused is told on standard error, and
/// printed all the same where its defaults could be set.
pub(super) fn run(args: &DefaultsArgs) -> (String, Outcome) {
    let checked = checked(&[Source::read(&args.file)]);
    let bad: Vec<Checked> = checked.iter().filter(|checked| checked.outcome != Outcome::Allowed).cloned().collect();
    if !bad.is_empty() {
        text::report(&bad).lines().for_each(message);
    }
    let stored = checked.iter().filter_map(|checked| checked.stored.as_ref());
    let text = match args.output {
        DefaultsOutput::Yaml => yaml(stored),
        // Plain values under text keys: serde_json has nothing to refuse.
        DefaultsOutput::Json => {
            stored.map(|object| serde_json::to_string_pretty(object).unwrap_or_default() + "\n").collect()
        }
    };
    (text, worst(&checked))
}

fn yaml<'a>(objects: impl Iterator<Item = &'a Value>) -> String {
    // What came from YAML goes into YAML.
    let texts: Vec<String> = objects.map(|object| crds::crd::to_yaml(object).unwrap_or_default() + "\n").collect();
    texts.join("---\n")
}
