//! What is known of a kind beside its schema.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::structural::structural_schema;

/// A kind of object.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// The API group.
    pub group: &'static str,
    /// The kind's name.
    pub kind: &'static str,
    /// The resource's name, also in paths.
    pub plural: &'static str,
    /// What `kubectl` takes for the plural.
    pub short_names: &'static [&'static str],
    /// Whether it lives in namespaces.
    pub scope: Scope,
    /// The versions, as upstream lists them.
    pub versions: &'static [Version],
    /// What `kubectl get` prints beside the name.
    pub columns: &'static [Column],
    /// Whether status is written through a subresource of its own.
    pub status: bool,
    /// Whether `kubectl scale` works.
    pub scale: bool,
    /// The schema of all versions.
    pub schema: fn() -> Value,
    /// Reads a document as the kind's type and writes it again.
    pub rewrite: fn(Value) -> serde_json::Result<Value>,
}

/// Where objects of a kind live.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Scope {
    /// In a namespace.
    Namespaced,
    /// In the cluster as a whole.
    Cluster,
}

/// A version of a kind. All versions are served and have the same schema.
#[derive(Clone, Copy, Debug)]
pub struct Version {
    /// Such as `v1`.
    pub name: &'static str,
    /// Whether objects are stored in this version.
    pub storage: bool,
    /// What clients that still use it are told.
    pub deprecation: Option<&'static str>,
}

/// A printer column.
#[derive(Clone, Copy, Debug)]
pub struct Column {
    /// The heading.
    pub name: &'static str,
    /// The field.
    pub path: &'static str,
    /// `string`, `integer`, `boolean` or `date`.
    pub type_: &'static str,
    /// Whether it is printed with `-o wide` only.
    pub wide: bool,
}

impl Kind {
    /// A kind that lives in namespaces, has a status of its own, and nothing else that is special.
    pub(super) const fn new<T>(group: &'static str, kind: &'static str, plural: &'static str) -> Self
    where
        T: DeserializeOwned + JsonSchema + Serialize,
    {
        Self {
            group,
            kind,
            plural,
            short_names: &[],
            scope: Scope::Namespaced,
            versions: &[],
            columns: &[],
            status: true,
            scale: false,
            schema: structural_schema::<T>,
            rewrite: rewrite::<T>,
        }
    }

    pub(super) const fn short_names(self, short_names: &'static [&'static str]) -> Self {
        Self { short_names, ..self }
    }

    pub(super) const fn versions(self, versions: &'static [Version]) -> Self {
        Self { versions, ..self }
    }

    pub(super) const fn columns(self, columns: &'static [Column]) -> Self {
        Self { columns, ..self }
    }

    pub(super) const fn without_status(self) -> Self {
        Self { status: false, ..self }
    }

    pub(super) const fn with_scale(self) -> Self {
        Self { scale: true, ..self }
    }

    pub(super) const fn for_the_cluster(self) -> Self {
        Self { scope: Scope::Cluster, ..self }
    }

    /// The name of one object, as resource.
    pub fn singular(&self) -> String {
        self.kind.to_lowercase()
    }

    /// The name of the definition.
    pub fn definition_name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// The kind's version of this name.
    pub fn version(&self, name: &str) -> Option<&'static Version> {
        self.versions.iter().find(|version| version.name == name)
    }
}

fn rewrite<T: DeserializeOwned + Serialize>(document: Value) -> serde_json::Result<Value> {
    serde_json::to_value(serde_json::from_value::<T>(document)?)
}
