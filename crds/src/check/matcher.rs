//! The instance type and the preference that a machine names.

use serde_json::Value;

use crate::admission::{Cause, Path, Reason, Refusal, Stage};

/// How machines name one of the two.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matcher {
    /// The field of the spec.
    field: &'static str,
    /// The type of the field, for messages.
    matcher: &'static str,
    /// The kind and the resource of the one in a namespace.
    namespaced: (&'static str, &'static str),
    /// The same of the one that all namespaces have.
    cluster: (&'static str, &'static str),
}

pub(super) const INSTANCETYPE: Matcher = Matcher {
    field: "instancetype",
    matcher: "InstancetypeMatcher",
    namespaced: ("virtualmachineinstancetype", "virtualmachineinstancetypes"),
    cluster: ("virtualmachineclusterinstancetype", "virtualmachineclusterinstancetypes"),
};

pub(super) const PREFERENCE: Matcher = Matcher {
    field: "preference",
    matcher: "PreferenceMatcher",
    namespaced: ("virtualmachinepreference", "virtualmachinepreferences"),
    cluster: ("virtualmachineclusterpreference", "virtualmachineclusterpreferences"),
};

/// Where a name is looked for.
#[derive(Clone, Copy, Debug)]
pub(super) enum Scope {
    /// In the machine's namespace.
    Namespace,
    /// In the cluster.
    Cluster,
}

impl Scope {
    /// The namespace, if it is one.
    pub(super) fn of(self, namespace: &str) -> Option<&str> {
        match self {
            Self::Namespace => Some(namespace),
            Self::Cluster => None,
        }
    }
}

/// What a machine names.
#[derive(Clone, Debug)]
pub(super) enum Named<'a> {
    /// Nothing.
    Nothing,
    /// Something by its name.
    Name(Matcher, Scope, &'a str),
    /// Something of a kind that there is not.
    Kind(Matcher, &'a str),
    /// Something that only the cluster can find: what.
    Elsewhere(Matcher, &'static str),
}

impl Matcher {
    /// What a machine's document names.
    pub(super) fn of(self, document: &Value) -> Named<'_> {
        let matcher = &document["spec"][self.field];
        let text = |field: &str| matcher[field].as_str().unwrap_or_default();
        if !text("revisionName").is_empty() {
            return Named::Elsewhere(self, "is taken from a ControllerRevision");
        }
        if !text("inferFromVolume").is_empty() {
            return Named::Elsewhere(self, "is inferred from a volume");
        }
        if !matcher.is_object() {
            return Named::Nothing;
        }
        let kind = text("kind").to_lowercase();
        let is = |names: (&str, &str)| kind == names.0 || kind == names.1;
        if kind.is_empty() || is(self.cluster) {
            Named::Name(self, Scope::Cluster, text("name"))
        } else if is(self.namespaced) {
            Named::Name(self, Scope::Namespace, text("name"))
        } else {
            Named::Kind(self, text("kind"))
        }
    }
}

impl Named<'_> {
    /// Where to look for which name.
    pub(super) fn name(&self) -> Option<(Scope, &str)> {
        match self {
            Self::Name(_, scope, name) => Some((*scope, name)),
            _ => None,
        }
    }

    /// Why it cannot be found here, though it may be in the cluster.
    pub(super) fn obstacle(&self) -> Option<String> {
        let Self::Elsewhere(matcher, what) = self else { return None };
        Some(format!("spec.{} {what} by the cluster: the rules that depend on it were not applied", matcher.field))
    }

    /// The refusal when it should be there and `is_there` says that it is not.
    pub(super) fn missing(&self, is_there: bool) -> Option<Refusal> {
        let (matcher, why) = match self {
            Self::Name(matcher, scope, name) if !is_there => {
                let (_, resource) = match scope {
                    Scope::Namespace => matcher.namespaced,
                    Scope::Cluster => matcher.cluster,
                };
                (matcher, format!("{resource}.instancetype.kubevirt.io {name:?} not found"))
            }
            Self::Kind(matcher, kind) => (matcher, format!("got unexpected kind in {}: {kind}", matcher.matcher)),
            _ => return None,
        };
        let field = Path::new("spec").at(matcher.field).to_string();
        let message = format!("Failure to find {}: {why}", matcher.field);
        Some(Refusal::of(Stage::Admit, vec![Cause::new(Some(Reason::NotFound), field, message)]))
    }
}
