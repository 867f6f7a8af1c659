//! A firmware descriptor: the JSON files by which distributions say what firmware they ship (QEMU's firmware.json).

use serde::Deserialize;
use std::path::PathBuf;

/// What of a descriptor matters here. Other fields are for others.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Descriptor {
    interface_types: Vec<String>,
    mapping: Mapping,
    targets: Vec<Target>,
    features: Vec<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Mapping {
    device: String,
    mode: Option<String>,
    executable: Option<File>,
    nvram_template: Option<File>,
}

#[derive(Clone, Debug, Deserialize)]
struct File {
    filename: PathBuf,
    format: String,
}

#[derive(Clone, Debug, Deserialize)]
struct Target {
    architecture: String,
    machines: Vec<String>,
}

/// UEFI firmware of two files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Uefi {
    /// The code.
    pub(crate) code: PathBuf,
    /// An empty variable store, to be copied.
    pub(crate) vars: PathBuf,
}

/// Why a machine of ours does not boot by a firmware.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    /// It is for other machines, or no UEFI: nothing to tell.
    Other,
    /// It is UEFI for this board, but.
    Because(&'static str),
}

impl Descriptor {
    /// The files, if this is UEFI for the board q35 that runs without system management mode.
    pub(super) fn uefi(&self) -> Result<Uefi, Unfit> {
        let is_uefi = self.interface_types.iter().any(|kind| kind == "uefi");
        if !is_uefi || !self.targets.iter().any(Target::is_q35) {
            return Err(Unfit::Other);
        }
        let has = |feature: &str| self.features.iter().any(|name| name == feature);
        if has("requires-smm") {
            return Err(Unfit::Because("it requires system management mode, which this machine has not"));
        }
        let Mapping { device, mode, executable, nvram_template } = &self.mapping;
        if device != "flash" || mode.as_deref().is_some_and(|mode| mode != "split") {
            return Err(Unfit::Because("it is not code and variables in two flash chips"));
        }
        let (Some(code), Some(vars)) = (executable, nvram_template) else {
            return Err(Unfit::Because("it does not name both a code and a variable file"));
        };
        if [code, vars].iter().any(|file| file.format != "raw") {
            return Err(Unfit::Because("its files are no raw images"));
        }
        Ok(Uefi { code: code.filename.clone(), vars: vars.filename.clone() })
    }
}

impl Target {
    /// Machines are patterns with `*`; those of this board begin so.
    fn is_q35(&self) -> bool {
        let q35 = |machine: &String| machine == "*" || machine.starts_with("pc-q35-") || machine == "q35";
        self.architecture == "x86_64" && self.machines.iter().any(q35)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(super) mod tests {
    use super::*;

    /// A descriptor as Debian ships it, with these features.
    pub(in crate::firmware) fn json(code: &str, vars: &str, features: &str) -> String {
        format!(
            r#"{{
                "description": "UEFI firmware for x86_64",
                "interface-types": ["uefi"],
                "mapping": {{
                    "device": "flash",
                    "executable": {{"filename": "{code}", "format": "raw"}},
                    "nvram-template": {{"filename": "{vars}", "format": "raw"}}
                }},
                "targets": [{{"architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"]}}],
                "features": [{features}],
                "tags": []
            }}"#
        )
    }

    fn unfit(from: &str, to: &str) -> Unfit {
        let text = json("c", "v", r#""acpi-s3""#);
        assert!(text.contains(from), "{from}");
        serde_json::from_str::<Descriptor>(&text.replace(from, to)).unwrap().uefi().unwrap_err()
    }

    #[test]
    fn the_files_of_debians_firmware_are_found() {
        let descriptor: Descriptor = serde_json::from_str(&json("/c.fd", "/v.fd", r#""amd-sev""#)).unwrap();
        assert_eq!(descriptor.uefi(), Ok(Uefi { code: "/c.fd".into(), vars: "/v.fd".into() }));
    }

    #[test]
    fn firmware_for_others_is_passed_over() {
        for (from, to) in [(r#""uefi""#, r#""bios""#), ("x86_64\", \"m", "aarch64\", \"m"), ("pc-q35-*", "microvm")] {
            assert_eq!(unfit(from, to), Unfit::Other, "{to}");
        }
    }

    #[test]
    fn firmware_that_cannot_run_here_has_a_reason() {
        let reason = |from, to| match unfit(from, to) {
            Unfit::Because(reason) => reason,
            Unfit::Other => panic!("{to}"),
        };
        assert!(reason("acpi-s3", "requires-smm").contains("system management mode"));
        assert!(reason("\"flash\"", "\"memory\"").contains("flash chips"));
        assert!(reason("\"flash\"", "\"flash\", \"mode\": \"combined\"").contains("flash chips"));
        assert!(reason("nvram-template", "other").contains("variable file"));
        assert!(reason("raw", "qcow2").contains("raw"));
    }
}
