//! The instance types and preferences that every installation has.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::api::Empty;
use crate::api::instancetype::{
    CpuInstancetype, MemoryInstancetype, VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec,
};
use crate::api::kubernetes::Quantity;
use crate::api::vmi::{Hugepages, Numa, Realtime};

/// The bundled instance types by name.
pub static COMMON_INSTANCETYPES: LazyLock<BTreeMap<String, VirtualMachineInstancetypeSpec>> = LazyLock::new(|| {
    let all = SERIES.iter().flat_map(|series| {
        series.sizes.iter().flat_map(move |size| {
            series.pages.iter().map(move |page| {
                let suffix = if series.pages.len() > 1 && *page == Some("1Gi") { "1gi" } else { "" };
                (format!("{}.{}{suffix}", series.name, size.0), series.spec(size, *page))
            })
        })
    });
    all.collect()
});

/// The bundled preferences by name.
pub static COMMON_PREFERENCES: LazyLock<BTreeMap<String, VirtualMachinePreferenceSpec>> = LazyLock::new(|| {
    // The text is part of the program, and a test reads it.
    let layered: Layered = serde_saphyr::from_str(include_str!("preferences.yaml")).unwrap_or_default();
    let all = layered.preferences.iter().filter_map(|(name, preference)| {
        Some((name.clone(), serde_json::from_value(preference.spec(&layered.layers)).ok()?))
    });
    all.collect()
});

/// A size: its name, processors, memory.
type Size = (&'static str, u32, &'static str);

/// Instance types of one kind.
struct Series {
    name: &'static str,
    sizes: &'static [Size],
    /// The huge pages that there is a type for.
    pages: &'static [Option<&'static str>],
    extras: Extras,
}

/// What a series gives beside processors and memory.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Extras {
    None,
    /// The pod asks for half of the memory.
    Overcommitted,
    /// Processors of its own, and one for the emulator.
    Dedicated,
    /// The same, with the node's NUMA topology; cannot grow.
    Compute,
    /// Dedicated, with nothing else on its processors.
    Network,
    /// The same, with the node's NUMA topology, and scheduled in real time.
    Realtime,
}

const GENERAL: [Size; 10] = [
    ("nano", 1, "512Mi"),
    ("micro", 1, "1Gi"),
    ("small", 1, "2Gi"),
    ("medium", 1, "4Gi"),
    ("2xmedium", 2, "4Gi"),
    ("large", 2, "8Gi"),
    ("xlarge", 4, "16Gi"),
    ("2xlarge", 8, "32Gi"),
    ("4xlarge", 16, "64Gi"),
    ("8xlarge", 32, "128Gi"),
];
const OVERCOMMITTED: [Size; 9] = [
    ("nano", 1, "512Mi"),
    ("micro", 1, "1Gi"),
    ("small", 1, "2Gi"),
    ("medium", 1, "4Gi"),
    ("large", 2, "8Gi"),
    ("xlarge", 4, "16Gi"),
    ("2xlarge", 8, "32Gi"),
    ("4xlarge", 16, "64Gi"),
    ("8xlarge", 32, "128Gi"),
];
const REALTIME: [Size; 8] = [
    ("micro", 1, "1Gi"),
    ("small", 1, "2Gi"),
    ("medium", 1, "4Gi"),
    ("large", 2, "8Gi"),
    ("xlarge", 4, "16Gi"),
    ("2xlarge", 8, "32Gi"),
    ("4xlarge", 16, "64Gi"),
    ("8xlarge", 32, "128Gi"),
];
const COMPUTE: [Size; 6] = [
    ("medium", 1, "2Gi"),
    ("large", 2, "4Gi"),
    ("xlarge", 4, "8Gi"),
    ("2xlarge", 8, "16Gi"),
    ("4xlarge", 16, "32Gi"),
    ("8xlarge", 32, "64Gi"),
];
const MEMORY: [Size; 5] = [
    ("large", 2, "16Gi"),
    ("xlarge", 4, "32Gi"),
    ("2xlarge", 8, "64Gi"),
    ("4xlarge", 16, "128Gi"),
    ("8xlarge", 32, "256Gi"),
];
const NETWORK: [Size; 6] = [
    ("medium", 4, "4Gi"),
    ("large", 4, "8Gi"),
    ("xlarge", 8, "16Gi"),
    ("2xlarge", 16, "32Gi"),
    ("4xlarge", 32, "64Gi"),
    ("8xlarge", 64, "128Gi"),
];

const SERIES: [Series; 7] = [
    Series { name: "u1", sizes: &GENERAL, pages: &[None], extras: Extras::None },
    Series { name: "o1", sizes: &OVERCOMMITTED, pages: &[None], extras: Extras::Overcommitted },
    Series { name: "d1", sizes: &GENERAL, pages: &[None], extras: Extras::Dedicated },
    Series { name: "cx1", sizes: &COMPUTE, pages: &[Some("2Mi"), Some("1Gi")], extras: Extras::Compute },
    Series { name: "m1", sizes: &MEMORY, pages: &[Some("2Mi"), Some("1Gi")], extras: Extras::None },
    Series { name: "n1", sizes: &NETWORK, pages: &[Some("1Gi")], extras: Extras::Network },
    Series { name: "rt1", sizes: &REALTIME, pages: &[Some("1Gi")], extras: Extras::Realtime },
];

impl Series {
    fn spec(&self, (_, processors, memory): &Size, page: Option<&str>) -> VirtualMachineInstancetypeSpec {
        let extras = self.extras;
        let is_dedicated = !matches!(extras, Extras::None | Extras::Overcommitted);
        let has_numa = matches!(extras, Extras::Compute | Extras::Realtime);
        let is_undisturbed = matches!(extras, Extras::Network | Extras::Realtime);
        VirtualMachineInstancetypeSpec {
            cpu: CpuInstancetype {
                guest: *processors,
                dedicated_cpu_placement: is_dedicated.then_some(true),
                isolate_emulator_thread: is_dedicated.then_some(true),
                numa: has_numa.then_some(Numa { guest_mapping_passthrough: Some(Empty {}) }),
                realtime: (extras == Extras::Realtime).then(Realtime::default),
                max_sockets: (extras == Extras::Compute).then_some(*processors),
                ..CpuInstancetype::default()
            },
            memory: MemoryInstancetype {
                guest: Quantity::from(*memory),
                hugepages: page.map(|page| Hugepages { page_size: Some(page.to_owned()) }),
                overcommit_percent: (extras == Extras::Overcommitted).then_some(50),
                ..MemoryInstancetype::default()
            },
            io_threads_policy: matches!(extras, Extras::Dedicated | Extras::Compute).then(|| "auto".to_owned()),
            annotations: is_undisturbed.then(|| {
                let off = ["cpu-load-balancing", "cpu-quota", "irq-load-balancing"];
                off.map(|what| (format!("{what}.crio.io"), "disable".to_owned())).into()
            }),
            ..VirtualMachineInstancetypeSpec::default()
        }
    }
}

/// The file of preferences.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layered {
    layers: BTreeMap<String, Value>,
    preferences: BTreeMap<String, LayeredPreference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayeredPreference {
    #[serde(default)]
    layers: Vec<String>,
    cpu: Option<u32>,
    memory: Option<String>,
    own: Option<Value>,
}

impl LayeredPreference {
    fn spec(&self, layers: &BTreeMap<String, Value>) -> Value {
        let mut spec = json!({});
        for layer in self.layers.iter().filter_map(|name| layers.get(name)).chain(&self.own) {
            merge(&mut spec, layer);
        }
        if let Some(guest) = self.cpu {
            merge(&mut spec, &json!({ "requirements": { "cpu": { "guest": guest } } }));
        }
        if let Some(guest) = &self.memory {
            merge(&mut spec, &json!({ "requirements": { "memory": { "guest": guest } } }));
        }
        spec
    }
}

/// Lays `upper` over `lower`.
fn merge(lower: &mut Value, upper: &Value) {
    let Some(fields) = upper.as_object() else { return lower.clone_from(upper) };
    if !lower.is_object() {
        *lower = Value::Object(Map::new());
    }
    for (name, value) in fields {
        merge(&mut lower[name], value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_there() {
        assert_eq!(COMMON_INSTANCETYPES.len(), 65);
        assert_eq!(COMMON_PREFERENCES.len(), 54);
    }

    #[test]
    fn each_layer_exists_and_is_used() {
        let layered: Layered = serde_saphyr::from_str(include_str!("preferences.yaml")).unwrap();
        let used = |name: &String| layered.preferences.values().any(|preference| preference.layers.contains(name));
        assert!(layered.layers.keys().all(used));
        let named = layered.preferences.values().flat_map(|preference| &preference.layers);
        for name in named {
            assert!(layered.layers.contains_key(name), "{name}");
        }
    }

    #[test]
    fn the_names_say_size_and_pages() {
        let small = &COMMON_INSTANCETYPES["u1.small"];
        assert_eq!((small.cpu.guest, small.memory.guest.text()), (1, "2Gi".to_owned()));
        let pages = |name: &str| COMMON_INSTANCETYPES[name].memory.hugepages.clone().unwrap().page_size;
        assert_eq!(pages("cx1.large").as_deref(), Some("2Mi"));
        assert_eq!(pages("cx1.large1gi").as_deref(), Some("1Gi"));
    }
}
