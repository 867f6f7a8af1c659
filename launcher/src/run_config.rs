//! The launcher's own configuration: the machine, and where on this host its parts come from.

use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use vmm::{DeviceId, VmConfig};

/// What `launcher run` runs. A configuration file is this type as JSON; the flags fill the same type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunConfig {
    /// The version of this form: [`RunConfig::VERSION`].
    pub(crate) version: u32,
    /// The machine as its guest sees it.
    pub(crate) vm: VmConfig,
    /// Where the machine's parts come from on this host, by device id.
    #[serde(default, deserialize_with = "without_duplicates")]
    pub(crate) resources: BTreeMap<DeviceId, ResourceSpec>,
}

impl RunConfig {
    /// The version that this program reads and writes.
    pub(crate) const VERSION: u32 = 1;
}

impl Default for RunConfig {
    fn default() -> Self {
        Self { version: Self::VERSION, vm: VmConfig::default(), resources: BTreeMap::new() }
    }
}

/// Something of this host that a device is connected to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ResourceSpec {
    /// A file or block device, opened by its name.
    Path(PathBuf),
    /// A file or block device that this process has inherited under this number.
    Fd(i32),
    /// Queues of a TAP interface that this process has inherited under these numbers.
    Fds(Vec<i32>),
    /// A TAP interface.
    Tap(String),
    /// Variables of a firmware.
    Variables(VariablesSpec),
    /// A Unix socket that is listened on: a console or a port of it, or the host's side of a socket device.
    Socket(PathBuf),
    /// A new pseudo-terminal, whose name is printed: a console.
    Pty,
    /// Standard input and output: a console.
    Stdio,
    /// Nothing: output is discarded, input never comes.
    Off,
}

/// Where a firmware's variables are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct VariablesSpec {
    /// The file they are kept in; without it they are lost with the machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<PathBuf>,
    /// What they are at first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) template: Option<PathBuf>,
}

/// JSON lets a name stand twice in an object and the last one win: for resources that is a mistake.
fn without_duplicates<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<DeviceId, ResourceSpec>, D::Error> {
    struct Unique;

    impl<'de> Visitor<'de> for Unique {
        type Value = BTreeMap<DeviceId, ResourceSpec>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object of device ids and their resources")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut resources = BTreeMap::new();
            while let Some((id, resource)) = map.next_entry::<DeviceId, ResourceSpec>()? {
                if resources.contains_key(&id) {
                    return Err(A::Error::custom(format_args!("`{id}` has two resources")));
                }
                resources.insert(id, resource);
            }
            Ok(resources)
        }
    }

    from.deserialize_map(Unique)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn refusal(json: &str) -> String {
        serde_json::from_str::<RunConfig>(json).unwrap_err().to_string()
    }

    #[test]
    fn a_file_says_each_resource_by_its_sort() {
        let json = r#"{
            "version": 1,
            "vm": {"version": 1, "disks": [{"id": "root"}, {"id": "data"}]},
            "resources": {
                "kernel": {"path": "/boot/vmlinuz"},
                "root": {"fd": 5},
                "data": {"path": "/dev/vg/data"},
                "serial0": "pty"
            }
        }"#;
        let config: RunConfig = serde_json::from_str(json).unwrap();
        assert_eq!(config.resources[&"kernel".into()], ResourceSpec::Path("/boot/vmlinuz".into()));
        assert_eq!(config.resources[&"root".into()], ResourceSpec::Fd(5));
        assert_eq!(config.resources[&"serial0".into()], ResourceSpec::Pty);
        assert_eq!(config.vm.disks.len(), 2);
    }

    #[test]
    fn what_is_written_is_read_back_equal() {
        let mut config = RunConfig::default();
        config.resources.insert("serial0".into(), ResourceSpec::Socket("/run/vm.sock".into()));
        config.resources.insert("net0".into(), ResourceSpec::Tap("tap0".into()));
        config.resources.insert("net1".into(), ResourceSpec::Fds(vec![3, 4]));
        let json = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<RunConfig>(&json).unwrap(), config);
    }

    #[test]
    fn an_unknown_field_is_refused_with_its_line_and_column() {
        let top = "{\n  \"version\": 1,\n  \"vn\": {}\n}";
        assert_eq!(refusal(top), "unknown field `vn`, expected one of `version`, `vm`, `resources` at line 3 column 6");
        let machine = "{\"version\": 1,\n \"vm\": {\"version\": 1,\n  \"ram\": 5}}";
        assert!(refusal(machine).starts_with("unknown field `ram`, expected one of `version`, `board`, "));
        assert!(refusal(machine).ends_with(" at line 3 column 7"), "{}", refusal(machine));
        let disk = "{\"version\": 1, \"vm\": {\"version\": 1,\n\n \"disks\": [{\"id\": \"a\", \"format\": \"raw\"}]}}";
        assert!(refusal(disk).starts_with("unknown field `format`"), "{}", refusal(disk));
        assert!(refusal(disk).contains(" at line 3 column "), "{}", refusal(disk));
    }

    #[test]
    fn an_unknown_board_is_refused_with_the_ones_there_are() {
        let json = "{\"version\": 1,\n \"vm\": {\"version\": 1, \"board\": {\"kind\": \"pc\"}}}";
        assert!(
            refusal(json).starts_with("unknown variant `pc`, expected `q35` or `microvm` at line 2"),
            "{}",
            refusal(json)
        );
    }

    #[test]
    fn an_unknown_sort_of_resource_is_refused_with_the_ones_there_are() {
        let json = r#"{"version": 1, "vm": {"version": 1}, "resources": {"a": {"url": "x"}}}"#;
        let text = "unknown variant `url`, expected one of `path`, `fd`, `fds`, `tap`, `variables`, `socket`, `pty`, `stdio`, `off`";
        assert!(refusal(json).starts_with(text), "{}", refusal(json));
    }

    #[test]
    fn a_device_with_two_resources_is_refused() {
        let json = r#"{"version": 1, "vm": {"version": 1}, "resources": {"a": {"fd": 3}, "a": {"fd": 4}}}"#;
        assert!(refusal(json).starts_with("`a` has two resources at line 1"), "{}", refusal(json));
    }
}
