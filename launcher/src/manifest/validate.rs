//! `launcher validate`.

use super::args::{ValidateArgs, ValidateOutput};
use super::source::Source;
use super::{checked, text, worst};
use crds::check::{Checked, Outcome};

/// What is printed, and the worst that was found.
pub(super) fn run(args: &ValidateArgs) -> (String, Outcome) {
    let sources: Vec<Source> = args.files.iter().map(|path| Source::read(path)).collect();
    let checked = checked(&sources);
    let text = match args.output {
        ValidateOutput::Text => text::report(&checked),
        // Plain values under text keys: serde_json has nothing to refuse.
        ValidateOutput::Json => serde_json::to_string_pretty(&checked).unwrap_or_default() + "\n",
    };
    (text, outcome(&checked, args.strict))
}

fn outcome(checked: &[Checked], strict: bool) -> Outcome {
    let is_short = strict && checked.iter().any(|checked| !checked.unsupported.is_empty());
    let least = if is_short { Outcome::Refused } else { Outcome::Allowed };
    worst(checked).max(least)
}
