//! All findings, for people and for programs.

use super::finding::{Finding, Status};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::fmt::Write;

/// The version of the JSON form.
const VERSION: u32 = 1;

/// What a host offers.
#[derive(Debug)]
pub(super) struct Report {
    findings: Vec<Finding>,
}

/// The findings by their ids, in the order of the report.
struct Items<'a>(&'a [Finding]);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for finding in self.0 {
            map.serialize_entry(finding.id, finding)?;
        }
        map.end()
    }
}

/// The JSON form; the names of its fields stay.
#[derive(serde::Serialize)]
struct Form<'a> {
    version: u32,
    can_run: bool,
    items: Items<'a>,
}

impl Report {
    pub(super) fn new(findings: Vec<Finding>) -> Self {
        Self { findings }
    }

    /// Whether a machine can run here.
    pub(super) fn can_run(&self) -> bool {
        !self.findings.iter().any(Finding::is_fatal)
    }

    /// A JSON object, with its last line's end.
    pub(super) fn json(&self) -> String {
        let form = Form { version: VERSION, can_run: self.can_run(), items: Items(&self.findings) };
        // Plain values under text keys: serde_json has nothing to refuse.
        serde_json::to_string_pretty(&form).unwrap_or_default() + "\n"
    }

    /// A line for each finding, with what its lack means below it, and the verdict at the end.
    pub(super) fn text(&self) -> String {
        let width = self.findings.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
        let mut text = String::new();
        for finding in &self.findings {
            let status = match finding.status {
                Status::Ok => "ok",
                Status::Warning => "warning",
                Status::Lacking => "lacking",
            };
            // Writing to a String cannot fail.
            let _ = writeln!(text, "{status:<8} {:<width$}  {}", finding.id, finding.found);
            for (head, line) in [("so:", &finding.means), ("do:", &finding.remedy)] {
                if let Some(line) = line {
                    let _ = writeln!(text, "{:<8} {:<width$}  {head} {line}", "", "");
                }
            }
        }
        text.push('\n');
        text.push_str(&self.verdict());
        text
    }

    fn verdict(&self) -> String {
        let fatal: Vec<&str> = self.findings.iter().filter(|f| f.is_fatal()).map(|f| f.id).collect();
        let limits = self.findings.iter().filter(|finding| finding.status == Status::Warning).count();
        match (fatal.as_slice(), limits) {
            ([], 0) => "This host runs machines.\n".to_owned(),
            ([], _) => "This host runs machines, with the warnings above.\n".to_owned(),
            (ids, _) => format!("This host cannot run machines: see {}.\n", ids.join(", ")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn report() -> Report {
        Report::new(vec![
            Finding::ok("kernel", "Linux 6.1").value("6.1"),
            Finding::lacking("kvm_device", "there is no /dev/kvm", "No machine runs").required().remedy("Load it"),
            Finding::warning("memory", "1 MiB", "Little fits"),
        ])
    }

    #[test]
    fn people_read_a_line_for_each_item_with_what_to_do() {
        let expected = "\
ok       kernel      Linux 6.1
lacking  kvm_device  there is no /dev/kvm
                     so: No machine runs
                     do: Load it
warning  memory      1 MiB
                     so: Little fits

This host cannot run machines: see kvm_device.
";
        assert_eq!(report().text(), expected);
    }

    #[test]
    fn programs_read_items_by_their_names_in_the_same_order() {
        let json = report().json();
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((value["version"].as_u64(), value["can_run"].as_bool()), (Some(1), Some(false)));
        let expected = serde_json::json!({
            "status": "lacking", "required": true, "value": null, "found": "there is no /dev/kvm",
            "means": "No machine runs", "remedy": "Load it"
        });
        assert_eq!(value["items"]["kvm_device"], expected);
        assert_eq!(value["items"]["kernel"]["means"], serde_json::Value::Null);
        let at = |name| json.find(name).unwrap();
        assert!(at("\"kernel\"") < at("\"kvm_device\"") && at("\"kvm_device\"") < at("\"memory\""));
    }

    #[test]
    fn only_a_required_item_that_lacks_keeps_machines_from_running() {
        let verdict = |finding: Finding| {
            let report = Report::new(vec![finding]);
            (report.can_run(), report.verdict())
        };
        assert_eq!(verdict(Finding::ok("a", "b")), (true, "This host runs machines.\n".into()));
        assert_eq!(verdict(Finding::lacking("a", "b", "c")), (true, "This host runs machines.\n".into()));
        assert!(verdict(Finding::warning("a", "b", "c").required()).0);
        assert!(!verdict(Finding::lacking("a", "b", "c").required()).0);
    }
}
