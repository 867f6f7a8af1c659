//! What the documents of a call tell each other.

use std::collections::{BTreeMap, BTreeSet};

use serde::de::DeserializeOwned;
use serde_json::Value;

use super::item::{Item, namespace};
use crate::api::instancetype::{VirtualMachineInstancetypeSpec, VirtualMachinePreferenceSpec};
use crate::api::kubevirt::KubeVirt;
use crate::api::preset::VirtualMachineInstancePreset;
use crate::api::vmi::VirtualMachineInstance;
use crate::config::ClusterConfig;
use crate::instancetype::{COMMON_INSTANCETYPES, COMMON_PREFERENCES};

/// The namespace and name of an object; no namespace for one of the cluster's.
type Key = (Option<String>, String);

/// The cluster that the documents describe.
#[derive(Debug, Default)]
pub(super) struct World {
    pub(super) config: ClusterConfig,
    /// The KubeVirt object whose configuration it is.
    installation: Option<Key>,
    instancetypes: BTreeMap<Key, VirtualMachineInstancetypeSpec>,
    preferences: BTreeMap<Key, VirtualMachinePreferenceSpec>,
    presets: BTreeMap<String, Vec<VirtualMachineInstancePreset>>,
    instances: BTreeMap<Key, VirtualMachineInstance>,
    /// Keys of the data of ConfigMaps and Secrets, by kind.
    data: BTreeMap<(&'static str, Key), BTreeSet<String>>,
}

impl World {
    /// The world of these objects. What cannot be read is not in it, and is refused itself.
    pub(super) fn of<'a>(items: impl Iterator<Item = Item<'a>>) -> Self {
        let mut world = Self::default();
        for item in items {
            let key = |namespace: Option<&str>| (namespace.map(str::to_owned), item.metadata("name").to_owned());
            let (here, cluster) = (key(Some(item.namespace())), key(None));
            match item.value["kind"].as_str().unwrap_or_default() {
                "KubeVirt" if world.installation.is_none() => {
                    let configuration = typed::<KubeVirt>(item.value).and_then(|object| object.spec.configuration);
                    world.config = ClusterConfig::new(configuration.unwrap_or_default());
                    world.installation = Some(here);
                }
                "VirtualMachineInstancetype" => insert(&mut world.instancetypes, here, &item.value["spec"]),
                "VirtualMachineClusterInstancetype" => insert(&mut world.instancetypes, cluster, &item.value["spec"]),
                "VirtualMachinePreference" => insert(&mut world.preferences, here, &item.value["spec"]),
                "VirtualMachineClusterPreference" => insert(&mut world.preferences, cluster, &item.value["spec"]),
                "VirtualMachineInstance" => insert(&mut world.instances, here, item.value),
                "VirtualMachineInstancePreset" => {
                    let presets = world.presets.entry(item.namespace().to_owned()).or_default();
                    presets.extend(typed(item.value));
                }
                "ConfigMap" => world.add_data("ConfigMap", here, item.value),
                "Secret" => world.add_data("Secret", here, item.value),
                _ => {}
            }
        }
        world
    }

    fn add_data(&mut self, kind: &'static str, key: Key, value: &Value) {
        let fields = ["data", "stringData", "binaryData"].into_iter().filter_map(|field| value[field].as_object());
        self.data.insert((kind, key), fields.flat_map(|data| data.keys().cloned()).collect());
    }

    /// Whether a KubeVirt object is the one whose configuration it is, by its namespace and name.
    pub(super) fn is_installation(&self, document: &Value) -> bool {
        let name = document["metadata"]["name"].as_str().unwrap_or_default();
        self.installation.as_ref() == Some(&(Some(namespace(document).to_owned()), name.to_owned()))
    }

    /// An instance type of a namespace, or, without one, of the cluster.
    pub(super) fn instancetype(&self, namespace: Option<&str>, name: &str) -> Option<&VirtualMachineInstancetypeSpec> {
        let bundled = || COMMON_INSTANCETYPES.get(name).filter(|_| namespace.is_none());
        self.instancetypes.get(&(namespace.map(str::to_owned), name.to_owned())).or_else(bundled)
    }

    /// A preference of a namespace, or, without one, of the cluster.
    pub(super) fn preference(&self, namespace: Option<&str>, name: &str) -> Option<&VirtualMachinePreferenceSpec> {
        let bundled = || COMMON_PREFERENCES.get(name).filter(|_| namespace.is_none());
        self.preferences.get(&(namespace.map(str::to_owned), name.to_owned())).or_else(bundled)
    }

    /// The presets of a namespace.
    pub(super) fn presets(&self, namespace: &str) -> &[VirtualMachineInstancePreset] {
        self.presets.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    /// An instance.
    pub(super) fn instance(&self, namespace: &str, name: &str) -> Option<&VirtualMachineInstance> {
        self.instances.get(&(Some(namespace.to_owned()), name.to_owned()))
    }

    /// The keys of a ConfigMap's or Secret's data.
    pub(super) fn data(&self, kind: &'static str, namespace: &str, name: &str) -> Option<&BTreeSet<String>> {
        self.data.get(&(kind, (Some(namespace.to_owned()), name.to_owned())))
    }
}

fn typed<T: DeserializeOwned>(value: &Value) -> Option<T> {
    T::deserialize(value).ok()
}

fn insert<T: DeserializeOwned>(into: &mut BTreeMap<Key, T>, key: Key, value: &Value) {
    into.extend(typed(value).map(|object| (key, object)));
}
