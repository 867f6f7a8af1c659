//! What is asked of the API server, and by whom.

use std::fmt;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Requester;
use crate::admission::read::decode;
use crate::admission::{Refusal, Stage};

/// What is asked of the API server.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The object as it shall be.
    pub object: &'a Value,
    /// The object as it is, when it is changed.
    pub old: Option<&'a Value>,
    /// What is done with it.
    pub operation: Operation,
    /// The resource that was asked for; none where the caller has seen to it that it is the kind's.
    pub resource: Option<Resource<'a>>,
    /// The namespace of the request; an object need not say its own.
    pub namespace: &'a str,
    /// Who asks.
    pub requester: Requester<'a>,
}

/// What is done with an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Operation {
    /// It is new.
    Create,
    /// It is changed.
    Update,
    /// It goes.
    Delete,
    /// A subresource of it is used.
    Connect,
    /// The request does not say.
    Unnamed,
}

/// A resource, as the API server names it in requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Resource<'a> {
    /// The group, such as `kubevirt.io`.
    pub group: &'a str,
    /// The version, such as `v1`.
    pub version: &'a str,
    /// The plural name, such as `virtualmachines`.
    pub name: &'a str,
}

impl<'a> Request<'a> {
    /// Somebody makes an object.
    pub fn create(object: &'a Value) -> Self {
        let requester = Requester::default();
        Self { object, old: None, operation: Operation::Create, resource: None, namespace: "", requester }
    }

    /// Somebody changes an object.
    pub fn update(object: &'a Value, old: &'a Value) -> Self {
        Self { old: Some(old), operation: Operation::Update, ..Self::create(object) }
    }

    /// The same, asked by another.
    #[must_use]
    pub fn by(self, requester: Requester<'a>) -> Self {
        Self { requester, ..self }
    }

    /// The object as it is; none when it cannot be read.
    pub(super) fn old_as<T: DeserializeOwned + JsonSchema + 'static>(&self) -> Option<T> {
        decode(self.old?, Stage::Admit).ok()
    }

    /// The resource is one of `kubevirt.io`, in any served version; `told` is how the refusal calls it.
    pub(super) fn expects(&self, name: &str, told: &str) -> Result<(), Refusal> {
        let is_expected = |resource: Resource<'_>| {
            resource.group == "kubevirt.io" && resource.name == name && matches!(resource.version, "v1" | "v1alpha3")
        };
        match self.resource {
            Some(resource) if !is_expected(resource) => Err(refused(format!("expect resource to be '{told}'"))),
            _ => Ok(()),
        }
    }

    /// The resource is this one, in whatever version.
    pub(super) fn accepts(&self, group: &str, name: &str) -> Result<(), Refusal> {
        match self.resource {
            Some(resource) if (resource.group, resource.name) != (group, name) => {
                Err(refused(format!("unexpected resource {resource}")))
            }
            _ => Ok(()),
        }
    }
}

/// The request makes no sense to the rules that it was sent to.
pub(super) fn refused(message: String) -> Refusal {
    Refusal::unreadable(Stage::Admit, message)
}

impl fmt::Display for Resource<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { group, version, name } = self;
        write!(formatter, "{{Group:{group} Version:{version} Resource:{name}}}")
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Create => "CREATE",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Unnamed => "",
        })
    }
}
